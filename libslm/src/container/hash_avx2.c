/* XXH3-64 with AVX2: the same sums, faster than with what every x86-64 processor has. Run only where slm_cpu_avx2() is true. */
#include "hash_avx2.h"

#if SLM_HAVE_X86

/* Before the target changes, all that xxHash includes. */
#include <assert.h>
#include <immintrin.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2")
#endif

#define XXH_VECTOR 2 /* AVX2 */
#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t slmi_hash_avx2(const void *data, size_t size) { return XXH3_64bits(data, size); }

void slmi_hasher_add_avx2(slmi_hasher *hasher, const void *data, size_t size) {
    XXH3_64bits_update((XXH3_state_t *)(void *)hasher->bytes, data, size);
}

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif
