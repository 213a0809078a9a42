/* test_decode.c: both codings and the rotation against independent formulas; ranges, errors, every legal profile at random. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "random_coding.h"
#include "slm/decode.h"

#define LONGEST 2500

/* Bit by bit, as the specification words it. */
static uint64_t field(const uint8_t *codes, uint64_t first, unsigned width) {
    uint64_t value = 0;
    for (unsigned i = 0; i < width; i++)
        value |= (uint64_t)(codes[(first + i) / 8] >> ((first + i) % 8) & 1) << i;
    return value;
}

static uint32_t plain_step(unsigned K, uint32_t taps, uint32_t state) {
    uint32_t b = 0;
    for (unsigned j = 0; j < K; j++)
        b ^= (state >> j) & (taps >> j) & 1;
    return (state >> 1) | (b << (K - 1));
}

/* Entry (c, p) of a seed. */
static void plain_entries(const slm_profile *p, uint32_t seed, uint32_t *v) {
    for (unsigned n = 0; n < (unsigned)p->C * p->P; n++) {
        for (unsigned i = 0; i < p->step; i++)
            seed = plain_step(p->K, p->taps, seed);
        v[n] = seed >> (p->K - p->W);
    }
}

/* The integers of a whole run. */
static void plain_integers(const slm_coding *coding, const uint8_t *codes, int64_t *target) {
    const slm_profile *p = &coding->profile;
    const uint64_t n = coding->run_length;
    static int64_t T[LONGEST];
    for (uint64_t i = 0; i < n; i++) {
        static uint32_t v[SLM_C_MAX * SLM_P_MAX];
        const uint64_t block = i / p->C;
        const unsigned c = (unsigned)(i % p->C);
        const unsigned R = (unsigned)p->K + p->E + (unsigned)p->P * p->B;
        const uint64_t at = p->coding == SLM_CODING_BLOCK ? block * R : block * p->k;
        if (c == 0)
            plain_entries(p, (uint32_t)field(codes, at, p->K), v);
        T[i] = 0;
        for (unsigned j = 0; j < p->P; j++)
            if (p->coding == SLM_CODING_BLOCK) {
                int64_t q = (int64_t)field(codes, at + p->K + p->E + (uint64_t)j * p->B, p->B);
                q -= q >> (p->B - 1) << p->B;
                T[i] += q * ((int64_t)v[c * p->P + j] - (INT64_C(1) << (p->W - 1)));
            } else
                T[i] += 2 * (int64_t)v[c * p->P + j] + 1 - (INT64_C(1) << p->W);
        if (p->coding == SLM_CODING_BLOCK)
            T[i] *= INT64_C(1) << field(codes, at + p->K, p->E);
    }
    uint32_t sign = coding->sign_seed;
    for (uint64_t i = 0; i < n; i++) {
        target[i] = T[i];
        if (coding->rotation == 0)
            continue;
        const uint64_t N = UINT64_C(1) << coding->rotation, start = i / N * N;
        target[i] = 0;
        for (uint64_t j = 0; j < N; j++)
            target[i] += __builtin_parityll((i - start) & j) ? -T[start + j] : T[start + j];
        sign = plain_step(16, slm_lfsr_table6(16), sign);
        if (sign >> 15 & 1)
            target[i] = -target[i];
    }
}

