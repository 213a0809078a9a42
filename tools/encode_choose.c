/* tools/encode_choose.c: what is chosen by a sample of each tensor: rotations (--rotation auto) and profiles (--bits). One pass. */
#include <math.h>
#include <string.h>

#include "encode_budget.h"
#include "encode_sample.h"

#define WORTH 0.99    /* a size has to err less than this part of the best before it: chance makes less difference */
#define SEEN 1.5      /* none is tried only where no weight is larger than this times the sample's largest: it would be clipped */
#define PLAIN_BITS 16 /* [REC-8]: integers of more bits have powers of two for scales, which costs more than a rotation brings */

_Static_assert(PLAN_ROTATIONS_MAX + BUDGET_CHOICES <= SAMPLE_TRIALS_MAX, "the journal must hold every trial of a tensor");

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

static bool choose_rotation(sampler *s, plan_tensor *entry, fault *f) {
    uint8_t sizes[PLAN_ROTATIONS_MAX];
    const slm_coding usual = entry->coding;
    const unsigned count = candidates(&usual, entry->scan.largest <= SEEN * sampler_largest(s), sizes);
    double least = INFINITY;
    for (unsigned i = 0; i < count; i++) {
        slm_coding tried = usual;
        sample_trial trial;
        tried.rotation = sizes[i];
        tried.sign_seed = sizes[i] > 0 ? SLM_DEFAULT_SIGN_SEED : 0;
        if (!sampler_try(s, &tried, &trial, f))
            return false;
        const double error = trial.norm > 0 ? sqrt(trial.error / trial.norm) : 0;
        entry->rotations[entry->rotations_tried++] = (plan_rotation){sizes[i], error};
        if (i == 0 || error < WORTH * least) {
            least = error;
            entry->coding = tried;
        }
    }
    return true;
}

static bool choose(sampler *s, budget *b, size_t tensor, fault *f) {
    const plan_rules *rules = &s->job->rules;
    plan_tensor *entry = &b->job->plan.tensors[tensor];
    const bool trellis = entry->coding.profile.coding == SLM_CODING_TRELLIS;
    /* A rotation of 0 before any choice: no size divides the run. */
    /* Nor is there one where errors are fed back: none has been seen to pay then, and each would be factored for. */
    const bool rotation = trellis && rules->rotation == PLAN_ROTATION_AUTO && entry->coding.rotation > 0 && entry->hessian == NULL;
    const bool profile = rules->bits > 0 && !entry->is_named;
    if (!rotation && !profile)
        return true;
    return sampler_take(s, tensor, f) && (!rotation || choose_rotation(s, entry, f)) && (!profile || budget_measure(b, s, tensor, f));
}

bool encode_choose(encode_job *job, fault *f) {
    if (job->rules.rotation != PLAN_ROTATION_AUTO && !(job->rules.bits > 0))
        return true;
    sampler s = {.job = job};
    budget b;
    bool ok = budget_begin(&b, job, f) && checkpoint_rewind(job->cp, f);
    while (ok) {
        size_t tensor;
        ok = checkpoint_next(job->cp, &tensor, f);
        if (!ok || tensor == SIZE_MAX)
            break;
        const safetensors_tensor *t = checkpoint_tensor(job->cp, tensor);
        progress_item(job->progress, t->name);
        if (job->plan.tensors[tensor].reason == NULL) {
            ok = choose(&s, &b, tensor, f);
            progress_add(job->progress, t->elements);
        }
    }
    if (ok && job->rules.bits > 0)
        budget_decide(&b);
    budget_end(&b);
    sampler_free(&s);
    return ok;
}
