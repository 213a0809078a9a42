/* trellis_batch_avx512.c: 32 runs in a vector of 16-bit costs, 64 in one of 8-bit costs, with AVX-512 (F, BW). */
#include <immintrin.h>

#include "trellis_batch.h"

#define VECTOR __m512i
#define LOAD(p) _mm512_load_si512((const void *)(p))
#define STORE(p, v) _mm512_store_si512((void *)(p), (v))
#define ONES _mm512_set1_epi8(-1)

enum { exact_bytes = 2, fast_bytes = 1 };

#define NAMED(name) exact_##name
#define SPLAT(x) _mm512_set1_epi16(x)
#define SUBS(a, b) _mm512_subs_epi16((a), (b))
#define ADDS(a, b) _mm512_adds_epi16((a), (b))
#define MULHI(a, b) _mm512_mulhi_epi16((a), (b))
#define SUB(a, b) _mm512_sub_epi16((a), (b))
#define ADDUS(a, b) _mm512_adds_epu16((a), (b))
#define MINU(a, b) _mm512_min_epu16((a), (b))
#define EQUAL(a, b) _mm512_cmpeq_epi16_mask((a), (b))
#define LANE_BITS 1u
#include "trellis_batch_impl.h"

#define NAMED(name) fast_##name
#define SUB(a, b) _mm512_sub_epi8((a), (b))
#define ADDUS(a, b) _mm512_adds_epu8((a), (b))
#define MINU(a, b) _mm512_min_epu8((a), (b))
#define EQUAL(a, b) _mm512_cmpeq_epi8_mask((a), (b))
#define LANE_BITS 1u
#include "trellis_batch_impl.h"

const trellis_batch_kernel slmi_trellis_batch_avx512 = {64, 32, squares, exact_step, exact_find};
const trellis_batch_kernel slmi_trellis_batch_fast_avx512 = {64, 64, NULL, fast_step, fast_find};
