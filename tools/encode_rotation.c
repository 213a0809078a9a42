/* tools/encode_rotation.c: --rotation auto: the rotation of each trellis-coded tensor by what it brings, on a sample of its runs. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "command.h"
#include "encode_job.h"
#include "profile_text.h"

/* Weights of a sample: whole runs or rows, evenly spread, a 32nd of the tensor within these limits. */
#define SAMPLE_PART 32
#define SAMPLE_MIN 4096
#define SAMPLE_MAX 16384
#define WORTH 0.99    /* a size has to err less than this part of the best before it: chance makes less difference */
#define SEEN 1.5      /* none is tried only where no weight is larger than this times the sample's largest: it would be clipped */
#define PLAIN_BITS 16 /* [REC-8]: integers of more bits have powers of two for scales, which costs more than a rotation brings */

/* What is kept from one tensor to the next. */
typedef struct chooser {
    const encode_job *job;
    slm_encoder *encoder;
    plan_tensor target; /* the encoder's */
    float *weights;
    uint8_t *piece;
    uint16_t *scales;
    uint8_t *codes;
} chooser;

/* The usual rotation first, then none, then larger ones by size; where the usual one is too large for plain scales, smaller ones. */
static unsigned candidates(const slm_coding *coding, bool none, uint8_t *sizes) {
    const unsigned usual = coding->rotation;
    const bool large = slm_profile_integer_bits(&coding->profile, usual) > PLAIN_BITS;
    unsigned count = 0;
    sizes[count++] = (uint8_t)usual;
    if (none)
        sizes[count++] = 0;
    for (unsigned h = large ? SLM_ROTATION_MIN : usual + 1; h <= (large ? usual - 1 : SLM_ROTATION_MAX); h++)
        if (coding->run_length % (UINT64_C(1) << h) == 0 && slm_profile_integer_bits(&coding->profile, h) <= PLAIN_BITS)
            sizes[count++] = (uint8_t)h;
    return count;
}

/* Weights that the sample takes together: a run, and whole rows where the columns count differently. */
static uint64_t unit_of(const plan_tensor *entry) {
    const uint64_t run = entry->coding.run_length;
    return entry->importance != NULL && entry->importance->columns > run ? entry->importance->columns : run;
}

static uint64_t sample_units(uint64_t elements, uint64_t unit) {
    uint64_t wanted = elements / SAMPLE_PART;
    wanted = wanted < SAMPLE_MIN ? SAMPLE_MIN : wanted > SAMPLE_MAX ? SAMPLE_MAX : wanted;
    const uint64_t units = wanted / unit, all = elements / unit;
    return units < 1 ? 1 : units < all ? units : all;
}

static bool no_memory(fault *f) { return fault_system(f, ENOMEM, "cannot choose a rotation"); }

static void release(chooser *c) {
    free(c->weights);
    free(c->piece);
    free(c->scales);
    free(c->codes);
    c->weights = NULL;
    c->piece = NULL;
    c->scales = NULL;
    c->codes = NULL;
}

/* Reads the sample and makes room for its codes. */
static bool read_sample(chooser *c, const plan_tensor *entry, const safetensors_tensor *t, uint64_t units, fault *f) {
    const uint64_t unit = unit_of(entry), run = entry->coding.run_length, runs = units * unit / run, step = t->elements / unit / units;
    const size_t element = slm_dtype_bits(t->dtype) / 8;
    c->weights = malloc((size_t)(units * unit) * sizeof *c->weights);
    c->piece = malloc((size_t)unit * element);
    c->scales = malloc((size_t)runs * sizeof *c->scales);
    c->codes = malloc((size_t)(runs * slm_profile_run_bytes(&entry->coding.profile, run)));
    if (c->weights == NULL || c->piece == NULL || c->scales == NULL || c->codes == NULL)
        return no_memory(f);
    bool ok = checkpoint_hold(c->job->cp, f);
    for (uint64_t i = 0; ok && i < units; i++) {
        ok = checkpoint_read_at(c->job->cp, i * step * unit * element, c->piece, (size_t)unit * element, f);
        if (ok)
            slm_widen(t->dtype, c->piece, (size_t)unit, c->weights + i * unit);
    }
    return ok;
}

