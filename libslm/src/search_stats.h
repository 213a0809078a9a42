/* What a search reports about the weights it coded; added up by the driver in a fixed order. */
#ifndef SLM_SEARCH_STATS_H
#define SLM_SEARCH_STATS_H

#include <stdint.h>

typedef struct search_stats {
    double squared_norm;  /* sum of w^2 */
    double squared_error; /* sum of (w - value)^2, value = (double)integer * scale / divisor, not rounded to an output type */
    double maximum_error; /* largest |w - value| */
    uint64_t blocks;      /* blocks or seeds searched */
    uint64_t examined;    /* block coding: seeds looked at more closely than by their bound */
} search_stats;

/* What a scale is chosen for, over all its weights; both in a fixed order of operations. */
typedef struct weight_stats {
    double squared_norm; /* sum of w^2 */
    float maximum;       /* largest |w| */
    uint64_t weights;
} weight_stats;

#endif
