/* trellis_batch.c: the trellis search of several runs at once, a lane of each vector a run.
 *
 * All runs take a step together: a state's T is the same in each, so what a step reads is one vector of costs for each number of T, made
 * for the runs' targets. Rows of costs are kept for the last times only. Every few times the paths of all runs are traced back from their
 * best groups until they meet what was found before; the last of these paths is the run's, if it met the one before within the rows kept. A
 * run whose path did not, or whose costs did not suffice, is searched alone: libslm/doc/trellis-search.md, "Many runs".
 */
#include <string.h>

#include "../container/alloc.h"
#include "trellis_core.h"

#define ROWS_BYTES ((size_t)2816 << 10) /* for each byte of a vector */
#define WEIGHTS_MAX (1u << 16)          /* of a run */
#define STRIDE 128u                     /* times from tracing to tracing */
/* Rows beside these, in times the steps that renew a seed: paths were seen to part for 15 of these and e times fewer for each further 15.
 */
#define DEPTH 135u
#define UNPROVED (UINT32_C(1) << 31) /* in a path: a cost did not suffice */

struct trellis_batch {
    void *block;   /* the one allocation behind all that follows */
    unsigned rows; /* of the last times, which are kept */
    unsigned char *costs;
    unsigned char *row;   /* [rows][row_bytes] */
    unsigned char *least; /* [rows][BATCH_VECTOR_MAX] */
    uint64_t *bases;      /* [rows][BATCH_RUNS_MAX]: what costs of a row were lowered by beforehand */
    fast_window *windows; /* [rows][C][BATCH_RUNS_MAX]: of the seed before a row */
    int32_t *targets;     /* [runs][times][C] */
    uint32_t *paths;      /* [runs][times]: seeds */
};

/* Runs searched together. */
typedef struct batch_search {
    const trellis_search *search;
    const trellis_batch_tables *tables;
    const batch_shape *shape;
    trellis_batch *batch;
    const importance *of;
    bool fast;
    unsigned runs; /* of the kernel's lanes */
    uint64_t weights, times;
    uint64_t elements[BATCH_RUNS_MAX]; /* of the tensor, that a run begins with */
    uint64_t known;                    /* times before this have seeds in their paths */
    bool lost[BATCH_RUNS_MAX];         /* the path did not meet the one before */
} batch_search;

/* ---- Tables. ---- */

slm_status slmi_trellis_batch_make(trellis_search *search, bool fast) {
    const slm_profile *profile = &search->profile;
    const trellis_batch_kernel *kernel = search->kernel->batch[fast];
    trellis_batch_tables *tables = &search->batch[fast];
    const unsigned K = profile->K, k = profile->k, C = profile->C, top = profile->P * ((1u << profile->W) - 1), levels = top + 1;
    if (kernel == NULL || tables->kernel != NULL || K < 2 * k || (uint64_t)C * levels * (kernel->vector / BATCH_UNIT) > UINT16_MAX)
        return SLM_OK;
    batch_shape shape = {.K = K, .k = k, .C = C, .levels = levels, .groups = 1u << (K - k), .vector = kernel->vector};
    shape.row_bytes = batch_place(&shape, shape.groups);
    tables->offsets = slmi_allocate(&search->allocator, (size_t)C << K, sizeof *tables->offsets);
    tables->entries = slmi_allocate(&search->allocator, levels, sizeof *tables->entries);
    if (tables->offsets == NULL || tables->entries == NULL)
        return SLM_E_MEMORY;
    for (unsigned n = 0; n < levels; n++)
        tables->entries[n] = trellis_entry(search, 2 * (int32_t)n - (int32_t)top);
    uint16_t *offset = tables->offsets;
    const uint32_t period = UINT32_C(1) << (K - 2 * k), digits = UINT32_C(1) << k, chunk = digits < BATCH_DIGITS ? digits : BATCH_DIGITS;
    for (uint32_t j = 0; j < period; j++)
        for (uint32_t first = 0; first < digits; first += chunk)
            for (uint32_t u = 0; u < digits; u++)
                for (uint32_t d = first; d < first + chunk; d++) {
                    const int32_t *values = trellis_values(search, (u * period + j) << k | d);
                    for (unsigned c = 0; c < C; c++)
                        *offset++ = (uint16_t)((c * levels + (unsigned)(values[c] + (int32_t)top) / 2) * (kernel->vector / BATCH_UNIT));
                }
    shape.offsets = tables->offsets;
    tables->shape = shape;
    tables->kernel = kernel;
    return SLM_OK;
}

