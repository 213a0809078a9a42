/* Block coding's search with all its tables, record by record against a plain one: every seed in order, passed over only where its
 * least-squares residual alone is above the best error so far.
 *
 *   check_block_search                 a slice: five profiles, ten kinds of weights, every kernel of this machine
 *   check_block_search --short N       of that slice profile N alone
 *   check_block_search --million [N [D [FILE]]]   a million weights for profile N (1..5; 0 or none: all), the first two being paper-4
 *                                      and paper-3; a D-th of them. FILE (check_record.h): parts named there are not done again
 */
#include <stdbool.h>

#include "block_reference.h"
#include "check_record.h"
#include "encode/block_search.h"
#include "weights_fixture.h"

#define KINDS (WEIGHTS_KINDS + 1) /* those drawn, and real ones */
#define BATCH 4096

typedef struct plain_seed {
    int64_t matrix[SLM_C_MAX * SLM_P_MAX];
    double basis[SLM_P_MAX][SLM_C_MAX];
    double triangle[SLM_P_MAX][SLM_P_MAX];
} plain_seed;

typedef struct plain_search {
    slm_profile profile;
    plain_seed *seeds; /* bases of all seeds once, as the search proper is given tables once */
    float *bases;      /* columns x C x seeds: for the residuals */
    float *sums;       /* of each seed */
    uint32_t count;
} plain_search;

/* Gram-Schmidt twice over; a column that depends on those before it has a basis vector of 0. */
static void factorise(const slm_profile *p, plain_seed *seed) {
    for (unsigned i = 0; i < p->P; i++) {
        double column[SLM_C_MAX], whole = 0, square = 0;
        for (unsigned c = 0; c < p->C; c++) {
            column[c] = (double)seed->matrix[c * p->P + i];
            whole += column[c] * column[c];
        }
        for (unsigned j = 0; j < p->P; j++) {
            seed->triangle[j][i] = 0;
        }
        for (unsigned twice = 0; twice < 2; twice++) {
            for (unsigned j = 0; j < i; j++) {
                double product = 0;
                for (unsigned c = 0; c < p->C; c++) {
                    product += seed->basis[j][c] * column[c];
                }
                seed->triangle[j][i] += product;
                for (unsigned c = 0; c < p->C; c++) {
                    column[c] -= product * seed->basis[j][c];
                }
            }
        }
        for (unsigned c = 0; c < p->C; c++) {
            square += column[c] * column[c];
        }
        const bool depends = !(square > 1e-18 * whole);
        seed->triangle[i][i] = depends ? 0 : sqrt(square);
        for (unsigned c = 0; c < p->C; c++) {
            seed->basis[i][c] = depends ? 0 : column[c] / sqrt(square);
        }
    }
}

static bool plain_create(plain_search *plain, const slm_profile *p) {
    plain->profile = *p;
    plain->count = UINT32_C(1) << p->K;
    plain->seeds = calloc(plain->count, sizeof *plain->seeds);
    plain->bases = calloc((size_t)plain->count * p->P * p->C, sizeof *plain->bases);
    plain->sums = calloc(plain->count, sizeof *plain->sums);
    if (plain->seeds == NULL || plain->bases == NULL || plain->sums == NULL) {
        return false;
    }
    for (uint32_t s = 1; s < plain->count; s++) {
        reference_matrix(p, s, plain->seeds[s].matrix);
        factorise(p, &plain->seeds[s]);
        for (unsigned i = 0; i < p->P; i++) {
            for (unsigned c = 0; c < p->C; c++) {
                plain->bases[((size_t)i * p->C + c) * plain->count + s] = (float)plain->seeds[s].basis[i][c];
            }
        }
    }
    return true;
}

static void plain_free(plain_search *plain) {
    free(plain->seeds);
    free(plain->bases);
    free(plain->sums);
}

#define TOGETHER 256 /* seeds, so that their sums stay in the first cache; 2^K is a multiple where K is 8 or more */

/* Squared lengths of the target's parts inside all seeds' spaces. */
static void plain_inside(const plain_search *plain, const double *x, double length) {
    const slm_profile *p = &plain->profile;
    memset(plain->sums, 0, plain->count * sizeof *plain->sums);
    for (uint32_t first = 0; first < plain->count; first += TOGETHER) {
        for (unsigned i = 0; i < p->P; i++) {
            float products[TOGETHER] = {0};
            for (unsigned c = 0; c < p->C; c++) {
                const float *column = plain->bases + ((size_t)i * p->C + c) * plain->count + first;
                const float coordinate = (float)(x[c] / length);
                for (uint32_t s = 0; s < TOGETHER; s++) {
                    products[s] += column[s] * coordinate;
                }
            }
            for (uint32_t s = 0; s < TOGETHER; s++) {
                plain->sums[first + s] += products[s] * products[s];
            }
        }
    }
}

