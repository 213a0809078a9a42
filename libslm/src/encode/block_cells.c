/* Cells of directions: a codebook of two levels, and lists of seeds made by scanning all of them once a cell.
 *
 * For a block x and a seed with subspace S, angle(x, S) >= angle(c, S) - angle(x, c). So a block of c's cell whose error is to be at most
 * rho |x| needs the seeds with angle(c, S) <= angle(x, c) + asin(rho) alone: a first part of the list. Of these most are dismissed by one
 * product: for any G, |<x, G>| <= rho |x| |G| + |x| |part of G inside S|, and G lies along c's part beside S, so that the last term is
 * rounding only. What x lacks of the best is in directions the cells know nothing of, so that G must be good, not exact.
 */
#include "block_cells.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../container/alloc.h"

#define COARSE_CELLS 64
#define PARTS_MAX 32
#define SAMPLES_A_CELL 16
#define ROUNDS 4 /* of Lloyd's iteration */
#define FINE_SHARE 0.985
#define LIST_BYTES_MAX ((double)(224 << 20)) /* of all lists of a level */

/* A direction of no particular distribution but near to uniform: sums of eight bytes for Gaussians. splitmix64. */
static void draw_direction(uint64_t *state, unsigned rows, float *x) {
    float square = 0;
    while (!(square > 0)) {
        square = 0;
        for (unsigned c = 0; c < rows; c++) {
            uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
            z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
            z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
            z ^= z >> 31;
            int sum = 0;
            for (unsigned i = 0; i < 8; i++) {
                sum += (int)(z >> (8 * i) & 0xff);
            }
            x[c] = (float)sum - 1020;
            square += x[c] * x[c];
        }
    }
    const float shrink = 1 / sqrtf(square);
    for (unsigned c = 0; c < rows; c++) {
        x[c] *= shrink;
    }
}

static float *direction_at(float *directions, unsigned rows, unsigned i) {
    return directions + (size_t)(i / DIRECTION_GROUP) * rows * DIRECTION_GROUP + i % DIRECTION_GROUP;
}

#define DIRECTIONS_MAX 64 /* cells of level 0, parts of one */
#define PROBES 4          /* cells of level 0 in whose parts a block's cell is looked for */

/* The number of the largest of up to 64 products >= 0 whose last bits do not matter: their order as integers is that of the floats. */
static unsigned largest_of(const float *products, unsigned count) {
    int32_t largest = 0;
    for (unsigned i = 0; i < count; i++) {
        int32_t bits;
        memcpy(&bits, &products[i], sizeof bits);
        bits = (bits & ~(DIRECTIONS_MAX - 1)) | (int32_t)i;
        largest = bits > largest ? bits : largest;
    }
    return (unsigned)largest & (DIRECTIONS_MAX - 1);
}

static unsigned nearest_of(const block_filter_kernel *kernel, const float *directions, unsigned count, unsigned rows, const float *x) {
    float products[DIRECTIONS_MAX];
    kernel->products(directions, count / DIRECTION_GROUP, rows, x, products);
    return largest_of(products, count);
}

/* Lloyd's iteration on `count` directions for samples of unit length, directions of opposite sign being the same. assigned: of each sample.
 */
static void refine(const block_filter_kernel *kernel, float *directions, unsigned count, unsigned rows, const float *samples,
                   size_t sample_count, unsigned *assigned) {
    float sums[COARSE_CELLS][2 * FILTER_PAIRS_MAX];
    for (unsigned i = 0; i < count && i < sample_count; i++) {
        for (unsigned c = 0; c < rows; c++) {
            direction_at(directions, rows, i)[c * DIRECTION_GROUP] = samples[i * rows + c];
        }
    }
    for (unsigned round = 0;; round++) {
        memset(sums, 0, sizeof sums);
        for (size_t s = 0; s < sample_count; s++) {
            const float *x = samples + s * rows;
            const unsigned i = nearest_of(kernel, directions, count, rows, x);
            const float *direction = direction_at(directions, rows, i);
            float product = 0;
            assigned[s] = i;
            for (unsigned c = 0; c < rows; c++) {
                product += direction[c * DIRECTION_GROUP] * x[c];
            }
            for (unsigned c = 0; c < rows; c++) {
                sums[i][c] += product < 0 ? -x[c] : x[c];
            }
        }
        if (round == ROUNDS) {
            return;
        }
        for (unsigned i = 0; i < count; i++) {
            float square = 0;
            for (unsigned c = 0; c < rows; c++) {
                square += sums[i][c] * sums[i][c];
            }
            for (unsigned c = 0; square > 0 && c < rows; c++) {
                direction_at(directions, rows, i)[c * DIRECTION_GROUP] = sums[i][c] / sqrtf(square);
            }
        }
    }
}

static int compare_floats(const void *a, const void *b) {
    const float x = *(const float *)a;
    const float y = *(const float *)b;
    return (x > y) - (x < y);
}

#define TRIALS 4096

