/* block_reference.h: block coding's search as one would write it first: all seeds, all exponents, all coefficients, no pruning. */
#ifndef SLM_BLOCK_REFERENCE_H
#define SLM_BLOCK_REFERENCE_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "slm/slm.h"

static inline double reference_scale(uint16_t bits) {
    const uint32_t wide = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &wide, sizeof value);
    return (double)value;
}

static inline double reference_divisor(const slm_profile *p) { return p->norm ? (double)((1L << (p->W - 1)) - 1) : 1.0; }

/* U(s), row by row, from the register itself. */
static inline void reference_matrix(const slm_profile *p, uint32_t seed, int64_t *matrix) {
    uint32_t state = seed;
    for (unsigned n = 0; n < (unsigned)p->C * p->P; n++) {
        for (unsigned s = 0; s < p->step; s++) {
            uint32_t tapped = state & p->taps, bit = 0;
            for (; tapped != 0; tapped &= tapped - 1) {
                bit ^= 1;
            }
            state = state >> 1 | bit << (p->K - 1);
        }
        matrix[n] = (int64_t)(state >> (p->K - p->W)) - (INT64_C(1) << (p->W - 1));
    }
}

static inline double reference_error(const slm_profile *p, const int64_t *matrix, unsigned e, const int *q, const double *x,
                                     unsigned rows) {
    double sum = 0;
    for (unsigned c = 0; c < rows; c++) {
        int64_t integer = 0;
        for (unsigned i = 0; i < p->P; i++) {
            integer += q[i] * matrix[c * p->P + i];
        }
        const double difference = x[c] - (double)(integer * (INT64_C(1) << e));
        sum += difference * difference;
    }
    return sum;
}

static inline uint64_t reference_record(const slm_profile *p, uint32_t seed, unsigned e, const int *q) {
    uint64_t record = seed | (uint64_t)e << p->K;
    for (unsigned i = 0; i < p->P; i++) {
        record |= ((uint64_t)(unsigned)q[i] & ((1U << p->B) - 1)) << (p->K + p->E + i * p->B);
    }
    return record;
}

/* The smallest (error, seed, e, q) of all. */
static inline uint64_t reference_exact(const slm_profile *p, const double *x, unsigned rows, double *error) {
    const int low = -(1 << (p->B - 1)), high = -low - 1;
    int64_t matrix[SLM_C_MAX * SLM_P_MAX];
    int q[SLM_P_MAX];
    uint64_t best = 0;
    *error = INFINITY;
    for (uint32_t seed = 1; seed >> p->K == 0; seed++) {
        reference_matrix(p, seed, matrix);
        for (unsigned e = 0; e < 1U << p->E; e++) {
            for (unsigned i = 0; i < p->P; i++) {
                q[i] = low;
            }
            for (;;) {
                const double tried = reference_error(p, matrix, e, q, x, rows);
                if (tried < *error) { /* candidates come in the order that breaks ties */
                    *error = tried;
                    best = reference_record(p, seed, e, q);
                }
                unsigned i = p->P;
                while (i > 0 && q[i - 1] == high) {
                    q[--i] = low;
                }
                if (i == 0) {
                    break;
                }
                q[i - 1]++;
            }
        }
    }
    return best;
}

/* Least squares by modified Gram-Schmidt in long double; U must have full rank. */
static inline void reference_least_squares(const slm_profile *p, const int64_t *matrix, const double *x, unsigned rows, long double *t) {
    long double column[SLM_P_MAX][SLM_C_MAX], rest[SLM_C_MAX], triangle[SLM_P_MAX][SLM_P_MAX], y[SLM_P_MAX];
    for (unsigned c = 0; c < rows; c++) {
        rest[c] = x[c];
        for (unsigned i = 0; i < p->P; i++) {
            column[i][c] = (long double)matrix[c * p->P + i];
        }
    }
    for (unsigned i = 0; i < p->P; i++) {
        long double length = 0;
        for (unsigned c = 0; c < rows; c++) {
            length += column[i][c] * column[i][c];
        }
        triangle[i][i] = length;
        for (unsigned j = i + 1; j < p->P; j++) {
            triangle[i][j] = 0;
            for (unsigned c = 0; c < rows; c++) {
                triangle[i][j] += column[i][c] * column[j][c] / length;
            }
            for (unsigned c = 0; c < rows; c++) {
                column[j][c] -= triangle[i][j] * column[i][c];
            }
        }
        y[i] = 0;
        for (unsigned c = 0; c < rows; c++) {
            y[i] += column[i][c] * rest[c] / length;
        }
        for (unsigned c = 0; c < rows; c++) {
            rest[c] -= y[i] * column[i][c];
        }
    }
    for (unsigned i = p->P; i-- > 0;) {
        t[i] = y[i];
        for (unsigned j = i + 1; j < p->P; j++) {
            t[i] -= triangle[i][j] * t[j];
        }
    }
}

/* The paper's Algorithm 1: one candidate a seed. */
static inline uint64_t reference_paper(const slm_profile *p, const double *x, unsigned rows, double *error) {
    const int low = -(1 << (p->B - 1)), high = -low - 1;
    int64_t matrix[SLM_C_MAX * SLM_P_MAX];
    long double t[SLM_P_MAX];
    int q[SLM_P_MAX];
    uint64_t best = 0;
    *error = INFINITY;
    for (uint32_t seed = 1; seed >> p->K == 0; seed++) {
        reference_matrix(p, seed, matrix);
        reference_least_squares(p, matrix, x, rows, t);
        long double largest = 0;
        for (unsigned i = 0; i < p->P; i++) {
            largest = fabsl(t[i]) > largest ? fabsl(t[i]) : largest;
        }
        int e = largest > 0 ? (int)ceill(log2l(largest / ((long double)high + 0.5L))) : 0;
        const int top = (1 << p->E) - 1;
        e = e < 0 ? 0 : e > top ? top : e;
        for (unsigned i = 0; i < p->P; i++) {
            const long double rounded = rintl(t[i] / (long double)(1 << e));
            q[i] = rounded < low ? low : rounded > high ? high : (int)rounded;
        }
        const double tried = reference_error(p, matrix, (unsigned)e, q, x, rows);
        if (tried < *error) {
            *error = tried;
            best = reference_record(p, seed, (unsigned)e, q);
        }
    }
    return best;
}

#endif
