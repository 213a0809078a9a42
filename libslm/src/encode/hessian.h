/* hessian.h: what errors in the columns of a row cost together, factored so that it can be paid column by column.
 *
 * H = U D U^T with U unit upper triangular, so e H e^T = sum over j of D_j (e_j + sum over i < j of e_i U_ij)^2: with the errors of the
 * columns before j known, the target of column j is what it should be plus that inner sum, and a squared miss costs D_j.
 */
#ifndef SLM_HESSIAN_H
#define SLM_HESSIAN_H

#include "importance.h"
#include "slm/encode.h"

struct slm_hessian {
    slm_allocator allocator;
    uint64_t columns;
    unsigned rotation; /* U and D are those of rotated rows */
    uint16_t sign_seed;
    double *packed;    /* U above the diagonal, D on it, row after row; H's mean diagonal is 1 */
    double *pivots;    /* D */
    double norm;       /* e H e^T of weights is this times e U D U^T e^T of their targets: 2^rotation */
    double mean;       /* H's own mean diagonal */
    double growth;     /* variance that misses of variance 1 add to the targets */
    importance search; /* D as the weights of the search; trials of scales count errors of weights so, too */
};

/* Row i, to be indexed by column i .. columns - 1. */
static inline double *hessian_row(const slm_hessian *of, uint64_t i) { return of->packed + (i * of->columns - i * (i + 1) / 2); }

/* Adds error times row i of U to the targets after i. */
static inline void hessian_push(const slm_hessian *of, uint64_t i, double error, double *targets) {
    const double *row = hessian_row(of, i);
    for (uint64_t j = i + 1; j < of->columns; j++)
        targets[j] += error * row[j];
}

#endif
