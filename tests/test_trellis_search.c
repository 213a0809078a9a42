/* test_trellis_search.c: the trellis search against its definition, on every kernel, and the scales it is given. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "amount.h"
#include "random_coding.h"
#include "trellis_reference.h"

#define KINDS 9

static double uniform(uint64_t *state) { return ((double)(random_next(state) >> 11) + 0.5) * 0x1p-53; }
static double gaussian(uint64_t *state) {
    const double radius = sqrt(-2 * log(uniform(state)));
    return radius * cos(6.283185307179586 * uniform(state));
}
static double laplace(uint64_t *state) {
    const double x = uniform(state) - 0.5;
    return (x < 0 ? 1 : -1) * log(1 - 2 * fabs(x)) / sqrt(2);
}
static double student4(uint64_t *state) {
    double squares = 0;
    for (int i = 0; i < 4; i++) {
        const double x = gaussian(state);
        squares += x * x;
    }
    return gaussian(state) / sqrt(squares / 4);
}

/* Weights of all sorts that a search may meet. */
static void make_weights(uint64_t *state, unsigned kind, float *weights, size_t count) {
    const float constant = (float)gaussian(state);
    for (size_t i = 0; i < count; i++) {
        const double g = gaussian(state);
        switch (kind) {
        case 0: weights[i] = (float)g; break;
        case 1: weights[i] = (float)student4(state); break;
        case 2: weights[i] = 0; break;
        case 3: weights[i] = constant; break;
        case 4: weights[i] = (float)(g * (random_below(state, 40) == 0 ? 30 : 0.02)); break;
        case 5: weights[i] = (float)ldexp(g, -146); break; /* subnormal */
        case 6: weights[i] = (float)(ldexp(fmod(g, 1), 127) * 1.9); break;
        case 7: weights[i] = (float)ldexp(g, random_below(state, 60) == 0 ? 100 : -100); break;
        default: weights[i] = random_below(state, 2) ? -0.0f : (float)(random_below(state, 3)) - 1; break;
        }
    }
}

static uint16_t some_scale(const trellis_search *search, trellis_scratch *scratch, const slm_coding *coding, const float *weights) {
    weight_stats stats = {.weights = coding->run_length};
    for (size_t i = 0; i < coding->run_length; i++)
        stats.squared_norm += (double)weights[i] * (double)weights[i];
    uint16_t scale = 0;
    assert_int_equal(slmi_trellis_choose_scale(search, scratch, coding, &stats, weights, 1, 0, &scale), SLM_OK);
    slm_decoder decoder;
    assert_int_equal(slm_decoder_init(&decoder, coding, NULL), SLM_OK);
    assert_int_equal(slm_decoder_check_scale(&decoder, scale), SLM_OK);
    return scale;
}

/* The codes of slmi_trellis_encode_runs() are those expected, and decode to the error it states. */
static void check_stats(const trellis_search *search, trellis_scratch *scratch, const slm_coding *coding, const float *weights,
                        uint16_t scale, const uint8_t *expected) {
    const size_t n = (size_t)coding->run_length, bytes = (size_t)slm_profile_run_bytes(&coding->profile, n);
    uint8_t *codes = malloc(bytes);
    int64_t *integers = malloc(n * sizeof *integers);
    search_stats stats;
    memset(codes, 0xA5, bytes);
    assert_int_equal(slmi_trellis_encode_runs(search, scratch, coding, weights, &scale, 1, codes, &stats), SLM_OK);
    assert_memory_equal(codes, expected, bytes);
    slm_decoder decoder;
    assert_int_equal(slm_decoder_init(&decoder, coding, NULL), SLM_OK);
    assert_int_equal(slm_decode_integers(&decoder, codes, 0, n, integers), SLM_OK);
    assert_int_equal(slm_decoder_check_run(&decoder, codes, NULL), SLM_OK);
    double norm = 0, error = 0, maximum = 0;
    const double factor = (scale >> 7) ? ldexp(128 + (scale & 127), (scale >> 7) - 134) : ldexp(scale, -133);
    for (size_t w = 0; w < n; w++) {
        const double difference = fabs((double)weights[w] - (double)integers[w] * factor);
        norm += (double)weights[w] * (double)weights[w];
        error += difference * difference;
        maximum = fmax(maximum, difference);
    }
    assert_true(fabs(stats.squared_norm - norm) <= 1e-12 * norm);
    assert_true(fabs(stats.squared_error - error) <= 1e-12 * error);
    assert_true(fabs(stats.maximum_error - maximum) <= 1e-12 * maximum);
    assert_int_equal(stats.blocks, slm_profile_blocks(&coding->profile, n));
    free(integers);
    free(codes);
}

