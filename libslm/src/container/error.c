/* Filling slm_error: rule, place and one sentence without control characters. */
#include "error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "utf8.h"

/* Cuts what vsnprintf may have cut inside a character, and lets no control character through. */
static void clean(char *message) {
    size_t length = strlen(message), i = 0;
    while (i < length) {
        uint32_t character;
        size_t size = slmi_utf8_next((const uint8_t *)message + i, length - i, &character);
        if (size == 0) {
            if (length - i < 4) {
                message[i] = 0;
                return;
            }
            message[i++] = '?';
            continue;
        }
        if (character < 0x20 || (character >= 0x7F && character < 0xA0))
            memset(message + i, '?', size);
        i += size;
    }
}

SLMI_PRINTF(7, 0)
static slm_status fail(slm_error *error, slm_status status, const char *rule, uint64_t offset, uint64_t tensor, int system_error,
                       const char *format, va_list arguments) {
    if (error == NULL)
        return status;
    error->status = status;
    error->rule = rule;
    error->offset = offset;
    error->tensor = tensor;
    error->system_error = system_error;
    if (vsnprintf(error->message, sizeof error->message, format, arguments) < 0)
        error->message[0] = 0;
    clean(error->message);
    return status;
}

slm_status slmi_fail(slm_error *error, slm_status status, const char *rule, uint64_t offset, uint64_t tensor, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fail(error, status, rule, offset, tensor, 0, format, arguments);
    va_end(arguments);
    return status;
}

slm_status slmi_fail_call(slm_error *error, slm_status status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fail(error, status, "", SLMI_NOWHERE, SLMI_NOWHERE, 0, format, arguments);
    va_end(arguments);
    return status;
}

slm_status slmi_fail_memory(slm_error *error) { return slmi_fail_call(error, SLM_E_MEMORY, "out of memory"); }

slm_status slmi_fail_system(slm_error *error, int system_error, uint64_t offset, const char *what) {
    char text[128];
    if (strerror_r(system_error, text, sizeof text) != 0)
        snprintf(text, sizeof text, "system error %d", system_error);
    slmi_fail(error, SLM_E_IO, "", offset, SLMI_NOWHERE, "%s: %s", what, text);
    if (error != NULL)
        error->system_error = system_error;
    return SLM_E_IO;
}

/* error->rule is static storage: the rules that reasons of level 1 begin with. */
static const char *rule_of(const char *reason) {
    static const char rules[][8] = {
        "PRO-2",  "PRO-3",  "PRO-4",  "PRO-5",  "PRO-6",  "PRO-7",  "PRO-8",  "PRO-9",  "PRO-10", "PRO-11", "PRO-12", "PRO-13", "PRO-14",
        "PRO-15", "PRO-16", "PRO-17", "PRO-18", "PRO-19", "PRO-21", "TEN-18", "TEN-22", "ROT-1",  "ROT-2",  "ROT-3",  "REC-8",
    };
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        size_t length = strlen(rules[i]);
        if (strncmp(reason, rules[i], length) == 0 && reason[length] == ']')
            return rules[i];
    }
    return "";
}

slm_status slmi_fail_reason(slm_error *error, slm_status status, const char *reason, uint64_t offset, uint64_t tensor, const char *what) {
    const char *rule = "";
    if (reason == NULL)
        reason = slm_status_text(status);
    if (reason[0] == '[') {
        rule = rule_of(reason + 1);
        const char *end = strchr(reason, ']');
        if (end != NULL)
            reason = end[1] == ' ' ? end + 2 : end + 1;
    }
    return slmi_fail(error, status, rule, offset, tensor, "%s: %s", what, reason);
}
