/* The six sections of format 1.0, rule by rule. */
#include "index_sections.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "checked.h"
#include "error.h"
#include "tensor.h"
#include "utf8.h"

static slm_status fail(const slmi_body *body, slm_status status, const char *rule, uint64_t at, const char *what) {
    return slmi_fail(body->error, status, rule, body->offset + at, SLMI_NOWHERE, "%s", what);
}

/* What sections that count their records begin with: u32 count | u32 zero. A record takes at least `least` bytes. */
typedef struct list_rules {
    const char *name;
    const char *limit_rule;
    uint32_t limit;
    uint32_t least;
    const char *short_rule; /* broken where the records do not fit */
} list_rules;

static slm_status read_count(const slmi_body *body, const list_rules *rules, uint32_t *count) {
    if (body->size < 8)
        return slmi_fail(body->error, SLM_E_INDEX, "SEC-10", body->offset, SLMI_NOWHERE, "the section %s is shorter than its count",
                         rules->name);
    *count = load_u32(body->bytes);
    if (load_u32(body->bytes + 4) != 0)
        return fail(body, SLM_E_INDEX, "SEC-12", 4, "a reserved field is not zero");
    if (*count > rules->limit)
        return slmi_fail(body->error, SLM_E_LIMIT, rules->limit_rule, body->offset, SLMI_NOWHERE,
                         "%" PRIu32 " records in the section %s: above %" PRIu32, *count, rules->name, rules->limit);
    if (*count > (body->size - 8) / rules->least)
        return slmi_fail(body->error, SLM_E_INDEX, rules->short_rule, body->offset, SLMI_NOWHERE,
                         "the section %s is too short for the %" PRIu32 " records it states", rules->name, *count);
    return SLM_OK;
}

/* Checks that `length` bytes of a record at `start`, padded to a multiple of 8, lie in the body and that the padding is zero. */
static slm_status end_record(const slmi_body *body, const char *rule, uint64_t start, uint64_t length, uint64_t *next) {
    uint64_t padded;
    if (!checked_round_up(length, 3, &padded) || !checked_range(start, padded, body->size))
        return fail(body, SLM_E_INDEX, "SEC-10", start, "a record does not fit into its section");
    size_t padding = (size_t)(padded - length), clean = zero_prefix(body->bytes + start + length, padding);
    if (clean != padding)
        return fail(body, SLM_E_INDEX, rule, start + length + clean, "padding behind a record is not zero");
    *next = start + padded;
    return SLM_OK;
}

/* Sorts names and refuses two equal ones. `tensor` tells whether they are tensors' names. */
static slm_status sort_names(const slmi_body *body, slmi_name *names, uint32_t count, const char *rule, const char *what, bool tensor) {
    uint32_t duplicate;
    if (!slmi_names_sort(body->allocator, names, count, &duplicate))
        return slmi_fail_memory(body->error);
    if (duplicate == UINT32_MAX)
        return SLM_OK;
    char quoted[SLMI_QUOTED_BYTES] = "";
    for (uint32_t i = 0; i < count; i++) {
        if (names[i].index == duplicate)
            slmi_quote(quoted, names[i].bytes, names[i].length);
    }
    return slmi_fail(body->error, SLM_E_INDEX, rule, body->offset, tensor ? duplicate : SLMI_NOWHERE, "two %s are called %s", what, quoted);
}

slm_status slmi_parse_profiles(slmi_index *index, const slmi_body *body) {
    static const list_rules rules = {"PROFILES", "PRO-22", SLM_PROFILES_MAX, SLM_PROFILE_BYTES, "PRO-1"};
    uint32_t count;
    slm_status status = read_count(body, &rules, &count);
    if (status != SLM_OK)
        return status;
    if (body->size != 8 + (uint64_t)count * SLM_PROFILE_BYTES)
        return fail(body, SLM_E_INDEX, "PRO-1", 8 + (uint64_t)count * SLM_PROFILE_BYTES, "bytes follow the last profile");
    index->profiles = slmi_allocate_zeroed(body->allocator, count, sizeof *index->profiles);
    if (index->profiles == NULL)
        return slmi_fail_memory(body->error);
    index->info.profiles = count;
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t at = 8 + (uint64_t)i * SLM_PROFILE_BYTES;
        const char *reason = NULL;
        status = slm_profile_parse(&index->profiles[i], body->bytes + at, &reason);
        if (status != SLM_OK) {
            char what[32];
            snprintf(what, sizeof what, "profile %" PRIu32, i);
            return slmi_fail_reason(body->error, status, reason, body->offset + at, SLMI_NOWHERE, what);
        }
    }
    return SLM_OK;
}

