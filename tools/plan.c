/* tools/plan.c: the rules that make the plan. */
#include "plan.h"

#include <errno.h>
#include <stdlib.h>

#include "glob.h"

/* Embeddings and output heads by the names they have in the usual frameworks; norms by theirs, should one have two dimensions. */
static const char *const embeddings[] = {"*embed*", "*Embed*", "*wte*", "*wpe*"};
static const char *const heads[] = {"*lm_head*", "output.weight"};
static const char *const norms[] = {"*norm*", "*Norm*", "*ln_*"};

#define MATCHES(list, name) glob_match_any(list, sizeof(list) / sizeof(list)[0], name)

/* The profile a tensor is given by name, or NULL. */
static const slm_profile *chosen_profile(const plan_rules *rules, const char *name) {
    for (size_t i = rules->choice_count; i-- > 0;)
        if (glob_match(rules->choices[i].glob, name))
            return &rules->choices[i].profile;
    return NULL;
}

static const char *reason_to_stay_raw(const safetensors_tensor *t, const plan_rules *rules) {
    if (!slm_dtype_is_codable(t->dtype))
        return "type not F32, F16 or BF16";
    if (t->elements == 0)
        return "no elements";
    if (glob_match_any(rules->exclude, rules->exclude_count, t->name))
        return "excluded";
    if (glob_match_any(rules->include, rules->include_count, t->name) || chosen_profile(rules, t->name) != NULL)
        return NULL;
    if (rules->include_count > 0)
        return "not included";
    if (MATCHES(embeddings, t->name))
        return "embedding";
    if (MATCHES(heads, t->name))
        return "output head";
    if (MATCHES(norms, t->name))
        return "norm";
    if (t->rank < 2)
        return "fewer than 2 dimensions";
    if (t->elements < PLAN_ELEMENTS_MIN)
        return "fewer than 4,096 elements";
    return NULL;
}

/* The last dimension; as many of the last ones together as make PLAN_RUN_MIN elements; a part of it where it is very long, since the
 * trellis search's memory grows with the run. */
static uint64_t row_run(const safetensors_tensor *t) {
    uint64_t run = 1;
    for (unsigned i = t->rank; i-- > 0 && run < PLAN_RUN_MIN;)
        run *= t->shape[i];
    if (run <= PLAN_RUN_MAX)
        return run;
    for (uint64_t part = PLAN_RUN_MAX; part >= PLAN_RUN_MAX / 16; part--)
        if (run % part == 0)
            return part;
    return run;
}

static unsigned rotation_for(const plan_rules *rules, const slm_profile *profile, uint64_t run) {
    if (rules->rotation == PLAN_ROTATION_AUTO)
        return slm_recommended_rotation(profile, run);
    unsigned h = (unsigned)rules->rotation;
    while (h >= SLM_ROTATION_MIN && run % ((uint64_t)1 << h) != 0)
        h--;
    return h >= SLM_ROTATION_MIN ? h : 0;
}

const char *plan_search_name(slm_search search) {
    return search == SLM_SEARCH_PAPER ? "paper" : search == SLM_SEARCH_FAST ? "fast" : "exact";
}

/* Feedback goes along a row, and the search along a run: they have to be the same. */
static bool plan_hessian(plan_tensor *entry, const safetensors_tensor *t, const plan_rules *rules, fault *f) {
    const uint64_t columns = t->rank > 0 ? t->shape[t->rank - 1] : 1;
    entry->hessian = hessian_file_find(rules->hessian, t->name, t->name_length);
    if (entry->hessian == NULL)
        return true;
    if (entry->hessian->columns != columns)
        return fault_set(f, FAULT_USAGE, "tensor '%s' has %llu columns and its Hessian %llu", t->name, (unsigned long long)columns,
                         (unsigned long long)entry->hessian->columns);
    if (entry->coding.profile.coding == SLM_CODING_BLOCK)
        return fault_set(f, FAULT_USAGE, "--hessian is for trellis coding, and tensor '%s' would have block coding", t->name);
    if (entry->coding.run_length != columns)
        return fault_set(f, FAULT_UNSUPPORTED, "tensor '%s' is not coded row by row, but in runs of %llu weights: no Hessian can be taken",
                         t->name, (unsigned long long)entry->coding.run_length);
    return true;
}

