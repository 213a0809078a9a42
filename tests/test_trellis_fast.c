/* The fast trellis search against its definition, on every kernel and with windows of any length; what it loses; and where the exact search
 * takes its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "amount.h"
#include "trellis_reference.h"
#include "weights_fixture.h"

static unsigned capped(uint64_t cost) { return cost > FAST_COST_MAX ? FAST_COST_MAX : (unsigned)cost; }

/* Costs of a target by its definition: squared differences above the least, on a scale on which that of a good code is 2, rounded; those
 * of the 15 neighbouring T alone. */
static unsigned reference_fast_cost(const trellis_search *search, int32_t target, int64_t entry) {
    const int64_t unit = INT64_C(1) << search->grid, top = ((int64_t)search->fast_shape.levels - 1) * unit;
    int64_t nearest = -top;
    for (int64_t t = -top; t <= top; t += 2 * unit)
        if (llabs(target - t) <= llabs(target - nearest)) /* of two the greater */
            nearest = t;
    int64_t first = nearest - 14 * unit;
    first = first > top - 28 * unit ? top - 28 * unit : first;
    first = first < -top ? -top : first;
    if (entry < first || entry > first + 28 * unit)
        return FAST_COST_MAX;
    const int64_t difference = target - entry, least = target - nearest;
    const uint64_t more = (uint64_t)(difference * difference - least * least);
    return more >= UINT64_C(1) << 30 ? FAST_COST_MAX : capped((more * search->fast_factor + (UINT64_C(1) << 31)) >> 32);
}

/* Viterbi over all 2^K seeds with costs that saturate at 255, lowered by the least of the groups each time. False where the path found has
 * a saturated cost: the exact search is to be used. */
static bool reference_fast_codes(const trellis_search *search, const slm_coding *coding, const float *weights, uint16_t scale,
                                 uint8_t *codes) {
    const slm_profile *p = &search->profile;
    const size_t n = (size_t)coding->run_length, states = (size_t)1 << p->K, groups = states >> p->k, blocks = (n + p->C - 1) / p->C;
    int32_t *targets = malloc(n * sizeof *targets);
    trellis_targets made;
    (void)slmi_trellis_targets_prepare(&made, coding, search->grid, weights, scale);
    slmi_trellis_targets_make(&made, 0, n, targets);
    int64_t *entries = reference_entries(search);
    uint8_t *rows = calloc((blocks + 1) * groups, 1); /* of groups, before they are lowered */
    uint16_t *seeds = malloc(blocks * groups * sizeof *seeds);
    for (size_t t = 0; t < blocks; t++) {
        const uint8_t *row = rows + t * groups;
        uint8_t *next = rows + (t + 1) * groups;
        unsigned least = FAST_COST_MAX;
        for (size_t g = 0; g < groups; g++)
            least = row[g] < least ? row[g] : least;
        memset(next, FAST_COST_MAX, groups);
        for (size_t s = 0; s < states; s++) {
            uint64_t cost = row[s & (groups - 1)] - least;
            for (size_t c = 0; c < p->C && t * p->C + c < n; c++)
                cost += reference_fast_cost(search, targets[t * p->C + c], entries[s * p->C + c]);
            if (s % ((size_t)1 << p->k) == 0 || capped(cost) < next[s >> p->k])
                seeds[t * groups + (s >> p->k)] = (uint16_t)s;
            next[s >> p->k] = capped(cost) < next[s >> p->k] ? (uint8_t)capped(cost) : next[s >> p->k];
        }
    }
    size_t g = 0;
    for (size_t i = 1; i < groups; i++)
        if (rows[blocks * groups + i] < rows[blocks * groups + g])
            g = i;
    bool good = true;
    memset(codes, 0, (size_t)slm_profile_run_bytes(p, n));
    for (size_t t = blocks; t-- > 0;) {
        good = good && rows[(t + 1) * groups + g] < FAST_COST_MAX;
        const uint32_t seed = seeds[t * groups + g];
        reference_put(codes, t * (uint64_t)p->k, t + 1 == blocks ? p->K : p->k, t + 1 == blocks ? seed : seed & ((1u << p->k) - 1));
        g = seed & (groups - 1);
    }
    free(targets);
    free(entries);
    free(rows);
    free(seeds);
    return good;
}

