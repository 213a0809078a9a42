/* hessian_kernel_avx512.c: the kernel with AVX-512. */
#include <immintrin.h>

#define ROWS 8u
#define VECTOR __m512d
#define VECTOR_LANES 8u
#define LOAD(p) _mm512_loadu_pd(p)
#define STORE(p, v) _mm512_storeu_pd((p), (v))
#define SPLAT(x) _mm512_set1_pd(x)
#define MUL(a, b) _mm512_mul_pd((a), (b))
#define SUB(a, b) _mm512_sub_pd((a), (b))
#define DIV(a, b) _mm512_div_pd((a), (b))

#include "hessian_kernel_impl.h"

const hessian_kernel slmi_hessian_kernel_avx512 = {"avx512", slm_cpu_avx512, finish, subtract};
