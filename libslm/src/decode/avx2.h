/* avx2.h: what the AVX2 kernels share: their target, the check of the float environment, and the stores. Include it last. */
#ifndef SLM_AVX2_H
#define SLM_AVX2_H

#include <immintrin.h>
#include <string.h>

#include "kernel.h"

/* From here on the file is compiled for AVX2, whatever the compiler's flags; it runs only where slm_cpu_avx2() is true. */
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,f16c,fma,bmi2"))), apply_to = function)
#define AVX2_END _Pragma("clang attribute pop")
#else
#pragma GCC push_options
#pragma GCC target("avx2,f16c,fma,bmi2")
#define AVX2_END _Pragma("GCC pop_options")
#endif

#define AVX2_INLINE static inline __attribute__((always_inline))

/* Nearest even, subnormals in and out, all exceptions masked. */
AVX2_INLINE bool avx2_environment_is_default(void) { return (_mm_getcsr() & 0xffc0) == 0x1f80; }

/* Eight floats, each the exact value or its rounding to odd (the last bit set where not exact), as `dtype` at element i. */
AVX2_INLINE __m128i avx2_bf16(__m256 x) {
    const __m256i bits = _mm256_castps_si256(x);
    const __m256i even = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i up = _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff)), even);
    const __m256i high = _mm256_srli_epi32(up, 16);
    return _mm_packus_epi32(_mm256_castsi256_si128(high), _mm256_extracti128_si256(high, 1));
}

/* Eight elements at element i; `stream`: past the caches, where the address is a multiple of the vector's size. */
AVX2_INLINE void avx2_store(slm_dtype dtype, void *target, size_t i, __m256 x, bool stream) {
    if (dtype == SLM_F32) {
        if (stream)
            _mm256_stream_ps((float *)target + i, x);
        else
            _mm256_storeu_ps((float *)target + i, x);
        return;
    }
    const __m128i half = dtype == SLM_F16 ? _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT) : avx2_bf16(x);
    __m128i *const to = (__m128i *)(void *)((uint16_t *)target + i);
    if (stream)
        _mm_stream_si128(to, half);
    else
        _mm_storeu_si128(to, half);
}

#endif
