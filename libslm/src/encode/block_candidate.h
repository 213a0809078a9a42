/* The best candidates of one seed for one block. */
#ifndef SLM_BLOCK_CANDIDATE_H
#define SLM_BLOCK_CANDIDATE_H

#include "block_basis.h"

/* A candidate's place in the order that breaks ties: seed, then exponent, then q_0, q_1, ... as signed numbers. As each field is
 * stored with its width and coefficients offset by 2^(B-1), keys compare as one integer. Never above 64 bits, as a record is not. */
typedef uint64_t candidate_key;

typedef struct best_candidate {
    double error; /* of slmi_candidate_error(); INFINITY before the first */
    candidate_key key;
} best_candidate;

/* The squared error that decides everything: ((x_0 - T_0)^2 + (x_1 - T_1)^2) + ... in double, in this order, without contraction. */
double slmi_candidate_error(const double *target, const double *integers, unsigned rows);

/* The smallest slmi_candidate_error() any integers can have: those nearest to the target. */
double slmi_candidate_floor(const double *target, unsigned rows);

/* Improves *best by the (e, q) of one seed that have the smallest (error, key). `length` is the target's norm, in double. */
void slmi_candidate_search_exact(const slm_profile *profile, const seed_lattice *lattice, uint32_t seed, const double *target,
                                 double length, best_candidate *best);

/* Improves *best by the one candidate the paper's algorithm forms for a seed. */
void slmi_candidate_search_paper(const slm_profile *profile, const seed_lattice *lattice, uint32_t seed, const double *target,
                                 best_candidate *best);

/* What a table keeps of a seed. The floats are the nearest to a seed_lattice's numbers, `shortest` rounded down. */
typedef struct seed_brief {
    unsigned rows;
    const int16_t *entries; /* U by columns */
    const float *triangle;  /* R's upper triangle by rows */
    float norm;
    float shortest;
    double drift; /* of y, for a target of length 1 */
} seed_brief;

#define BRIEF_SHIFT 1e-7 /* more than 2^-24: R rounded to float */

/* As slmi_candidate_search_exact(), from numbers in single precision; y: Q^T target, wrong by no more than brief->drift * length. */
void slmi_candidate_search_brief(const slm_profile *profile, const seed_brief *brief, uint32_t seed, const double *target, double length,
                                 const double *y, best_candidate *best);

/* As slmi_candidate_search_paper(); false, with nothing done, where the precision does not tell which candidate it is. */
int slmi_candidate_search_paper_brief(const slm_profile *profile, const seed_brief *brief, uint32_t seed, const double *target,
                                      double length, const double *y, best_candidate *best);

/* The record (specification section "Block records") of a key. */
uint64_t slmi_candidate_record(const slm_profile *profile, candidate_key key);

#endif
