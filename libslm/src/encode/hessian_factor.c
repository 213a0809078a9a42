/* hessian_factor.c: H = U D U^T, from the last column to the first, by panels so that what is read stays in the cache. */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "../container/alloc.h"
#include "hessian_kernel.h"

#define THREADS_MAX 256u

typedef struct factoring {
    slm_hessian *of;
    const hessian_kernel *kernel;
    unsigned threads;
    hessian_panel panel;
    double *triangle;
    bool subtract;    /* which of the two parts is under way */
    atomic_uint next; /* the group that no thread has taken yet; the first ones are the most work */
} factoring;

/* U and D of a row of the panel itself, which needs those after it. */
static double finish_own_row(const factoring *job, uint64_t i) {
    double *row = hessian_row(job->of, i);
    const uint64_t first = job->panel.first;
    for (uint64_t j = job->panel.last; j-- > i + 1;) {
        const double *triangle = job->triangle + (j - first) * HESSIAN_PANEL;
        const double value = row[j];
        row[j] = value / job->of->pivots[j];
        for (uint64_t k = i + 1; k < j; k++)
            row[k] -= value * triangle[k - first];
        row[i] -= value * row[j];
        job->triangle[(j - first) * HESSIAN_PANEL + i - first] = row[j];
    }
    job->of->pivots[i] = row[i];
    return row[i];
}

static void *work(void *argument) {
    factoring *job = argument;
    for (uint64_t start; (start = (uint64_t)atomic_fetch_add(&job->next, 1) * HESSIAN_GROUP) < job->panel.first;)
        (job->subtract ? job->kernel->subtract : job->kernel->finish)(job->of, &job->panel, start);
    return NULL;
}

/* One part for all rows before the panel. */
static void run_part(factoring *job, bool subtract) {
    pthread_t handles[THREADS_MAX];
    unsigned started = 0;
    job->subtract = subtract;
    atomic_store(&job->next, 0);
    while (started + 1 < job->threads && (uint64_t)(started + 1) * HESSIAN_GROUP < job->panel.first &&
           pthread_create(&handles[started], NULL, work, job) == 0)
        started++;
    (void)work(job);
    while (started > 0)
        (void)pthread_join(handles[--started], NULL);
}

/* The last column whose pivot is below `least`, or job->of->columns. */
static uint64_t factor(factoring *job, double least) {
    const uint64_t n = job->of->columns;
    hessian_panel *panel = &job->panel;
    for (panel->last = n; panel->last > 0; panel->last = panel->first) {
        panel->first = panel->last - (panel->last < HESSIAN_PANEL ? panel->last : HESSIAN_PANEL);
        for (uint64_t i = panel->last; i-- > panel->first;)
            if (!(finish_own_row(job, i) >= least))
                return i;
        run_part(job, false);
        run_part(job, true);
    }
    return n;
}

slm_status slmi_hessian_factor(slm_hessian *of, double least, const hessian_kernel *kernel, unsigned threads, uint64_t *failed) {
    const size_t width = of->columns < HESSIAN_PANEL ? (size_t)of->columns : HESSIAN_PANEL;
    const uint64_t rows = of->columns + HESSIAN_GROUP;
    factoring job = {.of = of, .kernel = kernel, .threads = threads < 1 ? 1 : threads > THREADS_MAX ? THREADS_MAX : threads};
    job.panel.factors = slmi_allocate(&of->allocator, rows, width * sizeof(double));
    job.panel.values = slmi_allocate(&of->allocator, rows, width * sizeof(double));
    job.triangle = slmi_allocate(&of->allocator, width, HESSIAN_PANEL * sizeof(double));
    job.panel.triangle = job.triangle;
    const slm_status status = job.panel.factors != NULL && job.panel.values != NULL && job.triangle != NULL ? SLM_OK : SLM_E_MEMORY;
    *failed = status == SLM_OK ? factor(&job, least) : of->columns;
    slmi_free(&of->allocator, job.panel.factors);
    slmi_free(&of->allocator, job.panel.values);
    slmi_free(&of->allocator, job.triangle);
    return status;
}

const hessian_kernel *slmi_hessian_kernel_choose(const char *name) {
    const hessian_kernel *found = NULL, *kernel;
    const char *last = name != NULL && strcmp(name, "neon") == 0 ? "scalar" : name; /* none is written for NEON */
    for (size_t i = 0; (kernel = slmi_hessian_kernel_by_index(i)) != NULL; i++) {
        if (kernel->usable())
            found = kernel;
        if (last != NULL && strcmp(last, kernel->name) == 0)
            return found;
    }
    return last != NULL ? NULL : found;
}
