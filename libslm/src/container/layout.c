/* Describing the file to be. */
#include "layout.h"

#include <string.h>

#include "checked.h"
#include "error.h"
#include "utf8.h"

slm_status slm_layout_create(slm_layout **created, const slm_layout_options *given) {
    slm_layout_options options = {0};
    *created = NULL;
    if (given != NULL) {
        if (given->struct_size < sizeof given->struct_size)
            return SLM_E_ARGUMENT;
        memcpy(&options, given, given->struct_size < sizeof options ? given->struct_size : sizeof options);
    }
    const unsigned align_log2 = options.align_log2 == 0 ? SLM_ALIGN_LOG2_MIN : options.align_log2;
    const unsigned chunk_log2 = options.chunk_log2 == 0 ? SLM_CHUNK_LOG2_DEFAULT : options.chunk_log2;
    if (align_log2 < SLM_ALIGN_LOG2_MIN || align_log2 > SLM_ALIGN_LOG2_MAX || chunk_log2 < SLM_CHUNK_LOG2_MIN ||
        chunk_log2 > SLM_CHUNK_LOG2_MAX)
        return SLM_E_ARGUMENT;
    const slm_allocator allocator = slmi_allocator(options.allocator);
    slm_layout *layout = slmi_allocate_zeroed(&allocator, 1, sizeof *layout);
    if (layout == NULL)
        return SLM_E_MEMORY;
    layout->allocator = allocator;
    layout->align_log2 = align_log2;
    layout->chunk_log2 = chunk_log2;
    *created = layout;
    return SLM_OK;
}

void slm_layout_free(slm_layout *layout) {
    if (layout == NULL)
        return;
    const slm_allocator allocator = layout->allocator;
    for (size_t i = 0; i < layout->tensor_count; i++)
        slmi_free(&allocator, layout->tensors[i]);
    for (size_t i = 0; i < layout->source_count; i++)
        slmi_free(&allocator, (void *)(uintptr_t)layout->sources[i].name);
    for (size_t i = 0; i < layout->metadata_count; i++)
        slmi_free(&allocator, (void *)(uintptr_t)layout->metadata[i].key);
    slmi_free(&allocator, layout->profiles);
    slmi_free(&allocator, layout->tensors);
    slmi_free(&allocator, layout->sources);
    slmi_free(&allocator, layout->metadata);
    slmi_free(&allocator, layout);
}

slm_status slm_layout_add_profile(slm_layout *layout, const slm_profile *profile, uint16_t *index) {
    slm_status status = slm_profile_check(profile, NULL);
    if (status != SLM_OK)
        return status;
    uint8_t wanted[SLM_PROFILE_BYTES], there[SLM_PROFILE_BYTES];
    slm_profile_store(profile, wanted);
    for (size_t i = 0; i < layout->profile_count; i++) {
        slm_profile_store(&layout->profiles[i], there);
        if (memcmp(wanted, there, sizeof there) == 0) {
            *index = (uint16_t)i;
            return SLM_OK;
        }
    }
    if (layout->frozen)
        return SLM_E_STATE;
    if (layout->profile_count == SLM_PROFILES_MAX)
        return SLM_E_LIMIT;
    slm_profile *profiles =
        slmi_reserve(&layout->allocator, layout->profiles, &layout->profile_room, layout->profile_count + 1, sizeof *profiles);
    if (profiles == NULL)
        return SLM_E_MEMORY;
    layout->profiles = profiles;
    *index = (uint16_t)layout->profile_count;
    layout->profiles[layout->profile_count++] = *profile;
    return SLM_OK;
}

static slm_status fail_frozen(slm_error *error) { return slmi_fail_call(error, SLM_E_STATE, "a writer already uses this layout"); }

/* A copy in one allocation: the tensor, its shape, its name. NULL without memory. */
static slm_tensor *copy_tensor(const slm_layout *layout, const slm_tensor *given) {
    const size_t shape_at = (sizeof(slm_tensor) + 7) & ~(size_t)7, name_at = shape_at + given->rank * sizeof(uint64_t);
    uint8_t *bytes = slmi_allocate_zeroed(&layout->allocator, name_at + given->name_length + 1, 1);
    if (bytes == NULL)
        return NULL;
    slm_tensor *tensor = (slm_tensor *)(void *)bytes;
    tensor->dtype = given->dtype;
    tensor->rank = given->rank;
    tensor->coding = given->coding;
    if (given->rank != 0)
        memcpy(bytes + shape_at, given->shape, given->rank * sizeof(uint64_t));
    if (given->name_length != 0)
        memcpy(bytes + name_at, given->name, given->name_length);
    tensor->shape = (const uint64_t *)(const void *)(bytes + shape_at);
    tensor->name = (const char *)bytes + name_at;
    tensor->name_length = given->name_length;
    if (given->coding != SLM_CODING_RAW) {
        tensor->flags = given->flags & SLM_TENSOR_SCALE_PER_RUN;
        tensor->profile = given->profile;
        tensor->rotation = given->rotation;
        tensor->sign_seed = given->sign_seed;
        tensor->run_length = given->run_length;
    }
    return tensor;
}

