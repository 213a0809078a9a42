/* Block coding's search against the brute-force reference, byte for byte: profiles of every shape, weights of every kind, all kernels. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "amount.h"
#include "block_reference.h"
#include "weights_fixture.h"

#define RUN_MAX 256

static const char *const kernels[] = {"scalar", "avx2", "avx512", NULL};

typedef struct shape {
    uint8_t K, step, W, P, C, E, B, norm;
} shape;

static slm_profile profile_of(shape s) {
    slm_profile p = {
        .coding = SLM_CODING_BLOCK, .K = s.K, .step = s.step, .W = s.W, .P = s.P, .C = s.C, .E = s.E, .B = s.B, .norm = s.norm};
    p.taps = slm_lfsr_table6(s.K);
    return p;
}

static uint64_t record_at(const slm_profile *p, const uint8_t *codes, uint64_t block) {
    const unsigned bits = slm_profile_record_bits(p);
    uint64_t record = 0;
    for (unsigned i = 0; i < bits; i++) {
        const uint64_t position = block * bits + i;
        record |= (uint64_t)(codes[position / 8] >> position % 8 & 1) << i;
    }
    return record;
}

/* Encodes one run with a kernel; false where the machine lacks it. */
static bool encode(const slm_coding *coding, slm_search search, const char *kernel, const float *weights, uint16_t *scale, uint8_t *codes,
                   slm_encode_report *report) {
    const slm_encoder_options options = {.struct_size = sizeof options, .search = search, .kernel = kernel};
    slm_encoder *encoder;
    slm_error error;
    const slm_status status = slm_encoder_create(&encoder, coding, &options, &error);
    if (status == SLM_E_ARGUMENT && kernel != NULL) {
        return false;
    }
    assert_int_equal(status, SLM_OK);
    assert_int_equal(slm_encode_memory(encoder, coding->run_length, weights, scale, codes, report, &error), SLM_OK);
    slm_encoder_free(encoder);
    return true;
}

/* Compares the codes of one run with the reference search at the scale the encoder chose, and the report with what a decoder gives. */
static void compare(const slm_profile *p, slm_search search, const float *weights, unsigned count) {
    const slm_coding coding = {*p, 0, 0, count};
    const uint64_t bytes = slm_profile_run_bytes(p, count);
    uint8_t codes[8 * RUN_MAX];
    uint8_t again[8 * RUN_MAX];
    uint16_t scale = 0;
    slm_encode_report report;
    double expected = 0;
    assert_true(bytes <= sizeof codes);
    assert_true(encode(&coding, search, NULL, weights, &scale, codes, &report));
    for (unsigned k = 0; kernels[k] != NULL; k++) {
        uint16_t other;
        if (encode(&coding, search, kernels[k], weights, &other, again, &report)) {
            assert_int_equal(other, scale);
            assert_memory_equal(again, codes, bytes);
        }
    }
    const double unit = reference_scale(scale) / reference_divisor(p);
    for (unsigned first = 0; first < count; first += p->C) {
        const unsigned rows = count - first < p->C ? count - first : p->C;
        double x[SLM_C_MAX];
        double error;
        for (unsigned c = 0; c < rows; c++) {
            x[c] = (double)weights[first + c] * reference_divisor(p) / reference_scale(scale);
        }
        const uint64_t record = search == SLM_SEARCH_EXACT ? reference_exact(p, x, rows, &error) : reference_paper(p, x, rows, &error);
        const uint64_t found = record_at(p, codes, first / p->C);
        if (found != record) {
            fail_msg("block %u: found %016llx, reference %016llx", first / p->C, (unsigned long long)found, (unsigned long long)record);
        }
        expected += error * unit * unit;
    }
    assert_true(fabs(report.squared_error - expected) <= 1e-9 * expected + 1e-300);
    slm_decoder decoder;
    assert_int_equal(slm_decoder_init(&decoder, &coding, NULL), SLM_OK);
    assert_int_equal(slm_decoder_check_scale(&decoder, scale), SLM_OK);
    assert_int_equal(slm_decoder_check_run(&decoder, codes, NULL), SLM_OK);
}

