/* tools/progress.h: the line that says how far a long job is, how fast and how long it still takes: on stderr, only where that is a
 * terminal, and not with -q. Thread-safe; the line is redrawn ten times a second at most. */
#ifndef SLM_TOOLS_PROGRESS_H
#define SLM_TOOLS_PROGRESS_H

#include <stdint.h>

typedef enum progress_unit { PROGRESS_WEIGHTS, PROGRESS_BYTES } progress_unit;

typedef struct progress progress;

/* `label` such as "encoding"; copied. NULL without memory, which the other functions accept. */
progress *progress_start(const char *label, uint64_t total, progress_unit unit);
void progress_item(progress *p, const char *item); /* what is being done now, such as a tensor's name; copied */
void progress_add(progress *p, uint64_t done);
double progress_seconds(const progress *p); /* since the start */
void progress_stop(progress *p);            /* takes the line away; frees */

#endif
