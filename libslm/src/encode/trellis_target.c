/* trellis_target.c: the integer targets a trellis search aims at, and the error its codes leave.
 *
 * value = scale * D * H * T with H symmetric, H * H = N and D * D = 1, so T should come near (H * D * w) / (N * scale). Floats become
 * integers (40 bits for the run's largest weight), the rotation is a butterfly of integers, and one division by the scale's significand
 * rounds to the grid: no floating point, so the targets are the same on every machine.
 */
#include <math.h>
#include <string.h>

#include "../decode/bits.h"
#include "../decode/rotation.h"
#include "trellis_core.h"

#define WEIGHT_BITS 40

static uint32_t float_bits(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* Significand and exponent of a finite float: |x| = result * 2^*exponent. */
static uint32_t float_parts(uint32_t bits, int *exponent) {
    const int biased = (int)(bits >> 23 & 255u);
    *exponent = (biased ? biased : 1) - 127 - 23;
    return biased ? (bits & 0x7FFFFFu) | 0x800000u : bits & 0x7FFFFFu;
}

slm_status slmi_trellis_targets_prepare(trellis_targets *targets, const slm_coding *coding, int grid, const float *weights,
                                        uint16_t scale) {
    int scale_exponent;
    targets->coding = coding;
    targets->weights = weights;
    if (!trellis_scale_parts(scale, &targets->scale_significand, &scale_exponent))
        return SLM_E_SCALE;
    uint32_t largest = 0;
    for (uint64_t i = 0; i < coding->run_length; i++) {
        const uint32_t magnitude = float_bits(weights[i]) & 0x7FFFFFFFu;
        largest = magnitude > largest ? magnitude : largest;
    }
    int exponent;
    uint32_t significand = float_parts(largest, &exponent);
    int bits = 0;
    for (; significand; significand >>= 1)
        bits++;
    targets->exponent = exponent + bits - WEIGHT_BITS;
    /* X = sum * 2^exponent * 2^grid / (2^h * significand * 2^scale_exponent) */
    targets->shift = targets->exponent + grid - coding->rotation - scale_exponent;
    return SLM_OK;
}

static int64_t integer_weight(const trellis_targets *targets, uint64_t index) {
    const uint32_t bits = float_bits(targets->weights[index]);
    int exponent;
    const uint64_t significand = float_parts(bits & 0x7FFFFFFFu, &exponent);
    const int shift = exponent - targets->exponent;
    int64_t magnitude;
    if (shift >= 0)
        magnitude = (int64_t)(significand << shift); /* below 2^40 by the choice of targets->exponent */
    else
        magnitude = shift > -40 ? (int64_t)((significand + (UINT64_C(1) << (-shift - 1))) >> -shift) : 0;
    return bits >> 31 ? -magnitude : magnitude;
}

/* round(sum * 2^shift / significand), halves away from zero, drawn in to TRELLIS_TARGET_MAX. |sum| is at most 2^50. */
static int32_t divide(const trellis_targets *targets, int64_t sum) {
    const uint64_t magnitude = (uint64_t)(sum < 0 ? -sum : sum);
    uint64_t numerator = magnitude, denominator = targets->scale_significand;
    if (targets->shift >= 0) {
        /* The quotient's limit is known beforehand: no overflow of the shift is computed. */
        const uint64_t most = (uint64_t)TRELLIS_TARGET_MAX * denominator;
        if (targets->shift >= 63 ? magnitude != 0 : magnitude > most >> targets->shift)
            return sum < 0 ? -TRELLIS_TARGET_MAX : TRELLIS_TARGET_MAX;
        numerator = targets->shift >= 63 ? 0 : numerator << targets->shift;
    } else {
        if (targets->shift < -54) /* below a half whatever the sum */
            return 0;
        denominator <<= -targets->shift;
    }
    uint64_t quotient = (numerator + denominator / 2) / denominator;
    if (quotient > (uint64_t)TRELLIS_TARGET_MAX)
        quotient = (uint64_t)TRELLIS_TARGET_MAX;
    return sum < 0 ? -(int32_t)quotient : (int32_t)quotient;
}

void slmi_trellis_targets_make(const trellis_targets *targets, uint64_t first, size_t count, int32_t *out) {
    const slm_coding *coding = targets->coding;
    if (coding->rotation == 0) {
        for (size_t i = 0; i < count; i++)
            out[i] = divide(targets, integer_weight(targets, first + i));
        return;
    }
    const size_t segment = (size_t)1 << coding->rotation;
    int64_t x[TRELLIS_SEGMENT_MAX];
    uint32_t state = slmi_rotation_register(coding->sign_seed, first);
    for (size_t begin = 0; begin < count; begin += segment) {
        for (size_t i = 0; i < segment; i++)
            x[i] = integer_weight(targets, first + begin + i);
        slmi_rotation_sign(x, segment, &state);
        slmi_rotation_transform(x, coding->rotation);
        for (size_t i = 0; i < segment; i++)
            out[begin + i] = divide(targets, x[i]);
    }
}

/* Seed number `block` of a run's stream. */
static uint32_t read_seed(const slm_profile *profile, const uint8_t *codes, uint64_t block) {
    return (uint32_t)bits_get(codes + bits_byte(block, profile->k), bits_shift(block, profile->k), profile->K);
}

trellis_weight slmi_trellis_weight_make(const trellis_search *search, const importance_root *root) {
    const int shift = root->exponent + 15 + (int)search->shape.shift;
    if (shift >= 0)
        return (trellis_weight){(int16_t)(INT16_MAX >> shift), (uint8_t)shift, (int16_t)root->significand};
    const int less = -shift; /* at most 8 by IMPORTANCE_ROOT_MIN: the significand keeps some bits */
    return (trellis_weight){INT16_MAX, 0, (int16_t)((root->significand + (1 << (less - 1))) >> less)};
}

void slmi_trellis_measure(const trellis_search *search, const slm_coding *coding, const float *weights, const importance *of,
                          uint64_t first_element, uint16_t scale, const uint8_t *codes, search_stats *stats) {
    const slm_profile *profile = &search->profile;
    unsigned significand = 0;
    int exponent = 0;
    (void)trellis_scale_parts(scale, &significand, &exponent);
    const double factor = ldexp(significand, exponent);
    const size_t segment = coding->rotation ? (size_t)1 << coding->rotation : TRELLIS_SEGMENT_MAX;
    int64_t x[TRELLIS_SEGMENT_MAX];
    uint32_t state = coding->rotation ? slmi_rotation_register(coding->sign_seed, 0) : 0;
    double norm = 0, sum = 0, maximum = 0, weighted_norm = 0, weighted_sum = 0;
    uint64_t at = of ? first_element % of->columns : 0;
    uint64_t block = 0;
    unsigned c = 0;
    const int32_t *values = trellis_values(search, read_seed(profile, codes, 0));
    for (uint64_t first = 0; first < coding->run_length; first += segment) {
        const size_t count = coding->run_length - first < segment ? (size_t)(coding->run_length - first) : segment;
        for (size_t i = 0; i < count; i++) {
            if (c == profile->C) {
                values = trellis_values(search, read_seed(profile, codes, ++block));
                c = 0;
            }
            x[i] = values[c++];
        }
        if (coding->rotation) {
            slmi_rotation_transform(x, coding->rotation);
            slmi_rotation_sign(x, count, &state);
        }
        for (size_t i = 0; i < count; i++) {
            const double weight = weights[first + i];
            const double error = fabs(weight - (double)x[i] * factor);
            norm += weight * weight;
            sum += error * error;
            maximum = error > maximum ? error : maximum;
            if (of) {
                weighted_norm += of->weights[at] * (weight * weight);
                weighted_sum += of->weights[at] * (error * error);
                at = at + 1 == of->columns ? 0 : at + 1;
            }
        }
    }
    *stats = (search_stats){.squared_norm = norm, .squared_error = sum, .maximum_error = maximum, .blocks = block + 1};
    stats->weighted_norm = of ? weighted_norm : norm;
    stats->weighted_error = of ? weighted_sum : sum;
}
