/* tools/encode_report.c: what slm encode will do or has done, as text and as JSON. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "encode_job.h"
#include "human.h"
#include "message.h"
#include "profile_text.h"
#include "report.h"
#include "tensor_text.h"

#define NAME_COLUMNS_MAX 60
#define SHAPE_COLUMNS_MAX 24

typedef struct totals {
    slm_encode_report report; /* summed */
    uint64_t coded_bytes, raw_bytes, source_bytes;
} totals;

static totals add_up(const encode_job *job) {
    totals sum = {0};
    for (size_t i = 0; i < job->plan.count; i++) {
        const slm_tensor *t = slm_layout_tensor(job->layout, i);
        sum.report.squared_norm += job->results[i].report.squared_norm;
        sum.report.squared_error += job->results[i].report.squared_error;
        sum.report.weighted_norm += job->results[i].report.weighted_norm;
        sum.report.weighted_error += job->results[i].report.weighted_error;
        *(t->coding == SLM_CODING_RAW ? &sum.raw_bytes : &sum.coded_bytes) += t->payload_size;
    }
    for (size_t s = 0; s < checkpoint_sources(job->cp); s++) {
        const safetensors *st = &checkpoint_source_at(job->cp, s)->st;
        sum.source_bytes += 8 + st->header_size + st->data_size;
    }
    sum.source_bytes += checkpoint_side_bytes(job->cp);
    return sum;
}

static double bits(uint64_t bytes, uint64_t elements) { return elements > 0 ? 8.0 * (double)bytes / (double)elements : 0; }

double encode_total_error(const encode_job *job) {
    totals sum = add_up(job);
    return job->plan.coded > 0 && sum.report.squared_norm > 0 ? sqrt(sum.report.squared_error / sum.report.squared_norm) : -1;
}

/* ---- Text ---- */

static size_t least(size_t a, size_t b) { return a < b ? a : b; }
static size_t most(size_t a, size_t b) { return a > b ? a : b; }

static void print_tensor(const encode_job *job, FILE *stream, size_t index, int names, int shapes, int codings, bool done) {
    const slm_tensor *t = slm_layout_tensor(job->layout, index);
    const plan_tensor *entry = &job->plan.tensors[index];
    char shape[SHAPE_TEXT], coding[PROFILE_TEXT_SIZE];
    human h1, h2;
    text_print_padded(stream, t->name, t->name_length, (size_t)names);
    fprintf(stream, "  %-5s  %-*s  ", slm_dtype_name(t->dtype), shapes, shape_text(shape, t->rank, t->shape));
    if (entry->reason != NULL) {
        fprintf(stream, "%-*s  %6.3f  %13s  %s", codings, "raw", tensor_bits(t), human_count(&h1, t->payload_size), entry->reason);
        if (entry->scanned && entry->scan.first_nonfinite != UINT64_MAX)
            fprintf(stream, ", first at element %" PRIu64, entry->scan.first_nonfinite);
    } else {
        fprintf(stream, "%-*s  %6.3f  %13s  ", codings, profile_to_text(&entry->coding.profile, coding), tensor_bits(t),
                human_count(&h1, t->payload_size));
        if (done)
            fprintf(stream, "%s", job->results[index].error >= 0 ? human_error(&h2, (double)job->results[index].error) : "-");
        else
            fprintf(stream, "runs of %" PRIu64 ", rotation %u, %s", t->run_length, t->rotation,
                    entry->scale_per_run ? "a scale each" : "one scale");
    }
    putc('\n', stream);
}

