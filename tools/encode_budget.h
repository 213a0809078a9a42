/* tools/encode_budget.h: --bits: a profile for each tensor, so that all coded ones together have an average size and the least squared
 * error it allows. */
#ifndef TOOLS_ENCODE_BUDGET_H
#define TOOLS_ENCODE_BUDGET_H

#include "encode_sample.h"

#define BUDGET_CHOICES 8

/* A tensor coded with one of the profiles. */
typedef struct budget_choice {
    slm_coding coding;
    uint64_t bytes; /* codes and scales */
    double error;   /* squared, of the whole tensor as the sample tells; weighted where there is an importance */
} budget_choice;

typedef struct budget_tensor {
    budget_choice choices[BUDGET_CHOICES]; /* on the lower convex hull of size and error, the smallest first */
    unsigned count;                        /* 0: nothing to choose */
    unsigned chosen;
} budget_tensor;

typedef struct budget {
    encode_job *job;
    budget_tensor *tensors; /* of the plan; NULL without --bits */
    double mean;            /* of the means of all importances, or 1: what an error counts in a tensor without one */
} budget;

/* FAULT_USAGE where even the smallest profiles are too large: before anything is tried. */
bool budget_check(const encode_job *job, fault *f);

bool budget_begin(budget *b, encode_job *job, fault *f);
/* Tries the profiles on the sample that was taken. */
bool budget_measure(budget *b, sampler *s, size_t tensor, fault *f);
/* Gives each tensor its profile, where budget_check has passed. */
void budget_decide(budget *b);
void budget_end(budget *b);

#endif
