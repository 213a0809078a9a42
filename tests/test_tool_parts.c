/* tests/test_tool_parts.c: the small parts of the command: escaping, numbers for people, patterns, polynomials, comparing, JSON that costs
 * too much. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "exit_code.h"
#include "glob.h"
#include "human.h"
#include "json_text.h"
#include "tensor_text.h"
#include "text.h"

static void check_escaped(const char *bytes, size_t length, const char *expected, size_t columns) {
    char *text = text_escaped(bytes, length);
    assert_non_null(text);
    assert_string_equal(text, expected);
    free(text);
    assert_int_equal(text_escaped_width(bytes, length), columns);
}

static void escaping(void **state) {
    (void)state;
    check_escaped("", 0, "", 0);
    check_escaped("plain \\ text", 12, "plain \\ text", 12);
    check_escaped("a\nb\tc\rd\0e", 9, "a\\nb\\tc\\rd\\x00e", 15);
    check_escaped("\x1B[2J\x7F", 5, "\\x1B[2J\\x7F", 11);
    check_escaped("\xC3\xA9\xE4\xB8\x96\xF0\x9F\x98\x80", 9, "\xC3\xA9\xE4\xB8\x96\xF0\x9F\x98\x80", 3);
    check_escaped("\xC2\x85\xE2\x80\xAE\xEF\xBB\xBF", 8, "\\u{0085}\\u{202E}\\u{FEFF}", 24);
    /* not UTF-8: a lone continuation, an overlong form, a surrogate, beyond U+10FFFF, cut short */
    check_escaped("\x80", 1, "\\x80", 4);
    check_escaped("\xC0\xAF", 2, "\\xC0\\xAF", 8);
    check_escaped("\xE0\x80\xAF", 3, "\\xE0\\x80\\xAF", 12);
    check_escaped("\xED\xA0\x80", 3, "\\xED\\xA0\\x80", 12);
    check_escaped("\xF4\x90\x80\x80", 4, "\\xF4\\x90\\x80\\x80", 16);
    check_escaped("a\xE4\xB8", 3, "a\\xE4\\xB8", 9);
}

static void numbers(void **state) {
    (void)state;
    human h;
    assert_string_equal(human_bytes(&h, 0), "0 B");
    assert_string_equal(human_bytes(&h, 1023), "1023 B");
    assert_string_equal(human_bytes(&h, 1024), "1.00 KiB");
    assert_string_equal(human_bytes(&h, 1743056), "1.66 MiB");
    assert_string_equal(human_bytes(&h, UINT64_MAX), "16.0 EiB");
    assert_string_equal(human_count(&h, 0), "0");
    assert_string_equal(human_count(&h, 999), "999");
    assert_string_equal(human_count(&h, 1000), "1,000");
    assert_string_equal(human_count(&h, UINT64_MAX), "18,446,744,073,709,551,615");
    assert_string_equal(human_short(&h, 28300000), "28.3 M");
    assert_string_equal(human_duration(&h, 0.04), "0.0 s");
    assert_string_equal(human_duration(&h, 12.4), "12 s");
    assert_string_equal(human_duration(&h, 185), "3:05");
    assert_string_equal(human_duration(&h, 3723), "1:02:03");
    assert_string_equal(human_duration(&h, (double)INFINITY), "?");
    assert_string_equal(human_error(&h, 0), "0");
    assert_string_equal(human_error(&h, 0.06751), "0.0675");
    assert_string_equal(human_error(&h, 0.00001234), "1.23e-05");
    assert_string_equal(human_error(&h, (double)INFINITY), "inf");
    assert_string_equal(human_sum(&h, 0xABC), "0000000000000abc");
}

static void patterns(void **state) {
    (void)state;
    assert_true(glob_match("*", ""));
    assert_true(glob_match("*", "model.layers.0/a.weight"));
    assert_true(glob_match("*proj*", "model.layers.0.q_proj.weight"));
    assert_true(glob_match("model.layers.[0-3].*", "model.layers.2.x"));
    assert_false(glob_match("model.layers.[!0-3].*", "model.layers.2.x"));
    assert_true(glob_match(".hidden*", ".hidden.x"));
    assert_true(glob_match("*hidden", ".hidden"));
    assert_true(glob_match("a\\*b", "a*b"));
    assert_false(glob_match("a\\*b", "axb"));
    assert_false(glob_match("weight", "a.weight"));
    assert_false(glob_match("Weight", "weight"));
}

