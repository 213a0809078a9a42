/* slm/decode.h: level 1, from codes to weights. Freestanding: no allocation, no I/O, no dependency.
 *
 * Reconstruction is integer arithmetic and one rounding (IEEE 754 nearest even, subnormals kept, overflow to infinity), so every
 * machine and every kernel gives the same bits. The scalar kernel is the definition (specification section "Reconstruction").
 *
 *     slm_decoder d;
 *     slm_decoder_init(&d, &coding, NULL);
 *     slm_decode_run(&d, codes, scale, 0, coding.run_length, SLM_F16, weights);
 *
 * Thread rule: an initialised decoder is never written to again; any number of threads may share it.
 */
#ifndef SLM_DECODE_H
#define SLM_DECODE_H

#include <stddef.h>
#include <stdint.h>

#include "slm/dtype.h"
#include "slm/profile.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SLM_ROTATION_MIN 4
#define SLM_ROTATION_MAX 10

/* How a tensor is coded: everything a decoder needs beside codes and scales. */
typedef struct slm_coding {
    slm_profile profile;
    uint8_t rotation;    /* h: 0 for none, or 4..10; 2^h divides run_length (specification section "Rotation") */
    uint16_t sign_seed;  /* LFSR state (K = 16, Table 6) that makes the signs D, nonzero; 0 where rotation is 0 */
    uint64_t run_length; /* weights a run, at least 1 */
} slm_coding;

/* Opaque; lives wherever the caller puts it, and owns nothing. */
typedef struct slm_decoder {
    union {
        uint64_t align;
        unsigned char bytes[2048];
    } opaque;
} slm_decoder;

/* SLM_OK, or SLM_E_PROFILE (SLM_E_FEATURE) with *reason as slm_profile_check gives it. */
SLM_API slm_status slm_coding_check(const slm_coding *coding, const char **reason);

/* Checks `coding` and prepares a decoder with the fastest kernel for this machine. `kernel`, where not NULL, names one instead
 * ("scalar" is always there), or an instruction set ("avx2", "avx512", "neon"), for the fastest kernel that needs no more:
 * SLM_E_ARGUMENT if it is unknown, or that kernel cannot run this coding or on this machine. */
SLM_API slm_status slm_decoder_init(slm_decoder *decoder, const slm_coding *coding, const char *kernel);

/* The name of the kernel a decoder uses. Static storage. */
SLM_API const char *slm_decoder_kernel(const slm_decoder *decoder);

/* The i-th kernel of this build, fastest last, "scalar" first; NULL past the end. Not all need run on this machine. */
SLM_API const char *slm_kernel_name(size_t index);

/* `name` in static storage where slm_decoder_init knows it, as a kernel of this build or as an instruction set; else NULL. */
SLM_API const char *slm_kernel_find(const char *name);

/* SLM_OK if `scale`, a bfloat16's bits, is legal for the coding: positive, finite, and a power of two where the coding's integers
 * need more than 16 bits and norm is 0 (rule [REC-8]); else SLM_E_SCALE. */
SLM_API slm_status slm_decoder_check_scale(const slm_decoder *decoder, uint16_t scale);

/* Decodes weights [first, first + count) of one run.
 *   codes   the run's slm_profile_run_bytes() bytes; nothing beyond them is read
 *   scale   the run's scale, bfloat16 bits
 *   dtype   SLM_F32, SLM_F16 or SLM_BF16
 *   target  count elements in the machine's own byte order, aligned to the element's size; nothing beyond them is written
 * Errors: SLM_E_RECORD for seed 0 in a block touched, or, where the range reaches the run's end, for padding bits that are not zero;
 * SLM_E_SCALE; SLM_E_ARGUMENT for a range outside the run or another dtype. After an error the target's contents are unspecified.
 * The kernels need the default floating-point environment (nearest even, no flush to zero); in another one the scalar kernel runs. */
SLM_API slm_status slm_decode_run(const slm_decoder *decoder, const void *codes, uint16_t scale, uint64_t first, uint64_t count,
                                  slm_dtype dtype, void *target);

/* Decodes `runs` whole runs that lie one after the other, each in its slm_profile_run_bytes(), to run_length elements each. Run r's
 * scale is scales[r * scale_step]; a step of 0 gives all of them the first. Errors as above, at the first run that has one. */
SLM_API slm_status slm_decode_runs(const slm_decoder *decoder, const void *codes, const uint16_t *scales, size_t scale_step, uint64_t runs,
                                   slm_dtype dtype, void *target);

/* The same weights as exact integers: T, or (D*H*T) where the coding is rotated, before scale and norm. For tests and hardware. */
SLM_API slm_status slm_decode_integers(const slm_decoder *decoder, const void *codes, uint64_t first, uint64_t count, int64_t *target);

/* Checks every record and the padding of one run without decoding it. On SLM_E_RECORD, *bit (where not NULL) is the offset in
 * bits, from the run's first, of the record or padding at fault. */
SLM_API slm_status slm_decoder_check_run(const slm_decoder *decoder, const void *codes, uint64_t *bit);

/* The entries of a seed, v_0 .. v_{C*P-1}, row by row as in the paper's V(s): entries[c * P + p]. `profile` must be valid. */
SLM_API void slm_entries(const slm_profile *profile, uint32_t seed, uint32_t *entries);

/* integer * scale / divisor rounded once to `dtype`, as bits in the low end of the result. The rounding of rule [REC-9];
 * |integer| at most 2^54, scale positive and finite, divisor 1 or 2^n - 1 for n <= 23. */
SLM_API uint32_t slm_round_value(int64_t integer, uint16_t scale, uint32_t divisor, slm_dtype dtype);

#ifdef __cplusplus
}
#endif
#endif