/* The squared sine of the angle to its cell's direction that `share` of all directions keep, widened by that of `error`. */
static double cut_of(const block_cells *cells, unsigned level, double share, double error) {
    const unsigned rows = cells->tables->shape.rows;
    uint64_t state = 2;
    float cosines[TRIALS];
    for (unsigned i = 0; i < TRIALS; i++) {
        float x[2 * FILTER_PAIRS_MAX];
        float product = 0;
        draw_direction(&state, rows, x);
        const float *direction = direction_at(cells->levels[level].directions, rows, slmi_block_cells_place(cells, x).cell[level]);
        for (unsigned c = 0; c < rows; c++) {
            product += direction[c * DIRECTION_GROUP] * x[c];
        }
        cosines[i] = fabsf(product);
    }
    qsort(cosines, TRIALS, sizeof *cosines, compare_floats);
    const double cosine = (double)cosines[(size_t)((1 - share) * TRIALS)];
    const double angle = acos(cosine < 1 ? cosine : 1) + asin(error < 1 ? error : 1);
    return angle < 1.57 ? sin(angle) * sin(angle) : 1;
}

typedef struct codebook_work {
    size_t samples;
    float *x;       /* samples x rows */
    float *sorted;  /* the same, a coarse cell's one behind the other */
    unsigned *cell; /* of each sample */
    unsigned *part; /* of each sorted sample */
} codebook_work;

/* The coarse cells, and their parts; sets the levels' cuts. */
static void make_directions(block_cells *cells, const codebook_work *work, double error) {
    const unsigned rows = cells->tables->shape.rows;
    cell_level *coarse = &cells->levels[0];
    cell_level *fine = &cells->levels[1];
    const size_t samples = (size_t)cells->coarse * cells->parts * SAMPLES_A_CELL;
    const size_t few = (size_t)cells->coarse * SAMPLES_A_CELL * 4;
    size_t starts[COARSE_CELLS + 1] = {0};
    memset(fine->directions, 0, sizeof(float) * rows * cells->coarse * cells->parts);
    refine(cells->filter, coarse->directions, cells->coarse, rows, work->x, few, work->cell);
    for (size_t s = 0; s < samples; s++) {
        work->cell[s] = nearest_of(cells->filter, coarse->directions, cells->coarse, rows, work->x + s * rows);
        starts[work->cell[s] + 1]++;
    }
    for (unsigned i = 0; i < cells->coarse; i++) {
        starts[i + 1] += starts[i];
    }
    size_t next[COARSE_CELLS];
    memcpy(next, starts, cells->coarse * sizeof *next);
    for (size_t s = 0; s < samples; s++) {
        memcpy(work->sorted + next[work->cell[s]]++ * rows, work->x + s * rows, sizeof(float) * rows);
    }
    for (unsigned i = 0; i < cells->coarse; i++) {
        float *directions = fine->directions + (size_t)i * cells->parts * rows;
        const size_t count = starts[i + 1] - starts[i];
        refine(cells->filter, directions, cells->parts, rows, work->sorted + starts[i] * rows, count, work->part + starts[i]);
    }
    coarse->cut = cut_of(cells, 0, 0.99, 1.5 * error);
    fine->cut = cut_of(cells, 1, FINE_SHARE, 1.3 * error);
}

/* The share of seeds within the cut of a level's direction, seen on a few. */
static double share_within(const block_cells *cells, float *directions, double cut, uint64_t *found) {
    const unsigned rows = cells->tables->shape.rows;
    float targets[SCAN_BLOCKS * 2 * FILTER_PAIRS_MAX];
    float limits[SCAN_BLOCKS];
    uint32_t counts[SCAN_BLOCKS] = {0};
    double sum = 0;
    for (unsigned b = 0; b < SCAN_BLOCKS; b++) {
        for (unsigned c = 0; c < rows; c++) {
            targets[b * rows + c] = direction_at(directions, rows, b)[c * DIRECTION_GROUP];
        }
        limits[b] = (float)cut;
    }
    const uint32_t groups = cells->tables->groups;
    const block_scan scan = {
        cells->tables->shape, cells->tables->basis, groups, 0, targets, limits, SCAN_BLOCKS, found, (size_t)groups * SCAN_LANES, counts};
    cells->scan->run(&scan);
    for (unsigned b = 0; b < SCAN_BLOCKS; b++) {
        sum += counts[b];
    }
    return sum / SCAN_BLOCKS / ((double)groups * SCAN_LANES);
}

static size_t entry_bytes(const block_cells *cells) { return 2 * (size_t)cells->pairs + sizeof(uint16_t); }

