/* test_round.c: the one rounding, against an exact criterion and on every midpoint of the 16-bit types. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "random_coding.h"
#include "slm/decode.h"

typedef struct format {
    slm_dtype dtype;
    int precision, minimum, maximum; /* exponents of the smallest and the largest normal number */
    uint32_t sign, infinity;
} format;

static const format formats[3] = {
    {SLM_F32, 24, -126, 127, 0x80000000, 0x7f800000}, {SLM_F16, 11, -14, 15, 0x8000, 0x7c00}, {SLM_BF16, 8, -126, 127, 0x8000, 0x7f80}};

static long double scale_value(uint16_t scale) {
    const int exponent = scale >> 7, fraction = scale & 0x7f;
    return exponent == 0 ? ldexpl(fraction, -133) : ldexpl(128 + fraction, exponent - 134);
}

/* Whether `bits` is what integer * scale / divisor rounds to. Everything here is exact in a 64-bit significand: products have at most
 * 62 bits, and a difference matters only where it is small against what it is taken from. */
static int is_rounded(int64_t integer, uint16_t scale, uint32_t divisor, const format *f, uint32_t bits) {
    if (integer == 0)
        return bits == 0;
    if (((bits & f->sign) != 0) != (integer < 0))
        return 0;
    bits &= ~f->sign;
    const long double y = (long double)(integer < 0 ? -integer : integer) * scale_value(scale); /* times divisor */
    if (bits >= f->infinity)
        return bits == f->infinity && y >= (ldexpl(1, f->precision + 1) - 1) * (long double)divisor * ldexpl(1, f->maximum - f->precision);
    const int field = (int)(bits >> (f->precision - 1));
    const uint32_t fraction = bits & ((UINT32_C(1) << (f->precision - 1)) - 1);
    const uint32_t significand = field == 0 ? fraction : fraction | UINT32_C(1) << (f->precision - 1);
    const int place = (field == 0 ? 1 : field) - 1 + f->minimum - (f->precision - 1); /* weight of the last place */
    const long double r = ldexpl((long double)significand * divisor, place);
    long double half = ldexpl(divisor, place - 1);
    if (y < r && fraction == 0 && field > 1)
        half /= 2; /* below a power of two the numbers lie twice as close */
    const long double distance = fabsl(y - r);
    return distance < half || (distance == half && (significand & 1) == 0);
}

static void check(int64_t integer, uint16_t scale, uint32_t divisor, const format *f) {
    const uint32_t bits = slm_round_value(integer, scale, divisor, f->dtype);
    if (!is_rounded(integer, scale, divisor, f, bits))
        fail_msg("%lld * %04x / %u -> %s %08x", (long long)integer, scale, divisor, slm_dtype_name(f->dtype), bits);
}

static void random_values(void **unused) {
    (void)unused;
    if (sizeof(long double) < 10)
        skip();
    uint64_t random = 1;
    for (unsigned i = 0; i < 3000000; i++) {
        const unsigned width = random_below(&random, 55), n = random_below(&random, 23) + 1;
        int64_t integer = (int64_t)(random_next(&random) >> 1 & ((UINT64_C(1) << width) - 1));
        if (random_below(&random, 8) == 0)
            integer = (int64_t)UINT64_C(1) << width;
        if (random_below(&random, 2))
            integer = -integer;
        const uint16_t scale = (uint16_t)(1 + random_below(&random, 0x7f7f));
        const uint32_t divisor = random_below(&random, 3) == 0 ? 1 : (UINT32_C(1) << n) - 1;
        for (unsigned f = 0; f < 3; f++)
            check(integer, scale, divisor, &formats[f]);
        /* Scales that put the value near the 16-bit float's ends. */
        const int near = 127 - (int)width + (int)n + (random_below(&random, 2) ? 14 : -24) + (int)random_below(&random, 5) - 2;
        if (near >= 0 && near < 255)
            check(integer, (uint16_t)(near << 7 | 1 | random_below(&random, 128)), divisor, &formats[1]);
    }
}