/* Random legal codings: integers by the formulas above, weights by rounding those, ranges equal to the whole. */
static void every_profile(void **unused) {
    (void)unused;
    uint64_t random = 2;
    static int64_t expected[LONGEST], integers[LONGEST];
    static uint8_t codes[LONGEST * 8 + 16];
    static uint32_t whole[LONGEST], part[LONGEST + 2];
    for (unsigned i = 0; i < 500; i++) {
        slm_coding coding;
        random_coding(&random, i % 2 ? SLM_CODING_BLOCK : SLM_CODING_TRELLIS, LONGEST, &coding);
        const unsigned n = (unsigned)coding.run_length;
        random_codes(&random, &coding, codes);
        slm_decoder decoder;
        assert_int_equal(slm_decoder_init(&decoder, &coding, "scalar"), SLM_OK);
        assert_string_equal(slm_decoder_kernel(&decoder), "scalar");
        assert_int_equal(slm_decoder_check_run(&decoder, codes, NULL), SLM_OK);
        plain_integers(&coding, codes, expected);
        assert_int_equal(slm_decode_integers(&decoder, codes, 0, n, integers), SLM_OK);
        assert_memory_equal(integers, expected, n * sizeof *integers);

        const unsigned bits = slm_profile_integer_bits(&coding.profile, coding.rotation);
        const unsigned shift = coding.rotation == 0 && coding.profile.coding == SLM_CODING_BLOCK ? (1u << coding.profile.E) - 1 : 0;
        for (unsigned c = 0; c < n; c++)
            assert_true(expected[c] <= INT64_C(1) << (bits + shift) && expected[c] >= -(INT64_C(1) << (bits + shift)));

        const uint16_t scale = random_scale(&random, &decoder);
        const uint32_t divisor = coding.profile.norm ? (UINT32_C(1) << (coding.profile.W - 1)) - 1 : 1;
        static const slm_dtype dtypes[3] = {SLM_F32, SLM_F16, SLM_BF16};
        for (unsigned t = 0; t < 3; t++) {
            const size_t size = slm_dtype_bits(dtypes[t]) / 8;
            assert_int_equal(slm_decode_run(&decoder, codes, scale, 0, n, dtypes[t], whole), SLM_OK);
            for (unsigned c = 0; c < n; c++) {
                const uint32_t got = size == 4 ? whole[c] : ((uint16_t *)whole)[c];
                assert_int_equal(got, slm_round_value(expected[c], scale, divisor, dtypes[t]));
            }
            for (unsigned r = 0; r < 6; r++) {
                const unsigned first = random_below(&random, n), count = random_below(&random, n - first + 1);
                memset(part, 0xa5, sizeof part);
                assert_int_equal(slm_decode_run(&decoder, codes, scale, first, count, dtypes[t], part), SLM_OK);
                assert_memory_equal(part, (uint8_t *)whole + first * size, count * size);
                assert_int_equal(((uint8_t *)part)[count * size], 0xa5);
            }
        }
        const unsigned first = random_below(&random, n);
        assert_int_equal(slm_decode_integers(&decoder, codes, first, n - first, integers), SLM_OK);
        assert_memory_equal(integers, expected + first, (n - first) * sizeof *integers);
    }
}

/* The paper's equations 1 and 2 in long double: w = U(s) t, U = (V - 2^(K-1)) / (2^(K-1) - 1), t = q 2^e. */
static void paper_equation(void **unused) {
    (void)unused;
    uint64_t random = 3;
    for (unsigned which = 0; which < 2; which++) {
        const slm_coding coding = {.profile = *slm_profile_by_index(which), .run_length = 24 * 40};
        const slm_profile *p = &coding.profile;
        const unsigned R = slm_profile_record_bits(p);
        assert_int_equal(R, which == 0 ? 32 : 36);
        uint8_t codes[24 * 40];
        random_codes(&random, &coding, codes);
        slm_decoder decoder;
        assert_int_equal(slm_decoder_init(&decoder, &coding, NULL), SLM_OK);
        static float weights[24 * 40];
        const uint16_t scale = 0x3b80; /* 2^-8: the code e stands for the paper's exponent e - 8 */
        assert_int_equal(slm_decode_run(&decoder, codes, scale, 0, coding.run_length, SLM_F32, weights), SLM_OK);
        for (unsigned block = 0; block < coding.run_length / p->C; block++) {
            uint32_t v[64];
            plain_entries(p, (uint32_t)field(codes, (uint64_t)block * R, 16), v);
            const int e = (int)field(codes, (uint64_t)block * R + 16, 4) - 8;
            for (unsigned c = 0; c < p->C; c++) {
                long double w = 0;
                for (unsigned j = 0; j < p->P; j++) {
                    int q = (int)field(codes, (uint64_t)block * R + 20 + 4 * j, 4);
                    q = q < 8 ? q : q - 16;
                    w += ((long double)v[c * p->P + j] - 32768) / 32767 * ldexpl(q, e);
                }
                const long double d = fabsl(w - (long double)weights[block * p->C + c]);
                assert_true(d <= fabsl(w) * 0x1.001p-24L + 1e-15L);
            }
        }
    }
}

