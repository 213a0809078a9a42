/* trellis_fast_x86.h: the body of a fast trellis step for x86; included once by each trellis_fast_avx*.c.
 *
 * The including file defines VECTOR (a vector of VECTOR_LANES bytes), LOAD(p) STORE(p, v) SPLAT(x) ADDUS(a, b) MINU(a, b) on its lanes,
 * PREPARED, what prepare(window) makes of a window, and COST(prepared, numbers).
 */
#include <immintrin.h>
#include <stddef.h>

#include "trellis_fast.h"

#define VECTORS (FAST_LANES / VECTOR_LANES)

/* `same`: count = C, of which one or two are constants in their calls. */
static inline __attribute__((always_inline)) unsigned step_body(const fast_shape *shape, const fast_window *windows, unsigned count,
                                                                const uint8_t *expanded, uint8_t *next, const unsigned same) {
    const size_t digits = (size_t)1 << shape->k, period = shape->period;
    const unsigned C = same ? same : shape->C;
    const uint8_t *table = shape->table;
    const PREPARED first = prepare(&windows[0]), second = prepare(&windows[same == 2]);
    VECTOR smallest = SPLAT(-1);
    for (unsigned row = 0; row < shape->padded; row += FAST_LANES) {
        const uint8_t *costs = expanded + (row & (period - 1));
        VECTOR best[VECTORS];
        for (unsigned v = 0; v < VECTORS; v++)
            best[v] = SPLAT(-1);
        for (size_t d = 0; d < digits; d++) {
            for (unsigned v = 0; v < VECTORS; v++) {
                VECTOR sum = ADDUS(COST(first, LOAD(table + v * VECTOR_LANES)), LOAD(costs + v * VECTOR_LANES));
                if (same == 2)
                    sum = ADDUS(sum, COST(second, LOAD(table + FAST_LANES + v * VECTOR_LANES)));
                if (!same)
                    for (unsigned c = 1; c < count; c++)
                        sum = ADDUS(sum, COST(prepare(&windows[c]), LOAD(table + c * FAST_LANES + v * VECTOR_LANES)));
                best[v] = MINU(best[v], sum);
            }
            table += C * FAST_LANES;
            costs += period;
        }
        for (unsigned v = 0; v < VECTORS; v++) {
            STORE(next + row + v * VECTOR_LANES, best[v]);
            smallest = MINU(smallest, best[v]);
        }
    }
    return horizontal_min(smallest);
}

static unsigned step(const fast_shape *shape, const fast_window *windows, unsigned count, const uint8_t *expanded, uint8_t *next) {
    if (shape->C == 1)
        return step_body(shape, windows, count, expanded, next, 1);
    return shape->C == 2 && count == 2 ? step_body(shape, windows, count, expanded, next, 2)
                                       : step_body(shape, windows, count, expanded, next, 0);
}

static inline unsigned horizontal_min_128(__m128i v) {
    const __m128i pairs = _mm_min_epu8(v, _mm_srli_epi16(v, 8));
    return (unsigned)_mm_extract_epi16(_mm_minpos_epu16(_mm_and_si128(pairs, _mm_set1_epi16(255))), 0);
}

/* 256 costs in 16 vectors: an address j, d of 8 bits is turned left by as many as j has, which makes it d, j. A round of unpacking turns
 * by one. */
static inline __attribute__((always_inline)) void turn(const uint8_t *costs, __m128i offset, uint8_t *expanded, size_t period,
                                                       const unsigned k) {
    __m128i a[16], b[16];
    for (unsigned i = 0; i < 16; i++)
        a[i] = _mm_sub_epi8(_mm_loadu_si128((const __m128i *)(const void *)(costs + 16 * i)), offset);
    for (unsigned round = 0; round < 8 - k; round++) {
        for (unsigned i = 0; i < 8; i++) {
            b[2 * i] = _mm_unpacklo_epi8(a[i], a[i + 8]);
            b[2 * i + 1] = _mm_unpackhi_epi8(a[i], a[i + 8]);
        }
        for (unsigned i = 0; i < 16; i++)
            a[i] = b[i];
    }
    if (k == 5) {
        for (unsigned d = 0; d < 32; d += 2) {
            _mm_storel_epi64((__m128i *)(void *)(expanded + d * period), a[d / 2]);
            _mm_storel_epi64((__m128i *)(void *)(expanded + (d + 1) * period), _mm_srli_si128(a[d / 2], 8));
        }
        return;
    }
    const unsigned each = 16u >> k; /* vectors of a digit */
    for (unsigned i = 0; i < 16; i++)
        _mm_storeu_si128((__m128i *)(void *)(expanded + i / each * period + i % each * 16), a[i]);
}

static void expand(const fast_shape *shape, const uint8_t *costs, unsigned offset, uint8_t *expanded) {
    const size_t period = shape->period, together = 256u >> shape->k;
    if (shape->k > 5 || (period << shape->k) != shape->groups || period < together) { /* small K or large k */
        trellis_fast_scalar.expand(shape, costs, offset, expanded);
        return;
    }
    const __m128i less = _mm_set1_epi8((char)offset);
    for (size_t j = 0; j < period; j += together, costs += 256, expanded += together)
        switch (shape->k) {
        case 1: turn(costs, less, expanded, period, 1); break;
        case 2: turn(costs, less, expanded, period, 2); break;
        case 3: turn(costs, less, expanded, period, 3); break;
        case 4: turn(costs, less, expanded, period, 4); break;
        default: turn(costs, less, expanded, period, 5); break;
        }
}
