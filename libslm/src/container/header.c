/* The 64 bytes a file begins with: parsed in the order the specification gives, so that every damage has one name. */
#include "header.h"

#include <inttypes.h>
#include <string.h>

#include "bytes.h"
#include "error.h"
#include "hash.h"

static const uint8_t magic[8] = {0x89, 0x53, 0x4C, 0x4D, 0x0D, 0x0A, 0x1A, 0x0A};

static slm_status fail(slm_error *error, slm_status status, const char *rule, uint64_t offset, const char *what) {
    return slmi_fail(error, status, rule, offset, SLMI_NOWHERE, "%s", what);
}

static slm_status check_magic(const uint8_t *bytes, uint64_t actual, slm_error *error) {
    size_t there = actual < sizeof magic ? (size_t)actual : sizeof magic;
    if (memcmp(bytes, magic, there) == 0)
        return there == sizeof magic ? SLM_OK : fail(error, SLM_E_TRUNCATED, "HDR-1", actual, "the file ends inside its first 8 bytes");
    if (there == sizeof magic && memcmp(bytes, magic, 4) == 0)
        return fail(error, SLM_E_MAGIC, "HDR-1", 4, "not a .slm file, or one damaged by a text-mode transfer");
    return fail(error, SLM_E_MAGIC, "HDR-1", 0, "not a .slm file");
}

static slm_status check_fields(const slmi_header *header, const uint8_t *bytes, slm_error *error) {
    if (header->align_log2 < SLM_ALIGN_LOG2_MIN || header->align_log2 > SLM_ALIGN_LOG2_MAX)
        return fail(error, SLM_E_LIMIT, "HDR-9", 12, "the alignment is not 2^6 .. 2^16");
    if (header->chunk_log2 < SLM_CHUNK_LOG2_MIN || header->chunk_log2 > SLM_CHUNK_LOG2_MAX)
        return fail(error, SLM_E_LIMIT, "HDR-10", 13, "the chunk size is not 2^12 .. 2^30");
    if (load_u16(bytes + 14) != 0)
        return fail(error, SLM_E_INDEX, "HDR-8", 14, "a reserved field of the header is not zero");
    if (load_u64(bytes + 48) != 0)
        return fail(error, SLM_E_INDEX, "HDR-8", 48, "a reserved field of the header is not zero");
    if (header->file_size >= SLM_FILE_BYTES_MAX)
        return fail(error, SLM_E_LIMIT, "HDR-13", 24, "the stated file size is 2^62 or more");
    if (header->index_size > SLM_INDEX_BYTES_MAX)
        return fail(error, SLM_E_LIMIT, "HDR-12", 32, "the stated index size is above 2^30");
    if (header->index_size % 8 != 0)
        return fail(error, SLM_E_INDEX, "HDR-11", 32, "the index size is not a multiple of 8");
    return SLM_OK;
}

slm_status slmi_header_parse(slmi_header *header, const uint8_t *bytes, uint64_t actual, slm_error *error) {
    slm_status status = check_magic(bytes, actual, error);
    if (status != SLM_OK)
        return status;
    if (actual < SLM_HEADER_BYTES)
        return fail(error, SLM_E_TRUNCATED, "HDR-2", actual, "the file ends inside its header");
    header->major = load_u16(bytes + 8);
    header->minor = load_u16(bytes + 10);
    header->align_log2 = bytes[12];
    header->chunk_log2 = bytes[13];
    header->features_must = load_u32(bytes + 16);
    header->features_may = load_u32(bytes + 20);
    header->file_size = load_u64(bytes + 24);
    header->index_size = load_u64(bytes + 32);
    header->index_sum = load_u64(bytes + 40);
    if (header->major != SLM_FORMAT_MAJOR)
        return slmi_fail(error, SLM_E_VERSION, "HDR-3", 8, SLMI_NOWHERE, "format version %u.%u; this library reads version %d",
                         header->major, header->minor, SLM_FORMAT_MAJOR);
    if (load_u64(bytes + 56) != slmi_hash(bytes, 56))
        return fail(error, SLM_E_CHECKSUM, "HDR-5", 56, "the header's checksum does not match");
    if (header->features_must != 0)
        return slmi_fail(error, SLM_E_FEATURE, "HDR-6", 16, SLMI_NOWHERE,
                         "the file needs features this library does not know: 0x%08" PRIx32, header->features_must);
    status = check_fields(header, bytes, error);
    if (status != SLM_OK)
        return status;
    if (actual < header->file_size)
        return slmi_fail(error, SLM_E_TRUNCATED, "HDR-14", actual, SLMI_NOWHERE, "the file has %" PRIu64 " bytes of %" PRIu64, actual,
                         header->file_size);
    if (actual > header->file_size)
        return slmi_fail(error, SLM_E_INDEX, "HDR-15", header->file_size, SLMI_NOWHERE, "%" PRIu64 " bytes follow the file's end",
                         actual - header->file_size);
    if (header->index_size > header->file_size - SLM_HEADER_BYTES)
        return fail(error, SLM_E_INDEX, "HDR-16", 32, "the index does not fit into the file");
    return SLM_OK;
}

void slmi_header_store(const slmi_header *header, uint8_t bytes[SLM_HEADER_BYTES]) {
    memset(bytes, 0, SLM_HEADER_BYTES);
    memcpy(bytes, magic, sizeof magic);
    store_u16(bytes + 8, SLM_FORMAT_MAJOR);
    store_u16(bytes + 10, SLM_FORMAT_MINOR);
    bytes[12] = (uint8_t)header->align_log2;
    bytes[13] = (uint8_t)header->chunk_log2;
    store_u32(bytes + 16, header->features_must);
    store_u32(bytes + 20, header->features_may);
    store_u64(bytes + 24, header->file_size);
    store_u64(bytes + 32, header->index_size);
    store_u64(bytes + 40, header->index_sum);
    store_u64(bytes + 56, slmi_hash(bytes, 56));
}
