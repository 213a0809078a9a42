/* Block coding's search by cells. Blocks are taken cell by cell, some of a cell at a time, so that a stretch of its list is read once for
 * all of them. A list's part that can matter is filtered by one 8-bit product a seed, what passes by its residual in 16-bit integers, and
 * the few left are looked at in double, the smallest residual first.
 *
 * All bounds keep a seed in doubt. Below, u is the block's direction, rho the relative error looked for, S a seed's subspace and B its
 * orthonormal basis.
 *   Angle: angle(c, S) <= angle(c, u) + asin(rho) for the cell's direction c (block_cells.c).
 *   Filter: with integers X near t u, t = FILTER_TARGET, |<X, G>| <= t (rho |G| + |part of G inside S|) + |G| |X - t u|.
 *   Residual: |B^T u| from integers is wrong by at most seed_tables.drift.
 * A first round looks for a guessed rho. If the best error it finds is no more, every seed that could do better was kept; else a second
 * round looks for the error found.
 */
#include "block_near.h"

#include <math.h>
#include <string.h>

#include "../container/alloc.h"

#define FAR 0.5          /* squared relative errors above this are not looked for here */
#define SHORT 64.0       /* nor blocks shorter than this, in units of T */
#define SLACK 1e-9       /* relative, for what is computed in double */
#define SINE_SLACK 1e-6  /* and for a squared sine made of sums of angles */
#define GUESS_FIRST 1.5  /* times the expected squared error */
#define GUESS_GROWTH 2.0 /* where nothing was found */
#define REMEMBERED 24    /* seeds examined in a first round */
#define TIGHTEN_FIRST 16 /* the part of a list after which the best seed so far is looked at */
#define TIGHTEN_AGAIN 2  /* and again when so many times as much was read */

#define TOGETHER 16  /* blocks that pass a list at a time */
#define STRETCH 32   /* groups of a list that they pass before the next: 8 to 16 KiB, and the seeds' bases fit the second cache */
#define KEPT_MAX 512 /* more are a sign that the error looked for is too large to prune by */
#define SEEDS_STRETCH (STRETCH * FILTER_GROUP)

/* A block in the forms its search needs, and what a round looks for and finds. */
struct near_block {
    const double *target;
    best_candidate *best;
    double length;
    double off; /* |X - t u| */
    filter_target filter;
    cell_place place;
    double square; /* the squared relative error looked for */
    unsigned level;
    size_t groups; /* of the list, that can have such a seed */
    int threshold;
    float limit;
    size_t remembered;
    uint32_t examined[REMEMBERED];
    size_t kept_count;
    seed_residual kept[KEPT_MAX + SEEDS_STRETCH];
};

slm_status slmi_near_scratch_create(near_scratch *scratch, const block_cells *cells, unsigned level, const slm_allocator *allocator) {
    *scratch = (near_scratch){.allocator = *allocator, .level = level};
    scratch->cells = slmi_allocate(allocator, NEAR_BLOCKS, sizeof *scratch->cells);
    scratch->coarse = slmi_allocate(allocator, NEAR_BLOCKS, sizeof *scratch->coarse);
    scratch->order = slmi_allocate(allocator, NEAR_BLOCKS, sizeof *scratch->order);
    scratch->starts = slmi_allocate(allocator, cells->levels[level].count + 1, sizeof *scratch->starts);
    scratch->blocks = slmi_allocate(allocator, TOGETHER, sizeof *scratch->blocks);
    if (scratch->cells == NULL || scratch->coarse == NULL || scratch->order == NULL || scratch->starts == NULL || scratch->blocks == NULL) {
        slmi_near_scratch_free(scratch);
        return SLM_E_MEMORY;
    }
    return SLM_OK;
}

void slmi_near_scratch_free(near_scratch *scratch) {
    slmi_free(&scratch->allocator, scratch->cells);
    slmi_free(&scratch->allocator, scratch->coarse);
    slmi_free(&scratch->allocator, scratch->order);
    slmi_free(&scratch->allocator, scratch->starts);
    slmi_free(&scratch->allocator, scratch->blocks);
    *scratch = (near_scratch){.allocator = scratch->allocator};
}

