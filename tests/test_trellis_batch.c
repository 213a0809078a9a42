/* Runs searched together get the codes they get alone, whatever lies beside them: any coding, any weights, exact, fast and weighted. What a
 * run gets alone is proved by test_trellis_search.c, test_trellis_fast.c and test_importance.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "amount.h"
#include "container/alloc.h"
#include "encode/trellis_core.h"
#include "weights_fixture.h"

#define RUNS 80
#define ENOUGH 30 /* for a batch of every kernel */

typedef enum search_kind { EXACT, FAST, WEIGHTED } search_kind;

/* Every kernel, `count` runs with different scales against the plain kernel, which has nothing to search together with. Returns how many
 * kernels searched together. */
static unsigned check_runs(const slm_coding *coding, const float *weights, size_t count, search_kind kind, const importance *of) {
    const size_t n = (size_t)coding->run_length, bytes = (size_t)slm_profile_run_bytes(&coding->profile, n);
    uint8_t *expected = malloc(bytes * count), *codes = malloc(bytes * count);
    uint16_t scales[RUNS];
    unsigned together = 0;
    const trellis_kernel *kernel;
    for (size_t i = 0; (kernel = slmi_trellis_kernel_by_index(i)) != NULL; i++) {
        if (!kernel->usable())
            continue;
        trellis_search *search;
        trellis_scratch *scratch;
        assert_int_equal(slmi_trellis_search_create(&search, &coding->profile, kernel->name, NULL), SLM_OK);
        if (kind == FAST)
            assert_int_equal(slmi_trellis_search_make_fast(search), SLM_OK);
        assert_int_equal(slmi_trellis_scratch_create(&scratch, search, coding, NULL), SLM_OK);
        for (size_t run = 0; run < count && i == 0; run++) {
            weight_stats stats = {.weights = n};
            for (size_t w = 0; w < n; w++)
                stats.squared_norm += (double)weights[run * n + w] * (double)weights[run * n + w];
            slmi_trellis_scratch_weigh(scratch, of, run * n);
            assert_int_equal(slmi_trellis_choose_scale(search, scratch, coding, &stats, weights + run * n, 1, 0, &scales[run]), SLM_OK);
            assert_int_equal(slmi_trellis_find_codes(search, scratch, coding, weights + run * n, scales[run], expected + run * bytes, NULL),
                             SLM_OK);
        }
        slmi_trellis_scratch_weigh(scratch, of, 0);
        memset(codes, 0xA5, bytes * count);
        assert_int_equal(slmi_trellis_find_codes_of(search, scratch, coding, weights, scales, count, codes), SLM_OK);
        assert_memory_equal(codes, expected, bytes * count);
        together += slmi_trellis_scratch_batch(scratch) != NULL && search->batch[search->fast].kernel != NULL;
        slmi_trellis_scratch_free(scratch);
        slmi_trellis_search_free(search);
    }
    free(expected);
    free(codes);
    return together;
}

/* Draws runs of one kind, or each of another, and some weights far beyond all T. */
static void draw(uint64_t *state, float *weights, size_t n, size_t count) {
    const unsigned mixed = random_below(state, 2), kind = random_below(state, WEIGHTS_KINDS), far = random_below(state, 3);
    for (size_t i = 0; i < n * count; i++) {
        weights[i] = random_weight(state, (weights_kind)((mixed ? kind + i / n : kind) % WEIGHTS_KINDS));
        if (far == 0 && random_below(state, 300) == 0)
            weights[i] *= 30;
        if (!(fabsf(weights[i]) < 3e38F))
            weights[i] = 1;
    }
}

static unsigned check_coding(uint64_t *state, const slm_coding *coding, size_t count, search_kind kind) {
    const size_t n = (size_t)coding->run_length;
    float *weights = malloc(n * count * sizeof *weights), *values = malloc(n * sizeof *values);
    importance *of = NULL;
    draw(state, weights, n, count);
    if (kind == WEIGHTED) {
        for (size_t i = 0; i < n; i++)
            values[i] = (float)exp(2 * random_gaussian(state));
        const slm_allocator own = slmi_allocator(NULL);
        assert_int_equal(slmi_importance_create(&of, values, n, &own), SLM_OK);
        if (of != NULL)
            assert_int_equal(slmi_importance_aim(of, coding->rotation), SLM_OK);
    }
    const unsigned together = check_runs(coding, weights, count, kind, of);
    slmi_importance_free(of);
    free(weights);
    free(values);
    return together;
}

