/* Inside one seed: the closest point of the lattice 2^e U q with q in a box, by depth-first enumeration; and the paper's rounding. */
#include "block_candidate.h"

#include <math.h>

double candidate_error(const double *target, const double *integers, unsigned rows) {
    double sum = 0;
    for (unsigned c = 0; c < rows; c++) {
        const double difference = target[c] - integers[c];
        sum += difference * difference;
    }
    return sum;
}

double candidate_floor(const double *target, unsigned rows) {
    double nearest[SLM_C_MAX];
    for (unsigned c = 0; c < rows; c++) {
        nearest[c] = rint(target[c]);
    }
    return candidate_error(target, nearest, rows);
}

static candidate_key key_of(const slm_profile *profile, uint32_t seed, unsigned exponent, const int *q) {
    candidate_key key = (candidate_key)seed << profile->E | exponent;
    for (unsigned p = 0; p < profile->P; p++) {
        key = key << profile->B | (candidate_key)(q[p] + (1 << (profile->B - 1)));
    }
    return key;
}

uint64_t candidate_record(const slm_profile *profile, candidate_key key) {
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

static void consider(const slm_profile *profile, const seed_lattice *lattice, uint32_t seed, unsigned exponent, const int *q,
                     const double *target, best_candidate *best) {
    const unsigned rows = lattice->rows;
    const double step = (double)(1 << exponent);
    double integers[SLM_C_MAX] = {0}; /* exact: every T is an integer below 2^53 */
    for (unsigned p = 0; p < lattice->columns; p++) {
        const double coefficient = q[p] * step;
        const double *column = lattice->entries + (size_t)p * rows;
        for (unsigned c = 0; c < rows; c++) {
            integers[c] += coefficient * column[c];
        }
    }
    const double error = candidate_error(target, integers, rows);
    if (error > best->error) {
        return;
    }
    const candidate_key key = key_of(profile, seed, exponent, q);
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

/* The radius around y within which R q has to lie for a candidate to have an error of at most best. */
static double radius_of(const best_candidate *best, double residual, double length, double reach) {
    const double floor = residual - SLACK * length * length;
    const double room = best->error * (1 + SLACK) - (floor > 0 ? floor : 0);
    return room < 0 ? -1 : sqrt(room) + SLACK * (length + reach);
}

typedef struct enumeration {
    const slm_profile *profile;
    const seed_lattice *lattice;
    const double *target;
    uint32_t seed;
    double residual;
    double length;
    double reach; /* no 2^e U q is longer */
} enumeration;

static void open_level(const enumeration *en, level *levels, const int *q, unsigned i, const double *y) {
    const seed_lattice *lattice = en->lattice;
    const int lowest = -(1 << (en->profile->B - 1));
    const int highest = -lowest - 1;
    level *here = &levels[i];
    here->rest = 0;
    here->centre = 0;
    if (i < lattice->reflections) {
        const double *row = lattice->triangle + (size_t)i * SLM_P_MAX;
        double rest = y[i];
        for (unsigned j = i + 1; j < lattice->columns; j++) {
            rest -= row[j] * q[j];
        }
        here->rest = rest;
        if (row[i] != 0) {
            here->centre = rest / row[i];
        }
    }
    if (!(here->centre > lowest)) {
        here->centre = lowest;
    } else if (here->centre > highest) {
        here->centre = highest;
    }
    here->next_low = (int)floor(here->centre);
    here->next_high = here->next_low + 1;
}

static void enumerate(const enumeration *en, unsigned exponent, const double *projected, best_candidate *best) {
    const seed_lattice *lattice = en->lattice;
    const unsigned columns = lattice->columns;
    const int lowest = -(1 << (en->profile->B - 1));
    const int highest = -lowest - 1;
    const double shrink = 1 / (double)(1 << exponent); /* all lengths in units of 2^e */
    double y[SLM_P_MAX];
    for (unsigned i = 0; i < lattice->reflections; i++) {
        y[i] = projected[i] * shrink;
    }
    double radius = radius_of(best, en->residual, en->length, en->reach) * shrink;
    if (radius < 0) {
        return;
    }
    double limit = radius * radius;
    level levels[SLM_P_MAX + 1];
    int q[SLM_P_MAX];
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
        if (i < lattice->reflections) {
            const double distance = here->rest - lattice->triangle[(size_t)i * SLM_P_MAX + i] * chosen;
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
        consider(en->profile, lattice, en->seed, exponent, q, en->target, best);
        if (best->error < before) {
            radius = radius_of(best, en->residual, en->length, en->reach) * shrink;
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

int candidate_search_exact(const slm_profile *profile, const seed_lattice *lattice, uint32_t seed, const double *target, double length,
                           best_candidate *best) {
    double projected[SLM_C_MAX];
    for (unsigned c = 0; c < lattice->rows; c++) {
        projected[c] = target[c];
    }
    seed_lattice_project(lattice, projected);
    enumeration en = {profile, lattice, target, seed, 0, length, 0};
    en.residual = sum_of_squares(projected, lattice->reflections, lattice->rows);
    if (radius_of(best, en.residual, length, 0) < 0) {
        return 0;
    }
    const double inside = sqrt(sum_of_squares(projected, 0, lattice->reflections));
    const double box = lattice->norm * (double)(1 << (profile->B - 1)) * sqrt(profile->P); /* no U q is longer */
    for (unsigned exponent = 0; exponent < 1U << profile->E; exponent++) {
        const double step = (double)(1 << exponent);
        /* Once the shortest vector is longer than twice the target, only q = 0 is left, and e = 0 has seen it. */
        if (exponent > 0 && lattice->shortest * step > 2 * length * (1 + SLACK) + SLACK * lattice->norm * step) {
            break;
        }
        en.reach = box * step;
        if (inside - en.reach <= radius_of(best, en.residual, length, en.reach)) {
            enumerate(&en, exponent, projected, best);
        }
    }
    return 1;
}

void candidate_search_paper(const slm_profile *profile, const seed_lattice *lattice, uint32_t seed, const double *target,
                            best_candidate *best) {
    double projected[SLM_C_MAX];
    double t[SLM_P_MAX];
    int q[SLM_P_MAX];
    for (unsigned c = 0; c < lattice->rows; c++) {
        projected[c] = target[c];
    }
    seed_lattice_project(lattice, projected);
    double largest = 0;
    for (unsigned p = lattice->columns; p-- > 0;) {
        t[p] = 0; /* also the answer for a column that depends on those before it */
        if (p < lattice->reflections) {
            const double *row = lattice->triangle + (size_t)p * SLM_P_MAX;
            double rest = projected[p];
            for (unsigned j = p + 1; j < lattice->columns; j++) {
                rest -= row[j] * t[j];
            }
            if (fabs(row[p]) > 1e-12 * lattice->norm) {
                t[p] = rest / row[p];
            }
        }
        largest = fabs(t[p]) > largest ? fabs(t[p]) : largest;
    }
    const int highest = (1 << (profile->B - 1)) - 1;
    unsigned exponent = 0; /* ceil(log2(largest / (2^(B-1) - 0.5))), within the code's range */
    while (exponent + 1 < 1U << profile->E && largest > (highest + 0.5) * (double)(1 << exponent)) {
        exponent++;
    }
    for (unsigned p = 0; p < lattice->columns; p++) {
        const double rounded = rint(t[p] / (double)(1 << exponent));
        q[p] = rounded > highest ? highest : rounded < -highest - 1 ? -highest - 1 : (int)rounded;
    }
    consider(profile, lattice, seed, exponent, q, target, best);
}