void slmi_trellis_batch_unmake(trellis_search *search) {
    for (unsigned fast = 0; fast < 2; fast++) {
        slmi_free(&search->allocator, search->batch[fast].offsets);
        slmi_free(&search->allocator, search->batch[fast].entries);
    }
}

/* ---- Memory. ---- */

slm_status slmi_trellis_batch_create(trellis_batch **batch, const trellis_search *search, const slm_coding *coding,
                                     const slm_allocator *allocator) {
    const batch_shape *shape = &search->batch[0].shape;
    *batch = NULL;
    if (search->batch[0].kernel == NULL || coding->run_length > WEIGHTS_MAX)
        return SLM_OK;
    const size_t times = (size_t)slm_profile_blocks(&search->profile, coding->run_length);
    size_t rows = STRIDE + DEPTH * ((shape->K + shape->k - 1) / shape->k);
    rows = rows > times + 1 ? times + 1 : rows;
    if (rows > ROWS_BYTES * shape->vector / shape->row_bytes)
        return SLM_OK;
    trellis_batch *made = slmi_allocate_zeroed(allocator, 1, sizeof *made);
    if (made == NULL)
        return SLM_E_MEMORY;
    made->rows = (unsigned)rows; /* as long for the fast search as for the exact one */
    size_t used = 0;
    const size_t at_costs = trellis_reserve(&used, (size_t)shape->C * shape->levels * BATCH_VECTOR_MAX);
    const size_t at_row = trellis_reserve(&used, rows * shape->row_bytes);
    const size_t at_least = trellis_reserve(&used, rows * BATCH_VECTOR_MAX);
    const size_t at_bases = trellis_reserve(&used, rows * BATCH_RUNS_MAX * sizeof *made->bases);
    const size_t at_windows = trellis_reserve(&used, rows * BATCH_RUNS_MAX * shape->C * sizeof *made->windows);
    const size_t at_targets = trellis_reserve(&used, times * shape->C * BATCH_RUNS_MAX * sizeof *made->targets);
    const size_t at_paths = trellis_reserve(&used, times * BATCH_RUNS_MAX * sizeof *made->paths);
    made->block = slmi_allocate_large(allocator, used + TRELLIS_ALIGN, 1);
    if (made->block == NULL) {
        slmi_free(allocator, made);
        return SLM_E_MEMORY;
    }
    unsigned char *begin = trellis_align(made->block);
    made->costs = begin + at_costs;
    made->row = begin + at_row;
    made->least = begin + at_least;
    made->bases = (void *)(begin + at_bases);
    made->windows = (void *)(begin + at_windows);
    made->targets = (void *)(begin + at_targets);
    made->paths = (void *)(begin + at_paths);
    *batch = made;
    return SLM_OK;
}

void slmi_trellis_batch_free(trellis_batch *batch, const slm_allocator *allocator) {
    if (batch == NULL)
        return;
    slmi_free(allocator, batch->block);
    slmi_free(allocator, batch);
}

/* ---- Costs. ---- */

