/* The encoding driver: the same bytes and figures for any number of threads and any kernel, reports that a decoder confirms, failures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "amount.h"
#include "slm/slm.h"
#include "weights_fixture.h"

static const char *const kernels[] = {"scalar", "avx2", "avx512", NULL};

typedef struct encoded {
    uint16_t *scales;
    uint8_t *codes;
    uint64_t scale_count;
    uint64_t code_bytes;
    slm_encode_report report;
} encoded;

static void encoded_free(encoded *e) {
    free(e->scales);
    free(e->codes);
}

/* SLM_E_ARGUMENT where the kernel does not run here. */
static slm_status encode(const slm_coding *coding, slm_encoder_options options, const float *weights, uint64_t elements, encoded *result) {
    slm_encoder *encoder;
    options.struct_size = sizeof options;
    slm_status status = slm_encoder_create(&encoder, coding, &options, NULL);
    if (status != SLM_OK) {
        return status;
    }
    const uint64_t runs = elements / coding->run_length;
    result->scale_count = options.scale_per_run ? runs : 1;
    result->code_bytes = runs * slm_profile_run_bytes(&coding->profile, coding->run_length);
    result->scales = malloc(result->scale_count * sizeof *result->scales);
    result->codes = malloc(result->code_bytes);
    assert_non_null(result->scales);
    assert_non_null(result->codes);
    status = slm_encode_memory(encoder, elements, weights, result->scales, result->codes, &result->report, NULL);
    slm_encoder_free(encoder);
    return status;
}

static void assert_same(const encoded *a, const encoded *b) {
    assert_memory_equal(a->scales, b->scales, a->scale_count * sizeof *a->scales);
    assert_memory_equal(a->codes, b->codes, a->code_bytes);
    assert_true(a->report.squared_norm == b->report.squared_norm);
    assert_true(a->report.squared_error == b->report.squared_error);
    assert_true(a->report.maximum_error == b->report.maximum_error);
    assert_int_equal(a->report.blocks, b->report.blocks);
}

/* What the report says is what a decoder gives, up to the rounding to F32. */
static void assert_decodes(const slm_coding *coding, const encoded *e, const float *weights, uint64_t elements) {
    slm_decoder decoder;
    double norm = 0;
    double error = 0;
    double maximum = 0;
    float *values = malloc(coding->run_length * sizeof *values);
    assert_non_null(values);
    assert_int_equal(slm_decoder_init(&decoder, coding, NULL), SLM_OK);
    for (uint64_t run = 0; run < elements / coding->run_length; run++) {
        const uint16_t scale = e->scales[e->scale_count > 1 ? run : 0];
        const uint8_t *codes = e->codes + run * slm_profile_run_bytes(&coding->profile, coding->run_length);
        assert_int_equal(slm_decoder_check_scale(&decoder, scale), SLM_OK);
        assert_int_equal(slm_decoder_check_run(&decoder, codes, NULL), SLM_OK);
        assert_int_equal(slm_decode_run(&decoder, codes, scale, 0, coding->run_length, SLM_F32, values), SLM_OK);
        for (uint64_t i = 0; i < coding->run_length; i++) {
            const double weight = weights[run * coding->run_length + i];
            const double difference = fabs(weight - (double)values[i]);
            norm += weight * weight;
            error += difference * difference;
            maximum = difference > maximum ? difference : maximum;
        }
    }
    free(values);
    assert_true(fabs(e->report.squared_norm - norm) <= 1e-9 * norm);
    assert_true(fabs(e->report.squared_error - error) <= 1e-5 * error + 1e-12 * norm);
    assert_true(fabs(e->report.maximum_error - maximum) <= 1e-5 * maximum + 1e-6 * sqrt(norm));
}

static slm_profile block_profile(uint8_t K, uint8_t P, uint8_t C, uint8_t E, uint8_t B, uint8_t norm) {
    slm_profile p = {.coding = SLM_CODING_BLOCK, .K = K, .step = 1, .W = norm ? K : 4, .P = P, .C = C, .E = E, .B = B, .norm = norm};
    p.taps = slm_lfsr_table6(K);
    return p;
}