/* Every kernel finds the codes of the reference, with windows of any length; the codes decode to the error stated. */
static void check_run(const slm_coding *coding, const float *weights, uint16_t scale, const unsigned *windows, size_t window_count,
                      unsigned *narrow_runs) {
    const size_t n = (size_t)coding->run_length, bytes = (size_t)slm_profile_run_bytes(&coding->profile, n);
    uint8_t *expected = malloc(bytes), *codes = malloc(bytes);
    bool have_expected = false;
    const trellis_kernel *kernel;
    for (size_t i = 0; (kernel = slmi_trellis_kernel_by_index(i)) != NULL; i++) {
        if (!kernel->usable())
            continue;
        trellis_search *search;
        assert_int_equal(slmi_trellis_search_create(&search, &coding->profile, kernel->name, NULL), SLM_OK);
        assert_string_equal(slmi_trellis_search_kernel(search), kernel->name);
        for (size_t j = 0; j < window_count; j++) {
            trellis_scratch *scratch;
            assert_int_equal(slmi_trellis_scratch_create(&scratch, search, coding, NULL), SLM_OK);
            slmi_trellis_scratch_limit(scratch, windows[j]);
            if (scale == 0)
                scale = some_scale(search, scratch, coding, weights);
            if (!have_expected)
                reference_codes(search, coding, weights, scale, expected);
            bool narrow = false;
            assert_int_equal(slmi_trellis_find_codes(search, scratch, coding, weights, scale, codes, &narrow), SLM_OK);
            *narrow_runs += narrow;
            assert_memory_equal(codes, expected, bytes);
            if (!have_expected)
                check_stats(search, scratch, coding, weights, scale, expected);
            have_expected = true;
            slmi_trellis_scratch_free(scratch);
        }
        slmi_trellis_search_free(search);
    }
    free(expected);
    free(codes);
}
static void small_codings_equal_reference(void **unused) {
    (void)unused;
    uint64_t state = 1;
    unsigned narrow = 0, runs = 0;
    const unsigned windows[] = {1, 100000};
    for (int i = 0, count = (int)amount(250, 60); i < count; i++) {
        slm_coding coding;
        do
            random_coding(&state, SLM_CODING_TRELLIS, 260, &coding);
        while (coding.profile.K > 9 || (i % 4 && coding.profile.C > 4));
        float weights[1024];
        make_weights(&state, (unsigned)i % KINDS, weights, (size_t)coding.run_length);
        /* Scales of the weights' own size, and now and then any legal one. */
        uint16_t scale = 0;
        if (i % 5 == 4) {
            slm_decoder decoder;
            assert_int_equal(slm_decoder_init(&decoder, &coding, NULL), SLM_OK);
            do
                scale = (uint16_t)(random_below(&state, 2) ? random_next(&state) & 0x7F80 : random_next(&state));
            while (slm_decoder_check_scale(&decoder, scale) != SLM_OK);
        }
        check_run(&coding, weights, scale, windows, 2, &narrow);
        runs++;
    }
    assert_true(narrow > runs); /* not everything fell back to 64 bits */
}

