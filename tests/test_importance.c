/* test_importance.c: errors that count by column: both searches against their definitions, the scales, and what theory promises. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "../libslm/src/container/alloc.h"
#include "amount.h"
#include "block_reference.h"
#include "encode/encode_internal.h"
#include "random_coding.h"
#include "trellis_reference.h"

static double uniform(uint64_t *state) { return ((double)(random_next(state) >> 11) + 0.5) * 0x1p-53; }
static double gaussian(uint64_t *state) {
    const double radius = sqrt(-2 * log(uniform(state)));
    return radius * cos(6.283185307179586 * uniform(state));
}

/* Importances of all sorts. */
static void make_values(uint64_t *state, unsigned kind, float *values, size_t columns) {
    for (size_t c = 0; c < columns; c++) {
        const double g = gaussian(state);
        switch (kind % 5) {
        case 0: values[c] = (float)exp(g); break;
        case 1: values[c] = (float)exp(4 * g); break;
        case 2: values[c] = random_below(state, 3) ? 0 : 1; break;
        case 3: values[c] = c == columns / 2 ? 1e30F : 1e-30F; break;
        default: values[c] = (float)ldexp(1, -(int)random_below(state, 20)); break;
        }
    }
    if (columns > 1 && values[0] <= values[1] && values[0] >= values[1])
        values[0] = 2 * values[1] + 1;
}

static void numbers_are_quantised(void **unused) {
    (void)unused;
    const slm_allocator allocator = slmi_allocator(NULL);
    uint64_t state = 1;
    float values[48], scaled[48];
    for (unsigned kind = 0; kind < 5; kind++) {
        make_values(&state, kind, values, 48);
        importance *of, *other;
        assert_int_equal(slmi_importance_create(&of, values, 48, &allocator), SLM_OK);
        double sum = 0;
        for (size_t c = 0; c < 48; c++)
            sum += (double)values[c];
        for (size_t c = 0; c < 48; c++) {
            const double wanted = fmin(fmax((double)values[c] * 48 / sum, 0x1p-16), 1024);
            assert_true(fabs(of->weights[c] / wanted - 1) < 0x1p-13);
            scaled[c] = values[c] * 0.125F;
        }
        /* Nothing but the ratios counts. */
        assert_int_equal(slmi_importance_create(&other, scaled, 48, &allocator), SLM_OK);
        assert_memory_equal(of->weights, other->weights, 48 * sizeof *of->weights);
        slmi_importance_free(other);
        /* 32 does not divide 48: the means repeat after two rows. */
        assert_int_equal(slmi_importance_aim(of, 5), SLM_OK);
        assert_int_equal(of->period, 96);
        for (size_t i = 0; i < 96; i++) {
            double mean = 0;
            for (size_t j = i / 32 * 32; j < i / 32 * 32 + 32; j++)
                mean += of->weights[j % 48] / 32;
            assert_true(fabs(of->roots[i].value * of->roots[i].value / mean - 1) < 0x1p-13);
            assert_true(of->roots[i].value >= ldexp(of->roots[i].significand, of->roots[i].exponent) &&
                        of->roots[i].value <= ldexp(of->roots[i].significand, of->roots[i].exponent));
            assert_true(of->roots[i].significand >= 16384 && of->roots[i].significand <= 32767);
        }
        assert_int_equal(slmi_importance_aim(of, 0), SLM_OK);
        assert_int_equal(of->period, 48);
        slmi_importance_free(of);
    }
    importance *none = (importance *)&state;
    const float equal[3] = {2, 2, 2}, negative[2] = {1, -1}, infinite[2] = {1, INFINITY}, nothing[2] = {0, 0};
    assert_int_equal(slmi_importance_create(&none, equal, 3, &allocator), SLM_OK);
    assert_null(none);
    assert_int_equal(slmi_importance_create(&none, nothing, 2, &allocator), SLM_OK);
    assert_null(none);
    assert_int_equal(slmi_importance_create(&none, negative, 2, &allocator), SLM_E_ARGUMENT);
    assert_int_equal(slmi_importance_create(&none, infinite, 2, &allocator), SLM_E_ARGUMENT);
    assert_int_equal(slmi_importance_create(&none, equal, 0, &allocator), SLM_E_ARGUMENT);
}

/* ---- Trellis coding ---- */