/* An encoder for that coding. The fast search tells rotations apart as well as the exact one. */
static bool set_encoder(chooser *c, const plan_tensor *entry, const slm_coding *coding, fault *f) {
    slm_error error = {0};
    slm_status status;
    if (c->encoder != NULL && profile_same(&c->target.coding.profile, &coding->profile) &&
        c->target.scale_per_run == entry->scale_per_run) {
        status = slm_encoder_retarget(c->encoder, coding->run_length, coding->rotation, coding->sign_seed);
    } else {
        slm_encoder_free(c->encoder);
        c->encoder = NULL;
        c->target = *entry;
        const slm_encoder_options options = {.struct_size = sizeof options,
                                             .search = SLM_SEARCH_FAST,
                                             .scale_per_run = entry->scale_per_run,
                                             .threads = c->job->threads,
                                             .kernel = kernel_wanted()};
        status = slm_encoder_create(&c->encoder, coding, &options, &error);
    }
    const importance_vector *vector = entry->importance;
    if (status == SLM_OK)
        status =
            slm_encoder_set_importance(c->encoder, vector != NULL ? vector->values : NULL, vector != NULL ? vector->columns : 0, &error);
    return status == SLM_OK || fault_slm(f, status, &error, "cannot choose a rotation");
}

/* Relative error of the sample with that rotation, weighted where there is an importance. */
static bool try_rotation(chooser *c, const plan_tensor *entry, unsigned rotation, uint64_t count, slm_coding *tried, double *error,
                         fault *f) {
    slm_encode_report report;
    slm_error about = {0};
    *tried = entry->coding;
    tried->rotation = (uint8_t)rotation;
    tried->sign_seed = rotation > 0 ? SLM_DEFAULT_SIGN_SEED : 0;
    if (!set_encoder(c, entry, tried, f))
        return false;
    const slm_status status = slm_encode_memory(c->encoder, count, c->weights, c->scales, c->codes, &report, &about);
    if (status != SLM_OK)
        return fault_slm(f, status, &about, "cannot choose a rotation");
    *error = report.weighted_norm > 0 ? sqrt(report.weighted_error / report.weighted_norm) : 0;
    return true;
}

/* Whether the sample has seen the tensor's tails. */
static bool has_tails(const chooser *c, const plan_tensor *entry, uint64_t count) {
    float largest = 0;
    for (uint64_t i = 0; i < count; i++)
        largest = fabsf(c->weights[i]) > largest ? fabsf(c->weights[i]) : largest;
    return entry->scan.largest <= SEEN * largest;
}

static bool choose(chooser *c, plan_tensor *entry, const safetensors_tensor *t, fault *f) {
    uint8_t sizes[PLAN_ROTATIONS_MAX];
    const uint64_t unit = unit_of(entry), units = sample_units(t->elements, unit);
    if (entry->coding.rotation == 0) /* no size divides the run */
        return true;
    bool ok = read_sample(c, entry, t, units, f);
    const unsigned count = ok ? candidates(&entry->coding, has_tails(c, entry, units * unit), sizes) : 0;
    const plan_tensor usual = *entry;
    double least = INFINITY;
    for (unsigned i = 0; ok && i < count; i++) {
        slm_coding tried;
        double error = 0;
        ok = try_rotation(c, &usual, sizes[i], units * unit, &tried, &error, f);
        if (!ok)
            break;
        entry->rotations[entry->rotations_tried++] = (plan_rotation){sizes[i], error};
        if (i == 0 || error < WORTH * least) {
            least = error;
            entry->coding = tried;
        }
    }
    release(c);
    return ok;
}

bool encode_choose_rotations(encode_job *job, fault *f) {
    if (job->rules.rotation != PLAN_ROTATION_AUTO)
        return true;
    chooser c = {.job = job};
    bool ok = checkpoint_rewind(job->cp, f);
    while (ok) {
        size_t tensor;
        ok = checkpoint_next(job->cp, &tensor, f);
        if (!ok || tensor == SIZE_MAX)
            break;
        const safetensors_tensor *t = checkpoint_tensor(job->cp, tensor);
        plan_tensor *entry = &job->plan.tensors[tensor];
        progress_item(job->progress, t->name);
        if (entry->reason == NULL) {
            ok = entry->coding.profile.coding != SLM_CODING_TRELLIS || choose(&c, entry, t, f);
            progress_add(job->progress, t->elements);
        }
    }
    release(&c);
    slm_encoder_free(c.encoder);
    return ok;
}
