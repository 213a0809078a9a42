/* The lists of the cells: one scan of all seeds serves a few cells; threads share the cells of a level. */
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "../container/alloc.h"
#include "block_cells.h"

#define SINE_LEAST 0.1F /* seeds nearer to c have G = 0: their direction would be mostly rounding */
#define BUCKETS 512     /* of residuals: the order within one does not matter */

typedef struct list_job {
    block_cells *cells;
    unsigned level;
    pthread_mutex_t lock;
    unsigned next; /* cell to be taken */
    slm_status status;
} list_job;

/* One thread's working memory. */
typedef struct list_work {
    uint64_t *found;  /* SCAN_BLOCKS x all seeds */
    uint64_t *sorted; /* all seeds */
} list_work;

static float residual_of(uint64_t found) {
    const uint32_t bits = (uint32_t)(found >> 32);
    float residual;
    memcpy(&residual, &bits, sizeof residual);
    return residual;
}

static size_t bucket_of(uint64_t found, float limit) {
    const float place = residual_of(found) / limit * (BUCKETS - 1);
    return place < BUCKETS - 1 ? (size_t)place : BUCKETS - 1;
}

/* Seeds that are ones, in the order of their residuals' buckets. */
static size_t sort_found(const seed_tables *tables, const uint64_t *found, size_t count, float limit, uint64_t *sorted) {
    size_t next[BUCKETS + 1] = {0};
    for (size_t i = 0; i < count; i++) {
        const uint32_t seed = (uint32_t)found[i];
        if (seed != 0 && seed >> tables->profile.K == 0) {
            next[bucket_of(found[i], limit) + 1]++;
        }
    }
    for (size_t b = 0; b < BUCKETS; b++) {
        next[b + 1] += next[b];
    }
    const size_t kept = next[BUCKETS];
    for (size_t i = 0; i < count; i++) {
        const uint32_t seed = (uint32_t)found[i];
        if (seed != 0 && seed >> tables->profile.K == 0) {
            sorted[next[bucket_of(found[i], limit)]++] = found[i];
        }
    }
    return kept;
}

static slm_status make_list(list_job *job, unsigned cell, const uint64_t *found, size_t count, float limit, uint64_t *sorted) {
    const block_cells *cells = job->cells;
    const seed_tables *tables = cells->tables;
    double exact[2 * FILTER_PAIRS_MAX];
    cell_list list = {.cut = cells->levels[job->level].cut};
    const double length = slmi_block_cells_direction(cells, job->level, cell, exact);
    /* A basis B wrong by `drift` puts no more than 3 drift of c on the wrong side (B E^T c, E B^T c and less), and sums in float 1e-5. */
    filter_rows how = {.pairs = cells->pairs, .least = SINE_LEAST, .wrong = (float)(length * (3 * tables->drift + 1e-5))};
    for (unsigned c = 0; c < tables->shape.rows; c++) {
        how.direction[c] = (float)exact[c];
    }
    count = sort_found(tables, found, count, limit, sorted);
    list.groups = (count + FILTER_GROUP - 1) / FILTER_GROUP;
    const size_t row_bytes = list.groups * cells->pairs * 2 * FILTER_GROUP;
    (void)pthread_mutex_lock(&job->lock); /* an allocator serves one thread at a time */
    list.rows = slmi_allocate(&cells->allocator, row_bytes + 1, 1);
    list.seeds = slmi_allocate(&cells->allocator, list.groups * FILTER_GROUP + SEEDS_READ, sizeof *list.seeds);
    list.starts = slmi_allocate(&cells->allocator, list.groups + 1, sizeof *list.starts);
    if (list.rows == NULL || list.seeds == NULL || list.starts == NULL) {
        slmi_free(&cells->allocator, list.rows);
        slmi_free(&cells->allocator, list.seeds);
        slmi_free(&cells->allocator, list.starts);
        (void)pthread_mutex_unlock(&job->lock);
        return SLM_E_MEMORY;
    }
    (void)pthread_mutex_unlock(&job->lock);
    memset(list.rows, FILTER_OFFSET, row_bytes);
    memset(list.seeds, 0, (list.groups * FILTER_GROUP + SEEDS_READ) * sizeof *list.seeds);
    filter_bounds bounds = {0, 0};
    cells->filter->rows(tables->integers, tables->residual, &how, sorted, count, list.rows, &bounds);
    list.norm = (double)bounds.norm * (1 + 1e-5);
    list.skew = (double)bounds.skew * (1 + 1e-5);
    float least = INFINITY;
    for (size_t i = count; i-- > 0;) {
        list.seeds[i] = (uint16_t)sorted[i];
        const float residual = residual_of(sorted[i]) - tables->margin;
        least = residual < least ? residual : least;
        list.starts[i / FILTER_GROUP] = least;
    }
    cells->levels[job->level].lists[cell] = list;
    return SLM_OK;
}

