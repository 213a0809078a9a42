/* Inside one seed: the closest point of the lattice 2^e U q with q in a box, by depth-first enumeration; and the paper's rounding. */
#include "block_candidate.h"

#include <math.h>

double slmi_candidate_error(const double *target, const double *integers, unsigned rows) {
    double sum = 0;
    for (unsigned c = 0; c < rows; c++) {
        const double difference = target[c] - integers[c];
        sum += difference * difference;
    }
    return sum;
}

double slmi_candidate_floor(const double *target, unsigned rows) {
    double nearest[SLM_C_MAX];
    for (unsigned c = 0; c < rows; c++) {
        nearest[c] = rint(target[c]);
    }
    return slmi_candidate_error(target, nearest, rows);
}

static candidate_key key_of(const slm_profile *profile, uint32_t seed, unsigned exponent, const int *q) {
    candidate_key key = (candidate_key)seed << profile->E | exponent;
    for (unsigned p = 0; p < profile->P; p++) {
        key = key << profile->B | (candidate_key)(q[p] + (1 << (profile->B - 1)));
    }
    return key;
}

uint64_t slmi_candidate_record(const slm_profile *profile, candidate_key key) {
    const unsigned bits = profile->B;
    const candidate_key field = (UINT64_C(1) << bits) - 1;
    uint64_t record = 0;
    for (unsigned p = profile->P; p-- > 0; key >>= bits) { /* q_{P-1} lies lowest in the key and highest in the record */
        const uint64_t q = ((key & field) ^ (UINT64_C(1) << (bits - 1)));
        record |= q << (profile->K + profile->E + p * bits);
    }
    record |= (key & ((UINT64_C(1) << profile->E) - 1)) << profile->K;
    return record | key >> profile->E;
}

/* What a search inside one seed works on. */
typedef struct enumeration {
    const slm_profile *profile;
    const double *target;
    const double *entries;  /* U by columns */
    const double *triangle; /* R by rows of SLM_P_MAX */
    const double *inverse;  /* 1 / R_ii, or 0 */
    unsigned rows;
    unsigned columns;
    unsigned reflections;
    uint32_t seed;
    double norm;
    double length; /* of the target */
    double floor;  /* no candidate has a smaller error */
    double drift;  /* Q^T target may be wrong by this */
    double shift;  /* and R by this part of its norm */
} enumeration;

static void consider(const enumeration *en, unsigned exponent, const int *q, best_candidate *best) {
    const unsigned rows = en->rows;
    const double step = (double)(1 << exponent);
    double integers[SLM_C_MAX]; /* exact: every T is an integer below 2^53 */
    for (unsigned c = 0; c < rows; c++) {
        integers[c] = 0;
    }
    for (unsigned p = 0; p < en->columns; p++) {
        const double coefficient = q[p] * step;
        const double *column = en->entries + (size_t)p * rows;
        for (unsigned c = 0; c < rows; c++) {
            integers[c] += coefficient * column[c];
        }
    }
    const double error = slmi_candidate_error(en->target, integers, rows);
    if (error > best->error) {
        return;
    }
    const candidate_key key = key_of(en->profile, en->seed, exponent, q);
    if (error < best->error || key < best->key) {
        best->error = error;
        best->key = key;
    }
}

/* One level of the enumeration: the values of q_i in the order of their distance from the centre. */
typedef struct level {
    double rest;    /* what q_i's column has to meet, in row i */
    double centre;  /* the real q_i that meets it */
    double partial; /* squared distance of the levels above */
    int next_low;   /* the nearest values not tried yet, below and above */
    int next_high;
} level;

/* Everything below allows for rounding by this factor, relative to the length of the target and of the longest 2^e U q: the
 * factorisation and the projections err by less than 100 * C * P units of 2^-53 there, which is 1.2e-11 for C = 64, P = 16. */
#define SLACK 2e-11

/* The radius around y within which R q has to lie for a candidate to have an error of at most best; no 2^e U q is longer than reach. */
static double radius_of(const enumeration *en, const best_candidate *best, double reach) {
    const double room = best->error * (1 + SLACK) - (en->floor > 0 ? en->floor : 0);
    return room < 0 ? -1 : sqrt(room) + en->drift + en->shift * reach;
}