static void print_table(const encode_job *job, FILE *stream, bool done) {
    size_t names = 6, shapes = 5, codings = 6;
    char text[SHAPE_TEXT];
    for (size_t i = 0; i < job->plan.count; i++) {
        const slm_tensor *t = slm_layout_tensor(job->layout, i);
        names = most(names, text_escaped_width(t->name, t->name_length));
        shapes = most(shapes, strlen(shape_text(text, t->rank, t->shape)));
        if (job->plan.tensors[i].reason == NULL)
            codings = most(codings, strlen(profile_to_text(&job->plan.tensors[i].coding.profile, text)));
    }
    names = least(names, NAME_COLUMNS_MAX); /* longer ones push their line to the right */
    shapes = least(shapes, SHAPE_COLUMNS_MAX);
    fprintf(stream, "%-*s  dtype  %-*s  %-*s  %6s  %13s  %s\n", (int)names, "tensor", (int)shapes, "shape", (int)codings, "coding", "bits",
            "bytes", done ? "error, or why raw" : "how, or why raw");
    for (size_t i = 0; i < job->plan.count; i++)
        print_tensor(job, stream, i, (int)names, (int)shapes, (int)codings, done);
}

void encode_print(const encode_job *job, FILE *stream, bool done) {
    totals sum = add_up(job);
    uint64_t file = slm_layout_file_size(job->layout), elements = job->plan.coded_elements + job->plan.raw_elements;
    human h1, h2, h3;
    print_table(job, stream, done);
    fprintf(stream, "\ncoded   %s weights in %s tensors", human_count(&h1, job->plan.coded_elements), human_count(&h2, job->plan.coded));
    if (job->plan.coded > 0)
        fprintf(stream, ", %.3f bits a weight", bits(sum.coded_bytes, job->plan.coded_elements));
    double error = encode_total_error(job);
    if (done && error >= 0)
        fprintf(stream, ", error %s", human_error(&h3, error));
    if (job->plan.weighted > 0)
        fprintf(stream, "\n%s: %s of these tensors", job->rules.hessian != NULL ? "error feedback" : "weighed by importance",
                human_count(&h1, job->plan.weighted));
    if (done && job->plan.weighted > 0 && sum.report.weighted_norm > 0)
        fprintf(stream, "; weighted error of all %s", human_error(&h3, sqrt(sum.report.weighted_error / sum.report.weighted_norm)));
    fprintf(stream, "\nraw     %s elements in %s tensors", human_count(&h1, job->plan.raw_elements),
            human_count(&h2, job->plan.count - job->plan.coded));
    if (job->plan.raw_elements > 0)
        fprintf(stream, ", %.3f bits an element", bits(sum.raw_bytes, job->plan.raw_elements));
    if (checkpoint_side_files(job->cp) > 0)
        fprintf(stream, "\nside    %s files, %s packed to %s", human_count(&h1, checkpoint_side_files(job->cp)),
                human_bytes(&h2, checkpoint_side_bytes(job->cp)), human_bytes(&h3, checkpoint_side_size(job->cp)));
    fprintf(stream, "\nfile    %s bytes from %s", human_count(&h1, file), human_count(&h2, sum.source_bytes));
    if (sum.source_bytes > 0)
        fprintf(stream, " (%.1f %%)", 100 * (double)file / (double)sum.source_bytes);
    fprintf(stream, ", %.3f bits an element with everything\n", bits(file, elements));
    if (done && job->plan.coded > 0)
        fprintf(stream, "time    %s, %s weights/s\n", human_duration(&h1, job->seconds),
                human_short(&h2, (double)(job->plan.coded_elements - job->resumed) / (job->seconds > 1e-9 ? job->seconds : 1e-9)));
}

/* ---- JSON ---- */

static json_t *rotations_tried(const plan_tensor *entry) {
    json_t *array = json_array();
    for (unsigned i = 0; i < entry->rotations_tried; i++) {
        json_t *one = json_object();
        report_set(one, "rotation", json_integer(entry->rotations[i].rotation));
        report_set(one, "sample_error", report_real(entry->rotations[i].error));
        report_append(array, one);
    }
    return array;
}

