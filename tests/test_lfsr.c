/* test_lfsr.c: the LFSR: the paper's worked figure, Table 6 by walking every cycle, jumps, and the test for maximal length. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "slm/decode.h"
#include "slm/lfsr.h"

/* One step as the paper words it, bit by bit. */
static uint32_t plain_step(unsigned K, uint32_t taps, uint32_t state) {
    uint32_t b = 0;
    for (unsigned j = 0; j < K; j++)
        b ^= (state >> j) & (taps >> j) & 1;
    return (state >> 1) | (b << (K - 1));
}

/* Length of the cycle through state 1, or 0 where 1 is not met again. */
static uint32_t cycle(unsigned K, uint32_t taps) {
    uint32_t state = 1;
    for (uint32_t n = 1; n <= UINT32_C(1) << K; n++) {
        state = (state >> 1) | ((uint32_t)__builtin_parity(state & taps) << (K - 1));
        if (state == 1)
            return n;
    }
    return 0;
}

static void worked_figure(void **unused) {
    (void)unused;
    const slm_profile p = {
        .coding = SLM_CODING_BLOCK, .K = 3, .step = 1, .W = 3, .P = 2, .C = 4, .B = 4, .norm = 1, .taps = 3, .name = "figure"};
    assert_int_equal(slm_profile_check(&p, NULL), SLM_OK);
    const uint32_t figure[8] = {2, 5, 6, 7, 3, 1, 4, 2};
    uint32_t entries[8];
    slm_entries(&p, 4, entries);
    assert_memory_equal(entries, figure, sizeof figure);
}

static void table6(void **unused) {
    (void)unused;
    /* The indices j with alpha_j = 1, as printed. */
    static const int8_t printed[25][5] = {
        [2] = {0, 1, -1},        [3] = {0, 1, -1},        [4] = {0, 1, -1},         [5] = {0, 2, -1},  [6] = {0, 1, -1},
        [7] = {0, 1, -1},        [8] = {0, 2, 3, 4, -1},  [9] = {0, 4, -1},         [10] = {0, 3, -1}, [11] = {0, 2, -1},
        [12] = {0, 1, 2, 8, -1}, [13] = {0, 1, 2, 5, -1}, [14] = {0, 1, 2, 12, -1}, [15] = {0, 1, -1}, [16] = {0, 1, 3, 12, -1},
        [17] = {0, 3, -1},       [18] = {0, 7, -1},       [19] = {0, 1, 2, 5, -1},  [20] = {0, 3, -1}, [21] = {0, 2, -1},
        [22] = {0, 1, -1},       [23] = {0, 5, -1},       [24] = {0, 1, 2, 7, -1}};
    for (unsigned K = 2; K <= 24; K++) {
        uint32_t taps = 0;
        for (unsigned i = 0; i < 5 && printed[K][i] >= 0; i++)
            taps |= UINT32_C(1) << printed[K][i];
        assert_int_equal(slm_lfsr_table6(K), taps);
        assert_int_equal(cycle(K, taps), (UINT32_C(1) << K) - 1);
        assert_true(slm_lfsr_is_maximal(K, taps));
    }
    assert_int_equal(slm_lfsr_table6(0), 0);
    assert_int_equal(slm_lfsr_table6(1), 0);
    assert_int_equal(slm_lfsr_table6(25), 0);
}

/* Every mask of taps for small K, and many for larger: maximal exactly where the walk says so. */
static void maximal(void **unused) {
    (void)unused;
    for (unsigned K = 2; K <= 11; K++)
        for (uint32_t taps = 0; taps < UINT32_C(1) << K; taps++)
            assert_int_equal(slm_lfsr_is_maximal(K, taps), (taps & 1) != 0 && cycle(K, taps) == (UINT32_C(1) << K) - 1);
    uint32_t random = 1;
    for (unsigned K = 12; K <= 20; K++)
        for (unsigned i = 0; i < 40; i++) {
            random = random * 1664525 + 1013904223;
            const uint32_t taps = (random >> 8 & ((UINT32_C(1) << K) - 1)) | 1;
            assert_int_equal(slm_lfsr_is_maximal(K, taps), cycle(K, taps) == (UINT32_C(1) << K) - 1);
        }
    assert_false(slm_lfsr_is_maximal(16, 0x1));     /* x^16 + 1 */
    assert_false(slm_lfsr_is_maximal(16, 0x100a));  /* alpha_0 = 0 */
    assert_false(slm_lfsr_is_maximal(4, 0xf));      /* irreducible, of order 5 */
    assert_false(slm_lfsr_is_maximal(16, 0x1100b)); /* a bit at K */
    assert_false(slm_lfsr_is_maximal(1, 0x1));
    assert_false(slm_lfsr_is_maximal(25, 0x9));
}

static void jumps(void **unused) {
    (void)unused;
    for (unsigned K = 2; K <= 24; K++) {
        /* Taps that need not be primitive, nor alpha_0 = 1. */
        const uint32_t all = (UINT32_C(1) << K) - 1, masks[4] = {slm_lfsr_table6(K), 0x5a5a5a & all, 1, all};
        for (unsigned m = 0; m < 4; m++) {
            uint32_t start = 0xc0ffee & all, state = start;
            for (unsigned n = 0; n < 300; n++) {
                assert_int_equal(slm_lfsr_advance(K, masks[m], start, n), state);
                state = plain_step(K, masks[m], state);
            }
            /* Long jumps: in two parts, and by the period. */
            const uint64_t far = UINT64_C(0xfedcba9876543210);
            assert_int_equal(slm_lfsr_advance(K, masks[m], start, far),
                             slm_lfsr_advance(K, masks[m], slm_lfsr_advance(K, masks[m], start, far - 77777), 77777));
        }
        assert_int_equal(slm_lfsr_advance(K, masks[0], 1, UINT64_MAX),
                         slm_lfsr_advance(K, masks[0], 1, UINT64_MAX % ((UINT64_C(1) << K) - 1)));
        assert_int_equal(slm_lfsr_advance(K, masks[0], 0, 12345), 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(worked_figure), cmocka_unit_test(table6), cmocka_unit_test(maximal),
                                       cmocka_unit_test(jumps)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
