/* test_hessian.c: error feedback: the factors, what is reported, what theory promises, and that threads and kernels make no difference. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "amount.h"
#include "container/alloc.h"
#include "encode/encode_internal.h"
#include "encode/hessian_kernel.h"
#include "encode/rotate.h"
#include "encode/trellis_core.h"
#include "random_coding.h"

static double uniform(uint64_t *state) { return ((double)(random_next(state) >> 11) + 0.5) * 0x1p-53; }
static double gaussian(uint64_t *state) {
    const double radius = sqrt(-2 * log(uniform(state)));
    return radius * cos(6.283185307179586 * uniform(state));
}

/* The mean of x x^T over `inputs` draws of n columns that noise of their own and `factors` common sources make, these together with a
 * variance of load^2. */
static float *make_values(uint64_t *state, size_t n, size_t factors, double load, size_t inputs) {
    float *values = malloc(n * n * sizeof *values);
    double *loads = malloc(n * factors * sizeof *loads), *x = malloc(n * sizeof *x), *sums = calloc(n * n, sizeof *sums);
    for (size_t i = 0; i < n * factors; i++)
        loads[i] = load / sqrt((double)factors) * gaussian(state);
    for (size_t draw = 0; draw < inputs; draw++) {
        for (size_t i = 0; i < n; i++)
            x[i] = gaussian(state);
        for (size_t k = 0; k < factors; k++) {
            const double source = gaussian(state);
            for (size_t i = 0; i < n; i++)
                x[i] += source * loads[k * n + i];
        }
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j <= i; j++)
                sums[i * n + j] += x[i] * x[j];
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            values[i * n + j] = (float)(sums[i > j ? i * n + j : j * n + i] / (double)inputs);
    free(loads);
    free(x);
    free(sums);
    return values;
}

/* e H e^T with H dampened and of mean diagonal 1, by its definition. */
static double cost_of_errors(const float *values, size_t n, const double *errors) {
    double mean = 0, sum = 0;
    for (size_t i = 0; i < n; i++)
        mean += (double)values[i * n + i] / (double)n;
    for (size_t i = 0; i < n; i++) {
        double row = 0;
        for (size_t j = 0; j < n; j++)
            row += (double)values[i * n + j] / mean * errors[j];
        sum += errors[i] * row + SLM_HESSIAN_DAMPING * errors[i] * errors[i];
    }
    return sum;
}

/* ---- The factors ---- */

/* U and D of a matrix of n columns, by the definition: from the last column to the first, each taken off all before it. */
static void factor_plainly(double *matrix, double *pivots, size_t n) {
    for (size_t j = n; j-- > 0;) {
        pivots[j] = matrix[j * n + j];
        for (size_t i = 0; i < j; i++)
            for (size_t k = i; k < j; k++)
                matrix[i * n + k] -= matrix[i * n + j] * (matrix[k * n + j] / pivots[j]);
        for (size_t i = 0; i < j; i++)
            matrix[i * n + j] /= pivots[j];
    }
}

