/* rotate.h: the rotation of weights in double precision, for searches that do not aim in integers. */
#ifndef SLM_ROTATE_H
#define SLM_ROTATE_H

#include <stddef.h>

#include "slm/decode.h"

/* One segment of `size` values, a power of two: values <- H values. */
void slmi_rotate_butterflies(double *values, size_t size);

/* values <- H D values / N: what T has to meet, in units of the weights. `column` is that of the first value in its run, a multiple of the
 * rotation's size, and so is `count`. */
void slmi_rotate_weights(const slm_coding *coding, double *values, uint64_t count, uint64_t column);

#endif
