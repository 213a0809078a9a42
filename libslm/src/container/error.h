/* Filling slm_error. */
#ifndef SLM_SRC_ERROR_H
#define SLM_SRC_ERROR_H

#include "slm/file.h"

#define SLMI_NOWHERE UINT64_MAX

#if defined(__GNUC__)
#define SLMI_PRINTF(at, first) __attribute__((format(printf, at, first)))
#else
#define SLMI_PRINTF(at, first)
#endif

/* Fills *error, which may be NULL, and returns `status`. `rule` is a rule of the specification or "". Names in the message must
 * have gone through slmi_quote. */
slm_status slmi_fail(slm_error *error, slm_status status, const char *rule, uint64_t offset, uint64_t tensor, const char *format, ...)
    SLMI_PRINTF(6, 7);

/* The same for failures that lie in no file. */
slm_status slmi_fail_call(slm_error *error, slm_status status, const char *format, ...) SLMI_PRINTF(3, 4);
slm_status slmi_fail_memory(slm_error *error);

/* SLM_E_IO with errno and its text: "WHAT: No space left on device". */
slm_status slmi_fail_system(slm_error *error, int system_error, uint64_t offset, const char *what);

/* A failure of level 1, whose reason begins with its rule: "[PRO-4] W must lie in 1..K". */
slm_status slmi_fail_reason(slm_error *error, slm_status status, const char *reason, uint64_t offset, uint64_t tensor, const char *what);

#endif
