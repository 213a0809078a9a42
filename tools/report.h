/* tools/report.h: JSON reports (--json) on jansson. All makers return NULL without memory, and the object_ functions take that NULL as a
 * failure which report_print() then reports: only there must it be checked. */
#ifndef SLM_TOOLS_REPORT_H
#define SLM_TOOLS_REPORT_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "slm/file.h"

/* Text that may not be UTF-8, such as a path: bytes that are not UTF-8 (and NUL) are escaped as text_escaped() does, all else is as it is.
 */
json_t *report_text(const char *bytes, size_t length);

json_t *report_u64(uint64_t value); /* an integer; above 2^63 - 1 a decimal string */
json_t *report_real(double value);  /* a number; null for NaN; "inf" and "-inf" as strings */
json_t *report_sum(uint64_t sum);   /* 16 hexadecimal digits */
json_t *report_shape(const slm_tensor *tensor);

/* Sets and takes over `value`; returns 0, or -1 where anything was NULL or memory is short. */
int report_set(json_t *object, const char *key, json_t *value);
int report_append(json_t *array, json_t *value);

/* The begin of every report: {"program": "slm", "release": "...", "command": NAME}. */
json_t *report_new(const char *command);

/* Prints to stdout with a newline and releases `report`; exit code. */
int report_print(json_t *report);

/* Flushes stdout: EXIT_CODE_OK, or EXIT_CODE_FAILURE after a message (disk full). A closed pipe ends the process by SIGPIPE. */
int output_finish(void);

#endif