slm_status slmi_block_cells_create(block_cells *cells, const seed_tables *tables, const block_scan_kernel *scan,
                                   const block_filter_kernel *filter, double error, const slm_allocator *allocator) {
    const unsigned rows = tables->shape.rows;
    const size_t samples = (size_t)COARSE_CELLS * PARTS_MAX * SAMPLES_A_CELL;
    const double seeds = (double)tables->groups * SCAN_LANES;
    *cells = (block_cells){
        .allocator = *allocator, .tables = tables, .scan = scan, .filter = filter, .pairs = (rows + 1) / 2, .expected = error * error};
    codebook_work work = {
        .samples = samples,
        .x = slmi_allocate(allocator, samples * rows, sizeof(float)),
        .sorted = slmi_allocate(allocator, samples * rows, sizeof(float)),
        .cell = slmi_allocate(allocator, samples, sizeof(unsigned)),
        .part = slmi_allocate(allocator, samples, sizeof(unsigned)),
    };
    uint64_t *found = slmi_allocate(allocator, SCAN_BLOCKS * (uint64_t)tables->groups * SCAN_LANES, sizeof *found);
    slm_status status = SLM_OK;
    cell_level *levels = cells->levels;
    for (unsigned l = 0; l < CELL_LEVELS; l++) {
        const unsigned most = l == 0 ? COARSE_CELLS : COARSE_CELLS * PARTS_MAX;
        levels[l].directions = slmi_allocate_zeroed(allocator, (uint64_t)most * rows, sizeof(float));
        levels[l].lists = slmi_allocate_zeroed(allocator, most, sizeof(cell_list));
        if (levels[l].directions == NULL || levels[l].lists == NULL) {
            status = SLM_E_MEMORY;
        }
    }
    if (work.x == NULL || work.sorted == NULL || work.cell == NULL || work.part == NULL || found == NULL) {
        status = SLM_E_MEMORY;
    }
    if (status == SLM_OK) {
        uint64_t state = 1;
        for (size_t s = 0; s < samples; s++) {
            draw_direction(&state, rows, work.x + s * rows);
        }
        double bytes;
        cells->coarse = COARSE_CELLS;
        cells->parts = PARTS_MAX;
        for (;;) {
            make_directions(cells, &work, error);
            bytes = share_within(cells, levels[0].directions, levels[1].cut, found) * seeds * (double)entry_bytes(cells) * cells->coarse *
                    cells->parts;
            if (bytes <= LIST_BYTES_MAX || (cells->parts == DIRECTION_GROUP && cells->coarse == DIRECTION_GROUP)) {
                break;
            }
            if (cells->parts > DIRECTION_GROUP) {
                cells->parts -= DIRECTION_GROUP;
            } else {
                cells->coarse /= 2;
            }
        }
        levels[0].count = cells->coarse;
        levels[1].count = bytes <= LIST_BYTES_MAX ? cells->coarse * cells->parts : 0;
    }
    slmi_free(allocator, work.x);
    slmi_free(allocator, work.sorted);
    slmi_free(allocator, work.cell);
    slmi_free(allocator, work.part);
    slmi_free(allocator, found);
    if (status != SLM_OK) {
        slmi_block_cells_free(cells);
    }
    return status;
}

static void free_list(const slm_allocator *allocator, cell_list *list) {
    slmi_free(allocator, list->rows);
    slmi_free(allocator, list->seeds);
    slmi_free(allocator, list->starts);
    *list = (cell_list){0};
}

void slmi_block_cells_free(block_cells *cells) {
    for (unsigned l = 0; l < CELL_LEVELS; l++) {
        cell_level *level = &cells->levels[l];
        for (unsigned i = 0; level->lists != NULL && i < level->count; i++) {
            free_list(&cells->allocator, &level->lists[i]);
        }
        slmi_free(&cells->allocator, level->lists);
        slmi_free(&cells->allocator, level->directions);
        *level = (cell_level){0};
    }
}

cell_place slmi_block_cells_place(const block_cells *cells, const float *x) {
    const unsigned rows = cells->tables->shape.rows;
    float products[DIRECTIONS_MAX];
    cell_place place = {{0}};
    float largest = -1;
    cells->filter->products(cells->levels[0].directions, cells->coarse / DIRECTION_GROUP, rows, x, products);
    for (unsigned probe = 0; probe < PROBES; probe++) {
        const unsigned cell = largest_of(products, cells->coarse);
        const float *directions = cells->levels[1].directions + (size_t)cell * cells->parts * rows;
        float parts[DIRECTIONS_MAX];
        products[cell] = 0;
        cells->filter->products(directions, cells->parts / DIRECTION_GROUP, rows, x, parts);
        const unsigned part = largest_of(parts, cells->parts);
        place.cell[0] = probe == 0 ? cell : place.cell[0];
        if (parts[part] > largest) {
            largest = parts[part];
            place.cell[1] = cell * cells->parts + part;
        }
    }
    return place;
}

double slmi_block_cells_direction(const block_cells *cells, unsigned level, unsigned cell, double *direction) {
    const unsigned rows = cells->tables->shape.rows;
    const float *source = direction_at(cells->levels[level].directions, rows, cell);
    double square = 0;
    for (unsigned c = 0; c < rows; c++) {
        direction[c] = (double)source[c * DIRECTION_GROUP];
        square += direction[c] * direction[c];
    }
    return sqrt(square);
}
