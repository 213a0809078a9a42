/* tools/fault.c: building the sentence that says what went wrong and where. */
#include "fault.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Of the functions themselves an analyser needs no word. */
#undef fault_set
#undef fault_system
#undef fault_slm

static void append(fault *f, const char *text) {
    size_t length = strlen(f->text);
    snprintf(f->text + length, sizeof f->text - length, "%s", text);
}

static void start(fault *f, fault_class kind, const char *format, va_list arguments) __attribute__((format(printf, 3, 0)));

static void start(fault *f, fault_class kind, const char *format, va_list arguments) {
    f->kind = kind;
    vsnprintf(f->text, sizeof f->text, format, arguments);
}

bool fault_set(fault *f, fault_class kind, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    start(f, kind, format, arguments);
    va_end(arguments);
    return false;
}

bool fault_system(fault *f, int number, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    start(f, FAULT_SYSTEM, format, arguments);
    va_end(arguments);
    append(f, ": ");
    append(f, strerror(number)); /* called by one thread at a time: workers hand over numbers, not sentences */
    return false;
}

static fault_class class_of(slm_status status) {
    switch (status) {
    case SLM_E_TRUNCATED:
    case SLM_E_MAGIC:
    case SLM_E_INDEX:
    case SLM_E_LIMIT:
    case SLM_E_CHECKSUM:
    case SLM_E_RECORD:
    case SLM_E_PROFILE:
    case SLM_E_SCALE:
    case SLM_E_NONFINITE: return FAULT_INPUT;
    case SLM_E_VERSION:
    case SLM_E_FEATURE: return FAULT_UNSUPPORTED;
    case SLM_E_ARGUMENT:
    case SLM_E_NOT_FOUND: return FAULT_USAGE;
    case SLM_E_CANCELLED: return FAULT_INTERRUPTED;
    default: return FAULT_SYSTEM;
    }
}

bool fault_slm(fault *f, slm_status status, const slm_error *error, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    start(f, class_of(status), format, arguments);
    va_end(arguments);
    append(f, ": ");
    append(f, error != NULL && error->message[0] != '\0' ? error->message : slm_status_text(status));
    if (error == NULL)
        return false;
    if (error->rule != NULL && error->rule[0] != '\0' && strstr(error->message, error->rule) == NULL) {
        append(f, " [");
        append(f, error->rule);
        append(f, "]");
    }
    if (error->offset != UINT64_MAX && error->status != SLM_E_NONFINITE) {
        char where[48];
        snprintf(where, sizeof where, " (at byte %" PRIu64 ")", error->offset);
        append(f, where);
    }
    if (error->system_error != 0 && strstr(error->message, strerror(error->system_error)) == NULL) {
        append(f, ": ");
        append(f, strerror(error->system_error));
    }
    return false;
}

void fault_prefix(fault *f, const char *prefix) {
    char text[sizeof f->text];
    memcpy(text, f->text, sizeof text);
    snprintf(f->text, sizeof f->text, "%s: ", prefix);
    append(f, text);
}