/* Every kernel, with any number of threads, gives the bits of the definition. */
static void kernels_factor_alike(void **unused) {
    (void)unused;
    uint64_t state = 9, compared = 0;
    for (size_t n = 1; n < amount(700, 250); n = n < 40 ? n + 1 : n + 1 + (size_t)(random_next(&state) % 60)) {
        double *matrix = malloc(n * n * sizeof *matrix), *start = malloc(n * (n + 1) / 2 * sizeof *start);
        slm_hessian of = {.allocator = slmi_allocator(NULL), .columns = n};
        of.packed = malloc(n * (n + 1) / 2 * sizeof *of.packed);
        of.pivots = malloc(n * sizeof *of.pivots);
        double *pivots = malloc(n * sizeof *pivots);
        for (size_t i = 0; i < n; i++) /* each row's diagonal outweighs the rest of it */
            for (size_t j = i; j < n; j++)
                matrix[i * n + j] = hessian_row(&of, i)[j] = i == j ? 2 + uniform(&state) : gaussian(&state) / (double)n;
        memcpy(start, of.packed, n * (n + 1) / 2 * sizeof *start);
        factor_plainly(matrix, pivots, n);
        const hessian_kernel *kernel;
        for (size_t k = 0; (kernel = slmi_hessian_kernel_by_index(k)) != NULL; k++) {
            for (unsigned threads = 1; kernel->usable() && threads <= 3; threads++) {
                uint64_t failed = 0;
                memcpy(of.packed, start, n * (n + 1) / 2 * sizeof *start);
                assert_int_equal(slmi_hessian_factor(&of, 0.5, kernel, threads, &failed), SLM_OK);
                assert_int_equal(failed, n);
                assert_memory_equal(of.pivots, pivots, n * sizeof *pivots);
                for (size_t i = 0; i < n; i++) /* on the diagonal stands what is left there: D */
                    assert_memory_equal(hessian_row(&of, i) + i, matrix + i * n + i, (n - i) * sizeof *matrix);
                compared += n * (n + 1) / 2;
            }
        }
        free(matrix);
        free(start);
        free(of.packed);
        free(of.pivots);
        free(pivots);
    }
    print_message("%llu elements of factors as defined\n", (unsigned long long)compared);
}

static void kernels_by_name(void **unused) {
    (void)unused;
    assert_ptr_equal(slmi_hessian_kernel_choose("scalar"), &slmi_hessian_kernel_scalar);
    assert_ptr_equal(slmi_hessian_kernel_choose("neon"), &slmi_hessian_kernel_scalar);
    assert_null(slmi_hessian_kernel_choose("avx"));
    const float good[4] = {2, 1, 1, 3};
    slm_hessian *hessian;
    slm_error error = {0};
    slm_encoder_options options = {.struct_size = sizeof options, .kernel = "avx"};
    assert_int_equal(slm_hessian_create(&hessian, good, 2, 0, 0, &options, &error), SLM_E_ARGUMENT);
    assert_string_equal(error.message, "no kernel of that name for this machine");
    options.struct_size = 0;
    assert_int_equal(slm_hessian_create(&hessian, good, 2, 0, 0, &options, &error), SLM_E_ARGUMENT);
    assert_string_equal(error.message, "struct_size of slm_encoder_options is not set");
}

static void factors_are_those_of_the_matrix(void **unused) {
    (void)unused;
    uint64_t state = 1;
    static const size_t sizes[] = {1, 2, 63, 64, 65, 127, 192, 256, 400};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        const size_t n = sizes[s];
        const unsigned rotation = n % 64 == 0 ? 6 : n % 16 == 0 ? 4 : 0;
        float *values = make_values(&state, n, 3, 2, n / 2 + 1); /* fewer inputs than columns: positive by its damping alone */
        for (unsigned h = 0; h <= rotation; h += rotation > 0 ? rotation : 1) {
            const uint16_t seed = h > 0 ? 77 : 0;
            slm_hessian *one, *more;
            assert_int_equal(slm_hessian_create(&one, values, n, h, seed, NULL, NULL), SLM_OK);
            const slm_encoder_options five = {.struct_size = sizeof five, .threads = 5, .kernel = "scalar"};
            assert_int_equal(slm_hessian_create(&more, values, n, h, seed, &five, NULL), SLM_OK);
            assert_memory_equal(one->packed, more->packed, n * (n + 1) / 2 * sizeof *one->packed);
            assert_memory_equal(one->pivots, more->pivots, n * sizeof *one->pivots);
            assert_true(one->growth >= 0 && one->growth <= more->growth && one->growth >= more->growth);
            /* Errors of random signs and sizes cost what the definition says. */
            double *errors = malloc(n * sizeof *errors), *rotated = malloc(n * sizeof *rotated);
            for (unsigned draw = 0; draw < 5; draw++) {
                for (size_t i = 0; i < n; i++)
                    rotated[i] = errors[i] = gaussian(&state);
                if (h > 0) {
                    const slm_coding coding = {.run_length = n, .rotation = (uint8_t)h, .sign_seed = seed};
                    slmi_rotate_weights(&coding, rotated, n, 0);
                }
                double cost = 0;
                for (size_t j = 0; j < n; j++) {
                    double sum = rotated[j];
                    for (size_t i = 0; i < j; i++)
                        sum += rotated[i] * hessian_row(one, i)[j];
                    cost += one->pivots[j] * sum * sum;
                }
                const double wanted = cost_of_errors(values, n, errors);
                assert_true(fabs(one->norm * cost / wanted - 1) < 1e-5);
            }
            free(errors);
            free(rotated);
            slm_hessian_free(one);
            slm_hessian_free(more);
        }
        free(values);
    }
}

