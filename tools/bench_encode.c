/* tools/bench_encode.c: slm bench encode: weights a second and core by profile, search and kernel, and what a large model would take. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "exit_code.h"
#include "message.h"
#include "slm/slm.h"

#define ROW 4096          /* weights: a row of a model; trellis coding has a scale for each */
#define ROWS 256          /* a piece of 64 for every lane of the widest vectors, and four pieces */
#define LARGE_MODEL 8e9   /* weights */
#define REPETITIONS_MAX 4 /* the first one makes tables and is not counted */

typedef struct work {
    const bench_options *options;
    float *weights;
    uint16_t *scales;
    uint8_t *codes;
    json_t *list;
} work;

typedef struct figures {
    double tables;   /* seconds until the first weight */
    double rate;     /* weights a second of CPU time, one thread */
    double speed_up; /* of two threads, by the clock */
    double error;
    double examined; /* a block */
} figures;

/* N(0, 1) by Box and Muller from splitmix64. */
static void draw(float *weights, size_t count) {
    uint64_t state = 1;
    for (size_t i = 0; i < count; i++) {
        double uniform[2];
        for (int j = 0; j < 2; j++) {
            uint64_t x = state += UINT64_C(0x9e3779b97f4a7c15);
            x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
            x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
            uniform[j] = ((double)((x ^ x >> 31) >> 11) + 0.5) / 9007199254740992.0;
        }
        weights[i] = (float)(sqrt(-2 * log(uniform[0])) * cos(6.283185307179586 * uniform[1]));
    }
}

static slm_encoder *create(const slm_profile *profile, uint64_t count, slm_search search, const char *kernel, unsigned threads) {
    const bool trellis = profile->coding == SLM_CODING_TRELLIS;
    slm_coding coding = {.profile = *profile, .run_length = trellis ? ROW : count};
    coding.rotation = (uint8_t)slm_recommended_rotation(profile, coding.run_length);
    coding.sign_seed = coding.rotation != 0 ? SLM_DEFAULT_SIGN_SEED : 0;
    const slm_encoder_options options = {
        .struct_size = sizeof options, .search = search, .scale_per_run = trellis, .threads = threads, .kernel = kernel};
    slm_encoder *encoder = NULL;
    return slm_encoder_create(&encoder, &coding, &options, NULL) == SLM_OK ? encoder : NULL;
}

static bool measure(const work *w, slm_encoder *const encoders[2], uint64_t count, double created, figures *f) {
    const unsigned repetitions = w->options->quick ? 2 : REPETITIONS_MAX;
    double cpu[REPETITIONS_MAX], ratio[REPETITIONS_MAX], first = 0;
    slm_encode_report report = {0};
    for (unsigned i = 0; i < repetitions; i++) {
        const unsigned n = i == 0 ? 0 : i - 1;
        double wall[2];
        for (unsigned t = 0; t < 2; t++) {
            const double start_cpu = bench_cpu_seconds(), start = bench_wall_seconds();
            if (slm_encode_memory(encoders[t], count, w->weights, w->scales, w->codes, &report, NULL) != SLM_OK) {
                return false;
            }
            wall[t] = bench_wall_seconds() - start;
            if (t == 0) {
                cpu[n] = bench_cpu_seconds() - start_cpu;
                first = i == 0 ? cpu[n] : first;
            }
        }
        ratio[n] = wall[0] / wall[1];
    }
    const double median = bench_median(cpu, repetitions - 1);
    f->tables = created + (first > median ? first - median : 0);
    f->rate = (double)count / median;
    f->speed_up = bench_median(ratio, repetitions - 1);
    f->error = sqrt(report.squared_error / report.squared_norm);
    f->examined = (double)report.examined / (double)report.blocks;
    return true;
}