static slm_profile trellis_profile(uint8_t K, uint8_t k, uint8_t C) {
    slm_profile p = {.coding = SLM_CODING_TRELLIS, .K = K, .step = 5, .W = 4, .P = 4, .C = C, .k = k};
    p.taps = slm_lfsr_table6(K);
    return p;
}

#define ELEMENTS 30720 /* several pieces of every coding below; divisible by all run lengths */

static void test_threads_and_kernels(void **context) {
    (void)context;
    const slm_profile wide = block_profile(8, 3, 8, 4, 4, 1);
    const slm_profile narrow = block_profile(7, 2, 5, 1, 3, 0);
    const slm_profile many = block_profile(6, 4, 6, 2, 3, 0); /* scanned by its complement */
    const slm_profile trellis = trellis_profile(8, 3, 1);
    const slm_profile half = trellis_profile(7, 5, 2);
    const struct {
        slm_coding coding;
        bool per_run;
        unsigned candidates;
    } cases[] = {
        {{wide, 0, 0, ELEMENTS}, false, 0},     {{wide, 0, 0, ELEMENTS}, true, 0}, /* a run of several pieces */
        {{wide, 0, 0, ELEMENTS / 2}, true, 0},  {{wide, 0, 0, 60}, true, 0},       /* short last blocks */
        {{wide, 0, 0, 60}, false, 0},           {{wide, 0, 0, 5}, true, 0},        /* runs shorter than a block */
        {{wide, 8, 77, ELEMENTS}, false, 0},    {{narrow, 0, 0, ELEMENTS}, false, 0},
        {{narrow, 0, 0, 1024}, true, 0},        {{narrow, 6, 0x5EED, 1024}, true, 0},
        {{narrow, 6, 0x5EED, 10240}, false, 0}, {{many, 0, 0, ELEMENTS}, false, 0},
        {{trellis, 0, 0, 96}, true, 0},         {{trellis, 6, 0x5EED, 1024}, true, 0},
        {{trellis, 6, 0x5EED, 1024}, false, 0}, {{half, 0, 0, 1536}, true, 0},
        {{wide, 0, 0, ELEMENTS}, true, 3},      {{narrow, 0, 0, 60}, true, 4}, /* several scales tried */
        {{trellis, 0, 0, 96}, true, 5},         {{trellis, 6, 0x5EED, 1024}, false, 2},
    };
    uint64_t state = 1;
    float *weights = malloc(ELEMENTS * sizeof *weights);
    assert_non_null(weights);
    for (unsigned i = 0; i < ELEMENTS; i++) {
        weights[i] = random_weight(&state, i % 3 ? WEIGHTS_GAUSSIAN : WEIGHTS_LAPLACE);
    }
    for (unsigned c = 0; c < sizeof cases / sizeof cases[0]; c += amount(1, 3)) {
        encoded first;
        const slm_coding *coding = &cases[c].coding;
        assert_int_equal(slm_coding_check(coding, NULL), SLM_OK);
        slm_encoder_options options = {.scale_per_run = cases[c].per_run, .threads = 1, .scale_candidates = cases[c].candidates};
        assert_int_equal(encode(coding, options, weights, ELEMENTS, &first), SLM_OK);
        assert_decodes(coding, &first, weights, ELEMENTS);
        static const unsigned threads[] = {2, 3, 8};
        for (unsigned t = 0; t < sizeof threads / sizeof threads[0]; t += amount(1, 3)) {
            encoded again;
            options.threads = threads[t];
            assert_int_equal(encode(coding, options, weights, ELEMENTS, &again), SLM_OK);
            assert_same(&first, &again);
            assert_int_equal(first.report.examined, again.report.examined);
            encoded_free(&again);
        }
        for (unsigned k = 0; kernels[k] != NULL; k++) {
            encoded again;
            options.threads = 2;
            options.kernel = kernels[k];
            const slm_status status = encode(coding, options, weights, ELEMENTS, &again);
            if (status != SLM_E_ARGUMENT) {
                assert_int_equal(status, SLM_OK);
                assert_same(&first, &again);
                encoded_free(&again);
            }
        }
        encoded_free(&first);
    }
    free(weights);
}

