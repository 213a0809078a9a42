/* fuzz/encode.c: differential. Whatever tensor the encoder accepts decodes within the error it reported; the bytes are the same for every
 * search kernel and number of threads; a file made of them verifies; a raw tensor comes back as it was.
 *
 * Input: 8 bytes that choose the coding, the search and what errors cost, then the tensor's bytes. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "slm/encode.h"
#include "slm/writer.h"

#define PARAMETERS 8
#define WEIGHTS_MAX 1024

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    return 0;
}

typedef struct choice {
    slm_coding coding;
    slm_dtype dtype;
    slm_search search;
    unsigned scale_candidates;
    bool scale_per_run, importance, hessian, dominant;
    uint64_t rows, columns;
} choice;

/* Small registers, so that making the search's tables takes no time; the entries' width and number as in the named profiles or others. */
static bool choose(choice *c, const uint8_t *data, size_t size) {
    static const slm_dtype dtypes[] = {SLM_F32, SLM_F16, SLM_BF16};
    slm_profile p = {.coding = (uint8_t)(1 + (data[0] & 1)), .C = 1};
    p.K = (uint8_t)(2 + (data[0] >> 1) % 9);
    p.taps = slm_lfsr_table6(p.K);
    p.step = (uint8_t)(1 + data[1] % 16);
    p.W = (uint8_t)(1 + (data[1] >> 4) % p.K);
    p.P = (uint8_t)(1 + data[2] % 4);
    p.C = (uint8_t)(1 + (data[2] >> 4) % 12);
    if (p.coding == SLM_CODING_BLOCK) {
        /* The exact search may have to look at 2^(K + E + P * B) records a block, where a seed's entries are alike, a scale tried. */
        const unsigned bits = data[6] >> 5 != 0 ? 7 : 9;
        p.K = (uint8_t)(2 + p.K % 7);
        p.taps = slm_lfsr_table6(p.K);
        p.W = (uint8_t)(1 + (data[1] >> 4) % p.K);
        p.E = (uint8_t)(data[3] % 3);
        p.B = (uint8_t)(2 + (data[3] >> 3) % 3);
        p.P = (uint8_t)(p.P * p.B <= bits ? p.P : 2u * p.B <= bits ? 2 : 1);
        p.norm = data[3] >> 7;
    } else {
        p.k = (uint8_t)(1 + data[3] % 5);
        p.C = (uint8_t)(1 + p.C % 3);
    }
    *c = (choice){.coding.profile = p, .dtype = dtypes[data[4] % 3], .scale_per_run = (data[4] & 4) != 0};
    if ((data[4] & 8) != 0)
        c->search = p.coding == SLM_CODING_BLOCK ? SLM_SEARCH_PAPER : SLM_SEARCH_FAST;
    c->importance = (data[4] & 64) != 0;
    c->hessian = (data[4] & 128) != 0;
    c->dominant = (data[6] & 16) == 0;
    c->scale_candidates = data[6] >> 5;
    const uint64_t most = p.coding == SLM_CODING_BLOCK ? WEIGHTS_MAX / 4 : WEIGHTS_MAX;
    uint64_t elements = (size - PARAMETERS) / (slm_dtype_bits(c->dtype) / 8);
    if (elements > most)
        elements = most;
    c->columns = 1 + data[5];
    c->coding.run_length = c->columns;
    if ((data[4] & 16) != 0) {
        c->coding.rotation = (uint8_t)(SLM_ROTATION_MIN + data[6] % 5);
        c->coding.sign_seed = (uint16_t)(1 + data[7]);
        c->coding.run_length = c->columns = 1u << c->coding.rotation;
    }
    c->rows = elements / c->columns;
    return c->rows > 0 && slm_coding_check(&c->coding, NULL) == SLM_OK;
}

/* What errors cost, made of the weights: any of them by the columns' importance, and a symmetric matrix, which a large diagonal makes one
 * that can be factored. Both may be refused; then it is encoded without. */
