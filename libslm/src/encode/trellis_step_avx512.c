/* trellis_step_avx512.c: the trellis step with AVX-512 (F, BW, VL). */
#include <immintrin.h>

#define VECTOR __m512i
#define VECTOR_LANES 32u
#define LOAD(p) _mm512_loadu_si512((const void *)(p))
#define STORE(p, v) _mm512_storeu_si512((void *)(p), (v))
#define SPLAT(x) _mm512_set1_epi16((int16_t)(x))
#define SUBS(a, b) _mm512_subs_epi16((a), (b))
#define ADDS(a, b) _mm512_adds_epi16((a), (b))
#define MULHI(a, b) _mm512_mulhi_epi16((a), (b))
#define MULHRS(a, b) _mm512_mulhrs_epi16((a), (b))
#define MINS(a, b) _mm512_min_epi16((a), (b))
#define MAXS(a, b) _mm512_max_epi16((a), (b))
#define SHIFT(a, n) _mm512_sll_epi16((a), _mm_cvtsi32_si128(n))
#define ADDUS(a, b) _mm512_adds_epu16((a), (b))
#define MINU(a, b) _mm512_min_epu16((a), (b))
#define HORIZONTAL_MIN(v) horizontal_min(v)

#include <stdint.h>

static inline unsigned horizontal_min(__m512i v) {
    const __m256i half = _mm256_min_epu16(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1));
    const __m128i quarter = _mm_min_epu16(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
    return (unsigned)_mm_extract_epi16(_mm_minpos_epu16(quarter), 0);
}

#include "trellis_step_impl.h"
#include "trellis_step_sse.h"

const trellis_kernel slmi_trellis_kernel_avx512 = {"avx512",
                                                   &slmi_trellis_fast_avx512,
                                                   slm_cpu_avx512,
                                                   expand_sse,
                                                   step,
                                                   weighted_step,
                                                   {&slmi_trellis_batch_avx512, &slmi_trellis_batch_fast_avx512}};