static void assert_quality(const char *profile, slm_search search, const float *weights, uint64_t elements, double low, double high) {
    const slm_profile *p = slm_profile_by_name(profile);
    const slm_coding coding = {*p, 0, 0, elements};
    encoded e;
    const slm_encoder_options options = {.search = search, .threads = 2};
    assert_int_equal(encode(&coding, options, weights, elements, &e), SLM_OK);
    const double error = sqrt(e.report.squared_error / e.report.squared_norm);
    if (error < low || error > high) {
        fail_msg("%s: error %.5f outside %.4f .. %.4f", profile, error, low, high);
    }
    assert_decodes(&coding, &e, weights, elements);
    encoded_free(&e);
}

/* On few weights, so with some room; the benchmark uses a million. */
static void test_quality(void **context) {
    (void)context;
    static float weights[12000];
    const unsigned count = amount(12000, 1200);
    const double room = amount(0, 1) * 0.01; /* for so few */
    uint64_t state = 5;
    for (unsigned i = 0; i < count; i++) {
        weights[i] = random_weight(&state, WEIGHTS_GAUSSIAN);
    }
    assert_quality("paper-4", SLM_SEARCH_PAPER, weights, count, 0.119 - room, 0.126 + room);
    assert_quality("paper-4", SLM_SEARCH_EXACT, weights, count, 0.115 - room, 0.122 + room);
    assert_quality("paper-3", SLM_SEARCH_EXACT, weights, count, 0.212 - room, 0.223 + room);
    assert_int_equal(real_weights(weights, count), count);
    assert_quality("paper-4", SLM_SEARCH_EXACT, weights, count, 0.110 - room, 0.125 + room);
}

/* An io that counts, and fails where told. */
typedef struct counting_io {
    const float *weights;
    slm_status read_status;
    slm_status scale_status;
    slm_status code_status;
    uint64_t cancel_after;
    uint64_t progressed; /* one thread only */
} counting_io;

static slm_status counted_read(void *context, uint64_t first, size_t count, float *weights) {
    const counting_io *io = context;
    memcpy(weights, io->weights + first, count * sizeof *weights);
    return io->read_status;
}
static slm_status counted_scales(void *context, uint64_t first, size_t count, const uint16_t *scales) {
    const counting_io *io = context;
    (void)first;
    (void)count;
    (void)scales;
    return io->scale_status;
}
static slm_status counted_codes(void *context, uint64_t offset, size_t size, const uint8_t *codes) {
    const counting_io *io = context;
    (void)offset;
    (void)size;
    (void)codes;
    return io->code_status;
}
static int counted_progress(void *context, uint64_t elements) {
    counting_io *io = context;
    io->progressed += elements;
    return io->progressed >= io->cancel_after;
}

