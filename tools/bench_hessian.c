/* tools/bench_hessian.c: slm bench hessian: what factoring a Hessian takes, every kernel by turns with the scalar one. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "exit_code.h"
#include "message.h"
#include "slm/slm.h"

#define COLUMNS 4096
#define ROUNDS_MAX 5
#define ROTATION 7

static const char *const kernels[] = {"scalar", "avx2", "avx512"};
#define KERNELS (sizeof kernels / sizeof kernels[0])

typedef struct times {
    double cpu[ROUNDS_MAX], ratio[ROUNDS_MAX], two[ROUNDS_MAX];
} times;

static bool runs_here(const char *kernel) {
    const slm_coding coding = {.profile = *slm_profile_by_name("slm-4-fast"), .run_length = 1024};
    const slm_encoder_options options = {.struct_size = sizeof options, .kernel = kernel};
    slm_encoder *encoder = NULL;
    const bool here = slm_encoder_create(&encoder, &coding, &options, NULL) == SLM_OK && strcmp(slm_encoder_kernel(encoder), kernel) == 0;
    slm_encoder_free(encoder);
    return here;
}

/* As the inputs of a layer are: neighbours alike, columns of different sizes. */
static float *draw(size_t n) {
    float *values = malloc(n * n * sizeof *values), *alike = malloc(n * sizeof *alike);
    for (size_t i = 0; alike != NULL && i < n; i++)
        alike[i] = (float)exp(-(double)i / 50);
    for (size_t i = 0; values != NULL && alike != NULL && i < n; i++)
        for (size_t j = 0; j < n; j++)
            values[i * n + j] = alike[i > j ? i - j : j - i] * (float)((1 + i * 7 % 11) * (1 + j * 7 % 11));
    free(alike);
    return values;
}

/* Seconds of CPU time of one thread, and of the clock with `threads`; false where it fails. */
static bool factor(const float *values, size_t n, const char *kernel, unsigned threads, double *cpu, double *wall) {
    const slm_encoder_options options = {.struct_size = sizeof options, .threads = threads, .kernel = kernel};
    slm_hessian *hessian = NULL;
    const double start_cpu = bench_cpu_seconds(), start = bench_wall_seconds();
    const bool ok = slm_hessian_create(&hessian, values, n, ROTATION, SLM_DEFAULT_SIGN_SEED, &options, NULL) == SLM_OK;
    *cpu = bench_cpu_seconds() - start_cpu;
    *wall = bench_wall_seconds() - start;
    slm_hessian_free(hessian);
    return ok;
}

static bool measure(const float *values, size_t n, const bool *here, unsigned rounds, times *t) {
    for (unsigned i = 0; i < rounds + 1; i++) { /* the first is not counted */
        const unsigned at = i == 0 ? 0 : i - 1;
        for (size_t k = 0; k < KERNELS; k++) {
            double cpu, one, both;
            if (!here[k])
                continue;
            if (!factor(values, n, kernels[k], 1, &t[k].cpu[at], &one) || !factor(values, n, kernels[k], 2, &cpu, &both))
                return false;
            t[k].ratio[at] = t[0].cpu[at] / t[k].cpu[at];
            t[k].two[at] = one / both;
        }
    }
    return true;
}

int bench_hessian(const bench_options *options) {
    const size_t n = options->quick ? 256 : COLUMNS;
    const unsigned rounds = options->quick ? 1 : ROUNDS_MAX;
    static times t[KERNELS];
    bool here[KERNELS];
    for (size_t k = 0; k < KERNELS; k++)
        here[k] = runs_here(kernels[k]);
    float *values = draw(n);
    if (values == NULL || !measure(values, n, here, rounds, t)) {
        free(values);
        message_error("bench: no memory");
        return EXIT_CODE_FAILURE;
    }
    free(values);
    json_t *list = options->report != NULL ? json_array() : NULL;
    if (list == NULL)
        printf("%-7s %-7s %9s %12s %9s\n", "columns", "kernel", "seconds", "times scalar", "2 threads");
    for (size_t k = 0; k < KERNELS; k++) {
        if (!here[k])
            continue;
        const double cpu = bench_median(t[k].cpu, rounds), ratio = bench_median(t[k].ratio, rounds), two = bench_median(t[k].two, rounds);
        if (list == NULL) {
            printf("%-7zu %-7s %9.3f %12.2f %7.2f x\n", n, kernels[k], cpu, ratio, two);
            continue;
        }
        json_t *o = json_object();
        report_set(o, "columns", report_u64(n));
        report_set(o, "kernel", json_string(kernels[k]));
        report_set(o, "cpu_seconds", report_real(cpu));
        report_set(o, "times_scalar", report_real(ratio));
        report_set(o, "two_threads", report_real(two));
        report_append(list, o);
    }
    if (options->report != NULL)
        report_set(options->report, "factorings", list);
    return EXIT_CODE_OK;
}