static void open_level(const enumeration *en, level *levels, const int *q, unsigned i, const double *y) {
    const int lowest = -(1 << (en->profile->B - 1));
    const int highest = -lowest - 1;
    level *here = &levels[i];
    here->rest = 0;
    here->centre = 0;
    if (i < en->reflections) {
        const double *row = en->triangle + (size_t)i * SLM_P_MAX;
        double rest = y[i];
        for (unsigned j = i + 1; j < en->columns; j++) {
            rest -= row[j] * q[j];
        }
        here->rest = rest;
        here->centre = rest * en->inverse[i];
    }
    if (!(here->centre > lowest)) {
        here->centre = lowest;
    } else if (here->centre > highest) {
        here->centre = highest;
    }
    here->next_low = (int)(here->centre + 256) - 256; /* rounded down: B <= 8 */
    here->next_high = here->next_low + 1;
}

/* All candidates of one exponent within `radius` of the projected target. */
static void enumerate(const enumeration *en, unsigned exponent, double reach, double radius, const double *projected,
                      best_candidate *best) {
    const unsigned columns = en->columns;
    const int lowest = -(1 << (en->profile->B - 1));
    const int highest = -lowest - 1;
    const double shrink = 1 / (double)(1 << exponent); /* all lengths in units of 2^e */
    double y[SLM_P_MAX];
    for (unsigned i = 0; i < en->reflections; i++) {
        y[i] = projected[i] * shrink;
    }
    radius *= shrink;
    double limit = radius * radius;
    level levels[SLM_P_MAX + 1];
    int q[SLM_P_MAX] = {0};
    levels[columns].partial = 0;
    unsigned i = columns - 1;
    open_level(en, levels, q, i, y);
    for (;;) {
        level *here = &levels[i];
        int chosen;
        if (here->next_low < lowest && here->next_high > highest) {
            if (++i == columns) {
                return;
            }
            continue;
        }
        if (here->next_high > highest || (here->next_low >= lowest && here->centre - here->next_low <= here->next_high - here->centre)) {
            chosen = here->next_low--;
        } else {
            chosen = here->next_high++;
        }
        double partial = levels[i + 1].partial;
        if (i < en->reflections) {
            const double distance = here->rest - en->triangle[(size_t)i * SLM_P_MAX + i] * chosen;
            partial += distance * distance;
        }
        if (partial > limit) { /* the values left are no nearer */
            if (++i == columns) {
                return;
            }
            continue;
        }
        q[i] = chosen;
        if (i > 0) {
            here->partial = partial;
            i--;
            open_level(en, levels, q, i, y);
            continue;
        }
        const double before = best->error;
        consider(en, exponent, q, best);
        if (best->error < before) {
            radius = radius_of(en, best, reach) * shrink;
            if (radius < 0) {
                return;
            }
            limit = radius * radius;
        }
    }
}

static double sum_of_squares(const double *values, unsigned first, unsigned last) {
    double sum = 0;
    for (unsigned i = first; i < last; i++) {
        sum += values[i] * values[i];
    }
    return sum;
}

/* The distance of |y| from the multiples of step * size that a coefficient can make, or less. */
static double nearest_multiple(double y, double size, double times, int most) {
    double q = times < most ? times : most;
    q = (q + 6755399441055744.0) - 6755399441055744.0; /* to the nearest integer */
    return fabs(y - q * size);
}

/* Candidates of all exponents, y being the projected target; the largest first, since small ones do not reach far and are out once there
 * is a fair candidate. */
static void search_exponents(const enumeration *en, double shortest, const double *y, best_candidate *best) {
    const unsigned last = en->columns - 1;
    const int most = 1 << (en->profile->B - 1);
    const double inside = sqrt(sum_of_squares(y, 0, en->reflections));
    const double box = en->norm * most * sqrt(en->columns); /* no U q is longer */
    const double size = last < en->reflections ? fabs(en->triangle[(size_t)last * SLM_P_MAX + last]) : 0;
    const double outer = size > 0 ? fabs(y[last]) : 0;
    const double times = size > 0 ? outer / size : 0;
    if (best->error > en->length * en->length) {
        static const int zeros[SLM_P_MAX] = {0};
        consider(en, 0, zeros, best);
    }
    double error = INFINITY;
    double base = 0; /* radius without reach */
    for (unsigned exponent = 1U << en->profile->E; exponent-- > 0;) {
        const double step = (double)(1 << exponent);
        /* Where the shortest vector is longer than twice the target, only q = 0 is left, and e = 0 sees it. */
        if (exponent > 0 && shortest * step > 2 * en->length * (1 + SLACK) + SLACK * en->norm * step) {
            continue;
        }
        const double reach = box * step;
        if (best->error != error) {
            error = best->error;
            base = radius_of(en, best, 0);
            if (base < 0) {
                return;
            }
        }
        const double radius = base + en->shift * reach;
        if (inside - reach <= radius && nearest_multiple(outer, size * step, times / step, most) <= radius) {
            enumerate(en, exponent, reach, radius, y, best);
        }
    }
}