slm_status slm_layout_add_tensor(slm_layout *layout, const slm_tensor *given, size_t *index, slm_error *error) {
    if (layout->frozen)
        return fail_frozen(error);
    if (layout->has_side_files)
        return slmi_fail_call(error, SLM_E_STATE, "side files are added after the last tensor");
    if (layout->tensor_count == SLM_TENSORS_MAX)
        return slmi_fail(error, SLM_E_LIMIT, "TEN-1", SLMI_NOWHERE, layout->tensor_count, "more than 1,048,576 tensors");
    if (given->rank > SLM_RANK_MAX)
        return slmi_fail(error, SLM_E_LIMIT, "TEN-4", SLMI_NOWHERE, layout->tensor_count, "a tensor of more than 32 dimensions");
    if (given->name_length > SLM_NAME_BYTES_MAX)
        return slmi_fail(error, SLM_E_LIMIT, "LIM-1", SLMI_NOWHERE, layout->tensor_count, "a tensor's name of more than 65,535 bytes");
    slm_tensor **tensors =
        slmi_reserve(&layout->allocator, layout->tensors, &layout->tensor_room, layout->tensor_count + 1, sizeof *tensors);
    if (tensors == NULL)
        return slmi_fail_memory(error);
    layout->tensors = tensors;
    slm_tensor *tensor = copy_tensor(layout, given);
    if (tensor == NULL)
        return slmi_fail_memory(error);
    slm_status status =
        slmi_tensor_derive(tensor, layout->profiles, layout->profile_count, &layout->codings, SLMI_NOWHERE, layout->tensor_count, error);
    if (status != SLM_OK) {
        slmi_free(&layout->allocator, tensor);
        return status;
    }
    layout->tensor_bytes += (SLMI_TENSOR_RECORD_BYTES + 8 * (uint64_t)tensor->rank + tensor->name_length + 7) & ~(uint64_t)7;
    if (index != NULL)
        *index = layout->tensor_count;
    layout->tensors[layout->tensor_count++] = tensor;
    return SLM_OK;
}

/* Two texts in one allocation, each followed by a NUL; *second is where the second begins. */
static char *copy_pair(const slm_layout *layout, const void *a, size_t a_size, const void *b, size_t b_size, char **second) {
    char *bytes = slmi_allocate(&layout->allocator, (uint64_t)a_size + b_size + 2, 1);
    if (bytes == NULL)
        return NULL;
    *second = bytes + a_size + 1;
    if (a_size != 0)
        memcpy(bytes, a, a_size);
    if (b_size != 0)
        memcpy(*second, b, b_size);
    bytes[a_size] = (*second)[b_size] = 0;
    return bytes;
}

slm_status slm_layout_add_source(slm_layout *layout, const char *name, size_t name_length, const void *header, size_t header_size,
                                 slm_error *error) {
    if (layout->frozen)
        return fail_frozen(error);
    if (layout->source_count == SLM_SOURCES_MAX)
        return slmi_fail(error, SLM_E_LIMIT, "SRC-2", SLMI_NOWHERE, SLMI_NOWHERE, "more than 65,536 sources");
    if (name_length > SLM_NAME_BYTES_MAX)
        return slmi_fail(error, SLM_E_LIMIT, "LIM-1", SLMI_NOWHERE, SLMI_NOWHERE, "a source's name of more than 65,535 bytes");
    if (header_size > SLMI_SOURCE_HEADER_MAX)
        return slmi_fail(error, SLM_E_LIMIT, "SRC-7", SLMI_NOWHERE, SLMI_NOWHERE, "a source header above 100,000,000 bytes");
    char quoted[SLMI_QUOTED_BYTES];
    if (!slmi_source_name_is_legal(name, name_length))
        return slmi_fail(error, SLM_E_INDEX, "SRC-5", SLMI_NOWHERE, SLMI_NOWHERE, "%s cannot name a source",
                         slmi_quote(quoted, name, name_length));
    char *second;
    slm_source *sources =
        slmi_reserve(&layout->allocator, layout->sources, &layout->source_room, layout->source_count + 1, sizeof *sources);
    if (sources == NULL)
        return slmi_fail_memory(error);
    layout->sources = sources;
    char *copy = copy_pair(layout, name, name_length, header, header_size, &second);
    if (copy == NULL)
        return slmi_fail_memory(error);
    layout->sources[layout->source_count++] = (slm_source){copy,
                                                           name_length,
                                                           (const uint8_t *)second,
                                                           header_size,
                                                           (uint32_t)layout->sourced,
                                                           (uint32_t)(layout->tensor_count - layout->sourced)};
    layout->sourced = layout->tensor_count;
    layout->source_bytes += (SLMI_SOURCE_RECORD_BYTES + (uint64_t)name_length + header_size + 7) & ~(uint64_t)7;
    return SLM_OK;
}

