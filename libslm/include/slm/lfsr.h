/* slm/lfsr.h: the K-bit Fibonacci LFSR behind every entry (paper section 3.1 and Table 6; specification section "LFSR").
 *
 * Bit 0 of a state is the least significant. One step:
 *     b = XOR of the state bits j with taps bit j set;   state = (state >> 1) | (b << (K - 1))
 * Freestanding; no function here allocates or keeps state. Thread rule: all functions are pure.
 */
#ifndef SLM_LFSR_H
#define SLM_LFSR_H

#include <stdbool.h>
#include <stdint.h>

#include "slm/version.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SLM_LFSR_K_MIN 2
#define SLM_LFSR_K_MAX 24

/* The taps of the paper's Table 6 for K (bit j set where alpha_j = 1), or 0 for K outside 2..24. */
SLM_API uint32_t slm_lfsr_table6(unsigned K);

/* The state after `steps` steps from `state`. K in 2..24, state < 2^K. */
SLM_API uint32_t slm_lfsr_advance(unsigned K, uint32_t taps, uint32_t state, uint64_t steps);

/* Whether x^K + sum of taps_j x^j is primitive over GF(2), so that every nonzero state lies on one cycle of length 2^K - 1.
 * False for K outside 2..24 and for taps with bits at or above K or with bit 0 clear. */
SLM_API bool slm_lfsr_is_maximal(unsigned K, uint32_t taps);

#ifdef __cplusplus
}
#endif
#endif
