/* tools/slm_input.h: opening a .slm file named on the command line, or standard input. */
#ifndef SLM_TOOLS_SLM_INPUT_H
#define SLM_TOOLS_SLM_INPUT_H

#include <stdbool.h>

#include "slm/reader.h"

typedef struct slm_input {
    slm_reader *reader;
    const char *name; /* for messages: the path, or "standard input" */
    int fd;           /* read through a callback, or -1 */
    slm_error error;  /* why opening failed */
    slm_status status;
} slm_input;

/* Opens `path`, "-" being standard input; what cannot be read at any offset, such as a pipe, is copied to an unnamed temporary file first.
 * Returns EXIT_CODE_OK, or another exit code after a message. `mapped` false: positioned reads, so that an I/O error is an error and no
 * signal. */
int slm_input_open(slm_input *input, const char *path, bool mapped);
void slm_input_close(slm_input *input);

#endif
