/* slm/gemv.h: level 1, products of a coded matrix and a vector straight from the codes: y = W x. Freestanding, like decode.h.
 *
 *     slm_matrix m;
 *     slm_matrix_init(&m, &coding, columns, NULL);
 *     slm_matrix_rotate(&m, x, rotated);                              // once a vector; where there is no rotation it copies
 *     slm_gemv(&m, codes, scales, 1, 0, rows, rotated, y);
 *
 * A weight is s t, s the run's scale and t what the weight would be with scale 1, as slm_decode_run gives it in F32. Rotation is orthogonal
 * up to a factor and symmetric, so it is the vector that is rotated: t is then made without rotation, from T.
 *
 * The order of the sums is fixed, and the result the same bits with every kernel. The columns of a row that lie in one run are a *part*. In
 * a part, 64 sums begin with 0, and column j of the part, in ascending order, goes to sum j mod 64: a = fma(t_j, x_j, a), binary32, rounded
 * once. Then a_i = a_i + a_(i+n) for i < n, n = 32, 16, 8, 4, 2, 1. Over the parts, ascending: y = fma(a_0, s, y), from 0.
 *
 * Error. With L the columns of a part, parts their number a row and u = 2^-24, as long as nothing overflows or is subnormal,
 *     |y - W x| <= k u / (1 - k u) * sum of |w_j x_j|,   k = ceil(L / 64) + 7 + parts,
 * W the exact weights, x the vector given. slm_matrix_rotate rounds each sum of a butterfly: it adds at most
 *     h u / (1 - h u) * s * (sum of |T_j|) * (sum of |x_j|)   for each segment of 2^h columns.
 * slm_gemv_int8 works on x as quantised, whose elements differ by at most d / 2 (1 + 2^-20) from x's; the bound is the first one with
 * k = ceil(L / 64) + 7 + parts again.
 *
 * The vector kernels need the default floating-point environment (nearest even, no flush to zero).
 *
 * Thread rule: pure functions of their arguments; share rows among threads by first_row and rows.
 */
#ifndef SLM_GEMV_H
#define SLM_GEMV_H

#include "slm/decode.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Opaque; lives wherever the caller puts it, and owns nothing. */
typedef struct slm_matrix {
    union {
        uint64_t align;
        unsigned char bytes[2304];
    } opaque;
} slm_matrix;

/* A matrix of `columns` columns in this coding, with a kernel as in slm_decoder_init. Of run_length and columns one divides the other;
 * where the coding is rotated, run_length divides columns. SLM_E_ARGUMENT where that is not so; else as slm_decoder_init. */
SLM_API slm_status slm_matrix_init(slm_matrix *matrix, const slm_coding *coding, uint64_t columns, const char *kernel);

/* The name of the kernel it uses. Static storage. */
SLM_API const char *slm_matrix_kernel(const slm_matrix *matrix);

/* `columns` elements of x as slm_gemv wants them: rotated where the coding is. `rotated` may be x. */
SLM_API void slm_matrix_rotate(const slm_matrix *matrix, const float *x, float *rotated);

/* y[0 .. rows) = rows [first_row, first_row + rows) of W times x. `codes`: all runs of the matrix, one after the other, from row 0 on; run
 * r's scale is scales[r * scale_step]. SLM_E_RECORD and SLM_E_SCALE as slm_decode_run. */
SLM_API slm_status slm_gemv(const slm_matrix *matrix, const void *codes, const uint16_t *scales, size_t scale_step, uint64_t first_row,
                            uint64_t rows, const float *x, float *y);

#define SLM_GEMV_BLOCK 32 /* columns that share a step when x is quantised */

/* x in 8 bits: for each block of 32 columns (the last may be shorter) d = the largest |x_j| / 127, q_j = x_j (127 / the largest), rounded
 * to nearest even; so q_j d is nearly x_j. Where a block is 0, or too small for 1 / d, q and d are 0. `d` has ceil(columns / 32) elements.
 */
SLM_API void slm_quantise(const float *x, uint64_t columns, int8_t *q, float *d);

/* The same product with x quantised (after slm_matrix_rotate), for trellis codings whose T, or where all T are even T / 2, fit 8 bits, with
 * run_length = columns, a multiple of 64; else SLM_E_ARGUMENT. T counts here as an integer: in each four columns 4i .. 4i + 3 the products
 * t_j q_j are summed exactly, and go to sum i mod 16: a = fma(that, d of their block, a); then as above from n = 8 on, t being T or T / 2,
 * which the factor s makes up for. SLM_E_RECORD and SLM_E_SCALE as slm_gemv. */
SLM_API slm_status slm_gemv_int8(const slm_matrix *matrix, const void *codes, const uint16_t *scales, size_t scale_step, uint64_t first_row,
                                 uint64_t rows, const int8_t *q, const float *d, float *y);

#ifdef __cplusplus
}
#endif
#endif
