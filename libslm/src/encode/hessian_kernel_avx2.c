/* hessian_kernel_avx2.c: the kernel with AVX2. */
#include <immintrin.h>

#define VECTOR __m256d
#define VECTOR_LANES 4u
#define LOAD(p) _mm256_loadu_pd(p)
#define STORE(p, v) _mm256_storeu_pd((p), (v))
#define SPLAT(x) _mm256_set1_pd(x)
#define MUL(a, b) _mm256_mul_pd((a), (b))
#define SUB(a, b) _mm256_sub_pd((a), (b))
#define DIV(a, b) _mm256_div_pd((a), (b))

#include "hessian_kernel_impl.h"

const hessian_kernel slmi_hessian_kernel_avx2 = {"avx2", slm_cpu_avx2, finish, subtract};
