/* Parsing the index. Every count is held against the bytes that are there before anything is allocated for it; time and memory are
 * linear in the index. The sections' own rules are in index_sections.c. */
#include "index.h"

#include <inttypes.h>
#include <string.h>

#include "bytes.h"
#include "checked.h"
#include "error.h"
#include "index_sections.h"

static slm_status fail(slm_error *error, slm_status status, const char *rule, uint64_t offset, const char *what) {
    return slmi_fail(error, status, rule, offset, SLMI_NOWHERE, "%s", what);
}

static bool is_known(uint32_t type) { return type >= SLM_SECTION_PROFILES && type <= SLM_SECTION_CHECKSUMS; }

static bool is_required(uint32_t type) { return is_known(type) && type != SLM_SECTION_METADATA && type != SLM_SECTION_SOURCES; }

/* Reads the section header at `at`, adds it to the table and moves *at behind the section. */
static slm_status read_section(slmi_index *index, uint64_t *at, slm_error *error) {
    const uint64_t size = index->info.index_size, offset = SLM_HEADER_BYTES + *at;
    const uint8_t *p = index->bytes + *at;
    if (size - *at < SLMI_SECTION_HEADER_BYTES)
        return fail(error, SLM_E_INDEX, "SEC-1", offset, "the index ends inside a section's head");
    slm_section section = {load_u32(p), load_u32(p + 4), offset + SLMI_SECTION_HEADER_BYTES, load_u64(p + 8)};
    if (!is_known(section.type) && (section.flags & SLM_FLAG_MUST_UNDERSTAND) != 0) /* before other faults of the item: [ERR-4] */
        return slmi_fail(error, SLM_E_FEATURE, "SEC-7", offset, SLMI_NOWHERE,
                         "section type 0x%08" PRIx32 " must be understood, and this library does not know it", section.type);
    if (index->info.sections == SLMI_SECTIONS_MAX)
        return fail(error, SLM_E_LIMIT, "SEC-9", offset, "more than 64 sections");
    if ((section.flags & ~SLM_FLAG_MUST_UNDERSTAND) != 0)
        return fail(error, SLM_E_INDEX, "SEC-2", offset + 4, "a reserved section flag is set");
    if (section.type == 0 || (index->info.sections > 0 && section.type <= index->sections[index->info.sections - 1].type))
        return fail(error, SLM_E_INDEX, "SEC-3", offset, "the section types do not ascend from 1");
    if (is_known(section.type) && (section.flags != 0) != is_required(section.type))
        return fail(error, SLM_E_INDEX, "SEC-6", offset + 4, "the must-understand flag is wrong for this section");
    *at += SLMI_SECTION_HEADER_BYTES;
    uint64_t padded;
    if (!checked_round_up(section.size, 3, &padded) || padded > size - *at)
        return fail(error, SLM_E_INDEX, "SEC-1", offset + 8, "a section does not fit into the index");
    size_t padding = (size_t)(padded - section.size);
    size_t clean = zero_prefix(index->bytes + *at + section.size, padding);
    if (clean != padding)
        return fail(error, SLM_E_INDEX, "SEC-4", SLM_HEADER_BYTES + *at + section.size + clean, "padding behind a section is not zero");
    *at += padded;
    index->sections[index->info.sections++] = section;
    return SLM_OK;
}

typedef slm_status parse_section(slmi_index *index, const slmi_body *body);

/* Before any body is looked at: [ERR-2]. */
static slm_status check_required(const slmi_index *index, slm_error *error) {
    uint32_t next = 0;
    for (uint32_t type = SLM_SECTION_PROFILES; type <= SLM_SECTION_CHECKSUMS; type++) {
        if (next < index->info.sections && index->sections[next].type == type)
            next++;
        else if (is_required(type))
            return slmi_fail(error, SLM_E_INDEX, "SEC-5", SLM_HEADER_BYTES, SLMI_NOWHERE, "section %" PRIu32 " is missing", type);
    }
    return SLM_OK;
}

static slm_status parse_sections(slmi_index *index, const slm_allocator *allocator, slm_error *error) {
    /* In ascending order, so that each can use those before it. */
    static parse_section *const parsers[] = {
        NULL, slmi_parse_profiles, slmi_parse_tensors, slmi_parse_metadata, slmi_parse_sources, slmi_parse_payloads, slmi_parse_checksums,
    };
    for (uint32_t i = 0; i < index->info.sections && is_known(index->sections[i].type); i++) {
        const slm_section *section = &index->sections[i];
        slmi_body body = {index->bytes + (section->offset - SLM_HEADER_BYTES), section->size, section->offset, allocator, error};
        slm_status status = parsers[section->type](index, &body);
        if (status != SLM_OK)
            return status;
    }
    return SLM_OK;
}

slm_status slmi_index_parse(slmi_index *index, const slmi_header *header, uint8_t *bytes, const slm_allocator *allocator,
                            slm_error *error) {
    memset(index, 0, sizeof *index);
    index->bytes = bytes;
    index->info.format_major = header->major;
    index->info.format_minor = header->minor;
    index->info.align_log2 = header->align_log2;
    index->info.chunk_log2 = header->chunk_log2;
    index->info.features_must = header->features_must;
    index->info.features_may = header->features_may;
    index->info.file_size = header->file_size;
    index->info.index_size = header->index_size;
    slm_status status = SLM_OK;
    for (uint64_t at = 0; status == SLM_OK && at < header->index_size;)
        status = read_section(index, &at, error);
    if (status == SLM_OK)
        status = check_required(index, error);
    if (status == SLM_OK)
        status = parse_sections(index, allocator, error);
    if (status == SLM_OK)
        slmi_terminate_names(index);
    else
        slmi_index_free(index, allocator);
    return status;
}

void slmi_index_free(slmi_index *index, const slm_allocator *allocator) {
    slmi_free(allocator, index->profiles);
    slmi_free(allocator, index->tensors);
    slmi_free(allocator, index->metadata);
    slmi_free(allocator, index->sources);
    slmi_free(allocator, index->payloads);
    slmi_free(allocator, index->tensor_names);
    slmi_free(allocator, index->metadata_names);
    slmi_free(allocator, index->bytes);
    memset(index, 0, sizeof *index);
}
