/* neon.h: what the NEON kernels share: the check of the float environment and the stores. Include it last. */
#ifndef SLM_NEON_H
#define SLM_NEON_H

#include <arm_neon.h>
#include <string.h>

#include "kernel.h"

#define NEON_INLINE static inline __attribute__((always_inline))

/* Nearest even, the IEEE half precision, subnormals in and out: FPCR without AHP, DN, FZ, RMode, FZ16, NEP, AH and FIZ. */
NEON_INLINE bool neon_environment_is_default(void) {
    uint64_t fpcr;
    __asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
    return (fpcr & 0x07c80007) == 0;
}

/* Four floats, each the exact value or its rounding to odd, as 16 bits of `dtype` (F16 or BF16). */
NEON_INLINE uint16x4_t neon_narrow(slm_dtype dtype, float32x4_t x) {
    if (dtype == SLM_F16)
        return vreinterpret_u16_f16(vcvt_f16_f32(x));
    const uint32x4_t bits = vreinterpretq_u32_f32(x);
    return vaddhn_u32(bits, vsraq_n_u32(vdupq_n_u32(0x7fff), vshlq_n_u32(bits, 15), 31)); /* half, or where bit 16 is set a little more */
}

/* Such four floats as `dtype`, to any address. */
NEON_INLINE void neon_store(slm_dtype dtype, uint8_t *target, float32x4_t x) {
    if (dtype == SLM_F32)
        vst1q_u8(target, vreinterpretq_u8_f32(x));
    else
        vst1_u8(target, vreinterpret_u8_u16(neon_narrow(dtype, x)));
}

#endif
