/* trellis_fast.h: one step of the fast trellis search, the part that is written for each instruction set.
 *
 * The same minimum over all states as trellis_step.h, in 8-bit lanes: T by its number, a byte, costs from a table of the 15 numbers around
 * the target, 255 for all others. libslm/doc/trellis-search.md says what that loses.
 */
#ifndef SLM_TRELLIS_FAST_H
#define SLM_TRELLIS_FAST_H

#include <stdbool.h>
#include <stdint.h>

#define FAST_LANES 64u
#define FAST_LEVELS_MAX 253u /* so that numbers below a window are none of its own when they wrap */
#define FAST_PERMUTED 64u    /* levels that one permutation of bytes holds */
#define FAST_WINDOW 15u      /* numbers told apart around a target */
#define FAST_COST_MAX 255u

typedef struct fast_shape {
    unsigned k, C;
    bool permute;    /* numbers can be looked up by VBMI: asked once, as a guest's CPUID may take as long as a step */
    unsigned levels; /* numbers of T: P (2^W - 1) + 1 */
    unsigned groups; /* 2^(K-k) */
    unsigned padded; /* groups, at least FAST_LANES */
    unsigned period; /* expanded costs a digit: 2^(K-2k), at least FAST_LANES */
    /* Numbers of T, (T + P (2^W - 1)) / 2, [padded / FAST_LANES][2^k digits][C][FAST_LANES]: of state g << k | d. */
    const uint8_t *table;
} fast_shape;

/* What the T numbered first + i costs; costs[FAST_WINDOW], 255, is for all the rest. */
typedef struct fast_window {
    uint8_t first; /* first + FAST_WINDOW <= FAST_LEVELS_MAX */
    uint8_t costs[FAST_WINDOW + 1];
} fast_window;

typedef struct trellis_fast_kernel {
    /* expanded[d][j] = costs[(j << k | d) mod groups] - offset, j < period. */
    void (*expand)(const fast_shape *shape, const uint8_t *costs, unsigned offset, uint8_t *expanded);
    /* next[g] = min over d of expanded[d][g mod period] + sum over c < count of the cost of state g << k | d, saturating at 255. Returns
     * the smallest of next. */
    unsigned (*step)(const fast_shape *shape, const fast_window *windows, unsigned count, const uint8_t *expanded, uint8_t *next);
} trellis_fast_kernel;

extern const trellis_fast_kernel slmi_trellis_fast_scalar;
extern const trellis_fast_kernel slmi_trellis_fast_avx2;
extern const trellis_fast_kernel slmi_trellis_fast_avx512; /* with VBMI where there is, else what AVX2 has */

static inline unsigned fast_cost(const fast_window *window, uint8_t number) {
    const uint8_t i = (uint8_t)(number - window->first);
    return window->costs[i < FAST_WINDOW ? i : FAST_WINDOW];
}

#endif
