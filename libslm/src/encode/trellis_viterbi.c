/* trellis_viterbi.c: the trellis search proper: the cheapest path through the seeds of a run, exact to the tie.
 *
 * Costs are kept by group and time: row t holds for each group g the least cost of seeds 0 .. t-1 such that seed t may have g as its low
 * K-k bits. A forward pass fills the rows of a window of times; the path is traced back through them, each seed being found again from
 * the row before it, so that the forward pass needs minima and nothing else. Rows hold 16-bit costs that saturate; the trace shows
 * whether that mattered, and then the run is searched again with 64-bit costs. libslm/doc/trellis-search.md has the proofs.
 */
#include <string.h>

#include "../container/alloc.h"
#include "trellis_viterbi.h"

#define WINDOW_BYTES ((size_t)64 << 20)
#define WINDOW_BYTES_MAX ((size_t)160 << 20) /* where 64 MB hold fewer times than paths usually need to meet */
#define WINDOW_STEPS_MAX 16384u
#define WINDOW_STEPS_WANTED 1024u
#define WINDOW_STEPS_MIN 16u
#define FOLLOW_ROUNDS 16u /* how long survivors are followed before a window is given up, in times of all groups */

/* ---- Memory. ---- */

slm_status slmi_trellis_scratch_create(trellis_scratch **scratch, const trellis_search *search, const slm_coding *coding,
                                       const slm_allocator *allocator) {
    const trellis_shape *shape = &search->shape;
    const slm_allocator own = slmi_allocator(allocator);
    *scratch = NULL;
    struct trellis_scratch *made = slmi_allocate_zeroed(&own, 1, sizeof *made);
    if (!made)
        return SLM_E_MEMORY;
    made->allocator = own;
    const size_t row = shape->padded * sizeof(uint16_t), wide_row = shape->padded * sizeof(uint64_t);
    const uint64_t times = slm_profile_blocks(&search->profile, coding->run_length);
    size_t steps = WINDOW_BYTES / row;
    if (steps < WINDOW_STEPS_WANTED)
        steps = WINDOW_BYTES_MAX / row < WINDOW_STEPS_WANTED ? WINDOW_BYTES_MAX / row : WINDOW_STEPS_WANTED;
    steps = steps > WINDOW_STEPS_MAX ? WINDOW_STEPS_MAX : steps;
    steps = steps > times ? (size_t)times : steps;
    steps = steps < WINDOW_STEPS_MIN ? WINDOW_STEPS_MIN : steps;
    const size_t wide_steps = (steps + 1) / 4 - 1;
    made->steps = (unsigned)steps;
    made->wide_steps = (unsigned)wide_steps;

    size_t used = 0;
    const size_t at_window = trellis_reserve(&used, (steps + 1) * row);
    const size_t at_rows = trellis_reserve(&used, (steps + 1) * sizeof(cost_row));
    size_t at_single[4];
    for (size_t i = 0; i < 4; i++)
        at_single[i] = trellis_reserve(&used, wide_row);
    const size_t at_expanded = trellis_reserve(&used, ((size_t)shape->period << shape->k) * sizeof(uint16_t));
    const size_t at_costs = trellis_reserve(&used, wide_row), at_next = trellis_reserve(&used, wide_row);
    const size_t at_reached[2] = {trellis_reserve(&used, shape->groups * sizeof(uint32_t)),
                                  trellis_reserve(&used, shape->groups * sizeof(uint32_t))};
    const size_t at_marks = trellis_reserve(&used, shape->groups);
    const size_t at_targets = trellis_reserve(&used, (steps * shape->C + 2 * TRELLIS_SEGMENT_MAX) * sizeof(int32_t));
    made->block = slmi_allocate_large(&own, used + TRELLIS_ALIGN, 1);
    if (!made->block) {
        slmi_free(&own, made);
        return SLM_E_MEMORY;
    }
    unsigned char *begin = trellis_align(made->block);
    made->window = begin + at_window;
    made->rows = (void *)(begin + at_rows);
    made->start.costs = begin + at_single[0];
    made->kept.costs = begin + at_single[1];
    made->moving[0].costs = begin + at_single[2];
    made->moving[1].costs = begin + at_single[3];
    made->expanded = (void *)(begin + at_expanded);
    made->wide_costs = (void *)(begin + at_costs);
    made->wide_next = (void *)(begin + at_next);
    made->reached[0] = (void *)(begin + at_reached[0]);
    made->reached[1] = (void *)(begin + at_reached[1]);
    made->marks = begin + at_marks;
    memset(made->marks, 0, shape->groups);
    made->targets = (void *)(begin + at_targets);
    const slm_status status = slmi_trellis_batch_create(&made->batch, search, coding, &own);
    if (status != SLM_OK) {
        slmi_trellis_scratch_free(made);
        return status;
    }
    *scratch = made;
    return SLM_OK;
}

