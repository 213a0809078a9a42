/* trellis_fast_x86.h: the body of a fast trellis step for x86; included once by each trellis_fast_avx*.c.
 *
 * The including file defines VECTOR (a vector of VECTOR_LANES bytes), LOAD(p) STORE(p, v) SPLAT(x) ADDUS(a, b) MINU(a, b) on its lanes,
 * PREPARED, what prepare(window) makes of a window, and COST(prepared, numbers).
 */
#include <immintrin.h>
#include <stddef.h>

#include "trellis_fast.h"

#define VECTORS (FAST_LANES / VECTOR_LANES)

#if defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) /* which makes this slow to compile */
#define UNROLL _Pragma("GCC unroll 32")
#else
#define UNROLL
#endif

/* `same`: count = C, of which one or two are constants in their calls. k and period are constants where the loop over digits is to be
 * unrolled. */
static inline __attribute__((always_inline)) unsigned step_body(const fast_shape *shape, const fast_window *windows, unsigned count,
                                                                const uint8_t *expanded, uint8_t *next, const unsigned same,
                                                                const unsigned k, const size_t period) {
    const size_t digits = (size_t)1 << k;
    const unsigned C = same ? same : shape->C;
    const uint8_t *table = shape->table;
    const PREPARED first = prepare(&windows[0]), second = prepare(&windows[same == 2]);
    VECTOR smallest = SPLAT(-1);
    for (unsigned row = 0; row < shape->padded; row += FAST_LANES, table += C * FAST_LANES << k) {
        const uint8_t *costs = expanded + (row & (period - 1));
        VECTOR best[VECTORS];
        for (unsigned v = 0; v < VECTORS; v++)
            best[v] = SPLAT(-1);
        UNROLL
        for (size_t d = 0; d < digits; d++) {
            const uint8_t *numbers = table + d * C * FAST_LANES;
            for (unsigned v = 0; v < VECTORS; v++) {
                VECTOR sum = ADDUS(COST(first, LOAD(numbers + v * VECTOR_LANES)), LOAD(costs + d * period + v * VECTOR_LANES));
                if (same == 2)
                    sum = ADDUS(sum, COST(second, LOAD(numbers + FAST_LANES + v * VECTOR_LANES)));
                if (!same)
                    for (unsigned c = 1; c < count; c++)
                        sum = ADDUS(sum, COST(prepare(&windows[c]), LOAD(numbers + c * FAST_LANES + v * VECTOR_LANES)));
                best[v] = MINU(best[v], sum);
            }
        }
        for (unsigned v = 0; v < VECTORS; v++) {
            STORE(next + row + v * VECTOR_LANES, best[v]);
            smallest = MINU(smallest, best[v]);
        }
    }
    return horizontal_min(smallest);
}

/* K = 16 and C = 1, as the named profiles of 2, 3, 4 and 5 bits have it. */
#define STEP_UNROLLED(k) step_body(shape, windows, 1, expanded, next, 1, (k), (size_t)1 << (16 - 2 * (k)))

static unsigned step(const fast_shape *shape, const fast_window *windows, unsigned count, const uint8_t *expanded, uint8_t *next) {
    const unsigned k = shape->k;
    if (shape->C == 1 && shape->groups == 1u << (16 - k))
        switch (k) {
        case 2: return STEP_UNROLLED(2);
        case 3: return STEP_UNROLLED(3);
        case 4: return STEP_UNROLLED(4);
        case 5: return STEP_UNROLLED(5);
        default: break;
        }
    if (shape->C == 1)
        return step_body(shape, windows, count, expanded, next, 1, k, shape->period);
    return shape->C == 2 && count == 2 ? step_body(shape, windows, count, expanded, next, 2, k, shape->period)
                                       : step_body(shape, windows, count, expanded, next, 0, k, shape->period);
}

static inline unsigned horizontal_min_128(__m128i v) {
    const __m128i pairs = _mm_min_epu8(v, _mm_srli_epi16(v, 8));
    return (unsigned)_mm_extract_epi16(_mm_minpos_epu16(_mm_and_si128(pairs, _mm_set1_epi16(255))), 0);
}

/* Twice 256 costs in the halves of 16 vectors: an address j, d of 8 bits is turned left by as many as j has, which makes it d, j. A round
 * of unpacking turns by one. */
static inline __attribute__((always_inline)) void turn(const uint8_t *costs, __m256i offset, uint8_t *expanded, size_t period,
                                                       const unsigned k) {
    const size_t together = 256u >> k;
    __m256i a[16], b[16];
    for (unsigned i = 0; i < 16; i++) {
        const __m128i low = _mm_loadu_si128((const __m128i *)(const void *)(costs + 16 * i));
        const __m128i high = _mm_loadu_si128((const __m128i *)(const void *)(costs + 256 + 16 * i));
        a[i] = _mm256_sub_epi8(_mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1), offset);
    }
    for (unsigned round = 0; round < 8 - k; round++) {
        for (unsigned i = 0; i < 8; i++) {
            b[2 * i] = _mm256_unpacklo_epi8(a[i], a[i + 8]);
            b[2 * i + 1] = _mm256_unpackhi_epi8(a[i], a[i + 8]);
        }
        for (unsigned i = 0; i < 16; i++)
            a[i] = b[i];
    }
    for (unsigned i = 0; i < 16; i++) {
        const __m128i halves[2] = {_mm256_castsi256_si128(a[i]), _mm256_extracti128_si256(a[i], 1)};
        for (unsigned h = 0; h < 2; h++) {
            if (k == 5) { /* eight costs a digit */
                _mm_storel_epi64((__m128i *)(void *)(expanded + 2 * i * period + h * together), halves[h]);
                _mm_storel_epi64((__m128i *)(void *)(expanded + (2 * i + 1) * period + h * together), _mm_srli_si128(halves[h], 8));
            } else {
                const unsigned each = 16u >> k; /* vectors of a digit */
                _mm_storeu_si128((__m128i *)(void *)(expanded + i / each * period + i % each * 16 + h * together), halves[h]);
            }
        }
    }
}

static void expand(const fast_shape *shape, const uint8_t *costs, unsigned offset, uint8_t *expanded) {
    const size_t period = shape->period, together = 512u >> shape->k;
    if (shape->k > 5 || (period << shape->k) != shape->groups || period < together) { /* small K or large k */
        slmi_trellis_fast_scalar.expand(shape, costs, offset, expanded);
        return;
    }
    const __m256i less = _mm256_set1_epi8((char)offset);
    for (size_t j = 0; j < period; j += together, costs += 512, expanded += together)
        switch (shape->k) {
        case 1: turn(costs, less, expanded, period, 1); break;
        case 2: turn(costs, less, expanded, period, 2); break;
        case 3: turn(costs, less, expanded, period, 3); break;
        case 4: turn(costs, less, expanded, period, 4); break;
        default: turn(costs, less, expanded, period, 5); break;
        }
}
