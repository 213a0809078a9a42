/* round.c: integer * scale / divisor, rounded once to nearest even (rule [REC-9]), in integer arithmetic alone. */
#include "round.h"

#include "bits.h"
#include "slm/decode.h"

/* A binary format: bits of the significand with the leading one, the exponent of the smallest normal number, and all bits. */
typedef struct format {
    int32_t precision, minimum;
    unsigned width;
} format;

static const format f32 = {24, -126, 32}, f16 = {11, -14, 16}, bf16 = {8, -126, 16};

static inline uint32_t round_one(int64_t integer, scale_parts scale, uint32_t divisor, format to) {
    if (integer == 0)
        return 0; /* never -0 (rule [REC-5]) */
    const uint32_t sign = (uint32_t)(integer < 0) << (to.width - 1);

    /* The magnitude becomes `quotient` * 2^exponent, where an odd quotient may also stand for any number within one of it: what
     * a division leaves is recorded in bit 0. The product is below 2^62; its top bit is moved to bit 62, so that the quotient by a
     * divisor below 2^23 has at least 40 bits, 16 more than the longest significand. */
    uint64_t quotient = (integer < 0 ? 0 - (uint64_t)integer : (uint64_t)integer) * scale.significand;
    const unsigned left = 62 - bits_top(quotient);
    const int32_t exponent = scale.exponent - (int32_t)left;
    unsigned top = 62;
    quotient <<= left;
    if (divisor > 1) {
        const uint64_t product = quotient;
        quotient = product / divisor;
        quotient |= product != quotient * divisor;
        top -= bits_top(divisor) + 1; /* or one more: divisor being 2^n - 1, the quotient lies between 2^(62-n) and 2^(64-n) */
        top += (unsigned)(quotient >> (top + 1)) & 1;
    }

    /* The result's last place has weight 2^(exponent + drop): as far down as the precision, but not below the subnormals'. */
    const int32_t lead = exponent + (int32_t)top;
    const int32_t above = lead > to.minimum ? lead - to.minimum : 0;
    const int32_t drop = to.minimum + above - (to.precision - 1) - exponent; /* at least 40 - 24 */
    if (drop > 63)
        return sign; /* at most half of the smallest subnormal, and the quotient is below 2^63 */
    const uint64_t even = quotient >> drop & 1;
    const uint64_t kept = (quotient + ((UINT64_C(1) << (drop - 1)) - 1) + even) >> drop;

    /* `kept` carries the leading one of a normal number, which adds the last unit of the biased exponent; so does a carry out of
     * the significand. */
    const uint64_t bits = ((uint64_t)above << (to.precision - 1)) + kept;
    const uint64_t infinity = ((UINT64_C(1) << (to.width - (unsigned)to.precision)) - 1) << (to.precision - 1);
    return sign | (uint32_t)(bits < infinity ? bits : infinity);
}

uint32_t slm_round_value(int64_t integer, uint16_t scale, uint32_t divisor, slm_dtype dtype) {
    return round_one(integer, scale_split(scale), divisor, dtype == SLM_F32 ? f32 : dtype == SLM_F16 ? f16 : bf16);
}

/* Made for each type and for the paper's divisor, so that the compiler knows format and divisor in each loop. */
static inline void round_loop(const int64_t *integers, size_t count, scale_parts scale, uint32_t divisor, format to, void *target) {
    for (size_t i = 0; i < count; i++) {
        const uint32_t bits = round_one(integers[i], scale, divisor, to);
        if (to.width == 32)
            ((uint32_t *)target)[i] = bits;
        else
            ((uint16_t *)target)[i] = (uint16_t)bits;
    }
}

static inline void round_type(const int64_t *integers, size_t count, scale_parts scale, uint32_t divisor, format to, void *target) {
    if (divisor == 1)
        round_loop(integers, count, scale, 1, to, target);
    else if (divisor == 32767)
        round_loop(integers, count, scale, 32767, to, target);
    else
        round_loop(integers, count, scale, divisor, to, target);
}

void slmi_round_values(const int64_t *integers, size_t count, scale_parts scale, uint32_t divisor, slm_dtype dtype, void *target) {
    if (dtype == SLM_F32)
        round_type(integers, count, scale, divisor, f32, target);
    else if (dtype == SLM_F16)
        round_type(integers, count, scale, divisor, f16, target);
    else
        round_type(integers, count, scale, divisor, bf16, target);
}