void slmi_trellis_scratch_free(trellis_scratch *scratch) {
    if (!scratch)
        return;
    const slm_allocator allocator = scratch->allocator;
    slmi_trellis_batch_free(scratch->batch, &allocator);
    slmi_free(&allocator, scratch->block);
    slmi_free(&allocator, scratch);
}

trellis_batch *slmi_trellis_scratch_batch(trellis_scratch *scratch) { return scratch->batch; }

void slmi_trellis_scratch_limit(trellis_scratch *scratch, unsigned steps) {
    steps = steps < WINDOW_STEPS_MIN ? WINDOW_STEPS_MIN : steps;
    scratch->steps = steps < scratch->steps ? steps : scratch->steps;
    scratch->wide_steps = (scratch->steps + 1) / 4 - 1;
}

void slmi_trellis_scratch_weigh(trellis_scratch *scratch, const importance *of, uint64_t first) {
    scratch->importance = of;
    scratch->first_element = first;
}

const importance *slmi_trellis_scratch_importance(const trellis_scratch *scratch, uint64_t *first) {
    *first = scratch->first_element;
    return scratch->importance;
}

/* ---- Costs. ---- */

static void copy_row(const viterbi *v, cost_row *to, const cost_row *from) {
    memcpy(to->costs, from->costs, v->row_bytes);
    to->smallest = from->smallest;
    to->base = from->base;
}

/* The real weights among the C of seed `time`, and their targets. */
static unsigned targets_at(const viterbi *v, uint64_t time, const int32_t **targets) {
    const uint64_t weight = time * v->shape->C, left = v->weights - weight;
    *targets = v->scratch->targets + (size_t)(weight - v->first_target);
    return left < v->shape->C ? (unsigned)left : v->shape->C;
}

/* The weights of those targets; there is an importance. */
static void weights_at(const viterbi *v, uint64_t time, unsigned count, trellis_weight *weights) {
    const importance *of = v->scratch->importance;
    for (unsigned c = 0; c < count; c++)
        weights[c] = slmi_trellis_weight_make(v->search, &of->roots[(v->scratch->first_element + time * v->shape->C + c) % of->period]);
}

static void make_targets(viterbi *v, uint64_t first, size_t steps) {
    const uint64_t segment = UINT64_C(1) << v->targets.coding->rotation;
    const uint64_t begin = first * v->shape->C / segment * segment;
    const uint64_t left = v->times - first;
    uint64_t end = steps < left ? (first + steps) * v->shape->C : v->weights;
    end = (end + segment - 1) / segment * segment;
    end = end > v->weights ? v->weights : end;
    v->first_target = begin;
    int32_t *targets = v->scratch->targets;
    slmi_trellis_targets_make(&v->targets, begin, (size_t)(end - begin), targets);
    if (v->scratch->importance)
        trellis_draw_in(targets, (size_t)(end - begin));
}

/* One step in 64 bits, from wide_costs to `next`; returns the smallest. */
static uint64_t plain_step(const viterbi *v, const int32_t *targets, const trellis_weight *weights, unsigned count, uint64_t *next) {
    const trellis_shape *shape = v->shape;
    const uint64_t *costs = v->scratch->wide_costs;
    const int16_t *table = shape->table;
    const uint32_t mask = shape->groups - 1;
    uint64_t smallest = UINT64_MAX;
    for (uint32_t row = 0; row < shape->padded; row += TRELLIS_LANES) {
        uint64_t best[TRELLIS_LANES];
        memset(best, 0xFF, sizeof best);
        for (uint32_t d = 0; d < 1u << shape->k; d++, table += (size_t)shape->C * TRELLIS_LANES) {
            uint64_t sums[TRELLIS_LANES] = {0};
            for (unsigned c = 0; c < count; c++)
                for (unsigned i = 0; i < TRELLIS_LANES; i++)
                    sums[i] += weights ? trellis_exact_weighted_square(targets[c], table[c * TRELLIS_LANES + i], &weights[c])
                                       : trellis_exact_square(targets[c], table[c * TRELLIS_LANES + i], shape->shift);
            for (unsigned i = 0; i < TRELLIS_LANES; i++) {
                const uint64_t cost = sums[i] + costs[((row + i) << shape->k | d) & mask];
                best[i] = cost < best[i] ? cost : best[i];
            }
        }
        for (unsigned i = 0; i < TRELLIS_LANES; i++) {
            next[row + i] = best[i];
            smallest = best[i] < smallest ? best[i] : smallest;
        }
    }
    return smallest;
}

