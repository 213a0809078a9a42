/* avx512.h: what the AVX-512 kernels share: their target, the check of the float environment, and the stores. Include it last. */
#ifndef SLM_AVX512_H
#define SLM_AVX512_H

#include <immintrin.h>
#include <string.h>

#include "kernel.h"

/* From here on the file is compiled for AVX-512, whatever the compiler's flags; it runs only where slm_cpu_avx512_bytes() is true. */
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni,gfni,avx2,f16c,fma,bmi2"))),  \
                             apply_to = function)
#define AVX512_END _Pragma("clang attribute pop")
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni,gfni,avx2,f16c,fma,bmi2")
#define AVX512_END _Pragma("GCC pop_options")
#endif

#define AVX512_INLINE static inline __attribute__((always_inline))

/* Nearest even, subnormals in and out, all exceptions masked. */
AVX512_INLINE bool avx512_environment_is_default(void) { return (_mm_getcsr() & 0xffc0) == 0x1f80; }

AVX512_INLINE __m512i avx512_load(const void *bytes) { return _mm512_loadu_si512(bytes); }

/* The first `count` bytes (up to 64), zeros behind them; no other byte is touched. */
AVX512_INLINE __m512i avx512_load_some(const void *bytes, uint64_t count) {
    return _mm512_maskz_loadu_epi8((__mmask64)(count < 64 ? (UINT64_C(1) << count) - 1 : ~UINT64_C(0)), bytes);
}

/* 64 bytes to `target`, past the caches where asked; then the address is a multiple of 64. */
AVX512_INLINE void avx512_store(void *target, __m512i x, bool stream) {
    if (stream)
        _mm512_stream_si512((__m512i *)target, x);
    else
        _mm512_storeu_si512(target, x);
}

AVX512_INLINE void avx512_store_half(void *target, __m256i x, bool stream) {
    if (stream)
        _mm256_stream_si256((__m256i *)target, x);
    else
        _mm256_storeu_si256((__m256i *)target, x);
}

/* Nearest even in the upper halves of 16 floats' bits. */
AVX512_INLINE __m512i avx512_round_bf16(__m512i bits) {
    const __m512i even = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    return _mm512_srli_epi32(_mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), even), 16);
}

/* Sixteen floats as `dtype` (F16 or BF16). */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion" /* in gcc 12's macro for _mm512_cvtps_ph, at -O0 */
AVX512_INLINE __m256i avx512_narrow(slm_dtype dtype, __m512 x) {
    if (dtype == SLM_F16)
        return _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    return _mm512_cvtepi32_epi16(avx512_round_bf16(_mm512_castps_si512(x)));
}
#pragma GCC diagnostic pop

#endif