/* Reads the record at *at into `tensor`, converts its shape in place and moves *at behind it. */
static slm_status read_tensor(const slmi_body *body, uint32_t number, slm_tensor *tensor, uint64_t *at) {
    const uint64_t start = *at;
    uint8_t *p = body->bytes + start;
    if (body->size - start < SLMI_TENSOR_RECORD_BYTES)
        return fail(body, SLM_E_INDEX, "SEC-10", start, "a tensor record does not fit into its section");
    if (p[0] > SLM_CODING_TRELLIS)
        return slmi_fail(body->error, SLM_E_FEATURE, "TEN-2", body->offset + start, number, "coding %u, which this library does not know",
                         p[0]);
    if (slm_dtype_bits((slm_dtype)p[1]) == 0)
        return slmi_fail(body->error, SLM_E_FEATURE, "TEN-3", body->offset + start + 1, number,
                         "element type %u, which this library does not know", p[1]);
    tensor->coding = (slm_coding_id)p[0];
    tensor->dtype = (slm_dtype)p[1];
    tensor->rank = p[2];
    tensor->rotation = p[3];
    tensor->flags = load_u16(p + 4);
    tensor->profile = load_u16(p + 6);
    tensor->sign_seed = load_u16(p + 8);
    tensor->name_length = load_u16(p + 10);
    tensor->run_length = load_u64(p + 16);
    tensor->source_sum = load_u64(p + 24);
    if (tensor->rank > SLM_RANK_MAX)
        return slmi_fail(body->error, SLM_E_LIMIT, "TEN-4", body->offset + start + 2, number, "more than 32 dimensions");
    const uint64_t length = SLMI_TENSOR_RECORD_BYTES + 8 * (uint64_t)tensor->rank + tensor->name_length;
    slm_status status = end_record(body, "TEN-9", start, length, at);
    if (status != SLM_OK)
        return status;
    if (load_u32(p + 12) != 0 || load_u32(p + 36) != 0)
        return fail(body, SLM_E_INDEX, "TEN-6", start + (load_u32(p + 12) != 0 ? 12 : 36), "a reserved field is not zero");
    if ((tensor->flags & ~(SLM_TENSOR_SCALE_PER_RUN | SLM_TENSOR_HAS_SOURCE_SUM | SLM_TENSOR_HAS_ERROR)) != 0)
        return fail(body, SLM_E_INDEX, "TEN-5", start + 4, "a reserved tensor flag is set");
    const uint32_t error_bits = load_u32(p + 32);
    if ((tensor->flags & SLM_TENSOR_HAS_SOURCE_SUM) == 0 && tensor->source_sum != 0)
        return fail(body, SLM_E_INDEX, "TEN-19", start + 24, "a source sum that is not stated by its flag");
    if ((tensor->flags & SLM_TENSOR_HAS_ERROR) == 0 && error_bits != 0)
        return fail(body, SLM_E_INDEX, "TEN-20", start + 32, "an error that is not stated by its flag");
    if (error_bits >= 0x7F800000)
        return fail(body, SLM_E_INDEX, "TEN-20", start + 32, "the stated error is negative or not finite");
    memcpy(&tensor->error, &error_bits, sizeof tensor->error);
    uint8_t *dims = p + SLMI_TENSOR_RECORD_BYTES;
    for (unsigned i = 0; i < tensor->rank; i++) { /* records start on multiples of 8 of allocated memory */
        uint64_t dim = load_u64(dims + 8 * (size_t)i);
        memcpy(dims + 8 * (size_t)i, &dim, sizeof dim);
    }
    tensor->shape = (const uint64_t *)(const void *)dims;
    tensor->name = (const char *)dims + 8 * (size_t)tensor->rank;
    return SLM_OK;
}

