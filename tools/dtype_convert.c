/* tools/dtype_convert.c: between F32, F16 and BF16, by integer arithmetic on the bits. */
#include "dtype_convert.h"

#include <stdint.h>
#include <string.h>

#define CONVERT_BLOCK 256

/* The lowest `shift` bits rounded away, ties to even. */
static uint32_t round_away(uint32_t bits, unsigned shift) {
    uint32_t half = UINT32_C(1) << (shift - 1), kept = bits >> shift, rest = bits & ((half << 1) - 1);
    return kept + (rest > half || (rest == half && (kept & 1) != 0));
}

static uint16_t to_bf16(uint32_t bits) {
    if ((bits & 0x7FFFFFFF) > 0x7F800000)
        return (uint16_t)(bits >> 16 | 0x40); /* a NaN stays one */
    return (uint16_t)round_away(bits, 16);
}

static uint16_t to_f16(uint32_t bits) {
    uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7FFFFFFF;
    if (magnitude > 0x7F800000)
        return (uint16_t)(sign | 0x7E00 | (magnitude >> 13 & 0x3FF));
    if (magnitude >= 0x47800000) /* 65536 and more, infinity */
        return (uint16_t)(sign | 0x7C00);
    if (magnitude >= 0x38800000) /* 2^-14 and more: normal; rounding up may carry into the exponent, and to infinity */
        return (uint16_t)(sign | round_away(magnitude - 0x38000000, 13));
    if (magnitude <= 0x33000000) /* 2^-25 and less: to zero, the tie too */
        return (uint16_t)sign;
    uint32_t significand = (magnitude & 0x7FFFFF) | 0x800000; /* subnormal: units of 2^-24 */
    return (uint16_t)(sign | round_away(significand, 126 - (magnitude >> 23)));
}

void dtype_convert(slm_dtype from, const void *source, slm_dtype to, void *target, size_t count) {
    const uint8_t *in = source;
    uint8_t *out = target;
    size_t in_bytes = slm_dtype_bits(from) / 8, out_bytes = slm_dtype_bits(to) / 8;
    float block[CONVERT_BLOCK];
    if (from == to) {
        memcpy(target, source, count * in_bytes);
        return;
    }
    for (size_t first = 0; first < count; first += CONVERT_BLOCK) {
        size_t n = count - first < CONVERT_BLOCK ? count - first : CONVERT_BLOCK;
        slm_widen(from, in + first * in_bytes, n, block);
        for (size_t i = 0; i < n; i++) {
            uint32_t bits;
            memcpy(&bits, &block[i], sizeof bits);
            if (to == SLM_F16)
                bits = to_f16(bits);
            else if (to == SLM_BF16)
                bits = to_bf16(bits);
            for (size_t b = 0; b < out_bytes; b++)
                out[(first + i) * out_bytes + b] = (uint8_t)(bits >> 8 * b);
        }
    }
}
