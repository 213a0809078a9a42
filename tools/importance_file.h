/* tools/importance_file.h: what squared errors count by column, a vector a tensor: a safetensors file, or llama.cpp's older importance
 * matrix. */
#ifndef TOOLS_IMPORTANCE_FILE_H
#define TOOLS_IMPORTANCE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "fault.h"

typedef struct importance_vector {
    char *name; /* of the tensor it is for, as checkpoints have it */
    size_t name_length;
    float *values; /* finite and at least 0 */
    uint64_t columns;
} importance_vector;

typedef struct importance_file {
    importance_vector *vectors; /* by name */
    size_t count;
    uint64_t sum; /* XXH3-64 of the file */
} importance_file;

/* FAULT_INPUT says what is wrong with a file; FAULT_UNSUPPORTED: GGUF. On success free with importance_file_free. */
bool importance_file_read(importance_file *file, const char *path, fault *f);
/* The same from memory. */
bool importance_file_parse(importance_file *file, const uint8_t *bytes, size_t size, fault *f);
void importance_file_free(importance_file *file); /* an all-zero one is allowed */

/* The vector for a tensor, or NULL. */
const importance_vector *importance_file_find(const importance_file *file, const char *name, size_t length);

#endif
