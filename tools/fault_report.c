/* tools/fault_report.c: from faults to messages and exit codes. */
#include "fault_report.h"

#include <string.h>

#include "exit_code.h"
#include "message.h"

int fault_report(const fault *f, const char *path) {
    if (path == NULL)
        message_error("%s", f->text);
    else
        message_error("%s: %s", strcmp(path, "-") == 0 ? "standard input" : path, f->text);
    switch (f->kind) {
    case FAULT_USAGE: return EXIT_CODE_USAGE;
    case FAULT_INPUT: return EXIT_CODE_INVALID;
    case FAULT_UNSUPPORTED: return EXIT_CODE_UNSUPPORTED;
    case FAULT_NONE:
    case FAULT_SYSTEM:
    case FAULT_INTERRUPTED: break;
    }
    return EXIT_CODE_FAILURE;
}
