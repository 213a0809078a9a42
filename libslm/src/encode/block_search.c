/* Block coding's search: most blocks by cells (block_near.c), the others by a dense scan of all seeds by their least-squares residual, then
 * a closer look at those that can still win.
 *
 * With U = Q R, |x - 2^e U q|^2 = residual(s) + |Q^T x - 2^e R q|^2, whatever e and q, so a seed whose residual is above the best error
 * so far cannot win. The scan computes residuals in float for unit vectors x / |x| and keeps a seed unless its residual is above the
 * best error by more than the float arithmetic can err (slmi_scan_margin()); decisions among those kept are made in double
 * (block_candidate.c).
 */
#include "block_search.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

#include "../container/alloc.h"
#include "block_candidate.h"
#include "block_near.h"
#include "block_scan.h"
#include "block_tables.h"

#define FIRST_TILE_GROUPS 16 /* the first tile is small: it finds the error that prunes the others */
#define TILE_GROUPS 128
#define FRESH_TILE_GROUPS 16 /* tiles made on the fly */
#define BATCH 264            /* blocks a scan, tables ready */
#define FRESH_BATCH 4104     /* the same, tables made on the fly */
#define PIECE_MAX 16384      /* blocks a call, so that the blocks of a cell come together */
#define PIECES 16            /* of a tensor, for the threads */
/* A weighted search makes a basis for each place that blocks begin at: many blocks should share it. */
#define WEIGHTED_PIECE_MAX 131072
#define WEIGHTED_PIECES 4

/* Blocks from which a level's lists are worth making. */
static const uint64_t worth[CELL_LEVELS] = {4000, 40000};
#define CELLS_SEED_BITS 12 /* with fewer seeds the dense scan is fast enough */
#define CELLS_ROWS 4

struct block_search {
    slm_allocator allocator;
    slm_profile profile;
    slm_search mode;
    const block_scan_kernel *kernel;
    const block_filter_kernel *filter;
    scan_shape shape;
    uint32_t groups; /* of all seeds */
    float margin;
    seed_tables tables; /* without a basis where it is made on the fly */
    pthread_mutex_t lock;
    uint64_t blocks; /* asked for so far */
    int level;       /* the finest whose lists are made, or -1 */
    bool without_cells;
    block_cells cells;
};

struct block_scratch {
    slm_allocator allocator;
    size_t batch;
    uint32_t tile_groups;
    const double *roots; /* of the weights of a block's errors, or NULL */
    void *basis_memory;
    float *basis; /* aligned in it: a tile made on the fly */
    float *shortest;
    float *unit; /* batch x rows */
    float *limits;
    uint64_t *found;
    uint32_t *counts;
    double *lengths;
    double *floors;
    best_candidate *best;
    size_t *blocks; /* their numbers in the caller's array */
    bool has_near;
    near_scratch near;
    near_counts near_counts;
    best_candidate *near_best; /* NEAR_BLOCKS */
};

/* Memory for a basis, to be freed, and the basis in it at a multiple of 64 bytes. */
static void *allocate_basis(const slm_allocator *allocator, uint64_t floats, float **basis) {
    unsigned char *memory = slmi_allocate(allocator, floats * sizeof(float) + 63, 1);
    if (memory != NULL) {
        *basis = (float *)(void *)(memory + (64 - (uintptr_t)memory % 64) % 64);
    }
    return memory;
}