static void fast_step(const viterbi *v, const int32_t *targets, unsigned count, const cost_row *from, cost_row *to) {
    const fast_shape *shape = &v->search->fast_shape;
    const trellis_fast_kernel *kernel = v->search->kernel->fast;
    uint8_t *expanded = (uint8_t *)v->scratch->expanded;
    fast_window windows[SLM_C_MAX];
    for (unsigned c = 0; c < count; c++)
        slmi_trellis_fast_window(v->search, targets[c], &windows[c]);
    kernel->expand(shape, from->costs, (unsigned)from->smallest, expanded);
    to->smallest = kernel->step(shape, windows, count, expanded, to->costs);
    to->base = 0;
}

void slmi_viterbi_step(const viterbi *v, uint64_t time, const cost_row *from, cost_row *to) {
    const trellis_shape *shape = v->shape;
    trellis_scratch *scratch = v->scratch;
    const int32_t *targets;
    const unsigned count = targets_at(v, time, &targets);
    if (v->fast) {
        fast_step(v, targets, count, from, to);
        return;
    }
    bool far = v->wide;
    int16_t near_targets[SLM_C_MAX];
    trellis_weight weight_store[SLM_C_MAX], *weights = NULL;
    if (scratch->importance) {
        weights = weight_store;
        weights_at(v, time, count, weights);
    }
    for (unsigned c = 0; c < count; c++) {
        const int32_t limit = weights ? trellis_weighted_far(v->search, &weights[c]) : v->search->far;
        far |= targets[c] > limit || targets[c] < -limit;
        near_targets[c] = (int16_t)targets[c];
    }
    to->base = 0;
    if (!far) {
        v->search->kernel->expand(shape, from->costs, (unsigned)from->smallest, scratch->expanded);
        to->smallest = weights ? v->search->kernel->weighted_step(shape, near_targets, weights, count, scratch->expanded, to->costs)
                               : v->search->kernel->step(shape, near_targets, count, scratch->expanded, to->costs);
        return;
    }
    for (uint32_t g = 0; g < shape->groups; g++)
        scratch->wide_costs[g] = cost_of(v, from, g);
    if (v->wide) {
        to->smallest = plain_step(v, targets, weights, count, to->costs);
        return;
    }
    /* Every seed is far from such a target. Only what they differ in goes on in 16 bits. */
    to->base = plain_step(v, targets, weights, count, scratch->wide_next);
    to->smallest = 0;
    uint16_t *costs = to->costs;
    for (uint32_t g = 0; g < shape->padded; g++) {
        const uint64_t cost = scratch->wide_next[g] - to->base;
        costs[g] = cost > TRELLIS_COST_MAX ? TRELLIS_COST_MAX : (uint16_t)cost;
    }
}

/* ---- The way back. ---- */

/* slmi_viterbi_seed_before() of the fast search. */
static uint32_t fast_seed_before(const viterbi *v, const cost_row *before, const int32_t *targets, unsigned count, uint32_t g,
                                 uint64_t *least) {
    const fast_shape *shape = &v->search->fast_shape;
    const uint8_t *numbers = shape->table + (((size_t)(g / FAST_LANES) * shape->C) << shape->k) * FAST_LANES + g % FAST_LANES;
    fast_window windows[SLM_C_MAX];
    for (unsigned c = 0; c < count; c++)
        slmi_trellis_fast_window(v->search, targets[c], &windows[c]);
    uint32_t best = g << shape->k;
    *least = FAST_COST_MAX; /* costs that saturate are all alike */
    for (uint32_t d = 0; d < 1u << shape->k; d++) {
        const uint32_t state = g << shape->k | d;
        uint64_t cost = cost_of(v, before, state & (shape->groups - 1));
        for (unsigned c = 0; c < count; c++, numbers += FAST_LANES)
            cost += fast_cost(&windows[c], *numbers);
        numbers += (shape->C - count) * FAST_LANES;
        if (cost < *least) {
            *least = cost;
            best = state;
        }
    }
    return best;
}

