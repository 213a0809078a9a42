/* test_gemv.c: products straight from the codes: every kernel the same bits as the scalar one, and all within the stated error of the exact
 * product, which is summed here in long double from exact integers. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "decode/gemv.h"
#include "random_coding.h"
#include "slm/gemv.h"

#define COLUMNS_MAX 4096
#define ROWS_MAX 6

static uint64_t seed = 11;
static uint8_t codes[ROWS_MAX * COLUMNS_MAX * 8 + 64];
static uint16_t scales[ROWS_MAX * COLUMNS_MAX];
static float x[COLUMNS_MAX], rotated[COLUMNS_MAX], d[COLUMNS_MAX / 32];
static int8_t q[COLUMNS_MAX];
static int64_t integers[COLUMNS_MAX];

static float random_real(void) {
    const float size = (float)(1 << random_below(&seed, 12));
    return ((float)random_below(&seed, 1 << 20) - (1 << 19)) / (1 << 19) * size;
}

static double scale_value(uint16_t scale) {
    return ldexp((scale & 0x7f) + (scale < 0x80 ? 0 : 128), (scale < 0x80 ? 1 : scale >> 7) - 134);
}

typedef struct problem {
    slm_coding coding;
    uint64_t columns, rows, runs;
    slm_matrix scalar;
} problem;

/* Random codes and scales for whole runs that hold `rows` rows at least; false where the coding and `columns` don't fit. */
static bool begin(problem *p) {
    if (slm_matrix_init(&p->scalar, &p->coding, p->columns, "scalar") != SLM_OK)
        return false;
    slm_decoder decoder;
    assert_int_equal(slm_decoder_init(&decoder, &p->coding, "scalar"), SLM_OK);
    p->runs = (p->rows * p->columns + p->coding.run_length - 1) / p->coding.run_length;
    const uint64_t bytes = slm_profile_run_bytes(&p->coding.profile, p->coding.run_length);
    if (p->runs * bytes > sizeof codes || p->runs > sizeof scales / sizeof *scales)
        return false;
    for (uint64_t r = 0; r < p->runs; r++) {
        random_codes(&seed, &p->coding, codes + r * bytes);
        do { /* where neither product nor sum leaves the normal numbers */
            scales[r] = random_scale(&seed, &decoder);
        } while (scales[r] < 0x2000 || scales[r] > 0x5000);
    }
    for (uint64_t j = 0; j < p->columns; j++)
        x[j] = random_real();
    slm_matrix_rotate(&p->scalar, x, rotated);
    return true;
}

/* The exact product of a row with the given x, from weights without rotation (`plain`) or as they are; *sum has the sizes' sum. */
static long double exact(const problem *p, uint64_t row, const float *with, bool plain, long double *sum, long double *terms) {
    slm_coding coding = p->coding;
    if (plain)
        coding.rotation = 0, coding.sign_seed = 0;
    slm_decoder decoder;
    assert_int_equal(slm_decoder_init(&decoder, &coding, "scalar"), SLM_OK);
    const uint64_t bytes = slm_profile_run_bytes(&coding.profile, coding.run_length);
    const long double divisor = coding.profile.norm ? (long double)((1u << (coding.profile.W - 1)) - 1) : 1;
    long double y = 0;
    *sum = *terms = 0;
    for (uint64_t j = 0; j < p->columns;) {
        const uint64_t at = row * p->columns + j, run = at / coding.run_length, first = at % coding.run_length;
        const uint64_t left = coding.run_length - first, n = left < p->columns - j ? left : p->columns - j;
        assert_int_equal(slm_decode_integers(&decoder, codes + run * bytes, first, n, integers), SLM_OK);
        for (uint64_t i = 0; i < n; i++) {
            const long double w = (long double)integers[i] * (long double)scale_value(scales[run]) / divisor;
            y += w * (long double)with[j + i];
            *sum += fabsl(w * (long double)with[j + i]);
            *terms += fabsl(w);
        }
        j += n;
    }
    return y;
}

