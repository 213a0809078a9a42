/* The manifest of a suite: what each vector is, and what a decoder must make of it. */
#ifndef MANIFEST_H
#define MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DTYPE_F32, DTYPE_F16, DTYPE_BF16, DTYPES };
extern const char *const dtype_names[DTYPES]; /* "f32", "f16", "bf16" */

typedef enum tier { TIER_VALID, TIER_INVALID, TIER_UNSUPPORTED, TIER_LIMIT, TIERS } tier;
extern const char *const tier_names[TIERS];

typedef struct expected_bytes {
    uint64_t size, xxh3;
} expected_bytes;

typedef struct expected_tensor {
    expected_bytes out[DTYPES];
} expected_tensor;

typedef struct vector {
    const char *id, *file, *status, *reason;
    tier tier;
    uint64_t size, xxh3; /* of the file itself */
    const char **rules;  /* NULL-terminated */
    const char **needs;  /* NULL-terminated; empty for files to be refused */
    expected_tensor *tensors;
    size_t tensor_count;
} vector;

typedef struct manifest {
    void *document; /* owns the strings */
    vector *vectors;
    size_t count;
} manifest;

/* Parses and checks the text of manifest.json. False with a message on stderr. */
bool manifest_parse(manifest *m, const char *text, size_t size);
void manifest_free(manifest *m);

#endif
