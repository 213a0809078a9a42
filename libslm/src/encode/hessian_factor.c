/* hessian_factor.c: H = U D U^T, from the last column to the first, by panels so that what is read stays in the cache.
 *
 * Whatever the panels and threads, an element's products are subtracted one by one, those of the last column first: the same sums in the
 * same order, hence the same bits.
 */
#include <pthread.h>
#include <string.h>

#include "../container/alloc.h"
#include "hessian.h"

#define PANEL 64u  /* columns done together */
#define CHUNK 512u /* elements of a row that stay in the cache while all of a panel is subtracted */
#define STRIPE 8u  /* rows a thread takes at a time */
#define THREADS_MAX 256u

typedef struct factoring {
    slm_hessian *of;
    unsigned threads;
    uint64_t first, last; /* the panel: columns [first, last) */
    double *panel;        /* its U, [last - first][columns], each column of U by row */
    double *times;        /* and U times D */
    bool subtract;        /* which of the two parts is under way */
} factoring;

typedef struct share {
    factoring *job;
    unsigned number;
} share;

/* U of row i in the panel's columns from `from` on, which are those after the diagonal. */
static void finish_row(const factoring *job, uint64_t i) {
    double *row = hessian_row(job->of, i);
    const uint64_t from = i + 1 > job->first ? i + 1 : job->first;
    const uint64_t begin = i > job->first ? i : job->first;
    for (uint64_t j = job->last; j-- > from;) {
        const double value = row[j];
        const double u = value / job->of->pivots[j];
        for (uint64_t k = begin; k < j; k++)
            row[k] -= value * (k == i ? u : hessian_row(job->of, k)[j]);
        row[j] = u;
        job->panel[(j - job->first) * job->of->columns + i] = u;
        job->times[(j - job->first) * job->of->columns + i] = value;
    }
}

/* Takes the panel's columns off row i of what is before them. */
static void subtract_row(const factoring *job, uint64_t i) {
    double *row = hessian_row(job->of, i);
    const uint64_t columns = job->of->columns;
    for (uint64_t begin = i; begin < job->first; begin += CHUNK) {
        const uint64_t end = job->first - begin < CHUNK ? job->first : begin + CHUNK;
        uint64_t j = job->last - job->first;
        for (; j >= 4; j -= 4) {
            const double *a = job->panel + (j - 1) * columns, *b = a - columns, *c = b - columns, *d = c - columns;
            const double *times = job->times + i;
            const double ta = times[(j - 1) * columns], tb = times[(j - 2) * columns], tc = times[(j - 3) * columns],
                         td = times[(j - 4) * columns];
            for (uint64_t k = begin; k < end; k++)
                row[k] = row[k] - ta * a[k] - tb * b[k] - tc * c[k] - td * d[k];
        }
        for (; j > 0; j--) {
            const double *a = job->panel + (j - 1) * columns;
            const double ta = job->times[(j - 1) * columns + i];
            for (uint64_t k = begin; k < end; k++)
                row[k] -= ta * a[k];
        }
    }
}

static void *work(void *argument) {
    const share *own = argument;
    const factoring *job = own->job;
    for (uint64_t stripe = (uint64_t)own->number * STRIPE; stripe < job->first; stripe += (uint64_t)job->threads * STRIPE)
        for (uint64_t i = stripe; i < stripe + STRIPE && i < job->first; i++)
            (job->subtract ? subtract_row : finish_row)(job, i);
    return NULL;
}

/* One part for all rows before the panel. */
static void run_part(factoring *job, bool subtract) {
    pthread_t handles[THREADS_MAX];
    share shares[THREADS_MAX];
    bool started[THREADS_MAX] = {false};
    job->subtract = subtract;
    for (unsigned t = 0; t < job->threads; t++) {
        shares[t] = (share){job, t};
        started[t] = t > 0 && (uint64_t)t * STRIPE < job->first && pthread_create(&handles[t], NULL, work, &shares[t]) == 0;
    }
    for (unsigned t = 0; t < job->threads; t++)
        if (!started[t]) /* the first one's share, and what no thread was to be had for */
            (void)work(&shares[t]);
    for (unsigned t = 1; t < job->threads; t++)
        if (started[t])
            (void)pthread_join(handles[t], NULL);
}

slm_status slmi_hessian_factor(slm_hessian *of, double least, unsigned threads, uint64_t *failed) {
    const uint64_t n = of->columns, width = n < PANEL ? n : PANEL;
    factoring job = {.of = of, .last = n, .threads = threads < 1 ? 1 : threads > THREADS_MAX ? THREADS_MAX : threads};
    job.panel = slmi_allocate(&of->allocator, n, (size_t)width * sizeof(double));
    job.times = slmi_allocate(&of->allocator, n, (size_t)width * sizeof(double));
    *failed = n;
    const slm_status status = job.panel != NULL && job.times != NULL ? SLM_OK : SLM_E_MEMORY;
    while (status == SLM_OK && job.last > 0 && *failed == n) {
        job.first = job.last - (job.last < width ? job.last : width);
        for (uint64_t i = job.last; i-- > job.first && *failed == n;) { /* rows of the panel itself, each of which needs those after it */
            finish_row(&job, i);
            of->pivots[i] = hessian_row(of, i)[i];
            if (!(of->pivots[i] >= least))
                *failed = i;
        }
        if (*failed == n) {
            run_part(&job, false);
            run_part(&job, true);
        }
        job.last = job.first;
    }
    slmi_free(&of->allocator, job.panel);
    slmi_free(&of->allocator, job.times);
    return status;
}