uint32_t slmi_viterbi_seed_before(const viterbi *v, size_t r, uint32_t g, uint64_t *cost) {
    const trellis_shape *shape = v->shape;
    const cost_row *before = &v->scratch->rows[r - 1];
    const int32_t *targets;
    const unsigned count = targets_at(v, v->first + r - 1, &targets);
    uint32_t best = 0;
    *cost = UINT64_MAX;
    if (v->fast)
        return fast_seed_before(v, before, targets, count, g, cost);
    trellis_weight weight_store[SLM_C_MAX], *weights = NULL;
    if (v->scratch->importance) {
        weights = weight_store;
        weights_at(v, v->first + r - 1, count, weights);
    }
    for (uint32_t d = 0; d < 1u << shape->k; d++) {
        const uint32_t state = g << shape->k | d;
        const uint64_t candidate =
            cost_of(v, before, state & (shape->groups - 1)) + trellis_branch(v->search, targets, weights, count, state);
        if (candidate < *cost) {
            *cost = candidate;
            best = state;
        }
    }
    return best;
}

/* Follows the path back from group *g at row r of the window to its row 0 and writes its seeds. False where a cost on the way had
 * saturated, so that the path is not proved. */
static bool trace(const viterbi *v, size_t r, uint32_t *g) {
    for (; r > 0; r--) {
        const cost_row *row = &v->scratch->rows[r];
        uint64_t cost;
        const uint32_t seed = slmi_viterbi_seed_before(v, r, *g, &cost);
        if (v->fast ? cost == FAST_COST_MAX : cost != cost_of(v, row, *g) + row->smallest + row->base)
            return false;
        trellis_write_seed(v->shape, v->codes, v->first + r - 1, v->times, seed);
        *g = seed & (v->shape->groups - 1);
    }
    return true;
}

/* Fills the window's rows from row 0, the costs at time `first`. */
static void forward(viterbi *v, uint64_t first, size_t steps) {
    v->first = first;
    make_targets(v, first, steps);
    for (size_t r = 0; r < steps; r++)
        slmi_viterbi_step(v, first + r, &v->scratch->rows[r], &v->scratch->rows[r + 1]);
}

/* The latest row before row `steps` at which the paths to all of its groups have one group in common, or 0: what comes later can't
 * change the path up to there. */
static size_t common_group(const viterbi *v, size_t steps, uint32_t *common) {
    const uint32_t groups = v->shape->groups;
    uint32_t *now = v->scratch->reached[0], *before = v->scratch->reached[1];
    uint8_t *marks = v->scratch->marks;
    uint64_t budget = (uint64_t)groups * FOLLOW_ROUNDS;
    size_t count = groups;
    for (uint32_t g = 0; g < groups; g++)
        now[g] = g;
    for (size_t r = steps; r > 1 && count <= budget; r--) {
        budget -= count;
        size_t found = 0;
        for (size_t i = 0; i < count; i++) {
            uint64_t cost;
            const uint32_t g = slmi_viterbi_seed_before(v, r, now[i], &cost) & (groups - 1);
            if (!marks[g]) {
                marks[g] = 1;
                before[found++] = g;
            }
        }
        for (size_t i = 0; i < found; i++)
            marks[before[i]] = 0;
        uint32_t *const swap = now;
        now = before;
        before = swap;
        count = found;
        if (count == 1) {
            *common = now[0];
            return r - 1;
        }
    }
    return 0;
}

/* Finds the path from the costs `from` at time `begin` to group *g at time `end` again, any number of windows long: halves that are too
 * long, the later one first. *g becomes the group at `begin`. */
static slm_status retrace(viterbi *v, uint64_t begin, uint64_t end, const cost_row *from, uint32_t *g, bool *proved) {
    trellis_scratch *scratch = v->scratch;
    const size_t window = v->wide ? scratch->wide_steps : scratch->steps;
    if (end - begin <= window) {
        copy_row(v, &scratch->rows[0], from);
        forward(v, begin, (size_t)(end - begin));
        *proved = trace(v, (size_t)(end - begin), g);
        return SLM_OK;
    }
    const slm_allocator *allocator = &scratch->allocator;
    cost_row middle = {.costs = slmi_allocate(allocator, v->row_bytes, 1)};
    if (!middle.costs)
        return SLM_E_MEMORY;
    const uint64_t half = begin + (end - begin) / 2;
    const cost_row *now = from;
    for (uint64_t time = begin; time < half; time++) {
        if ((time - begin) % window == 0)
            make_targets(v, time, half - time < window ? (size_t)(half - time) : window);
        cost_row *next = time + 1 == half ? &middle : &scratch->moving[(time - begin) & 1];
        slmi_viterbi_step(v, time, now, next);
        now = next;
    }
    slm_status status = retrace(v, half, end, &middle, g, proved);
    slmi_free(allocator, middle.costs);
    if (status == SLM_OK && *proved)
        status = retrace(v, begin, half, from, g, proved);
    return status;
}

