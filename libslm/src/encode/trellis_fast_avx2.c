/* trellis_fast_avx2.c: the fast trellis step with AVX2. */
#include <immintrin.h>

#include "trellis_fast.h"

#define VECTOR __m256i
#define VECTOR_LANES 32u
#define LOAD(p) _mm256_loadu_si256((const __m256i *)(const void *)(p))
#define STORE(p, v) _mm256_storeu_si256((__m256i *)(void *)(p), (v))
#define SPLAT(x) _mm256_set1_epi8((char)(x))
#define ADDUS(a, b) _mm256_adds_epu8((a), (b))
#define MINU(a, b) _mm256_min_epu8((a), (b))
#define PREPARED prepared_window
#define COST(window, numbers) cost((window), (numbers))

typedef struct prepared_window {
    __m256i less, costs, last; /* less: what is added to take the first number away */
} prepared_window;

static inline prepared_window prepare(const fast_window *window) {
    const __m128i costs = _mm_loadu_si128((const __m128i *)(const void *)window->costs);
    const prepared_window made = {_mm256_set1_epi8((char)-window->first), _mm256_broadcastsi128_si256(costs),
                                  _mm256_set1_epi8(FAST_WINDOW)};
    return made;
}

static inline __m256i cost(prepared_window window, __m256i numbers) {
    const __m256i place = _mm256_min_epu8(_mm256_add_epi8(window.less, numbers), window.last);
    return _mm256_shuffle_epi8(window.costs, place);
}

static inline unsigned horizontal_min(__m256i v);

#include "trellis_fast_x86.h"

static inline unsigned horizontal_min(__m256i v) {
    return horizontal_min_128(_mm_min_epu8(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1)));
}

const trellis_fast_kernel slmi_trellis_fast_avx2 = {expand, step};