static void check_trellis(uint64_t *state, unsigned number, unsigned *narrow_runs) {
    const slm_allocator allocator = slmi_allocator(NULL);
    slm_coding coding;
    do
        random_coding(state, SLM_CODING_TRELLIS, 200, &coding);
    while (coding.profile.K > 10 || coding.profile.K + coding.profile.C > 40);
    const size_t n = (size_t)coding.run_length, bytes = (size_t)slm_profile_run_bytes(&coding.profile, n);
    const size_t columns = 1 + random_below(state, 300);
    const uint64_t first = random_below(state, 1000) << coding.rotation;
    float *weights = malloc(n * sizeof *weights), *values = malloc(columns * sizeof *values);
    uint8_t *expected = malloc(bytes), *codes = malloc(bytes);
    make_values(state, number, values, columns);
    for (size_t i = 0; i < n; i++)
        weights[i] = (float)(gaussian(state) * (number % 7 == 6 && random_below(state, 30) == 0 ? 1e4 : 1));
    importance *of;
    assert_int_equal(slmi_importance_create(&of, values, columns, &allocator), SLM_OK);
    if (of != NULL)
        assert_int_equal(slmi_importance_aim(of, coding.rotation), SLM_OK);
    const trellis_kernel *kernel;
    uint16_t scale = 0;
    for (size_t i = 0; (kernel = slmi_trellis_kernel_by_index(i)) != NULL; i++) {
        if (!kernel->usable())
            continue;
        trellis_search *search;
        assert_int_equal(slmi_trellis_search_create(&search, &coding.profile, kernel->name, NULL), SLM_OK);
        trellis_scratch *scratch;
        assert_int_equal(slmi_trellis_scratch_create(&scratch, search, &coding, NULL), SLM_OK);
        slmi_trellis_scratch_limit(scratch, 16 + random_below(state, 200));
        weight_stats stats = {.weights = n};
        for (size_t j = 0; j < n; j++)
            stats.squared_norm += (double)weights[j] * (double)weights[j];
        slmi_trellis_scratch_weigh(scratch, of, first);
        const uint16_t before = scale;
        assert_int_equal(slmi_trellis_choose_scale(search, scratch, &coding, &stats, weights, 1, 0, &scale), SLM_OK);
        if (before == 0) {
            int64_t *entries = reference_entries(search);
            reference_codes_weighted(search, entries, &coding, of, first, weights, scale, expected);
            free(entries);
        } else {
            assert_int_equal(scale, before);
        }
        bool narrow;
        assert_int_equal(slmi_trellis_find_codes(search, scratch, &coding, weights, scale, codes, &narrow), SLM_OK);
        *narrow_runs += narrow;
        assert_memory_equal(codes, expected, bytes);
        /* What is stated about the weighted error is true. */
        search_stats found;
        assert_int_equal(slmi_trellis_encode_runs(search, scratch, &coding, weights, &scale, 1, codes, &found), SLM_OK);
        slm_decoder decoder;
        int64_t *integers = malloc(n * sizeof *integers);
        assert_int_equal(slm_decoder_init(&decoder, &coding, NULL), SLM_OK);
        assert_int_equal(slm_decode_integers(&decoder, codes, 0, n, integers), SLM_OK);
        double norm = 0, error = 0;
        for (size_t j = 0; j < n; j++) {
            const double counts = of != NULL ? of->weights[(first + j) % columns] : 1;
            const double difference = (double)weights[j] - (double)integers[j] * reference_scale(scale);
            norm += counts * (double)weights[j] * (double)weights[j];
            error += counts * difference * difference;
        }
        assert_true(fabs(found.weighted_norm - norm) <= 1e-12 * norm);
        assert_true(fabs(found.weighted_error - error) <= 1e-12 * error);
        free(integers);
        slmi_trellis_scratch_free(scratch);
        slmi_trellis_search_free(search);
    }
    slmi_importance_free(of);
    free(weights);
    free(values);
    free(expected);
    free(codes);
}

static void trellis_equals_reference(void **unused) {
    (void)unused;
    uint64_t state = 2;
    unsigned narrow = 0;
    const unsigned count = amount(300, 60);
    for (unsigned i = 0; i < count; i++)
        check_trellis(&state, i, &narrow);
    assert_true(narrow > count / 3); /* the 16-bit steps are what was tried, and not they alone */
    printf("runs that 16 bits sufficed for: %u\n", narrow);
}

