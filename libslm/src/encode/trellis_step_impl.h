/* trellis_step_impl.h: the body of a trellis step kernel; included once by each trellis_step_*.c.
 *
 * The including file defines VECTOR (a vector of VECTOR_LANES 16-bit lanes) and the operations
 *   LOAD(p) STORE(p, v) SPLAT(x)   and lane by lane   SUBS(a, b) ADDS(a, b) signed, saturating;   MULHI(a, b) signed, bits 16..31 of the
 *   product;   MULHRS(a, b) signed, (product + 2^14) / 2^15 rounded down;   MINS(a, b) MAXS(a, b) signed;   SHIFT(a, n) to the left;
 *   ADDUS(a, b) MINU(a, b) unsigned, the first one saturating;   HORIZONTAL_MIN(v) the smallest lane, an unsigned.
 */
#include <string.h>

#include "trellis_step.h"

#define VECTORS (TRELLIS_LANES / VECTOR_LANES)

/* `shift` and `single` (count = C = 1) are constants in every call, so that each combination becomes its own loop. */
static inline __attribute__((always_inline)) unsigned step_body(const trellis_shape *shape, const int16_t *targets, unsigned count,
                                                                const uint16_t *expanded, uint16_t *next, const unsigned shift,
                                                                const bool single) {
    const size_t digits = (size_t)1 << shape->k;
    const size_t period = shape->period;
    const unsigned C = single ? 1 : shape->C;
    const int16_t *table = shape->table;
    const VECTOR first = SPLAT(targets[0]);
    VECTOR smallest[VECTORS];
    for (unsigned v = 0; v < VECTORS; v++)
        smallest[v] = SPLAT(-1);

    for (unsigned row = 0; row < shape->padded; row += TRELLIS_LANES) {
        const uint16_t *costs = expanded + (row & (period - 1));
        VECTOR best[VECTORS];
        for (unsigned v = 0; v < VECTORS; v++)
            best[v] = SPLAT(-1);
        for (size_t d = 0; d < digits; d++) {
            for (unsigned v = 0; v < VECTORS; v++) {
                VECTOR difference = SUBS(first, LOAD(table + v * VECTOR_LANES));
                for (unsigned i = 0; i < shift; i++)
                    difference = ADDS(difference, difference);
                VECTOR sum = MULHI(difference, difference);
                if (!single) {
                    for (unsigned c = 1; c < count; c++) {
                        difference = SUBS(SPLAT(targets[c]), LOAD(table + c * TRELLIS_LANES + v * VECTOR_LANES));
                        for (unsigned i = 0; i < shift; i++)
                            difference = ADDS(difference, difference);
                        sum = ADDUS(sum, MULHI(difference, difference));
                    }
                }
                best[v] = MINU(best[v], ADDUS(sum, LOAD(costs + v * VECTOR_LANES)));
            }
            table += C * TRELLIS_LANES;
            costs += period;
        }
        for (unsigned v = 0; v < VECTORS; v++) {
            STORE(next + row + v * VECTOR_LANES, best[v]);
            smallest[v] = MINU(smallest[v], best[v]);
        }
    }
    for (unsigned v = 1; v < VECTORS; v++)
        smallest[0] = MINU(smallest[0], smallest[v]);
    return HORIZONTAL_MIN(smallest[0]);
}

#define STEP_CASE(n)                                                                                                                       \
    case n:                                                                                                                                \
        return shape->C == 1 ? step_body(shape, targets, count, expanded, next, n, true)                                                   \
                             : step_body(shape, targets, count, expanded, next, n, false)

static unsigned step(const trellis_shape *shape, const int16_t *targets, unsigned count, const uint16_t *expanded, uint16_t *next) {
    switch (shape->shift) {
        STEP_CASE(0);
        STEP_CASE(1);
        STEP_CASE(2);
        STEP_CASE(3);
        STEP_CASE(4);
        STEP_CASE(5);
    default:
        return shape->C == 1 ? step_body(shape, targets, count, expanded, next, TRELLIS_SHIFT_MAX, true)
                             : step_body(shape, targets, count, expanded, next, TRELLIS_SHIFT_MAX, false);
    }
}

