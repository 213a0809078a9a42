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
    /* The first two with each square times its column's importance; what candidates are compared by. The same where there is none. */
    double weighted_norm;
    double weighted_error;
} search_stats;

/* What a scale is chosen for, over all its weights; both in a fixed order of operations. */
typedef struct weight_stats {
    double squared_norm; /* sum of w^2 */
    double maximum;      /* largest |w| */
    uint64_t weights;
} weight_stats;

static inline void search_stats_add(search_stats *sum, const search_stats *part) {
    sum->squared_norm += part->squared_norm;
    sum->squared_error += part->squared_error;
    sum->maximum_error = part->maximum_error > sum->maximum_error ? part->maximum_error : sum->maximum_error;
    sum->blocks += part->blocks;
    sum->examined += part->examined;
    sum->weighted_norm += part->weighted_norm;
    sum->weighted_error += part->weighted_error;
}

static inline void weight_stats_add(weight_stats *sum, const weight_stats *part) {
    sum->squared_norm += part->squared_norm;
    sum->maximum = part->maximum > sum->maximum ? part->maximum : sum->maximum;
    sum->weights += part->weights;
}

#endif
