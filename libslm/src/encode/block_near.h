/* Block coding's search by cells: exact, for blocks that some record comes near to. */
#ifndef SLM_BLOCK_NEAR_H
#define SLM_BLOCK_NEAR_H

#include "block_candidate.h"
#include "block_cells.h"
#include "slm/encode.h"

typedef struct near_block near_block;

typedef struct near_scratch {
    slm_allocator allocator;
    unsigned level;     /* the finest whose lists are made */
    double guess;       /* squared relative error that most blocks stay below */
    uint32_t *cells;    /* NEAR_BLOCKS: of each block, then */
    uint8_t *coarse;    /* NEAR_BLOCKS: their cells of level 0 */
    uint32_t *order;    /* NEAR_BLOCKS: their numbers, cell by cell */
    uint32_t *starts;   /* one a cell, and one more */
    near_block *blocks; /* those that pass a list together */
} near_scratch;

#define NEAR_BLOCKS 16384 /* blocks a call has at most */

/* Counts of what the search does, for the benchmark. */
typedef struct near_counts {
    uint64_t blocks;   /* settled */
    uint64_t listed;   /* seeds filtered */
    uint64_t passed;   /* seeds whose residual was computed */
    uint64_t examined; /* seeds looked at more closely */
    uint64_t rounds;
    uint64_t coarse; /* rounds that had to use a coarse cell */
} near_counts;

slm_status slmi_near_scratch_create(near_scratch *scratch, const block_cells *cells, unsigned level, const slm_allocator *allocator);
void slmi_near_scratch_free(near_scratch *scratch);

/* The best candidates of `count` blocks. Those it cannot settle are left with an infinite error. */
void slmi_near_search(const block_cells *cells, near_scratch *scratch, slm_search mode, const double *targets, size_t count,
                      best_candidate *best, near_counts *counts);

#endif
