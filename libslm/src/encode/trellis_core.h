/* trellis_core.h: what the files of the trellis search share: tables, scratch, targets. */
#ifndef SLM_TRELLIS_CORE_H
#define SLM_TRELLIS_CORE_H

#include <stdbool.h>

#include "trellis_batch.h"
#include "trellis_search.h"
#include "trellis_step.h"

/* Targets beyond this many steps of the grid are drawn in to it: the integers of every sum then fit 64 bits with room. No T comes
 * near, so such a target (several hundred times the run's scale) asks for the largest T either way. */
#define TRELLIS_TARGET_MAX (INT32_C(1) << 22)
/* The same where errors are weighted: their squares have more bits. Four times what 16 bits hold. */
#define TRELLIS_WEIGHTED_TARGET_MAX (INT32_C(1) << 17)
#define TRELLIS_SEGMENT_MAX (1u << SLM_ROTATION_MAX)

/* Working memory is one allocation, cut into parts that begin at multiples of this. */
#define TRELLIS_ALIGN 64u

/* Where the next part begins, of `size` bytes. */
static inline size_t trellis_reserve(size_t *used, size_t size) {
    const size_t at = *used;
    *used = at + (size + TRELLIS_ALIGN - 1) / TRELLIS_ALIGN * TRELLIS_ALIGN;
    return at;
}

/* The first such place in a block that is TRELLIS_ALIGN bytes longer than its parts. */
static inline unsigned char *trellis_align(void *block) {
    return (unsigned char *)block + (TRELLIS_ALIGN - (uintptr_t)block % TRELLIS_ALIGN) % TRELLIS_ALIGN;
}

/* Draws targets in to what weighted searches take. */
static inline void trellis_draw_in(int32_t *targets, size_t count) {
    for (size_t i = 0; i < count; i++) {
        targets[i] = targets[i] > TRELLIS_WEIGHTED_TARGET_MAX ? TRELLIS_WEIGHTED_TARGET_MAX : targets[i];
        targets[i] = targets[i] < -TRELLIS_WEIGHTED_TARGET_MAX ? -TRELLIS_WEIGHTED_TARGET_MAX : targets[i];
    }
}

/* What the search of several runs at once reads. */
typedef struct trellis_batch_tables {
    const trellis_batch_kernel *kernel; /* NULL: it can't be used */
    batch_shape shape;
    uint16_t *offsets; /* shape.offsets */
    int16_t *entries;  /* Tq by the number of T */
} trellis_batch_tables;

typedef struct trellis_batch trellis_batch; /* its working memory */

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
    trellis_batch_tables batch[2]; /* of the exact search, of the fast one; without a kernel: runs are searched one by one */
    uint64_t fast_factor;          /* a cost is a squared difference on the grid times this, divided by 2^32 */
};

/* The costs a search begins with; where they do not suffice it goes on to the next. */
typedef enum trellis_width { TRELLIS_FAST, TRELLIS_NARROW, TRELLIS_WIDE } trellis_width; /* 8, 16 and 64 bits */

/* The weights of a run as integer targets: X = round(2^grid * (H D w) / N / scale), computed in integers from the floats' bits. */
typedef struct trellis_targets {
    const slm_coding *coding;
    const float *weights;
    int exponent; /* the weights are taken as integers times 2^exponent, at most 2^40 */
    unsigned scale_significand;
    int shift; /* X = round(integer sum * 2^shift / scale_significand) */
} trellis_targets;

/* SLM_E_SCALE for a scale that is zero, negative or not finite. All weights are finite. */
slm_status slmi_trellis_targets_prepare(trellis_targets *targets, const slm_coding *coding, int grid, const float *weights, uint16_t scale);

/* X of weights [first, first + count) of the run; first is a multiple of the segment length 2^h, and so is count or it ends the run. */
void slmi_trellis_targets_make(const trellis_targets *targets, uint64_t first, size_t count, int32_t *out);

/* What a run's codes decode to, against its weights. The first one is element `first` of its tensor; `of` may be NULL. */
void slmi_trellis_measure(const trellis_search *search, const slm_coding *coding, const float *weights, const importance *of,
                          uint64_t first, uint16_t scale, const uint8_t *codes, search_stats *stats);

/* How a root is applied to differences on the search's grid. */
trellis_weight slmi_trellis_weight_make(const trellis_search *search, const importance_root *root);

/* The search for a given scale, weighted as slmi_trellis_scratch_weigh() said last. *narrow (may be NULL) says whether the 16-bit costs
 * sufficed. */