typedef struct plain_best {
    double error;
    uint64_t record;
} plain_best;

static void consider(const plain_search *plain, uint32_t s, unsigned e, const int *q, const double *x, plain_best *best) {
    const double error = reference_error(&plain->profile, plain->seeds[s].matrix, e, q, x, plain->profile.C);
    if (error < best->error) { /* candidates come in the order that breaks ties */
        best->error = error;
        best->record = reference_record(&plain->profile, s, e, q);
    }
}

/* All q within reach, the last coefficients chosen first, found in any order: `found` keeps the smallest of equal ones. */
static void descend(const plain_search *plain, uint32_t s, unsigned e, const double *y, double partial, unsigned level, int *q,
                    const double *x, double length, plain_best *best, int *best_q) {
    const slm_profile *p = &plain->profile;
    const int low = -(1 << (p->B - 1)), high = -low - 1;
    const double *row = plain->seeds[s].triangle[level];
    const double step = (double)(UINT32_C(1) << e);
    double rest = y[level];
    for (unsigned j = level + 1; j < p->P; j++) {
        rest -= row[j] * q[j] * step;
    }
    for (int tried = low; tried <= high; tried++) {
        const double distance = rest - row[level] * tried * step;
        if (partial + distance * distance > best->error * (1 + 1e-9) + 1e-9 * length * length) {
            continue;
        }
        q[level] = tried;
        if (level > 0) {
            descend(plain, s, e, y, partial + distance * distance, level - 1, q, x, length, best, best_q);
            continue;
        }
        const double error = reference_error(p, plain->seeds[s].matrix, e, q, x, p->C);
        bool smaller = false;
        if (error == best->error && best_q[SLM_P_MAX] == (int)e) { /* the same seed and exponent: q_0 decides, then q_1 ... */
            for (unsigned i = 0; i < p->P && !smaller && q[i] <= best_q[i]; i++) {
                smaller = q[i] < best_q[i];
            }
        }
        if (error < best->error || smaller) {
            best->error = error;
            best->record = reference_record(p, s, e, q);
            memcpy(best_q, q, p->P * sizeof *q);
            best_q[SLM_P_MAX] = (int)e;
        }
    }
}

/* The paper's candidate from a least-squares solution. */
static void paper(const plain_search *plain, uint32_t s, const double *x, plain_best *best) {
    const slm_profile *p = &plain->profile;
    const int low = -(1 << (p->B - 1)), high = -low - 1, top = (1 << p->E) - 1;
    long double t[SLM_P_MAX], largest = 0;
    int q[SLM_P_MAX];
    reference_least_squares(p, plain->seeds[s].matrix, x, p->C, t);
    for (unsigned i = 0; i < p->P; i++) {
        largest = fabsl(t[i]) > largest ? fabsl(t[i]) : largest;
    }
    int e = largest > 0 ? (int)ceill(log2l(largest / ((long double)high + 0.5L))) : 0;
    e = e < 0 ? 0 : e > top ? top : e;
    for (unsigned i = 0; i < p->P; i++) {
        const long double rounded = rintl(t[i] / (long double)(1 << e));
        q[i] = rounded < low ? low : rounded > high ? high : (int)rounded;
    }
    consider(plain, s, (unsigned)e, q, x, best);
}

/* Whether the residual alone makes a seed worse than the best so far; 1e-4 is far more than float sums can be wrong by. */
static bool is_out(const plain_search *plain, uint32_t s, double square, const plain_best *best) {
    return square > 0 && (1 - (double)plain->sums[s] - 1e-4) * square > best->error;
}

static plain_best plain_paper(const plain_search *plain, const double *x, double square) {
    plain_best best = {INFINITY, 0};
    for (uint32_t s = 1; s < plain->count && best.error > 0; s++) {
        if (!is_out(plain, s, square, &best)) {
            paper(plain, s, x, &best);
        }
    }
    return best;
}

/* `bound`: the error of some candidate. */
static plain_best plain_exact(const plain_search *plain, const double *x, double square, double bound) {
    const slm_profile *p = &plain->profile;
    plain_best best = {nextafter(bound, INFINITY), 0};
    for (uint32_t s = 1; s < plain->count && best.error > 0; s++) {
        if (is_out(plain, s, square, &best)) {
            continue;
        }
        double y[SLM_P_MAX], inside = 0;
        int q[SLM_P_MAX], best_q[SLM_P_MAX + 1] = {0};
        for (unsigned i = 0; i < p->P; i++) {
            y[i] = 0;
            for (unsigned c = 0; c < p->C; c++) {
                y[i] += plain->seeds[s].basis[i][c] * x[c];
            }
            inside += y[i] * y[i];
        }
        best_q[SLM_P_MAX] = -1; /* what is best so far is a smaller seed's */
        const double floor = square - inside > 0 ? square - inside : 0;
        for (unsigned e = 0; e < 1U << p->E; e++) {
            descend(plain, s, e, y, floor, p->P - 1U, q, x, sqrt(square), &best, best_q);
        }
    }
    return best;
}

