/* trellis_fast_avx512.c: the fast trellis step with AVX-512 VBMI, which looks 64 numbers up at once. */
#include <immintrin.h>
#include <string.h>

#include "trellis_fast.h"

#define VECTOR __m512i
#define VECTOR_LANES 64u
#define LOAD(p) _mm512_loadu_si512((const void *)(p))
#define STORE(p, v) _mm512_storeu_si512((void *)(p), (v))
#define SPLAT(x) _mm512_set1_epi8((char)(x))
#define ADDUS(a, b) _mm512_adds_epu8((a), (b))
#define MINU(a, b) _mm512_min_epu8((a), (b))
#define PREPARED __m512i
#define COST(costs, numbers) _mm512_permutexvar_epi8((numbers), (costs))

static inline __m512i prepare(const fast_window *window) {
    uint8_t costs[FAST_PERMUTED];
    memset(costs, FAST_COST_MAX, sizeof costs);
    memcpy(costs + window->first, window->costs, FAST_WINDOW);
    return LOAD(costs);
}

static inline unsigned horizontal_min(__m512i v);

#include "trellis_fast_x86.h"

static inline unsigned horizontal_min(__m512i v) {
    const __m256i half = _mm256_min_epu8(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1));
    return horizontal_min_128(_mm_min_epu8(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1)));
}

static unsigned step_here(const fast_shape *shape, const fast_window *windows, unsigned count, const uint8_t *expanded, uint8_t *next) {
    return shape->permute ? step(shape, windows, count, expanded, next)
                          : slmi_trellis_fast_avx2.step(shape, windows, count, expanded, next);
}

/* All of this file is compiled for VBMI. */
static void expand_here(const fast_shape *shape, const uint8_t *costs, unsigned offset, uint8_t *expanded) {
    (shape->permute ? expand : slmi_trellis_fast_avx2.expand)(shape, costs, offset, expanded);
}

const trellis_fast_kernel slmi_trellis_fast_avx512 = {expand_here, step_here};
