/* slm/writer.h: level 2, writing a .slm file.
 *
 * The coding has a fixed rate, so every offset is known before a weight is encoded. First a layout is described: profiles,
 * tensors, sources, metadata, other payloads. Then a writer is made from it and filled in any order, from any number of threads;
 * slm_writer_finish() writes checksums, index and, last, the header: a file that was not finished is no .slm file.
 *
 * The bytes of a file depend on the layout and the data alone.
 */
#ifndef SLM_WRITER_H
#define SLM_WRITER_H

#include <stdbool.h>

#include "slm/file.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Layout. Not thread-safe; everything passed in is copied. ---- */

typedef struct slm_layout slm_layout;

typedef struct slm_layout_options {
    size_t struct_size;             /* sizeof(slm_layout_options) */
    const slm_allocator *allocator; /* NULL: malloc */
    unsigned align_log2;            /* 0: SLM_ALIGN_LOG2_MIN */
    unsigned chunk_log2;            /* 0: SLM_CHUNK_LOG2_DEFAULT */
} slm_layout_options;

SLM_API slm_status slm_layout_create(slm_layout **layout, const slm_layout_options *options);
SLM_API void slm_layout_free(slm_layout *layout);

/* Adds a profile unless an equal one is there; *index is its number. */
SLM_API slm_status slm_layout_add_profile(slm_layout *layout, const slm_profile *profile, uint16_t *index);

/* Adds a tensor: name, name_length, dtype, rank, shape, coding and, for a coded one, flags (SLM_TENSOR_SCALE_PER_RUN), profile,
 * rotation, sign_seed and run_length are read from `tensor`; the rest is derived. */
SLM_API slm_status slm_layout_add_tensor(slm_layout *layout, const slm_tensor *tensor, size_t *index, slm_error *error);

/* Ends a source file: the tensors added since the last call belong to it. All tensors or none must belong to sources. */
SLM_API slm_status slm_layout_add_source(slm_layout *layout, const char *name, size_t name_length, const void *header, size_t header_size,
                                         slm_error *error);

SLM_API slm_status slm_layout_add_metadata(slm_layout *layout, const char *key, size_t key_length, const char *value, size_t value_length,
                                           slm_error *error);

/* Adds the side files: an archive of `size` bytes. *payload is its number, for slm_writer_write. Comes after the last tensor: adding
 * one later is SLM_E_STATE. */
SLM_API slm_status slm_layout_add_side_files(slm_layout *layout, uint64_t size, size_t *payload, slm_error *error);

/* The size the file will have, or 0 where the layout exceeds a limit. */
SLM_API uint64_t slm_layout_file_size(const slm_layout *layout);
SLM_API size_t slm_layout_tensors(const slm_layout *layout);
SLM_API const slm_tensor *slm_layout_tensor(const slm_layout *layout, size_t index);

/* ---- Sink: where the bytes go. ---- */

/* Both move exactly `size` bytes: 0, or an errno value. Called from every thread that calls the writer. read_at sees what write_at
 * wrote: a chunk that was filled in pieces is read back once to be hashed. */
typedef struct slm_sink {
    void *context;
    int (*write_at)(void *context, uint64_t offset, const void *buffer, size_t size);
    int (*read_at)(void *context, uint64_t offset, void *buffer, size_t size);
} slm_sink;

/* A file sink that loses nothing: bytes go to a temporary file in the same folder, and slm_file_commit() makes them durable
 * (fsync) and renames it to `path`. slm_file_abort() removes it. With `overwrite` false an existing `path` is SLM_E_IO with EEXIST,
 * at creation and, without a race, at commit. */
typedef struct slm_file slm_file;
SLM_API slm_status slm_file_create(slm_file **file, const char *path, bool overwrite, slm_error *error);
SLM_API void slm_file_sink(slm_file *file, slm_sink *sink);
SLM_API const char *slm_file_temporary(const slm_file *file);         /* the temporary's path, for a signal handler that removes it */
SLM_API slm_status slm_file_commit(slm_file *file, slm_error *error); /* frees file, also on failure */
SLM_API void slm_file_abort(slm_file *file);                          /* frees file; NULL is allowed */