static double length_of(const double *target, unsigned rows) {
    double square = 0;
    for (unsigned c = 0; c < rows; c++) {
        square += target[c] * target[c];
    }
    return sqrt(square);
}

/* The nearest integer, where |x| < 2^51. */
static double nearest_integer(double x) { return (x + 6755399441055744.0) - 6755399441055744.0; }

static void prepare(const block_cells *cells, near_block *block, const double *target, double length) {
    const unsigned rows = cells->tables->shape.rows;
    int8_t bytes[2 * FILTER_PAIRS_MAX] = {0};
    const double shrink = 1 / length;
    double off = 0;
    block->target = target;
    block->length = length;
    block->remembered = 0;
    memset(&block->filter, 0, sizeof block->filter);
    for (unsigned c = 0; c < rows; c++) {
        const double unit = target[c] * shrink;
        const double whole = nearest_integer(unit * FILTER_TARGET);
        off += (whole - unit * FILTER_TARGET) * (whole - unit * FILTER_TARGET);
        bytes[c] = (int8_t)whole;
        block->filter.sum += bytes[c];
        block->filter.coordinates[c] = (int16_t)nearest_integer(unit * RESIDUAL_UNIT);
    }
    block->off = sqrt(off);
    for (unsigned j = 0; j < FILTER_PAIRS_MAX; j++) {
        block->filter.pairs[j] = (int16_t)((uint8_t)bytes[2 * j] | (int16_t)((uint16_t)(uint8_t)bytes[2 * j + 1] << 8));
    }
}

/* How many groups of a list can have a seed within `rho` of the block. False where the list does not reach that far. */
static bool groups_within(const block_cells *cells, unsigned level, const near_block *block, double rho, size_t *groups) {
    const unsigned rows = cells->tables->shape.rows;
    const cell_list *list = &cells->levels[level].lists[block->place.cell[level]];
    double direction[2 * FILTER_PAIRS_MAX];
    double product = 0;
    const double size = slmi_block_cells_direction(cells, level, block->place.cell[level], direction);
    if (list->rows == NULL) {
        return false;
    }
    for (unsigned c = 0; c < rows; c++) {
        product += direction[c] * block->target[c];
    }
    double cosine = fabs(product) / (size * block->length);
    cosine = cosine < 1 ? cosine : 1;
    const double sine = sqrt(1 - cosine * cosine);
    const double far_cosine = cosine * sqrt(1 - rho * rho) - sine * rho;
    if (far_cosine < SINE_SLACK) {
        return false;
    }
    const double square = 1 - far_cosine * far_cosine + SINE_SLACK;
    if (square > list->cut) {
        return false;
    }
    size_t low = 0;
    size_t high = list->groups;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if ((double)list->starts[middle] > square) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    *groups = low;
    return true;
}

/* The limit of sums of squared integer products for seeds that can have an error of at most rho. */
static float limit_of(const seed_tables *tables, double square) {
    const double unit = (double)RESIDUAL_UNIT * RESIDUAL_UNIT;
    if (tables->shape.complement) {
        const double most = sqrt(square) + tables->drift;
        return (float)(most * most * unit * unit * (1 + 2e-6));
    }
    const double least = (square < 1 ? sqrt(1 - square) : 0) - tables->drift;
    return least > 0 ? (float)(least * least * unit * unit * (1 - 2e-6)) : 0;
}

/* B^T x, wrong by no more than the tables' drift times the block's length. */
static void project(const seed_tables *tables, const near_block *block, uint32_t seed, double *y) {
    const residual_shape shape = tables->residual;
    const int16_t *columns = tables->integers + (size_t)seed * shape.pairs * shape.fours * 8;
    const double unit = block->length / ((double)RESIDUAL_UNIT * RESIDUAL_UNIT);
    for (unsigned k = 0; k < tables->shape.columns; k++) {
        const int16_t *column = columns + (size_t)(k / 4) * shape.pairs * 8 + k % 4 * 2;
        int32_t product = 0;
        for (unsigned j = 0; j < shape.pairs; j++) {
            product += column[j * 8] * block->filter.coordinates[2 * j] + column[j * 8 + 1] * block->filter.coordinates[2 * j + 1];
        }
        y[k] = product * unit;
    }
}

