/* What the block search prunes: of each block of N(0, 1) the rounds, the seeds of lists filtered, those whose residual was computed and
 * those looked at closely; weights a second of CPU time, one thread, tables made before.
 *
 *   bench_block_search [profile ...]   paper-4 and paper-3 where none is named
 */
#include <stdbool.h>
#include <time.h>

#include "encode/block_near.h"
#include "encode/block_search.h"
#include "slm/slm.h"
#include "weights_fixture.h"

#define BLOCKS 65536
#define REPETITIONS 5

static double cpu_seconds(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b) {
    return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

/* As the encoder scales: the largest weight, here five deviations, is near what the top exponent reaches. */
static void draw(const slm_profile *p, double *targets) {
    const double reach = ldexp(1, (1 << p->E) - 1 + p->B - 2 + p->W - 1) / 5;
    uint64_t state = 1;
    for (size_t i = 0; i < (size_t)BLOCKS * p->C; i++) {
        targets[i] = random_gaussian(&state) * reach;
    }
}

static bool measure(const slm_profile *p, slm_search mode, const char *kernel, const double *targets, uint64_t *records) {
    block_search *search;
    block_scratch *scratch = NULL;
    double seconds[REPETITIONS];
    if (slmi_block_search_create(&search, p, p->C, mode, kernel, NULL) != SLM_OK) {
        return true;
    }
    if (strcmp(slmi_block_search_kernel(search), kernel) != 0) { /* not on this machine */
        slmi_block_search_free(search);
        return true;
    }
    const double start = cpu_seconds();
    slmi_block_search_prepare(search, UINT64_C(1) << 40, 1);
    const double tables = cpu_seconds() - start;
    const bool good = slmi_block_scratch_create(&scratch, search, false, NULL) == SLM_OK;
    for (unsigned r = 0; r < REPETITIONS && good; r++) {
        const double begin = cpu_seconds();
        (void)slmi_block_search_run(search, scratch, targets, BLOCKS, records, NULL);
        seconds[r] = cpu_seconds() - begin;
    }
    if (good) {
        const near_counts *c = slmi_block_scratch_counts(scratch);
        const double blocks = (double)BLOCKS * REPETITIONS;
        qsort(seconds, REPETITIONS, sizeof *seconds, by_value);
        printf("%-8s %-6s %-7s %6.2f s %11.0f %8.3f %9.0f %10.0f %10.2f %9.4f %%\n", p->name, mode == SLM_SEARCH_EXACT ? "exact" : "paper",
               slmi_block_search_kernel(search), tables, (double)BLOCKS * p->C / seconds[REPETITIONS / 2], (double)c->rounds / blocks,
               (double)c->listed / blocks, (double)c->passed / blocks, (double)c->examined / blocks,
               100 * (1 - (double)c->blocks / blocks));
        (void)fflush(stdout);
    }
    slmi_block_scratch_free(scratch);
    slmi_block_search_free(search);
    return good;
}

int main(int argc, char **argv) {
    static const char *const usual[] = {"paper-4", "paper-3"};
    static const char *const kernels[] = {"avx512", "avx2"};
    const int count = argc > 1 ? argc - 1 : 2;
    bool good = true;
    printf("%-8s %-6s %-7s %8s %11s %8s %9s %10s %10s %11s\n", "profile", "search", "kernel", "lists", "weights/s", "rounds", "filtered",
           "residuals", "looked at", "left over");
    for (int i = 0; i < count && good; i++) {
        const slm_profile *p = slm_profile_by_name(argc > 1 ? argv[i + 1] : usual[i]);
        if (p == NULL || p->coding != SLM_CODING_BLOCK) {
            (void)fprintf(stderr, "not a named profile of block coding\n");
            return 2;
        }
        double *targets = malloc((size_t)BLOCKS * p->C * sizeof *targets);
        uint64_t *records = malloc(BLOCKS * sizeof *records);
        good = targets != NULL && records != NULL;
        if (good) {
            draw(p, targets);
        }
        for (unsigned k = 0; k < sizeof kernels / sizeof kernels[0] && good; k++) {
            good = measure(p, SLM_SEARCH_EXACT, kernels[k], targets, records) && measure(p, SLM_SEARCH_PAPER, kernels[k], targets, records);
        }
        free(targets);
        free(records);
    }
    return good ? 0 : 1;
}