static void fill(uint64_t *state, weights_kind kind, float *weights, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        weights[i] = random_weight(state, kind);
    }
}

static void test_exact_equals_reference(void **context) {
    (void)context;
    static const shape shapes[] = {
        {6, 1, 6, 1, 4, 2, 3, 1},  {6, 1, 6, 3, 8, 4, 3, 1}, {6, 1, 6, 3, 8, 1, 4, 1},  {8, 2, 4, 3, 4, 1, 3, 0},
        {7, 2, 4, 2, 3, 1, 3, 0},  {6, 3, 3, 4, 6, 1, 2, 0}, {6, 1, 6, 4, 4, 1, 2, 1},  {5, 1, 5, 3, 2, 1, 2, 0},
        {7, 1, 7, 2, 12, 3, 4, 1}, {7, 1, 7, 3, 5, 0, 3, 0}, {4, 5, 4, 3, 6, 2, 3, 1}, /* the register's period divides by the step: U is
                                                                                          singular */
        {3, 7, 3, 2, 4, 2, 3, 0},                                                      /* and here all entries are the seed's */
        {2, 1, 1, 2, 3, 1, 3, 0},  {6, 1, 1, 3, 8, 2, 3, 0}, {5, 5, 2, 2, 64, 0, 6, 0}, {6, 1, 6, 1, 1, 4, 8, 1},
    };
    uint64_t state = 1;
    float weights[RUN_MAX];
    for (unsigned s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        const slm_profile p = profile_of(shapes[s]);
        assert_int_equal(slm_profile_check(&p, NULL), SLM_OK);
        for (unsigned kind = s % amount(1, 3); kind < WEIGHTS_KINDS; kind += amount(1, 3)) {
            const unsigned count = 2U * p.C + p.C / 2; /* with a short last block where C > 1 */
            fill(&state, (weights_kind)kind, weights, count);
            compare(&p, SLM_SEARCH_EXACT, weights, count);
        }
        /* The outlier sets the scale; the others lie between the finest steps. */
        fill(&state, WEIGHTS_GAUSSIAN, weights, 3U * p.C);
        weights[0] = 1e4F;
        compare(&p, SLM_SEARCH_EXACT, weights, 3U * p.C);
    }
}

static void test_paper_equals_reference(void **context) {
    (void)context;
    /* Shapes without a singular U, where least squares has one answer. */
    static const shape shapes[] = {
        {8, 1, 8, 1, 4, 2, 3, 1}, {10, 1, 10, 2, 8, 4, 4, 1}, {10, 1, 10, 2, 3, 3, 4, 1}, {11, 1, 11, 1, 5, 0, 3, 0}};
    static const weights_kind kinds[] = {WEIGHTS_GAUSSIAN, WEIGHTS_LAPLACE, WEIGHTS_STUDENT, WEIGHTS_ZERO, WEIGHTS_SPARSE};
    uint64_t state = 2;
    float weights[RUN_MAX];
    for (unsigned s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        const slm_profile p = profile_of(shapes[s]);
        for (unsigned k = 0; k < sizeof kinds / sizeof kinds[0]; k += amount(1, 2)) {
            fill(&state, kinds[k], weights, 4U * p.C);
            compare(&p, SLM_SEARCH_PAPER, weights, 4U * p.C);
        }
    }
}