/* The paper's candidate: least squares, an exponent that fits the largest coefficient, rounding. */
static void round_solution(const enumeration *en, const double *y, best_candidate *best) {
    double t[SLM_P_MAX];
    int q[SLM_P_MAX];
    double largest = 0;
    for (unsigned p = en->columns; p-- > 0;) {
        t[p] = 0; /* also the answer for a column that depends on those before it */
        if (p < en->reflections) {
            const double *row = en->triangle + (size_t)p * SLM_P_MAX;
            double rest = y[p];
            for (unsigned j = p + 1; j < en->columns; j++) {
                rest -= row[j] * t[j];
            }
            if (fabs(row[p]) > 1e-12 * en->norm) {
                t[p] = rest / row[p];
            }
        }
        largest = fabs(t[p]) > largest ? fabs(t[p]) : largest;
    }
    const int highest = (1 << (en->profile->B - 1)) - 1;
    unsigned exponent = 0; /* ceil(log2(largest / (2^(B-1) - 0.5))), within the code's range */
    while (exponent + 1 < 1U << en->profile->E && largest > (highest + 0.5) * (double)(1 << exponent)) {
        exponent++;
    }
    for (unsigned p = 0; p < en->columns; p++) {
        const double rounded = rint(t[p] / (double)(1 << exponent));
        q[p] = rounded > highest ? highest : rounded < -highest - 1 ? -highest - 1 : (int)rounded;
    }
    consider(en, exponent, q, best);
}

static void invert_diagonal(const double *triangle, unsigned count, double *inverse) {
    for (unsigned i = 0; i < count; i++) {
        const double diagonal = triangle[(size_t)i * SLM_P_MAX + i];
        inverse[i] = diagonal != 0 ? 1 / diagonal : 0;
    }
}

/* Room for what an enumeration points to. */
typedef struct enumeration_store {
    double entries[SLM_C_MAX * SLM_P_MAX];
    double triangle[SLM_P_MAX * SLM_P_MAX];
    double inverse[SLM_P_MAX];
    double projected[SLM_C_MAX];
} enumeration_store;

static enumeration whole_lattice(const slm_profile *profile, const seed_lattice *lattice, uint32_t seed, const double *target,
                                 double length, enumeration_store *store) {
    double *projected = store->projected;
    invert_diagonal(lattice->triangle, lattice->reflections, store->inverse);
    for (unsigned c = 0; c < lattice->rows; c++) {
        projected[c] = target[c];
    }
    slmi_seed_lattice_project(lattice, projected);
    const double residual = sum_of_squares(projected, lattice->reflections, lattice->rows);
    const enumeration en = {.profile = profile,
                            .target = target,
                            .entries = lattice->entries,
                            .triangle = lattice->triangle,
                            .inverse = store->inverse,
                            .rows = lattice->rows,
                            .columns = lattice->columns,
                            .reflections = lattice->reflections,
                            .seed = seed,
                            .norm = lattice->norm,
                            .length = length,
                            .floor = residual - SLACK * length * length,
                            .drift = SLACK * length,
                            .shift = SLACK};
    return en;
}

void slmi_candidate_search_exact(const slm_profile *profile, const seed_lattice *lattice, uint32_t seed, const double *target,
                                 double length, best_candidate *best) {
    enumeration_store store;
    const enumeration en = whole_lattice(profile, lattice, seed, target, length, &store);
    search_exponents(&en, lattice->shortest, store.projected, best);
}