void slmi_viterbi_set_up(viterbi *v, bool wide) {
    trellis_scratch *scratch = v->scratch;
    v->wide = wide;
    v->row_bytes = v->fast ? v->search->fast_shape.padded : v->shape->padded * (wide ? sizeof(uint64_t) : sizeof(uint16_t));
    const size_t rows = (wide ? scratch->wide_steps : scratch->steps) + (size_t)1;
    for (size_t r = 0; r < rows; r++)
        scratch->rows[r].costs = scratch->window + r * v->row_bytes;
    memset(scratch->rows[0].costs, 0, v->row_bytes); /* the first seed is free */
    scratch->rows[0].smallest = scratch->rows[0].base = 0;
    copy_row(v, &scratch->start, &scratch->rows[0]);
}

/* The whole run. *proved: the codes are the minimum. */
static slm_status search_run(viterbi *v, bool wide, bool *proved) {
    trellis_scratch *scratch = v->scratch;
    slmi_viterbi_set_up(v, wide);
    const size_t window = wide ? scratch->wide_steps : scratch->steps;
    uint64_t settled = 0; /* the path before it is written, or nothing is; scratch->start has the costs there */
    uint32_t settled_group = 0;
    for (uint64_t first = 0;;) {
        const bool last = v->times - first <= window;
        const size_t steps = last ? (size_t)(v->times - first) : window;
        forward(v, first, steps);
        uint32_t g = 0;
        size_t r = steps;
        if (last) {
            while (cost_of(v, &scratch->rows[r], g) != 0)
                g++;
        } else {
            r = common_group(v, steps, &g);
            if (r == 0) { /* undecided: go on, and come back to these times later */
                copy_row(v, &scratch->rows[0], &scratch->rows[steps]);
                first += steps;
                continue;
            }
        }
        const uint32_t group = g;
        copy_row(v, &scratch->kept, &scratch->rows[r]);
        *proved = trace(v, r, &g);
        if (*proved && settled < first) {
            const slm_status status = retrace(v, settled, first, &scratch->start, &g, proved);
            if (status != SLM_OK)
                return status;
        }
        *proved = *proved && (settled == 0 || g == settled_group);
        if (last || !*proved)
            return SLM_OK;
        settled = first += r;
        settled_group = group;
        copy_row(v, &scratch->start, &scratch->kept);
        copy_row(v, &scratch->rows[0], &scratch->kept);
    }
}

slm_status slmi_trellis_find_codes_from(const trellis_search *search, trellis_scratch *scratch, const slm_coding *coding,
                                        const float *weights, uint16_t scale, trellis_width width, uint8_t *codes, bool *narrow) {
    viterbi v = {.search = search, .shape = &search->shape, .scratch = scratch, .weights = coding->run_length, .codes = codes};
    v.times = slm_profile_blocks(&search->profile, coding->run_length);
    const size_t bytes = (size_t)slm_profile_run_bytes(&search->profile, coding->run_length);
    slm_status status = slmi_trellis_targets_prepare(&v.targets, coding, search->grid, weights, scale);
    bool proved = false;
    for (int attempt = (int)width; status == SLM_OK && !proved && attempt <= (int)TRELLIS_WIDE; attempt++) {
        memset(codes, 0, bytes);
        v.fast = attempt == TRELLIS_FAST;
        status = search_run(&v, attempt == TRELLIS_WIDE, &proved);
        if (narrow)
            *narrow = attempt != TRELLIS_WIDE;
    }
    return status;
}

slm_status slmi_trellis_find_codes(const trellis_search *search, trellis_scratch *scratch, const slm_coding *coding, const float *weights,
                                   uint16_t scale, uint8_t *codes, bool *narrow) {
    const trellis_width width = search->fast && !scratch->importance ? TRELLIS_FAST : TRELLIS_NARROW;
    return slmi_trellis_find_codes_from(search, scratch, coding, weights, scale, width, codes, narrow);
}