/* ---- Block coding ---- */

/* The smallest weighted error of all records. */
static double least_error(const slm_profile *p, const double *x, const double *counts, unsigned rows) {
    const int low = -(1 << (p->B - 1)), high = -low - 1;
    int64_t matrix[SLM_C_MAX * SLM_P_MAX];
    double least = INFINITY;
    for (uint32_t seed = 1; seed >> p->K == 0; seed++) {
        reference_matrix(p, seed, matrix);
        for (unsigned e = 0; e < 1U << p->E; e++) {
            int q[SLM_P_MAX];
            for (unsigned i = 0; i < p->P; i++)
                q[i] = low;
            for (;;) {
                double sum = 0;
                for (unsigned c = 0; c < rows; c++) {
                    int64_t integer = 0;
                    for (unsigned i = 0; i < p->P; i++)
                        integer += q[i] * matrix[c * p->P + i];
                    const double difference = x[c] - (double)(integer * (INT64_C(1) << e));
                    sum += counts[c] * difference * difference;
                }
                least = sum < least ? sum : least;
                unsigned i = p->P;
                while (i > 0 && q[i - 1] == high)
                    q[--i] = low;
                if (i == 0)
                    break;
                q[i - 1]++;
            }
        }
    }
    return least;
}

static void check_block(uint64_t *state, unsigned number, const slm_profile *profile, uint64_t run, uint64_t columns, uint64_t elements) {
    const slm_allocator allocator = slmi_allocator(NULL);
    const slm_coding coding = {.profile = *profile, .run_length = run};
    float *weights = malloc((size_t)elements * sizeof *weights), *values = malloc((size_t)columns * sizeof *values);
    const size_t bytes = (size_t)(elements / run * slm_profile_run_bytes(profile, run));
    uint16_t *scales = malloc((size_t)(elements / run) * sizeof *scales);
    uint8_t *codes = malloc(bytes), *again = malloc(bytes);
    int64_t *integers = malloc((size_t)run * sizeof *integers);
    make_values(state, number, values, (size_t)columns);
    for (size_t i = 0; i < elements; i++)
        weights[i] = (float)gaussian(state);
    slm_encoder *encoder;
    const slm_encoder_options options = {.struct_size = sizeof options, .scale_per_run = true, .threads = 2};
    slm_encode_report report;
    assert_int_equal(slm_encoder_create(&encoder, &coding, &options, NULL), SLM_OK);
    assert_int_equal(slm_encoder_set_importance(encoder, values, columns, NULL), SLM_OK);
    assert_int_equal(slm_encode_memory(encoder, elements, weights, scales, codes, &report, NULL), SLM_OK);
    importance *of;
    assert_int_equal(slmi_importance_create(&of, values, columns, &allocator), SLM_OK);
    slm_decoder decoder;
    assert_int_equal(slm_decoder_init(&decoder, &coding, NULL), SLM_OK);
    double sum = 0;
    for (uint64_t r = 0; r < elements / run; r++) {
        const double unit = reference_scale(scales[r]) / reference_divisor(profile);
        assert_int_equal(slm_decode_integers(&decoder, codes + r * slm_profile_run_bytes(profile, run), 0, (size_t)run, integers), SLM_OK);
        for (uint64_t at = 0; at < run; at += profile->C) {
            const unsigned rows = run - at < profile->C ? (unsigned)(run - at) : profile->C;
            double x[SLM_C_MAX], counts[SLM_C_MAX], error = 0, in_weights = 0;
            for (unsigned c = 0; c < rows; c++) {
                const uint64_t i = r * run + at + c;
                counts[c] = of->weights[i % columns];
                x[c] = (double)weights[i] * reference_divisor(profile) / reference_scale(scales[r]);
                error += counts[c] * (x[c] - (double)integers[at + c]) * (x[c] - (double)integers[at + c]);
                const double difference = (double)weights[i] - (double)integers[at + c] * unit;
                in_weights += counts[c] * difference * difference;
            }
            sum += in_weights;
            assert_true(error <= least_error(profile, x, counts, rows) * (1 + 1e-9));
        }
    }
    assert_true(fabs(report.weighted_error - sum) <= 1e-9 * sum);
    assert_int_equal(slm_encode_memory(encoder, elements, weights, scales, again, NULL, NULL), SLM_OK);
    assert_memory_equal(codes, again, bytes);
    slm_encoder_free(encoder);
    slmi_importance_free(of);
    free(weights);
    free(values);
    free(scales);
    free(codes);
    free(again);
    free(integers);
}