static slm_hessian *set_costs(slm_encoder *encoder, const choice *c, const float *weights) {
    enum { COLUMNS = 48 };
    static float values[COLUMNS * COLUMNS], importance[256];
    const size_t n = (size_t)c->columns, count = (size_t)(c->rows * c->columns);
    slm_error error = {0};
    slm_hessian *hessian = NULL;
    if (c->importance) {
        for (size_t i = 0; i < n; i++)
            importance[i] = c->dominant ? fabsf(weights[7 * i % count]) : weights[7 * i % count];
        const slm_status status = slm_encoder_set_importance(encoder, importance, n, &error);
        CHECK(status == SLM_OK || status == SLM_E_ARGUMENT);
    }
    if (c->hessian && n <= COLUMNS) {
        for (size_t i = 0; i < n; i++) {
            float sum = 0;
            for (size_t j = 0; j < n; j++) {
                values[i * n + j] = weights[(i < j ? 31 * i + j : 31 * j + i) % count];
                sum += fabsf(values[i * n + j]);
            }
            if (c->dominant)
                values[i * n + i] = sum;
        }
        slm_status status = slm_hessian_create(&hessian, values, n, c->coding.rotation, c->coding.sign_seed, NULL, &error);
        CHECK(status == SLM_OK || status == SLM_E_ARGUMENT || status == SLM_E_NONFINITE);
        if (status == SLM_OK) {
            status = slm_encoder_set_hessian(encoder, hessian, &error);
            CHECK(status == SLM_OK || (status == SLM_E_ARGUMENT && (c->importance || c->coding.profile.coding == SLM_CODING_BLOCK)));
        }
    }
    return hessian;
}

typedef struct coded {
    uint16_t *scales;
    uint8_t *codes;
    size_t scale_count, code_bytes;
    slm_encode_report report;
} coded;

static slm_status encode(coded *out, const choice *c, const float *weights, const char *kernel, unsigned threads) {
    const slm_encoder_options options = {.struct_size = sizeof options,
                                         .search = c->search,
                                         .scale_per_run = c->scale_per_run,
                                         .threads = threads,
                                         .kernel = kernel,
                                         .scale_candidates = c->scale_candidates};
    slm_encoder *encoder = NULL;
    slm_hessian *hessian = NULL;
    slm_error error = {0};
    *out = (coded){.scale_count = c->scale_per_run ? (size_t)c->rows : 1,
                   .code_bytes = (size_t)(c->rows * slm_profile_run_bytes(&c->coding.profile, c->coding.run_length))};
    slm_status status = slm_encoder_create(&encoder, &c->coding, &options, &error);
    if (status != SLM_OK)
        CHECK(status == SLM_E_ARGUMENT);
    else {
        out->scales = malloc(out->scale_count * sizeof *out->scales);
        out->codes = malloc(out->code_bytes);
        CHECK(out->scales != NULL && out->codes != NULL);
        hessian = set_costs(encoder, c, weights);
        status = slm_encode_memory(encoder, c->rows * c->columns, weights, out->scales, out->codes, &out->report, &error);
        CHECK(status == SLM_OK || status == SLM_E_NONFINITE);
    }
    slm_encoder_free(encoder);
    slm_hessian_free(hessian);
    return status;
}

static void free_coded(coded *c) {
    free(c->scales);
    free(c->codes);
}

