/* tools/encode_budget.c: the profiles of --bits. Squared errors add up over tensors and so do sizes, so on the convex hulls the steps that
 * bring most for a byte are the best, whoever takes them (Lagrange); what is left at the end is less than a step. */
#include "encode_budget.h"

#include <errno.h>
#include <stdlib.h>

#include "profile_text.h"

static const char *const profiles[BUDGET_CHOICES] = {"slm-2", "slm-2.5", "slm-3", "slm-3.5", "slm-4", "slm-5", "slm-6"};
#define PLAIN_BITS 16    /* as for rotations: a larger one would want powers of two for scales */
#define SCALES_ALIGN 64u /* the codes begin at a multiple of this */

static bool is_weighted(const plan_tensor *entry) { return entry->importance != NULL || entry->hessian != NULL; }

/* What a squared error of weight 1 counts: the mean of the tensor's importance, or of its Hessian's diagonal. */
static double mean_of(const plan_tensor *entry) {
    const importance_vector *vector = entry->importance;
    double sum = 0;
    if (entry->hessian != NULL)
        return entry->hessian->mean;
    for (uint64_t c = 0; c < vector->columns; c++)
        sum += (double)vector->values[c];
    return sum / (double)vector->columns;
}

bool budget_begin(budget *b, encode_job *job, fault *f) {
    *b = (budget){.job = job, .mean = 1};
    if (!(job->rules.bits > 0))
        return true;
    b->tensors = calloc(job->plan.count > 0 ? job->plan.count : 1, sizeof *b->tensors);
    if (b->tensors == NULL)
        return fault_system(f, ENOMEM, "cannot divide the bits");
    double sum = 0;
    size_t count = 0;
    for (size_t i = 0; i < job->plan.count; i++)
        if (job->plan.tensors[i].reason == NULL && is_weighted(&job->plan.tensors[i])) {
            sum += mean_of(&job->plan.tensors[i]);
            count++;
        }
    if (count > 0 && sum > 0)
        b->mean = sum / (double)count;
    return true;
}

void budget_end(budget *b) {
    free(b->tensors);
    b->tensors = NULL;
}

static uint64_t bytes_of(const slm_coding *coding, bool scale_per_run, uint64_t elements) {
    const uint64_t runs = elements / coding->run_length, scales = 2 * (scale_per_run ? runs : 1);
    return (scales + SCALES_ALIGN - 1) / SCALES_ALIGN * SCALES_ALIGN + runs * slm_profile_run_bytes(&coding->profile, coding->run_length);
}

/* The profile with the tensor's rotation, or the largest smaller one that leaves scales plain. */
static slm_coding coding_for(const slm_coding *base, const slm_profile *profile) {
    slm_coding coding = *base;
    coding.profile = *profile;
    while (coding.rotation > SLM_ROTATION_MIN && slm_profile_integer_bits(profile, coding.rotation) > PLAIN_BITS)
        coding.rotation--;
    return coding;
}

/* Takes a larger choice onto the hull; those that lie above it now are dropped. */
static void add_choice(budget_tensor *t, const budget_choice *choice) {
    if (t->count > 0 && choice->error >= t->choices[t->count - 1].error)
        return;
    while (t->count > 1) {
        const budget_choice *last = &t->choices[t->count - 1], *before = last - 1;
        if ((before->error - last->error) * (double)(choice->bytes - last->bytes) >
            (last->error - choice->error) * (double)(last->bytes - before->bytes))
            break;
        t->count--;
    }
    t->choices[t->count++] = *choice;
}

bool budget_measure(budget *b, sampler *s, size_t tensor, fault *f) {
    plan_tensor *entry = &b->job->plan.tensors[tensor];
    const uint64_t elements = checkpoint_tensor(b->job->cp, tensor)->elements;
    const double times = (double)elements / (double)s->count * (is_weighted(entry) ? mean_of(entry) : b->mean);
    for (size_t i = 0; i < BUDGET_CHOICES && profiles[i] != NULL; i++) {
        sample_trial trial;
        budget_choice choice = {.coding = coding_for(&entry->coding, slm_profile_by_name(profiles[i]))};
        if (!sampler_try(s, &choice.coding, &trial, f))
            return false;
        choice.bytes = bytes_of(&choice.coding, entry->scale_per_run, elements);
        choice.error = trial.error * times;
        add_choice(&b->tensors[tensor], &choice);
    }
    return true;
}

/* What a byte of a tensor's next step brings; less than 0 where there is none. */
static double gain_of(const budget_tensor *t, uint64_t left) {
    if (t->chosen + 1 >= t->count)
        return -1;
    const budget_choice *now = &t->choices[t->chosen], *next = now + 1;
    return next->bytes - now->bytes > left ? -1 : (now->error - next->error) / (double)(next->bytes - now->bytes);
}

/* With each tensor's first choice, or what it has without one. Rotations make no difference to sizes. */
static uint64_t least_bytes(const encode_job *job) {
    uint64_t least = 0;
    for (size_t i = 0; i < job->plan.count; i++) {
        const plan_tensor *entry = &job->plan.tensors[i];
        if (entry->reason != NULL)
            continue;
        const slm_coding coding = entry->is_named ? entry->coding : coding_for(&entry->coding, slm_profile_by_name(profiles[0]));
        least += bytes_of(&coding, entry->scale_per_run, checkpoint_tensor(job->cp, i)->elements);
    }
    return least;
}

static double all_bytes(const encode_job *job) { return job->rules.bits * (double)job->plan.coded_elements / 8; }

bool budget_check(const encode_job *job, fault *f) {
    const double least = job->rules.bits > 0 ? (double)least_bytes(job) : 0;
    return least <= all_bytes(job) || fault_set(f, FAULT_USAGE, "--bits %g cannot be: the smallest profiles make %.4f bits a weight",
                                                job->rules.bits, 8 * least / (double)job->plan.coded_elements);
}

void budget_decide(budget *b) {
    encode_job *job = b->job;
    for (uint64_t left = (uint64_t)all_bytes(job) - least_bytes(job);;) {
        size_t best = SIZE_MAX;
        double gain = -1;
        for (size_t i = 0; i < job->plan.count; i++) {
            const double own = gain_of(&b->tensors[i], left);
            if (own > gain) { /* of equal ones the first */
                gain = own;
                best = i;
            }
        }
        if (best == SIZE_MAX)
            break;
        budget_tensor *t = &b->tensors[best];
        left -= t->choices[t->chosen + 1].bytes - t->choices[t->chosen].bytes;
        t->chosen++;
    }
    for (size_t i = 0; i < job->plan.count; i++)
        if (b->tensors[i].count > 0)
            job->plan.tensors[i].coding = b->tensors[i].choices[b->tensors[i].chosen].coding;
}
