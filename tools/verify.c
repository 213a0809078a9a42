/* tools/verify.c: slm verify: every checksum and every rule of the specification, through all payloads. */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "human.h"
#include "progress.h"
#include "report.h"
#include "safetensors.h"
#include "side_listing.h"
#include "slm_input.h"

#define FAULTS_MAX 1000 /* told one by one; more are counted */

enum { OPTION_STRICT = OPTION_OWN };

static const option_spec options[] = {
    {'T', "threads", "N", "check with N threads; 0, the default, is one for each processor"},
    {OPTION_STRICT, "strict", NULL, "a warning makes the file invalid too"},
    {OPTION_JSON, "json", NULL, "print a JSON report"},
    OPTION_COMMON,
    {0},
};

/* What was found wrong with one payload. */
typedef struct finding {
    size_t payload;
    slm_status status;
    slm_error error;
} finding;

typedef struct verification {
    slm_input input;
    unsigned threads;
    atomic_size_t next; /* payload nobody has taken yet */
    pthread_mutex_t lock;
    finding *findings;
    size_t count, kept; /* kept <= FAULTS_MAX of `count` */
    int exit_code;
    progress *progress;
    json_t *faults, *warnings; /* NULL without --json */
    size_t warning_count;
} verification;

static void add_finding(verification *v, size_t payload, slm_status status, const slm_error *error) {
    pthread_mutex_lock(&v->lock);
    v->count++;
    v->exit_code = exit_code_worse(v->exit_code, exit_code_of(status));
    size_t at = v->kept;
    if (at == FAULTS_MAX) { /* keep the first payloads, whatever order the threads come in */
        at = 0;
        for (size_t i = 1; i < v->kept; i++)
            if (v->findings[i].payload > v->findings[at].payload)
                at = i;
        if (v->findings[at].payload < payload)
            at = FAULTS_MAX;
    } else
        v->kept++;
    if (at < FAULTS_MAX)
        v->findings[at] = (finding){payload, status, *error};
    pthread_mutex_unlock(&v->lock);
}

static void *work(void *context) {
    verification *v = context;
    const slm_payload *payload;
    for (size_t i; (payload = slm_reader_payload(v->input.reader, i = atomic_fetch_add(&v->next, 1))) != NULL;) {
        slm_error error = {.rule = "", .offset = UINT64_MAX, .tensor = UINT64_MAX};
        slm_status status = slm_reader_verify(v->input.reader, i, &error);
        if (status != SLM_OK)
            add_finding(v, i, status, &error);
        progress_add(v->progress, payload->size);
    }
    return NULL;
}

