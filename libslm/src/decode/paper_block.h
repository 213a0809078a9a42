/* paper_block.h: what the kernels for the paper's profiles have in common: which codings these are, and the factors of their weights. */
#ifndef SLM_PAPER_BLOCK_H
#define SLM_PAPER_BLOCK_H

#include <string.h>

#include "kernel.h"

/* K = 16 with the taps of Table 6, step 1, W = 16, E = B = 4, norm 1, not rotated; P = 3, C = 8 or P = 4, C = 12. */
static inline bool paper_block_supports(const slm_coding *coding) {
    const slm_profile *p = &coding->profile;
    return p->coding == SLM_CODING_BLOCK && p->K == 16 && p->taps == 0x100b && p->step == 1 && p->W == 16 && p->E == 4 && p->B == 4 &&
           p->norm == 1 && ((p->P == 3 && p->C == 8) || (p->P == 4 && p->C == 12)) && coding->rotation == 0;
}

/* What an integer is multiplied by, for each exponent: right to 2^-60 of its size (why that suffices stands in decode_avx2_block.c).
 * False for a scale below 2^-100, with which a weight may be subnormal in bfloat16, or above 2^100, with which it may exceed binary32. */
static inline bool paper_block_factors(uint16_t scale, double factors[16]) {
    if (scale < (127 - 100) << 7 || scale > (127 + 100) << 7)
        return false;
    const uint32_t bits = (uint32_t)scale << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    for (unsigned e = 0; e < 16; e++)
        factors[e] = (double)value / 32767 * (double)(1u << e);
    return true;
}

#endif