static void examine(const block_cells *cells, slm_search mode, const near_block *block, uint32_t seed, best_candidate *best) {
    const seed_tables *tables = cells->tables;
    const slm_profile *profile = &tables->profile;
    if (!tables->shape.complement) {
        const seed_brief brief = slmi_seed_tables_brief(tables, seed);
        double y[4 * FILTER_FOURS_MAX];
        project(tables, block, seed, y);
        if (mode == SLM_SEARCH_EXACT) {
            slmi_candidate_search_brief(profile, &brief, seed, block->target, block->length, y, best);
            return;
        }
        if (slmi_candidate_search_paper_brief(profile, &brief, seed, block->target, block->length, y, best)) {
            return;
        }
    }
    seed_lattice lattice;
    slmi_seed_lattice_make(&lattice, profile, tables->shape.rows, NULL, seed);
    if (mode == SLM_SEARCH_PAPER || best->error == INFINITY) {
        slmi_candidate_search_paper(profile, &lattice, seed, block->target, best); /* for the exact search a good first one */
    }
    if (mode == SLM_SEARCH_EXACT) {
        slmi_candidate_search_exact(profile, &lattice, seed, block->target, block->length, best);
    }
}

/* The smallest residual first. */
static void sort_kept(seed_residual *kept, size_t count, bool complement) {
    for (size_t i = 1; i < count; i++) {
        const seed_residual moved = kept[i];
        size_t j = i;
        for (; j > 0 && (complement ? kept[j - 1].square > moved.square : kept[j - 1].square < moved.square); j--) {
            kept[j] = kept[j - 1];
        }
        kept[j] = moved;
    }
}

/* Sets how a list of a level is to be read for the error `block->square`. False where it does not reach that far. */
static bool aim(const block_cells *cells, unsigned level, near_block *block) {
    const double rho = sqrt(block->square);
    if (!groups_within(cells, level, block, rho, &block->groups)) {
        return false;
    }
    const cell_list *list = &cells->levels[level].lists[block->place.cell[level]];
    const int threshold = (int)(FILTER_TARGET * (rho * list->norm + list->skew) + list->norm * block->off + 0.01);
    block->threshold = threshold < INT16_MAX ? threshold : INT16_MAX - 1;
    block->limit = limit_of(cells->tables, block->square);
    block->level = level;
    return true;
}

/* A round takes the finest level that reaches far enough. False where none does. */
static bool begin_round(const block_cells *cells, unsigned level, near_block *block) {
    block->kept_count = 0;
    while (block->square <= FAR) {
        if (aim(cells, level, block)) {
            return true;
        }
        if (level-- == 0) {
            return false;
        }
    }
    return false;
}

/* Looks at a seed that was not looked at before; the first ones are remembered. */
static void examine_once(const block_cells *cells, slm_search mode, near_block *block, uint32_t seed, near_counts *counts) {
    bool again = seed == 0;
    for (size_t j = 0; j < block->remembered && !again; j++) {
        again = block->examined[j] == seed;
    }
    if (!again) {
        examine(cells, mode, block, seed, block->best);
        counts->examined++;
        if (block->remembered < REMEMBERED) {
            block->examined[block->remembered++] = seed;
        }
    }
}