/* The lists of SCAN_BLOCKS cells from `first` on. */
static slm_status make_lists(list_job *job, unsigned first, const list_work *work) {
    const block_cells *cells = job->cells;
    const seed_tables *tables = cells->tables;
    const cell_level *level = &cells->levels[job->level];
    const unsigned rows = tables->shape.rows;
    const size_t seeds = (size_t)tables->groups * SCAN_LANES;
    float targets[SCAN_BLOCKS * 2 * FILTER_PAIRS_MAX] = {0};
    float limits[SCAN_BLOCKS];
    uint32_t counts[SCAN_BLOCKS] = {0};
    const float limit = nextafterf((float)(level->cut + (double)tables->margin), INFINITY);
    slm_status status = SLM_OK;
    for (unsigned b = 0; b < SCAN_BLOCKS; b++) {
        limits[b] = -1;
        if (first + b < level->count) {
            double exact[2 * FILTER_PAIRS_MAX];
            const double length = slmi_block_cells_direction(cells, job->level, first + b, exact);
            for (unsigned c = 0; length > 0 && c < rows; c++) {
                targets[b * rows + c] = (float)(exact[c] / length);
            }
            limits[b] = length > 0 ? limit : -1;
        }
    }
    const block_scan scan = {tables->shape, tables->basis, tables->groups, 0, targets, limits, SCAN_BLOCKS, work->found, seeds, counts};
    cells->scan->run(&scan);
    for (unsigned b = 0; b < SCAN_BLOCKS && status == SLM_OK; b++) {
        if (limits[b] >= 0) {
            status = make_list(job, first + b, work->found + b * seeds, counts[b], limit, work->sorted);
        }
    }
    return status;
}

static void *work_on_lists(void *argument) {
    list_job *job = argument;
    const block_cells *cells = job->cells;
    const uint64_t seeds = (uint64_t)cells->tables->groups * SCAN_LANES;
    (void)pthread_mutex_lock(&job->lock);
    const list_work work = {slmi_allocate(&cells->allocator, seeds * SCAN_BLOCKS, sizeof(uint64_t)),
                            slmi_allocate(&cells->allocator, seeds, sizeof(uint64_t))};
    if (work.found == NULL || work.sorted == NULL) {
        job->status = SLM_E_MEMORY;
    }
    while (job->status == SLM_OK && job->next < cells->levels[job->level].count) {
        const unsigned first = job->next;
        job->next += SCAN_BLOCKS;
        (void)pthread_mutex_unlock(&job->lock);
        const slm_status status = make_lists(job, first, &work);
        (void)pthread_mutex_lock(&job->lock);
        if (status != SLM_OK) {
            job->status = status;
        }
    }
    slmi_free(&cells->allocator, work.found);
    slmi_free(&cells->allocator, work.sorted);
    (void)pthread_mutex_unlock(&job->lock);
    return NULL;
}

#define THREADS_MAX 64

slm_status slmi_block_cells_make(block_cells *cells, unsigned level, unsigned threads) {
    list_job job = {.cells = cells, .level = level, .status = SLM_OK};
    pthread_t handles[THREADS_MAX];
    unsigned started = 0;
    if (cells->levels[level].ready) {
        return SLM_OK;
    }
    if (cells->levels[level].count == 0) {
        return SLM_E_MEMORY;
    }
    if (pthread_mutex_init(&job.lock, NULL) != 0) {
        return SLM_E_MEMORY;
    }
    while (started + 1 < threads && started < THREADS_MAX && pthread_create(&handles[started], NULL, work_on_lists, &job) == 0) {
        started++; /* where no more threads are to be had, fewer do the same */
    }
    (void)work_on_lists(&job);
    while (started > 0) {
        (void)pthread_join(handles[--started], NULL);
    }
    (void)pthread_mutex_destroy(&job.lock);
    cells->levels[level].ready = job.status == SLM_OK;
    return job.status;
}