/* The error the encoder reported against the sum over exact values, and the weights decoded against those values. */
static void check_error(const choice *c, const coded *out, const float *weights) {
    const uint64_t run = c->coding.run_length, run_bytes = out->code_bytes / c->rows;
    const double divisor = c->coding.profile.norm == 1 ? (double)((UINT32_C(1) << (c->coding.profile.W - 1)) - 1) : 1;
    int64_t *integers = malloc((size_t)run * sizeof *integers);
    float *decoded = malloc((size_t)run * sizeof *decoded);
    CHECK(integers != NULL && decoded != NULL);
    slm_decoder decoder;
    CHECK(slm_decoder_init(&decoder, &c->coding, NULL) == SLM_OK);
    double norm = 0, squared = 0, largest = 0;
    for (uint64_t r = 0; r < c->rows; r++) {
        const uint16_t bits = out->scales[c->scale_per_run ? r : 0];
        const uint32_t wide = (uint32_t)bits << 16;
        float scale;
        memcpy(&scale, &wide, sizeof scale);
        CHECK(slm_decode_run(&decoder, out->codes + r * run_bytes, bits, 0, run, SLM_F32, decoded) == SLM_OK);
        CHECK(slm_decode_integers(&decoder, out->codes + r * run_bytes, 0, run, integers) == SLM_OK);
        CHECK(slm_decoder_check_run(&decoder, out->codes + r * run_bytes, NULL) == SLM_OK);
        for (uint64_t i = 0; i < run; i++) {
            const double w = (double)weights[r * run + i], value = (double)integers[i] * (double)scale / divisor;
            norm += w * w;
            squared += (w - value) * (w - value);
            largest = fabs(w - value) > largest ? fabs(w - value) : largest;
            if (isfinite(decoded[i])) /* one rounding: half a unit in the last place, or half the smallest subnormal */
                CHECK(fabs((double)decoded[i] - value) <= fabs(value) * 0x1.0p-24 + 0x1.0p-150);
            else
                CHECK(fabs(value) > 0x1.FFFFFEp127);
        }
    }
    const slm_encode_report *report = &out->report;
    CHECK(isfinite(report->weighted_norm) && isfinite(report->weighted_error) && report->weighted_error >= 0);
    CHECK(fabs(report->squared_norm - norm) <= 1e-9 * norm);
    CHECK(fabs(report->squared_error - squared) <= 1e-6 * squared + 1e-9 * norm);
    CHECK(fabs(report->maximum_error - largest) <= 1e-6 * largest + 1e-9 * sqrt(norm));
    free(integers);
    free(decoded);
}

/* ---- A file of the coded tensor and a raw one ---- */

typedef struct memory_file {
    uint8_t *bytes;
    size_t size;
} memory_file;

static int write_at(void *context, uint64_t offset, const void *buffer, size_t size) {
    memory_file *file = context;
    CHECK(offset <= file->size && size <= file->size - offset);
    memcpy(file->bytes + offset, buffer, size);
    return 0;
}

static int read_at(void *context, uint64_t offset, void *buffer, size_t size) {
    memory_file *file = context;
    CHECK(offset <= file->size && size <= file->size - offset);
    memcpy(buffer, file->bytes + offset, size);
    return 0;
}

static void add_tensors(slm_layout *layout, const choice *c, bool with_coded, slm_dtype raw_dtype, uint64_t raw_elements) {
    slm_error error;
    size_t index;
    if (with_coded) {
        slm_tensor t = {.name = "coded", .name_length = 5, .dtype = c->dtype, .rank = 2, .coding = (slm_coding_id)c->coding.profile.coding};
        t.shape = (const uint64_t[]){c->rows, c->columns};
        t.flags = c->scale_per_run ? SLM_TENSOR_SCALE_PER_RUN : 0;
        t.rotation = c->coding.rotation;
        t.sign_seed = c->coding.sign_seed;
        t.run_length = c->coding.run_length;
        CHECK(slm_layout_add_profile(layout, &c->coding.profile, &t.profile) == SLM_OK);
        CHECK(slm_layout_add_tensor(layout, &t, &index, &error) == SLM_OK);
    }
    slm_tensor raw = {.name = "raw", .name_length = 3, .dtype = raw_dtype, .rank = 1, .shape = &raw_elements};
    CHECK(slm_layout_add_tensor(layout, &raw, &index, &error) == SLM_OK);
}

