/* tools/report.c: JSON reports on jansson; the end of standard output. */
#include "report.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "exit_code.h"
#include "json_text.h"
#include "message.h"
#include "slm/version.h"

json_t *report_text(const char *bytes, size_t length) {
    json_t *plain = memchr(bytes, '\0', length) == NULL ? json_stringn(bytes, length) : NULL;
    if (plain != NULL)
        return plain;
    char *safe = text_escaped(bytes, length);
    json_t *text = safe != NULL ? json_string(safe) : NULL;
    free(safe);
    return text;
}

json_t *report_u64(uint64_t value) {
    if (value <= INT64_MAX)
        return json_integer((json_int_t)value);
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, value);
    return json_string(text);
}

json_t *report_real(double value) {
    if (isnan(value))
        return json_null();
    return isinf(value) ? json_string(value > 0 ? "inf" : "-inf") : json_real(value);
}

json_t *report_sum(uint64_t sum) {
    char text[24];
    snprintf(text, sizeof text, "%016" PRIx64, sum);
    return json_string(text);
}

json_t *report_shape(const slm_tensor *tensor) {
    json_t *shape = json_array();
    for (unsigned i = 0; i < tensor->rank && shape != NULL; i++)
        if (report_append(shape, report_u64(tensor->shape[i])) != 0) {
            json_decref(shape);
            return NULL;
        }
    return shape;
}

/* A report with a hole must not look complete: the failure is kept in the process until it is printed. */
static bool incomplete;

int report_set(json_t *object, const char *key, json_t *value) {
    int failed = object == NULL ? -1 : json_object_set_new(object, key, value);
    if (object == NULL)
        json_decref(value);
    incomplete |= failed != 0;
    return failed;
}

int report_append(json_t *array, json_t *value) {
    int failed = array == NULL ? -1 : json_array_append_new(array, value);
    if (array == NULL)
        json_decref(value);
    incomplete |= failed != 0;
    return failed;
}

json_t *report_new(const char *command) {
    json_t *report = json_object();
    report_set(report, "program", json_string("slm"));
    report_set(report, "release", json_string(slm_release()));
    report_set(report, "command", json_string(command));
    return report;
}

int report_print(json_t *report) {
    if (report == NULL || incomplete) {
        json_decref(report);
        message_error("no memory for the JSON report");
        return EXIT_CODE_FAILURE;
    }
    bool printed = json_text_print(report, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    json_decref(report);
    if (!printed && ferror(stdout) == 0) { /* it is cut off, and not by the reader */
        message_error("no memory for the JSON report");
        return exit_code_worse(EXIT_CODE_FAILURE, output_finish());
    }
    if (printed)
        fputc('\n', stdout);
    return output_finish();
}

int output_finish(void) {
    errno = 0;
    bool failed = fflush(stdout) != 0 || ferror(stdout);
    if (!failed)
        return EXIT_CODE_OK;
    if (errno == EPIPE) { /* the reader has seen enough: end as every filter does */
        cleanup_run();
        signal(SIGPIPE, SIG_DFL);
        raise(SIGPIPE);
    }
    clearerr(stdout); /* said once */
    return message_system_error("standard output", "cannot write", errno != 0 ? errno : EIO);
}