static void large_codings_equal_reference(void **unused) {
    (void)unused;
    uint64_t state = 2;
    unsigned narrow = 0;
    const unsigned windows[] = {40};
    static const struct {
        uint8_t K, k, C, P, W, step, rotation, kind;
        uint16_t length;
    } cases[] = {
        {16, 4, 1, 4, 4, 5, 0, 0, 60},  {16, 4, 1, 4, 4, 5, 5, 4, 64},   {16, 3, 1, 4, 4, 5, 0, 1, 40},  {16, 2, 1, 4, 4, 5, 4, 3, 48},
        {16, 1, 1, 4, 4, 5, 0, 2, 24},  {16, 8, 1, 4, 12, 3, 0, 0, 24},  {15, 7, 2, 3, 6, 7, 0, 0, 61},  {14, 5, 2, 4, 4, 5, 0, 8, 100},
        {14, 6, 1, 2, 14, 1, 5, 0, 64}, {13, 3, 5, 16, 1, 1, 0, 1, 103}, {12, 4, 1, 4, 4, 5, 0, 4, 200}, {12, 1, 1, 1, 1, 1, 0, 0, 100},
        {18, 4, 1, 4, 4, 29, 0, 0, 60}, {20, 8, 4, 4, 4, 5, 0, 0, 63},   {19, 2, 1, 4, 4, 5, 4, 1, 32},  {17, 3, 2, 4, 6, 5, 4, 2, 48},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i += amount(1, 3)) {
        slm_coding coding = {.rotation = cases[i].rotation, .sign_seed = cases[i].rotation ? 77 : 0, .run_length = cases[i].length};
        coding.profile = (slm_profile){.coding = SLM_CODING_TRELLIS,
                                       .K = cases[i].K,
                                       .k = cases[i].k,
                                       .C = cases[i].C,
                                       .P = cases[i].P,
                                       .W = cases[i].W,
                                       .step = cases[i].step,
                                       .taps = slm_lfsr_table6(cases[i].K)};
        assert_int_equal(slm_coding_check(&coding, NULL), SLM_OK);
        float weights[512];
        make_weights(&state, cases[i].kind, weights, cases[i].length);
        check_run(&coding, weights, 0, windows, 1, &narrow);
    }
}

/* All paths of tiny runs: the minimum, and of equal ones the stream that is least as a number (its last bit the highest). */
static void tiny_runs_equal_brute_force(void **unused) {
    (void)unused;
    uint64_t state = 3;
    for (int i = 0, count = (int)amount(300, 60); i < count; i++) {
        slm_coding coding = {.profile = {.coding = SLM_CODING_TRELLIS}};
        unsigned bits;
        do {
            slm_profile *q = &coding.profile;
            q->K = (uint8_t)(2 + random_below(&state, 5));
            q->k = (uint8_t)(1 + random_below(&state, q->K - 1u));
            q->C = (uint8_t)(1 + random_below(&state, 3));
            q->P = (uint8_t)(1 + random_below(&state, 4));
            q->W = (uint8_t)(1 + random_below(&state, q->K));
            q->step = (uint8_t)(1 + random_below(&state, 6));
            q->taps = slm_lfsr_table6(q->K);
            coding.run_length = 1 + random_below(&state, 20);
            bits = q->K + (unsigned)(slm_profile_blocks(q, coding.run_length) - 1) * q->k;
        } while (bits > 12);
        assert_int_equal(slm_coding_check(&coding, NULL), SLM_OK);
        const slm_profile *p = &coding.profile;
        const size_t n = (size_t)coding.run_length;
        float weights[20];
        make_weights(&state, (unsigned)i % KINDS, weights, n);
        trellis_search *search;
        trellis_scratch *scratch;
        assert_int_equal(slmi_trellis_search_create(&search, p, NULL, NULL), SLM_OK);
        assert_int_equal(slmi_trellis_scratch_create(&scratch, search, &coding, NULL), SLM_OK);
        const uint16_t scale = some_scale(search, scratch, &coding, weights);
        trellis_targets made;
        int32_t targets[20];
        assert_int_equal(slmi_trellis_targets_prepare(&made, &coding, search->grid, weights, scale), SLM_OK);
        slmi_trellis_targets_make(&made, 0, n, targets);
        int64_t *entries = reference_entries(search);
        uint64_t least = UINT64_MAX;
        uint32_t best = 0;
        for (uint32_t stream = 0; stream < UINT32_C(1) << bits; stream++) {
            uint64_t cost = 0;
            for (size_t w = 0, block = 0; w < n; w += p->C, block++) {
                const uint32_t seed = stream >> (block * p->k) & ((UINT32_C(1) << p->K) - 1);
                cost += reference_branch(search, entries + (size_t)seed * p->C, targets + w, n - w < p->C ? (unsigned)(n - w) : p->C);
            }
            if (cost < least) {
                least = cost;
                best = stream;
            }
        }
        uint8_t codes[4] = {0};
        assert_int_equal(slmi_trellis_find_codes(search, scratch, &coding, weights, scale, codes, NULL), SLM_OK);
        assert_int_equal(codes[0] | codes[1] << 8, best);
        free(entries);
        slmi_trellis_scratch_free(scratch);
        slmi_trellis_search_free(search);
    }
}