static inline size_t slot(const batch_search *s, uint64_t time) { return (size_t)(time % s->batch->rows); }
static inline unsigned char *row_at(const batch_search *s, uint64_t time) { return s->batch->row + slot(s, time) * s->shape->row_bytes; }
static inline unsigned char *least_at(const batch_search *s, uint64_t time) { return s->batch->least + slot(s, time) * BATCH_VECTOR_MAX; }
static inline uint64_t *bases_at(const batch_search *s, uint64_t time) { return s->batch->bases + slot(s, time) * BATCH_RUNS_MAX; }
/* Of the seed at `time`, weight c. */
static inline fast_window *windows_at(const batch_search *s, uint64_t time, unsigned c) {
    return s->batch->windows + (slot(s, time) * s->shape->C + c) * BATCH_RUNS_MAX;
}
static inline const int32_t *targets_at(const batch_search *s, unsigned run, uint64_t time) {
    return s->batch->targets + (size_t)((run * s->times + time) * s->shape->C);
}
static inline unsigned lane(const batch_search *s, const unsigned char *vector, unsigned run) {
    return s->fast ? vector[run] : ((const uint16_t *)(const void *)vector)[run];
}

/* The real weights of the seed at `time`. */
static unsigned count_at(const batch_search *s, uint64_t time) {
    const uint64_t left = s->weights - time * s->shape->C;
    return left < s->shape->C ? (unsigned)left : s->shape->C;
}

static trellis_weight weight_at(const batch_search *s, unsigned run, uint64_t time, unsigned c) {
    return slmi_trellis_weight_make(s->search, &s->of->roots[(s->elements[run] + time * s->shape->C + c) % s->of->period]);
}

/* What all numbers of T cost a run, above the least of them, which is returned. */
static uint64_t plain_costs(const batch_search *s, int32_t target, const trellis_weight *weight, uint16_t *costs) {
    const int16_t *entries = s->tables->entries;
    const unsigned shift = s->search->shape.shift, lanes = s->shape->vector / 2;
    uint64_t least = UINT64_MAX;
    for (unsigned pass = 0; pass < 2; pass++)
        for (unsigned n = 0; n < s->shape->levels; n++) {
            const uint64_t cost =
                weight ? trellis_exact_weighted_square(target, entries[n], weight) : trellis_exact_square(target, entries[n], shift);
            if (pass == 0)
                least = cost < least ? cost : least;
            else
                costs[n * lanes] = cost - least > TRELLIS_COST_MAX ? TRELLIS_COST_MAX : (uint16_t)(cost - least);
        }
    return least;
}

static void make_exact_costs(const batch_search *s, uint64_t time, unsigned c, unsigned char *costs, uint64_t *bases) {
    _Alignas(BATCH_VECTOR_MAX) int16_t near_targets[BATCH_VECTOR_MAX / 2] = {0};
    const int32_t limit = s->search->far;
    for (unsigned run = 0; run < s->runs; run++)
        near_targets[run] = (int16_t)targets_at(s, run, time)[c];
    if (s->of == NULL)
        s->tables->kernel->squares(near_targets, s->tables->entries, s->shape->levels, s->search->shape.shift, costs);
    for (unsigned run = 0; run < s->runs; run++) {
        const int32_t target = targets_at(s, run, time)[c];
        uint16_t *column = (uint16_t *)(void *)costs + run;
        if (s->of != NULL) {
            const trellis_weight weight = weight_at(s, run, time, c);
            bases[run] += plain_costs(s, target, &weight, column);
        } else if (target > limit || target < -limit) {
            bases[run] += plain_costs(s, target, NULL, column);
        }
    }
}

static void make_fast_costs(const batch_search *s, uint64_t time, unsigned c, unsigned char *costs) {
    fast_window *windows = windows_at(s, time, c);
    memset(costs, FAST_COST_MAX, (size_t)s->shape->levels * s->shape->vector);
    for (unsigned run = 0; run < s->runs; run++) {
        slmi_trellis_fast_window(s->search, targets_at(s, run, time)[c], &windows[run]);
        unsigned char *column = costs + windows[run].first * s->shape->vector + run;
        for (unsigned i = 0; i < FAST_WINDOW && windows[run].first + i < s->shape->levels; i++)
            column[i * s->shape->vector] = windows[run].costs[i];
    }
}