static uint16_t rule_scale(const trellis_search *search, trellis_scratch *scratch, const slm_coding *coding, const float *weights) {
    weight_stats stats = {.weights = coding->run_length};
    for (size_t i = 0; i < coding->run_length; i++)
        stats.squared_norm += (double)weights[i] * (double)weights[i];
    uint16_t scale = 0;
    assert_int_equal(slmi_trellis_choose_scale(search, scratch, coding, &stats, weights, 1, 0, &scale), SLM_OK);
    return scale;
}

/* Returns whether the fast search's own result stood. */
static bool check_run(const slm_coding *coding, const float *weights, uint16_t scale) {
    const size_t bytes = (size_t)slm_profile_run_bytes(&coding->profile, coding->run_length);
    uint8_t *expected = malloc(bytes), *codes = malloc(bytes);
    const trellis_kernel *kernel;
    bool stood = false;
    for (size_t i = 0; (kernel = slmi_trellis_kernel_by_index(i)) != NULL; i++) {
        if (!kernel->usable())
            continue;
        trellis_search *search;
        assert_int_equal(slmi_trellis_search_create(&search, &coding->profile, kernel->name, NULL), SLM_OK);
        assert_int_equal(slmi_trellis_search_make_fast(search), SLM_OK);
        assert_true(search->fast);
        static const unsigned windows[] = {1, 100000};
        for (size_t j = 0; j < 2; j++) {
            trellis_scratch *scratch;
            assert_int_equal(slmi_trellis_scratch_create(&scratch, search, coding, NULL), SLM_OK);
            slmi_trellis_scratch_limit(scratch, windows[j]);
            scale = scale != 0 ? scale : rule_scale(search, scratch, coding, weights);
            if (i == 0 && j == 0) {
                stood = reference_fast_codes(search, coding, weights, scale, expected);
                if (!stood)
                    reference_codes(search, coding, weights, scale, expected);
            }
            assert_int_equal(slmi_trellis_find_codes(search, scratch, coding, weights, scale, codes, NULL), SLM_OK);
            assert_memory_equal(codes, expected, bytes);
            slmi_trellis_scratch_free(scratch);
        }
        slmi_trellis_search_free(search);
    }
    free(expected);
    free(codes);
    return stood;
}

static bool can_be_fast(const slm_profile *profile) {
    trellis_search *search;
    assert_int_equal(slmi_trellis_search_create(&search, profile, NULL, NULL), SLM_OK);
    assert_int_equal(slmi_trellis_search_make_fast(search), SLM_OK);
    const bool fast = search->fast;
    slmi_trellis_search_free(search);
    return fast;
}

static void small_codings_equal_definition(void **unused) {
    (void)unused;
    uint64_t state = 31;
    unsigned stood = 0;
    const unsigned count = amount(150, 40);
    for (unsigned i = 0; i < count; i++) {
        slm_coding coding;
        do
            random_coding(&state, SLM_CODING_TRELLIS, 260, &coding);
        while (coding.profile.K > 9 || coding.profile.C > 4 || !can_be_fast(&coding.profile));
        float weights[1024];
        for (size_t w = 0; w < coding.run_length; w++)
            weights[w] = random_weight(&state, (weights_kind)(i % WEIGHTS_KINDS));
        stood += check_run(&coding, weights, 0);
    }
    assert_true(stood >= count / 5 && stood < count); /* both ways were taken */
}