/* A file sink whose temporary a later process finds again: it is called .slm-NAME.part for a file NAME, locked while it is open, and
 * SLM_E_IO with EBUSY tells that another process has it. One that an earlier process left is taken as it is where `resume`, and removed
 * where not; *found says that there was one. One that is no regular file of this user's own with a single name is never written to.
 * With `resume` a slm_file_commit() that fails leaves the temporary, too. */
SLM_API slm_status slm_file_create_resumable(slm_file **file, const char *path, bool overwrite, bool resume, bool *found, slm_error *error);
SLM_API slm_status slm_file_sync(const slm_file *file, slm_error *error); /* returns when all that was written is durable (fdatasync) */
SLM_API void slm_file_keep(slm_file *file);                               /* frees file and leaves the temporary; NULL is allowed */

/* ---- Writer. Thread rule: the write and set functions may be called from many threads at once; finish and free from one, when the
 * others are done. The allocator is called by one thread at a time. Memory: 8 bytes a chunk, and some for each gap in what was written.
 * ---- */

typedef struct slm_writer slm_writer;

/* Freezes the layout, which the writer keeps using and the caller frees after the writer. SLM_E_LIMIT, SLM_E_INDEX with `error` where
 * the layout breaks a rule of the format (such as two tensors of one name). */
SLM_API slm_status slm_writer_create(slm_writer **writer, slm_layout *layout, const slm_sink *sink, slm_error *error);

/* Writes payload bytes [offset, offset + size) as they are. Every byte of every payload is written exactly once, in any order; a byte
 * written twice is SLM_E_STATE. For a coded tensor's payload that is its scales, zeros to codes_offset, and its codes, which nobody
 * checks here: slm_writer_write_scales and slm_writer_write_codes are the usual way. After a failure of the sink the call may be
 * repeated. */
SLM_API slm_status slm_writer_write(slm_writer *writer, size_t payload, uint64_t offset, uint64_t size, const void *data, slm_error *error);

/* Scales [first, first + count) of a coded tensor, bfloat16 bits in the machine's byte order; checked. The zero padding between scales
 * and codes is written along with the last scale. */
SLM_API slm_status slm_writer_write_scales(slm_writer *writer, size_t tensor, uint64_t first, size_t count, const uint16_t *scales,
                                           slm_error *error);

/* Code bytes [offset, offset + size) of a coded tensor, counted from its first run. */
SLM_API slm_status slm_writer_write_codes(slm_writer *writer, size_t tensor, uint64_t offset, size_t size, const void *codes,
                                          slm_error *error);

/* Takes payload bytes [offset, offset + size) as written that the sink holds already, from an earlier run that was cut off. Whether they
 * are the right ones is the caller's to know: slm_writer_read gives them, and any other bytes that were written. */
SLM_API slm_status slm_writer_adopt(slm_writer *writer, size_t payload, uint64_t offset, uint64_t size, slm_error *error);
SLM_API slm_status slm_writer_read(const slm_writer *writer, size_t payload, uint64_t offset, size_t size, void *buffer, slm_error *error);

/* States what the encoder reached for a tensor: XXH3-64 of the source bytes and relative Frobenius error; a negative error states none. */
SLM_API slm_status slm_writer_set_result(slm_writer *writer, size_t tensor, uint64_t source_sum, float error);

/* Writes index and header. SLM_E_STATE where payload bytes are missing, naming the first. Call slm_file_commit after it. */
SLM_API slm_status slm_writer_finish(slm_writer *writer, slm_error *error);
SLM_API void slm_writer_free(slm_writer *writer);

#ifdef __cplusplus
}
#endif
#endif
