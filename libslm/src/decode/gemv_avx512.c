/* gemv_avx512.c: the inner loops of products for AVX-512. */
#include "gemv.h"

#if SLM_HAVE_X86

#include "avx512.h"

static void real(const float *t, const float *x, size_t count, float lanes[GEMV_LANES]) {
    __m512 a[4];
    for (unsigned i = 0; i < 4; i++)
        a[i] = _mm512_loadu_ps(lanes + 16 * i);
    size_t j = 0;
    for (; j + GEMV_LANES <= count; j += GEMV_LANES)
        for (unsigned i = 0; i < 4; i++)
            a[i] = _mm512_fmadd_ps(_mm512_loadu_ps(t + j + 16 * i), _mm512_loadu_ps(x + j + 16 * i), a[i]);
    for (unsigned i = 0; i < 4; i++)
        _mm512_storeu_ps(lanes + 16 * i, a[i]);
    slmi_gemv_loops_scalar.real(t + j, x + j, count - j, lanes);
}

/* Byte products take an unsigned factor: t + 128, less 128 times the sum of q. */
static void integer(const int8_t *t, const int8_t *q, const float *d, size_t count, float lanes[GEMV_INT8_LANES]) {
    __m512 a = _mm512_loadu_ps(lanes);
    const __m512i flip = _mm512_set1_epi8((char)-128), zero = _mm512_setzero_si512();
    for (size_t j = 0; j < count; j += 64) {
        const __m512i u = _mm512_xor_si512(avx512_load(t + j), flip), v = avx512_load(q + j);
        const __m512i fours = _mm512_sub_epi32(_mm512_dpbusd_epi32(zero, u, v), _mm512_dpbusd_epi32(zero, flip, v));
        const __m512 step = _mm512_mask_blend_ps(0xff00, _mm512_set1_ps(d[j / SLM_GEMV_BLOCK]), _mm512_set1_ps(d[j / SLM_GEMV_BLOCK + 1]));
        a = _mm512_fmadd_ps(_mm512_cvtepi32_ps(fours), step, a);
    }
    _mm512_storeu_ps(lanes, a);
}

AVX512_END

const gemv_loops slmi_gemv_loops_avx512 = {real, integer};

#endif
