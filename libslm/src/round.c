/* round.c: integer * scale / divisor, rounded once to nearest even (rule [REC-9]), in integer arithmetic alone. */
#include "round.h"

#include "bits.h"
#include "slm/decode.h"

/* A binary format: bits of the significand with the leading one, and the exponent of the smallest normal number. */
typedef struct format {
    int32_t precision, minimum;
    uint32_t infinity, sign;
} format;

static format format_of(slm_dtype dtype) {
    const format f32 = {24, -126, 0x7f800000, 0x80000000}, f16 = {11, -14, 0x7c00, 0x8000}, bf16 = {8, -126, 0x7f80, 0x8000};
    return dtype == SLM_F32 ? f32 : dtype == SLM_F16 ? f16 : bf16;
}

uint32_t round_parts(int64_t integer, scale_parts scale, uint32_t divisor, slm_dtype dtype) {
    if (integer == 0)
        return 0; /* never -0 */
    const format to = format_of(dtype);
    const uint32_t sign = integer < 0 ? to.sign : 0;

    /* The magnitude is (quotient + something in [0, 1)) * 2^exponent; `sticky` says whether that something is not zero. The
     * product is below 2^62. Its top bit is moved to bit 63, so that the quotient by a divisor below 2^23 has more than 40 bits. */
    uint64_t quotient = (integer < 0 ? 0 - (uint64_t)integer : (uint64_t)integer) * scale.significand;
    const unsigned left = 63 - bits_top(quotient);
    quotient <<= left;
    int32_t exponent = scale.exponent - (int32_t)left;
    int sticky = 0;
    if (divisor > 1) {
        const uint64_t product = quotient;
        quotient = product / divisor;
        sticky = product % divisor != 0;
    }

    /* The result's last place has weight 2^last: as far down as the precision, but never below the subnormals'. */
    const int32_t lead = exponent + (int32_t)bits_top(quotient);
    const int32_t last = (lead > to.minimum ? lead : to.minimum) - (to.precision - 1);
    const int32_t drop = last - exponent; /* at least 40 - 23 bits go */
    if (drop > 64)
        return sign; /* below a half of the smallest subnormal */
    uint64_t kept = drop == 64 ? 0 : quotient >> drop;
    const uint64_t half = UINT64_C(1) << (drop - 1), rest = quotient & (half | (half - 1));
    if (rest > half || (rest == half && (sticky || (kept & 1))))
        kept++;

    /* `kept` carries the leading one of a normal number, which adds the last unit of the biased exponent; so does a carry out of
     * the significand. */
    const uint64_t biased = lead > to.minimum ? (uint64_t)(lead - to.minimum) : 0;
    const uint64_t bits = (biased << (to.precision - 1)) + kept;
    return sign | (bits < to.infinity ? (uint32_t)bits : to.infinity);
}

uint32_t slm_round_value(int64_t integer, uint16_t scale, uint32_t divisor, slm_dtype dtype) {
    return round_parts(integer, scale_split(scale), divisor, dtype);
}