/* Targets are (H D w) / N / scale on the grid: against the formula in long double. */
static void targets_equal_formula(void **unused) {
    (void)unused;
    uint64_t state = 4;
    for (int i = 0, count = (int)amount(120, 40); i < count; i++) {
        slm_coding coding;
        random_coding(&state, SLM_CODING_TRELLIS, 1200, &coding);
        float weights[1200];
        make_weights(&state, (unsigned)i % KINDS, weights, (size_t)coding.run_length);
        double squares = 0;
        for (size_t w = 0; w < coding.run_length; w++)
            squares += (double)weights[w] * (double)weights[w];
        int exponent;
        (void)frexp(squares > 0 ? sqrt(squares / (double)coding.run_length) : 1, &exponent);
        exponent += 127 - 4 - coding.rotation / 2;
        const uint16_t scale = (uint16_t)((exponent < 1 ? 1 : exponent > 254 ? 254 : exponent) << 7 | random_below(&state, 128));
        const int grid = (int)random_below(&state, 15) - 4;
        trellis_targets made;
        int32_t targets[1200];
        assert_int_equal(slmi_trellis_targets_prepare(&made, &coding, grid, weights, scale), SLM_OK);
        slmi_trellis_targets_make(&made, 0, (size_t)coding.run_length, targets);
        const size_t N = (size_t)1 << coding.rotation;
        const long double factor = ldexpl(1, grid - coding.rotation) / ldexpl(128 + (scale & 127), (scale >> 7) - 134);
        double largest = 0;
        for (size_t w = 0; w < coding.run_length; w++)
            largest = fmax(largest, fabs((double)weights[w]));
        for (size_t w = 0; w < coding.run_length; w += 1 + random_below(&state, 7)) {
            long double sum = 0;
            uint32_t sign = slm_lfsr_advance(16, slm_lfsr_table6(16), coding.sign_seed, w / N * N);
            for (size_t j = 0; j < N; j++) {
                const long double weight = weights[w / N * N + j];
                sign = slm_lfsr_advance(16, slm_lfsr_table6(16), sign, 1);
                const bool minus = coding.rotation && ((sign >> 15) ^ ((unsigned)__builtin_popcount((unsigned)(w % N & j)) & 1));
                sum += minus ? -weight : weight;
            }
            long double expected = sum * factor;
            expected = fminl(fmaxl(expected, -TRELLIS_TARGET_MAX), TRELLIS_TARGET_MAX);
            /* Half a step of the grid, and N times half a step of the 40-bit weights. */
            const long double slack = 0.5L + (long double)largest * ldexpl((long double)N, -39) * factor + 1e-9L;
            assert_true(fabsl(expected - targets[w]) <= slack);
        }
    }
}

