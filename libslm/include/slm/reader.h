/* slm/reader.h: level 2, reading a .slm file from memory, from a file or through a callback.
 *
 * Opening checks the header and the whole index (specification section "Container"), so that every later call works on a
 * description that is known to be sound; it costs time and memory linear in the index, never more than the file's size justifies.
 * Payload bytes are verified when they are read: each chunk (256 KiB by default) by its XXH3-64.
 *
 * Where the bytes cannot change between calls, in memory and in a mapped file, a chunk found sound is not hashed again, so that
 * reading many short rows costs one pass; positioned reads and callbacks hash whatever they read, each time.
 *
 * Thread rule: an open reader does not change; any number of threads may use it, and a read_at callback must allow that.
 */
#ifndef SLM_READER_H
#define SLM_READER_H

#include <stdbool.h>

#include "slm/file.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct slm_reader slm_reader;

typedef struct slm_reader_options {
    size_t struct_size;             /* sizeof(slm_reader_options) */
    const slm_allocator *allocator; /* copied; NULL: malloc */
    bool skip_checksums;            /* payload checksums are not verified (header and index always are) */
    bool no_map;                    /* slm_reader_open_file: positioned reads instead of a mapping */
    const char *kernel;             /* as in slm_decoder_init; NULL: the fastest */
} slm_reader_options;

/* Reads exactly `size` bytes at `offset` into `buffer`: 0, or an errno value. */
typedef int (*slm_read_at)(void *context, uint64_t offset, void *buffer, size_t size);

typedef struct slm_file_info {
    unsigned format_major, format_minor;
    unsigned align_log2; /* payloads start on multiples of 2^align_log2 bytes */
    unsigned chunk_log2; /* checksum chunks have 2^chunk_log2 bytes */
    uint32_t features_must, features_may;
    uint64_t file_size;
    uint64_t index_size;
    uint32_t profiles, tensors, metadata, sources, payloads, sections;
} slm_file_info;

/* A section as it stands in the index, known or not. */
typedef struct slm_section {
    uint32_t type, flags;
    uint64_t offset, size; /* of the body */
} slm_section;

/* Open. On success *reader owns what it needs and is freed by slm_reader_close. `data` must outlive the reader; the file behind
 * `path` must not change while open (a mapping of a file that shrinks ends the process, as everywhere: use no_map where that can happen).
 * `options` and `error` may be NULL. */
SLM_API slm_status slm_reader_open_memory(slm_reader **reader, const void *data, size_t size, const slm_reader_options *options,
                                          slm_error *error);
SLM_API slm_status slm_reader_open_file(slm_reader **reader, const char *path, const slm_reader_options *options, slm_error *error);
SLM_API slm_status slm_reader_open_callback(slm_reader **reader, slm_read_at read_at, void *context, uint64_t size,
                                            const slm_reader_options *options, slm_error *error);
SLM_API void slm_reader_close(slm_reader *reader); /* NULL is allowed */

/* What the index says. Pointers live until the reader is closed; NULL past the end. */
SLM_API const slm_file_info *slm_reader_info(const slm_reader *reader);
SLM_API const slm_profile *slm_reader_profile(const slm_reader *reader, size_t index);
SLM_API const slm_tensor *slm_reader_tensor(const slm_reader *reader, size_t index);
SLM_API const slm_payload *slm_reader_payload(const slm_reader *reader, size_t index);
SLM_API const slm_source *slm_reader_source(const slm_reader *reader, size_t index);
SLM_API const slm_metadata *slm_reader_metadata(const slm_reader *reader, size_t index);
SLM_API const slm_section *slm_reader_section(const slm_reader *reader, size_t index);

/* The tensor called name[0..length): logarithmic time. SLM_E_NOT_FOUND where there is none. */
SLM_API slm_status slm_reader_find(const slm_reader *reader, const char *name, size_t length, size_t *index);

/* The same for a metadata key. */
SLM_API slm_status slm_reader_find_metadata(const slm_reader *reader, const char *key, size_t length, size_t *index);

/* The first payload of a kind other than SLM_PAYLOAD_TENSOR, such as the side files. SLM_E_NOT_FOUND where there is none. */
SLM_API slm_status slm_reader_find_payload(const slm_reader *reader, slm_payload_kind kind, size_t *index);

/* The coding of a coded tensor, for use with level 1. SLM_E_ARGUMENT for a raw one. */
SLM_API slm_status slm_reader_coding(const slm_reader *reader, size_t tensor, slm_coding *coding);

/* Payload bytes [offset, offset + size) into `target`, the chunks they touch verified. */
SLM_API slm_status slm_reader_read(const slm_reader *reader, size_t payload, uint64_t offset, uint64_t size, void *target,
                                   slm_error *error);

/* The scale of run `run` (the tensor's only scale where it has one), bfloat16 bits. Checked as slm_decoder_check_scale does. */
SLM_API slm_status slm_reader_scale(const slm_reader *reader, size_t tensor, uint64_t run, uint16_t *scale, slm_error *error);

/* Elements [first, first + count) of a tensor in row-major order, decoded to `dtype`: for a coded tensor SLM_F32, SLM_F16 or
 * SLM_BF16; for a raw one its own dtype, copied (where an element is less than a byte, first and count * bits must be whole bytes). The
 * target holds little-endian elements, as safetensors does. Memory used beside the target: none
 * where the file lies in memory or is mapped; else at most two chunks and a quarter of a MiB of codes, from the reader's allocator, which
 * is then called by every thread that decodes. */
SLM_API slm_status slm_reader_decode(const slm_reader *reader, size_t tensor, uint64_t first, uint64_t count, slm_dtype dtype, void *target,
                                     slm_error *error);

/* Checks one payload entirely: its checksums, whatever the options say, its scales and records where it is a coded tensor's, and the
 * zero padding behind it (and before it, for the first). All payloads together are the whole file. The first fault is reported with
 * rule, tensor and offset. */
SLM_API slm_status slm_reader_verify(const slm_reader *reader, size_t payload, slm_error *error);

#ifdef __cplusplus
}
#endif
#endif
