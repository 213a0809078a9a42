/* tools/encode_verify.c: slm encode --verify: the file just written, before it gets its name, is decoded and compared with its source. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "encode_job.h"
#include "slm/reader.h"

#define VERIFY_ELEMENTS ((size_t)1 << 18)

/* Two numbers for one error: stated in binary32 before the output was rounded, and found after. */
#define TOLERANCE 1e-4

typedef struct verifier {
    encode_job *job;
    slm_reader *reader;
    uint8_t *source, *target; /* pieces: bytes, or 4 bytes an element */
    float *weights;
} verifier;

static bool compare_raw(const verifier *v, size_t tensor, fault *f) {
    const safetensors_tensor *t = checkpoint_tensor(v->job->cp, tensor);
    slm_error error = {0};
    for (uint64_t at = 0, size = t->end - t->begin; at < size;) {
        size_t piece = size - at < VERIFY_ELEMENTS ? (size_t)(size - at) : VERIFY_ELEMENTS;
        if (!checkpoint_read(v->job->cp, v->source, piece, f))
            return false;
        slm_status status = slm_reader_read(v->reader, tensor, at, piece, v->target, &error);
        if (status != SLM_OK)
            return fault_slm(f, status, &error, "verify: tensor '%s'", t->name);
        if (memcmp(v->source, v->target, piece) != 0)
            return fault_set(f, FAULT_INPUT, "verify: raw tensor '%s' differs from its source, in its bytes from %" PRIu64 " on", t->name,
                             at);
        at += piece;
    }
    return true;
}

static bool compare_coded(const verifier *v, size_t tensor, fault *f) {
    const safetensors_tensor *t = checkpoint_tensor(v->job->cp, tensor);
    unsigned bytes = slm_dtype_bits(t->dtype) / 8;
    double squared_error = 0, squared_norm = 0;
    slm_error error = {0};
    for (uint64_t at = 0; at < t->elements;) {
        size_t n = t->elements - at < VERIFY_ELEMENTS ? (size_t)(t->elements - at) : VERIFY_ELEMENTS;
        if (!checkpoint_read(v->job->cp, v->source, n * bytes, f))
            return false;
        slm_widen(t->dtype, v->source, n, v->weights);
        slm_status status = slm_reader_decode(v->reader, tensor, at, n, SLM_F32, v->target, &error);
        if (status != SLM_OK)
            return fault_slm(f, status, &error, "verify: tensor '%s'", t->name);
        for (size_t i = 0; i < n; i++) {
            float value;
            slm_widen(SLM_F32, v->target + 4 * i, 1, &value);
            double difference = (double)v->weights[i] - (double)value;
            squared_error += difference * difference;
            squared_norm += (double)v->weights[i] * (double)v->weights[i];
        }
        at += n;
    }
    double stated = v->job->results[tensor].error;
    double found = squared_norm > 0 ? sqrt(squared_error / squared_norm) : 0;
    if (stated >= 0 && !(fabs(found - stated) <= TOLERANCE * stated + 1e-6))
        return fault_set(f, FAULT_INPUT, "verify: tensor '%s' decodes with error %.6g, and %.6g is what its search reported", t->name,
                         found, stated);
    return true;
}

static bool compare_all(const verifier *v, fault *f) {
    if (!checkpoint_rewind(v->job->cp, f))
        return false;
    for (;;) {
        size_t tensor;
        if (!checkpoint_next(v->job->cp, &tensor, f))
            return false;
        if (tensor == SIZE_MAX)
            return true;
        const safetensors_tensor *t = checkpoint_tensor(v->job->cp, tensor);
        progress_item(v->job->progress, t->name);
        if (!(v->job->plan.tensors[tensor].reason == NULL ? compare_coded(v, tensor, f) : compare_raw(v, tensor, f)))
            return false;
        progress_add(v->job->progress, t->end - t->begin);
    }
}

bool encode_verify(encode_job *job, fault *f) {
    verifier v = {.job = job};
    slm_error error = {0};
    slm_reader_options options = {.struct_size = sizeof options};
    slm_status status =
        slm_reader_open_callback(&v.reader, job->sink.read_at, job->sink.context, slm_layout_file_size(job->layout), &options, &error);
    if (status != SLM_OK)
        return fault_slm(f, status, &error, "verify: cannot open the file just written");
    v.source = malloc(VERIFY_ELEMENTS * 4);
    v.target = malloc(VERIFY_ELEMENTS * 4);
    v.weights = malloc(VERIFY_ELEMENTS * sizeof *v.weights);
    bool ok = (v.source != NULL && v.target != NULL && v.weights != NULL) || fault_system(f, ENOMEM, "cannot verify");
    ok = ok && compare_all(&v, f);
    slm_reader_close(v.reader);
    free(v.source);
    free(v.target);
    free(v.weights);
    return ok;
}