static void errors(void **unused) {
    (void)unused;
    slm_coding coding = {.profile = *slm_profile_by_name("paper-4"), .run_length = 44}; /* 6 blocks, the last half used */
    uint8_t codes[24];
    uint64_t random = 4, bit;
    random_codes(&random, &coding, codes);
    slm_decoder decoder;
    assert_int_equal(slm_decoder_init(&decoder, &coding, "no such kernel"), SLM_E_ARGUMENT);
    static float w[64];
    for (unsigned kernel = 0; kernel < 2; kernel++) {
        assert_int_equal(slm_decoder_init(&decoder, &coding, kernel == 0 ? "scalar" : NULL), SLM_OK);
        assert_int_equal(slm_decode_run(&decoder, codes, 0x3c00, 0, 45, SLM_F32, w), SLM_E_ARGUMENT);
        assert_int_equal(slm_decode_run(&decoder, codes, 0x3c00, 45, 0, SLM_F32, w), SLM_E_ARGUMENT);
        assert_int_equal(slm_decode_run(&decoder, codes, 0x3c00, 40, UINT64_MAX, SLM_F32, w), SLM_E_ARGUMENT);
        assert_int_equal(slm_decode_run(&decoder, codes, 0x3c00, 0, 44, SLM_F64, w), SLM_E_ARGUMENT);
        assert_int_equal(slm_decode_run(&decoder, codes, 0x3c00, 44, 0, SLM_F32, w), SLM_OK);
        assert_int_equal(slm_decode_run(&decoder, codes, 0, 0, 44, SLM_F32, w), SLM_E_SCALE);
        assert_int_equal(slm_decode_run(&decoder, codes, 0x7f80, 0, 44, SLM_F32, w), SLM_E_SCALE);
        assert_int_equal(slm_decode_run(&decoder, codes, 0xbc00, 0, 44, SLM_F32, w), SLM_E_SCALE);
        assert_int_equal(slm_decode_run(&decoder, codes, 0x3c01, 0, 44, SLM_F32, w), SLM_OK);
        /* Seed 0 in block 3: weights 24 .. 31. */
        uint8_t bad[24];
        memcpy(bad, codes, sizeof bad);
        bad[12] = bad[13] = 0;
        assert_int_equal(slm_decode_run(&decoder, bad, 0x3c00, 0, 24, SLM_F32, w), SLM_OK);
        assert_int_equal(slm_decode_run(&decoder, bad, 0x3c00, 32, 12, SLM_F32, w), SLM_OK);
        assert_int_equal(slm_decode_run(&decoder, bad, 0x3c00, 31, 1, SLM_F32, w), SLM_E_RECORD);
        assert_int_equal(slm_decode_run(&decoder, bad, 0x3c00, 0, 44, SLM_F16, w), SLM_E_RECORD);
        int64_t integers[44];
        assert_int_equal(slm_decode_integers(&decoder, bad, 0, 44, integers), SLM_E_RECORD);
        assert_int_equal(slm_decoder_check_run(&decoder, bad, &bit), SLM_E_RECORD);
        assert_int_equal(bit, 3 * 32);
        assert_int_equal(slm_decoder_check_run(&decoder, codes, &bit), SLM_OK);
    }
    /* Padding: slm-3 has 16 + 3 * 99 = 313 bits in 40 bytes: seven bits of padding. */
    const slm_coding trellis = {.profile = *slm_profile_by_name("slm-3"), .run_length = 100};
    uint8_t stream[40];
    assert_int_equal(slm_profile_run_bytes(&trellis.profile, 100), sizeof stream);
    memset(stream, 0, sizeof stream);
    for (unsigned kernel = 0; kernel < 2; kernel++) {
        assert_int_equal(slm_decoder_init(&decoder, &trellis, kernel == 0 ? "scalar" : NULL), SLM_OK);
        stream[39] = 1;
        assert_int_equal(slm_decode_run(&decoder, stream, 0x3c00, 0, 100, SLM_F16, w), SLM_OK);
        stream[39] = 2;
        assert_int_equal(slm_decode_run(&decoder, stream, 0x3c00, 0, 100, SLM_F16, w), SLM_E_RECORD);
        assert_int_equal(slm_decode_run(&decoder, stream, 0x3c00, 0, 99, SLM_F16, w), SLM_OK);
        assert_int_equal(slm_decoder_check_run(&decoder, stream, &bit), SLM_E_RECORD);
        assert_int_equal(bit, 313);
    }
    /* Integers of more than 16 bits and norm 0: powers of two alone. */
    slm_coding wide = {.profile = {.coding = SLM_CODING_TRELLIS, .K = 16, .step = 1, .W = 12, .P = 4, .C = 1, .k = 4, .taps = 0x100b},
                       .rotation = 8,
                       .sign_seed = 1,
                       .run_length = 256};
    assert_int_equal(slm_profile_integer_bits(&wide.profile, 8), 22);
    assert_int_equal(slm_decoder_init(&decoder, &wide, NULL), SLM_OK);
    assert_int_equal(slm_decoder_check_scale(&decoder, 0x3c00), SLM_OK);
    assert_int_equal(slm_decoder_check_scale(&decoder, 0x0010), SLM_OK);
    assert_int_equal(slm_decoder_check_scale(&decoder, 0x3c40), SLM_E_SCALE);
    assert_int_equal(slm_decoder_check_scale(&decoder, 0x0011), SLM_E_SCALE);
}