enum { EXACT, PAPER, MODES };
static const slm_search modes[MODES] = {SLM_SEARCH_EXACT, SLM_SEARCH_PAPER};
static const char *const mode_names[MODES] = {"exact", "paper"};

/* Both searches' results. The paper's is a candidate of the exact search too, so its error is a bound. */
static void plain_run(const plain_search *plain, const double *x, plain_best best[MODES]) {
    double square = 0;
    for (unsigned c = 0; c < plain->profile.C; c++) {
        square += x[c] * x[c];
    }
    if (square > 0) {
        plain_inside(plain, x, sqrt(square));
    }
    best[PAPER] = plain_paper(plain, x, square);
    best[EXACT] = plain_exact(plain, x, square, best[PAPER].error);
}

typedef struct kernel_search {
    block_search *search;
    block_scratch *scratch;
} kernel_search;

static const char *const kernels[] = {"scalar", "avx2", "avx512"};
enum { KERNELS = sizeof kernels / sizeof kernels[0] };

/* Targets of `count` blocks of a kind; false where there are no such weights. */
static bool draw(const slm_profile *p, unsigned kind, uint64_t *state, double *targets, size_t count) {
    const size_t weights = count * p->C;
    float *values = malloc(weights * sizeof *values);
    double largest = 0;
    bool there = values != NULL;
    if (there && kind == WEIGHTS_KINDS) {
        const size_t read = real_weights(values, weights);
        there = read > 0;
        if (!there) {
            printf("no real weights: SLM_TEST_DATA has to name the folder tests/data\n");
        }
        for (size_t i = read; there && i < weights; i++) {
            values[i] = values[i - read];
        }
    }
    for (size_t i = 0; there && i < weights; i++) {
        values[i] = kind < WEIGHTS_KINDS ? random_weight(state, (weights_kind)kind) : values[i];
        largest = fabs((double)values[i]) > largest ? fabs((double)values[i]) : largest;
    }
    /* As the encoder's scale does: the largest weight is near what the top exponent reaches. */
    const double reach = ldexp(1, (1 << p->E) - 1 + p->B - 2 + p->W - 1);
    for (size_t i = 0; there && i < weights; i++) {
        targets[i] = largest > 0 ? (double)values[i] / largest * reach * 0.9 : 0;
    }
    free(values);
    return there;
}

typedef kernel_search searches_of[MODES][KERNELS];

static bool compare(const plain_search *plain, searches_of searches, const double *targets, size_t count, const char *what) {
    const slm_profile *p = &plain->profile;
    uint64_t *records[MODES][KERNELS] = {{NULL}};
    double *errors = malloc(count * sizeof *errors);
    bool good = errors != NULL;
    for (unsigned i = 0; i < MODES * KERNELS && good; i++) {
        const kernel_search *search = &searches[i / KERNELS][i % KERNELS];
        uint64_t *found = records[i / KERNELS][i % KERNELS] = malloc(count * sizeof *found);
        good = found != NULL;
        if (good && search->search != NULL) {
            (void)slmi_block_search_run(search->search, search->scratch, targets, count, found, errors);
        }
    }
    for (size_t b = 0; b < count && good; b++) {
        plain_best best[MODES];
        plain_run(plain, targets + b * p->C, best);
        for (unsigned i = 0; i < MODES * KERNELS && good; i++) {
            const unsigned m = i / KERNELS, k = i % KERNELS;
            if (searches[m][k].search != NULL && records[m][k][b] != best[m].record) {
                printf("%s, %s, %s, block %zu: %016llx, plainly %016llx (error %.17g)\n", what, mode_names[m], kernels[k], b,
                       (unsigned long long)records[m][k][b], (unsigned long long)best[m].record, best[m].error);
                good = false;
            }
        }
    }
    for (unsigned i = 0; i < MODES * KERNELS; i++) {
        free(records[i / KERNELS][i % KERNELS]);
    }
    free(errors);
    return good;
}

/* Parts of a million of each kind; those that search all seeds for nothing are few. */
static const struct {
    const char *name;
    unsigned weights;
} shares[KINDS] = {{"gaussian", 400000}, {"laplace", 100000}, {"student", 150000}, {"zero", 2000},    {"constant", 4000},
                   {"tiny", 10000},      {"huge", 34000},     {"sparse", 50000},   {"uneven", 50000}, {"real", 200000}};

