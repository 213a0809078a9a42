/* hessian_kernel_scalar.c: the kernel in plain C, and the list of kernels. */
#define VECTOR double
#define VECTOR_LANES 1u
#define LOAD(p) (*(p))
#define STORE(p, v) (*(p) = (v))
#define SPLAT(x) (x)
#define MUL(a, b) ((a) * (b))
#define SUB(a, b) ((a) - (b))
#define DIV(a, b) ((a) / (b))

#include "hessian_kernel_impl.h"

const hessian_kernel slmi_hessian_kernel_scalar = {"scalar", slm_cpu_any, finish, subtract};

const hessian_kernel *slmi_hessian_kernel_by_index(size_t index) {
    static const hessian_kernel *const kernels[] = {
        &slmi_hessian_kernel_scalar,
#if defined(__x86_64__) || defined(__i386__)
        &slmi_hessian_kernel_avx2,
        &slmi_hessian_kernel_avx512,
#endif
    };
    return index < sizeof kernels / sizeof kernels[0] ? kernels[index] : NULL;
}