slm_status slmi_block_search_create(block_search **search, const slm_profile *profile, unsigned rows, slm_search mode, const char *kernel,
                                    const slm_allocator *allocator) {
    const block_scan_kernel *scan = slmi_block_scan_find(kernel);
    if (scan == NULL) {
        return SLM_E_ARGUMENT;
    }
    const slm_allocator chosen = slmi_allocator(allocator);
    block_search *made = slmi_allocate_zeroed(&chosen, 1, sizeof *made);
    if (made == NULL || pthread_mutex_init(&made->lock, NULL) != 0) {
        slmi_free(&chosen, made);
        return SLM_E_MEMORY;
    }
    made->allocator = chosen;
    made->profile = *profile;
    made->mode = mode;
    made->kernel = scan;
    made->filter = scan->filter;
    made->level = -1;
    made->shape = slmi_scan_shape_of(profile, rows);
    made->groups = ((UINT32_C(1) << profile->K) + SCAN_LANES - 1) / SCAN_LANES;
    made->margin = slmi_scan_margin(made->shape);
    made->without_cells = true;
    if (slmi_seed_tables_fit(profile, rows)) {
        const slm_status status = slmi_seed_tables_create(&made->tables, profile, rows, &chosen);
        if (status != SLM_OK) {
            slmi_block_search_free(made);
            return status;
        }
        made->without_cells =
            rows != profile->C || rows < CELLS_ROWS || profile->K < CELLS_SEED_BITS || !slmi_seed_tables_completable(&made->tables);
    }
    *search = made;
    return SLM_OK;
}

void slmi_block_search_free(block_search *search) {
    if (search != NULL) {
        const slm_allocator allocator = search->allocator;
        slmi_block_cells_free(&search->cells);
        slmi_seed_tables_free(&search->tables, &allocator);
        (void)pthread_mutex_destroy(&search->lock);
        slmi_free(&allocator, search);
    }
}

/* The relative error to expect: that of a Gaussian source at the records' rate, by a factor these codes were seen to lose. */
static double expected_error(const slm_profile *profile) {
    const double error = 1.8 * exp2(-(double)slm_profile_record_bits(profile) / profile->C);
    return error < 0.5 ? error : 0.5;
}

void slmi_block_search_prepare(block_search *search, uint64_t blocks, unsigned threads) {
    (void)pthread_mutex_lock(&search->lock);
    search->blocks += blocks;
    while (!search->without_cells && search->level + 1 < CELL_LEVELS && search->blocks >= worth[search->level + 1]) {
        slm_status status = SLM_OK;
        if (search->level < 0) {
            status = slmi_seed_tables_complete(&search->tables, &search->allocator);
            if (status == SLM_OK) {
                status = slmi_block_cells_create(&search->cells, &search->tables, search->kernel, search->filter,
                                                 expected_error(&search->profile), &search->allocator);
            }
        }
        if (status == SLM_OK) {
            status = slmi_block_cells_make(&search->cells, (unsigned)(search->level + 1), threads);
        }
        if (status == SLM_OK) {
            search->level++;
        } else {
            search->without_cells = true; /* no memory: what there is has to do */
        }
    }
    (void)pthread_mutex_unlock(&search->lock);
}

const char *slmi_block_search_kernel(const block_search *search) { return search->kernel->name; }

unsigned slmi_block_search_rows(const block_search *search) { return search->shape.rows; }

size_t slmi_block_search_piece(const block_search *search, uint64_t blocks, bool weighted) {
    if (weighted) {
        const uint64_t part = blocks / WEIGHTED_PIECES / 8 * 8;
        return part < 4 * BATCH ? 4 * BATCH : part < WEIGHTED_PIECE_MAX ? (size_t)part : WEIGHTED_PIECE_MAX;
    }
    if (search->tables.basis == NULL) {
        return FRESH_BATCH;
    }
    const uint64_t part = blocks / PIECES / 8 * 8;
    return part < 4 * BATCH ? 4 * BATCH : part < PIECE_MAX ? (size_t)part : PIECE_MAX;
}

