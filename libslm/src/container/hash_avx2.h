/* XXH3-64 with AVX2 (hash_avx2.c), for hash.c. */
#ifndef SLM_SRC_HASH_AVX2_H
#define SLM_SRC_HASH_AVX2_H

#include "../decode/kernel.h"
#include "hash.h"

#if SLM_HAVE_X86
uint64_t slmi_hash_avx2(const void *data, size_t size);
void slmi_hasher_add_avx2(slmi_hasher *hasher, const void *data, size_t size);
#endif

#endif
