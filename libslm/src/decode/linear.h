/* linear.h: a window's entries as a linear map over GF(2), for kernels whose windows have up to 16 bits. */
#ifndef SLM_LINEAR_H
#define SLM_LINEAR_H

#include "slm/decode.h"

#define LINEAR_ENTRIES (2 * 8) /* of a window: C * P */

/* column[bit][n]: what bit `bit` of a window contributes to entry n. Bits from K on belong to later windows and contribute nothing. */
static inline void linear_columns(const slm_profile *p, uint32_t column[16][LINEAR_ENTRIES]) {
    for (unsigned bit = 0; bit < 16; bit++) {
        for (unsigned n = 0; n < LINEAR_ENTRIES; n++)
            column[bit][n] = 0;
        if (bit < p->K)
            slm_entries(p, UINT32_C(1) << bit, column[bit]);
    }
}

#endif
