/* trellis_feedback.c: a run coded with the errors of columns that are done fed into the targets of those to come.
 *
 * The search goes forward as ever, but a time's targets are made when it gets there: with the errors that the best path up to there makes
 * of the columns before. A window of times is searched so; the first part of its best path is kept, the rest is searched again in the next
 * window, with what is true by then. Doubles in one order, no machine differs.
 */
#include <math.h>
#include <string.h>

#include "../decode/round.h"
#include "bfloat.h"
#include "hessian.h"
#include "rotate.h"
#include "trellis_viterbi.h"

#define IMPOSSIBLE ((uint64_t)1 << 62) /* more than any path costs */

/* Seeds of a window that are kept, and that are looked ahead: measured, libslm/doc/quality.md. */
#define KEPT 40u
#define AHEAD 24u
#define CODE_LOSS 1.1 /* squared error of a good code times 4^rate, N(0, 1) */

/* A run on its way. */
typedef struct feedback {
    const trellis_search *search;
    const slm_hessian *of;
    uint64_t n;
    double unit;                 /* the scale */
    const double *wanted;        /* the weights, rotated where the coding is */
    double *targets;             /* and what to aim at */
    double *pushed;              /* errors as the targets know them */
    uint32_t path[KEPT + AHEAD]; /* the window's seeds on the best path so far */
    uint64_t first;              /* weight of the window's first seed */
} feedback;

/* round(target * 2^grid / scale), drawn in to what weighted searches take. */
static int32_t on_grid(const trellis_search *search, double target, double scale) {
    const double x = floor(ldexp(target / scale, search->grid) + 0.5);
    const double most = TRELLIS_WEIGHTED_TARGET_MAX;
    return (int32_t)(x > most ? most : x < -most ? -most : x);
}

/* x U D U^T x^T; `sums` is working memory. */
static double norm_of(const slm_hessian *of, const double *x, double *sums) {
    double norm = 0;
    memset(sums, 0, (size_t)of->columns * sizeof *sums);
    for (uint64_t i = 0; i < of->columns; i++) {
        const double sum = sums[i] + x[i];
        norm += of->pivots[i] * (sum * sum);
        hessian_push(of, i, x[i], sums);
    }
    return norm;
}

/* The targets learn what the path's seed makes of the weights of the window's time r. */
static void tell(feedback *f, size_t r) {
    const unsigned C = f->search->profile.C;
    const int32_t *values = trellis_values(f->search, f->path[r]);
    const uint64_t begin = f->first + (uint64_t)r * C;
    for (uint64_t i = begin; i < f->n && i < begin + C; i++) {
        const double error = f->wanted[i] - values[i - begin] * f->unit;
        if (error < f->pushed[i] || error > f->pushed[i])
            hessian_push(f->of, i, error - f->pushed[i], f->targets);
        f->pushed[i] = error;
    }
}

/* Forgets what the targets were told of the window's times from r on. */
static void forget(const feedback *f, size_t r) {
    for (uint64_t i = f->first + (uint64_t)r * f->search->profile.C; i < f->n; i++) {
        if (f->pushed[i] < 0 || f->pushed[i] > 0)
            hessian_push(f->of, i, -f->pushed[i], f->targets);
        f->pushed[i] = 0;
    }
}

static uint32_t best_group(const viterbi *v, size_t r) {
    uint32_t g = 0;
    while (cost_of(v, &v->scratch->rows[r], g) != 0)
        g++;
    return g;
}

/* Follows the best path back from row r until it is the one that was followed last; the targets learn where it differs. */
static void follow(feedback *f, const viterbi *v, size_t r) {
    uint32_t g = best_group(v, r);
    size_t t = r;
    while (t > 0) {
        uint64_t cost;
        const uint32_t seed = slmi_viterbi_seed_before(v, t, g, &cost);
        if (f->path[t - 1] == seed)
            break;
        f->path[--t] = seed;
        g = seed & (v->shape->groups - 1);
    }
    for (; t < r; t++)
        tell(f, t);
}

/* Row 0 where only one group is possible. */
static void start_from(const viterbi *v, uint32_t group) {
    for (uint32_t g = 0; g < v->shape->padded; g++) {
        const bool possible = (g & (v->shape->groups - 1)) == group;
        if (v->wide)
            ((uint64_t *)v->scratch->rows[0].costs)[g] = possible ? 0 : IMPOSSIBLE;
        else
            ((uint16_t *)v->scratch->rows[0].costs)[g] = possible ? 0 : TRELLIS_COST_MAX;
    }
}