slm_status slm_layout_add_metadata(slm_layout *layout, const char *key, size_t key_length, const char *value, size_t value_length,
                                   slm_error *error) {
    if (layout->frozen)
        return fail_frozen(error);
    if (layout->metadata_count == SLM_METADATA_MAX)
        return slmi_fail(error, SLM_E_LIMIT, "MET-1", SLMI_NOWHERE, SLMI_NOWHERE, "more than 65,536 metadata entries");
    if (key_length > SLM_INDEX_BYTES_MAX || value_length > SLM_INDEX_BYTES_MAX)
        return slmi_fail(error, SLM_E_LIMIT, "HDR-12", SLMI_NOWHERE, SLMI_NOWHERE, "metadata above 2^30 bytes");
    if (key_length == 0)
        return slmi_fail(error, SLM_E_INDEX, "MET-3", SLMI_NOWHERE, SLMI_NOWHERE, "an empty metadata key");
    char quoted[SLMI_QUOTED_BYTES];
    if (slmi_utf8_check((const uint8_t *)key, key_length) != key_length ||
        slmi_utf8_check((const uint8_t *)value, value_length) != value_length)
        return slmi_fail(error, SLM_E_INDEX, "MET-2", SLMI_NOWHERE, SLMI_NOWHERE, "metadata %s: not UTF-8, or with U+0000",
                         slmi_quote(quoted, key, key_length));
    char *second;
    slm_metadata *metadata =
        slmi_reserve(&layout->allocator, layout->metadata, &layout->metadata_room, layout->metadata_count + 1, sizeof *metadata);
    if (metadata == NULL)
        return slmi_fail_memory(error);
    layout->metadata = metadata;
    char *copy = copy_pair(layout, key, key_length, value, value_length, &second);
    if (copy == NULL)
        return slmi_fail_memory(error);
    layout->metadata[layout->metadata_count++] = (slm_metadata){copy, key_length, second, value_length};
    layout->metadata_bytes += (SLMI_METADATA_RECORD_BYTES + (uint64_t)key_length + value_length + 7) & ~(uint64_t)7;
    return SLM_OK;
}

slm_status slm_layout_add_side_files(slm_layout *layout, uint64_t size, size_t *payload, slm_error *error) {
    if (layout->frozen)
        return fail_frozen(error);
    if (layout->has_side_files)
        return slmi_fail(error, SLM_E_STATE, "PAY-6", SLMI_NOWHERE, SLMI_NOWHERE, "side files are added twice");
    if (size >= SLM_FILE_BYTES_MAX)
        return slmi_fail(error, SLM_E_LIMIT, "HDR-13", SLMI_NOWHERE, SLMI_NOWHERE, "side files of 2^62 bytes or more");
    layout->has_side_files = true;
    layout->side_files_size = size;
    if (payload != NULL)
        *payload = layout->tensor_count;
    return SLM_OK;
}

/* Adds what a section takes in the index: its head and its body, a multiple of 8. */
static uint64_t section_bytes(uint64_t body) { return SLMI_SECTION_HEADER_BYTES + body; }

static uint64_t payload_size(const slm_layout *layout, size_t index) {
    return index < layout->tensor_count ? layout->tensors[index]->payload_size : layout->side_files_size;
}