static void step_time(const batch_search *s, uint64_t time) {
    const unsigned count = count_at(s, time);
    const size_t size = (size_t)s->shape->levels * s->shape->vector;
    uint64_t *bases = bases_at(s, time + 1);
    memset(bases, 0, BATCH_RUNS_MAX * sizeof *bases);
    for (unsigned c = 0; c < s->shape->C; c++) {
        unsigned char *costs = s->batch->costs + c * size;
        if (c >= count)
            memset(costs, 0, size);
        else if (s->fast)
            make_fast_costs(s, time, c, costs);
        else
            make_exact_costs(s, time, c, costs, bases);
    }
    s->tables->kernel->step(s->shape, s->batch->costs, row_at(s, time), least_at(s, time), row_at(s, time + 1), least_at(s, time + 1));
}

/* ---- The way back. ---- */

/* The seed at `time` that gives group g of the row after it its cost: least cost, then least digit. With UNPROVED where that cost did not
 * suffice. */
static uint32_t exact_seed(const batch_search *s, unsigned run, uint64_t time, uint32_t g) {
    const batch_shape *shape = s->shape;
    const unsigned char *before = row_at(s, time) + 2 * run;
    const unsigned smallest = lane(s, least_at(s, time), run), count = count_at(s, time);
    const int32_t *targets = targets_at(s, run, time);
    trellis_weight weights[SLM_C_MAX];
    for (unsigned c = 0; s->of != NULL && c < count; c++)
        weights[c] = weight_at(s, run, time, c);
    uint64_t least = UINT64_MAX;
    uint32_t best = 0;
    for (uint32_t d = 0; d < 1u << shape->k; d++) {
        const uint32_t state = g << shape->k | d;
        uint16_t from;
        memcpy(&from, before + batch_place(shape, state & (shape->groups - 1)), sizeof from);
        const uint64_t cost = from - smallest + trellis_branch(s->search, targets, s->of ? weights : NULL, count, state);
        if (cost < least) {
            least = cost;
            best = state;
        }
    }
    const unsigned stored = lane(s, row_at(s, time + 1) + batch_place(shape, g), run);
    return least == stored + bases_at(s, time + 1)[run] ? best : best | UNPROVED;
}

static uint32_t fast_seed(const batch_search *s, unsigned run, uint64_t time, uint32_t g) {
    const batch_shape *shape = s->shape;
    const unsigned char *before = row_at(s, time) + run;
    const unsigned smallest = least_at(s, time)[run], count = count_at(s, time);
    const int32_t *values = trellis_values(s->search, g << shape->k);
    unsigned least = FAST_COST_MAX; /* costs that saturate are all alike */
    uint32_t best = g << shape->k;
    for (uint32_t d = 0; d < 1u << shape->k; d++, values += shape->C) {
        const uint32_t state = g << shape->k | d;
        unsigned cost = before[batch_place(shape, state & (shape->groups - 1))] - smallest;
        for (unsigned c = 0; c < count; c++)
            cost += fast_cost(&windows_at(s, time, c)[run], (uint8_t)((unsigned)(values[c] + (int32_t)shape->levels - 1) / 2));
        if (cost < least) {
            least = cost;
            best = state;
        }
    }
    return least < FAST_COST_MAX ? best : best | UNPROVED;
}

/* The lines of a row that the search for the seed before group g will read. */
static void ask_ahead(const batch_search *s, uint64_t time, uint32_t g, unsigned run) {
#if defined(__GNUC__)
    const batch_shape *shape = s->shape;
    const unsigned char *before = row_at(s, time) + run * (s->shape->vector / s->tables->kernel->runs);
    for (uint32_t d = 0; d < 1u << shape->k; d += 64 / shape->vector)
        __builtin_prefetch(before + batch_place(shape, (g << shape->k | d) & (shape->groups - 1)));
#else
    (void)s, (void)time, (void)g, (void)run;
#endif
}

