/* Trellis coding of runs: what the encoding driver (encode.c) needs from the Viterbi search. */
#ifndef SLM_TRELLIS_SEARCH_H
#define SLM_TRELLIS_SEARCH_H

#include "importance.h"
#include "search_stats.h"
#include "slm/encode.h"

typedef struct trellis_search trellis_search;   /* tables of one profile: immutable, shared by all threads */
typedef struct trellis_scratch trellis_scratch; /* working memory of one thread */

/* `profile` is valid and of trellis coding. kernel NULL: the fastest; SLM_E_ARGUMENT: unknown here, K > 20, or
 * C * 2^K > 2^22. */
slm_status slmi_trellis_search_create(trellis_search **search, const slm_profile *profile, const char *kernel,
                                      const slm_allocator *allocator);
/* Searches fast from now on, where the profile's T allows it: libslm/doc/trellis-search.md. */
slm_status slmi_trellis_search_make_fast(trellis_search *search);
void slmi_trellis_search_free(trellis_search *search); /* NULL is allowed */
const char *slmi_trellis_search_kernel(const trellis_search *search);

/* Scratch for runs of this coding (rotation included). */
slm_status slmi_trellis_scratch_create(trellis_scratch **scratch, const trellis_search *search, const slm_coding *coding,
                                       const slm_allocator *allocator);
void slmi_trellis_scratch_free(trellis_scratch *scratch); /* NULL is allowed */

/* From now on squared errors count as `of` says (NULL: all alike), the next run beginning at element `first` of the tensor. */
void slmi_trellis_scratch_weigh(trellis_scratch *scratch, const importance *of, uint64_t first);

/* Chooses the scale (bfloat16 bits, legal for the coding) for weights whose statistics are `whole`. `sample` holds `runs` whole runs
 * of them, one behind another: all of them where there is one run, else some spread evenly, `stride` elements of the tensor apart. All
 * weights are finite. */
slm_status slmi_trellis_choose_scale(const trellis_search *search, trellis_scratch *scratch, const slm_coding *coding,
                                     const weight_stats *whole, const float *sample, uint64_t runs, uint64_t stride, uint16_t *scale);

/* How many runs slmi_trellis_encode_runs() best gets at once. */
unsigned slmi_trellis_runs_together(const trellis_search *search);

/* Codes `count` runs lying one behind another, each with its scale: a run's `codes` are slm_profile_run_bytes() bytes, padding bits zero.
 * stats[run] is set, not added to. What a run's codes are does not depend on the runs beside it; many at once are searched faster. */
slm_status slmi_trellis_encode_runs(const trellis_search *search, trellis_scratch *scratch, const slm_coding *coding, const float *weights,
                                    const uint16_t *scales, size_t count, uint8_t *codes, search_stats *stats);

/* Length of the runs that scratch for feedback has to be made for, whatever the run. */
uint64_t slmi_trellis_feedback_scratch(const slm_profile *profile);

/* The scale for targets that feedback moves, given the one for the weights themselves. */
uint16_t slmi_trellis_feedback_scale(const trellis_search *search, const slm_coding *coding, const slm_hessian *of, uint16_t scale);

/* The same with error feedback, for runs and rotations that are the Hessian's. `work`: 3 run_length doubles. Weighted sums are the
 * Hessian's. libslm/doc/trellis-search.md has what is searched for. */
slm_status slmi_trellis_encode_feedback(const trellis_search *search, trellis_scratch *scratch, const slm_coding *coding,
                                        const slm_hessian *of, double *work, const float *weights, uint16_t scale, uint8_t *codes,
                                        search_stats *stats);

#endif