/* Runs of zeros get the smallest scale. */
static void zeros_stay_small(void **unused) {
    (void)unused;
    for (size_t i = 0; i < 3; i++) {
        static const char *const names[] = {"slm-4", "slm-3", "slm-2"};
        slm_coding coding = {.profile = *slm_profile_by_name(names[i]), .rotation = 5, .sign_seed = 1, .run_length = 96};
        trellis_search *search;
        trellis_scratch *scratch;
        assert_int_equal(slmi_trellis_search_create(&search, &coding.profile, NULL, NULL), SLM_OK);
        assert_int_equal(slmi_trellis_scratch_create(&scratch, search, &coding, NULL), SLM_OK);
        const float weights[96] = {0};
        const uint16_t scale = some_scale(search, scratch, &coding, weights);
        assert_int_equal(scale, 1);
        uint8_t codes[64];
        search_stats stats;
        assert_int_equal(slmi_trellis_encode_runs(search, scratch, &coding, weights, &scale, 1, codes, &stats), SLM_OK);
        /* Not every profile has a path of zeros; what is left is too small for F16 and below every normal F32. */
        assert_true(stats.squared_norm == 0 && stats.maximum_error < 0x1p-126);
        slmi_trellis_scratch_free(scratch);
        slmi_trellis_search_free(search);
    }
}

static void bad_arguments(void **unused) {
    (void)unused;
    trellis_search *search;
    slm_profile profile = *slm_profile_by_name("slm-4");
    assert_int_equal(slmi_trellis_search_create(&search, &profile, "no such kernel", NULL), SLM_E_ARGUMENT);
    profile.K = 21;
    profile.taps = slm_lfsr_table6(21);
    assert_int_equal(slmi_trellis_search_create(&search, &profile, NULL, NULL), SLM_E_ARGUMENT);
    profile.K = 20;
    profile.taps = slm_lfsr_table6(20);
    profile.C = 5; /* too many for tables */
    assert_int_equal(slmi_trellis_search_create(&search, &profile, NULL, NULL), SLM_E_ARGUMENT);
    assert_int_equal(slmi_trellis_search_create(&search, slm_profile_by_name("paper-4"), NULL, NULL), SLM_E_ARGUMENT);
    slmi_trellis_search_free(NULL);
    slmi_trellis_scratch_free(NULL);
    profile = *slm_profile_by_name("slm-4");
    const slm_coding coding = {.profile = profile, .run_length = 3};
    assert_int_equal(slmi_trellis_search_create(&search, &profile, NULL, NULL), SLM_OK);
    trellis_scratch *scratch;
    assert_int_equal(slmi_trellis_scratch_create(&scratch, search, &coding, NULL), SLM_OK);
    const float weights[3] = {1, 2, 3};
    uint8_t codes[4];
    static const uint16_t illegal[] = {0, 0x7F80, 0x7FC0, 0x8000, 0xBF80};
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(slmi_trellis_find_codes(search, scratch, &coding, weights, illegal[i], codes, NULL), SLM_E_SCALE);
    slmi_trellis_scratch_free(scratch);
    slmi_trellis_search_free(search);
}

/* An allocator that fails at its n-th call. */
typedef struct failing {
    int left;
    size_t blocks;
} failing;
static void *failing_resize(void *context, void *pointer, size_t size) {
    failing *f = context;
    if (size == 0) {
        f->blocks -= pointer != NULL;
        free(pointer);
        return NULL;
    }
    if (f->left-- <= 0)
        return NULL;
    f->blocks += pointer == NULL;
    return realloc(pointer, size);
}

