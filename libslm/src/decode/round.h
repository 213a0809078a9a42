/* round.h: the one rounding of a decoded value, shared by the scalar kernel and by vector kernels that leave a case to it. */
#ifndef SLM_ROUND_H
#define SLM_ROUND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slm/dtype.h"
#include "slm/profile.h"

/* A positive finite bfloat16 as significand * 2^exponent, significand in 1..255 (rule [RUN-9]). */
typedef struct scale_parts {
    uint32_t significand;
    int32_t exponent;
} scale_parts;

static inline scale_parts scale_split(uint16_t scale) {
    const uint32_t exponent = (uint32_t)scale >> 7, fraction = scale & 0x7f;
    const scale_parts parts = {exponent == 0 ? fraction : fraction | 0x80, (int32_t)(exponent == 0 ? 1 : exponent) - 134};
    return parts;
}

/* Positive and finite (rule [RUN-4]); a power of two. */
static inline bool scale_is_valid(uint16_t scale) { return scale != 0 && scale < 0x7f80; }
static inline bool scale_is_power_of_two(uint16_t scale) {
    const uint32_t significand = scale_split(scale).significand;
    return (significand & (significand - 1)) == 0;
}

/* Whether a coding's scales must be powers of two: where its integers, rotated, do not fit 16 bits (rule [REC-8]). */
static inline bool scale_needs_power(const slm_profile *profile, unsigned rotation) {
    return profile->norm == 0 && slm_profile_integer_bits(profile, rotation) > 16;
}

/* slm_round_value for `count` integers; `target` as in slm_decode_run, and `dtype` codable. */
void slmi_round_values(const int64_t *integers, size_t count, scale_parts scale, uint32_t divisor, slm_dtype dtype, void *target);

#endif