static void block_equals_reference(void **unused) {
    (void)unused;
    uint64_t state = 3;
    const slm_profile shapes[] = {
        {.coding = SLM_CODING_BLOCK, .C = 4, .P = 2, .K = 8, .step = 1, .W = 8, .E = 3, .B = 3, .norm = 1},
        {.coding = SLM_CODING_BLOCK, .C = 5, .P = 3, .K = 6, .step = 2, .W = 3, .E = 1, .B = 3},
        {.coding = SLM_CODING_BLOCK, .C = 3, .P = 3, .K = 7, .step = 1, .W = 4, .E = 0, .B = 2},
    };
    for (unsigned i = 0; i < 15; i += amount(1, 4)) {
        slm_profile profile = shapes[i % 3];
        profile.taps = slm_lfsr_table6(profile.K);
        /* Rows of 24 columns in one run, in two, and two in one. */
        check_block(&state, i, &profile, i / 3 % 3 == 0 ? 24 : i / 3 % 3 == 1 ? 12 : 48, 24, 192);
    }
}

/* ---- Both, through the encoder ---- */

typedef struct coded {
    uint16_t scales[64];
    uint8_t codes[64 * 512];
    slm_encode_report report;
} coded;

static void encode(const slm_encoder_options *options, const slm_coding *coding, const float *values, uint64_t columns,
                   const float *weights, uint64_t elements, coded *to) {
    slm_encoder *encoder;
    memset(to, 0, sizeof *to);
    assert_int_equal(slm_encoder_create(&encoder, coding, options, NULL), SLM_OK);
    if (columns > 0)
        assert_int_equal(slm_encoder_set_importance(encoder, values, columns, NULL), SLM_OK);
    assert_int_equal(slm_encode_memory(encoder, elements, weights, to->scales, to->codes, &to->report, NULL), SLM_OK);
    slm_encoder_free(encoder);
}