/* Follows the paths of all runs from their best groups at time `to` back to where they meet those found before. */
static void follow(batch_search *s, uint64_t to) {
    const uint64_t oldest = to < s->batch->rows ? 0 : to - s->batch->rows + 1;
    uint32_t groups[BATCH_RUNS_MAX];
    unsigned list[BATCH_RUNS_MAX], count = 0;
    s->tables->kernel->find(s->shape, row_at(s, to), least_at(s, to), groups);
    for (unsigned run = 0; run < s->runs; run++)
        list[count++] = run;
    for (uint64_t time = to; time-- > oldest && count != 0;) {
        unsigned left = 0;
        for (unsigned i = 0; i < count; i++) {
            const unsigned run = list[i];
            uint32_t *path = s->batch->paths + (size_t)(run * s->times);
            const uint32_t seed = s->fast ? fast_seed(s, run, time, groups[run]) : exact_seed(s, run, time, groups[run]);
            if (time < s->known && path[time] == seed)
                continue;
            path[time] = seed;
            groups[run] = seed & (s->shape->groups - 1);
            if (time != oldest)
                ask_ahead(s, time - 1, groups[run], run);
            list[left++] = run;
        }
        count = left;
    }
    for (unsigned i = 0; oldest != 0 && i < count; i++)
        s->lost[list[i]] = true;
    s->known = to;
}

/* ---- The search. ---- */

static slm_status make_targets(const batch_search *s, const slm_coding *coding, unsigned run, const float *weights, uint16_t scale) {
    int32_t *targets = s->batch->targets + (size_t)(run * s->times * s->shape->C);
    trellis_targets made;
    const slm_status status = slmi_trellis_targets_prepare(&made, coding, s->search->grid, weights, scale);
    if (status != SLM_OK)
        return status;
    slmi_trellis_targets_make(&made, 0, (size_t)s->weights, targets);
    if (s->of != NULL)
        trellis_draw_in(targets, (size_t)s->weights);
    return SLM_OK;
}

static void search_together(batch_search *s) {
    memset(s->batch->row, 0, s->shape->row_bytes); /* the first seed is free */
    memset(s->batch->least, 0, BATCH_VECTOR_MAX);
    for (uint64_t time = 1; time <= s->times; time++) {
        step_time(s, time - 1);
        if (time == s->times || time - s->known == STRIDE)
            follow(s, time);
    }
}

static bool write_codes(const batch_search *s, unsigned run, uint8_t *codes, size_t bytes) {
    const uint32_t *path = s->batch->paths + (size_t)(run * s->times);
    memset(codes, 0, bytes);
    uint32_t all = 0;
    for (uint64_t time = 0; time < s->times; time++) {
        trellis_write_seed(&s->search->shape, codes, time, s->times, path[time] & ~UNPROVED);
        all |= path[time];
    }
    return !(all & UNPROVED);
}

/* Runs of a call, by number. */
typedef struct run_list {
    const slm_coding *coding;
    const float *weights;
    const uint16_t *scales;
    uint8_t *codes;
    uint64_t first_element;
    size_t bytes; /* of a run's codes */
    size_t *runs;
    size_t count;
} run_list;

static slm_status search_alone(const trellis_search *search, trellis_scratch *scratch, const run_list *list, size_t run,
                               trellis_width width) {
    const uint64_t length = list->coding->run_length;
    uint64_t first;
    const importance *of = slmi_trellis_scratch_importance(scratch, &first);
    slmi_trellis_scratch_weigh(scratch, of, list->first_element + run * length);
    return slmi_trellis_find_codes_from(search, scratch, list->coding, list->weights + run * length, list->scales[run], width,
                                        list->codes + run * list->bytes, NULL);
}

