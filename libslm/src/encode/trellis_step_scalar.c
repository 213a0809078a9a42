/* trellis_step_scalar.c: the trellis step in plain C, and the list of kernels. */
#define VECTOR uint16_t
#define VECTOR_LANES 1u
#define LOAD(p) ((uint16_t) * (p))
#define STORE(p, v) (*(p) = (v))
#define SPLAT(x) ((uint16_t)(x))
#define SUBS(a, b) saturate((int16_t)(a) - (int16_t)(b))
#define ADDS(a, b) saturate((int16_t)(a) + (int16_t)(b))
#define MULHI(a, b) ((uint16_t)((uint32_t)((int16_t)(a) * (int16_t)(b)) >> 16))
#define MULHRS(a, b) round_product((int16_t)(a), (int16_t)(b))
#define MINS(a, b) ((int16_t)(a) < (int16_t)(b) ? (a) : (b))
#define MAXS(a, b) ((int16_t)(a) > (int16_t)(b) ? (a) : (b))
#define SHIFT(a, n) ((uint16_t)((unsigned)(a) << (n)))
#define ADDUS(a, b) add_saturate((a), (b))
#define MINU(a, b) smaller((a), (b))
#define HORIZONTAL_MIN(v) (v)

#include <stdint.h>

static inline uint16_t saturate(int x) { return (uint16_t)(x > 32767 ? 32767 : x < -32768 ? -32768 : x); }
/* Rounded down: 2^31 keeps what is shifted from being negative. */
static inline uint16_t round_product(int a, int b) { return (uint16_t)((((uint32_t)(a * b) + 0x80004000u) >> 15) - 0x10000u); }
static inline uint16_t add_saturate(unsigned a, unsigned b) { return (uint16_t)(a + b > 65535 ? 65535 : a + b); }
static inline uint16_t smaller(uint16_t a, uint16_t b) { return a < b ? a : b; }

#include "trellis_step_impl.h"

const trellis_kernel slmi_trellis_kernel_scalar = {"scalar",    &slmi_trellis_fast_scalar, slm_cpu_any, expand_plain, step, weighted_step,
                                                   {NULL, NULL}};

const trellis_kernel *slmi_trellis_kernel_by_index(size_t index) {
    static const trellis_kernel *const kernels[] = {
        &slmi_trellis_kernel_scalar,
#if defined(__x86_64__) || defined(__i386__)
        &slmi_trellis_kernel_avx2,
        &slmi_trellis_kernel_avx512,
#endif
    };
    return index < sizeof kernels / sizeof kernels[0] ? kernels[index] : NULL;
}
