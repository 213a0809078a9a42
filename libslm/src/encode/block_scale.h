/* Block coding: the choice of a scale. */
#ifndef SLM_BLOCK_SCALE_H
#define SLM_BLOCK_SCALE_H

#include "block_search.h"
#include "search_stats.h"

/* How many blocks of a sample slmi_block_choose_scale() wants for `blocks` blocks: 0 where the statistics are enough. */
size_t slmi_block_scale_sample(const slm_profile *profile, uint64_t blocks);

/* The scale, bfloat16 bits, for weights (rotated, where the coding is) whose statistics are `whole`; `sample` holds `count` whole blocks of
 * them. The search serves blocks of C weights; `targets` and `records` have room for `count` blocks. */
uint16_t slmi_block_choose_scale(const block_search *search, block_scratch *scratch, const slm_coding *coding, const weight_stats *whole,
                                 const double *sample, size_t count, double *targets, uint64_t *records);

#endif
