/* decode_avx2_any.c: AVX2 kernel for the codings that have none of their own: see decode_any.h. */
#include "kernel.h"

#if SLM_HAVE_X86

#include "avx2.h"

#define ANY_BYTES 32
#define any_environment_is_default avx2_environment_is_default

AVX2_INLINE __m256i any_look_up_256(const uint8_t *table, __m256i index) {
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)table)), index);
}
#define any_look_up(table, index) ((any_bytes)any_look_up_256(table, (__m256i)(index)))

AVX2_INLINE void any_store(slm_dtype dtype, uint8_t *target, const float x[8]) { avx2_store(dtype, target, 0, _mm256_loadu_ps(x), false); }

#include "decode_any.h"

AVX2_END

const slm_kernel slm_kernel_avx2_any = {"avx2-any", SLM_LEVEL_AVX2, slm_cpu_avx2, any_supports, any_prepare, any_decode, NULL};

#endif