/* Writes the file, reads it back, and holds every tensor against what went in. `out` is NULL where nothing could be coded. */
static void write_and_read(const choice *c, const coded *out, const uint8_t *bytes, size_t size, unsigned pick) {
    slm_dtype dtype = (slm_dtype)(1 + pick % 22);
    if (slm_dtype_bits(dtype) == 0)
        dtype = SLM_U8;
    const uint64_t unit = slm_dtype_bits(dtype) % 8 != 0 ? 4 : 1; /* whole bytes */
    const uint64_t elements = size * 8 / slm_dtype_bits(dtype) / unit * unit;
    const size_t raw = out != NULL, raw_bytes = fuzz_bytes(dtype, elements);
    slm_layout *layout = NULL;
    slm_writer *writer = NULL;
    slm_error error;
    CHECK(slm_layout_create(&layout, &(slm_layout_options){.struct_size = sizeof(slm_layout_options), .chunk_log2 = 12}) == SLM_OK);
    add_tensors(layout, c, out != NULL, dtype, elements);
    memory_file file = {.size = (size_t)slm_layout_file_size(layout)};
    CHECK(file.size > 0 && (file.bytes = malloc(file.size)) != NULL);
    CHECK(slm_writer_create(&writer, layout, &(slm_sink){&file, write_at, read_at}, &error) == SLM_OK);
    CHECK(slm_writer_write(writer, raw, 0, raw_bytes, bytes, &error) == SLM_OK);
    if (out != NULL) {
        CHECK(slm_writer_write_codes(writer, 0, 0, out->code_bytes, out->codes, &error) == SLM_OK);
        CHECK(slm_writer_write_scales(writer, 0, 0, out->scale_count, out->scales, &error) == SLM_OK);
    }
    CHECK(slm_writer_finish(writer, &error) == SLM_OK);
    slm_writer_free(writer);
    slm_layout_free(layout);

    slm_reader *reader = NULL;
    CHECK(slm_reader_open_memory(&reader, file.bytes, file.size, NULL, &error) == SLM_OK);
    for (size_t i = 0; i <= raw; i++)
        CHECK(slm_reader_verify(reader, i, &error) == SLM_OK);
    uint8_t *back = malloc(raw_bytes + 1);
    CHECK(back != NULL);
    CHECK(slm_reader_decode(reader, raw, 0, elements, dtype, back, &error) == SLM_OK && memcmp(back, bytes, raw_bytes) == 0);
    free(back);
    if (out != NULL) {
        const uint64_t weights = c->rows * c->columns;
        float *whole = malloc((size_t)weights * sizeof *whole), *run = malloc((size_t)c->columns * sizeof *run);
        CHECK(whole != NULL && run != NULL);
        uint8_t *stored = malloc(fuzz_bytes(SLM_F32, weights)); /* little-endian, on every machine */
        CHECK(stored != NULL && slm_reader_decode(reader, 0, 0, weights, SLM_F32, stored, &error) == SLM_OK);
        slm_widen(SLM_F32, stored, (size_t)weights, whole);
        free(stored);
        slm_decoder scalar;
        CHECK(slm_decoder_init(&scalar, &c->coding, "scalar") == SLM_OK);
        for (uint64_t r = 0; r < c->rows; r++) {
            CHECK(slm_decode_run(&scalar, out->codes + r * (out->code_bytes / c->rows), out->scales[c->scale_per_run ? r : 0], 0,
                                 c->columns, SLM_F32, run) == SLM_OK);
            CHECK(memcmp(run, whole + r * c->columns, (size_t)c->columns * sizeof *run) == 0);
        }
        free(whole);
        free(run);
    }
    slm_reader_close(reader);
    free(file.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < PARAMETERS)
        return 0;
    choice c;
    coded first = {0};
    bool is_coded = choose(&c, data, size);
    if (is_coded) {
        const size_t count = (size_t)(c.rows * c.columns);
        float *weights = malloc(count * sizeof *weights);
        CHECK(weights != NULL);
        slm_widen(c.dtype, data + PARAMETERS, count, weights);
        size_t finite = 0;
        while (finite < count && isfinite(weights[finite]))
            finite++;
        const slm_status status = encode(&first, &c, weights, NULL, 1);
        CHECK(status != SLM_OK || finite == count);
        CHECK(status != SLM_E_NONFINITE || finite < count);
        is_coded = status == SLM_OK;
        if (is_coded) {
            check_error(&c, &first, weights);
            coded second = {0};
            CHECK(encode(&second, &c, weights, "scalar", (data[4] & 32) != 0 ? 3 : 1) == SLM_OK);
            CHECK(memcmp(first.scales, second.scales, first.scale_count * sizeof *first.scales) == 0);
            CHECK(memcmp(first.codes, second.codes, first.code_bytes) == 0);
            CHECK(memcmp(&first.report, &second.report, sizeof first.report) == 0 || c.coding.profile.coding == SLM_CODING_BLOCK);
            free_coded(&second);
        }
        free(weights);
    }
    write_and_read(&c, is_coded ? &first : NULL, data + PARAMETERS, size - PARAMETERS, data[7]);
    free_coded(&first);
    return 0;
}
