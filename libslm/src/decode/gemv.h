/* gemv.h: the inner loops of products, one set an instruction set. */
#ifndef SLM_GEMV_LOOPS_H
#define SLM_GEMV_LOOPS_H

#include "kernel.h"
#include "slm/gemv.h"

#define GEMV_LANES 64
#define GEMV_INT8_LANES 16

typedef struct gemv_loops {
    /* a_(j mod 64) = fma(t_j, x_j, a_(j mod 64)) for j < count. */
    void (*real)(const float *t, const float *x, size_t count, float lanes[GEMV_LANES]);
    /* a_(i mod 16) = fma(sum of t_j q_j, d, a_(i mod 16)) for the fours i of `count` columns, a multiple of 64; all |t_j|, |q_j| <= 127. */
    void (*integer)(const int8_t *t, const int8_t *q, const float *d, size_t count, float lanes[GEMV_INT8_LANES]);
} gemv_loops;

extern const gemv_loops slmi_gemv_loops_scalar;
#if SLM_HAVE_X86
extern const gemv_loops slmi_gemv_loops_avx2;
extern const gemv_loops slmi_gemv_loops_avx512;
#endif
#if SLM_HAVE_NEON
extern const gemv_loops slmi_gemv_loops_neon;
#endif

/* a * b + c rounded once to binary32, without a fused instruction. */
float slmi_gemv_fma(float a, float b, float c);

#endif