static void refused(const float *values, uint64_t columns, unsigned rotation, slm_status status, const char *message) {
    slm_hessian *hessian = (slm_hessian *)(uintptr_t)1;
    slm_error error = {0};
    assert_int_equal(slm_hessian_create(&hessian, values, columns, rotation, 1, NULL, &error), status);
    assert_null(hessian);
    assert_string_equal(error.message, message);
}

static void what_is_no_hessian_is_refused(void **unused) {
    (void)unused;
    const float good[4] = {2, 1, 1, 3}, skew[4] = {2, 1, 0.5F, 3}, nan[4] = {2, NAN, 1, 3}, infinite[4] = {INFINITY, 1, 1, 3};
    const float negative[4] = {-1, 0, 0, -1}, saddle[4] = {1, 2, 2, 1}, nothing[4] = {0};
    refused(skew, 2, 0, SLM_E_ARGUMENT, "the Hessian is not symmetric: elements (1, 0) and (0, 1) differ");
    refused(nan, 2, 0, SLM_E_NONFINITE, "the Hessian's element (0, 1) is not finite");
    refused(infinite, 2, 0, SLM_E_NONFINITE, "the Hessian's element (0, 0) is not finite");
    refused(negative, 2, 0, SLM_E_ARGUMENT, "the Hessian's diagonal is not positive");
    refused(nothing, 2, 0, SLM_E_ARGUMENT, "the Hessian's diagonal is not positive");
    refused(saddle, 2, 0, SLM_E_ARGUMENT, "the Hessian is not positive, with its damping: column 0");
    refused(good, 2, 4, SLM_E_ARGUMENT, "the rotation does not divide the Hessian's columns");
    refused(good, 2, 11, SLM_E_ARGUMENT, "the rotation does not divide the Hessian's columns");
    refused(good, 0, 0, SLM_E_ARGUMENT, "a Hessian has 1 to 16384 columns");
    refused(good, SLM_HESSIAN_COLUMNS_MAX + 1, 0, SLM_E_ARGUMENT, "a Hessian has 1 to 16384 columns");
    refused(NULL, 2, 0, SLM_E_ARGUMENT, "no Hessian given");
    slm_hessian *hessian;
    const float close[4] = {2, 1, 1.001F, 3}; /* rounding is let pass */
    assert_int_equal(slm_hessian_create(&hessian, close, 2, 0, 0, NULL, NULL), SLM_OK);
    assert_true(fabs(slm_hessian_mean(hessian) - 2.5) < 1e-12);
    slm_coding coding = {.profile = *slm_profile_by_name("slm-4-fast"), .run_length = 2};
    const slm_encoder_options options = {.struct_size = sizeof options};
    slm_encoder *encoder;
    slm_error error = {0};
    float weights[4] = {1, 2, 3, 4}, importances[2] = {1, 2};
    uint16_t scale;
    uint8_t codes[64];
    assert_int_equal(slm_encoder_create(&encoder, &coding, &options, NULL), SLM_OK);
    assert_int_equal(slm_encoder_set_hessian(encoder, hessian, NULL), SLM_OK);
    assert_int_equal(slm_encoder_set_importance(encoder, importances, 2, &error), SLM_E_ARGUMENT);
    assert_string_equal(error.message, "an importance and a Hessian exclude each other");
    assert_int_equal(slm_encode_memory(encoder, 4, weights, &scale, codes, NULL, NULL), SLM_OK);
    assert_int_equal(slm_encoder_retarget(encoder, 4, 0, 0), SLM_OK);
    assert_int_equal(slm_encode_memory(encoder, 4, weights, &scale, codes, NULL, &error), SLM_E_ARGUMENT);
    assert_string_equal(error.message, "the Hessian is for other runs or another rotation");
    assert_int_equal(slm_encoder_set_hessian(encoder, NULL, NULL), SLM_OK);
    assert_int_equal(slm_encode_memory(encoder, 4, weights, &scale, codes, NULL, NULL), SLM_OK);
    assert_int_equal(slm_encoder_set_importance(encoder, importances, 2, NULL), SLM_OK);
    assert_int_equal(slm_encoder_set_hessian(encoder, hessian, &error), SLM_E_ARGUMENT);
    slm_encoder_free(encoder);
    coding.profile = *slm_profile_by_name("paper-4");
    coding.profile.K = 8;
    coding.profile.W = 8;
    coding.profile.taps = slm_lfsr_table6(8);
    assert_int_equal(slm_encoder_create(&encoder, &coding, &options, NULL), SLM_OK);
    assert_int_equal(slm_encoder_set_hessian(encoder, hessian, &error), SLM_E_ARGUMENT);
    assert_string_equal(error.message, "error feedback is for trellis coding, not for block coding");
    slm_encoder_free(encoder);
    slm_hessian_free(hessian);
}