/* What decoding refuses is refused: a scale that is no power of two, where it must be, and a bit in the padding. */
static void check_refusals(problem *p) {
    const uint16_t scale = 0x3f81, power = 0x3f80;
    const uint64_t columns = p->columns < p->coding.run_length ? p->coding.run_length : p->columns; /* a row that has a run's end */
    uint8_t *const end = codes + slm_profile_run_bytes(&p->coding.profile, p->coding.run_length) - 1, byte = *end;
    slm_decoder decoder;
    slm_matrix matrix;
    float y;
    assert_int_equal(slm_decoder_init(&decoder, &p->coding, "scalar"), SLM_OK);
    if (columns > COLUMNS_MAX)
        return;
    slm_quantise(x, columns, q, d);
    for (size_t i = 0; slm_kernel_name(i) != NULL; i++) {
        if (slm_matrix_init(&matrix, &p->coding, columns, slm_kernel_name(i)) != SLM_OK)
            continue;
        const slm_status wanted = slm_decoder_check_scale(&decoder, scale);
        assert_int_equal(slm_gemv(&matrix, codes, &scale, 0, 0, 1, x, &y), wanted);
        slm_status got = slm_gemv_int8(&matrix, codes, &scale, 0, 0, 1, q, d, &y);
        assert_true(got == wanted || got == SLM_E_ARGUMENT);
        *end |= 0x80;
        const slm_status padding = slm_decoder_check_run(&decoder, codes, NULL);
        assert_int_equal(slm_gemv(&matrix, codes, &power, 0, 0, 1, x, &y), padding);
        got = slm_gemv_int8(&matrix, codes, &power, 0, 0, 1, q, d, &y);
        assert_true(got == padding || got == SLM_E_ARGUMENT);
        *end = byte;
    }
}

static void check(problem *p) {
    static float y[ROWS_MAX], other[ROWS_MAX];
    const uint64_t length = p->coding.run_length < p->columns ? p->coding.run_length : p->columns;
    const double k = (double)((length + 63) / 64 + 7 + p->columns / length), u = 0x1p-24, h = p->coding.rotation;
    assert_int_equal(slm_gemv(&p->scalar, codes, scales, 1, 0, p->rows, rotated, y), SLM_OK);
    for (uint64_t row = 0; row < p->rows; row++) {
        long double sum, terms, sizes = 0;
        const long double wanted = exact(p, row, rotated, true, &sum, &terms);
        assert_true(fabsl(y[row] - wanted) <= k * u / (1 - k * u) * sum);
        if (h > 0) { /* the segments' bound, loosened to all columns */
            for (uint64_t j = 0; j < p->columns; j++)
                sizes += fabsl((long double)x[j]);
            const long double bound = k * u / (1 - k * u) * sum + h * u / (1 - h * u) * terms * sizes;
            long double ignored, all;
            assert_true(fabsl(y[row] - exact(p, row, x, false, &ignored, &all)) <= bound);
        }
    }
    for (size_t i = 0; slm_kernel_name(i) != NULL; i++) {
        slm_matrix matrix;
        if (slm_matrix_init(&matrix, &p->coding, p->columns, slm_kernel_name(i)) != SLM_OK)
            continue;
        assert_string_equal(slm_matrix_kernel(&matrix), slm_kernel_name(i));
        memset(other, 0x5a, sizeof other);
        for (uint64_t row = 0; row < p->rows; row++) /* a row by itself is the same */
            assert_int_equal(slm_gemv(&matrix, codes, scales, 1, row, 1, rotated, other + row), SLM_OK);
        assert_memory_equal(y, other, p->rows * sizeof *y);
    }
    slm_quantise(rotated, p->columns, q, d);
    const slm_status status = slm_gemv_int8(&p->scalar, codes, scales, 1, 0, p->rows, q, d, y);
    if (status != SLM_OK) {
        assert_int_equal(status, SLM_E_ARGUMENT);
        return;
    }
    static float quantised[COLUMNS_MAX];
    for (uint64_t j = 0; j < p->columns; j++) {
        quantised[j] = (float)q[j] * d[j / 32];
        assert_true(fabs((double)quantised[j] - (double)rotated[j]) <= (double)d[j / 32] * (0.5 + 0x1p-15));
    }
    for (uint64_t row = 0; row < p->rows; row++) {
        long double sum, terms;
        const long double wanted = exact(p, row, quantised, true, &sum, &terms);
        const double loose = k + (double)length / 64 + 1; /* sixteen sums for four columns each; the product above is rounded too */
        assert_true(fabsl(y[row] - wanted) <= loose * u / (1 - loose * u) * sum);
    }
    for (size_t i = 0; slm_kernel_name(i) != NULL; i++) {
        slm_matrix matrix;
        if (slm_matrix_init(&matrix, &p->coding, p->columns, slm_kernel_name(i)) != SLM_OK)
            continue;
        memset(other, 0x5a, sizeof other);
        assert_int_equal(slm_gemv_int8(&matrix, codes, scales, 1, 0, p->rows, q, d, other), SLM_OK);
        assert_memory_equal(y, other, p->rows * sizeof *y);
    }
}

