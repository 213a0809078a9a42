/* slm/file.h: what reader and writer share: constants of the container, the description of a tensor, allocators and errors.
 *
 * A file is   header (64 bytes) | index (sections) | payloads.   Payload i < tensor count is the data of tensor i; then come others,
 * such as the side files. See the specification, section "Container".
 */
#ifndef SLM_FILE_H
#define SLM_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "slm/decode.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SLM_HEADER_BYTES 64
#define SLM_ALIGN_LOG2_MIN 6
#define SLM_ALIGN_LOG2_MAX 16
#define SLM_CHUNK_LOG2_MIN 12
#define SLM_CHUNK_LOG2_MAX 30
#define SLM_CHUNK_LOG2_DEFAULT 18
#define SLM_RANK_MAX 32
#define SLM_NAME_BYTES_MAX 65535
#define SLM_TENSORS_MAX 1048576
#define SLM_PROFILES_MAX 4096
#define SLM_SOURCES_MAX 65536
#define SLM_METADATA_MAX 65536
#define SLM_PAYLOADS_MAX 1114112 /* tensors and others */
#define SLM_INDEX_BYTES_MAX ((uint64_t)1 << 30)
#define SLM_FILE_BYTES_MAX ((uint64_t)1 << 62)

/* Section types. A type with SLM_SECTION_PRIVATE set is for private use. */
typedef enum slm_section_type {
    SLM_SECTION_PROFILES = 1,
    SLM_SECTION_TENSORS = 2,
    SLM_SECTION_METADATA = 3,
    SLM_SECTION_SOURCES = 4,
    SLM_SECTION_PAYLOADS = 5,
    SLM_SECTION_CHECKSUMS = 6
} slm_section_type;
#define SLM_SECTION_PRIVATE UINT32_C(0x80000000)

/* Payload kinds. */
typedef enum slm_payload_kind {
    SLM_PAYLOAD_TENSOR = 1,
    SLM_PAYLOAD_SIDE_FILES = 2 /* a pax archive compressed with zstd; at most one */
} slm_payload_kind;

#define SLM_FLAG_MUST_UNDERSTAND UINT32_C(1)  /* of a section or a payload */
#define SLM_TENSOR_SCALE_PER_RUN UINT16_C(1)  /* tensor flag: one scale a run; clear: one scale for the tensor */
#define SLM_TENSOR_HAS_SOURCE_SUM UINT16_C(2) /* tensor flag: source_sum is stated */
#define SLM_TENSOR_HAS_ERROR UINT16_C(4)      /* tensor flag: error is stated */

/* A tensor as the index describes it. Pointers live as long as the reader or layout that owns them. */
typedef struct slm_tensor {
    const char *name; /* UTF-8, no NUL inside; also followed by one */
    size_t name_length;
    slm_dtype dtype; /* of the source; decoding gives it back unless another is asked for */
    unsigned rank;   /* 0 for a scalar, which has one element */
    const uint64_t *shape;
    uint64_t elements; /* product of the shape */
    slm_coding_id coding;
    uint16_t flags;      /* SLM_TENSOR_* */
    uint16_t profile;    /* index among the file's profiles; 0 for raw */
    uint8_t rotation;    /* as in slm_coding */
    uint16_t sign_seed;  /* as in slm_coding */
    uint64_t run_length; /* divides elements; 0 for raw */
    uint64_t source_sum; /* XXH3-64 of the source's bytes, informative */
    float error;         /* relative Frobenius error the encoder reached, informative */
    /* Derived: */
    uint64_t runs;         /* elements / run_length; 0 for raw */
    uint64_t scales;       /* runs or 1; 0 for raw */
    uint64_t run_bytes;    /* bytes of one run's codes; 0 for raw */
    uint64_t codes_offset; /* of the first run inside the payload: the scales' 2 bytes each, rounded up to 64; 0 for raw */
    uint64_t payload_size; /* raw: the elements' bytes; coded: codes_offset + runs * run_bytes */
} slm_tensor;

typedef struct slm_payload {
    slm_payload_kind kind;
    uint32_t flags;
    uint64_t offset; /* from the start of the file */
    uint64_t size;
    uint64_t first_sum; /* index of its first chunk's checksum */
} slm_payload;

/* A file the tensors came from: tensors [first_tensor, first_tensor + tensors) in the order of their data, and its safetensors
 * header (the JSON text after the 8 length bytes) to the byte. */
typedef struct slm_source {
    const char *name; /* file name without folder, UTF-8, NUL-terminated; may be "" */
    size_t name_length;
    const uint8_t *header;
    size_t header_size;
    uint32_t first_tensor;
    uint32_t tensors;
} slm_source;

typedef struct slm_metadata {
    const char *key; /* both UTF-8, NUL-terminated, no NUL inside */
    size_t key_length;
    const char *value;
    size_t value_length;
} slm_metadata;

/* What went wrong, and where. Filled on failure by functions that take one; NULL may be passed. */
typedef struct slm_error {
    slm_status status;
    const char *rule;  /* the specification's rule, such as "SEC-4"; "" where none applies. Static storage */
    uint64_t offset;   /* in the file, or UINT64_MAX */
    uint64_t tensor;   /* index, or UINT64_MAX */
    int system_error;  /* errno, or 0 */
    char message[256]; /* one sentence, UTF-8, no control characters */
} slm_error;

/* The caller's allocator. `resize` is realloc with a context: resize(ctx, NULL, n) allocates, resize(ctx, p, 0) frees and returns
 * NULL; called from several threads only where threads were asked for. NULL in an options struct: the C library's. */
typedef struct slm_allocator {
    void *context;
    void *(*resize)(void *context, void *pointer, size_t size);
} slm_allocator;

#ifdef __cplusplus
}
#endif
#endif