/* Searches the first runs of the list, as many as there are lanes for. Those whose fast costs did not suffice stay in the list. */
static slm_status search_some(const trellis_search *search, trellis_scratch *scratch, run_list *list, trellis_width width, size_t begin,
                              size_t count, size_t *kept) {
    batch_search s = {
        .search = search, .fast = width == TRELLIS_FAST, .batch = slmi_trellis_scratch_batch(scratch), .runs = (unsigned)count};
    uint64_t first;
    s.of = slmi_trellis_scratch_importance(scratch, &first);
    s.tables = &search->batch[s.fast];
    s.shape = &s.tables->shape;
    s.weights = list->coding->run_length;
    s.times = slm_profile_blocks(&search->profile, s.weights);
    for (unsigned i = 0; i < count; i++) {
        const size_t run = list->runs[begin + i];
        s.elements[i] = list->first_element + run * s.weights;
        const slm_status status = make_targets(&s, list->coding, i, list->weights + run * s.weights, list->scales[run]);
        if (status != SLM_OK)
            return status;
    }
    search_together(&s);
    for (unsigned i = 0; i < count; i++) {
        const size_t run = list->runs[begin + i];
        const bool proved = write_codes(&s, i, list->codes + run * list->bytes, list->bytes) && !s.lost[i];
        if (!proved && s.fast && !s.lost[i]) {
            list->runs[(*kept)++] = run;
        } else if (!proved) {
            const slm_status status = search_alone(search, scratch, list, run, width);
            if (status != SLM_OK)
                return status;
        }
    }
    return SLM_OK;
}

static slm_status search_list(const trellis_search *search, trellis_scratch *scratch, run_list *list, trellis_width width) {
    const trellis_batch_kernel *kernel = search->batch[width == TRELLIS_FAST].kernel;
    size_t kept = 0;
    slm_status status = SLM_OK;
    for (size_t i = 0; i < list->count && status == SLM_OK;) {
        const size_t left = list->count - i;
        /* With few of its lanes taken a batch costs more than its runs alone. */
        if (slmi_trellis_scratch_batch(scratch) == NULL || kernel == NULL || left * 5 < kernel->runs * 2) {
            status = search_alone(search, scratch, list, list->runs[i++], width);
        } else {
            const size_t count = left < kernel->runs ? left : kernel->runs;
            status = search_some(search, scratch, list, width, i, count, &kept);
            i += count;
        }
    }
    list->count = kept;
    return status;
}

slm_status slmi_trellis_find_codes_of(const trellis_search *search, trellis_scratch *scratch, const slm_coding *coding,
                                      const float *weights, const uint16_t *scales, size_t count, uint8_t *codes) {
    size_t runs[2 * BATCH_RUNS_MAX];
    uint64_t first;
    const importance *of = slmi_trellis_scratch_importance(scratch, &first);
    const size_t bytes = (size_t)slm_profile_run_bytes(&search->profile, coding->run_length);
    slm_status status = SLM_OK;
    for (size_t begin = 0; begin < count && status == SLM_OK; begin += 2 * BATCH_RUNS_MAX) {
        run_list list = {coding, weights, scales, codes, first, bytes, runs, 0};
        for (; list.count < 2 * BATCH_RUNS_MAX && begin + list.count < count; list.count++)
            runs[list.count] = begin + list.count;
        if (search->fast && of == NULL)
            status = search_list(search, scratch, &list, TRELLIS_FAST);
        if (status == SLM_OK)
            status = search_list(search, scratch, &list, TRELLIS_NARROW);
    }
    slmi_trellis_scratch_weigh(scratch, of, first);
    return status;
}

unsigned slmi_trellis_runs_together(const trellis_search *search) {
    const trellis_batch_kernel *kernel = search->batch[search->fast].kernel;
    return kernel != NULL ? kernel->runs : 1;
}

slm_status slmi_trellis_encode_runs(const trellis_search *search, trellis_scratch *scratch, const slm_coding *coding, const float *weights,
                                    const uint16_t *scales, size_t count, uint8_t *codes, search_stats *stats) {
    const uint64_t length = coding->run_length;
    const size_t bytes = (size_t)slm_profile_run_bytes(&search->profile, length);
    uint64_t first;
    const importance *of = slmi_trellis_scratch_importance(scratch, &first);
    const slm_status status = slmi_trellis_find_codes_of(search, scratch, coding, weights, scales, count, codes);
    for (size_t run = 0; run < count && status == SLM_OK; run++)
        slmi_trellis_measure(search, coding, weights + run * length, of, first + run * length, scales[run], codes + run * bytes,
                             &stats[run]);
    return status;
}