static void small_codings(void **unused) {
    (void)unused;
    uint64_t state = 41;
    unsigned together = 0;
    const unsigned codings = amount(150, 40);
    for (unsigned i = 0; i < codings; i++) {
        slm_coding coding;
        do
            random_coding(&state, SLM_CODING_TRELLIS, 120, &coding);
        while (coding.profile.K > 8 || coding.profile.C > 5);
        together += check_coding(&state, &coding, 1 + random_below(&state, RUNS), (search_kind)(i % 3));
    }
    print_message("%u times a kernel searched runs of %u codings together\n", together, codings);
#if defined(__x86_64__)
    assert_true(!slm_cpu_avx2() || together > amount(50, 10));
#endif
}

/* Rows are kept for the last times only: paths that meet late, or never, as those of equal weights. */
static void long_runs(void **unused) {
    (void)unused;
    uint64_t state = 42;
    for (unsigned i = 0; i < 6; i += amount(1, 3)) {
        slm_coding coding = {.rotation = 0, .run_length = 2500 + random_below(&state, 500)};
        const uint8_t k = (uint8_t)(1 + i % 3);
        coding.profile = (slm_profile){
            .coding = SLM_CODING_TRELLIS, .K = (uint8_t)(2 * k + i % 2), .k = k, .C = 1, .P = 2, .W = 2, .step = 1, .taps = 0};
        coding.profile.taps = slm_lfsr_table6(coding.profile.K);
        (void)check_coding(&state, &coding, ENOUGH, (search_kind)(i % 2));
    }
}

static void named_profiles(void **unused) {
    (void)unused;
    uint64_t state = 43;
    static const char *const names[] = {"slm-4", "slm-4", "slm-6", "slm-3.5", "slm-2.5", "slm-4-fast"};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i += amount(1, 5)) {
        const unsigned kind = i % 3;
        slm_coding coding = {.profile = *slm_profile_by_name(names[i]), .run_length = 12 + random_below(&state, 6)};
        if (kind == 1) {
            coding.run_length = 16;
            coding.rotation = 3;
            coding.sign_seed = 77;
        }
        const unsigned together = check_coding(&state, &coding, kind == 1 ? 40 : ENOUGH, (search_kind)kind);
#if defined(__x86_64__)
        assert_true(!slm_cpu_avx2() || together > 0);
#else
        (void)together;
#endif
    }
}

static void long_registers(void **unused) {
    (void)unused;
    uint64_t state = 44;
    static const uint8_t K[] = {17, 18, 20}, k[] = {6, 8, 8};
    for (unsigned i = 0; i < sizeof K; i += amount(1, 3)) {
        slm_coding coding = {.run_length = 10};
        coding.profile = (slm_profile){
            .coding = SLM_CODING_TRELLIS, .K = K[i], .k = k[i], .C = 1, .P = 4, .W = 4, .step = 29, .taps = slm_lfsr_table6(K[i])};
        const unsigned together = check_coding(&state, &coding, ENOUGH, (search_kind)(i % 2));
#if defined(__x86_64__)
        assert_true(!slm_cpu_avx2() || together > 0);
#else
        (void)together;
#endif
    }
}

static void illegal_scales(void **unused) {
    (void)unused;
    const slm_coding coding = {.profile = *slm_profile_by_name("slm-4-fast"), .run_length = 40};
    float weights[RUNS * 40];
    uint16_t scales[RUNS];
    uint8_t codes[RUNS * 40];
    for (size_t i = 0; i < RUNS * 40; i++)
        weights[i] = (float)i;
    for (size_t i = 0; i < RUNS; i++)
        scales[i] = i == RUNS / 2 ? 0x7F80 : 0x3F80;
    trellis_search *search;
    trellis_scratch *scratch;
    assert_int_equal(slmi_trellis_search_create(&search, &coding.profile, NULL, NULL), SLM_OK);
    assert_int_equal(slmi_trellis_scratch_create(&scratch, search, &coding, NULL), SLM_OK);
    assert_int_equal(slmi_trellis_find_codes_of(search, scratch, &coding, weights, scales, RUNS, codes), SLM_E_SCALE);
    slmi_trellis_scratch_free(scratch);
    slmi_trellis_search_free(search);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_codings),  cmocka_unit_test(long_runs),      cmocka_unit_test(named_profiles),
        cmocka_unit_test(long_registers), cmocka_unit_test(illegal_scales),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
