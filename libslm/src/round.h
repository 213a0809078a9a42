/* round.h: the one rounding of a decoded value, shared by the scalar kernel and by vector kernels that leave a case to it. */
#ifndef SLM_ROUND_H
#define SLM_ROUND_H

#include <stdint.h>

#include "slm/dtype.h"

/* A positive finite bfloat16 as significand * 2^exponent, significand in 1..255. */
typedef struct scale_parts {
    uint32_t significand;
    int32_t exponent;
} scale_parts;

static inline scale_parts scale_split(uint16_t scale) {
    uint32_t exponent = scale >> 7, fraction = scale & 0x7f;
    scale_parts parts = {exponent == 0 ? fraction : fraction | 0x80, (int32_t)(exponent == 0 ? 1 : exponent) - 134};
    return parts;
}

/* Positive and finite; a power of two. */
static inline int scale_is_valid(uint16_t scale) { return scale != 0 && scale < 0x7f80; }
static inline int scale_is_power_of_two(uint16_t scale) {
    uint32_t significand = scale_split(scale).significand;
    return (significand & (significand - 1)) == 0;
}

/* slm_round_value with the scale already split. */
uint32_t round_parts(int64_t integer, scale_parts scale, uint32_t divisor, slm_dtype dtype);

#endif
