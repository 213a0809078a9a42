/* tools/encode_identity.c: what an encoding depends on, by content: the same bytes under another name or date are the same input. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "encode_journal.h"
#include "json_text.h"
#include "profile_text.h"
#include "report.h"

static json_t *globs(const char *const *list, size_t count) {
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        report_append(array, report_text(list[i], strlen(list[i])));
    return array;
}

static json_t *options_of(const plan_rules *rules) {
    static const char *const scales[] = {"default", "tensor", "row"};
    char text[PROFILE_TEXT_SIZE];
    json_t *options = json_object(), *choices = json_array();
    report_set(options, "--profile", json_string(profile_to_text(&rules->profile, text)));
    for (size_t i = 0; i < rules->choice_count; i++) {
        report_append(choices, report_text(rules->choices[i].glob, strlen(rules->choices[i].glob)));
        report_append(choices, json_string(profile_to_text(&rules->choices[i].profile, text)));
    }
    report_set(options, "--profile-for", choices);
    report_set(options, "--include", globs(rules->include, rules->include_count));
    report_set(options, "--exclude", globs(rules->exclude, rules->exclude_count));
    report_set(options, "--scale", json_string(scales[rules->scale]));
    report_set(options, "--scale-candidates", json_integer(rules->scale_candidates));
    report_set(options, "--search", json_string(plan_search_name(rules->search)));
    report_set(options, "--rotation", json_integer(rules->rotation));
    report_set(options, "--bits", json_real(rules->bits));
    report_set(options, "--importance", rules->importance != NULL ? report_sum(rules->importance->sum) : json_null());
    report_set(options, "--hessian", rules->hessian != NULL ? report_sum(rules->hessian->sum) : json_null());
    return options;
}

/* A source: its name, its header's sum, and the sum of its coded tensors' sums. */
static json_t *source_of(const encode_job *job, size_t number, XXH3_state_t *state) {
    const checkpoint_source *source = checkpoint_source_at(job->cp, number);
    XXH3_64bits_reset(state);
    for (size_t i = 0; i < source->st.count; i++) {
        const plan_tensor *entry = &job->plan.tensors[source->first_tensor + i];
        const uint64_t sum = entry->scanned ? entry->scan.sum : 0;
        XXH3_64bits_update(state, &sum, sizeof sum);
    }
    json_t *object = json_object();
    report_set(object, "name", report_text(source->name, source->name_length));
    report_set(object, "header", report_sum(XXH3_64bits(source->st.header, source->st.header_size)));
    report_set(object, "weights", report_sum(XXH3_64bits_digest(state)));
    return object;
}

static bool sum_side_files(const encode_job *job, XXH3_state_t *state, uint64_t *sum, fault *f) {
    uint8_t buffer[16384];
    XXH3_64bits_reset(state);
    for (uint64_t at = 0, size = checkpoint_side_size(job->cp); at < size;) {
        size_t piece = size - at < sizeof buffer ? (size_t)(size - at) : sizeof buffer;
        if (!checkpoint_side_read(job->cp, at, buffer, piece, f))
            return false;
        XXH3_64bits_update(state, buffer, piece);
        at += piece;
    }
    *sum = XXH3_64bits_digest(state);
    return true;
}

/* How every tensor is coded: what the options came to, before anything is tried on samples. */
static uint64_t sum_plan(const encode_job *job, XXH3_state_t *state) {
    XXH3_64bits_reset(state);
    for (size_t i = 0; i < job->plan.count; i++) {
        const plan_tensor *entry = &job->plan.tensors[i];
        uint8_t profile[SLM_PROFILE_BYTES] = {0};
        uint64_t numbers[5] = {entry->reason == NULL};
        if (entry->reason == NULL) {
            slm_profile_store(&entry->coding.profile, profile);
            numbers[1] = entry->coding.run_length;
            numbers[2] = entry->coding.rotation;
            numbers[3] = entry->coding.sign_seed;
            numbers[4] = entry->scale_per_run;
        }
        XXH3_64bits_update(state, profile, sizeof profile);
        XXH3_64bits_update(state, numbers, sizeof numbers);
    }
    return XXH3_64bits_digest(state);
}