static void memory_may_fail(void **unused) {
    (void)unused;
    const slm_coding coding = {.profile = {.coding = SLM_CODING_TRELLIS, .K = 6, .k = 1, .C = 1, .P = 2, .W = 3, .step = 1, .taps = 3},
                               .run_length = 500};
    float weights[500];
    uint64_t state = 5;
    make_weights(&state, 3, weights, 500); /* constant: survivors that never meet, so that times are passed over twice */
    bool succeeded = false;
    for (int n = 0; n < 60 && !succeeded; n++) {
        failing f = {n, 0};
        const slm_allocator allocator = {&f, failing_resize};
        trellis_search *search = NULL;
        trellis_scratch *scratch = NULL;
        uint8_t codes[80];
        slm_status status = slmi_trellis_search_create(&search, &coding.profile, NULL, &allocator);
        if (status == SLM_OK)
            status = slmi_trellis_scratch_create(&scratch, search, &coding, &allocator);
        if (status == SLM_OK) {
            slmi_trellis_scratch_limit(scratch, 16);
            status = slmi_trellis_find_codes(search, scratch, &coding, weights, 0x3E80, codes, NULL);
        }
        succeeded = status == SLM_OK;
        assert_true(succeeded || status == SLM_E_MEMORY);
        slmi_trellis_scratch_free(scratch);
        slmi_trellis_search_free(search);
        assert_int_equal(f.blocks, 0);
    }
    assert_true(succeeded);
}

/* Relative error on known distributions. */
static void quality(const char *name, double (*draw)(uint64_t *), unsigned rotation, unsigned rows, double limit) {
    uint64_t state = 6;
    const size_t n = 4096;
    const slm_coding coding = {
        .profile = *slm_profile_by_name(name), .rotation = (uint8_t)rotation, .sign_seed = rotation ? 0x5EED : 0, .run_length = n};
    trellis_search *search;
    trellis_scratch *scratch;
    assert_int_equal(slmi_trellis_search_create(&search, &coding.profile, NULL, NULL), SLM_OK);
    assert_int_equal(slmi_trellis_scratch_create(&scratch, search, &coding, NULL), SLM_OK);
    double norm = 0, error = 0;
    for (unsigned r = 0; r < rows; r++) {
        float weights[4096];
        uint8_t codes[4096];
        for (size_t i = 0; i < n; i++)
            weights[i] = (float)draw(&state);
        const uint16_t scale = some_scale(search, scratch, &coding, weights);
        search_stats stats;
        assert_int_equal(slmi_trellis_encode_runs(search, scratch, &coding, weights, &scale, 1, codes, &stats), SLM_OK);
        norm += stats.squared_norm;
        error += stats.squared_error;
    }
    print_message("%s, rotation %u: relative error %.5f\n", name, rotation, sqrt(error / norm));
    assert_true(sqrt(error / norm) <= limit);
    slmi_trellis_scratch_free(scratch);
    slmi_trellis_search_free(search);
}

static void quality_on_distributions(void **unused) {
    (void)unused;
    quality("slm-4", gaussian, 8, amount(8, 1), 0.0680);
    if (amount(0, 1) != 0)
        return;
    quality("slm-3", gaussian, 8, 4, 0.1340);
    quality("slm-2", gaussian, 8, 2, 0.2660);
    quality("slm-4", gaussian, 0, 4, 0.0685);
    quality("slm-4", laplace, 8, 6, 0.0700);
    quality("slm-4", student4, 8, 6, 0.0700);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_codings_equal_reference),
        cmocka_unit_test(large_codings_equal_reference),
        cmocka_unit_test(tiny_runs_equal_brute_force),
        cmocka_unit_test(targets_equal_formula),
        cmocka_unit_test(zeros_stay_small),
        cmocka_unit_test(bad_arguments),
        cmocka_unit_test(memory_may_fail),
        cmocka_unit_test(quality_on_distributions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