static void driver_keeps_its_promises(void **unused) {
    (void)unused;
    uint64_t state = 4;
    enum { COLUMNS = 256, ELEMENTS = 16 * COLUMNS };
    const uint64_t elements = amount(ELEMENTS, 4 * COLUMNS);
    float weights[ELEMENTS], values[COLUMNS], equal[COLUMNS], threes[3] = {1, 5, 25};
    for (size_t i = 0; i < ELEMENTS; i++)
        weights[i] = (float)gaussian(&state);
    make_values(&state, 0, values, COLUMNS);
    for (size_t c = 0; c < COLUMNS; c++)
        equal[c] = 7;
    slm_profile trellis = *slm_profile_by_name("slm-4-fast"), block = *slm_profile_by_name("slm-4-fast");
    block = (slm_profile){.coding = SLM_CODING_BLOCK, .C = 8, .P = 3, .K = 8, .step = 1, .W = 8, .E = 4, .B = 4, .norm = 1};
    block.taps = slm_lfsr_table6(8);
    const slm_coding codings[] = {{.profile = trellis, .run_length = COLUMNS},
                                  {.profile = trellis, .run_length = COLUMNS, .rotation = 6, .sign_seed = 9},
                                  {.profile = trellis, .run_length = 2 * COLUMNS},
                                  {.profile = block, .run_length = COLUMNS},
                                  {.profile = block, .run_length = COLUMNS, .rotation = 4, .sign_seed = 9},
                                  {.profile = block, .run_length = elements}};
    coded *plain = malloc(sizeof *plain), *one = malloc(sizeof *one), *other = malloc(sizeof *other);
    for (size_t i = 0; i < sizeof codings / sizeof codings[0]; i++) {
        const slm_coding *coding = &codings[i];
        slm_encoder_options options = {.struct_size = sizeof options, .scale_per_run = i % 2 == 0};
        encode(&options, coding, NULL, 0, weights, elements, plain);
        assert_true(plain->report.weighted_error <= plain->report.squared_error &&
                    plain->report.weighted_norm >= plain->report.squared_norm);
        /* Equal numbers are none. */
        encode(&options, coding, equal, COLUMNS, weights, elements, one);
        assert_memory_equal(one, plain, sizeof *one);
        /* Threads and kernels make no difference, nor does a way through another coding. */
        encode(&options, coding, values, COLUMNS, weights, elements, one);
        if (coding->rotation != 0 && coding->profile.coding == SLM_CODING_BLOCK) /* all of a block counts alike */
            assert_memory_equal(one->codes, plain->codes, sizeof one->codes);
        else
            assert_memory_not_equal(one->codes, plain->codes, sizeof one->codes);
        options.threads = 3;
        options.kernel = "scalar";
        encode(&options, coding, values, COLUMNS, weights, elements, other);
        assert_memory_equal(other, one, sizeof *one);
        slm_encoder *encoder;
        assert_int_equal(slm_encoder_create(&encoder, coding, &options, NULL), SLM_OK);
        assert_int_equal(slm_encoder_set_importance(encoder, values, COLUMNS, NULL), SLM_OK);
        assert_int_equal(slm_encoder_retarget(encoder, 128, 5, 3), SLM_OK);
        assert_int_equal(slm_encoder_retarget(encoder, coding->run_length, coding->rotation, coding->sign_seed), SLM_OK);
        memset(other, 0, sizeof *other);
        assert_int_equal(slm_encode_memory(encoder, elements, weights, other->scales, other->codes, &other->report, NULL), SLM_OK);
        assert_memory_equal(other, one, sizeof *one);
        /* And none again. */
        assert_int_equal(slm_encoder_set_importance(encoder, NULL, 0, NULL), SLM_OK);
        memset(other, 0, sizeof *other);
        assert_int_equal(slm_encode_memory(encoder, elements, weights, other->scales, other->codes, &other->report, NULL), SLM_OK);
        assert_memory_equal(other, plain, sizeof *one);
        slm_encoder_free(encoder);
        /* Several scales: the best by the weighted error is among them. A period of 3 columns meets every block otherwise. */
        if (coding->rotation == 0) {
            encode(&options, coding, threes, 3, weights, elements, one);
            options.scale_candidates = 5;
            encode(&options, coding, threes, 3, weights, elements, other);
            assert_true(other->report.weighted_error <= one->report.weighted_error * 1.0005);
        }
    }
    slm_encoder *paper;
    const slm_encoder_options options = {.struct_size = sizeof options, .search = SLM_SEARCH_PAPER};
    slm_error error = {0};
    assert_int_equal(slm_encoder_create(&paper, &codings[3], &options, NULL), SLM_OK);
    assert_int_equal(slm_encoder_set_importance(paper, values, COLUMNS, &error), SLM_E_ARGUMENT);
    slm_encoder_free(paper);
    free(plain);
    free(one);
    free(other);
}

/* ---- What theory promises ---- */

#define LETTERS 61

/* A random code of letters s T, with T as a seed's integers are distributed (sums of four times 16 equally likely numbers), that knows the
 * weights where it encodes and not where it decodes, reaches at a rate R (in nats) the distortion D(l) where R = -E ln Z - l D and
 * Z = E_T exp(-l w (x - s T)^2), x of N(0, 1). */
static double promised_with(double s, const double *counts, size_t kinds, double rate) {
    double odds[LETTERS] = {0}, low = 1, high = 1e7, distortion = 0;
    for (unsigned i = 0; i < 1u << 16; i++)
        odds[(i & 15) + (i >> 4 & 15) + (i >> 8 & 15) + (i >> 12)] += 0x1p-16;
    for (unsigned round = 0; round < 20; round++) {
        const double l = sqrt(low * high);
        double log_sum = 0, mass = 0;
        distortion = 0;
        for (size_t k = 0; k < kinds; k++)
            for (double x = 0.1; x < 5; x += 0.2) {
                const double density = exp(-x * x / 2);
                double squares[LETTERS], z = 0, d = 0, least = INFINITY;
                for (unsigned i = 0; i < LETTERS; i++) {
                    squares[i] = counts[k] * (x - s * (2.0 * i - 60)) * (x - s * (2.0 * i - 60));
                    least = fmin(least, squares[i]);
                }
                for (unsigned i = 0; i < LETTERS; i++) {
                    const double term = l * (squares[i] - least) < 40 ? odds[i] * exp(-l * (squares[i] - least)) : 0;
                    z += term;
                    d += term * squares[i];
                }
                log_sum += density * (l * least - log(z));
                distortion += density * d / z;
                mass += density;
            }
        distortion /= mass;
        if (log_sum / mass - l * distortion < rate)
            low = l;
        else
            high = l;
    }
    return distortion;
}