static void coding_rules(void **unused) {
    (void)unused;
    const char *reason = NULL;
    slm_coding good = {.profile = *slm_profile_by_name("slm-4"), .rotation = 7, .sign_seed = 0x5eed, .run_length = 512}, c = good;
    assert_int_equal(slm_coding_check(&good, &reason), SLM_OK);
    c.rotation = 3;
    assert_int_equal(slm_coding_check(&c, &reason), SLM_E_PROFILE);
    assert_memory_equal(reason, "[ROT-1]", 7);
    c = good, c.rotation = 11;
    assert_int_equal(slm_coding_check(&c, &reason), SLM_E_PROFILE);
    c = good, c.run_length = 500;
    assert_int_equal(slm_coding_check(&c, &reason), SLM_E_PROFILE);
    assert_memory_equal(reason, "[ROT-2]", 7);
    c = good, c.sign_seed = 0;
    assert_int_equal(slm_coding_check(&c, &reason), SLM_E_PROFILE);
    assert_memory_equal(reason, "[ROT-3]", 7);
    c = good, c.rotation = 0;
    assert_int_equal(slm_coding_check(&c, NULL), SLM_E_PROFILE);
    c = good, c.run_length = 0;
    assert_int_equal(slm_coding_check(&c, &reason), SLM_E_PROFILE);
    assert_memory_equal(reason, "[TEN-18]", 8);
    c = good, c.profile.W = 16, c.profile.P = 4; /* 16 + 2 + 7 = 25 bits */
    assert_int_equal(slm_coding_check(&c, &reason), SLM_E_PROFILE);
    assert_memory_equal(reason, "[TEN-22]", 8);
    c = good, c.profile.coding = 3;
    assert_int_equal(slm_coding_check(&c, &reason), SLM_E_FEATURE);
    assert_memory_equal(reason, "[PRO-2]", 7);
    slm_decoder decoder;
    assert_int_equal(slm_decoder_init(&decoder, &c, NULL), SLM_E_FEATURE);
    assert_string_equal(slm_kernel_name(0), "scalar");
    assert_null(slm_kernel_name(1000));
    /* Kernels and instruction sets by name. */
    assert_ptr_equal(slm_kernel_find("scalar"), slm_kernel_name(0));
    assert_string_equal(slm_kernel_find("avx2"), "avx2");
    assert_null(slm_kernel_find(""));
    assert_null(slm_kernel_find("avx"));
    for (size_t i = 0; slm_kernel_name(i) != NULL; i++)
        assert_ptr_equal(slm_kernel_find(slm_kernel_name(i)), slm_kernel_name(i));
    assert_int_equal(slm_decoder_init(&decoder, &good, "scalar"), SLM_OK);
    assert_string_equal(slm_decoder_kernel(&decoder), "scalar");
    assert_int_equal(slm_decoder_init(&decoder, &good, "avx512"), SLM_OK); /* or less */
    assert_int_equal(slm_decoder_init(&decoder, &good, "avx2-block"), SLM_E_ARGUMENT);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_profile), cmocka_unit_test(paper_equation), cmocka_unit_test(errors),
                                       cmocka_unit_test(coding_rules)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
