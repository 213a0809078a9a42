/* trellis_fast_scalar.c: the fast trellis step in plain C. */
#include "trellis_fast.h"

#include <stddef.h>
#include <string.h>

static void expand(const fast_shape *shape, const uint8_t *costs, unsigned offset, uint8_t *expanded) {
    const unsigned once = shape->groups >> shape->k > 1 ? shape->groups >> shape->k : 1; /* then costs repeat */
    for (unsigned d = 0; d < 1u << shape->k; d++, expanded += shape->period) {
        for (unsigned j = 0; j < once; j++)
            expanded[j] = (uint8_t)(costs[(j << shape->k | d) & (shape->groups - 1)] - offset);
        for (unsigned n = once; n < shape->period; n *= 2)
            memcpy(expanded + n, expanded, n);
    }
}

static unsigned step(const fast_shape *shape, const fast_window *windows, unsigned count, const uint8_t *expanded, uint8_t *next) {
    const uint8_t *table = shape->table;
    unsigned smallest = FAST_COST_MAX;
    memset(next, 0xFF, shape->padded);
    for (unsigned row = 0; row < shape->padded; row += FAST_LANES)
        for (unsigned d = 0; d < 1u << shape->k; d++, table += shape->C * FAST_LANES)
            for (unsigned i = 0; i < FAST_LANES; i++) {
                unsigned sum = expanded[(size_t)d * shape->period + ((row + i) & (shape->period - 1))];
                for (unsigned c = 0; c < count; c++)
                    sum += fast_cost(&windows[c], table[c * FAST_LANES + i]);
                next[row + i] = (uint8_t)(sum < next[row + i] ? sum : next[row + i]);
                smallest = sum < smallest ? sum : smallest;
            }
    return smallest;
}

const trellis_fast_kernel slmi_trellis_fast_scalar = {expand, step};