/* Fails at call *context, counting down. */
static void *resize(void *context, void *pointer, size_t size) {
    unsigned *left = context;
    if (size == 0) {
        free(pointer);
        return NULL;
    }
    return (*left)-- == 0 ? NULL : realloc(pointer, size);
}

static void memory_may_fail(void **unused) {
    (void)unused;
    uint64_t state = 4;
    float *values = make_values(&state, 96, 2, 1, 200);
    slm_hessian *hessian = NULL;
    unsigned failures = 0;
    for (slm_status status = SLM_E_MEMORY; status != SLM_OK; failures += status != SLM_OK) {
        unsigned left = failures;
        const slm_allocator allocator = {&left, resize};
        const slm_encoder_options options = {.struct_size = sizeof options, .allocator = &allocator};
        slm_error error = {0};
        status = slm_hessian_create(&hessian, values, 96, 5, 1, &options, &error);
        assert_true(status == SLM_OK || (status == SLM_E_MEMORY && hessian == NULL && error.status == SLM_E_MEMORY));
        left = 0;
        slm_hessian_free(hessian);
    }
    assert_true(failures > 5);
    free(values);
}

/* ---- Coding ---- */

typedef struct coded {
    uint16_t scales[16];
    uint8_t codes[16 * 1024];
    slm_encode_report report;
} coded;

static void encode(const slm_encoder_options *options, const slm_coding *coding, const slm_hessian *hessian, const float *weights,
                   uint64_t elements, coded *to) {
    slm_encoder *encoder;
    memset(to, 0, sizeof *to);
    assert_int_equal(slm_encoder_create(&encoder, coding, options, NULL), SLM_OK);
    assert_int_equal(slm_encoder_set_hessian(encoder, hessian, NULL), SLM_OK);
    assert_int_equal(slm_encode_memory(encoder, elements, weights, to->scales, to->codes, &to->report, NULL), SLM_OK);
    slm_encoder_free(encoder);
}

