/* trellis_step_avx2.c: the trellis step with AVX2. */
#include <immintrin.h>

#define VECTOR __m256i
#define VECTOR_LANES 16u
#define LOAD(p) _mm256_loadu_si256((const __m256i *)(const void *)(p))
#define STORE(p, v) _mm256_storeu_si256((__m256i *)(void *)(p), (v))
#define SPLAT(x) _mm256_set1_epi16((int16_t)(x))
#define SUBS(a, b) _mm256_subs_epi16((a), (b))
#define ADDS(a, b) _mm256_adds_epi16((a), (b))
#define MULHI(a, b) _mm256_mulhi_epi16((a), (b))
#define MULHRS(a, b) _mm256_mulhrs_epi16((a), (b))
#define MINS(a, b) _mm256_min_epi16((a), (b))
#define MAXS(a, b) _mm256_max_epi16((a), (b))
#define SHIFT(a, n) _mm256_sll_epi16((a), _mm_cvtsi32_si128(n))
#define ADDUS(a, b) _mm256_adds_epu16((a), (b))
#define MINU(a, b) _mm256_min_epu16((a), (b))
#define HORIZONTAL_MIN(v) horizontal_min(v)

#include <stdint.h>

static inline unsigned horizontal_min(__m256i v) {
    const __m128i half = _mm_min_epu16(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    return (unsigned)_mm_extract_epi16(_mm_minpos_epu16(half), 0);
}

#include "trellis_step_impl.h"
#include "trellis_step_sse.h"

const trellis_kernel slmi_trellis_kernel_avx2 = {"avx2",
                                                 &slmi_trellis_fast_avx2,
                                                 slm_cpu_avx2,
                                                 expand_sse,
                                                 step,
                                                 weighted_step,
                                                 {&slmi_trellis_batch_avx2, &slmi_trellis_batch_fast_avx2}};
