/* Lattice of a seed: its entries as a matrix U, and the orthogonal factorisation U = Q R that bounds and solves a block. */
#ifndef SLM_BLOCK_BASIS_H
#define SLM_BLOCK_BASIS_H

#include "slm/profile.h"

/* U (rows x P, integers v - 2^(W-1), or these times the roots of weights) and R, upper trapezoidal, with Q kept as Householder reflections.
 * Where rows < P, R has only `rows` rows. U need not have full rank: Q is orthogonal and Q R = U whatever the rank. */
typedef struct seed_lattice {
    unsigned rows;
    unsigned columns;                         /* P */
    unsigned reflections;                     /* min(rows, P) */
    double entries[SLM_C_MAX * SLM_P_MAX];    /* U by columns: entries[p * rows + c] */
    double reflectors[SLM_C_MAX * SLM_P_MAX]; /* the Householder vectors, by columns; 0 above the diagonal */
    double factors[SLM_P_MAX];                /* 2 / |vector|^2, or 0 for no reflection */
    double triangle[SLM_P_MAX * SLM_P_MAX];   /* R by rows: triangle[i * SLM_P_MAX + j] */
    double norm;                              /* Frobenius norm of U */
    double shortest;                          /* smallest |R_ii|, 0 where rows < P: no nonzero U q with integer q is shorter */
} seed_lattice;

/* The first `rows` (1..C) rows of U of a seed, factorised; each times its root where errors are weighted (else `roots` is NULL). */
void slmi_seed_lattice_make(seed_lattice *lattice, const slm_profile *profile, unsigned rows, const double *roots, uint32_t seed);

/* vector (rows long) becomes Q^T vector: the first `reflections` numbers lie in the space Q spans, the others beside it. */
void slmi_seed_lattice_project(const seed_lattice *lattice, double *vector);

/* Columns of a scan basis: those of Q if they are fewer than those of its complement, else the complement's. */
typedef struct scan_shape {
    unsigned rows;
    unsigned columns;
    int complement; /* whether the columns span what U does not */
} scan_shape;

scan_shape slmi_scan_shape_of(const slm_profile *profile, unsigned rows);

#define SCAN_LANES 16 /* seeds a group; a scan basis is groups x columns x rows x SCAN_LANES floats */

/* Fills groups of a scan basis for the seeds first_seed .. first_seed + groups * SCAN_LANES - 1 (first_seed a multiple of SCAN_LANES),
 * zeros for seed 0 and seeds beyond 2^K - 1, and shortest[], one a seed, rounded down. */
void slmi_scan_basis_fill(const slm_profile *profile, scan_shape shape, const double *roots, uint32_t first_seed, uint32_t groups,
                          float *basis, float *shortest);

#endif
