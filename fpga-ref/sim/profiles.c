/* profiles.c: the table behind profiles.h. */
#include "profiles.h"

#include <string.h>

/* Table 6 of the paper as masks for the K used here. */
enum { TAPS_5 = 5, TAPS_8 = 29, TAPS_11 = 5, TAPS_12 = 263, TAPS_13 = 39, TAPS_16 = 4107, TAPS_20 = 9, TAPS_24 = 135 };

#define TRELLIS(name, K, taps, step, W, P, C, k)                                                                                           \
    { SLM_CODING_TRELLIS, K, step, W, P, C, 0, 0, 0, k, taps, name }
#define BLOCK(name, K, taps, step, W, P, C, E, B, norm)                                                                                    \
    { SLM_CODING_BLOCK, K, step, W, P, C, E, B, norm, 0, taps, name }

static const slm_profile extra[] = {
    TRELLIS("t12", 12, TAPS_12, 5, 4, 4, 1, 4),      /* a smaller trellis */
    TRELLIS("t16-half", 16, TAPS_16, 7, 4, 4, 2, 5), /* two weights a seed: 2.5 bits */
    TRELLIS("t-odd", 13, TAPS_13, 3, 5, 3, 1, 3),    /* odd P: odd integers */
    TRELLIS("t-one", 11, TAPS_11, 1, 6, 1, 3, 7),    /* one entry, three weights a seed */
    TRELLIS("t-two", 8, TAPS_8, 9, 3, 2, 1, 5),      /* P = 2, step beyond K */
    TRELLIS("t-wide", 20, TAPS_20, 4, 9, 7, 1, 8),   /* wide entries, P = 7 */
    TRELLIS("t-long", 24, TAPS_24, 13, 4, 16, 1, 2), /* the largest K and P */
    BLOCK("paper-4n0", 16, TAPS_16, 1, 16, 3, 8, 4, 4, 0),
    BLOCK("paper-3n0", 16, TAPS_16, 1, 16, 4, 12, 4, 4, 0),
    BLOCK("b13", 13, TAPS_13, 2, 4, 6, 8, 1, 3, 0),   /* the better block profile at 4 bits */
    BLOCK("b13-3", 13, TAPS_13, 3, 3, 5, 8, 1, 2, 0), /* and at 3 bits */
    BLOCK("b12-n1", 12, TAPS_12, 1, 8, 2, 5, 3, 5, 1),
    BLOCK("b-third", 8, TAPS_8, 5, 3, 2, 4, 2, 3, 1), /* division by 3, entries without overlap */
    BLOCK("b-half", 5, TAPS_5, 2, 2, 3, 3, 0, 2, 1),  /* division by 1, no exponent */
    BLOCK("b-one", 16, TAPS_16, 3, 7, 1, 6, 2, 8, 0), /* one coefficient, the widest */
    BLOCK("b24", 24, TAPS_24, 1, 13, 3, 7, 3, 6, 1),
};

const slm_profile *fpga_profile_by_index(size_t index) {
    size_t named = 0;
    while (slm_profile_by_index(named))
        named++;
    if (index < named)
        return slm_profile_by_index(index);
    index -= named;
    return index < sizeof extra / sizeof extra[0] ? &extra[index] : NULL;
}

const slm_profile *fpga_profile(const char *name) {
    const slm_profile *p;
    for (size_t i = 0; (p = fpga_profile_by_index(i)) != NULL; i++)
        if (strcmp(p->name, name) == 0)
            return p;
    return NULL;
}