/* Looks at the best that was kept so far: what its error leaves to be looked for in the rest of the list is less. */
static void tighten(const block_cells *cells, slm_search mode, near_block *block, near_counts *counts) {
    const bool complement = cells->tables->shape.complement != 0;
    const seed_residual *nearest = block->kept;
    for (size_t i = 1; i < block->kept_count; i++) {
        const float square = block->kept[i].square;
        nearest = (complement ? square < nearest->square : square > nearest->square) ? &block->kept[i] : nearest;
    }
    examine_once(cells, mode, block, nearest->seed, counts);
    const double square = block->best->error / (block->length * block->length) * (1 + 2 * SLACK);
    if (square < block->square) {
        block->square = square;
        (void)aim(cells, block->level, block); /* reaches: it did for more */
    }
}

/* Takes blocks of one cell that have begun a round of the same level along its list. */
static void pass_list(const block_cells *cells, slm_search mode, near_block *const *blocks, size_t count, near_counts *counts) {
    const cell_list *list = &cells->levels[blocks[0]->level].lists[blocks[0]->place.cell[blocks[0]->level]];
    const size_t group_bytes = (size_t)cells->pairs * 2 * FILTER_GROUP;
    uint16_t passed[SEEDS_STRETCH + SEEDS_BEYOND];
    size_t longest = 0;
    for (size_t b = 0; b < count; b++) {
        longest = blocks[b]->groups > longest ? blocks[b]->groups : longest;
        counts->rounds++;
        counts->coarse += blocks[b]->level == 0;
    }
    size_t tightened = longest / TIGHTEN_FIRST;
    for (size_t first = 0; first < longest; first += STRETCH) {
        const bool tightening = first > tightened;
        for (size_t b = 0; b < count; b++) {
            near_block *block = blocks[b];
            if (tightening && block->kept_count > 0 && block->kept_count <= KEPT_MAX) {
                tighten(cells, mode, block, counts);
            }
            if (block->groups <= first || block->kept_count > KEPT_MAX) {
                continue;
            }
            const size_t groups = block->groups - first < STRETCH ? block->groups - first : STRETCH;
            const size_t found = cells->filter->filter(list->rows + first * group_bytes, list->seeds + first * FILTER_GROUP, groups,
                                                       cells->pairs, &block->filter, block->threshold, passed);
            counts->listed += groups * FILTER_GROUP;
            counts->passed += found;
            block->kept_count += cells->filter->residuals(cells->tables->integers, cells->tables->residual, passed, found, &block->filter,
                                                          block->limit, block->kept + block->kept_count);
        }
        tightened = tightening ? first * TIGHTEN_AGAIN : tightened;
    }
}

/* Looks at what a round has kept. Whether the best there is was found; if not, another round is to look for block->square. */
static bool end_round(const block_cells *cells, slm_search mode, near_block *block, near_counts *counts) {
    const seed_tables *tables = cells->tables;
    const bool complement = tables->shape.complement != 0;
    best_candidate *best = block->best;
    for (size_t i = 0; i < block->kept_count && i < 16; i++) {
        seed_tables_fetch(tables, block->kept[i].seed);
    }
    sort_kept(block->kept, block->kept_count, complement);
    const double scale = 1 / (block->length * block->length);
    double found = best->error;
    float limit = complement ? INFINITY : 0;
    for (size_t i = 0; i < block->kept_count; i++) {
        const uint32_t seed = block->kept[i].seed;
        if (best->error < found || i == 0) {
            found = best->error;
            limit = found < INFINITY ? limit_of(tables, found * scale * (1 + SLACK)) : limit;
        }
        if (complement ? block->kept[i].square > limit : block->kept[i].square < limit) {
            break;
        }
        examine_once(cells, mode, block, seed, counts);
    }
    if (best->error * scale * (1 + SLACK) <= block->square) {
        return true;
    }
    block->square = best->error < INFINITY ? best->error * scale * (1 + 2 * SLACK) : block->square * GUESS_GROWTH;
    return false;
}

/* Further rounds of a block whose first one did not settle it, or could not begin. */
static bool search_alone(const block_cells *cells, unsigned level, slm_search mode, near_block *block, near_counts *counts) {
    while (begin_round(cells, level, block)) {
        pass_list(cells, mode, &block, 1, counts);
        if (block->kept_count > KEPT_MAX) {
            return false;
        }
        if (end_round(cells, mode, block, counts)) {
            return true;
        }
    }
    return false;
}

