/* Kernels of the search by cells: nearest direction, the one-product filter of a list, and residuals of the seeds it passes. */
#ifndef SLM_BLOCK_FILTER_H
#define SLM_BLOCK_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILTER_GROUP 32     /* seeds a group of a list */
#define FILTER_OFFSET 128   /* list bytes are G + 128 */
#define FILTER_UNIT 127     /* length of G, about */
#define FILTER_TARGET 88    /* length of X, about: 255 (|X_a| + |X_b|) of any two coordinates stays within 16 bits */
#define FILTER_PAIRS_MAX 8  /* pairs of rows */
#define FILTER_FOURS_MAX 2  /* groups of four basis columns */
#define DIRECTION_GROUP 16  /* directions a group */
#define SEEDS_AHEAD 24      /* seeds whose memory is asked for before it is needed: the tables are far larger than the near caches */
#define SEEDS_BEYOND 48     /* room that kernels want behind seeds that passed */
#define SEEDS_READ 40       /* entries of a list's seeds behind its last group that kernels may read */
#define RESIDUAL_UNIT 32766 /* length of a basis column and of a target, in 16-bit integers */

typedef struct filter_target {
    int16_t pairs[FILTER_PAIRS_MAX];           /* X, two signed bytes each: the even row's low, the odd row's high */
    int16_t coordinates[2 * FILTER_PAIRS_MAX]; /* RESIDUAL_UNIT times the unit vector, rounded */
    int sum;                                   /* of X */
} filter_target;

typedef struct seed_residual {
    float square; /* sum over the basis columns of the squares of the integer products */
    uint32_t seed;
} seed_residual;

typedef struct residual_shape {
    unsigned pairs; /* of rows, even */
    unsigned fours; /* of columns */
    bool complement;
} residual_shape;

/* G of a seed is FILTER_UNIT times the direction of c's part beside its subspace, rounded; 0 where that part is not above `least`. */
typedef struct filter_rows {
    float direction[2 * FILTER_PAIRS_MAX]; /* c; 0 beyond the rows */
    unsigned pairs;                        /* of a list's rows */
    float least;
    float wrong; /* how much of the part may lie inside the subspace */
} filter_rows;

typedef struct filter_bounds {
    float norm; /* no |G| is larger but by rounding */
    float skew; /* nor G's part inside the subspace */
} filter_bounds;

typedef struct block_filter_kernel {
    /* |product| of x with each direction of `groups` groups (groups x rows x DIRECTION_GROUP floats). */
    void (*products)(const float *directions, unsigned groups, unsigned rows, const float *x, float *products);
    /* Appends to `passed` the seeds of the list's first `groups` groups (groups x pairs x 64 bytes) with |sum_c G_c X_c| <= limit < 2^15
     * - 1. Returns how many. `seeds` can be read SEEDS_READ beyond, and `passed` written eight. */
    size_t (*filter)(const uint8_t *list, const uint16_t *seeds, size_t groups, unsigned pairs, const filter_target *target, int limit,
                     uint16_t *passed);
    /* Makes the rows G of a list: one for each of `count` seeds (the low halves of `found`), into whole groups that hold FILTER_OFFSET
     * everywhere. */
    void (*rows)(const int16_t *basis, residual_shape shape, const filter_rows *how, const uint64_t *found, size_t count, uint8_t *list,
                 filter_bounds *bounds);
    /* The seeds of `passed` whose sum of squares is at least `limit` (for a complement: at most). Returns how many. `passed` has room for
     * SEEDS_BEYOND more. */
    size_t (*residuals)(const int16_t *basis, residual_shape shape, uint16_t *passed, size_t count, const filter_target *target,
                        float limit, seed_residual *kept);
} block_filter_kernel;

extern const block_filter_kernel slmi_block_filter_scalar;
extern const block_filter_kernel slmi_block_filter_avx2;
extern const block_filter_kernel slmi_block_filter_avx512;

#endif