/* A bfloat16 that is 2^exponent, or 0 where there is none. */
static uint16_t power_of_two(int exponent) {
    if (exponent < -133 || exponent > 127)
        return 0;
    return exponent < -126 ? (uint16_t)(1u << (exponent + 133)) : (uint16_t)((exponent + 127) << 7);
}

/* Between every two neighbours of a 16-bit type: the midpoint goes to the even one, a hair more or less to the nearer. */
static void midpoints(void **unused) {
    (void)unused;
    for (unsigned f = 1; f < 3; f++)
        for (uint32_t bits = 0; bits < formats[f].infinity; bits++) {
            const int p = formats[f].precision, field = (int)(bits >> (p - 1));
            const uint32_t fraction = bits & ((UINT32_C(1) << (p - 1)) - 1);
            const int64_t twice = 2 * (int64_t)(field == 0 ? fraction : fraction | UINT32_C(1) << (p - 1)) + 1;
            const int place = (field == 0 ? 1 : field) - 1 + formats[f].minimum - (p - 1) - 1;
            static const unsigned divisors[] = {1, 3, 127, 32767, 0x7fffff};
            for (unsigned d = 0; d < 5; d++) {
                /* 16 units of the integer are one of `twice`, so that a hair is a sixteenth at most. */
                const uint16_t scale = power_of_two(place - 4);
                if (scale == 0)
                    continue;
                const int64_t integer = twice * 16 * (int64_t)divisors[d];
                const uint32_t even = (bits & 1) ? bits + 1 : bits;
                assert_int_equal(slm_round_value(integer, scale, divisors[d], formats[f].dtype), even);
                assert_int_equal(slm_round_value(integer - 1, scale, divisors[d], formats[f].dtype), bits);
                assert_int_equal(slm_round_value(integer + 1, scale, divisors[d], formats[f].dtype), bits + 1);
                assert_int_equal(slm_round_value(-integer, scale, divisors[d], formats[f].dtype), even | 0x8000);
            }
        }
}

static void special(void **unused) {
    (void)unused;
    for (unsigned f = 0; f < 3; f++) {
        const slm_dtype t = formats[f].dtype;
        const uint32_t sign = formats[f].sign, infinity = formats[f].infinity;
        assert_int_equal(slm_round_value(0, 0x3f80, 1, t), 0);
        assert_int_equal(slm_round_value(0, 0x0001, 32767, t), 0);
        assert_int_equal(slm_round_value(INT64_C(1) << 54, 0x7f7f, 1, t), infinity);
        assert_int_equal(slm_round_value(-(INT64_C(1) << 54), 0x7f7f, 1, t), infinity | sign);
        /* Underflow keeps the sign. */
        assert_int_equal(slm_round_value(1, 0x0001, 0x7fffff, t), 0);
        assert_int_equal(slm_round_value(-1, 0x0001, 0x7fffff, t), sign);
    }
    assert_int_equal(slm_round_value(1, 0x3f80, 1, SLM_F32), 0x3f800000);
    assert_int_equal(slm_round_value(-3, 0x3f80, 1, SLM_BF16), 0xc040);
    assert_int_equal(slm_round_value(65519, 0x3f80, 1, SLM_F16), 0x7bff);
    assert_int_equal(slm_round_value(65520, 0x3f80, 1, SLM_F16), 0x7c00);
    assert_int_equal(slm_round_value(1, 0x0001, 1, SLM_F32), 0x00010000); /* 2^-133, subnormal */
    assert_int_equal(slm_round_value(1, 0x0001, 1, SLM_BF16), 0x0001);
    /* The paper's largest entry: 32767/32767. */
    assert_int_equal(slm_round_value(32767, 0x3f80, 32767, SLM_F32), 0x3f800000);
    assert_int_equal(slm_round_value(1, 0x3f80, 32767, SLM_F32), 0x38000100);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(special), cmocka_unit_test(midpoints), cmocka_unit_test(random_values)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
