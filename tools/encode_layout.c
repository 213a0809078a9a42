/* tools/encode_layout.c: the description of the file that encoding will fill. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "encode_job.h"
#include "profile_text.h"

static bool add_tensor(encode_job *job, size_t index, fault *f) {
    const safetensors_tensor *t = checkpoint_tensor(job->cp, index);
    const plan_tensor *entry = &job->plan.tensors[index];
    slm_tensor tensor = {.name = t->name,
                         .name_length = t->name_length,
                         .dtype = t->dtype,
                         .rank = t->rank,
                         .shape = t->shape,
                         .elements = t->elements,
                         .coding = SLM_CODING_RAW};
    if (entry->reason == NULL) {
        slm_status status = slm_layout_add_profile(job->layout, &entry->coding.profile, &tensor.profile);
        if (status != SLM_OK)
            return fault_slm(f, status, NULL, "tensor '%s': cannot add its profile", t->name);
        tensor.coding = (slm_coding_id)entry->coding.profile.coding;
        tensor.flags = entry->scale_per_run ? SLM_TENSOR_SCALE_PER_RUN : 0;
        tensor.rotation = entry->coding.rotation;
        tensor.sign_seed = entry->coding.sign_seed;
        tensor.run_length = entry->coding.run_length;
    }
    slm_error error = {0};
    size_t number;
    slm_status status = slm_layout_add_tensor(job->layout, &tensor, &number, &error);
    return status == SLM_OK || fault_slm(f, status, &error, "tensor '%s'", t->name);
}

/* The texts of all profiles in use, each once: "slm-4" or "slm-4; slm-3". */
static void list_profiles(encode_job *job) {
    job->profiles[0] = '\0';
    for (size_t i = 0; i < job->plan.count; i++) {
        char text[PROFILE_TEXT_SIZE];
        if (job->plan.tensors[i].reason != NULL)
            continue;
        profile_to_text(&job->plan.tensors[i].coding.profile, text);
        size_t length = strlen(job->profiles), size = strlen(text);
        bool known = false;
        for (const char *at = job->profiles; !known && (at = strstr(at, text)) != NULL; at += size)
            known = (at == job->profiles || at[-1] == ' ') && (at[size] == '\0' || at[size] == ';');
        if (!known && length + size + 3 < sizeof job->profiles)
            snprintf(job->profiles + length, sizeof job->profiles - length, "%s%s", length > 0 ? "; " : "", text);
    }
}

static bool add_metadata(encode_job *job, const char *key, const char *value, fault *f) {
    slm_error error = {0};
    slm_status status = slm_layout_add_metadata(job->layout, key, strlen(key), value, strlen(value), &error);
    return status == SLM_OK || fault_slm(f, status, &error, "metadata '%s'", key);
}

/* Where the codes come from. Nothing that changes from run to run, so that the same input gives the same bytes. */
static bool add_provenance(encode_job *job, fault *f) {
    list_profiles(job);
    char tool[64];
    snprintf(tool, sizeof tool, "slm %s", slm_release());
    if (!add_metadata(job, "slm.encoder", tool, f))
        return false;
    if (job->plan.coded == 0)
        return true;
    char weighted[96];
    if (job->plan.weighted > 0) {
        const plan_rules *rules = &job->rules;
        snprintf(weighted, sizeof weighted, "%zu tensors, file of XXH3-64 %016" PRIx64, job->plan.weighted,
                 rules->hessian != NULL ? rules->hessian->sum : rules->importance->sum);
        if (!add_metadata(job, rules->hessian != NULL ? "slm.hessian" : "slm.importance", weighted, f))
            return false;
    }
    return add_metadata(job, "slm.profile", job->profiles, f) && add_metadata(job, "slm.search", plan_search_name(job->rules.search), f);
}

bool encode_layout(encode_job *job, fault *f) {
    slm_layout_options options = {.struct_size = sizeof options};
    slm_status status = slm_layout_create(&job->layout, &options);
    if (status != SLM_OK)
        return fault_slm(f, status, NULL, "cannot describe the file");
    for (size_t s = 0; s < checkpoint_sources(job->cp); s++) {
        const checkpoint_source *source = checkpoint_source_at(job->cp, s);
        for (size_t i = 0; i < source->st.count; i++)
            if (!add_tensor(job, source->first_tensor + i, f))
                return false;
        slm_error error = {0};
        status = slm_layout_add_source(job->layout, source->name, source->name_length, source->st.header, source->st.header_size, &error);
        if (status != SLM_OK)
            return fault_slm(f, status, &error, "source '%s'", source->name);
    }
    if (!add_provenance(job, f))
        return false;
    if (checkpoint_side_size(job->cp) == 0)
        return true;
    slm_error error = {0};
    status = slm_layout_add_side_files(job->layout, checkpoint_side_size(job->cp), &job->side_payload, &error);
    return status == SLM_OK || fault_slm(f, status, &error, "side files");
}