static bool create(const slm_profile *p, searches_of searches) {
    for (unsigned i = 0; i < MODES * KERNELS; i++) {
        kernel_search *made = &searches[i / KERNELS][i % KERNELS];
        if (slmi_block_search_create(&made->search, p, p->C, modes[i / KERNELS], kernels[i % KERNELS], NULL) != SLM_OK) {
            made->search = NULL; /* not on this machine */
            continue;
        }
        slmi_block_search_prepare(made->search, UINT64_C(1) << 40, 1);
        if (slmi_block_scratch_create(&made->scratch, made->search, false, NULL) != SLM_OK) {
            return false;
        }
    }
    return true;
}

static void destroy(searches_of searches) {
    for (unsigned i = 0; i < MODES * KERNELS; i++) {
        if (searches[i / KERNELS][i % KERNELS].search != NULL) {
            slmi_block_scratch_free(searches[i / KERNELS][i % KERNELS].scratch);
            slmi_block_search_free(searches[i / KERNELS][i % KERNELS].search);
        }
    }
}

static bool check_kind(const plain_search *plain, searches_of searches, unsigned kind, size_t blocks, const char *what) {
    const slm_profile *p = &plain->profile;
    uint64_t state = 7 + kind;
    bool good = true;
    for (size_t left = blocks, count; left > 0 && good; left -= count) {
        count = left < BATCH ? left : BATCH;
        double *targets = malloc(count * p->C * sizeof *targets);
        good = targets != NULL && draw(p, kind, &state, targets, count) && compare(plain, searches, targets, count, what);
        free(targets);
    }
    return good;
}

static bool check_profile(const slm_profile *p, bool million, unsigned divisor, check_record *record) {
    plain_search plain = {0};
    searches_of searches = {{{NULL, NULL}}};
    bool good = true, made = false;
    size_t total = 0;
    for (unsigned kind = 0; kind < KINDS && good; kind++) {
        const size_t blocks = million ? shares[kind].weights / divisor / p->C + 1 : kind == WEIGHTS_ZERO ? 2 : 24;
        char what[100];
        (void)snprintf(what, sizeof what, "K %u step %u W %u P %u C %u E %u B %u norm %u, %s, %zu weights", p->K, p->step, p->W, p->P, p->C,
                       p->E, p->B, p->norm, shares[kind].name, blocks * p->C);
        total += blocks;
        if (check_record_has(record, what)) {
            continue;
        }
        if (!made) {
            made = true;
            good = plain_create(&plain, p) && create(p, searches);
        }
        good = good && check_kind(&plain, searches, kind, blocks, what);
        if (good) {
            check_record_add(record, what);
        }
    }
    destroy(searches);
    plain_free(&plain);
    printf("K %u step %u W %u P %u C %u E %u B %u norm %u: %zu weights, exact and paper: %s\n", p->K, p->step, p->W, p->P, p->C, p->E, p->B,
           p->norm, total * p->C, good ? "equal" : "NOT EQUAL");
    (void)fflush(stdout);
    return good;
}

int main(int argc, char **argv) {
    static const slm_profile profiles[] = {
        {.coding = SLM_CODING_BLOCK, .K = 16, .step = 1, .W = 16, .P = 3, .C = 8, .E = 4, .B = 4, .norm = 1},  /* paper-4 */
        {.coding = SLM_CODING_BLOCK, .K = 16, .step = 1, .W = 16, .P = 4, .C = 12, .E = 4, .B = 4, .norm = 1}, /* paper-3 */
        {.coding = SLM_CODING_BLOCK, .K = 13, .step = 1, .W = 4, .P = 6, .C = 8, .E = 1, .B = 3, .norm = 1},
        {.coding = SLM_CODING_BLOCK, .K = 14, .step = 3, .W = 8, .P = 2, .C = 5, .E = 3, .B = 4, .norm = 0},
        {.coding = SLM_CODING_BLOCK, .K = 12, .step = 1, .W = 12, .P = 3, .C = 14, .E = 3, .B = 5, .norm = 1},
    };
    const bool million = argc > 1 && strcmp(argv[1], "--million") == 0;
    const int chosen = argc > 2 ? atoi(argv[2]) : 0;
    const int divisor_given = argc > 3 ? atoi(argv[3]) : 1;
    const unsigned divisor = divisor_given > 0 ? (unsigned)divisor_given : 1;
    check_record record = {argc > 4 ? argv[4] : NULL};
    bool good = true;
    for (int i = 0; i < (int)(sizeof profiles / sizeof profiles[0]); i++) {
        slm_profile p = profiles[i];
        if (chosen != 0 && chosen != i + 1) {
            continue;
        }
        if (!million && p.K > 12) {
            p.W = p.W == p.K ? 12 : p.W;
            p.K = 12; /* the lists of 65,535 seeds take the plain kernel too long */
        }
        p.taps = slm_lfsr_table6(p.K);
        good = slm_profile_check(&p, NULL) == SLM_OK && check_profile(&p, million, divisor, &record) && good;
    }
    return good ? 0 : 1;
}
