/* tools/bench_decode.c: slm bench decode: kernels beside memcpy of the same output bytes, in interleaved pairs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "exit_code.h"
#include "message.h"
#include "slm/slm.h"

#define RUN 4096 /* weights: a row of a model */
#define PAIRS_MAX 31

static const slm_dtype dtypes[] = {SLM_F16, SLM_BF16, SLM_F32};

typedef struct buffers {
    size_t size; /* of each */
    unsigned char *codes, *target, *source;
    const bench_options *options;
    json_t *list;
} buffers;

static uint64_t next_random(uint64_t *state) { /* splitmix64 */
    uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

void bench_codes(const slm_coding *coding, uint64_t runs, unsigned char *codes) {
    const slm_profile *p = &coding->profile;
    const bool is_block = p->coding == SLM_CODING_BLOCK;
    const uint64_t bytes = slm_profile_run_bytes(p, coding->run_length), blocks = slm_profile_blocks(p, coding->run_length);
    const unsigned stride = is_block ? slm_profile_record_bits(p) : p->k;
    const uint64_t bits = (blocks - 1) * stride + (is_block ? stride : p->K);
    uint64_t random = 5;
    for (uint64_t r = 0; r < runs; r++, codes += bytes) {
        for (uint64_t i = 0; i < bytes; i++)
            codes[i] = (unsigned char)(next_random(&random) >> 56);
        for (uint64_t i = 0; is_block && i < blocks; i++)
            codes[i * stride / 8] |= (unsigned char)(1u << i * stride % 8);
        if (bits % 8 != 0)
            codes[bytes - 1] &= (unsigned char)((1u << bits % 8) - 1);
    }
}

/* One case: a kernel and memcpy by turns; the medians. */
static int measure(const buffers *b, const slm_coding *coding, const char *kernel, slm_dtype dtype, bool large) {
    const slm_profile *p = &coding->profile;
    const size_t element = slm_dtype_bits(dtype) / 8;
    const uint64_t runs = (large ? b->size : b->size < 131072 ? b->size : 131072) / (RUN * element);
    const uint64_t weights = runs * RUN;
    const size_t bytes = (size_t)weights * element;
    const unsigned char *codes = b->codes;
    slm_decoder decoder;
    if (slm_decoder_init(&decoder, coding, kernel) != SLM_OK || strcmp(slm_decoder_kernel(&decoder), kernel) != 0)
        return EXIT_CODE_OK; /* not this kernel's, or not on this machine */
    const bool slow = strcmp(kernel, "scalar") == 0;
    const unsigned pairs = b->options->quick ? 1 : slow ? 3 : large ? 11 : PAIRS_MAX, calls = b->options->quick || large || slow ? 1 : 40;
    const uint64_t part = slow && large ? (runs + 15) / 16 : runs; /* the scalar kernel costs the same anywhere */
    const uint16_t scale = 0x3c00;
    double copy[PAIRS_MAX], decode[PAIRS_MAX], ratio[PAIRS_MAX];
    for (unsigned i = 0; i < pairs + 1; i++) { /* the first pair is not counted */
        const unsigned n = i == 0 ? 0 : i - 1;
        double start = bench_cpu_seconds();
        for (unsigned c = 0; c < calls; c++) {
            memcpy(b->target, b->source, bytes);
            __asm__ volatile("" : : "r"(b->target) : "memory");
        }
        copy[n] = (bench_cpu_seconds() - start) / calls;
        start = bench_cpu_seconds();
        for (unsigned c = 0; c < calls; c++)
            if (slm_decode_runs(&decoder, codes, &scale, 0, part, dtype, b->target) != SLM_OK) {
                message_error("bench: decoding failed");
                return EXIT_CODE_FAILURE;
            }
        decode[n] = (bench_cpu_seconds() - start) / calls * ((double)runs / (double)part);
        ratio[n] = copy[n] / decode[n];
    }
    const double copied = bench_median(copy, pairs), decoded = bench_median(decode, pairs), times = bench_median(ratio, pairs);
    if (b->list == NULL) {
        printf("%-8s %2u  %-14s %-4s %9s %9.0f %8.2f %9.2f %9.2f\n", p->name, coding->rotation, kernel, slm_dtype_name(dtype),
               large ? "64 MiB" : "128 KiB", (double)weights / decoded / 1e6, (double)bytes / decoded / 1e9, (double)bytes / copied / 1e9,
               times);
        fflush(stdout);
        return EXIT_CODE_OK;
    }
    json_t *o = json_object();
    report_set(o, "profile", json_string(p->name));
    report_set(o, "rotation", json_integer(coding->rotation));
    report_set(o, "kernel", json_string(kernel));
    report_set(o, "dtype", json_string(slm_dtype_name(dtype)));
    report_set(o, "bytes", report_u64(bytes));
    report_set(o, "weights_per_second", report_real((double)weights / decoded));
    report_set(o, "memcpy_bytes_per_second", report_real((double)bytes / copied));
    report_set(o, "times_memcpy", report_real(times));
    report_append(b->list, o);
    return EXIT_CODE_OK;
}

/* Products of a matrix of rows like these with a vector, x in binary32 and in 8 bits. */
static int measure_product(const buffers *b, const slm_coding *coding, const char *kernel, uint64_t rows) {
    static float x[RUN], y[8192], d[RUN / SLM_GEMV_BLOCK];
    static int8_t q[RUN];
    const uint16_t scale = 0x3c00;
    slm_matrix matrix;
    if (slm_matrix_init(&matrix, coding, RUN, kernel) != SLM_OK)
        return EXIT_CODE_OK;
    const bool slow = strcmp(kernel, "scalar") == 0;
    const uint64_t part = b->options->quick ? 1 : slow ? 16 : rows;
    const unsigned rounds = b->options->quick || slow ? 1 : 9, calls = part < 1024 && !slow ? 20 : 1;
    for (unsigned i = 0; i < RUN; i++)
        x[i] = (float)(i % 97) / 97 - 0.5f;
    slm_matrix_rotate(&matrix, x, x);
    slm_quantise(x, RUN, q, d);
    for (int bits = 32; bits > 0; bits -= 24) {
        double times[PAIRS_MAX];
        slm_status status = SLM_OK;
        for (unsigned i = 0; i < rounds + 1 && status == SLM_OK; i++) {
            const double start = bench_cpu_seconds();
            for (unsigned c = 0; c < calls && status == SLM_OK; c++)
                status = bits == 32 ? slm_gemv(&matrix, b->codes, &scale, 0, 0, part, x, y)
                                    : slm_gemv_int8(&matrix, b->codes, &scale, 0, 0, part, q, d, y);
            times[i == 0 ? 0 : i - 1] = (bench_cpu_seconds() - start) / calls;
        }
        if (status == SLM_E_ARGUMENT && bits == 8)
            continue; /* not for this coding */
        if (status != SLM_OK) {
            message_error("bench: the product failed");
            return EXIT_CODE_FAILURE;
        }
        const double rate = (double)(part * RUN) / bench_median(times, rounds);
        if (b->list == NULL) {
            printf("%-8s %2u  %-14s %-4s %9llu %9.0f\n", coding->profile.name, coding->rotation, kernel, bits == 32 ? "F32" : "I8",
                   (unsigned long long)rows, rate / 1e6);
            fflush(stdout);
            continue;
        }
        json_t *o = json_object();
        report_set(o, "profile", json_string(coding->profile.name));
        report_set(o, "rotation", json_integer(coding->rotation));
        report_set(o, "kernel", json_string(kernel));
        report_set(o, "x", json_string(bits == 32 ? "F32" : "I8"));
        report_set(o, "rows", report_u64(rows));
        report_set(o, "weights_per_second", report_real(rate));
        report_append(b->list, o);
    }
    return EXIT_CODE_OK;
}

static int measure_products(buffers *b, const slm_profile *p) {
    for (unsigned h = 0; h <= (p->coding == SLM_CODING_TRELLIS ? 7u : 0u); h += 7) {
        const slm_coding coding = {.profile = *p, .rotation = (uint8_t)h, .sign_seed = h != 0 ? 0x5eed : 0, .run_length = RUN};
        const uint64_t most = b->options->quick ? 2 : 8192;
        bench_codes(&coding, most, b->codes);
        for (uint64_t rows = most; rows > 0; rows = rows > 64 ? 64 : 0)
            for (size_t k = 0; slm_kernel_name(k) != NULL; k++) {
                const int code = measure_product(b, &coding, slm_kernel_name(k), rows);
                if (code != EXIT_CODE_OK)
                    return code;
            }
    }
    return EXIT_CODE_OK;
}

static int measure_profile(const buffers *b, const slm_profile *p) {
    for (unsigned h = 0; h <= (p->coding == SLM_CODING_TRELLIS ? 7u : 0u); h += 7) {
        const slm_coding coding = {.profile = *p, .rotation = (uint8_t)h, .sign_seed = h != 0 ? 0x5eed : 0, .run_length = RUN};
        bench_codes(&coding, b->size / (2 * RUN), b->codes); /* the longest output has two bytes a weight, the codes less */
        for (unsigned t = 0; t < sizeof dtypes / sizeof dtypes[0]; t++)
            for (unsigned large = 0; large < 2; large++)
                for (size_t k = 0; slm_kernel_name(k) != NULL; k++) {
                    const int code = measure(b, &coding, slm_kernel_name(k), dtypes[t], large != 0);
                    if (code != EXIT_CODE_OK)
                        return code;
                }
    }
    return EXIT_CODE_OK;
}

int bench_decode(const bench_options *options) {
    buffers b = {.size = options->quick ? (size_t)1 << 16 : (size_t)64 << 20, .options = options};
    b.codes = malloc(b.size + 4096);
    b.target = malloc(b.size);
    b.source = malloc(b.size);
    int code = EXIT_CODE_OK;
    if (b.codes == NULL || b.target == NULL || b.source == NULL) {
        message_error("bench: no memory");
        code = EXIT_CODE_FAILURE;
    } else {
        memset(b.target, 1, b.size); /* pages that are there */
        memset(b.source, 2, b.size);
        if (options->report == NULL)
            printf("%-8s %2s  %-14s %-4s %9s %9s %8s %9s %9s\n", "profile", "h", "kernel", "type", "output", "Mw/s", "GB/s", "memcpy",
                   "x memcpy");
        else
            b.list = json_array();
    }
    for (size_t i = 0; code == EXIT_CODE_OK && slm_profile_by_index(i) != NULL; i++)
        if (bench_wants(options, slm_profile_by_index(i)))
            code = measure_profile(&b, slm_profile_by_index(i));
    if (options->report != NULL) {
        report_set(options->report, "kernels", b.list);
        b.list = json_array();
    } else
        printf("\nproducts, 4096 columns\n%-8s %2s  %-14s %-4s %9s %9s\n", "profile", "h", "kernel", "x", "rows", "Mw/s");
    for (size_t i = 0; code == EXIT_CODE_OK && slm_profile_by_index(i) != NULL; i++)
        if (bench_wants(options, slm_profile_by_index(i)))
            code = measure_products(&b, slm_profile_by_index(i));
    if (options->report != NULL)
        report_set(options->report, "products", b.list);
    free(b.codes);
    free(b.target);
    free(b.source);
    return code == EXIT_CODE_OK ? bench_files(options) : code;
}