slm_status slmi_parse_tensors(slmi_index *index, const slmi_body *body) {
    static const list_rules rules = {"TENSORS", "TEN-1", SLM_TENSORS_MAX, SLMI_TENSOR_RECORD_BYTES, "SEC-10"};
    uint32_t count;
    slm_status status = read_count(body, &rules, &count);
    if (status != SLM_OK)
        return status;
    slmi_codings *codings = slmi_allocate_zeroed(body->allocator, 1, sizeof *codings);
    index->tensors = slmi_allocate_zeroed(body->allocator, count, sizeof *index->tensors);
    if (codings == NULL || index->tensors == NULL) {
        slmi_free(body->allocator, codings);
        return slmi_fail_memory(body->error);
    }
    index->info.tensors = count;
    uint64_t at = 8;
    for (uint32_t i = 0; i < count && status == SLM_OK; i++) {
        const uint64_t start = at;
        status = read_tensor(body, i, &index->tensors[i], &at);
        if (status == SLM_OK)
            status = slmi_tensor_derive(&index->tensors[i], index->profiles, index->info.profiles, codings, body->offset + start, i,
                                        body->error);
    }
    slmi_free(body->allocator, codings);
    if (status == SLM_OK && at != body->size)
        return fail(body, SLM_E_INDEX, "SEC-10", at, "bytes follow the last tensor");
    if (status != SLM_OK)
        return status;
    index->tensor_names = slmi_allocate(body->allocator, count, sizeof *index->tensor_names);
    if (index->tensor_names == NULL)
        return slmi_fail_memory(body->error);
    for (uint32_t i = 0; i < count; i++)
        index->tensor_names[i] = (slmi_name){index->tensors[i].name, (uint32_t)index->tensors[i].name_length, i};
    return sort_names(body, index->tensor_names, count, "TEN-8", "tensors", true);
}

/* Names are moved down by one byte, over a field that was read, so that a NUL fits behind them. */
static const char *make_room(uint8_t *name, size_t length) {
    uint8_t *moved = name - 1;
    memmove(moved, name, length);
    moved[length] = 0;
    return (const char *)moved;
}

slm_status slmi_parse_metadata(slmi_index *index, const slmi_body *body) {
    static const list_rules rules = {"METADATA", "MET-1", SLM_METADATA_MAX, SLMI_METADATA_RECORD_BYTES, "SEC-10"};
    uint32_t count;
    slm_status status = read_count(body, &rules, &count);
    if (status != SLM_OK)
        return status;
    index->metadata = slmi_allocate_zeroed(body->allocator, count, sizeof *index->metadata);
    if (index->metadata == NULL)
        return slmi_fail_memory(body->error);
    index->info.metadata = count;
    uint64_t at = 8;
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t start = at;
        uint8_t *p = body->bytes + start;
        if (body->size - start < SLMI_METADATA_RECORD_BYTES)
            return fail(body, SLM_E_INDEX, "SEC-10", start, "a metadata record does not fit into its section");
        const uint64_t key_length = load_u32(p), value_length = load_u32(p + 4);
        status = end_record(body, "MET-5", start, SLMI_METADATA_RECORD_BYTES + key_length + value_length, &at);
        if (status != SLM_OK)
            return status;
        p += SLMI_METADATA_RECORD_BYTES;
        if (key_length == 0)
            return fail(body, SLM_E_INDEX, "MET-3", start, "an empty metadata key");
        if (slmi_utf8_check(p, (size_t)key_length) != key_length || slmi_utf8_check(p + key_length, (size_t)value_length) != value_length)
            return fail(body, SLM_E_INDEX, "MET-2", start, "metadata that is not UTF-8 or holds U+0000");
        slm_metadata *entry = &index->metadata[i];
        entry->value = (const char *)p + key_length;
        entry->value_length = (size_t)value_length;
        entry->key = make_room(p, (size_t)key_length);
        entry->key_length = (size_t)key_length;
    }
    if (at != body->size)
        return fail(body, SLM_E_INDEX, "SEC-10", at, "bytes follow the last metadata record");
    index->metadata_names = slmi_allocate(body->allocator, count, sizeof *index->metadata_names);
    if (index->metadata_names == NULL)
        return slmi_fail_memory(body->error);
    for (uint32_t i = 0; i < count; i++)
        index->metadata_names[i] = (slmi_name){index->metadata[i].key, (uint32_t)index->metadata[i].key_length, i};
    return sort_names(body, index->metadata_names, count, "MET-4", "metadata entries", false);
}

bool slmi_source_name_is_legal(const char *name, size_t length) {
    if (slmi_utf8_check((const uint8_t *)name, length) != length)
        return false;
    if ((length == 1 && name[0] == '.') || (length == 2 && name[0] == '.' && name[1] == '.'))
        return false;
    return length == 0 || (memchr(name, '/', length) == NULL && memchr(name, '\\', length) == NULL);
}

