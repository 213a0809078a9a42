/* slm/profile.h: the parameters of a coding (specification sections "Profiles", "Block coding", "Trellis coding").
 *
 * A profile says how a block of C weights comes from a K-bit seed. Both codings share the entry generator: entry n = c*P + p of a
 * seed is v_n = x >> (K - W), x the LFSR's state after (n + 1) * step steps from the seed. The seed itself is never an entry.
 *
 *   block    record = seed (K bits) | exponent code e (E) | q_0 .. q_{P-1} (B each, two's complement); least significant bit first
 *            T_c = (sum_p q_p * (v_{cP+p} - 2^(W-1))) << e
 *   trellis  seed j of a run is bits [j*k, j*k + K) of the run's stream
 *            T_c = sum_p (2*v_{cP+p} + 1 - 2^W)
 *
 * Value = T * scale (norm 0), or T * scale / (2^(W-1) - 1) (norm 1, the paper's equation 1), rounded once.
 * Freestanding; thread rule: all functions are pure.
 */
#ifndef SLM_PROFILE_H
#define SLM_PROFILE_H

#include <stddef.h>
#include <stdint.h>

#include "slm/lfsr.h"
#include "slm/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum slm_coding_id { SLM_CODING_RAW = 0, SLM_CODING_BLOCK = 1, SLM_CODING_TRELLIS = 2 } slm_coding_id;

#define SLM_PROFILE_NAME_SIZE 16 /* bytes in a file; a name that fills all 16 has no terminator there */
#define SLM_PROFILE_BYTES 32     /* a profile's size in a file */
#define SLM_P_MAX 16
#define SLM_C_MAX 64
#define SLM_STEP_MAX 64
#define SLM_RECORD_BITS_MAX 64

typedef struct slm_profile {
    uint8_t coding;                       /* SLM_CODING_BLOCK or SLM_CODING_TRELLIS */
    uint8_t K;                            /* seed bits, 2..24 */
    uint8_t step;                         /* LFSR steps an entry, 1..64 */
    uint8_t W;                            /* entry bits, 1..K */
    uint8_t P;                            /* entries a weight, 1..16 */
    uint8_t C;                            /* weights a block, 1..64 */
    uint8_t E;                            /* block: exponent bits, 0..4; trellis: 0 */
    uint8_t B;                            /* block: coefficient bits, 2..8; trellis: 0 */
    uint8_t norm;                         /* block: 0 or 1 (needs W >= 2); trellis: 0 */
    uint8_t k;                            /* trellis: new bits a seed, 1..8, k < K; block: 0 */
    uint32_t taps;                        /* alpha mask, bit 0 set, primitive */
    char name[SLM_PROFILE_NAME_SIZE + 1]; /* printable ASCII, informative; "" where there is none */
} slm_profile;

/* SLM_OK, or SLM_E_PROFILE; then *reason, where reason is not NULL, is a static sentence that begins with the rule broken,
 * such as "[PRO-4] W must lie in 1..K". SLM_E_FEATURE for a coding id this version does not know. */
SLM_API slm_status slm_profile_check(const slm_profile *profile, const char **reason);

/* Reads the 32 bytes of a profile as they stand in a file and checks them as above. */
SLM_API slm_status slm_profile_parse(slm_profile *profile, const uint8_t bytes[SLM_PROFILE_BYTES], const char **reason);

/* Writes those bytes. `profile` must be valid. */
SLM_API void slm_profile_store(const slm_profile *profile, uint8_t bytes[SLM_PROFILE_BYTES]);

/* The named profiles: paper-4, paper-3, slm-2, slm-2.5, slm-3, slm-3.5, slm-4 (the default), slm-5, slm-6, slm-4-fast. NULL past the
 * last, or for an unknown name. Static storage. */
SLM_API const slm_profile *slm_profile_by_index(size_t index);
SLM_API const slm_profile *slm_profile_by_name(const char *name);

/* Bits of a block record, K + E + P*B. Block coding only. */
SLM_API unsigned slm_profile_record_bits(const slm_profile *profile);

/* Blocks (block coding) or seeds (trellis) in a run of `run_length` weights: ceil(run_length / C). */
SLM_API uint64_t slm_profile_blocks(const slm_profile *profile, uint64_t run_length);

/* Bytes of the codes of one run, or UINT64_MAX where that does not fit 63 bits. */
SLM_API uint64_t slm_profile_run_bytes(const slm_profile *profile, uint64_t run_length);

/* The significant bits b that hold every integer the profile makes with rotation h (rule [REC-8]):
 * all |integers| are at most 2^b, a block's left shift not counted unless h > 0. */
SLM_API unsigned slm_profile_integer_bits(const slm_profile *profile, unsigned rotation);

#ifdef __cplusplus
}
#endif
#endif