static void polynomials(void **state) {
    (void)state;
    char text[POLYNOMIAL_TEXT];
    /* Table 6: K = 3 taps (0, 1); K = 16 taps (0, 1, 3, 12) */
    assert_string_equal(polynomial_text(text, 3, 0x3), "x^3 + x + 1");
    assert_string_equal(polynomial_text(text, 16, 0x100B), "x^16 + x^12 + x^3 + x + 1");
    assert_string_equal(polynomial_text(text, 9, slm_lfsr_table6(9)), "x^9 + x^4 + 1");
    const size_t length = strlen(polynomial_text(text, 24, 0xFFFFFF));
    assert_true(length >= 1 && length < POLYNOMIAL_TEXT);
}

static void outcomes(void **state) {
    (void)state;
    assert_int_equal(exit_code_worse(EXIT_CODE_OK, EXIT_CODE_DIFFERENT), EXIT_CODE_DIFFERENT);
    assert_int_equal(exit_code_worse(EXIT_CODE_INVALID, EXIT_CODE_UNSUPPORTED), EXIT_CODE_INVALID);
    assert_int_equal(exit_code_worse(EXIT_CODE_INVALID, EXIT_CODE_FAILURE), EXIT_CODE_FAILURE);
    assert_int_equal(exit_code_of(SLM_E_CHECKSUM), EXIT_CODE_INVALID);
    assert_int_equal(exit_code_of(SLM_E_FEATURE), EXIT_CODE_UNSUPPORTED);
    assert_int_equal(exit_code_of(SLM_E_MEMORY), EXIT_CODE_FAILURE);
}

/* Floats as a file has them. */
static void little_endian(float *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, values + i, 4);
        const uint8_t bytes[4] = {(uint8_t)bits, (uint8_t)(bits >> 8), (uint8_t)(bits >> 16), (uint8_t)(bits >> 24)};
        memcpy(values + i, bytes, 4);
    }
}

/* More elements than one inner piece, NaN in the middle. */
static void comparing(void **state) {
    (void)state;
    enum { COUNT = 1500 };
    static float a[COUNT], b[COUNT];
    for (int i = 0; i < COUNT; i++)
        a[i] = b[i] = 2;
    b[1400] = 5;
    b[3] = 1;
    a[700] = b[700] = (float)NAN;
    little_endian(a, COUNT);
    little_endian(b, COUNT);
    comparison c = {0};
    compare_elements(&c, SLM_F32, a, SLM_F32, b, COUNT);
    assert_int_equal(c.elements, COUNT);
    assert_int_equal(c.different, 2);
    assert_int_equal(c.nonfinite, 0);
    assert_int_equal(c.maximum_index, 1400);
    assert_true(c.bytes_differ);
    assert_true(ldexp(c.error.sum, 2 * c.error.exponent) == 10 && ldexp(c.norm.sum, 2 * c.norm.exponent) == 4 * (COUNT - 1) &&
                c.maximum == 3);
    assert_true(fabs(compare_relative(&c) - sqrt(10.0 / (4 * (COUNT - 1)))) < 1e-15);

    b[700] = 1;
    little_endian(b + 700, 1);
    comparison d = {0};
    compare_elements(&d, SLM_F32, a, SLM_F32, b, COUNT);
    assert_int_equal(d.nonfinite, 1);
    assert_int_equal(d.different, 3);
    compare_add(&d, &c);
    assert_int_equal(d.elements, 2 * COUNT);
    assert_true(ldexp(d.error.sum, 2 * d.error.exponent) == 20);
}