static void test_named(void **state) {
    (void)state;
    const slm_profile *profile;
    for (size_t i = 0; (profile = slm_profile_by_index(i)) != NULL; i++)
        for (unsigned h = 3; h <= 10; h++) {
            problem p = {.columns = 2048, .rows = 3};
            p.coding = (slm_coding){.profile = *profile, .rotation = (uint8_t)(h == 3 ? 0 : h), .sign_seed = h == 3 ? 0 : 0xace1};
            for (unsigned shape = 0; shape < 4; shape++) {
                p.coding.run_length = shape == 0 ? 2048 : shape == 1 ? 1024 : shape == 2 ? 2048 * 3 : 2048;
                p.columns = shape == 3 ? 4096 : 2048;
                if (begin(&p)) {
                    check(&p);
                    check_refusals(&p);
                } else
                    assert_true(shape == 2 ? h > 3 : slm_coding_check(&p.coding, NULL) != SLM_OK);
            }
        }
}

static void test_random(void **state) {
    (void)state;
    unsigned done = 0;
    while (done < 400) {
        problem p = {.rows = 1 + random_below(&seed, 3)};
        random_coding(&seed, done % 2 ? SLM_CODING_TRELLIS : SLM_CODING_BLOCK, 1200, &p.coding);
        const unsigned times = 1 + random_below(&seed, 3);
        p.columns = p.coding.run_length * times;
        if (p.coding.rotation == 0 && p.coding.run_length % times == 0 && random_below(&seed, 2))
            p.columns = p.coding.run_length / times;
        if (p.columns > COLUMNS_MAX || !begin(&p))
            continue;
        check(&p);
        check_refusals(&p);
        done++;
    }
}

/* The fused product without the instruction, against the C library's. */
static void test_fma(void **state) {
    (void)state;
    for (unsigned i = 0; i < 3000000; i++) {
        const uint64_t r = random_next(&seed), s = random_next(&seed);
        uint32_t bits[3] = {(uint32_t)r, (uint32_t)(r >> 32), (uint32_t)s};
        for (unsigned j = 0; j < 3; j++) /* exponents that meet, and few bits, for ties */
            bits[j] =
                (bits[j] & (s >> 40 & 1 ? 0x80ffffff : 0x80f80000)) + ((((uint32_t)(s >> (41 + 5 * j)) & 31) + (j == 2 ? 112 : 110)) << 23);
        float v[3];
        memcpy(v, bits, sizeof v);
        const float got = slmi_gemv_fma(v[0], v[1], v[2]), wanted = fmaf(v[0], v[1], v[2]);
        if (memcmp(&got, &wanted, sizeof got) != 0)
            fail_msg("fma(%a, %a, %a) = %a, not %a", (double)v[0], (double)v[1], (double)v[2], (double)wanted, (double)got);
    }
}

static void test_arguments(void **state) {
    (void)state;
    slm_matrix m;
    slm_coding c = {.profile = *slm_profile_by_name("slm-4"), .run_length = 4096};
    assert_int_equal(slm_matrix_init(&m, &c, 0, NULL), SLM_E_ARGUMENT);
    assert_int_equal(slm_matrix_init(&m, &c, 3000, NULL), SLM_E_ARGUMENT);
    assert_int_equal(slm_matrix_init(&m, &c, 4096, "sse9"), SLM_E_ARGUMENT);
    assert_int_equal(slm_matrix_init(&m, &c, 1024, NULL), SLM_OK);
    c.rotation = 7, c.sign_seed = 1;
    assert_int_equal(slm_matrix_init(&m, &c, 1024, NULL), SLM_E_ARGUMENT);
    assert_int_equal(slm_matrix_init(&m, &c, 8192, NULL), SLM_OK);
    c = (slm_coding){.profile = *slm_profile_by_name("paper-4"), .run_length = 64};
    assert_int_equal(slm_matrix_init(&m, &c, 64, NULL), SLM_OK);
    static const uint8_t zeros[32];
    const uint16_t one = 0x3f80, bad = 0;
    float y;
    assert_int_equal(slm_gemv(&m, zeros, &one, 0, 0, 1, x, &y), SLM_E_RECORD);
    assert_int_equal(slm_gemv(&m, zeros, &bad, 0, 0, 1, x, &y), SLM_E_SCALE);
    assert_int_equal(slm_gemv_int8(&m, zeros, &one, 0, 0, 1, q, d, &y), SLM_E_ARGUMENT);
}

static void test_quantise(void **state) {
    (void)state;
    float v[40] = {0};
    v[0] = 127, v[1] = -63.5f, v[2] = 64.5f, v[3] = 0.5f, v[4] = 1.5f, v[35] = 1e-36f;
    slm_quantise(v, 40, q, d);
    assert_true(d[0] == 1 && q[0] == 127 && q[1] == -64 && q[2] == 64 && q[3] == 0 && q[4] == 2 && q[5] == 0);
    assert_true(d[1] == 0 && q[35] == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fma), cmocka_unit_test(test_named), cmocka_unit_test(test_random),
                                       cmocka_unit_test(test_arguments), cmocka_unit_test(test_quantise)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