static void large_codings_equal_definition(void **unused) {
    (void)unused;
    uint64_t state = 32;
    static const struct {
        uint8_t K, k, C, P, W, rotation, kind, length;
    } cases[] = {
        {16, 4, 1, 4, 4, 0, WEIGHTS_GAUSSIAN, 60}, {16, 3, 1, 4, 4, 5, WEIGHTS_LAPLACE, 64},  {16, 2, 1, 4, 4, 4, WEIGHTS_STUDENT, 48},
        {16, 5, 1, 4, 6, 0, WEIGHTS_GAUSSIAN, 60}, {16, 7, 2, 4, 4, 0, WEIGHTS_GAUSSIAN, 61}, {14, 5, 2, 4, 4, 0, WEIGHTS_LAPLACE, 91},
        {13, 1, 1, 1, 2, 0, WEIGHTS_GAUSSIAN, 40}, {15, 8, 1, 4, 4, 0, WEIGHTS_GAUSSIAN, 40}, {16, 5, 2, 4, 4, 4, WEIGHTS_ZERO, 64}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i += amount(1, 3)) {
        slm_coding coding = {.rotation = cases[i].rotation, .sign_seed = cases[i].rotation ? 77 : 0, .run_length = cases[i].length};
        coding.profile = (slm_profile){.coding = SLM_CODING_TRELLIS,
                                       .K = cases[i].K,
                                       .k = cases[i].k,
                                       .C = cases[i].C,
                                       .P = cases[i].P,
                                       .W = cases[i].W,
                                       .step = 5,
                                       .taps = slm_lfsr_table6(cases[i].K)};
        assert_true(can_be_fast(&coding.profile));
        float weights[256];
        for (size_t w = 0; w < coding.run_length; w++)
            weights[w] = random_weight(&state, (weights_kind)cases[i].kind);
        (void)check_run(&coding, weights, 0);
    }
}

/* T of many levels, or few bits for a wide T, would not fit a window: such profiles are searched exactly. */
static void others_stay_exact(void **unused) {
    (void)unused;
    slm_profile profile = *slm_profile_by_name("slm-4");
    assert_true(can_be_fast(&profile));
    profile.k = 1;
    assert_false(can_be_fast(&profile));
    profile = *slm_profile_by_name("slm-4");
    profile.W = 7;
    assert_false(can_be_fast(&profile));
}

/* At most 1 % more error than the exact search, on every kind of weights that a scale fits. */
static void little_is_lost(void **unused) {
    (void)unused;
    static const char *const names[] = {"slm-4", "slm-3", "slm-2"};
    for (size_t i = 0; i < 3; i++) {
        for (unsigned kind = 0; kind < 6; kind += amount(1, 5)) {
            const bool rotated = kind % 2 == 0;
            const slm_coding coding = {*slm_profile_by_name(names[i]), (uint8_t)(rotated ? 8 : 0), (uint16_t)(rotated ? 0x5EED : 0), 1024};
            uint64_t state = kind + 1;
            float weights[1024];
            uint8_t codes[1024];
            for (size_t w = 0; w < 1024; w++)
                weights[w] = random_weight(&state, (weights_kind)(kind / 2));
            double errors[2];
            uint16_t scale = 0;
            for (unsigned fast = 0; fast < 2; fast++) {
                trellis_search *search;
                trellis_scratch *scratch;
                search_stats stats;
                assert_int_equal(slmi_trellis_search_create(&search, &coding.profile, NULL, NULL), SLM_OK);
                if (fast)
                    assert_int_equal(slmi_trellis_search_make_fast(search), SLM_OK);
                assert_int_equal(slmi_trellis_scratch_create(&scratch, search, &coding, NULL), SLM_OK);
                scale = scale != 0 ? scale : rule_scale(search, scratch, &coding, weights);
                assert_int_equal(slmi_trellis_encode_runs(search, scratch, &coding, weights, &scale, 1, codes, &stats), SLM_OK);
                errors[fast] = sqrt(stats.squared_error);
                slmi_trellis_scratch_free(scratch);
                slmi_trellis_search_free(search);
            }
            assert_true(errors[1] <= 1.01 * errors[0]);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_codings_equal_definition),
        cmocka_unit_test(large_codings_equal_definition),
        cmocka_unit_test(others_stay_exact),
        cmocka_unit_test(little_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
