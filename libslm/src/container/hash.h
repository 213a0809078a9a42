/* XXH3-64, seed 0 (rule [SUM-1]), in one piece and in several. */
#ifndef SLM_SRC_HASH_H
#define SLM_SRC_HASH_H

#include <stddef.h>
#include <stdint.h>

/* The state of a hash that is fed in pieces: lives where the caller puts it, owns nothing. */
typedef struct slmi_hasher {
    _Alignas(64) unsigned char bytes[640];
} slmi_hasher;

uint64_t slmi_hash(const void *data, size_t size);

void slmi_hasher_start(slmi_hasher *hasher);
void slmi_hasher_add(slmi_hasher *hasher, const void *data, size_t size);
uint64_t slmi_hasher_result(const slmi_hasher *hasher);

#endif
