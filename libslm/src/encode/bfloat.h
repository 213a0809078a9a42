/* bfloat16 scales as numbers, and the scale next to a number. */
#ifndef SLM_BFLOAT_H
#define SLM_BFLOAT_H

#include <math.h>
#include <stdint.h>

#define BFLOAT_ONE UINT16_C(0x3F80)
#define BFLOAT_MAX UINT16_C(0x7F7F)

/* The value of a positive finite bfloat16. */
static inline double bfloat_value(uint16_t bits) {
    const int exponent = bits >> 7;
    const int fraction = bits & 0x7f;
    return exponent == 0 ? ldexp(fraction, -133) : ldexp(fraction | 0x80, exponent - 134);
}

/* The smallest positive finite bfloat16 not below `value`, a power of two where asked; the largest there is where all are below. */
static inline uint16_t bfloat_at_least(double value, int power_of_two) {
    int exponent = -133; /* a subnormal has 2^-133 in its last place */
    if (!(value > ldexp(1, -133))) {
        return 1;
    }
    if (value > ldexp(1, 127)) {
        exponent = 127;
    } else {
        (void)frexp(value, &exponent); /* value in [2^(exponent-1), 2^exponent) */
        exponent--;
    }
    if (power_of_two) {
        if (ldexp(1, exponent) < value && exponent < 127) {
            exponent++;
        }
        return (uint16_t)(exponent < -126 ? 1 << (exponent + 133) : (exponent + 127) << 7);
    }
    const int last = exponent < -126 ? -133 : exponent - 7;
    const double places = ceil(ldexp(value, -last));
    if (places > 255 && exponent == 127) {
        return BFLOAT_MAX;
    }
    const int whole = (int)places; /* up to 256, which carries into the exponent by itself */
    return (uint16_t)(exponent < -126 ? whole : ((exponent + 126) << 7) + whole);
}

#endif