static void test_failures(void **context) {
    (void)context;
    float *weights = calloc(ELEMENTS, sizeof *weights);
    assert_non_null(weights);
    const slm_profile profile = block_profile(6, 2, 8, 4, 4, 1);
    const slm_coding coding = {profile, 0, 0, ELEMENTS};
    for (unsigned i = 0; i < ELEMENTS; i++) {
        weights[i] = (float)(i % 7) - 3;
    }
    for (unsigned threads = 1; threads <= 4; threads++) {
        slm_encoder *encoder;
        const slm_encoder_options options = {.struct_size = sizeof options, .threads = threads};
        slm_error error;
        assert_int_equal(slm_encoder_create(&encoder, &coding, &options, &error), SLM_OK);
        counting_io counting = {weights, SLM_OK, SLM_OK, SLM_OK, UINT64_MAX, 0};
        slm_encode_io io = {.context = &counting, .read = counted_read, .write_scales = counted_scales, .write_codes = counted_codes};
        weights[20011] = INFINITY;
        weights[29000] = NAN;
        assert_int_equal(slm_encode_tensor(encoder, ELEMENTS, &io, NULL, &error), SLM_E_NONFINITE);
        assert_int_equal(error.status, SLM_E_NONFINITE);
        assert_true(error.offset == 20011);
        weights[20011] = weights[29000] = 1;
        assert_int_equal(slm_encode_tensor(encoder, ELEMENTS, &io, NULL, &error), SLM_OK);
        counting.read_status = SLM_E_IO;
        assert_int_equal(slm_encode_tensor(encoder, ELEMENTS, &io, NULL, &error), SLM_E_IO);
        counting.read_status = SLM_OK;
        counting.scale_status = SLM_E_STATE;
        assert_int_equal(slm_encode_tensor(encoder, ELEMENTS, &io, NULL, &error), SLM_E_STATE);
        counting.scale_status = SLM_OK;
        counting.code_status = SLM_E_IO;
        assert_int_equal(slm_encode_tensor(encoder, ELEMENTS, &io, NULL, &error), SLM_E_IO);
        counting.code_status = SLM_OK;
        if (threads == 1) {
            io.progress = counted_progress;
            assert_int_equal(slm_encode_tensor(encoder, ELEMENTS, &io, NULL, &error), SLM_OK);
            assert_int_equal(counting.progressed, ELEMENTS);
            counting.progressed = 0;
            counting.cancel_after = 10000;
            assert_int_equal(slm_encode_tensor(encoder, ELEMENTS, &io, NULL, &error), SLM_E_CANCELLED);
            assert_true(counting.progressed < ELEMENTS);
        }
        assert_int_equal(slm_encode_tensor(encoder, ELEMENTS - 1, &io, NULL, &error), SLM_E_ARGUMENT);
        assert_int_equal(slm_encode_tensor(encoder, 0, &io, NULL, &error), SLM_E_ARGUMENT);
        slm_encoder_free(encoder);
    }
    free(weights);
}

static void test_arguments(void **context) {
    (void)context;
    slm_encoder *encoder;
    slm_error error;
    slm_coding coding = {*slm_profile_by_name("slm-4"), 0, 0, 64};
    slm_encoder_options options = {.struct_size = sizeof options, .search = SLM_SEARCH_PAPER};
    assert_int_equal(slm_encoder_create(&encoder, &coding, &options, &error), SLM_E_ARGUMENT);
    options.search = SLM_SEARCH_EXACT;
    options.kernel = "abacus";
    assert_int_equal(slm_encoder_create(&encoder, &coding, &options, &error), SLM_E_ARGUMENT);
    options.kernel = NULL;
    coding.run_length = 0;
    assert_int_equal(slm_encoder_create(&encoder, &coding, &options, &error), SLM_E_PROFILE);
    options.struct_size = 0;
    assert_int_equal(slm_encoder_create(&encoder, &coding, &options, &error), SLM_E_ARGUMENT);
    assert_int_equal(slm_encoder_create(&encoder, NULL, NULL, &error), SLM_E_ARGUMENT);
    slm_encoder_free(NULL);
    const slm_profile *trellis = slm_profile_by_name("slm-4");
    assert_int_equal(slm_recommended_rotation(trellis, 4096), 8);
    assert_int_equal(slm_recommended_rotation(trellis, 96), 5);
    assert_int_equal(slm_recommended_rotation(trellis, 24), 0);
    assert_int_equal(slm_recommended_rotation(trellis, 0), 0);
    assert_int_equal(slm_recommended_rotation(slm_profile_by_name("paper-4"), 4096), 0);
}

