/* Scales tried in full: the grid, that the best of it is taken, for a run and for a tensor, and that a tie goes to the smallest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "encode/bfloat.h"
#include "encode/block_search.h"
#include "encode/scale_candidates.h"
#include "encode/trellis_search.h"
#include "slm/slm.h"
#include "weights_fixture.h"

#define ELEMENTS 5760
#define CODE_BYTES (2 * ELEMENTS)

static slm_profile block_profile(uint8_t K, uint8_t P, uint8_t C, uint8_t E, uint8_t B, uint8_t norm) {
    slm_profile p = {.coding = SLM_CODING_BLOCK, .K = K, .step = 1, .W = norm ? K : 4, .P = P, .C = C, .E = E, .B = B, .norm = norm};
    p.taps = slm_lfsr_table6(K);
    return p;
}

static slm_profile trellis_profile(uint8_t K, uint8_t k, uint8_t W) {
    slm_profile p = {.coding = SLM_CODING_TRELLIS, .K = K, .step = 5, .W = W, .P = 4, .C = 1, .k = k};
    p.taps = slm_lfsr_table6(K);
    return p;
}

/* Ascending, legal, near the rule's, and as many as asked for where scales are dense enough. */
static void grids_are_legal(void **unused) {
    (void)unused;
    const slm_coding codings[] = {{block_profile(8, 3, 8, 4, 4, 1), 0, 0, 64},
                                  {block_profile(8, 3, 8, 1, 4, 0), 0, 0, 64},
                                  {block_profile(8, 3, 8, 1, 4, 0), 10, 1, 1024}, /* 19 bits: powers of two */
                                  {trellis_profile(9, 3, 4), 8, 1, 256},
                                  {trellis_profile(12, 3, 9), 8, 1, 256}}; /* 19 bits */
    uint64_t state = 11;
    for (size_t i = 0; i < sizeof codings / sizeof codings[0]; i++) {
        slm_decoder decoder;
        assert_int_equal(slm_decoder_init(&decoder, &codings[i], NULL), SLM_OK);
        const bool power = i == 2 || i == 4;
        for (unsigned n = 0; n < 2000; n++) {
            uint16_t rule = n == 0 ? 1 : n == 1 ? BFLOAT_MAX : (uint16_t)(1 + random_below(&state, BFLOAT_MAX));
            if (power) {
                rule = n == 1 ? 0x7F00 : bfloat_at_least(bfloat_value(rule), 1);
            }
            const unsigned count = 1 + (unsigned)random_below(&state, SCALE_CANDIDATES_MAX);
            uint16_t scales[SCALE_CANDIDATES_MAX];
            const unsigned found = slmi_scale_candidates(&codings[i], rule, count, scales);
            assert_true(found >= 1 && found <= (power && count > 3 ? 3 : count));
            assert_true(count > 1 || scales[0] == rule);
            for (unsigned j = 0; j < found; j++) {
                assert_int_equal(slm_decoder_check_scale(&decoder, scales[j]), SLM_OK);
                assert_true(j == 0 || scales[j] > scales[j - 1]);
                assert_true(rule < 0x80 || rule >= 0x7F00 || fabs(log2(bfloat_value(scales[j]) / bfloat_value(rule))) <= 1);
            }
            if (!power && rule >= 0x80 && rule < 0x7E80 && count <= 8) {
                assert_int_equal(found, count);
            }
        }
    }
}

typedef struct encoded {
    uint16_t scales[ELEMENTS];
    uint8_t codes[CODE_BYTES];
    slm_encode_report report;
} encoded;

static void encode(const slm_coding *coding, bool per_run, unsigned candidates, const float *weights, encoded *e) {
    const slm_encoder_options options = {
        .struct_size = sizeof options, .scale_per_run = per_run, .threads = 2, .scale_candidates = candidates};
    slm_encoder *encoder;
    memset(e, 0, sizeof *e);
    assert_int_equal(slm_encoder_create(&encoder, coding, &options, NULL), SLM_OK);
    assert_int_equal(slm_encode_memory(encoder, ELEMENTS, weights, e->scales, e->codes, &e->report, NULL), SLM_OK);
    slm_encoder_free(encoder);
}

/* The squared error of one run with that scale, by the search alone; also its codes in trellis coding. */
static double error_with(const slm_coding *coding, const float *weights, uint16_t scale, uint8_t *codes) {
    double error = 0;
    if (coding->profile.coding == SLM_CODING_TRELLIS) {
        trellis_search *search;
        trellis_scratch *scratch;
        search_stats stats;
        assert_int_equal(slmi_trellis_search_create(&search, &coding->profile, NULL, NULL), SLM_OK);
        assert_int_equal(slmi_trellis_scratch_create(&scratch, search, coding, NULL), SLM_OK);
        assert_int_equal(slmi_trellis_encode_runs(search, scratch, coding, weights, &scale, 1, codes, &stats), SLM_OK);
        slmi_trellis_scratch_free(scratch);
        slmi_trellis_search_free(search);
        return stats.squared_error;
    }
    block_search *search;
    block_scratch *scratch;
    const slm_profile *p = &coding->profile;
    const size_t blocks = (size_t)coding->run_length / p->C;
    const double unit = bfloat_value(scale) / (p->norm ? (1 << (p->W - 1)) - 1 : 1);
    double *targets = malloc(coding->run_length * sizeof *targets), *errors = malloc(blocks * sizeof *errors);
    uint64_t *records = malloc(blocks * sizeof *records);
    assert_true(targets != NULL && errors != NULL && records != NULL);
    for (size_t i = 0; i < coding->run_length; i++)
        targets[i] = (double)weights[i] / unit;
    assert_int_equal(slmi_block_search_create(&search, p, p->C, SLM_SEARCH_EXACT, NULL, NULL), SLM_OK);
    assert_int_equal(slmi_block_scratch_create(&scratch, search, false, NULL), SLM_OK);
    (void)slmi_block_search_run(search, scratch, targets, blocks, records, errors);
    for (size_t b = 0; b < blocks; b++)
        error += errors[b] * unit * unit;
    slmi_block_scratch_free(scratch);
    slmi_block_search_free(search);
    free(targets);
    free(errors);
    free(records);
    return error;
}