slm_status slmi_parse_sources(slmi_index *index, const slmi_body *body) {
    static const list_rules rules = {"SOURCES", "SRC-2", SLM_SOURCES_MAX, SLMI_SOURCE_RECORD_BYTES, "SEC-10"};
    uint32_t count;
    slm_status status = read_count(body, &rules, &count);
    if (status != SLM_OK)
        return status;
    if (count == 0)
        return fail(body, SLM_E_INDEX, "SRC-1", 0, "the section SOURCES names no source");
    index->sources = slmi_allocate_zeroed(body->allocator, count, sizeof *index->sources);
    if (index->sources == NULL)
        return slmi_fail_memory(body->error);
    index->info.sources = count;
    uint64_t at = 8, tensors = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t start = at;
        uint8_t *p = body->bytes + start;
        if (body->size - start < SLMI_SOURCE_RECORD_BYTES)
            return fail(body, SLM_E_INDEX, "SEC-10", start, "a source record does not fit into its section");
        const uint32_t own = load_u32(p), name_length = load_u16(p + 4);
        const uint64_t header_size = load_u64(p + 8);
        if (load_u16(p + 6) != 0)
            return fail(body, SLM_E_INDEX, "SRC-3", start + 6, "a reserved field is not zero");
        if (header_size > SLMI_SOURCE_HEADER_MAX)
            return fail(body, SLM_E_LIMIT, "SRC-7", start + 8, "a source header above 100,000,000 bytes");
        status = end_record(body, "SRC-3", start, SLMI_SOURCE_RECORD_BYTES + name_length + header_size, &at);
        if (status != SLM_OK)
            return status;
        p += SLMI_SOURCE_RECORD_BYTES;
        if (!slmi_source_name_is_legal((const char *)p, name_length))
            return fail(body, SLM_E_INDEX, "SRC-5", start, "a source name that is not a plain UTF-8 file name");
        slm_source *source = &index->sources[i];
        source->header = p + name_length;
        source->header_size = (size_t)header_size;
        source->name = make_room(p, name_length);
        source->name_length = name_length;
        source->first_tensor = (uint32_t)tensors;
        source->tensors = own;
        tensors += own;
    }
    if (tensors != index->info.tensors)
        return fail(body, SLM_E_INDEX, "SRC-4", 0, "the sources do not hold all tensors exactly once");
    if (at != body->size)
        return fail(body, SLM_E_INDEX, "SEC-10", at, "bytes follow the last source");
    slmi_name *names = slmi_allocate(body->allocator, count, sizeof *names); /* needed for this check alone */
    if (names == NULL)
        return slmi_fail_memory(body->error);
    for (uint32_t i = 0; i < count; i++)
        names[i] = (slmi_name){index->sources[i].name, (uint32_t)index->sources[i].name_length, i};
    status = sort_names(body, names, count, "SRC-6", "sources", false);
    slmi_free(body->allocator, names);
    return status;
}

/* Checks kind and flags of payload i. */
static slm_status check_kind(const slmi_index *index, const slmi_body *body, uint32_t i, uint64_t at) {
    const slm_payload *payload = &index->payloads[i];
    const uint32_t kind = (uint32_t)payload->kind;
    const bool known = kind == SLM_PAYLOAD_TENSOR || kind == SLM_PAYLOAD_SIDE_FILES;
    if (!known && (payload->flags & SLM_FLAG_MUST_UNDERSTAND) != 0) /* before other faults of the item: [ERR-4] */
        return slmi_fail(body->error, SLM_E_FEATURE, "PAY-8", body->offset + at + 24, SLMI_NOWHERE,
                         "payload kind %" PRIu32 " must be understood, and this library does not know it", kind);
    if ((payload->flags & ~SLM_FLAG_MUST_UNDERSTAND) != 0)
        return fail(body, SLM_E_INDEX, "PAY-7", at + 28, "a reserved payload flag is set");
    if (i < index->info.tensors) {
        if (kind == SLM_PAYLOAD_TENSOR && payload->flags == SLM_FLAG_MUST_UNDERSTAND)
            return SLM_OK;
        return fail(body, SLM_E_INDEX, "PAY-4", at + 24, "the payload of a tensor has another kind or flag");
    }
    if (kind < SLM_PAYLOAD_SIDE_FILES)
        return fail(body, SLM_E_INDEX, "PAY-5", at + 24, "a tensor's payload without a tensor");
    if (i > index->info.tensors && kind < (uint32_t)index->payloads[i - 1].kind)
        return fail(body, SLM_E_INDEX, "PAY-5", at + 24, "the payload kinds descend");
    if (kind == SLM_PAYLOAD_SIDE_FILES && (payload->flags != 0 || i > index->info.tensors))
        return fail(body, SLM_E_INDEX, "PAY-6", at + 24, "side files twice, or with a wrong flag");
    return SLM_OK;
}