slm_status slmi_trellis_find_codes(const trellis_search *search, trellis_scratch *scratch, const slm_coding *coding, const float *weights,
                                   uint16_t scale, uint8_t *codes, bool *narrow);

slm_status slmi_trellis_find_codes_from(const trellis_search *search, trellis_scratch *scratch, const slm_coding *coding,
                                        const float *weights, uint16_t scale, trellis_width width, uint8_t *codes, bool *narrow);

/* The same for `count` runs one behind another, many at once where that can be. */
slm_status slmi_trellis_find_codes_of(const trellis_search *search, trellis_scratch *scratch, const slm_coding *coding,
                                      const float *weights, const uint16_t *scales, size_t count, uint8_t *codes);

/* trellis_batch.c. Tables of batch[fast], where the profile and the kernel have a use for them. */
slm_status slmi_trellis_batch_make(trellis_search *search, bool fast);
void slmi_trellis_batch_unmake(trellis_search *search);
/* *batch becomes NULL where there is nothing to search at once. */
slm_status slmi_trellis_batch_create(trellis_batch **batch, const trellis_search *search, const slm_coding *coding,
                                     const slm_allocator *allocator);
void slmi_trellis_batch_free(trellis_batch *batch, const slm_allocator *allocator);
trellis_batch *slmi_trellis_scratch_batch(trellis_scratch *scratch);

/* The costs of the fast search around a target. */
void slmi_trellis_fast_window(const trellis_search *search, int32_t target, fast_window *window);

/* What slmi_trellis_scratch_weigh() said last. */
const importance *slmi_trellis_scratch_importance(const trellis_scratch *scratch, uint64_t *first);

/* Makes windows shorter, for tests of what happens between them. */
void slmi_trellis_scratch_limit(trellis_scratch *scratch, unsigned steps);

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

/* square(X, Tq) with nothing saturated: targets are at most 2^22 and Tq 2^15 steps, so a square is below 2^41 and C of them below 2^47. */
static inline uint64_t trellis_exact_square(int32_t target, int16_t entry, unsigned shift) {
    const int32_t difference = target - entry;
    const uint64_t magnitude = (uint64_t)(uint32_t)(difference < 0 ? -difference : difference) << shift;
    return magnitude * magnitude >> 16;
}

/* The same with a weight: differences are below 2^18 and multipliers times powers of two below 2^27, so a square is below 2^60 before its
 * shift. */
static inline uint64_t trellis_exact_weighted_square(int32_t target, int16_t entry, const trellis_weight *weight) {
    const int64_t product = (int64_t)(target - entry) * ((int64_t)weight->multiplier << weight->shift) + (1 << 14);
    const int64_t scaled = product >= 0 ? product >> 15 : -((-product + INT16_MAX) >> 15);
    return (uint64_t)(scaled * scaled) >> 16;
}

/* The cost that seed `state` adds at a time. weights: NULL, or one a target. */
static inline uint64_t trellis_branch(const trellis_search *search, const int32_t *targets, const trellis_weight *weights, unsigned count,
                                      uint32_t state) {
    const int32_t *values = trellis_values(search, state);
    uint64_t sum = 0;
    for (unsigned c = 0; c < count; c++)
        sum += weights ? trellis_exact_weighted_square(targets[c], trellis_entry(search, values[c]), &weights[c])
                       : trellis_exact_square(targets[c], trellis_entry(search, values[c]), search->shape.shift);
    return sum;
}

/* trellis_search.far with a weight: beyond it half of what a lane takes and more is between the target and every T. */
static inline int32_t trellis_weighted_far(const trellis_search *search, const trellis_weight *weight) {
    const int32_t far = search->top + (16384 >> weight->shift);
    return far > INT16_MAX ? INT16_MAX : far;
}

/* Writes what seed `time` of a run of `times` adds to the stream: its k low bits, and all K where it is the last. */
static inline void trellis_write_seed(const trellis_shape *shape, uint8_t *codes, uint64_t time, uint64_t times, uint32_t seed) {
    const unsigned width = time + 1 == times ? shape->K : shape->k;
    const uint64_t bit = time * shape->k;
    uint8_t *byte = codes + (size_t)(bit >> 3);
    uint32_t bits = (seed & ((UINT32_C(1) << width) - 1)) << (bit & 7);
    for (; bits; bits >>= 8)
        *byte++ |= (uint8_t)bits;
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
