/* Writing the index: the mirror of index_parse.c and index_sections.c. */
#include <string.h>

#include "bytes.h"
#include "layout.h"

/* Writes the head of a section and returns where its body begins. */
static uint8_t *section(uint8_t *p, uint32_t type, uint64_t size) {
    const bool optional = type == SLM_SECTION_METADATA || type == SLM_SECTION_SOURCES;
    store_u32(p, type);
    store_u32(p + 4, optional ? 0 : SLM_FLAG_MUST_UNDERSTAND);
    store_u64(p + 8, size);
    return p + SLMI_SECTION_HEADER_BYTES;
}

/* The same for one that begins with a count. */
static uint8_t *counted_section(uint8_t *p, uint32_t type, uint64_t record_bytes, size_t count) {
    p = section(p, type, 8 + record_bytes);
    store_u32(p, (uint32_t)count);
    return p + 8;
}

static uint8_t *append(uint8_t *p, const void *data, size_t size) {
    if (size != 0)
        memcpy(p, data, size);
    return p + size;
}

/* Moves to the next multiple of 8 from `start`; the bytes between are zero already. */
static uint8_t *pad(uint8_t *start, const uint8_t *p) { return start + (((size_t)(p - start) + 7) & ~(size_t)7); }

static uint8_t *store_tensor(uint8_t *start, const slm_tensor *tensor, const slmi_result *result) {
    uint8_t *p = start;
    uint32_t error_bits = 0;
    memcpy(&error_bits, &result->error, sizeof error_bits);
    p[0] = (uint8_t)tensor->coding;
    p[1] = (uint8_t)tensor->dtype;
    p[2] = (uint8_t)tensor->rank;
    p[3] = tensor->rotation;
    store_u16(p + 4, (uint16_t)(tensor->flags | result->flags));
    store_u16(p + 6, tensor->profile);
    store_u16(p + 8, tensor->sign_seed);
    store_u16(p + 10, (uint16_t)tensor->name_length);
    store_u64(p + 16, tensor->run_length);
    store_u64(p + 24, result->source_sum);
    store_u32(p + 32, error_bits);
    p += SLMI_TENSOR_RECORD_BYTES;
    for (unsigned i = 0; i < tensor->rank; i++, p += 8)
        store_u64(p, tensor->shape[i]);
    return pad(start, append(p, tensor->name, tensor->name_length));
}

static uint8_t *store_metadata(uint8_t *start, const slm_metadata *entry) {
    store_u32(start, (uint32_t)entry->key_length);
    store_u32(start + 4, (uint32_t)entry->value_length);
    uint8_t *p = append(start + SLMI_METADATA_RECORD_BYTES, entry->key, entry->key_length);
    return pad(start, append(p, entry->value, entry->value_length));
}

static uint8_t *store_source(uint8_t *start, const slm_source *source) {
    store_u32(start, source->tensors);
    store_u16(start + 4, (uint16_t)source->name_length);
    store_u64(start + 8, source->header_size);
    uint8_t *p = append(start + SLMI_SOURCE_RECORD_BYTES, source->name, source->name_length);
    return pad(start, append(p, source->header, source->header_size));
}

static uint8_t *store_payload(uint8_t *p, const slm_payload *payload) {
    store_u64(p, payload->offset);
    store_u64(p + 8, payload->size);
    store_u64(p + 16, payload->first_sum);
    store_u32(p + 24, (uint32_t)payload->kind);
    store_u32(p + 28, payload->flags);
    return p + SLMI_PAYLOAD_RECORD_BYTES;
}

void slmi_index_store(const slm_layout *layout, const slmi_plan *plan, const slm_payload *payloads, const slmi_result *results,
                      const uint64_t *sums, uint8_t *bytes) {
    const size_t payload_count = slmi_layout_payloads(layout);
    memset(bytes, 0, (size_t)plan->index_size);
    uint8_t *p = counted_section(bytes, SLM_SECTION_PROFILES, (uint64_t)layout->profile_count * SLM_PROFILE_BYTES, layout->profile_count);
    for (size_t i = 0; i < layout->profile_count; i++, p += SLM_PROFILE_BYTES)
        slm_profile_store(&layout->profiles[i], p);
    p = counted_section(p, SLM_SECTION_TENSORS, layout->tensor_bytes, layout->tensor_count);
    for (size_t i = 0; i < layout->tensor_count; i++)
        p = store_tensor(p, layout->tensors[i], &results[i]);
    if (layout->metadata_count != 0)
        p = counted_section(p, SLM_SECTION_METADATA, layout->metadata_bytes, layout->metadata_count);
    for (size_t i = 0; i < layout->metadata_count; i++)
        p = store_metadata(p, &layout->metadata[i]);
    if (layout->source_count != 0)
        p = counted_section(p, SLM_SECTION_SOURCES, layout->source_bytes, layout->source_count);
    for (size_t i = 0; i < layout->source_count; i++)
        p = store_source(p, &layout->sources[i]);
    p = counted_section(p, SLM_SECTION_PAYLOADS, (uint64_t)payload_count * SLMI_PAYLOAD_RECORD_BYTES, payload_count);
    for (size_t i = 0; i < payload_count; i++)
        p = store_payload(p, &payloads[i]);
    p = section(p, SLM_SECTION_CHECKSUMS, 8 * plan->chunks);
    for (uint64_t i = 0; i < plan->chunks; i++, p += 8)
        store_u64(p, sums[i]);
}
