/* tools/info_json.c: slm info --json. Its members are described in slm(1). */
#include <string.h>

#include "info.h"
#include "report.h"
#include "tensor_text.h"

static json_t *profile_report(const slm_profile *p) {
    char polynomial[POLYNOMIAL_TEXT];
    json_t *o = json_object();
    report_set(o, "name", json_string(p->name));
    report_set(o, "coding", json_string(coding_name(p->coding)));
    report_set(o, "K", json_integer(p->K));
    report_set(o, "step", json_integer(p->step));
    report_set(o, "W", json_integer(p->W));
    report_set(o, "P", json_integer(p->P));
    report_set(o, "C", json_integer(p->C));
    if (p->coding == SLM_CODING_BLOCK) {
        report_set(o, "E", json_integer(p->E));
        report_set(o, "B", json_integer(p->B));
        report_set(o, "norm", json_integer(p->norm));
    } else
        report_set(o, "k", json_integer(p->k));
    report_set(o, "taps", report_u64(p->taps));
    report_set(o, "polynomial", json_string(polynomial_text(polynomial, p->K, p->taps)));
    report_set(o, "bits_per_weight", report_real(profile_bits(p)));
    return o;
}

static json_t *tensor_report(const info_view *view, size_t index, const slm_tensor *t) {
    const slm_payload *payload = slm_reader_payload(view->input.reader, index);
    json_t *o = json_object();
    report_set(o, "name", json_stringn(t->name, t->name_length));
    report_set(o, "dtype", json_string(slm_dtype_name(t->dtype)));
    report_set(o, "shape", report_shape(t));
    report_set(o, "elements", report_u64(t->elements));
    report_set(o, "coding", json_string(coding_name(t->coding)));
    if (t->coding != SLM_CODING_RAW) {
        report_set(o, "profile", json_integer(t->profile));
        report_set(o, "rotation", json_integer(t->rotation));
        report_set(o, "sign_seed", json_integer(t->sign_seed));
        report_set(o, "run_length", report_u64(t->run_length));
        report_set(o, "runs", report_u64(t->runs));
        report_set(o, "scales", report_u64(t->scales));
    }
    report_set(o, "offset", report_u64(payload->offset));
    report_set(o, "bytes", report_u64(t->payload_size));
    report_set(o, "bits_per_weight", report_real(tensor_bits(t)));
    if (t->flags & SLM_TENSOR_HAS_ERROR)
        report_set(o, "error", report_real((double)t->error));
    if (t->flags & SLM_TENSOR_HAS_SOURCE_SUM)
        report_set(o, "source_sum", report_sum(t->source_sum));
    return o;
}

static json_t *sections_report(const slm_reader *reader) {
    json_t *sections = json_array();
    const slm_section *s;
    for (size_t i = 0; (s = slm_reader_section(reader, i)) != NULL; i++) {
        json_t *o = json_object();
        report_set(o, "type", report_u64(s->type));
        report_set(o, "name", json_string(section_name(s->type)));
        report_set(o, "must_understand", json_boolean(s->flags & SLM_FLAG_MUST_UNDERSTAND));
        report_set(o, "offset", report_u64(s->offset));
        report_set(o, "bytes", report_u64(s->size));
        report_append(sections, o);
    }
    return sections;
}

static json_t *other_payloads_report(const slm_reader *reader) {
    json_t *payloads = json_array();
    const slm_payload *p;
    for (size_t i = slm_reader_info(reader)->tensors; (p = slm_reader_payload(reader, i)) != NULL; i++) {
        json_t *o = json_object();
        report_set(o, "kind", report_u64(p->kind));
        report_set(o, "name", json_string(payload_kind_name(p->kind)));
        report_set(o, "offset", report_u64(p->offset));
        report_set(o, "bytes", report_u64(p->size));
        report_append(payloads, o);
    }
    return payloads;
}

static json_t *sources_report(const slm_reader *reader) {
    json_t *sources = json_array();
    const slm_source *s;
    for (size_t i = 0; (s = slm_reader_source(reader, i)) != NULL; i++) {
        json_t *o = json_object();
        report_set(o, "name", json_stringn(s->name, s->name_length));
        report_set(o, "tensors", json_integer(s->tensors));
        report_set(o, "first_tensor", json_integer(s->first_tensor));
        report_set(o, "header_bytes", report_u64(s->header_size));
        report_append(sources, o);
    }
    return sources;
}

static json_t *side_report(const info_view *view) {
    json_t *side = json_array();
    for (size_t i = 0; i < view->side.count; i++) {
        json_t *o = json_object();
        report_set(o, "name", report_text(view->side.files[i].name, strlen(view->side.files[i].name)));
        report_set(o, "bytes", report_u64(view->side.files[i].size));
        report_append(side, o);
    }
    return side;
}

json_t *info_report(const info_view *view) {
    const slm_reader *reader = view->input.reader;
    const slm_file_info *info = slm_reader_info(reader);
    json_t *o = json_object();
    report_set(o, "path", report_text(view->input.name, strlen(view->input.name)));
    report_set(o, "status", json_string(slm_status_name(SLM_OK)));
    report_set(o, "format", json_sprintf("%u.%u", info->format_major, info->format_minor));
    report_set(o, "bytes", report_u64(info->file_size));
    report_set(o, "index_bytes", report_u64(info->index_size));
    report_set(o, "alignment", report_u64(UINT64_C(1) << info->align_log2));
    report_set(o, "chunk", report_u64(UINT64_C(1) << info->chunk_log2));
    report_set(o, "features_must", report_u64(info->features_must));
    report_set(o, "features_may", report_u64(info->features_may));
    report_set(o, "weights", report_u64(view->weights));
    report_set(o, "bits_per_weight", report_real(info_bits(info->file_size, view->weights)));
    report_set(o, "coded_tensors", report_u64(view->coded_tensors));
    report_set(o, "coded_weights", report_u64(view->coded_weights));
    report_set(o, "coded_bytes", report_u64(view->coded_bytes));
    report_set(o, "coded_bits_per_weight", report_real(info_bits(view->coded_bytes, view->coded_weights)));

    json_t *profiles = json_array();
    const slm_profile *profile;
    for (size_t i = 0; (profile = slm_reader_profile(reader, i)) != NULL; i++)
        report_append(profiles, profile_report(profile));
    report_set(o, "profiles", profiles);

    json_t *tensors = json_array();
    const slm_tensor *tensor;
    for (size_t i = 0; (tensor = slm_reader_tensor(reader, i)) != NULL; i++)
        if (info_shows(view, tensor))
            report_append(tensors, tensor_report(view, i, tensor));
    report_set(o, "tensors", tensors);

    report_set(o, "sections", sections_report(reader));
    report_set(o, "other_payloads", other_payloads_report(reader));
    report_set(o, "sources", sources_report(reader));
    report_set(o, "side_files", side_report(view));
    /* An array, not an object: the order of the keys is the file's. */
    json_t *metadata = json_array();
    const slm_metadata *m;
    for (size_t i = 0; (m = slm_reader_metadata(reader, i)) != NULL; i++) {
        json_t *pair = json_object();
        report_set(pair, "key", json_stringn(m->key, m->key_length));
        report_set(pair, "value", json_stringn(m->value, m->value_length));
        report_append(metadata, pair);
    }
    report_set(o, "metadata", metadata);
    return o;
}
