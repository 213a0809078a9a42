/* slm/encode.h: level 3, from weights to codes: choose the scales, search, emit.
 *
 * The bytes depend on the weights, the coding and the search alone: not on threads, instruction set or machine. Squared errors that
 * decide between candidates are compared in a fixed order of operations, ties go to the smallest (seed, exponent, coefficients) in
 * block coding and to the smallest state in trellis coding.
 *
 * Thread rule: an encoder is immutable and may be shared; slm_encode_tensor starts the threads asked for and joins them before it returns.
 */
#ifndef SLM_ENCODE_H
#define SLM_ENCODE_H

#include <stdbool.h>

#include "slm/file.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum slm_search {
    SLM_SEARCH_EXACT = 0, /* the true minimum of the squared error for the chosen scale */
    SLM_SEARCH_PAPER = 1, /* block coding: the paper's Algorithm 1 with e = ceil(log2(max|t| / (2^(B-1) - 0.5))) */
    SLM_SEARCH_FAST = 2   /* trellis coding: costs of 8 bits; 1.3 to 2 times as fast, 0.1 to 0.4 % more error */
} slm_search;

typedef struct slm_encoder_options {
    size_t struct_size;             /* sizeof(slm_encoder_options) */
    const slm_allocator *allocator; /* NULL: malloc */
    slm_search search;
    bool scale_per_run;        /* one scale a run; false: one for the tensor */
    unsigned threads;          /* 0: one */
    const char *kernel;        /* "scalar", "avx2", "avx512" or "neon": the fastest kernel here that needs no more; NULL: the fastest. The
                                  bytes are the same */
    unsigned scale_candidates; /* 0 or 1: the scale is chosen by a rule. N, at most 64: the N scales of a grid around it are each searched
                                  in full, and the one of least squared error is taken, of several the smallest. Costs N times as much */
} slm_encoder_options;

typedef struct slm_encoder slm_encoder;

/* Builds the search's tables for one coding (paper-4: 65,535 bases, about 6 MB and 0.1 s; once 40,000 blocks are asked for, also lists of
 * seeds by direction, about 220 MB and 2 s in all), used for any number of tensors; tensors
 * of one profile and search but another run length share them through slm_encoder_retarget. SLM_E_PROFILE; SLM_E_MEMORY; SLM_E_ARGUMENT:
 * the paper's search for trellis coding, or a profile beyond what the search covers (trellis: K <= 20 and C 2^K <= 2^22; block: K <= 24).
 */
SLM_API slm_status slm_encoder_create(slm_encoder **encoder, const slm_coding *coding, const slm_encoder_options *options,
                                      slm_error *error);
SLM_API slm_status slm_encoder_retarget(slm_encoder *encoder, uint64_t run_length, unsigned rotation,
                                        uint16_t sign_seed); /* no other thread may use it meanwhile */

/* From the next tensor on the squared error of element i counts values[i mod columns] times: the mean square of what a weight is multiplied
 * with, say. The numbers matter relative to their mean; below 2^-16 of it and above 1,024 times it they count as that. NULL, or values that
 * are all equal: all errors count alike. The search is exact then, whatever was asked for; with a rotation, each of whose errors spreads
 * over a segment, the segment's mean is what counts for all of it. The scale's rule in block coding takes no notice. No other thread may
 * use the encoder meanwhile. SLM_E_ARGUMENT: negative or not finite, no columns, or the paper's search; SLM_E_MEMORY. */
SLM_API slm_status slm_encoder_set_importance(slm_encoder *encoder, const float *values, uint64_t columns, slm_error *error);

/* What errors in a tensor's columns cost together, for error feedback (GPTQ, LDLQ): a symmetric matrix of columns x columns numbers, row by
 * row, the mean of x x^T over the inputs x that the tensor's rows are multiplied with. Its diagonal is dampened by SLM_HESSIAN_DAMPING
 * times its mean, and it is factored for rows that are rotated so. Of the options threads, kernel and allocator count; the factors are the
 * same. Takes columns^3 / 6 products, keeps 4 columns^2 bytes, and takes 2^(2 rotation + 3) and 2,048 columns more while it is made. Any
 * number of encoders may use it at once. SLM_E_NONFINITE; SLM_E_ARGUMENT: not symmetric, to SLM_HESSIAN_ASYMMETRY of its mean diagonal; not
 * positive in spite of its damping; too many columns, or the rotation does not divide them; no such kernel; SLM_E_MEMORY. */
typedef struct slm_hessian slm_hessian;
#define SLM_HESSIAN_COLUMNS_MAX 16384
#define SLM_HESSIAN_DAMPING 0.01
#define SLM_HESSIAN_ASYMMETRY 0.001
SLM_API slm_status slm_hessian_create(slm_hessian **hessian, const float *values, uint64_t columns, unsigned rotation, uint16_t sign_seed,
                                      const slm_encoder_options *options, slm_error *error);
