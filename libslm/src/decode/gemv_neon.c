/* gemv_neon.c: the inner loops of products for NEON. */
#include "gemv.h"

#if SLM_HAVE_NEON

#include "neon.h"

static void real(const float *t, const float *x, size_t count, float lanes[GEMV_LANES]) {
    float32x4_t a[16];
    for (unsigned i = 0; i < 16; i++)
        a[i] = vld1q_f32(lanes + 4 * i);
    size_t j = 0;
    for (; j + GEMV_LANES <= count; j += GEMV_LANES)
        for (unsigned i = 0; i < 16; i++)
            a[i] = vfmaq_f32(a[i], vld1q_f32(t + j + 4 * i), vld1q_f32(x + j + 4 * i));
    for (unsigned i = 0; i < 16; i++)
        vst1q_f32(lanes + 4 * i, a[i]);
    slmi_gemv_loops_scalar.real(t + j, x + j, count - j, lanes);
}

/* The sums of the products of each four of 16 columns. */
NEON_INLINE int32x4_t fours(int8x16_t t, int8x16_t q) {
    const int32x4_t low = vpaddlq_s16(vmull_s8(vget_low_s8(t), vget_low_s8(q))), high = vpaddlq_s16(vmull_high_s8(t, q));
    return vpaddq_s32(low, high);
}

static void integer(const int8_t *t, const int8_t *q, const float *d, size_t count, float lanes[GEMV_INT8_LANES]) {
    float32x4_t a[4];
    for (unsigned i = 0; i < 4; i++)
        a[i] = vld1q_f32(lanes + 4 * i);
    for (size_t j = 0; j < count; j += 64)
        for (unsigned i = 0; i < 4; i++) {
            const float32x4_t sum = vcvtq_f32_s32(fours(vld1q_s8(t + j + 16 * i), vld1q_s8(q + j + 16 * i)));
            a[i] = vfmaq_n_f32(a[i], sum, d[j / SLM_GEMV_BLOCK + i / 2]);
        }
    for (unsigned i = 0; i < 4; i++)
        vst1q_f32(lanes + 4 * i, a[i]);
}

const gemv_loops slmi_gemv_loops_neon = {real, integer};

#endif
