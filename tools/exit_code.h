/* tools/exit_code.h: what the slm command's exit codes mean. Documented in slm(1) and in `slm help exit-codes`. */
#ifndef SLM_TOOLS_EXIT_CODE_H
#define SLM_TOOLS_EXIT_CODE_H

#include "slm/status.h"

enum exit_code {
    EXIT_CODE_OK = 0,          /* done; verify: valid; diff: identical, or within --max-error */
    EXIT_CODE_FAILURE = 1,     /* the machine failed: a file cannot be opened, read or written, no memory, disk full */
    EXIT_CODE_USAGE = 2,       /* the command line is wrong, or asks for what would destroy a file */
    EXIT_CODE_INVALID = 3,     /* an input is damaged or breaks the rules of its format */
    EXIT_CODE_UNSUPPORTED = 4, /* an input is of a version, or uses a feature, that this program does not know */
    EXIT_CODE_DIFFERENT = 5    /* diff: the inputs differ, or more than --max-error; encode --verify: the check failed */
    /* 128 + n: ended by signal n */
};

/* The exit code that stands for a library status met while reading an input or writing an output. */
int exit_code_of(slm_status status);

/* Of two outcomes the one to report: a failure of the machine before an invalid input before an unsupported one before a difference. */
int exit_code_worse(int a, int b);

#endif