static int measure_case(const work *w, const slm_profile *profile, slm_search search, const char *kernel) {
    const char *name = search == SLM_SEARCH_PAPER ? "paper" : search == SLM_SEARCH_FAST ? "fast" : "exact";
    const uint64_t count = w->options->quick ? ROW : (uint64_t)ROWS * ROW;
    const double start = bench_cpu_seconds();
    slm_encoder *encoders[2] = {create(profile, count, search, kernel, 1), NULL};
    const double created = bench_cpu_seconds() - start;
    if (encoders[0] == NULL || strcmp(slm_encoder_kernel(encoders[0]), kernel) != 0) {
        slm_encoder_free(encoders[0]);
        return EXIT_CODE_OK; /* not on this machine, or not this search's */
    }
    encoders[1] = create(profile, count, search, kernel, 2);
    figures f;
    const bool done = encoders[1] != NULL && measure(w, encoders, count, created, &f);
    slm_encoder_free(encoders[0]);
    slm_encoder_free(encoders[1]);
    if (!done) {
        message_error("bench: encoding failed");
        return EXIT_CODE_FAILURE;
    }
    if (w->list == NULL) {
        printf("%-8s %-6s %-7s %6.2f s %11.0f %9.2f x %9.2f %9.5f %10.1f h\n", profile->name, name, kernel, f.tables, f.rate, f.speed_up,
               f.examined, f.error, LARGE_MODEL / f.rate / 3600);
        fflush(stdout);
        return EXIT_CODE_OK;
    }
    json_t *o = json_object();
    report_set(o, "profile", json_string(profile->name));
    report_set(o, "search", json_string(name));
    report_set(o, "kernel", json_string(kernel));
    report_set(o, "weights", report_u64(count));
    report_set(o, "table_seconds", report_real(f.tables));
    report_set(o, "weights_per_second", report_real(f.rate));
    report_set(o, "two_threads", report_real(f.speed_up));
    report_set(o, "examined_per_block", report_real(f.examined));
    report_set(o, "error", report_real(f.error));
    report_set(o, "core_hours_of_8e9_weights", report_real(LARGE_MODEL / f.rate / 3600));
    report_append(w->list, o);
    return EXIT_CODE_OK;
}

int bench_encode(const bench_options *options) {
    static const char *const kernels[] = {"avx512", "avx2", "scalar"};
    const size_t count = options->quick ? ROW : (size_t)ROWS * ROW;
    work w = {.options = options};
    w.weights = malloc(count * sizeof *w.weights);
    w.scales = malloc(count / ROW * sizeof *w.scales);
    w.codes = malloc(count);
    int code = EXIT_CODE_OK;
    if (w.weights == NULL || w.scales == NULL || w.codes == NULL) {
        message_error("bench: no memory");
        code = EXIT_CODE_FAILURE;
    } else {
        draw(w.weights, count);
        if (options->report == NULL)
            printf("%-8s %-6s %-7s %8s %11s %11s %9s %9s %12s\n", "profile", "search", "kernel", "tables", "weights/s", "2 threads",
                   "looked at", "error", "8e9 weights");
        else
            w.list = json_array();
    }
    for (size_t i = 0; code == EXIT_CODE_OK && slm_profile_by_index(i) != NULL; i++) {
        const slm_profile *profile = slm_profile_by_index(i);
        if (!bench_wants(options, profile))
            continue;
        const slm_search searches[2] = {SLM_SEARCH_EXACT, profile->coding == SLM_CODING_BLOCK ? SLM_SEARCH_PAPER : SLM_SEARCH_FAST};
        bool vector = false; /* the scalar kernel where there is no other: it has no news for a machine that would not use it */
        for (size_t k = 0; code == EXIT_CODE_OK && k < sizeof kernels / sizeof kernels[0]; k++) {
            slm_encoder *encoder = create(profile, count, SLM_SEARCH_EXACT, kernels[k], 1);
            const bool here = encoder != NULL && strcmp(slm_encoder_kernel(encoder), kernels[k]) == 0;
            slm_encoder_free(encoder);
            if (!here || (vector && strcmp(kernels[k], "scalar") == 0))
                continue;
            vector = true;
            for (unsigned s = 0; s < 2 && code == EXIT_CODE_OK; s++)
                code = measure_case(&w, profile, searches[s], kernels[k]);
        }
    }
    if (options->report != NULL)
        report_set(options->report, "searches", w.list);
    free(w.weights);
    free(w.scales);
    free(w.codes);
    return code;
}