SLM_API double slm_hessian_mean(const slm_hessian *hessian); /* of the diagonal, before damping */
SLM_API void slm_hessian_free(slm_hessian *hessian);         /* NULL is allowed */

/* From the next tensor on each run's columns are coded in order, and what went wrong in some moves the targets of those to come, so that
 * what is small is not the squared error but e H e^T, e the errors of a run's weights. That is what the weighted sums of the report are,
 * H with a mean diagonal of 1. Trellis coding alone, and exactly one row a run: slm_encode_tensor answers SLM_E_ARGUMENT where run length,
 * rotation or sign seed are not the Hessian's. The search is neither fast nor exact then: libslm/doc/trellis-search.md. The Hessian stays
 * the caller's, who frees it after the encoder or after setting NULL, which ends feedback. SLM_E_ARGUMENT: block coding, or there is an
 * importance. */
SLM_API slm_status slm_encoder_set_hessian(slm_encoder *encoder, const slm_hessian *hessian, slm_error *error);

SLM_API void slm_encoder_free(slm_encoder *encoder); /* NULL is allowed */
SLM_API const char *slm_encoder_kernel(const slm_encoder *encoder);

typedef struct slm_encode_report {
    double squared_norm;  /* sum of w^2 */
    double squared_error; /* sum of (w - value)^2, value before its rounding to an output type */
    double maximum_error; /* largest |w - value| */
    uint64_t blocks;      /* blocks or seeds searched */
    uint64_t examined;    /* block coding: seeds looked at more closely than by their bound */
    /* The two sums with each square times its importance, relative to the mean; the same as without where there is none. */
    double weighted_norm, weighted_error;
} slm_encode_report;

/* How far a tensor is coded: from here a later call goes on, as if it had never been cut off. */
typedef struct slm_encode_state {
    /* What write_scales and write_codes were given in full, counted from the tensor's begin; more may have been written beyond. */
    uint64_t elements, scales, code_bytes;
    /* The encoder's own: */
    uint64_t group, pieces;
    uint16_t scale;
    slm_encode_report report; /* of those elements */
    /* Where several scales are tried for one group (scale_candidates), and its codes are yet to come: */
    unsigned trial;     /* 1 for the first; 0: codes are being written */
    uint16_t rule;      /* the scale around which they lie; `scale` is the best of those before this one */
    double least;       /* what `scale` errs */
    double trial_error; /* this one's, so far */
    uint64_t trial_examined;
} slm_encode_state;

/* Where weights come from and codes go. Called from every worker thread at once. */
typedef struct slm_encode_io {
    void *context;
    /* Weights [first, first + count) of the tensor, widened. May be asked for more than once. */
    slm_status (*read)(void *context, uint64_t first, size_t count, float *weights);
    slm_status (*write_scales)(void *context, uint64_t first, size_t count, const uint16_t *scales);
    slm_status (*write_codes)(void *context, uint64_t offset, size_t size, const uint8_t *codes);
    /* May be NULL. `elements` more are done; a nonzero return cancels (SLM_E_CANCELLED). */
    int (*progress)(void *context, uint64_t elements);
    /* May be NULL. Called whenever the state moves on, by one thread at a time; anything but SLM_OK ends the call with that status. */
    slm_status (*save)(void *context, const slm_encode_state *state);
    /* NULL, or the state to go on from: one that `save` was given for the same weights, coding and search, by whatever machine and number
     * of threads. What it says is written is not written again. SLM_E_ARGUMENT where it cannot be one of this tensor's. */
    const slm_encode_state *resume;
} slm_encode_io;

/* Encodes a tensor of `elements` weights, a multiple of the coding's run length. Reads and writes through `io`; memory is bounded
 * whatever the tensor's size. SLM_E_NONFINITE at the first NaN or infinity (error->offset is then the element's number). */
SLM_API slm_status slm_encode_tensor(const slm_encoder *encoder, uint64_t elements, const slm_encode_io *io, slm_encode_report *report,
                                     slm_error *error);

/* The same from and to memory: scales (one, or one a run) and codes (runs * slm_profile_run_bytes() bytes). */
SLM_API slm_status slm_encode_memory(const slm_encoder *encoder, uint64_t elements, const float *weights, uint16_t *scales, uint8_t *codes,
                                     slm_encode_report *report, slm_error *error);

/* The rotation the encoder recommends for a profile and run length: for trellis coding the largest h in 4..8 with 2^h dividing it, else 0.
 */
SLM_API unsigned slm_recommended_rotation(const slm_profile *profile, uint64_t run_length);
#define SLM_DEFAULT_SIGN_SEED UINT16_C(0x5EED)

#ifdef __cplusplus
}
#endif
#endif