/* A weight as vectors. */
typedef struct weight_vectors {
    VECTOR target, least, most, multiplier;
    int shift;
} weight_vectors;

static inline __attribute__((always_inline)) weight_vectors weight_splat(int16_t target, const trellis_weight *weight) {
    return (weight_vectors){SPLAT(target), SPLAT(-weight->limit), SPLAT(weight->limit), SPLAT(weight->multiplier), weight->shift};
}

static inline __attribute__((always_inline)) VECTOR weighted_square(VECTOR entries, const weight_vectors *w) {
    const VECTOR difference = MINS(MAXS(SUBS(w->target, entries), w->least), w->most);
    const VECTOR scaled = MULHRS(SHIFT(difference, w->shift), w->multiplier);
    return MULHI(scaled, scaled);
}

/* `single` (count = C = 1) is a constant in every call. */
static inline __attribute__((always_inline)) unsigned weighted_body(const trellis_shape *shape, const int16_t *targets,
                                                                    const trellis_weight *weights, unsigned count, const uint16_t *expanded,
                                                                    uint16_t *next, const bool single) {
    const size_t digits = (size_t)1 << shape->k, period = shape->period;
    const unsigned C = single ? 1 : shape->C;
    const int16_t *table = shape->table;
    const weight_vectors first = weight_splat(targets[0], &weights[0]);
    VECTOR smallest[VECTORS];
    for (unsigned v = 0; v < VECTORS; v++)
        smallest[v] = SPLAT(-1);
    for (unsigned row = 0; row < shape->padded; row += TRELLIS_LANES) {
        const uint16_t *costs = expanded + (row & (period - 1));
        VECTOR best[VECTORS];
        for (unsigned v = 0; v < VECTORS; v++)
            best[v] = SPLAT(-1);
        for (size_t d = 0; d < digits; d++) {
            for (unsigned v = 0; v < VECTORS; v++) {
                VECTOR sum = weighted_square(LOAD(table + v * VECTOR_LANES), &first);
                if (!single) {
                    for (unsigned c = 1; c < count; c++) {
                        const weight_vectors other = weight_splat(targets[c], &weights[c]);
                        sum = ADDUS(sum, weighted_square(LOAD(table + c * TRELLIS_LANES + v * VECTOR_LANES), &other));
                    }
                }
                best[v] = MINU(best[v], ADDUS(sum, LOAD(costs + v * VECTOR_LANES)));
            }
            table += C * TRELLIS_LANES;
            costs += period;
        }
        for (unsigned v = 0; v < VECTORS; v++) {
            STORE(next + row + v * VECTOR_LANES, best[v]);
            smallest[v] = MINU(smallest[v], best[v]);
        }
    }
    for (unsigned v = 1; v < VECTORS; v++)
        smallest[0] = MINU(smallest[0], smallest[v]);
    return HORIZONTAL_MIN(smallest[0]);
}

static unsigned weighted_step(const trellis_shape *shape, const int16_t *targets, const trellis_weight *weights, unsigned count,
                              const uint16_t *expanded, uint16_t *next) {
    return shape->C == 1 ? weighted_body(shape, targets, weights, count, expanded, next, true)
                         : weighted_body(shape, targets, weights, count, expanded, next, false);
}

/* Any K and k, one element at a time. */
static inline void expand_plain(const trellis_shape *shape, const uint16_t *costs, unsigned offset, uint16_t *expanded) {
    const unsigned once = shape->groups >> shape->k > 1 ? shape->groups >> shape->k : 1; /* then costs repeat */
    for (unsigned d = 0; d < 1u << shape->k; d++, expanded += shape->period) {
        for (unsigned j = 0; j < once; j++)
            expanded[j] = (uint16_t)(costs[(j << shape->k | d) & (shape->groups - 1)] - offset);
        for (unsigned n = once; n < shape->period; n *= 2)
            memcpy(expanded + n, expanded, n * sizeof *expanded);
    }
}