static json_t *tensor_report(const encode_job *job, size_t index, bool done) {
    const slm_tensor *t = slm_layout_tensor(job->layout, index);
    const plan_tensor *entry = &job->plan.tensors[index];
    const tensor_result *result = &job->results[index];
    char text[PROFILE_TEXT_SIZE];
    json_t *tensor = json_object();
    report_set(tensor, "name", report_text(t->name, t->name_length));
    report_set(tensor, "dtype", json_string(slm_dtype_name(t->dtype)));
    report_set(tensor, "shape", report_shape(t));
    report_set(tensor, "coding", json_string(coding_name(t->coding)));
    report_set(tensor, "bytes", report_u64(t->payload_size));
    report_set(tensor, "bits", report_real(tensor_bits(t)));
    if (done)
        report_set(tensor, "source_sum", report_sum(result->source_sum));
    if (entry->reason != NULL) {
        report_set(tensor, "reason", json_string(entry->reason));
        if (entry->scanned && entry->scan.first_nonfinite != UINT64_MAX)
            report_set(tensor, "first_nonfinite", report_u64(entry->scan.first_nonfinite));
        return tensor;
    }
    report_set(tensor, "profile", json_string(profile_to_text(&entry->coding.profile, text)));
    report_set(tensor, "rotation", json_integer(t->rotation));
    if (job->rules.importance != NULL)
        report_set(tensor, "importance", json_boolean(entry->importance != NULL));
    if (job->rules.hessian != NULL)
        report_set(tensor, "hessian", json_boolean(entry->hessian != NULL));
    if (entry->rotations_tried > 0)
        report_set(tensor, "rotations_tried", rotations_tried(entry));
    report_set(tensor, "run_length", report_u64(t->run_length));
    report_set(tensor, "scales", report_u64(t->scales));
    if (done) {
        report_set(tensor, "error", result->error >= 0 ? report_real((double)result->error) : json_null());
        if (entry->importance != NULL || entry->hessian != NULL)
            report_set(tensor, "weighted_error",
                       result->report.weighted_norm > 0 ? report_real(sqrt(result->report.weighted_error / result->report.weighted_norm))
                                                        : json_null());
        report_set(tensor, "maximum_error", report_real(result->report.maximum_error));
        report_set(tensor, "blocks", report_u64(result->report.blocks));
        report_set(tensor, "examined", report_u64(result->report.examined));
    }
    return tensor;
}

int encode_print_json(const encode_job *job, bool done, double estimate) {
    totals sum = add_up(job);
    uint64_t file = slm_layout_file_size(job->layout);
    json_t *report = report_new("encode"), *tensors = json_array();
    report_set(report, "input", report_text(job->input, strlen(job->input)));
    report_set(report, "input_kind", json_string(checkpoint_kind(job->cp)));
    report_set(report, "output", job->output != NULL ? report_text(job->output, strlen(job->output)) : json_null());
    report_set(report, "dry_run", json_boolean(!done));
    if (job->rules.bits > 0)
        report_set(report, "bits_wanted", report_real(job->rules.bits));
    for (size_t i = 0; i < job->plan.count; i++)
        report_append(tensors, tensor_report(job, i, done));
    report_set(report, "tensors", tensors);
    report_set(report, "coded_tensors", report_u64(job->plan.coded));
    report_set(report, "coded_weights", report_u64(job->plan.coded_elements));
    report_set(report, "coded_bytes", report_u64(sum.coded_bytes));
    report_set(report, "coded_bits", report_real(bits(sum.coded_bytes, job->plan.coded_elements)));
    report_set(report, "raw_tensors", report_u64(job->plan.count - job->plan.coded));
    report_set(report, "raw_elements", report_u64(job->plan.raw_elements));
    report_set(report, "raw_bytes", report_u64(sum.raw_bytes));
    report_set(report, "side_files", report_u64(checkpoint_side_files(job->cp)));
    report_set(report, "side_bytes", report_u64(checkpoint_side_size(job->cp)));
    report_set(report, "source_bytes", report_u64(sum.source_bytes));
    report_set(report, "file_bytes", report_u64(file));
    report_set(report, "file_bits", report_real(bits(file, job->plan.coded_elements + job->plan.raw_elements)));
    if (done) {
        double error = encode_total_error(job);
        report_set(report, "error", error >= 0 ? report_real(error) : json_null());
        report_set(report, "seconds", report_real(job->seconds));
    } else {
        report_set(report, "estimated_seconds", estimate >= 0 ? report_real(estimate) : json_null());
    }
    return report_print(report);
}
