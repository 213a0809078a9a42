/* Scales to be tried in full, around the one a rule has chosen. */
#ifndef SLM_SCALE_CANDIDATES_H
#define SLM_SCALE_CANDIDATES_H

#include "slm/file.h"

#define SCALE_CANDIDATES_MAX 64u

/* Fills `scales` with at most `count` (1..SCALE_CANDIDATES_MAX) different scales, legal for the coding and ascending; returns how many. One
 * is the rule's own scale; more divide a range around it evenly (libslm/doc/scales.md). */
unsigned slmi_scale_candidates(const slm_coding *coding, uint16_t rule, unsigned count, uint16_t *scales);

#endif
