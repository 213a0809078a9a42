/* tools/encode_rotation.c: --rotation auto: the rotation of each trellis-coded tensor by what it brings, on a sample of its runs. */
#include <errno.h>
#include <stdlib.h>

#include "command.h"
#include "encode_job.h"

#define SAMPLE_WEIGHTS 16384 /* of a tensor: whole runs, evenly spread */
#define WORTH 0.99           /* another error than the usual rotation's has to be below this part of it: not its chance */

/* The runs of the sample, one behind another. */
static bool read_sample(const encode_job *job, size_t tensor, uint64_t run, uint64_t runs, float *weights, fault *f) {
    const safetensors_tensor *t = checkpoint_tensor(job->cp, tensor);
    const size_t bytes = slm_dtype_bits(t->dtype) / 8;
    const uint64_t all = t->elements / run;
    uint8_t *piece = malloc((size_t)run * bytes);
    if (piece == NULL)
        return fault_system(f, ENOMEM, "cannot choose a rotation");
    bool ok = true;
    for (uint64_t i = 0; ok && i < runs; i++) {
        ok = checkpoint_read_at(job->cp, i * (all / runs) * run * bytes, piece, (size_t)run * bytes, f);
        if (ok)
            slm_widen(t->dtype, piece, (size_t)run, weights + i * run);
    }
    free(piece);
    return ok;
}

/* Tries the sizes that divide the run, and none; the tensor's coding gets the one of least error. */
static bool choose(plan_tensor *entry, slm_encoder *encoder, uint64_t runs, const float *weights, fault *f) {
    slm_coding *coding = &entry->coding;
    const uint64_t run = coding->run_length;
    uint16_t *scales = malloc((size_t)runs * sizeof *scales);
    uint8_t *codes = malloc((size_t)(runs * slm_profile_run_bytes(&coding->profile, run)));
    bool ok = (scales != NULL && codes != NULL) || fault_system(f, ENOMEM, "cannot choose a rotation");
    double least = -1;
    const unsigned usual = coding->rotation;
    for (unsigned i = 0; ok && i <= SLM_ROTATION_MAX + 1; i++) {
        /* The usual one first, then the others. */
        const unsigned rotation = i == 0 ? usual : i - 1;
        if ((i > 0 && rotation == usual) || (rotation > 0 && rotation < SLM_ROTATION_MIN) || run % (UINT64_C(1) << rotation) != 0)
            continue;
        slm_coding tried = *coding;
        tried.rotation = (uint8_t)rotation;
        tried.sign_seed = rotation > 0 ? SLM_DEFAULT_SIGN_SEED : 0;
        if (slm_coding_check(&tried, NULL) != SLM_OK)
            continue;
        slm_encode_report report;
        slm_error error = {0};
        slm_status status = slm_encoder_retarget(encoder, run, rotation, tried.sign_seed);
        if (status == SLM_OK)
            status = slm_encode_memory(encoder, runs * run, weights, scales, codes, &report, &error);
        if (status != SLM_OK) {
            ok = fault_slm(f, status, &error, "cannot choose a rotation");
        } else if (least < 0 || report.squared_error < WORTH * WORTH * least) {
            least = report.squared_error;
            *coding = tried;
        }
    }
    free(scales);
    free(codes);
    return ok;
}

static bool choose_for(const encode_job *job, size_t tensor, fault *f) {
    plan_tensor *entry = &job->plan.tensors[tensor];
    const slm_coding *coding = &entry->coding;
    const uint64_t run = coding->run_length, all = checkpoint_tensor(job->cp, tensor)->elements / run;
    uint64_t runs = SAMPLE_WEIGHTS / run > 0 ? SAMPLE_WEIGHTS / run : 1;
    runs = runs < all ? runs : all;
    /* The fast search tells sizes apart as well as the exact one. */
    const slm_encoder_options options = {.struct_size = sizeof options,
                                         .search = SLM_SEARCH_FAST,
                                         .scale_per_run = entry->scale_per_run,
                                         .threads = job->threads,
                                         .kernel = kernel_wanted()};
    slm_encoder *encoder = NULL;
    slm_error error = {0};
    float *weights = malloc((size_t)(runs * run) * sizeof *weights);
    bool ok = weights != NULL || fault_system(f, ENOMEM, "cannot choose a rotation");
    ok = ok && checkpoint_hold(job->cp, f) && read_sample(job, tensor, run, runs, weights, f);
    if (ok) {
        const slm_status status = slm_encoder_create(&encoder, coding, &options, &error);
        ok = status == SLM_OK ? choose(entry, encoder, runs, weights, f) : fault_slm(f, status, &error, "cannot choose a rotation");
    }
    slm_encoder_free(encoder);
    free(weights);
    return ok;
}

bool encode_choose_rotations(encode_job *job, fault *f) {
    if (job->rules.rotation != PLAN_ROTATION_AUTO)
        return true;
    bool ok = checkpoint_rewind(job->cp, f);
    while (ok) {
        size_t tensor;
        ok = checkpoint_next(job->cp, &tensor, f);
        if (!ok || tensor == SIZE_MAX)
            break;
        const plan_tensor *entry = &job->plan.tensors[tensor];
        if (entry->reason == NULL && entry->coding.profile.coding == SLM_CODING_TRELLIS)
            ok = choose_for(job, tensor, f);
    }
    return ok;
}