/* What codes cost, from what they decode to. */
static double cost_of_codes(const slm_coding *coding, const coded *of, bool scale_per_run, const float *values, const float *weights,
                            uint64_t runs) {
    const size_t n = (size_t)coding->run_length;
    int64_t *integers = malloc(n * sizeof *integers);
    double *errors = malloc(n * sizeof *errors), cost = 0;
    slm_decoder decoder;
    assert_int_equal(slm_decoder_init(&decoder, coding, NULL), SLM_OK);
    for (uint64_t r = 0; r < runs; r++) {
        const uint32_t bits = (uint32_t)of->scales[scale_per_run ? r : 0] << 16;
        float scale;
        memcpy(&scale, &bits, sizeof scale);
        assert_int_equal(slm_decode_integers(&decoder, of->codes + r * slm_profile_run_bytes(&coding->profile, n), 0, n, integers), SLM_OK);
        for (size_t i = 0; i < n; i++)
            errors[i] = (double)weights[r * n + i] - (double)integers[i] * (double)scale;
        cost += cost_of_errors(values, n, errors);
    }
    free(integers);
    free(errors);
    return cost;
}

static void report_is_true_and_bytes_are_the_same(void **unused) {
    (void)unused;
    uint64_t state = 2;
    coded *one = malloc(sizeof *one), *other = malloc(sizeof *other);
    unsigned better = 0, tried = 0;
    const unsigned codings = amount(60, 20);
    for (unsigned number = 0; number < codings; number++) {
        slm_coding coding;
        do
            random_coding(&state, SLM_CODING_TRELLIS, 300, &coding);
        while (coding.profile.K > 10 || coding.run_length < 2);
        if (slm_profile_run_bytes(&coding.profile, coding.run_length) > 1024)
            continue;
        const size_t n = (size_t)coding.run_length, runs = 5;
        float *values = make_values(&state, n, 4, 1.5, 2 * n), *weights = malloc(runs * n * sizeof *weights);
        for (size_t i = 0; i < runs * n; i++) /* now and then one that 16 bits don't suffice for */
            weights[i] = (float)(gaussian(&state) * (number % 4 == 3 && random_below(&state, 40) == 0 ? 1e4 : 1));
        slm_hessian *hessian;
        assert_int_equal(slm_hessian_create(&hessian, values, n, coding.rotation, coding.sign_seed, NULL, NULL), SLM_OK);
        slm_encoder_options options = {.struct_size = sizeof options, .scale_per_run = number % 3 != 0};
        encode(&options, &coding, hessian, weights, runs * n, one);
        const double cost = cost_of_codes(&coding, one, options.scale_per_run, values, weights, runs);
        double norm = 0;
        for (size_t r = 0; r < runs; r++) {
            double *row = malloc(n * sizeof *row);
            for (size_t i = 0; i < n; i++)
                row[i] = (double)weights[r * n + i];
            norm += cost_of_errors(values, n, row);
            free(row);
        }
        assert_true(fabs(one->report.weighted_error / cost - 1) < 1e-4);
        assert_true(fabs(one->report.weighted_norm / norm - 1) < 1e-4);
        const trellis_kernel *kernel;
        for (size_t i = 0; (kernel = slmi_trellis_kernel_by_index(i)) != NULL; i++) {
            if (!kernel->usable())
                continue;
            options.threads = 1 + number % 3;
            options.kernel = kernel->name;
            encode(&options, &coding, hessian, weights, runs * n, other);
            assert_memory_equal(other, one, sizeof *one);
        }
        /* A fast search is not asked for, nor made. */
        options.search = SLM_SEARCH_FAST;
        options.kernel = NULL;
        encode(&options, &coding, hessian, weights, runs * n, other);
        assert_memory_equal(other, one, sizeof *one);
        options.search = SLM_SEARCH_EXACT;
        encode(&options, &coding, NULL, weights, runs * n, other);
        if (n >= 64 && number % 4 != 3 && coding.profile.k >= coding.profile.C) { /* no less than a bit a weight */
            better += cost < cost_of_codes(&coding, other, options.scale_per_run, values, weights, runs);
            tried++;
        }
        /* Of several scales each row keeps the best by this measure: the rule's own is among two powers of two, and of one. */
        options.scale_candidates = 2;
        encode(&options, &coding, hessian, weights, runs * n, other);
        const double several = cost_of_codes(&coding, other, options.scale_per_run, values, weights, runs);
        assert_true(fabs(other->report.weighted_error / several - 1) < 1e-4);
        if (slm_profile_integer_bits(&coding.profile, coding.rotation) > 16)
            assert_true(several <= cost);
        slm_hessian_free(hessian);
        free(values);
        free(weights);
    }
    printf("%u of %u random codings lose less with feedback\n", better, tried);
    assert_true(tried > amount(8, 1) && better * 10 >= tried * 9);
    free(one);
    free(other);
}

