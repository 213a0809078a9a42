/* tools/fault.h: why an operation of the command failed: a class, from which the exit code follows, and one sentence that says what
 * and where. The sentence may hold names as they stand in a file: who prints it escapes control characters. */
#ifndef TOOLS_FAULT_H
#define TOOLS_FAULT_H

#include <stdbool.h>

#include "slm/file.h"

typedef enum fault_class {
    FAULT_NONE = 0,
    FAULT_USAGE,       /* the command line asks for something that cannot be */
    FAULT_INPUT,       /* the input breaks a rule of its format */
    FAULT_UNSUPPORTED, /* the input may be right, but needs something this release does not know */
    FAULT_SYSTEM,      /* a file could not be opened, read or written; no memory */
    FAULT_INTERRUPTED  /* a signal asked to stop */
} fault_class;

typedef struct fault {
    fault_class kind;
    char text[2048];
} fault;

/* Both fill `f` and return false, so that a function that fails can end with `return fault_set(...)`. A sentence too long is cut. */
bool fault_set(fault *f, fault_class kind, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The same with ": " and the text of errno value `number` behind it. */
bool fault_system(fault *f, int number, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* For an error of libslm; `format` says what was being done, such as "cannot open '%s'". */
bool fault_slm(fault *f, slm_status status, const slm_error *error, const char *format, ...) __attribute__((format(printf, 4, 5)));
#ifdef __clang_analyzer__ /* it sees one source at a time, and would take them for functions that may return true */
#define fault_set(...) ((void)fault_set(__VA_ARGS__), false)
#define fault_system(...) ((void)fault_system(__VA_ARGS__), false)
#define fault_slm(...) ((void)fault_slm(__VA_ARGS__), false)
#endif
/* Puts "%s: " before the sentence: the file it is about. */
void fault_prefix(fault *f, const char *prefix);

#endif
