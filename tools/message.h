/* tools/message.h: everything the command says on stderr.
 *
 * Every message is one line, begins with "slm: ", and has its control characters and invalid UTF-8 escaped as a whole, so that a
 * tensor name cannot move the cursor or hide text. Colour only on a terminal, and never where NO_COLOR is set. Thread-safe.
 */
#ifndef SLM_TOOLS_MESSAGE_H
#define SLM_TOOLS_MESSAGE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "slm/file.h"
#include "text.h"

#if defined(__GNUC__)
#define MESSAGE_FORMAT(f, a) __attribute__((format(printf, f, a)))
#else
#define MESSAGE_FORMAT(f, a)
#endif

/* -1: -q, notes are not shown; 0; 1 and more: -v, details are shown. Set by options_next(). */
void message_set_verbosity(int verbosity);
int message_verbosity(void);

void message_error(const char *format, ...) MESSAGE_FORMAT(1, 2);   /* "slm: error: ..." */
void message_warning(const char *format, ...) MESSAGE_FORMAT(1, 2); /* "slm: warning: ..."; shown with -q too */
void message_note(const char *format, ...) MESSAGE_FORMAT(1, 2);    /* "slm: ..."; not with -q */
void message_detail(const char *format, ...) MESSAGE_FORMAT(1, 2);  /* "slm: ..."; only with -v */

/* "slm: error: PATH: what happened: strerror(error)", and the exit code: EXIT_CODE_FAILURE. `what` such as "cannot open". */
int message_system_error(const char *path, const char *what, int error);

/* "slm: error: PATH: message [RULE] (tensor "x", byte 123)", as far as these are known, and the exit code that goes with the status.
 * `tensor_name` may be NULL (the tensor's number is then shown where the error has one); so may `error`. */
int message_slm_error(const char *path, slm_status status, const slm_error *error, const char *tensor_name);

/* The line at the bottom of a terminal that messages push down; NULL takes it away. Does nothing where stderr is no terminal. */
void message_status_line(const char *text);
bool message_stderr_is_terminal(void);

#endif