/* ---- What theory promises ---- */

/* At large rates every target is missed by the same variance, so feedback leaves the mean of D of what was the mean of the diagonal. */
static void error_drops_as_promised(void **unused) {
    (void)unused;
    enum { ROWS = 6, COLUMNS = 512 };
    static const size_t sources[] = {16, 64, 256};
    static const double loads[] = {1, 1.5, 3};
    static const char *const profiles[] = {"slm-4-fast", "slm-3", "slm-2"};
    uint64_t state = 3;
    static float weights[ROWS * COLUMNS];
    coded *with = malloc(sizeof *with), *without = malloc(sizeof *without);
    for (size_t i = 0; i < ROWS * COLUMNS; i++)
        weights[i] = (float)gaussian(&state);
    printf("N(0, 1), %d weights in rows of %d: e H e^T as a part of what it is without feedback\n", ROWS * COLUMNS, COLUMNS);
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        float *values = make_values(&state, COLUMNS, sources[i], loads[i], 2000);
        for (unsigned p = 0; p < amount(sizeof profiles / sizeof profiles[0], 1); p++) {
            for (unsigned rotation = 0; rotation <= 8; rotation += 8) {
                const slm_coding coding = {.profile = *slm_profile_by_name(profiles[p]),
                                           .run_length = COLUMNS,
                                           .rotation = (uint8_t)rotation,
                                           .sign_seed = rotation > 0 ? 1 : 0};
                const slm_encoder_options options = {.struct_size = sizeof options, .scale_per_run = true};
                slm_hessian *hessian;
                assert_int_equal(slm_hessian_create(&hessian, values, COLUMNS, rotation, coding.sign_seed, NULL, NULL), SLM_OK);
                double promised = 0;
                for (size_t j = 0; j < COLUMNS; j++)
                    promised += hessian->pivots[j] / COLUMNS / (1 + SLM_HESSIAN_DAMPING);
                encode(&options, &coding, hessian, weights, ROWS * COLUMNS, with);
                encode(&options, &coding, NULL, weights, ROWS * COLUMNS, without);
                /* What errors that know nothing of each other cost: few rows have little of it by chance. */
                const double seen = with->report.weighted_error / ((1 + SLM_HESSIAN_DAMPING) * without->report.squared_error);
                printf("  %-10s %3zu common sources, rotation %u: promised %.3f, seen %.3f\n", profiles[p], sources[i], rotation, promised,
                       seen);
                assert_true(seen < promised + 0.3 * (1 - promised));
                slm_hessian_free(hessian);
            }
        }
        free(values);
    }
    free(with);
    free(without);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(factors_are_those_of_the_matrix),
        cmocka_unit_test(kernels_factor_alike),
        cmocka_unit_test(kernels_by_name),
        cmocka_unit_test(what_is_no_hessian_is_refused),
        cmocka_unit_test(memory_may_fail),
        cmocka_unit_test(report_is_true_and_bytes_are_the_same),
        cmocka_unit_test(error_drops_as_promised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