slm_status slmi_block_scratch_create(block_scratch **scratch, block_search *search, bool weighted, const slm_allocator *allocator) {
    const bool fresh = weighted || search->tables.basis == NULL;
    const slm_allocator chosen = slmi_allocator(allocator);
    block_scratch *made = slmi_allocate_zeroed(&chosen, 1, sizeof *made);
    if (made == NULL) {
        return SLM_E_MEMORY;
    }
    made->allocator = chosen;
    made->batch = fresh ? FRESH_BATCH : BATCH;
    made->tile_groups = fresh ? FRESH_TILE_GROUPS : TILE_GROUPS;
    const size_t rows = search->shape.rows;
    const size_t batch = made->batch;
    int complete = 1;
    if (fresh) {
        const size_t seeds = (size_t)made->tile_groups * SCAN_LANES;
        made->basis_memory = allocate_basis(&chosen, seeds * rows * search->shape.columns, &made->basis);
        made->shortest = slmi_allocate(&chosen, seeds, sizeof(float));
        complete = made->basis_memory != NULL && made->shortest != NULL;
    }
    made->unit = slmi_allocate(&chosen, batch * rows, sizeof *made->unit);
    made->limits = slmi_allocate(&chosen, batch, sizeof *made->limits);
    made->found = slmi_allocate(&chosen, batch * made->tile_groups * SCAN_LANES, sizeof *made->found);
    made->counts = slmi_allocate(&chosen, batch, sizeof *made->counts);
    made->lengths = slmi_allocate(&chosen, batch, sizeof *made->lengths);
    made->floors = slmi_allocate(&chosen, batch, sizeof *made->floors);
    made->best = slmi_allocate(&chosen, batch, sizeof *made->best);
    (void)pthread_mutex_lock(&search->lock);
    const int level = search->level;
    (void)pthread_mutex_unlock(&search->lock);
    if (level >= 0 && !weighted) {
        made->near_best = slmi_allocate(&chosen, NEAR_BLOCKS, sizeof *made->near_best);
        made->has_near = slmi_near_scratch_create(&made->near, &search->cells, (unsigned)level, &chosen) == SLM_OK;
        complete = complete && made->near_best != NULL && made->has_near;
    }
    made->blocks = slmi_allocate(&chosen, batch, sizeof *made->blocks);
    if (!complete || made->unit == NULL || made->limits == NULL || made->found == NULL || made->counts == NULL || made->lengths == NULL ||
        made->floors == NULL || made->best == NULL || made->blocks == NULL) {
        slmi_block_scratch_free(made);
        return SLM_E_MEMORY;
    }
    *scratch = made;
    return SLM_OK;
}

void slmi_block_scratch_free(block_scratch *scratch) {
    if (scratch != NULL) {
        const slm_allocator allocator = scratch->allocator;
        slmi_free(&allocator, scratch->basis_memory);
        slmi_free(&allocator, scratch->shortest);
        slmi_free(&allocator, scratch->unit);
        slmi_free(&allocator, scratch->limits);
        slmi_free(&allocator, scratch->found);
        slmi_free(&allocator, scratch->counts);
        slmi_free(&allocator, scratch->lengths);
        slmi_free(&allocator, scratch->floors);
        slmi_free(&allocator, scratch->best);
        slmi_free(&allocator, scratch->blocks);
        slmi_free(&allocator, scratch->near_best);
        if (scratch->has_near) {
            slmi_near_scratch_free(&scratch->near);
        }
        slmi_free(&allocator, scratch);
    }
}

const near_counts *slmi_block_scratch_counts(const block_scratch *scratch) { return &scratch->near_counts; }

void slmi_block_scratch_weigh(block_scratch *scratch, const double *roots) { scratch->roots = roots; }

/* Whether no seed above `seed` can beat or tie: the best possible error is reached, and a tie goes to the smaller seed. */
static int is_settled(const block_search *search, const best_candidate *best, double floor, uint32_t seed) {
    return best->error <= floor && (best->key >> (search->profile.E + search->profile.P * search->profile.B)) <= seed;
}

/* Residuals of unit vectors above this cannot win. */
static float limit_of(const block_search *search, const best_candidate *best, double length) {
    const double limit = best->error / (length * length) * (1 + 1e-9) + search->margin;
    return limit < 4 ? nextafterf((float)limit, INFINITY) : 4;
}

