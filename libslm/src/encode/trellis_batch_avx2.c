/* trellis_batch_avx2.c: sixteen runs in a vector of 16-bit costs, 32 in one of 8-bit costs. */
#include <immintrin.h>

#include "trellis_batch.h"

#define VECTOR __m256i
#define LOAD(p) _mm256_load_si256((const __m256i *)(const void *)(p))
#define STORE(p, v) _mm256_store_si256((__m256i *)(void *)(p), (v))
#define ONES _mm256_set1_epi8(-1)

enum { exact_bytes = 2, fast_bytes = 1 };

#define NAMED(name) exact_##name
#define SPLAT(x) _mm256_set1_epi16(x)
#define SUBS(a, b) _mm256_subs_epi16((a), (b))
#define ADDS(a, b) _mm256_adds_epi16((a), (b))
#define MULHI(a, b) _mm256_mulhi_epi16((a), (b))
#define SUB(a, b) _mm256_sub_epi16((a), (b))
#define ADDUS(a, b) _mm256_adds_epu16((a), (b))
#define MINU(a, b) _mm256_min_epu16((a), (b))
#define EQUAL(a, b) (uint32_t) _mm256_movemask_epi8(_mm256_cmpeq_epi16((a), (b)))
#define LANE_BITS 2u
#include "trellis_batch_impl.h"

#define NAMED(name) fast_##name
#define SUB(a, b) _mm256_sub_epi8((a), (b))
#define ADDUS(a, b) _mm256_adds_epu8((a), (b))
#define MINU(a, b) _mm256_min_epu8((a), (b))
#define EQUAL(a, b) (uint32_t) _mm256_movemask_epi8(_mm256_cmpeq_epi8((a), (b)))
#define LANE_BITS 1u
#include "trellis_batch_impl.h"

const trellis_batch_kernel slmi_trellis_batch_avx2 = {32, 16, squares, exact_step, exact_find};
const trellis_batch_kernel slmi_trellis_batch_fast_avx2 = {32, 32, NULL, fast_step, fast_find};