slm_status slmi_layout_plan(const slm_layout *layout, slmi_plan *plan, slm_payload *payloads, slm_error *error) {
    const size_t count = slmi_layout_payloads(layout);
    uint64_t chunks = 0;
    for (size_t i = 0; i < count; i++) {
        chunks += slmi_chunks(payload_size(layout, i), layout->chunk_log2);
        if (chunks > SLM_INDEX_BYTES_MAX / 8) /* at each step, so that the sum cannot overflow */
            return slmi_fail(error, SLM_E_LIMIT, "HDR-12", SLMI_NOWHERE, SLMI_NOWHERE, "the checksums need an index above 2^30 bytes");
    }
    uint64_t index_size = section_bytes(8 + (uint64_t)layout->profile_count * SLM_PROFILE_BYTES) + section_bytes(8 + layout->tensor_bytes) +
                          section_bytes(8 + (uint64_t)count * SLMI_PAYLOAD_RECORD_BYTES) + section_bytes(8 * chunks);
    if (layout->metadata_count != 0)
        index_size += section_bytes(8 + layout->metadata_bytes);
    if (layout->source_count != 0)
        index_size += section_bytes(8 + layout->source_bytes);
    if (index_size > SLM_INDEX_BYTES_MAX)
        return slmi_fail(error, SLM_E_LIMIT, "HDR-12", SLMI_NOWHERE, SLMI_NOWHERE, "the index is above 2^30 bytes");
    uint64_t end = SLM_HEADER_BYTES + index_size, first_sum = 0;
    for (size_t i = 0; i < count; i++) {
        const bool is_tensor = i < layout->tensor_count;
        const uint64_t size = payload_size(layout, i);
        uint64_t offset;
        if (!checked_round_up(end, layout->align_log2, &offset) || !checked_add(offset, size, &end) || end >= SLM_FILE_BYTES_MAX)
            return slmi_fail(error, SLM_E_LIMIT, "HDR-13", SLMI_NOWHERE, SLMI_NOWHERE, "the file has 2^62 bytes or more");
        if (payloads != NULL)
            payloads[i] = (slm_payload){is_tensor ? SLM_PAYLOAD_TENSOR : SLM_PAYLOAD_SIDE_FILES, is_tensor ? SLM_FLAG_MUST_UNDERSTAND : 0,
                                        offset, size, first_sum};
        first_sum += slmi_chunks(size, layout->chunk_log2);
    }
    if (!checked_round_up(end, layout->align_log2, &plan->file_size) || plan->file_size >= SLM_FILE_BYTES_MAX)
        return slmi_fail(error, SLM_E_LIMIT, "HDR-13", SLMI_NOWHERE, SLMI_NOWHERE, "the file has 2^62 bytes or more");
    plan->index_size = index_size;
    plan->chunks = chunks;
    return SLM_OK;
}

uint64_t slm_layout_file_size(const slm_layout *layout) {
    slmi_plan plan;
    return slmi_layout_plan(layout, &plan, NULL, NULL) == SLM_OK ? plan.file_size : 0;
}

size_t slm_layout_tensors(const slm_layout *layout) { return layout->tensor_count; }

const slm_tensor *slm_layout_tensor(const slm_layout *layout, size_t index) {
    return index < layout->tensor_count ? layout->tensors[index] : NULL;
}

static slm_status check_names(const slm_layout *layout, slmi_name *names, size_t count, const char *rule, const char *what, bool tensors,
                              slm_error *error) {
    uint32_t duplicate;
    if (!slmi_names_sort(&layout->allocator, names, (uint32_t)count, &duplicate))
        return slmi_fail_memory(error);
    if (duplicate == UINT32_MAX)
        return SLM_OK;
    char quoted[SLMI_QUOTED_BYTES] = "";
    for (size_t i = 0; i < count; i++) {
        if (names[i].index == duplicate)
            slmi_quote(quoted, names[i].bytes, names[i].length);
    }
    return slmi_fail(error, SLM_E_INDEX, rule, SLMI_NOWHERE, tensors ? duplicate : SLMI_NOWHERE, "two %s are called %s", what, quoted);
}

slm_status slmi_layout_check(const slm_layout *layout, slm_error *error) {
    if (layout->source_count != 0 && layout->sourced != layout->tensor_count)
        return slmi_fail(error, SLM_E_INDEX, "SRC-4", SLMI_NOWHERE, layout->sourced, "some tensors belong to a source and some to none");
    size_t most = layout->tensor_count > layout->metadata_count ? layout->tensor_count : layout->metadata_count;
    most = most > layout->source_count ? most : layout->source_count;
    slmi_name *names = slmi_allocate(&layout->allocator, most, sizeof *names);
    if (names == NULL)
        return slmi_fail_memory(error);
    for (size_t i = 0; i < layout->tensor_count; i++)
        names[i] = (slmi_name){layout->tensors[i]->name, (uint32_t)layout->tensors[i]->name_length, (uint32_t)i};
    slm_status status = check_names(layout, names, layout->tensor_count, "TEN-8", "tensors", true, error);
    for (size_t i = 0; i < layout->metadata_count; i++)
        names[i] = (slmi_name){layout->metadata[i].key, (uint32_t)layout->metadata[i].key_length, (uint32_t)i};
    if (status == SLM_OK)
        status = check_names(layout, names, layout->metadata_count, "MET-4", "metadata entries", false, error);
    for (size_t i = 0; i < layout->source_count; i++)
        names[i] = (slmi_name){layout->sources[i].name, (uint32_t)layout->sources[i].name_length, (uint32_t)i};
    if (status == SLM_OK)
        status = check_names(layout, names, layout->source_count, "SRC-6", "sources", false, error);
    slmi_free(&layout->allocator, names);
    return status;
}