void slmi_candidate_search_paper(const slm_profile *profile, const seed_lattice *lattice, uint32_t seed, const double *target,
                                 best_candidate *best) {
    enumeration_store store;
    const enumeration en = whole_lattice(profile, lattice, seed, target, 0, &store);
    round_solution(&en, store.projected, best);
}

/* The same from a short form, whose numbers are right to within `drift` and a float's precision. */
static enumeration short_lattice(const slm_profile *profile, const seed_brief *brief, uint32_t seed, const double *target, double length,
                                 const double *y, enumeration_store *store) {
    double *entries = store->entries;
    double *triangle = store->triangle;
    const unsigned columns = profile->P;
    const float *source = brief->triangle;
    for (unsigned i = 0; i < columns; i++) {
        for (unsigned j = i; j < columns; j++) {
            triangle[(size_t)i * SLM_P_MAX + j] = (double)*source++;
        }
    }
    for (unsigned i = 0; i < brief->rows * columns; i++) {
        entries[i] = brief->entries[i];
    }
    invert_diagonal(triangle, columns, store->inverse);
    const double inside = sqrt(sum_of_squares(y, 0, columns)) + brief->drift * length;
    const enumeration en = {.profile = profile,
                            .target = target,
                            .entries = entries,
                            .triangle = triangle,
                            .inverse = store->inverse,
                            .rows = brief->rows,
                            .columns = columns,
                            .reflections = columns,
                            .seed = seed,
                            .norm = (double)brief->norm,
                            .length = length,
                            .floor = length * length * (1 - SLACK) - inside * inside * (1 + SLACK),
                            .drift = brief->drift * length,
                            .shift = BRIEF_SHIFT};
    return en;
}

void slmi_candidate_search_brief(const slm_profile *profile, const seed_brief *brief, uint32_t seed, const double *target, double length,
                                 const double *y, best_candidate *best) {
    enumeration_store store;
    const enumeration en = short_lattice(profile, brief, seed, target, length, y, &store);
    if (best->error == INFINITY) {
        round_solution(&en, y, best); /* a good first one, but where R is nearly singular */
    }
    search_exponents(&en, (double)brief->shortest, y, best);
}

int slmi_candidate_search_paper_brief(const slm_profile *profile, const seed_brief *brief, uint32_t seed, const double *target,
                                      double length, const double *y, best_candidate *best) {
    enumeration_store store;
    double t[SLM_P_MAX];
    double wrong[SLM_P_MAX]; /* by how much t may be */
    int q[SLM_P_MAX];
    double largest = 0;
    double largest_wrong = 0;
    const enumeration en = short_lattice(profile, brief, seed, target, length, y, &store);
    for (unsigned p = en.columns; p-- > 0;) {
        const double *row = en.triangle + (size_t)p * SLM_P_MAX;
        double rest = y[p];
        double rest_wrong = en.drift + BRIEF_SHIFT * length;
        if (!(fabs(row[p]) > 1e-3 * en.norm)) {
            return 0;
        }
        for (unsigned j = p + 1; j < en.columns; j++) {
            rest -= row[j] * t[j];
            rest_wrong += fabs(row[j]) * (wrong[j] + BRIEF_SHIFT * fabs(t[j]));
        }
        t[p] = rest / row[p];
        wrong[p] = 1.01 * (rest_wrong / fabs(row[p]) + 2 * BRIEF_SHIFT * fabs(t[p]));
        largest = fabs(t[p]) > largest ? fabs(t[p]) : largest;
        largest_wrong = wrong[p] > largest_wrong ? wrong[p] : largest_wrong;
    }
    const int highest = (1 << (profile->B - 1)) - 1;
    unsigned exponent = 0;
    while (exponent + 1 < 1U << profile->E) {
        const double above = largest - (highest + 0.5) * (double)(1 << exponent);
        if (fabs(above) <= largest_wrong) {
            return 0;
        }
        if (above < 0) {
            break;
        }
        exponent++;
    }
    for (unsigned p = 0; p < en.columns; p++) {
        const double exact = t[p] / (double)(1 << exponent);
        const double rounded = rint(exact);
        if (!(0.5 - fabs(exact - rounded) > wrong[p] / (double)(1 << exponent))) {
            return 0;
        }
        q[p] = rounded > highest ? highest : rounded < -highest - 1 ? -highest - 1 : (int)rounded;
    }
    consider(&en, exponent, q, best);
    return 1;
}