static bool plan_coding(plan_tensor *entry, const safetensors_tensor *t, const plan_rules *rules, fault *f) {
    const slm_profile *chosen = chosen_profile(rules, t->name);
    entry->coding.profile = chosen != NULL ? *chosen : rules->profile;
    entry->is_named = chosen != NULL;
    const slm_profile *profile = &entry->coding.profile;
    bool block = profile->coding == SLM_CODING_BLOCK;
    entry->scale_per_run = rules->scale == PLAN_SCALE_ROW || (rules->scale == PLAN_SCALE_DEFAULT && !(block && profile->norm == 1));
    entry->coding.run_length = block && !entry->scale_per_run ? t->elements : row_run(t);
    unsigned rotation = rotation_for(rules, profile, entry->coding.run_length);
    entry->coding.rotation = (uint8_t)rotation;
    entry->coding.sign_seed = rotation > 0 ? SLM_DEFAULT_SIGN_SEED : 0;
    if (rules->importance != NULL) {
        const uint64_t columns = t->rank > 0 ? t->shape[t->rank - 1] : 1;
        entry->importance = importance_file_find(rules->importance, t->name, t->name_length);
        if (entry->importance != NULL && entry->importance->columns != columns)
            return fault_set(f, FAULT_USAGE, "tensor '%s' has %llu columns and its importance %llu", t->name, (unsigned long long)columns,
                             (unsigned long long)entry->importance->columns);
    }
    if (rules->hessian != NULL && !plan_hessian(entry, t, rules, f))
        return false;
    const char *reason = NULL;
    if (slm_coding_check(&entry->coding, &reason) != SLM_OK)
        return fault_set(f, FAULT_USAGE, "tensor '%s' cannot be coded so: %s", t->name, reason != NULL ? reason : "no legal coding");
    if (!block && rules->search == SLM_SEARCH_PAPER)
        return fault_set(f, FAULT_USAGE, "--search paper is for block coding, and tensor '%s' would have trellis coding", t->name);
    if (block && rules->search == SLM_SEARCH_FAST)
        return fault_set(f, FAULT_USAGE, "--search fast is for trellis coding, and tensor '%s' would have block coding", t->name);
    return true;
}

static void count(plan *p, const checkpoint *cp) {
    p->coded = p->nonfinite = p->weighted = 0;
    p->coded_elements = p->raw_elements = 0;
    for (size_t i = 0; i < p->count; i++) {
        const plan_tensor *entry = &p->tensors[i];
        uint64_t elements = checkpoint_tensor(cp, i)->elements;
        p->coded += entry->reason == NULL;
        p->weighted += entry->reason == NULL && (entry->importance != NULL || entry->hessian != NULL);
        *(entry->reason == NULL ? &p->coded_elements : &p->raw_elements) += elements;
        p->nonfinite += entry->scanned && entry->scan.first_nonfinite != UINT64_MAX;
    }
}

bool plan_make(plan *p, const checkpoint *cp, const plan_rules *rules, fault *f) {
    *p = (plan){.count = checkpoint_tensors(cp)};
    p->tensors = calloc(p->count > 0 ? p->count : 1, sizeof *p->tensors);
    if (p->tensors == NULL)
        return fault_system(f, ENOMEM, "cannot plan");
    for (size_t i = 0; i < p->count; i++) {
        const safetensors_tensor *t = checkpoint_tensor(cp, i);
        p->tensors[i].reason = reason_to_stay_raw(t, rules);
        if (p->tensors[i].reason == NULL && !plan_coding(&p->tensors[i], t, rules, f)) {
            plan_free(p);
            return false;
        }
    }
    count(p, cp);
    return true;
}

uint64_t plan_scan_bytes(const plan *p, const checkpoint *cp) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < p->count; i++)
        if (p->tensors[i].reason == NULL)
            bytes += checkpoint_tensor(cp, i)->end - checkpoint_tensor(cp, i)->begin;
    return bytes;
}

bool plan_scan(plan *p, checkpoint *cp, fault *f) {
    for (size_t i = 0; i < p->count; i++) {
        plan_tensor *entry = &p->tensors[i];
        if (entry->reason != NULL)
            continue;
        if (!checkpoint_scan_tensor(cp, i, &entry->scan, f))
            return false;
        entry->scanned = true;
        if (entry->scan.first_nonfinite != UINT64_MAX)
            entry->reason = "contains NaN or infinity";
    }
    count(p, cp);
    return true;
}

void plan_free(plan *p) {
    free(p->tensors);
    *p = (plan){0};
}