slm_status slmi_parse_payloads(slmi_index *index, const slmi_body *body) {
    static const list_rules rules = {"PAYLOADS", "PAY-2", SLM_PAYLOADS_MAX, SLMI_PAYLOAD_RECORD_BYTES, "PAY-3"};
    uint32_t count;
    slm_status status = read_count(body, &rules, &count);
    if (status != SLM_OK)
        return status;
    if (body->size != 8 + (uint64_t)count * SLMI_PAYLOAD_RECORD_BYTES)
        return fail(body, SLM_E_INDEX, "PAY-3", 8 + (uint64_t)count * SLMI_PAYLOAD_RECORD_BYTES, "bytes follow the last payload");
    if (count < index->info.tensors)
        return fail(body, SLM_E_INDEX, "PAY-1", 0, "fewer payloads than tensors");
    index->payloads = slmi_allocate_zeroed(body->allocator, count, sizeof *index->payloads);
    if (index->payloads == NULL)
        return slmi_fail_memory(body->error);
    index->info.payloads = count;
    uint64_t end = SLM_HEADER_BYTES + index->info.index_size;
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t at = 8 + (uint64_t)i * SLMI_PAYLOAD_RECORD_BYTES;
        const uint8_t *p = body->bytes + at;
        slm_payload *payload = &index->payloads[i];
        payload->offset = load_u64(p);
        payload->size = load_u64(p + 8);
        payload->first_sum = load_u64(p + 16);
        payload->kind = (slm_payload_kind)load_u32(p + 24);
        payload->flags = load_u32(p + 28);
        status = check_kind(index, body, i, at);
        if (status != SLM_OK)
            return status;
        const uint64_t number = i < index->info.tensors ? i : SLMI_NOWHERE;
        uint64_t offset;
        if (i < index->info.tensors && payload->size != index->tensors[i].payload_size)
            return slmi_fail(body->error, SLM_E_INDEX, "PAY-13", body->offset + at + 8, number,
                             "a payload of %" PRIu64 " bytes where the tensor needs %" PRIu64, payload->size,
                             index->tensors[i].payload_size);
        if (!checked_round_up(end, index->info.align_log2, &offset) || payload->offset != offset)
            return slmi_fail(body->error, SLM_E_INDEX, "PAY-10", body->offset + at, number,
                             "the payload's offset is not the next aligned one");
        if (!checked_range(offset, payload->size, index->info.file_size))
            return slmi_fail(body->error, SLM_E_INDEX, "PAY-10", body->offset + at + 8, number, "the payload does not fit into the file");
        if (payload->first_sum != index->chunks)
            return slmi_fail(body->error, SLM_E_INDEX, "PAY-12", body->offset + at + 16, number,
                             "the number of the first checksum is wrong");
        end = offset + payload->size;
        index->chunks += slmi_chunks(payload->size, index->info.chunk_log2);
    }
    uint64_t file_size;
    if (!checked_round_up(end, index->info.align_log2, &file_size) || file_size != index->info.file_size)
        return fail(body, SLM_E_INDEX, "PAY-11", 0, "the payloads do not end where the file does");
    return SLM_OK;
}

slm_status slmi_parse_checksums(slmi_index *index, const slmi_body *body) {
    if (body->size % 8 != 0 || body->size / 8 != index->chunks)
        return slmi_fail(body->error, SLM_E_INDEX, "SUM-3", body->offset, SLMI_NOWHERE,
                         "%" PRIu64 " bytes of checksums for %" PRIu64 " chunks", body->size, index->chunks);
    index->sums = body->bytes;
    return SLM_OK;
}

void slmi_terminate_names(slmi_index *index) {
    /* Behind each lie padding or the head of a record or section that was read. */
    for (uint32_t i = 0; i < index->info.tensors; i++)
        index->bytes[(size_t)((const uint8_t *)index->tensors[i].name - index->bytes) + index->tensors[i].name_length] = 0;
    for (uint32_t i = 0; i < index->info.metadata; i++)
        index->bytes[(size_t)((const uint8_t *)index->metadata[i].value - index->bytes) + index->metadata[i].value_length] = 0;
}