static void examine(const block_search *search, const double *roots, const double *target, double length, uint32_t seed,
                    best_candidate *best) {
    seed_lattice lattice;
    slmi_seed_lattice_make(&lattice, &search->profile, search->shape.rows, roots, seed);
    /* The paper's candidate is a good first one for the exact search too. */
    slmi_candidate_search_paper(&search->profile, &lattice, seed, target, best);
    if (search->mode == SLM_SEARCH_EXACT) {
        slmi_candidate_search_exact(&search->profile, &lattice, seed, target, length, best);
    }
}

static void sink(uint64_t *heap, uint32_t count, uint32_t i) {
    const uint64_t moved = heap[i];
    for (uint32_t child; (child = 2 * i + 1) < count; i = child) {
        if (child + 1 < count && heap[child + 1] < heap[child]) {
            child++;
        }
        if (heap[child] >= moved) {
            break;
        }
        heap[i] = heap[child];
    }
    heap[i] = moved;
}

/* Looks at the seeds a tile's scan has left for one block, the smallest residual first. */
static uint64_t examine_found(const block_search *search, block_scratch *scratch, size_t b, const double *target, const float *shortest,
                              uint32_t first_seed) {
    uint64_t *heap = scratch->found + b * (size_t)scratch->tile_groups * SCAN_LANES;
    uint32_t count = scratch->counts[b];
    best_candidate *best = &scratch->best[b];
    const double length = scratch->lengths[b];
    uint64_t examined = 0;
    for (uint32_t i = count / 2; i-- > 0;) {
        sink(heap, count, i);
    }
    float limit = limit_of(search, best, length);
    while (count > 0) {
        const uint32_t seed = (uint32_t)heap[0];
        const uint32_t bits = (uint32_t)(heap[0] >> 32);
        float residual;
        memcpy(&residual, &bits, sizeof residual);
        if (residual > limit) {
            break;
        }
        heap[0] = heap[--count];
        sink(heap, count, 0);
        if (seed <= 1 || seed >> search->profile.K != 0 || is_settled(search, best, scratch->floors[b], seed)) {
            continue; /* seed 1 was the first of all */
        }
        /* Where every nonzero vector of the seed is longer than twice the target, 0 is the best it has: no better than that of seed 1. */
        if (search->mode == SLM_SEARCH_EXACT && shortest[seed - first_seed] > 2 * length * (1 + 1e-6)) {
            continue;
        }
        examine(search, scratch->roots, target, length, seed, best);
        examined++;
        limit = limit_of(search, best, length);
    }
    return examined;
}

static uint64_t search_batch(const block_search *search, block_scratch *scratch, const double *targets, size_t count) {
    const unsigned rows = search->shape.rows;
    uint64_t examined = 0;
    block_scan scan = {.shape = search->shape,
                       .targets = scratch->unit,
                       .limits = scratch->limits,
                       .blocks = (count + SCAN_BLOCKS - 1) / SCAN_BLOCKS * SCAN_BLOCKS,
                       .found = scratch->found,
                       .capacity = (size_t)scratch->tile_groups * SCAN_LANES,
                       .counts = scratch->counts};
    for (size_t b = 0; b < scan.blocks; b++) {
        for (unsigned c = 0; c < rows; c++) {
            scratch->unit[b * rows + c] = b < count ? (float)(targets[scratch->blocks[b] * rows + c] / scratch->lengths[b]) : 0;
        }
    }
    for (uint32_t group = 0; group < search->groups;) {
        uint32_t tile = group == 0 && scratch->tile_groups > FIRST_TILE_GROUPS ? FIRST_TILE_GROUPS : scratch->tile_groups;
        if (tile > search->groups - group) {
            tile = search->groups - group;
        }
        const float *shortest;
        scan.first_seed = group * SCAN_LANES;
        scan.groups = tile;
        if (search->tables.basis != NULL && scratch->roots == NULL) {
            scan.basis = search->tables.basis + (size_t)scan.first_seed * rows * search->shape.columns;
            shortest = search->tables.shortest + scan.first_seed;
        } else {
            slmi_scan_basis_fill(&search->profile, search->shape, scratch->roots, scan.first_seed, tile, scratch->basis, scratch->shortest);
            scan.basis = scratch->basis;
            shortest = scratch->shortest;
        }
        for (size_t b = 0; b < scan.blocks; b++) {
            scratch->counts[b] = 0;
            scratch->limits[b] = -1;
            if (b < count && !is_settled(search, &scratch->best[b], scratch->floors[b], scan.first_seed)) {
                scratch->limits[b] = limit_of(search, &scratch->best[b], scratch->lengths[b]);
            }
        }
        search->kernel->run(&scan);
        for (size_t b = 0; b < count; b++) {
            examined += examine_found(search, scratch, b, targets + scratch->blocks[b] * rows, shortest, scan.first_seed);
        }
        group += tile;
    }
    return examined;
}

