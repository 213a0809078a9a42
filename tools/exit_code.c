/* tools/exit_code.c: from library statuses to exit codes. */
#include "exit_code.h"

int exit_code_of(slm_status status) {
    switch (status) {
    case SLM_OK: return EXIT_CODE_OK;
    case SLM_E_TRUNCATED:
    case SLM_E_MAGIC:
    case SLM_E_LIMIT:
    case SLM_E_INDEX:
    case SLM_E_CHECKSUM:
    case SLM_E_RECORD:
    case SLM_E_PROFILE:
    case SLM_E_SCALE:
    case SLM_E_NONFINITE: return EXIT_CODE_INVALID;
    case SLM_E_VERSION:
    case SLM_E_FEATURE: return EXIT_CODE_UNSUPPORTED;
    case SLM_E_ARGUMENT:
    case SLM_E_MEMORY:
    case SLM_E_IO:
    case SLM_E_NOT_FOUND:
    case SLM_E_STATE:
    case SLM_E_CANCELLED: return EXIT_CODE_FAILURE;
    }
    return EXIT_CODE_FAILURE;
}

int exit_code_worse(int a, int b) {
    static const int order[] = {EXIT_CODE_FAILURE,     EXIT_CODE_USAGE,     EXIT_CODE_INVALID,
                                EXIT_CODE_UNSUPPORTED, EXIT_CODE_DIFFERENT, EXIT_CODE_OK};
    for (unsigned i = 0; i < sizeof order / sizeof *order; i++)
        if (a == order[i] || b == order[i])
            return order[i];
    return EXIT_CODE_FAILURE;
}