static void test_random_profiles(void **context) {
    (void)context;
    uint64_t state = 3;
    float weights[RUN_MAX];
    for (unsigned tried = 0, count_tried = amount(60, 20); tried < count_tried;) {
        slm_coding coding;
        random_coding(&state, SLM_CODING_BLOCK, RUN_MAX, &coding);
        slm_profile *p = &coding.profile;
        /* Small enough for the reference. */
        const double work = ldexp((double)p->C * p->P, p->K + p->E + p->P * p->B);
        if (work > 1e6) {
            continue;
        }
        tried++;
        const unsigned count = p->C + random_below(&state, p->C + 1U);
        fill(&state, (weights_kind)random_below(&state, WEIGHTS_KINDS), weights, count);
        compare(p, SLM_SEARCH_EXACT, weights, count);
    }
}

/* paper-4 itself, all seeds and all exponents that reach far enough: for given q_1 and q_2 the error is a parabola in q_0, whose best
 * integers are the two beside its vertex or the end of the range. */
static void test_paper_4_block(void **context) {
    (void)context;
    const slm_profile *p = slm_profile_by_name("paper-4");
    const slm_coding coding = {*p, 0, 0, 8};
    uint64_t state = 4;
    float weights[8];
    uint16_t scale;
    uint8_t codes[4];
    double x[8];
    slm_encode_report report;
    fill(&state, WEIGHTS_GAUSSIAN, weights, 8);
    assert_true(encode(&coding, SLM_SEARCH_EXACT, NULL, weights, &scale, codes, &report));
    for (unsigned c = 0; c < 8; c++) {
        x[c] = (double)weights[c] * 32767 / reference_scale(scale);
    }
    double best = INFINITY;
    uint64_t best_record = 0;
    const unsigned every = amount(1, 16);
    for (uint32_t seed = 1; seed < 65536; seed += every) {
        int64_t u[24];
        double gram[3][3] = {{0}}, along[3] = {0}, square = 0;
        reference_matrix(p, seed, u);
        for (unsigned c = 0; c < 8; c++) {
            square += x[c] * x[c];
            for (unsigned i = 0; i < 3; i++) {
                along[i] += x[c] * (double)u[c * 3 + i];
                for (unsigned j = 0; j < 3; j++) {
                    gram[i][j] += (double)(u[c * 3 + i] * u[c * 3 + j]);
                }
            }
        }
        for (unsigned e = 8; e < 16; e++) { /* 2^7 * 8 * 3 * 2^15 is a thirtieth of the block */
            const double step = (double)(1 << e);
            for (int q1 = -8; q1 < 8; q1++) {
                for (int q2 = -8; q2 < 8; q2++) {
                    const double slope = along[0] - step * (q1 * gram[0][1] + q2 * gram[0][2]);
                    double vertex = floor(slope / (step * gram[0][0]));
                    vertex = vertex < -8 ? -8 : vertex > 6 ? 6 : vertex;
                    const double fixed = square - 2 * step * (q1 * along[1] + q2 * along[2]) +
                                         step * step * (q1 * q1 * gram[1][1] + 2 * q1 * q2 * gram[1][2] + q2 * q2 * gram[2][2]);
                    for (int i = 0; i < 2; i++) {
                        const double q0 = vertex + i;
                        const double about = fixed - 2 * step * q0 * slope + step * step * q0 * q0 * gram[0][0];
                        if (about <= best + 1e-6 * square) {
                            const int q[3] = {(int)q0, q1, q2};
                            const double error = reference_error(p, u, e, q, x, 8);
                            const uint64_t record = reference_record(p, seed, e, q);
                            if (error < best) {
                                best = error;
                                best_record = record;
                            }
                        }
                    }
                }
            }
        }
    }
    const double unit = reference_scale(scale) / 32767;
    assert_true(report.squared_error <= best * unit * unit * (1 + 1e-12));
    if (every == 1) { /* all seeds were looked at, so that this one is the best */
        assert_true(fabs(report.squared_error - best * unit * unit) <= 1e-12 * report.squared_error);
        assert_int_equal(record_at(p, codes, 0), best_record);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact_equals_reference),
        cmocka_unit_test(test_paper_equals_reference),
        cmocka_unit_test(test_random_profiles),
        cmocka_unit_test(test_paper_4_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
