/* check_record.h: a file of what a long check has found good, so that it can be stopped and goes on where it was. */
#ifndef SLM_CHECK_RECORD_H
#define SLM_CHECK_RECORD_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

typedef struct check_record {
    const char *path; /* NULL: nothing is read or kept */
} check_record;

/* Whether a part was found good before. A line: its name, ": equal", the CPU seconds. */
static inline bool check_record_has(const check_record *record, const char *part) {
    FILE *file = record->path != NULL ? fopen(record->path, "r") : NULL;
    char line[256];
    bool found = false;
    while (file != NULL && !found && fgets(line, sizeof line, file) != NULL) {
        found = strncmp(line, part, strlen(part)) == 0 && line[strlen(part)] == ':';
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return found;
}

static inline void check_record_add(const check_record *record, const char *part) {
    FILE *file = record->path != NULL ? fopen(record->path, "a") : NULL;
    if (file != NULL) {
        (void)fprintf(file, "%s: equal, %.0f s of CPU time since the start\n", part, (double)clock() / CLOCKS_PER_SEC);
        (void)fclose(file);
    }
}

#endif
