/* tools/compare.h: how far two arrays of elements lie apart. */
#ifndef SLM_TOOLS_COMPARE_H
#define SLM_TOOLS_COMPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slm/dtype.h"

/* A sum of squares beyond the range of double, and the same on every machine: sum * 4^exponent. All zeros is 0. */
typedef struct square_sum {
    double sum;
    int exponent;
} square_sum;

/* Sums over pairs (a, b), a being the reference. Two NaNs are equal, whatever their bits, and so are two infinities of one sign; any other
 * pair with a NaN or an infinity in it counts as `nonfinite` and is left out of the sums. */
typedef struct comparison {
    uint64_t elements;      /* compared; bytes where elements are smaller than one */
    uint64_t different;     /* pairs of unequal value; of other bytes where values are not compared */
    uint64_t nonfinite;     /* of these, pairs with a NaN or an infinity */
    bool bytes_differ;      /* some bytes differ, if only in the sign of a zero; always where the types differ */
    square_sum norm;        /* of a */
    square_sum error;       /* of a - b */
    double maximum;         /* largest |a - b| */
    uint64_t maximum_index; /* the first element that has it */
} comparison;

/* Whether elements of these two types are compared as numbers (F64, F32, F16, BF16, in any pairing); else byte by byte. */
bool compare_as_numbers(slm_dtype a, slm_dtype b);

/* Adds `count` elements, little-endian as in a file. */
void compare_elements(comparison *c, slm_dtype a_type, const void *a, slm_dtype b_type, const void *b, size_t count);

/* Adds the sums of one comparison to a total; the total's maximum_index means nothing. */
void compare_add(comparison *total, const comparison *c);

/* Relative Frobenius error, sqrt(error / norm): 0 where error is 0, infinite where only norm is. */
double compare_relative(const comparison *c);

/* Signal-to-noise ratio in decibels; infinite where error is 0. */
double compare_snr(const comparison *c);

#endif
