/* Block coding: the best record for each block. */
#ifndef SLM_BLOCK_SEARCH_H
#define SLM_BLOCK_SEARCH_H

#include "slm/encode.h"

typedef struct block_search block_search;   /* tables of one profile and block length: immutable, shared by all threads */
typedef struct block_scratch block_scratch; /* working memory of one thread */
typedef struct near_counts near_counts;     /* block_near.h */

/* `profile` is valid and of block coding; `rows` (1..C) weights count in each block. kernel NULL: the fastest here; SLM_E_ARGUMENT where
 * there is none of that name. */
slm_status slmi_block_search_create(block_search **search, const slm_profile *profile, unsigned rows, slm_search mode, const char *kernel,
                                    const slm_allocator *allocator);
void slmi_block_search_free(block_search *search); /* NULL is allowed */
const char *slmi_block_search_kernel(const block_search *search);

unsigned slmi_block_search_rows(const block_search *search);

/* Makes what is worth it for so many more blocks, with up to `threads` threads. Scratch memory made before goes on without. */
void slmi_block_search_prepare(block_search *search, uint64_t blocks, unsigned threads);

/* How many blocks of so many a call of slmi_block_search_run should have, so that tables serve many: a multiple of 8. */
size_t slmi_block_search_piece(const block_search *search, uint64_t blocks, bool weighted);

/* Scratch memory for searches with weights, or for those without. */
slm_status slmi_block_scratch_create(block_scratch **scratch, block_search *search, bool weighted, const slm_allocator *allocator);
void slmi_block_scratch_free(block_scratch *scratch); /* NULL is allowed */

/* What the search by cells has done with this scratch memory. */
const near_counts *slmi_block_scratch_counts(const block_scratch *scratch);

/* From now on weight c of each block counts roots[c]^2; targets are then given times their roots. The roots stay the caller's. */
void slmi_block_scratch_weigh(block_scratch *scratch, const double *roots);

/* The records of `count` blocks. targets: count x rows finite numbers, weights in units of T. errors (may be NULL): sum of (target - T)^2
 * of each. Returns how many seeds were looked at more closely than by their bound. */
uint64_t slmi_block_search_run(const block_search *search, block_scratch *scratch, const double *targets, size_t count, uint64_t *records,
                               double *errors);

#endif
