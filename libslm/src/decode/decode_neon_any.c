/* decode_neon_any.c: NEON kernel for the codings that have none of their own: see decode_any.h. */
#include "kernel.h"

#if SLM_HAVE_NEON

#include "neon.h"

#define ANY_BYTES 16
#define any_environment_is_default neon_environment_is_default
#define any_look_up(table, index) ((any_bytes)vqtbl1q_u8(vld1q_u8(table), (uint8x16_t)(index)))

NEON_INLINE void any_store(slm_dtype dtype, uint8_t *target, const float x[8]) {
    neon_store(dtype, target, vld1q_f32(x));
    neon_store(dtype, target + (dtype == SLM_F32 ? 16 : 8), vld1q_f32(x + 4));
}

#include "decode_any.h"

const slm_kernel slm_kernel_neon_any = {"neon-any", SLM_LEVEL_NEON, slm_cpu_any, any_supports, any_prepare, any_decode, NULL};

#endif