static void check_payloads(verification *v) {
    pthread_t threads[1024];
    unsigned started = 0;
    const slm_file_info *info = slm_reader_info(v->input.reader);
    v->progress = progress_start("verifying", info->file_size, PROGRESS_BYTES);
    while (started + 1 < v->threads && started + 1 < info->payloads && pthread_create(&threads[started], NULL, work, v) == 0)
        started++;
    work(v);
    for (unsigned i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    progress_stop(v->progress);
}

static int by_payload(const void *a, const void *b) {
    size_t x = ((const finding *)a)->payload, y = ((const finding *)b)->payload;
    return x < y ? -1 : x > y;
}

static const char *status_verdict(int exit_code) {
    return exit_code == EXIT_CODE_OK            ? "valid"
           : exit_code == EXIT_CODE_INVALID     ? "invalid"
           : exit_code == EXIT_CODE_UNSUPPORTED ? "unsupported"
                                                : "unreadable";
}

static void report_fault(json_t *faults, slm_status status, const slm_error *error, const slm_tensor *tensor, size_t payload) {
    json_t *o = json_object();
    report_set(o, "status", json_string(slm_status_name(status)));
    report_set(o, "rule", json_string(error->rule != NULL ? error->rule : ""));
    report_set(o, "message", report_text(error->message, strnlen(error->message, sizeof error->message)));
    report_set(o, "tensor", tensor != NULL ? json_stringn(tensor->name, tensor->name_length) : json_null());
    report_set(o, "payload", payload != SIZE_MAX ? report_u64(payload) : json_null());
    report_set(o, "offset", error->offset != UINT64_MAX ? report_u64(error->offset) : json_null());
    report_append(faults, o);
}

static void tell_faults(verification *v) {
    qsort(v->findings, v->kept, sizeof *v->findings, by_payload);
    for (size_t i = 0; i < v->kept; i++) {
        const finding *f = &v->findings[i];
        const slm_tensor *tensor = slm_reader_tensor(v->input.reader, f->payload);
        if (v->faults != NULL)
            report_fault(v->faults, f->status, &f->error, tensor, f->payload);
        if (tensor == NULL && f->error.offset == UINT64_MAX) {
            slm_error named = f->error;
            snprintf(named.message, sizeof named.message, "payload %zu: %.200s", f->payload, f->error.message);
            message_slm_error(v->input.name, f->status, &named, NULL);
        } else
            message_slm_error(v->input.name, f->status, &f->error, tensor != NULL ? tensor->name : NULL);
    }
    if (v->count > v->kept)
        message_error("%s: %zu more faulty payloads are not listed", v->input.name, v->count - v->kept);
}

/* ---- What the format leaves open, and other programs rely on ---- */

static void warn(verification *v, const char *rule, const char *subject, const char *text) {
    message_warning("%s: %s: %s [%s]", v->input.name, subject, text, rule);
    v->warning_count++;
    if (v->warnings == NULL)
        return;
    json_t *o = json_object();
    report_set(o, "rule", json_string(rule));
    report_set(o, "subject", report_text(subject, strlen(subject)));
    report_set(o, "message", report_text(text, strlen(text)));
    report_append(v->warnings, o);
}

/* Whether the header lists exactly the source's tensors, in its order. */
static bool header_agrees(const slm_reader *reader, const slm_source *source, fault *f) {
    char *copy = malloc(source->header_size + 1);
    safetensors st = {0};
    if (copy == NULL)
        return fault_set(f, FAULT_SYSTEM, "no memory to check the header");
    memcpy(copy, source->header, source->header_size);
    if (!safetensors_parse(&st, copy, source->header_size, UINT64_MAX, f))
        return false;
    bool good = true;
    if (st.count != source->tensors)
        good = fault_set(f, FAULT_INPUT, "the header lists %zu tensors, the index has %" PRIu32, st.count, source->tensors);
    for (size_t i = 0; good && i < st.count; i++) {
        const slm_tensor *t = slm_reader_tensor(reader, source->first_tensor + i);
        const safetensors_tensor *s = &st.tensors[i];
        if (s->name_length != t->name_length || memcmp(s->name, t->name, t->name_length) != 0)
            good = fault_set(f, FAULT_INPUT, "tensor number %zu is \"%s\" in the header, \"%s\" in the index", i, s->name, t->name);
        else if (s->dtype != t->dtype)
            good = fault_set(f, FAULT_INPUT, "tensor \"%s\" is %s in the header, %s in the index", t->name, slm_dtype_name(s->dtype),
                             slm_dtype_name(t->dtype));
        else if (s->rank != t->rank || (t->rank > 0 && memcmp(s->shape, t->shape, t->rank * sizeof *t->shape) != 0))
            good = fault_set(f, FAULT_INPUT, "tensor \"%s\" has other shapes in the header and in the index", t->name);
    }
    safetensors_free(&st);
    return good;
}

static void check_extras(verification *v) {
    const slm_source *source;
    fault f = {0};
    for (size_t i = 0; (source = slm_reader_source(v->input.reader, i)) != NULL; i++) {
        f = (fault){0};
        if (header_agrees(v->input.reader, source, &f))
            continue;
        char subject[256];
        snprintf(subject, sizeof subject, "source \"%.200s\"", source->name);
        if (f.kind == FAULT_SYSTEM) {
            message_error("%s: %s: %s", v->input.name, subject, f.text);
            v->exit_code = EXIT_CODE_FAILURE;
        } else
            warn(v, "ENC-7", subject, f.text);
    }
    size_t payload = side_files_payload(v->input.reader);
    for (size_t i = 0; i < v->kept; i++)
        if (v->findings[i].payload == payload)
            return; /* damaged, and said so */
    side_list side;
    f = (fault){0};
    if (!side_listing_read(&side, v->input.reader, &f)) {
        if (f.kind == FAULT_SYSTEM) {
            message_error("%s: %s", v->input.name, f.text);
            v->exit_code = EXIT_CODE_FAILURE;
        } else
            warn(v, "SID-1", "side files", f.text);
    }
    side_list_free(&side);
}

/* ---- The command ---- */

static void print_verdict(const verification *v, const slm_file_info *info) {
    human h1, h2;
    text_print_escaped(stdout, v->input.name, strlen(v->input.name));
    printf(": %s", status_verdict(v->exit_code));
    if (info != NULL)
        printf(": %s tensors, %s", human_count(&h1, info->tensors), human_bytes(&h2, info->file_size));
    if (v->count > 0)
        printf(", %zu faulty payload%s", v->count, v->count > 1 ? "s" : "");
    if (v->warning_count > 0)
        printf(", %zu warning%s", v->warning_count, v->warning_count > 1 ? "s" : "");
    putchar('\n');
}

static int verify(const char *path, unsigned threads, bool strict, json_t *files) {
    verification v = {.threads = threads, .exit_code = EXIT_CODE_OK};
    v.faults = files != NULL ? json_array() : NULL;
    v.warnings = files != NULL ? json_array() : NULL;
    v.findings = malloc(FAULTS_MAX * sizeof *v.findings);
    if (v.findings == NULL || pthread_mutex_init(&v.lock, NULL) != 0) {
        message_error("no memory");
        free(v.findings);
        json_decref(v.faults);
        json_decref(v.warnings);
        return EXIT_CODE_FAILURE;
    }
    atomic_init(&v.next, 0);
    const slm_file_info *info = NULL;
    v.exit_code = slm_input_open(&v.input, path, false);
    if (v.exit_code == EXIT_CODE_OK) {
        info = slm_reader_info(v.input.reader);
        check_payloads(&v);
        tell_faults(&v);
        check_extras(&v);
        if (strict && v.warning_count > 0)
            v.exit_code = exit_code_worse(v.exit_code, EXIT_CODE_INVALID);
    } else if (files != NULL)
        report_fault(v.faults, v.input.status, &v.input.error, NULL, SIZE_MAX);
    if (files == NULL) {
        if (message_verbosity() >= 0)
            print_verdict(&v, info);
    } else {
        json_t *file = json_object();
        report_set(file, "path", report_text(path, strlen(path)));
        report_set(file, "verdict", json_string(status_verdict(v.exit_code)));
        report_set(file, "bytes", info != NULL ? report_u64(info->file_size) : json_null());
        report_set(file, "tensors", info != NULL ? report_u64(info->tensors) : json_null());
        report_set(file, "faulty_payloads", report_u64(v.count));
        report_set(file, "faults", v.faults);
        report_set(file, "warnings", v.warnings);
        report_append(files, file);
    }
    slm_input_close(&v.input);
    pthread_mutex_destroy(&v.lock);
    free(v.findings);
    return v.exit_code;
}

static int run(int argc, char **argv) {
    option_parser parser;
    bool json = false, strict = false;
    unsigned threads = processors_available();
    options_begin(&parser, &command_verify, argc, argv);
    for (int code; (code = options_next(&parser)) != OPTION_END;)
        switch (code) {
        case 'T':
            if (!argument_threads(&command_verify, parser.argument, &threads))
                return EXIT_CODE_USAGE;
            break;
        case OPTION_STRICT: strict = true; break;
        case OPTION_JSON: json = true; break;
        default: return parser.exit_code;
        }
    if (parser.operand_count == 0)
        return usage_error(&command_verify, "name a .slm file");
    int code = EXIT_CODE_OK;
    json_t *files = json ? json_array() : NULL;
    for (int i = 0; i < parser.operand_count; i++)
        code = exit_code_worse(code, verify(parser.operands[i], threads, strict, files));
    if (json) {
        json_t *report = report_new("verify");
        report_set(report, "files", files);
        code = exit_code_worse(code, report_print(report));
    }
    return code;
}

const command command_verify = {
    .name = "verify",
    .summary = "check .slm files entirely",
    .synopsis = "[-q] [-T N] [--strict] [--json] FILE...",
    .description =
        "Checks header, index and every payload of .slm files against every rule of the specification: checksums, scales, records, "
        "padding. Each fault is told with the rule it breaks, the tensor and the byte's offset in the file; checking goes on with the "
        "next payload. FILE - is standard input.\n\n"
        "Warnings tell what the format allows and other programs will stumble over: a stored safetensors header that does not agree "
        "with the tensors, side files that cannot be unpacked safely.",
    .options = options,
    .epilogue =
        "Exit codes: 0 valid, 1 cannot be read, 2 usage, 3 invalid, 4 an unsupported\nversion or feature. With several files the worst in "
        "the order 1, 2, 3, 4, 0.",
    .run = run,
};
