/* trellis_core.h: what the files of the trellis search share: tables, scratch, targets. */
#ifndef SLM_TRELLIS_CORE_H
#define SLM_TRELLIS_CORE_H

#include <stdbool.h>

#include "trellis_search.h"
#include "trellis_step.h"

/* Targets beyond this many steps of the grid are drawn in to it: the integers of every sum then fit 64 bits with room. No T comes
 * near, so such a target (several hundred times the run's scale) asks for the largest T either way. */
#define TRELLIS_TARGET_MAX (INT32_C(1) << 22)
/* The same where errors are weighted: their squares have more bits. Four times what 16 bits hold. */
#define TRELLIS_WEIGHTED_TARGET_MAX (INT32_C(1) << 17)
#define TRELLIS_SEGMENT_MAX (1u << SLM_ROTATION_MAX)

struct trellis_search {
    slm_allocator allocator;
    slm_profile profile;
    const trellis_kernel *kernel;
    trellis_shape shape;
    int grid;           /* the grid has 2^grid steps in one unit of T */
    int32_t top;        /* the largest T on it */
    int32_t far;        /* targets beyond this take the plain step: the 16-bit one would have nothing but saturated squares */
    double mean_square; /* of T over all seeds and positions */
    int32_t *values;    /* T of every seed, [2^K][C] */
    int16_t *table;     /* shape.table, where it was allocated */
    void *table_block;  /* what to free */
    bool fast;          /* the fast search, where fast_shape has a table */
    fast_shape fast_shape;
    void *fast_block;
    uint64_t fast_factor; /* a cost is a squared difference on the grid times this, divided by 2^32 */
};

/* The weights of a run as integer targets: X = round(2^grid * (H D w) / N / scale), computed in integers from the floats' bits. */
typedef struct trellis_targets {
    const slm_coding *coding;
    const float *weights;
    int exponent; /* the weights are taken as integers times 2^exponent, at most 2^40 */
    unsigned scale_significand;
    int shift; /* X = round(integer sum * 2^shift / scale_significand) */
} trellis_targets;

/* SLM_E_SCALE for a scale that is zero, negative or not finite. All weights are finite. */
slm_status trellis_targets_prepare(trellis_targets *targets, const slm_coding *coding, int grid, const float *weights, uint16_t scale);

/* X of weights [first, first + count) of the run; first is a multiple of the segment length 2^h, and so is count or it ends the run. */
void trellis_targets_make(const trellis_targets *targets, uint64_t first, size_t count, int32_t *out);

/* What a run's codes decode to, against its weights. The first one is element `first` of its tensor; `of` may be NULL. */
void trellis_measure(const trellis_search *search, const slm_coding *coding, const float *weights, const importance *of, uint64_t first,
                     uint16_t scale, const uint8_t *codes, search_stats *stats);

/* How a root is applied to differences on the search's grid. */
trellis_weight trellis_weight_make(const trellis_search *search, const importance_root *root);

/* The search for a given scale, weighted as trellis_scratch_weigh() said last. *narrow (may be NULL) says whether the 16-bit costs
 * sufficed. */
slm_status trellis_find_codes(const trellis_search *search, trellis_scratch *scratch, const slm_coding *coding, const float *weights,
                              uint16_t scale, uint8_t *codes, bool *narrow);

/* The costs of the fast search around a target. */
void trellis_fast_window(const trellis_search *search, int32_t target, fast_window *window);

/* What trellis_scratch_weigh() said last. */
const importance *trellis_scratch_importance(const trellis_scratch *scratch, uint64_t *first);

/* Makes windows shorter, for tests of what happens between them. */
void trellis_scratch_limit(trellis_scratch *scratch, unsigned steps);

/* T of a seed's block. */
static inline const int32_t *trellis_values(const trellis_search *search, uint32_t seed) {
    return search->values + (size_t)seed * search->profile.C;
}

/* Tq: a T on the grid, rounded to nearest, halves away from zero. */
static inline int16_t trellis_entry(const trellis_search *search, int32_t value) {
    if (search->grid >= 0)
        return (int16_t)(value * (INT32_C(1) << search->grid));
    const int32_t half = INT32_C(1) << (-search->grid - 1);
    return (int16_t)(value < 0 ? -((half - value) >> -search->grid) : (half + value) >> -search->grid);
}

/* bfloat16 scale = significand * 2^exponent; false where it is not positive and finite. */
static inline bool trellis_scale_parts(uint16_t scale, unsigned *significand, int *exponent) {
    const unsigned biased = scale >> 7, fraction = scale & 127u;
    if (scale == 0 || biased >= 255) /* a set sign bit makes `biased` at least 256 */
        return false;
    *significand = biased ? fraction | 128u : fraction;
    *exponent = (biased ? (int)biased : 1) - 127 - 7;
    return true;
}

#endif