/* Searches the window's `steps` seeds, to f->path; false where 16 bits did not suffice. */
static bool search_window(feedback *f, viterbi *v, size_t steps, const uint32_t *group) {
    const unsigned C = v->shape->C;
    slmi_viterbi_set_up(v, v->wide);
    if (group)
        start_from(v, *group);
    memset(f->path, 0xFF, sizeof f->path); /* no seed is that */
    for (size_t r = 0; r < steps; r++) {
        for (uint64_t c = 0; c < C && r * C + c < v->weights; c++)
            v->scratch->targets[r * C + c] = on_grid(f->search, f->targets[f->first + r * C + c], f->unit);
        slmi_viterbi_step(v, r, &v->scratch->rows[r], &v->scratch->rows[r + 1]);
        follow(f, v, r + 1);
    }
    uint32_t g = best_group(v, steps);
    for (size_t r = steps; r > 0; r--) {
        uint64_t cost;
        const cost_row *row = &v->scratch->rows[r];
        f->path[r - 1] = slmi_viterbi_seed_before(v, r, g, &cost);
        if (cost != cost_of(v, row, g) + row->smallest + row->base)
            return false;
        g = f->path[r - 1] & (v->shape->groups - 1);
    }
    return !group || g == *group;
}

/* A window in 64 bits takes what four have in 16, and scales are tried on as much. */
uint64_t slmi_trellis_feedback_scratch(const slm_profile *profile) { return UINT64_C(4) * (KEPT + AHEAD + 1) * profile->C; }

uint16_t slmi_trellis_feedback_scale(const trellis_search *search, const slm_coding *coding, const slm_hessian *of, uint16_t scale) {
    const slm_profile *profile = &search->profile;
    if (scale_needs_power(profile, coding->rotation))
        return scale;
    /* A good code misses targets of variance 1 by `miss`, and misses come back `growth` times: the targets' variance is v = 1 + growth miss
     * v. */
    const unsigned whole = profile->k / profile->C;
    const double miss = CODE_LOSS * ldexp(1 - 0.75 * (profile->k - whole * profile->C) / profile->C, -2 * (int)whole);
    const double part = of->growth * miss;
    return bfloat_at_least(bfloat_value(scale) * sqrt(1 / (1 - (part < 0.5 ? part : 0.5))), 0);
}

slm_status slmi_trellis_encode_feedback(const trellis_search *search, trellis_scratch *scratch, const slm_coding *coding,
                                        const slm_hessian *of, double *work, const float *weights, uint16_t scale, uint8_t *codes,
                                        search_stats *stats) {
    const slm_profile *profile = &search->profile;
    const uint64_t n = coding->run_length, times = slm_profile_blocks(profile, n);
    unsigned significand;
    int exponent;
    if (!trellis_scale_parts(scale, &significand, &exponent))
        return SLM_E_SCALE;
    double *wanted = work;
    feedback f = {.search = search, .of = of, .n = n, .wanted = wanted, .targets = work + n, .pushed = work + 2 * n};
    f.unit = ldexp(significand, exponent);
    for (uint64_t i = 0; i < n; i++) {
        wanted[i] = (double)weights[i];
        f.pushed[i] = 0;
    }
    if (coding->rotation)
        slmi_rotate_weights(coding, wanted, n, 0);
    const double norm = norm_of(of, wanted, f.targets);
    memcpy(f.targets, wanted, (size_t)n * sizeof *wanted);
    memset(codes, 0, (size_t)slm_profile_run_bytes(profile, n));
    uint32_t group = 0;
    for (uint64_t time = 0; time < times;) {
        const size_t steps = times - time < KEPT + AHEAD ? (size_t)(times - time) : KEPT + AHEAD;
        const bool last = time + steps == times;
        f.first = time * profile->C;
        viterbi v = {.search = search, .shape = &search->shape, .scratch = scratch, .times = steps};
        v.weights = n - f.first < steps * profile->C ? n - f.first : steps * profile->C;
        slmi_trellis_scratch_weigh(scratch, &of->search, f.first);
        while (!search_window(&f, &v, steps, time ? &group : NULL) && !v.wide) {
            forget(&f, 0);
            v.wide = true;
        }
        const size_t kept = last ? steps : KEPT;
        for (size_t r = 0; r < kept; r++, time++) {
            tell(&f, r);
            trellis_write_seed(&search->shape, codes, time, times, f.path[r]);
        }
        forget(&f, kept);
        group = f.path[kept - 1] >> profile->k;
    }
    slmi_trellis_measure(search, coding, weights, NULL, 0, scale, codes, stats);
    stats->weighted_norm = of->norm * norm;
    stats->weighted_error = of->norm * norm_of(of, f.pushed, f.targets);
    return SLM_OK;
}
