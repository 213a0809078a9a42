/* tools/encode_sample.c: coding a sample of a tensor. */
#include "encode_sample.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "command.h"
#include "encode_journal.h"
#include "profile_text.h"

/* Weights of a sample: a 32nd of the tensor within these limits, at least one run or row. */
#define SAMPLE_PART 32
#define SAMPLE_MIN 4096
#define SAMPLE_MAX 16384

static bool no_memory(fault *f) { return fault_system(f, ENOMEM, "cannot code a sample"); }

static void release(sampler *s) {
    free(s->weights);
    free(s->piece);
    free(s->scales);
    free(s->codes);
    s->weights = NULL;
    s->piece = NULL;
    s->scales = NULL;
    s->codes = NULL;
    s->code_bytes = 0;
}

void sampler_free(sampler *s) {
    release(s);
    while (s->encoder_count > 0)
        slm_encoder_free(s->encoders[--s->encoder_count].encoder);
    hessian_release(&s->hessian);
}

bool sampler_take(sampler *s, size_t tensor, fault *f) {
    const plan_tensor *entry = &s->job->plan.tensors[tensor];
    const safetensors_tensor *t = checkpoint_tensor(s->job->cp, tensor);
    release(s);
    /* Where columns count differently whole rows are taken, so that each weight keeps its column. */
    const uint64_t run = entry->coding.run_length;
    const uint64_t unit = entry->importance != NULL && entry->importance->columns > run ? entry->importance->columns : run;
    uint64_t wanted = t->elements / SAMPLE_PART;
    wanted = wanted < SAMPLE_MIN ? SAMPLE_MIN : wanted > SAMPLE_MAX ? SAMPLE_MAX : wanted;
    const uint64_t all = t->elements / unit;
    uint64_t units = wanted / unit;
    units = units < 1 ? 1 : units < all ? units : all;
    const size_t element = slm_dtype_bits(t->dtype) / 8;
    s->entry = entry;
    s->tensor = tensor;
    s->tried = 0;
    s->count = units * unit;
    s->weights = malloc((size_t)s->count * sizeof *s->weights);
    s->piece = malloc((size_t)unit * element);
    s->scales = malloc((size_t)(s->count / run) * sizeof *s->scales);
    if (s->weights == NULL || s->piece == NULL || s->scales == NULL)
        return no_memory(f);
    bool ok = checkpoint_hold(s->job->cp, f);
    for (uint64_t i = 0; ok && i < units; i++) {
        ok = checkpoint_read_at(s->job->cp, i * (all / units) * unit * element, s->piece, (size_t)unit * element, f);
        if (ok)
            slm_widen(t->dtype, s->piece, (size_t)unit, s->weights + i * unit);
    }
    return ok;
}

float sampler_largest(const sampler *s) {
    float largest = 0;
    for (uint64_t i = 0; i < s->count; i++)
        largest = fabsf(s->weights[i]) > largest ? fabsf(s->weights[i]) : largest;
    return largest;
}

static bool get_encoder(sampler *s, const slm_coding *coding, slm_encoder **encoder, fault *f) {
    for (unsigned i = 0; i < s->encoder_count; i++) {
        const sample_encoder *known = &s->encoders[i];
        if (!profile_same(&known->profile, &coding->profile) || known->scale_per_run != s->entry->scale_per_run)
            continue;
        *encoder = known->encoder;
        const slm_status status = slm_encoder_retarget(*encoder, coding->run_length, coding->rotation, coding->sign_seed);
        return status == SLM_OK || fault_slm(f, status, NULL, "cannot code a sample");
    }
    if (s->encoder_count == SAMPLE_ENCODERS)
        slm_encoder_free(s->encoders[--s->encoder_count].encoder);
    sample_encoder *made = &s->encoders[s->encoder_count];
    *made = (sample_encoder){.profile = coding->profile, .scale_per_run = s->entry->scale_per_run};
    const slm_encoder_options options = {.struct_size = sizeof options,
                                         .search = SLM_SEARCH_FAST, /* it tells codings apart as well as the exact one */
                                         .scale_per_run = s->entry->scale_per_run,
                                         .threads = s->job->threads,
                                         .kernel = kernel_wanted()};
    slm_error error = {0};
    const slm_status status = slm_encoder_create(&made->encoder, coding, &options, &error);
    if (status != SLM_OK)
        return fault_slm(f, status, &error, "cannot code a sample");
    s->encoder_count++;
    *encoder = made->encoder;
    return true;
}

static bool search(sampler *s, const slm_coding *coding, sample_trial *trial, fault *f) {
    const size_t bytes = (size_t)(s->count / coding->run_length * slm_profile_run_bytes(&coding->profile, coding->run_length));
    if (bytes > s->code_bytes) {
        free(s->codes);
        s->codes = malloc(bytes);
        s->code_bytes = s->codes != NULL ? bytes : 0;
        if (s->codes == NULL)
            return no_memory(f);
    }
    slm_encoder *encoder = NULL;
    if (!get_encoder(s, coding, &encoder, f))
        return false;
    const importance_vector *vector = s->entry->importance;
    const slm_hessian *hessian;
    slm_encode_report report;
    slm_error error = {0};
    const slm_encoder_options options = {.struct_size = sizeof options, .threads = s->job->threads, .kernel = kernel_wanted()};
    if (!hessian_hold(&s->hessian, s->job->rules.hessian, s->entry->hessian, coding, &options, &hessian, f))
        return false;
    slm_status status =
        slm_encoder_set_importance(encoder, vector != NULL ? vector->values : NULL, vector != NULL ? vector->columns : 0, &error);
    if (status == SLM_OK)
        status = slm_encoder_set_hessian(encoder, hessian, &error);
    if (status == SLM_OK)
        status = slm_encode_memory(encoder, s->count, s->weights, s->scales, s->codes, &report, &error);
    if (status != SLM_OK)
        return fault_slm(f, status, &error, "cannot code a sample");
    *trial = (sample_trial){report.weighted_norm, report.weighted_error};
    return true;
}

bool sampler_try(sampler *s, const slm_coding *coding, sample_trial *trial, fault *f) {
    encode_journal *journal = s->job->journal;
    const unsigned number = s->tried++;
    if (journal != NULL && journal_trial(journal, s->tensor, number, trial))
        return true;
    return search(s, coding, trial, f) && (journal == NULL || journal_note_trial(journal, s->tensor, number, trial, f));
}