/* Up to TOGETHER blocks of one cell of the finest level. Adds the squared relative errors of those settled to *sum. */
static size_t search_together(const block_cells *cells, near_scratch *scratch, slm_search mode, size_t count, double *sum,
                              near_counts *counts) {
    near_block *begun[TOGETHER];
    size_t beginning = 0;
    size_t settled = 0;
    for (size_t i = 0; i < count; i++) {
        near_block *block = &scratch->blocks[i];
        block->square = scratch->guess;
        block->level = CELL_LEVELS;
        if (begin_round(cells, scratch->level, block) && block->level == scratch->level) {
            begun[beginning++] = block;
        } else {
            block->level = CELL_LEVELS;
        }
    }
    if (beginning > 0) {
        pass_list(cells, mode, begun, beginning, counts);
    }
    for (size_t i = 0; i < count; i++) {
        near_block *block = &scratch->blocks[i];
        const bool passed = block->level < CELL_LEVELS;
        bool good = false;
        if (!passed || block->kept_count <= KEPT_MAX) {
            good = (passed && end_round(cells, mode, block, counts)) || search_alone(cells, scratch->level, mode, block, counts);
        }
        if (good) {
            *sum += block->best->error / (block->length * block->length);
            settled++;
        } else {
            *block->best = (best_candidate){INFINITY, 0};
        }
    }
    return settled;
}

void slmi_near_search(const block_cells *cells, near_scratch *scratch, slm_search mode, const double *targets, size_t count,
                      best_candidate *best, near_counts *counts) {
    const unsigned rows = cells->tables->shape.rows;
    const cell_level *level = &cells->levels[scratch->level];
    double sum = 0;
    uint64_t summed = 0;
    scratch->guess = GUESS_FIRST * cells->expected; /* the same at each call, so that no count depends on the threads */
    memset(scratch->starts, 0, (level->count + 1) * sizeof *scratch->starts);
    for (size_t i = 0; i < count; i++) {
        const double *target = targets + i * rows;
        const double length = length_of(target, rows);
        float unit[2 * FILTER_PAIRS_MAX];
        best[i] = (best_candidate){INFINITY, 0};
        scratch->cells[i] = UINT32_MAX;
        if (length >= SHORT && length < 1e100) {
            for (unsigned c = 0; c < rows; c++) {
                unit[c] = (float)(target[c] / length);
            }
            const cell_place place = slmi_block_cells_place(cells, unit);
            scratch->cells[i] = place.cell[scratch->level];
            scratch->coarse[i] = (uint8_t)place.cell[0];
            scratch->starts[scratch->cells[i] + 1]++;
        }
    }
    for (unsigned i = 0; i < level->count; i++) {
        scratch->starts[i + 1] += scratch->starts[i];
    }
    const size_t placed = scratch->starts[level->count];
    for (size_t i = 0; i < count; i++) {
        if (scratch->cells[i] != UINT32_MAX) {
            scratch->order[scratch->starts[scratch->cells[i]]++] = (uint32_t)i;
        }
    }
    for (size_t i = 0, together; i < placed; i += together) {
        const uint32_t cell = scratch->cells[scratch->order[i]];
        for (together = 0; together < TOGETHER && i + together < placed; together++) {
            const size_t b = scratch->order[i + together];
            near_block *block = &scratch->blocks[together];
            if (scratch->cells[b] != cell) {
                break;
            }
            prepare(cells, block, targets + b * rows, length_of(targets + b * rows, rows));
            block->best = &best[b];
            block->place.cell[0] = scratch->coarse[b];
            block->place.cell[scratch->level] = cell;
        }
        const size_t settled = search_together(cells, scratch, mode, together, &sum, counts);
        summed += settled;
        counts->blocks += settled;
        if (summed > 0) {
            scratch->guess = GUESS_FIRST * sum / (double)summed;
        }
    }
}