static void put_double(uint8_t *bytes, double value) {
    uint64_t bits;
    memcpy(&bits, &value, 8);
    for (unsigned i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(bits >> 8 * i);
}

static void check_wide(const double *a, const double *b, size_t count, double relative, double snr) {
    uint8_t x[64], y[64];
    comparison whole = {0}, total = {0};
    for (size_t i = 0; i < count; i++) {
        comparison one = {0};
        put_double(x + 8 * i, a[i]);
        put_double(y + 8 * i, b[i]);
        compare_elements(&one, SLM_F64, x + 8 * i, SLM_F64, y + 8 * i, 1);
        compare_add(&total, &one);
    }
    compare_elements(&whole, SLM_F64, x, SLM_F64, y, count);
    for (int i = 0; i < 2; i++) {
        const comparison *c = i == 0 ? &whole : &total;
        const double found = compare_relative(c), decibels = compare_snr(c);
        assert_true(found == relative || (isfinite(found) && fabs(found - relative) <= 1e-14 * relative));
        assert_true(decibels == snr || (isfinite(decibels) && fabs(decibels - snr) <= 1e-12 * fabs(snr)));
    }
}

/* Squares beyond what double holds, on machines whose long double is a double, too (armhf). */
static void comparing_wide(void **state) {
    (void)state;
    check_wide((double[]){1e300, 1}, (double[]){1e300, 2}, 2, 1e-300, 6000);
    check_wide((double[]){1, 1e300}, (double[]){2, 1e300}, 2, 1e-300, 6000);
    check_wide((double[]){1e-300, 0}, (double[]){2e-300, 0}, 2, 1, 0);
    check_wide((double[]){3e-300, 4e-300}, (double[]){3e-300, 4e300}, 2, (double)INFINITY, -20 * log10(0.8) - 12000);
    check_wide((double[]){5e-324, 1e-310}, (double[]){1e-323, 1e-310}, 2, 5e-324 / 1e-310, 20 * log10(1e-310 / 5e-324));
    check_wide((double[]){1.5e308, 1}, (double[]){-1.5e308, 1}, 2, (double)INFINITY, (double)-INFINITY); /* their distance is no double */
}

/* Whether an array of `count` values and then a last one takes more memory than it may. */
static bool is_costly(const char *value, size_t count, const char *last) {
    char *text = malloc(count * strlen(value) + strlen(last) + 3);
    assert_non_null(text);
    char *at = stpcpy(text, "[");
    for (size_t i = 0; i < count; i++)
        at = stpcpy(at, value);
    at = stpcpy(stpcpy(at, last), "]");
    json_error_t error;
    json_trouble trouble;
    json_t *read = json_text_read(text, (size_t)(at - text), 0, &error, &trouble);
    assert_int_equal(trouble, read != NULL ? JSON_NO_TROUBLE : JSON_TOO_COSTLY);
    assert_true(read == NULL || json_array_size(read) == count + 1);
    json_decref(read);
    free(text);
    return trouble == JSON_TOO_COSTLY;
}

/* The last value is a long token: memory runs out in it, or in those before. How many these may be depends on a pointer's size. */
static void check_costly(const char *value, const char *begin, char token, const char *end) {
    char filler[5001], last[5100];
    memset(filler, token, sizeof filler - 1);
    filler[sizeof filler - 1] = '\0';
    stpcpy(stpcpy(stpcpy(last, begin), filler), end);
    size_t right = 0, costly = 1;
    for (; !is_costly(value, costly, last); costly *= 2)
        assert_true(costly < 1 << 20);
    while (costly - right > 1) {
        const size_t middle = right + (costly - right) / 2;
        *(is_costly(value, middle, last) ? &costly : &right) = middle;
    }
    for (size_t count = costly > 2000 ? costly - 2000 : 0; count < costly + 500; count += 1 + costly / 500)
        (void)is_costly(value, count, last);
}

/* jansson read and wrote behind a buffer that could not grow. */
static void costly_json(void **state) {
    (void)state;
    check_costly("{},", "\"", 'x', "\"");
    check_costly("{},", "0.", '0', "");
    check_costly("[[[[[[[]]]]]]],", "\"", 'x', "\"");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(escaping),       cmocka_unit_test(numbers),    cmocka_unit_test(patterns),
                                       cmocka_unit_test(polynomials),    cmocka_unit_test(outcomes),   cmocka_unit_test(comparing),
                                       cmocka_unit_test(comparing_wide), cmocka_unit_test(costly_json)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
