/* The parsed index of a file, and what reader and writer share about its layout. */
#ifndef SLM_SRC_INDEX_H
#define SLM_SRC_INDEX_H

#include "header.h"
#include "names.h"

#define SLMI_SECTIONS_MAX 64
#define SLMI_SECTION_HEADER_BYTES 16
#define SLMI_TENSOR_RECORD_BYTES 40 /* before the dimensions */
#define SLMI_METADATA_RECORD_BYTES 8
#define SLMI_SOURCE_RECORD_BYTES 16
#define SLMI_PAYLOAD_RECORD_BYTES 32
#define SLMI_SOURCE_HEADER_MAX 100000000

typedef struct slmi_index {
    slm_file_info info;
    slm_section sections[SLMI_SECTIONS_MAX];
    slm_profile *profiles;
    slm_tensor *tensors;
    slm_metadata *metadata;
    slm_source *sources;
    slm_payload *payloads;
    slmi_name *tensor_names;   /* sorted */
    slmi_name *metadata_names; /* sorted */
    const uint8_t *sums;       /* 8 bytes, little-endian, a chunk */
    uint64_t chunks;
    uint8_t *bytes; /* the index itself; names, shapes and sums point into it */
} slmi_index;

/* Parses header->index_size bytes whose checksum was verified. Takes ownership of `bytes`, allocated by `allocator` with room for one
 * byte more, and writes to them: names get their terminating NUL, shapes the machine's byte order. Everything is freed on failure. */
slm_status slmi_index_parse(slmi_index *index, const slmi_header *header, uint8_t *bytes, const slm_allocator *allocator, slm_error *error);
void slmi_index_free(slmi_index *index, const slm_allocator *allocator);

/* Chunks of a payload: ceil(size / 2^chunk_log2). */
static inline uint64_t slmi_chunks(uint64_t size, unsigned chunk_log2) {
    return (size >> chunk_log2) + ((size & (((uint64_t)1 << chunk_log2) - 1)) != 0);
}

/* Whether name[0..length) may name a source file: UTF-8 without U+0000 and separators, and not "." or "..". */
bool slmi_source_name_is_legal(const char *name, size_t length);

#endif