static void best_of_the_grid_is_taken(void **unused) {
    (void)unused;
    static float weights[ELEMENTS];
    static encoded rule, best;
    static uint8_t codes[CODE_BYTES];
    const slm_coding codings[] = {{trellis_profile(9, 3, 4), 0, 0, 960},        {trellis_profile(9, 2, 4), 6, 0x5EED, 5760},
                                  {trellis_profile(8, 2, 8), 7, 0x5EED, 5760}, /* 17 bits: powers of two */
                                  {block_profile(7, 3, 8, 4, 4, 1), 0, 0, 960}, {block_profile(7, 3, 8, 4, 4, 1), 0, 0, 5760},
                                  {block_profile(7, 2, 6, 1, 3, 0), 0, 0, 960}};
    for (size_t i = 0; i < sizeof codings / sizeof codings[0]; i++) {
        const slm_coding *coding = &codings[i];
        for (unsigned kind = 0; kind < 4; kind++) {
            uint64_t state = kind + 1;
            for (size_t w = 0; w < ELEMENTS; w++)
                weights[w] = random_weight(&state, (weights_kind)kind); /* Gaussian, Laplace, Student, zeros */
            const unsigned candidates = 2 + 3 * kind;
            const size_t runs = ELEMENTS / coding->run_length, run_bytes = slm_profile_run_bytes(&coding->profile, coding->run_length);
            encode(coding, true, 1, weights, &rule);
            encode(coding, true, candidates, weights, &best);
            for (size_t r = 0; r < runs; r++) {
                uint16_t scales[SCALE_CANDIDATES_MAX], least_scale = 0;
                const unsigned found = slmi_scale_candidates(coding, rule.scales[r], candidates, scales);
                double least = INFINITY, taken = INFINITY;
                for (unsigned j = 0; j < found; j++) {
                    const double error = error_with(coding, weights + r * coding->run_length, scales[j], codes);
                    if (error < least) {
                        least = error;
                        least_scale = scales[j];
                    }
                    if (scales[j] == best.scales[r]) {
                        taken = error;
                        if (coding->profile.coding == SLM_CODING_TRELLIS)
                            assert_memory_equal(codes, best.codes + r * run_bytes, run_bytes);
                    }
                }
                assert_true(taken <= least * (1 + 1e-9)); /* errors are added in another order here for block coding */
                if (coding->profile.coding == SLM_CODING_TRELLIS || kind == WEIGHTS_ZERO)
                    assert_int_equal(best.scales[r], least_scale);
            }
        }
    }
}

/* One scale for a tensor of several pieces: as good as the best of its candidates, each a tensor coded as one run. */
static void one_scale_for_a_tensor(void **unused) {
    (void)unused;
    static float weights[ELEMENTS];
    static encoded rule, best, run;
    uint64_t state = 21;
    for (size_t w = 0; w < ELEMENTS; w++)
        weights[w] = random_weight(&state, WEIGHTS_LAPLACE);
    const slm_coding codings[] = {{trellis_profile(8, 3, 4), 0, 0, 96}, {block_profile(6, 3, 8, 3, 4, 1), 0, 0, 96}};
    for (size_t i = 0; i < 2; i++) {
        encode(&codings[i], false, 1, weights, &rule);
        encode(&codings[i], false, 7, weights, &best);
        uint16_t scales[SCALE_CANDIDATES_MAX];
        static uint8_t codes[CODE_BYTES];
        const unsigned found = slmi_scale_candidates(&codings[i], rule.scales[0], 7, scales);
        assert_int_equal(found, 7);
        double least = INFINITY, taken = INFINITY;
        for (unsigned j = 0; j < found; j++) {
            double error = 0;
            for (size_t w = 0; w < ELEMENTS; w += 96)
                error += error_with(&codings[i], weights + w, scales[j], codes);
            least = error < least ? error : least;
            taken = scales[j] == best.scales[0] ? error : taken;
        }
        assert_true(taken <= least * (1 + 1e-9));
        assert_true(fabs(best.report.squared_error - taken) <= 1e-9 * taken);
        assert_true(best.report.squared_error < rule.report.squared_error);
    }
    const slm_coding again = {block_profile(6, 3, 8, 3, 4, 1), 0, 0, ELEMENTS};
    encode(&codings[1], false, 7, weights, &best);
    encode(&again, true, 7, weights, &run);
    assert_int_equal(best.scales[0], run.scales[0]);
}

static void too_many_are_refused(void **unused) {
    (void)unused;
    const slm_coding coding = {trellis_profile(6, 2, 4), 0, 0, 96};
    slm_encoder_options options = {.struct_size = sizeof options, .scale_candidates = SCALE_CANDIDATES_MAX + 1};
    slm_encoder *encoder;
    assert_int_equal(slm_encoder_create(&encoder, &coding, &options, NULL), SLM_E_ARGUMENT);
    options.struct_size = offsetof(slm_encoder_options, scale_candidates); /* a caller of before they were there */
    assert_int_equal(slm_encoder_create(&encoder, &coding, &options, NULL), SLM_OK);
    slm_encoder_free(encoder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grids_are_legal),
        cmocka_unit_test(best_of_the_grid_is_taken),
        cmocka_unit_test(one_scale_for_a_tensor),
        cmocka_unit_test(too_many_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
