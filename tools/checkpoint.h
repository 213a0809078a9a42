/* tools/checkpoint.h: a model to be encoded, wherever it comes from: one .safetensors file, a model folder (one file, or shards with
 * their index), an archive of such a folder (tar, tar.gz, tar.zst, zip), or one of these on standard input.
 *
 * Opening reads every header and checks everything that can be known before the data; other files of a folder or archive become side
 * files, packed into one archive. The data is then read in passes: a pass visits the tensors in the order in which they lie, so that
 * an archive is read forward and never unpacked. Memory stays bounded whatever the size of a tensor.
 */
#ifndef TOOLS_CHECKPOINT_H
#define TOOLS_CHECKPOINT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "fault.h"
#include "safetensors.h"

/* A safetensors file of the checkpoint. Sources stand in the byte order of their names, whatever order an archive has. */
typedef struct checkpoint_source {
    char *name; /* file name without folder; "" where standard input is a bare safetensors file */
    size_t name_length;
    safetensors st;
    size_t first_tensor; /* number of its first tensor in the checkpoint */
} checkpoint_source;

/* What a look at all of a tensor's data says. */
typedef struct checkpoint_scan {
    uint64_t sum;             /* XXH3-64 of the bytes */
    uint64_t first_nonfinite; /* number of the first NaN or infinity, or UINT64_MAX; F32, F16 and BF16 only */
    float largest;            /* magnitude, of those before it; F32, F16 and BF16 only, else 0 */
} checkpoint_scan;

typedef struct checkpoint_options {
    bool follow_links;       /* take symbolic links to files in a folder for the files; otherwise they are refused or skipped */
    const struct stat *skip; /* a file in the folder that is left out, the output; or NULL */
    bool no_side_files;      /* leave out whatever is not a source */
    void *context;
    void (*warn)(void *context, const char *text);           /* something was skipped or is odd; may be NULL */
    void (*progress)(void *context, uint64_t bytes_scanned); /* bytes more read while opening or scanning; may be NULL */
} checkpoint_options;

typedef struct checkpoint checkpoint;

/* `path` "-" is standard input. */
bool checkpoint_open(checkpoint **cp, const char *path, const checkpoint_options *options, fault *f);
void checkpoint_close(checkpoint *cp); /* NULL is allowed */

/* "safetensors file", "model folder", "archive"; and whether several files come out again (a folder or an archive). */
const char *checkpoint_kind(const checkpoint *cp);
bool checkpoint_is_folder(const checkpoint *cp);

size_t checkpoint_sources(const checkpoint *cp);
const checkpoint_source *checkpoint_source_at(const checkpoint *cp, size_t index);
size_t checkpoint_tensors(const checkpoint *cp);
const safetensors_tensor *checkpoint_tensor(const checkpoint *cp, size_t index);
const checkpoint_source *checkpoint_tensor_source(const checkpoint *cp, size_t index);
size_t checkpoint_source_of(const checkpoint *cp, size_t tensor); /* that source's number */
uint64_t checkpoint_data_size(const checkpoint *cp);              /* of all tensors */

/* Looks at a tensor's data. An archive did so for all tensors when it was opened; elsewhere it is read now. */
bool checkpoint_scan_tensor(checkpoint *cp, size_t tensor, checkpoint_scan *scan, fault *f);

/* One pass over the data. checkpoint_next gives tensors one by one, each once; *tensor is SIZE_MAX at the end. */
bool checkpoint_rewind(checkpoint *cp, fault *f);
bool checkpoint_next(checkpoint *cp, size_t *tensor, fault *f);
/* The current tensor's bytes, either in sequence (to be called until all are read, or not at all) ... */
bool checkpoint_read(checkpoint *cp, void *buffer, size_t size, fault *f);
/* ... or, after checkpoint_hold, at any offset and from any thread, until the next checkpoint_next. */
bool checkpoint_hold(checkpoint *cp, fault *f);
bool checkpoint_read_at(const checkpoint *cp, uint64_t offset, void *buffer, size_t size, fault *f);

/* The side files' archive; size 0 where there are none. */
size_t checkpoint_side_files(const checkpoint *cp);
uint64_t checkpoint_side_bytes(const checkpoint *cp); /* of the files, before packing */
uint64_t checkpoint_side_size(const checkpoint *cp);
bool checkpoint_side_read(const checkpoint *cp, uint64_t offset, void *buffer, size_t size, fault *f);

/* Whether the file `st` describes is one that this checkpoint is read from (the output would destroy its input). */
bool checkpoint_reads_from(const checkpoint *cp, const struct stat *st);

#endif
