/* importance.h: what a squared error counts, by column of a tensor. Quantised once, so that every machine searches for the same. */
#ifndef SLM_IMPORTANCE_H
#define SLM_IMPORTANCE_H

#include <stdbool.h>

#include "slm/file.h"

#define IMPORTANCE_ROOT_MAX 32.0       /* of the mean column's root: squared errors count at most 1,024 times its own */
#define IMPORTANCE_ROOT_MIN 0.00390625 /* 1/256 */

/* The square root of a weight: significand * 2^exponent, the significand in 2^14 .. 2^15 - 1. */
typedef struct importance_root {
    double value;
    uint16_t significand;
    int16_t exponent;
} importance_root;

typedef struct importance {
    slm_allocator allocator;
    uint64_t columns;
    double *weights; /* by column: what a squared error counts; about 1 on average */
    /* What the search takes for the error of element i of the tensor is roots[i mod period]. With a rotation, whose errors each touch all
     * of a segment, that is the root of the segment's mean. */
    importance_root *roots;
    uint64_t period;
} importance;

/* `values`: mean squares, one a column. *made is NULL where all are equal: then nothing is to be weighted. SLM_E_ARGUMENT: negative or not
 * finite, or no columns. slmi_importance_aim() has to follow. */
slm_status slmi_importance_create(importance **made, const float *values, uint64_t columns, const slm_allocator *allocator);
/* Makes the roots for a rotation over 2^rotation weights. */
slm_status slmi_importance_aim(importance *of, unsigned rotation);
/* Fills an all-zero *of for a search under feedback, which is never aimed: weights and roots are those of `pivots`, one a column; with
 * `spread`, where columns are not those of the weights, the weights are all 1. */
slm_status slmi_importance_of_pivots(importance *of, const double *pivots, uint64_t columns, bool spread, const slm_allocator *allocator);
void slmi_importance_free(importance *of); /* NULL is allowed */

#endif