/* Whether every value is there: the makers give NULL where memory is short, and setting that fails. */
static bool complete(const json_t *identity) {
    static const char *const keys[] = {"program", "options", "files", "side files", "plan"};
    bool all = true;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        all = all && json_object_get(identity, keys[i]) != NULL;
    const json_t *options = json_object_get(identity, "options");
    return all && json_object_size(options) == 11;
}

json_t *identity_make(const encode_job *job, fault *f) {
    XXH3_state_t *state = XXH3_createState();
    json_t *identity = json_object(), *files = json_array();
    uint64_t side = 0;
    bool ok = state != NULL && identity != NULL && files != NULL;
    size_t sources = checkpoint_sources(job->cp);
    if (!ok)
        fault_system(f, ENOMEM, "cannot describe the job");
    else
        ok = sum_side_files(job, state, &side, f);
    for (size_t i = 0; ok && i < sources; i++)
        report_append(files, source_of(job, i, state));
    if (ok) {
        ok = json_array_size(files) == sources;
        report_set(identity, "program", json_sprintf("slm %s", slm_release()));
        report_set(identity, "options", options_of(&job->rules));
        report_set(identity, "files", json_incref(files));
        report_set(identity, "side files", report_sum(side));
        report_set(identity, "plan", report_sum(sum_plan(job, state)));
        ok = (ok && complete(identity)) || fault_system(f, ENOMEM, "cannot describe the job");
    }
    XXH3_freeState(state);
    json_decref(files);
    if (ok)
        return identity;
    json_decref(identity);
    return NULL;
}

/* ---- Comparison ---- */

static bool same(const json_t *then, const json_t *now, const char *key) {
    return json_equal(json_object_get(then, key), json_object_get(now, key)) == 1;
}

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

/* The first option that differs, with what it was and is. */
static bool differing_option(const json_t *then, const json_t *now, fault *f) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)now, key, value) {
        if (same(then, now, key))
            continue;
        const size_t flags = JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15); /* 2.4 is not 2.3999999999999999 */
        char *was = json_text_make(json_object_get(then, key), flags), *is = json_text_make(value, flags);
        fault_set(f, FAULT_USAGE, "cannot resume: %s was %s and is %s now", key, was != NULL ? was : "another", is != NULL ? is : "this");
        free(was);
        free(is);
        return false;
    }
    return fault_set(f, FAULT_USAGE, "cannot resume: other options were given");
}

static bool differing_file(const json_t *then, const json_t *now, fault *f) {
    for (size_t i = 0; i < json_array_size(now); i++) {
        const json_t *a = json_array_get(then, i), *b = json_array_get(now, i);
        if (!same(a, b, "name"))
            return fault_set(f, FAULT_USAGE, "cannot resume: the input's file '%s' was not there", text_of(b, "name"));
        if (!same(a, b, "header"))
            return fault_set(f, FAULT_USAGE, "cannot resume: the header of the input's file '%s' has changed", text_of(b, "name"));
        if (!same(a, b, "weights"))
            return fault_set(f, FAULT_USAGE, "cannot resume: weights in the input's file '%s' have changed", text_of(b, "name"));
    }
    return fault_set(f, FAULT_USAGE, "cannot resume: the input had more files");
}

bool identity_same(const json_t *then, const json_t *now, fault *f) {
    if (json_equal(then, now) == 1)
        return true;
    if (!same(then, now, "program"))
        return fault_set(f, FAULT_USAGE, "cannot resume: it was begun by %s, and this is %s", text_of(then, "program"),
                         text_of(now, "program"));
    if (!same(then, now, "options"))
        return differing_option(json_object_get(then, "options"), json_object_get(now, "options"), f);
    if (!same(then, now, "files"))
        return differing_file(json_object_get(then, "files"), json_object_get(now, "files"), f);
    if (!same(then, now, "side files"))
        return fault_set(f, FAULT_USAGE, "cannot resume: the input's side files have changed");
    return fault_set(f, FAULT_USAGE, "cannot resume: the tensors would be coded in another way now");
}