static void test_retarget(void **context) {
    (void)context;
    float weights[240];
    uint64_t state = 9;
    for (unsigned i = 0; i < 240; i++) {
        weights[i] = random_weight(&state, WEIGHTS_GAUSSIAN);
    }
    const slm_profile profiles[] = {block_profile(7, 2, 6, 3, 4, 1), trellis_profile(6, 2, 1)};
    for (unsigned p = 0; p < 2; p++) {
        slm_encoder *encoder;
        slm_coding coding = {profiles[p], 0, 0, 4};
        const slm_encoder_options options = {.struct_size = sizeof options, .scale_per_run = true};
        assert_int_equal(slm_encoder_create(&encoder, &coding, &options, NULL), SLM_OK);
        static const struct {
            uint64_t run_length;
            unsigned rotation;
            uint16_t sign_seed;
        } targets[] = {{240, 0, 0}, {80, 4, 3}, {10, 0, 0}, {1, 0, 0}, {48, 4, 9}};
        for (unsigned t = 0; t < sizeof targets / sizeof targets[0]; t++) {
            encoded fresh;
            uint16_t scales[240];
            uint8_t codes[2048];
            slm_encode_report report;
            assert_int_equal(slm_encoder_retarget(encoder, targets[t].run_length, targets[t].rotation, targets[t].sign_seed), SLM_OK);
            assert_int_equal(slm_encode_memory(encoder, 240, weights, scales, codes, &report, NULL), SLM_OK);
            coding.run_length = targets[t].run_length;
            coding.rotation = (uint8_t)targets[t].rotation;
            coding.sign_seed = targets[t].sign_seed;
            assert_int_equal(encode(&coding, options, weights, 240, &fresh), SLM_OK);
            assert_true(fresh.code_bytes <= sizeof codes);
            const encoded retargeted = {scales, codes, fresh.scale_count, fresh.code_bytes, report};
            assert_same(&fresh, &retargeted);
            encoded_free(&fresh);
        }
        assert_int_equal(slm_encoder_retarget(encoder, 0, 0, 0), SLM_E_PROFILE);
        assert_int_equal(slm_encoder_retarget(encoder, 24, 4, 1), SLM_E_PROFILE);
        assert_int_equal(slm_encoder_retarget(encoder, 32, 300, 1), SLM_E_PROFILE);
        assert_int_equal(slm_encode_memory(encoder, 240, weights, (uint16_t[240]){0}, (uint8_t[2048]){0}, NULL, NULL), SLM_OK);
        slm_encoder_free(encoder);
    }
}

/* An allocator that refuses once, or from then on, and counts what is not given back. */
typedef struct failing {
    unsigned left;
    bool once;
    int blocks;
} failing;

static void *failing_resize(void *context, void *pointer, size_t size) {
    failing *f = context;
    if (size == 0) {
        f->blocks--;
        free(pointer);
        return NULL;
    }
    if (f->left == 0) {
        f->left = f->once ? UINT32_MAX : 0;
        return NULL;
    }
    f->left--;
    f->blocks += pointer == NULL;
    return realloc(pointer, size);
}

static void test_memory_failures(void **context) {
    (void)context;
    float weights[96];
    for (unsigned i = 0; i < 96; i++) {
        weights[i] = (float)i;
    }
    const slm_profile profiles[] = {block_profile(5, 2, 7, 3, 4, 1), trellis_profile(5, 2, 1)};
    for (unsigned p = 0; p < 4; p++) {
        const slm_coding coding = {profiles[p % 2], 0, 0, 48};
        for (unsigned allowed = 0;; allowed++) {
            assert_true(allowed < 200);
            failing f = {allowed, p / 2 != 0, 0};
            const slm_allocator allocator = {&f, failing_resize};
            const slm_encoder_options options = {.struct_size = sizeof options, .allocator = &allocator};
            slm_encoder *encoder;
            slm_error error;
            uint16_t scale;
            uint8_t codes[512];
            slm_status status = slm_encoder_create(&encoder, &coding, &options, &error);
            if (status == SLM_OK) {
                status = slm_encode_memory(encoder, 96, weights, &scale, codes, NULL, &error);
                slm_encoder_free(encoder);
            }
            assert_int_equal(f.blocks, 0);
            if (status == SLM_OK) {
                break;
            }
            assert_int_equal(status, SLM_E_MEMORY);
            assert_int_equal(error.status, SLM_E_MEMORY);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_and_kernels), cmocka_unit_test(test_quality),  cmocka_unit_test(test_failures),
        cmocka_unit_test(test_arguments),           cmocka_unit_test(test_retarget), cmocka_unit_test(test_memory_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