/* Gives a block's result to the caller. */
static void deliver(const block_search *search, size_t block, const best_candidate *best, uint64_t *records, double *errors) {
    records[block] = slmi_candidate_record(&search->profile, best->key);
    if (errors != NULL) {
        errors[block] = best->error;
    }
}

/* The blocks that lie waiting in the scratch. */
static uint64_t search_waiting(const block_search *search, block_scratch *scratch, const double *targets, size_t waiting, uint64_t *records,
                               double *errors) {
    const uint64_t examined = waiting > 0 ? search_batch(search, scratch, targets, waiting) : 0;
    for (size_t b = 0; b < waiting; b++) {
        deliver(search, scratch->blocks[b], &scratch->best[b], records, errors);
    }
    return examined;
}

uint64_t slmi_block_search_run(const block_search *search, block_scratch *scratch, const double *targets, size_t count, uint64_t *records,
                               double *errors) {
    const unsigned rows = search->shape.rows;
    uint64_t examined = 0;
    size_t waiting = 0;
    for (size_t i = 0; i < count; i++) {
        const double *target = targets + i * rows;
        if (scratch->has_near) {
            if (i % NEAR_BLOCKS == 0) {
                const uint64_t before = scratch->near_counts.examined;
                slmi_near_search(&search->cells, &scratch->near, search->mode, target, count - i < NEAR_BLOCKS ? count - i : NEAR_BLOCKS,
                                 scratch->near_best, &scratch->near_counts);
                examined += scratch->near_counts.examined - before;
            }
            if (scratch->near_best[i % NEAR_BLOCKS].error < INFINITY) {
                deliver(search, i, &scratch->near_best[i % NEAR_BLOCKS], records, errors);
                continue;
            }
        }
        best_candidate best = {INFINITY, 0};
        double square = 0;
        for (unsigned c = 0; c < rows; c++) {
            square += target[c] * target[c];
        }
        const double length = sqrt(square);
        const double floor =
            scratch->roots == NULL ? slmi_candidate_floor(target, rows) : 0; /* T is an integer; times a root it is any number */
        examine(search, scratch->roots, target, length, 1, &best);
        examined++;
        if (is_settled(search, &best, floor, 1)) { /* such as a block of zeros */
            deliver(search, i, &best, records, errors);
            continue;
        }
        scratch->blocks[waiting] = i;
        scratch->lengths[waiting] = length;
        scratch->floors[waiting] = floor;
        scratch->best[waiting++] = best;
        if (waiting == scratch->batch) {
            examined += search_waiting(search, scratch, targets, waiting, records, errors);
            waiting = 0;
        }
    }
    return examined + search_waiting(search, scratch, targets, waiting, records, errors);
}
