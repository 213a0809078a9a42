/* tools/safetensors.h: the header of a safetensors file: read with every rule its own library enforces, written, rewritten.
 *
 * A file is 8 bytes little-endian header size | header (a JSON object) | data. The header maps each tensor's name to dtype, shape and
 * data_offsets [begin, end) within the data, and "__metadata__", where present, to an object of strings.
 */
#ifndef TOOLS_SAFETENSORS_H
#define TOOLS_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "fault.h"
#include "slm/dtype.h"

#define SAFETENSORS_HEADER_MAX 100000000u

typedef struct safetensors_tensor {
    char *name; /* UTF-8 without NUL inside, NUL-terminated */
    size_t name_length;
    slm_dtype dtype;
    unsigned rank;
    uint64_t *shape;
    uint64_t elements;
    uint64_t begin, end; /* in the data, which begins 8 + header size bytes into the file */
} safetensors_tensor;

typedef struct safetensors {
    char *header; /* the JSON text to the byte, trailing spaces included */
    size_t header_size;
    size_t count;
    safetensors_tensor *tensors; /* in the order of their data */
    size_t *by_name;             /* their numbers in the byte order of their names */
    uint64_t data_size;          /* the end of the last one */
} safetensors;

/* Header size from a file's first 8 bytes; FAULT_INPUT where it exceeds SAFETENSORS_HEADER_MAX or the file. `file_size` UINT64_MAX where
 * unknown. */
bool safetensors_header_size(const uint8_t bytes[8], uint64_t file_size, size_t *size, fault *f);

/* Takes over `header` (malloc'ed, `size` bytes; freed also on failure) and checks it. `file_size` is the whole file's, or UINT64_MAX
 * where unknown: then the caller compares 8 + header_size + data_size. On success free with safetensors_free. */
bool safetensors_parse(safetensors *st, char *header, size_t size, uint64_t file_size, fault *f);

/* Opens nothing and moves no file position: reads header with pread from a regular file. */
bool safetensors_read(safetensors *st, int fd, fault *f);
void safetensors_free(safetensors *st); /* an all-zero one is allowed */

/* The tensor of that name, or NULL. */
const safetensors_tensor *safetensors_find(const safetensors *st, const char *name, size_t length);

/* The header that the library would write for these tensors (name, dtype, shape are read; data laid out in the given order), padded
 * with spaces to a multiple of 8 bytes. *header is malloc'ed. */
bool safetensors_compose(const safetensors_tensor *tensors, size_t count, char **header, size_t *size, fault *f);

/* The header of `st` with dtype of every codable floating tensor (F32, F16, BF16) replaced by `dtype` and offsets moved accordingly;
 * all else stays as it is. */
bool safetensors_convert(const safetensors *st, slm_dtype dtype, char **header, size_t *size, fault *f);

#endif
