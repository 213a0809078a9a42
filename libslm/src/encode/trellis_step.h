/* trellis_step.h: one step of the trellis search, the part that is written once for each instruction set.
 *
 * A step takes the normalised costs of 2^(K-k) groups (a group: the 2^k states that share their upper K-k bits and so the successors)
 * to those of the next time, in 16-bit lanes that saturate: see libslm/doc/trellis-search.md for why the result is exact all the same.
 */
#ifndef SLM_TRELLIS_STEP_H
#define SLM_TRELLIS_STEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../decode/kernel.h"
#include "trellis_batch.h"
#include "trellis_fast.h"

#define TRELLIS_LANES 32u /* groups in a row of the table; every kernel's vector divides it */
#define TRELLIS_COST_MAX 65535u
#define TRELLIS_SHIFT_MAX 6u /* doublings of a difference before it is squared */

/* The sizes of a profile's trellis and its table. */
typedef struct trellis_shape {
    unsigned K, k, C;
    unsigned groups; /* 2^(K-k) */
    unsigned padded; /* groups, at least TRELLIS_LANES */
    unsigned period; /* expanded costs a digit: 2^(K-2k), at least TRELLIS_LANES */
    unsigned shift;  /* doublings, 0..TRELLIS_SHIFT_MAX */
    /* Tq, the integers T on the search's grid, [padded / LANES][2^k digits][C][LANES]: the state of group g, digit d is g << k | d. */
    const int16_t *table;
} trellis_shape;

/* How a difference is taken where squared errors are weighted: drawn in to +-limit, doubled `shift` times, times multiplier / 2^15, rounded
 * half up. */
typedef struct trellis_weight {
    int16_t limit; /* 32767 >> shift */
    uint8_t shift;
    int16_t multiplier;
} trellis_weight;

typedef struct trellis_kernel {
    const char *name;
    const trellis_fast_kernel *fast;
    bool (*usable)(void);
    /* expanded[d][j] = costs[(j << k | d) mod groups] - offset, j < period: what a step reads beside the table. */
    void (*expand)(const trellis_shape *shape, const uint16_t *costs, unsigned offset, uint16_t *expanded);
    /* next[g] = min over d of expanded[d][g mod period] + sum over c < count of square(targets[c], Tq), saturating, where
     * square(X, Tq) = ((X - Tq) << shift)^2 >> 16, also saturating. Returns the smallest of next. */
    unsigned (*step)(const trellis_shape *shape, const int16_t *targets, unsigned count, const uint16_t *expanded, uint16_t *next);
    /* The same with a weight for each target. */
    unsigned (*weighted_step)(const trellis_shape *shape, const int16_t *targets, const trellis_weight *weights, unsigned count,
                              const uint16_t *expanded, uint16_t *next);
    const trellis_batch_kernel *batch[2]; /* of the exact search and of the fast one; NULL: none */
} trellis_kernel;

/* The i-th kernel of this build, slowest first; NULL past the end. */
const trellis_kernel *slmi_trellis_kernel_by_index(size_t index);

extern const trellis_kernel slmi_trellis_kernel_scalar;
extern const trellis_kernel slmi_trellis_kernel_avx2;
extern const trellis_kernel slmi_trellis_kernel_avx512;

#endif