/* With the best scale. */
static double promised(const double *counts, size_t kinds, double rate) {
    double least = INFINITY;
    for (double alpha = 0.9; alpha < 1.5; alpha += 0.1)
        least = fmin(least, promised_with(alpha / sqrt(4 * 85.0), counts, kinds, rate));
    return least;
}

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void error_drops_as_promised(void **unused) {
    (void)unused;
    enum { ROWS = 4, COLUMNS = 2048, KINDS = 32 };
    static const char *const names[] = {"1 or 16", "1 or 100, every fourth", "log-normal, sigma 1", "log-normal, sigma 2"};
    const slm_profile *profile = slm_profile_by_name("slm-4");
    const slm_coding coding = {.profile = *profile, .run_length = COLUMNS};
    static float weights[ROWS * COLUMNS], values[COLUMNS];
    static double sorted[COLUMNS];
    static uint16_t scales[ROWS];
    uint8_t *codes = malloc((size_t)(ROWS * slm_profile_run_bytes(profile, COLUMNS)));
    uint64_t state = 5;
    for (size_t i = 0; i < ROWS * COLUMNS; i++)
        weights[i] = (float)gaussian(&state);
    const slm_allocator allocator = slmi_allocator(NULL);
    const slm_encoder_options options = {.struct_size = sizeof options, .scale_per_run = true};
    const uint64_t count = (uint64_t)amount(ROWS, 1) * COLUMNS;
    const double rate = 4 * log(2), one = 1, plain = promised(&one, 1, rate);
    printf("slm-4 on N(0, 1), %d weights: the squared error that counts, as a part of what it is without importance\n", (int)count);
    for (unsigned kind = 0; kind < 4; kind += amount(1, 4)) {
        for (size_t c = 0; c < COLUMNS; c++)
            values[c] = kind == 0   ? (random_below(&state, 2) ? 16.0F : 1.0F)
                        : kind == 1 ? (c % 4 == 0 ? 100.0F : 1.0F)
                                    : (float)exp((kind - 1) * gaussian(&state));
        importance *of;
        slm_encoder *encoder;
        slm_encode_report with, without;
        assert_int_equal(slmi_importance_create(&of, values, COLUMNS, &allocator), SLM_OK);
        assert_int_equal(slm_encoder_create(&encoder, &coding, &options, NULL), SLM_OK);
        assert_int_equal(slm_encode_memory(encoder, count, weights, scales, codes, &without, NULL), SLM_OK);
        assert_int_equal(slm_encoder_set_importance(encoder, values, COLUMNS, NULL), SLM_OK);
        assert_int_equal(slm_encode_memory(encoder, count, weights, scales, codes, &with, NULL), SLM_OK);
        slm_encoder_free(encoder);
        /* The columns' weights by size, as many together as make KINDS. */
        double counts[KINDS] = {0}, mean = 0, log_mean = 0;
        for (size_t c = 0; c < COLUMNS; c++) {
            sorted[c] = of->weights[c];
            mean += sorted[c] / COLUMNS;
            log_mean += log(sorted[c]) / COLUMNS;
        }
        qsort(sorted, COLUMNS, sizeof *sorted, by_value);
        for (size_t c = 0; c < COLUMNS; c++)
            counts[c / (COLUMNS / KINDS)] += sorted[c] / (COLUMNS / KINDS);
        const double wanted = promised(counts, KINDS, rate) / (mean * plain);
        const double seen = with.weighted_error / with.weighted_norm / (without.squared_error / without.squared_norm);
        printf("  %-22s promised %.3f, seen %.3f (the limit of large rates is %.3f; the plain squared error is %.2f times as large)\n",
               names[kind], wanted, seen, exp(log_mean) / mean, with.squared_error / without.squared_error);
        assert_true(fabs(seen / wanted - 1) < 0.1);
        slmi_importance_free(of);
    }
    free(codes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_quantised),     cmocka_unit_test(trellis_equals_reference), cmocka_unit_test(block_equals_reference),
        cmocka_unit_test(driver_keeps_its_promises), cmocka_unit_test(error_drops_as_promised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
