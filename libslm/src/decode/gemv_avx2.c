/* gemv_avx2.c: the inner loops of products for AVX2. */
#include "gemv.h"

#if SLM_HAVE_X86

#include "avx2.h"

static void real(const float *t, const float *x, size_t count, float lanes[GEMV_LANES]) {
    __m256 a[8];
    for (unsigned i = 0; i < 8; i++)
        a[i] = _mm256_loadu_ps(lanes + 8 * i);
    size_t j = 0;
    for (; j + GEMV_LANES <= count; j += GEMV_LANES)
        for (unsigned i = 0; i < 8; i++)
            a[i] = _mm256_fmadd_ps(_mm256_loadu_ps(t + j + 8 * i), _mm256_loadu_ps(x + j + 8 * i), a[i]);
    for (unsigned i = 0; i < 8; i++)
        _mm256_storeu_ps(lanes + 8 * i, a[i]);
    slmi_gemv_loops_scalar.real(t + j, x + j, count - j, lanes);
}

/* Byte products take an unsigned factor: |t| and q with t's sign. Their pairs are at most 2 * 127 * 127. */
static void integer(const int8_t *t, const int8_t *q, const float *d, size_t count, float lanes[GEMV_INT8_LANES]) {
    __m256 a[2] = {_mm256_loadu_ps(lanes), _mm256_loadu_ps(lanes + 8)};
    const __m256i ones = _mm256_set1_epi16(1);
    for (size_t j = 0; j < count; j += 64)
        for (unsigned i = 0; i < 2; i++) {
            const __m256i u = _mm256_loadu_si256((const __m256i *)(const void *)(t + j + 32 * i));
            const __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)(q + j + 32 * i));
            const __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(u), _mm256_sign_epi8(v, u));
            const __m256 fours = _mm256_cvtepi32_ps(_mm256_madd_epi16(pairs, ones));
            a[i] = _mm256_fmadd_ps(fours, _mm256_broadcast_ss(d + j / SLM_GEMV_BLOCK + i), a[i]);
        }
    _mm256_storeu_ps(lanes, a[0]);
    _mm256_storeu_ps(lanes + 8, a[1]);
}

AVX2_END

const gemv_loops slmi_gemv_loops_avx2 = {real, integer};

#endif
