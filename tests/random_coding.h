/* random_coding.h: random numbers, legal codings and valid codes, the same in every run, for the tests of level 1. */
#ifndef SLM_RANDOM_CODING_H
#define SLM_RANDOM_CODING_H

#include <stdlib.h>
#include <string.h>

#include "slm/decode.h"

/* splitmix64 */
static inline uint64_t random_next(uint64_t *state) {
    uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static inline unsigned random_below(uint64_t *state, unsigned n) { return (unsigned)((random_next(state) >> 32) * n >> 32); }

/* A legal coding with a run of at most `longest` (>= 16) weights. Taps are Table 6's or any other primitive ones. */
static inline void random_coding(uint64_t *state, slm_coding_id id, unsigned longest, slm_coding *coding) {
    do {
        memset(coding, 0, sizeof *coding);
        slm_profile *p = &coding->profile;
        p->coding = (uint8_t)id;
        p->K = (uint8_t)(2 + random_below(state, 23));
        p->W = (uint8_t)(1 + random_below(state, p->K));
        p->step = (uint8_t)(1 + random_below(state, random_below(state, 2) ? 8 : 64));
        p->P = (uint8_t)(1 + random_below(state, random_below(state, 2) ? 6 : 16));
        p->C = (uint8_t)(1 + random_below(state, random_below(state, 2) ? 12 : 64));
        p->taps = slm_lfsr_table6(p->K);
        if (random_below(state, 2))
            p->taps = 1 | (uint32_t)(random_next(state) & ((UINT32_C(1) << p->K) - 1));
        if (id == SLM_CODING_BLOCK) {
            p->E = (uint8_t)random_below(state, 5);
            p->B = (uint8_t)(2 + random_below(state, 7));
            p->norm = (uint8_t)random_below(state, 2);
        } else {
            p->k = (uint8_t)(1 + random_below(state, 8));
            if (random_below(state, 2))
                p->C = 1;
            if (random_below(state, 2))
                p->W = (uint8_t)(1 + random_below(state, 4));
        }
        coding->run_length = 1 + random_below(state, longest);
        if (random_below(state, 2)) {
            coding->rotation = (uint8_t)(SLM_ROTATION_MIN + random_below(state, 7));
            coding->sign_seed = (uint16_t)(1 + random_below(state, 65535));
            coding->run_length &= ~((UINT64_C(1) << coding->rotation) - 1);
        }
    } while (slm_coding_check(coding, NULL) != SLM_OK);
}

/* Random codes of one run, with no seed 0 and zero padding. `codes` has slm_profile_run_bytes() bytes. */
static inline void random_codes(uint64_t *state, const slm_coding *coding, uint8_t *codes) {
    const slm_profile *p = &coding->profile;
    const uint64_t bytes = slm_profile_run_bytes(p, coding->run_length), blocks = slm_profile_blocks(p, coding->run_length);
    const unsigned stride = p->coding == SLM_CODING_BLOCK ? slm_profile_record_bits(p) : p->k;
    const uint64_t bits = (blocks - 1) * stride + (p->coding == SLM_CODING_BLOCK ? stride : p->K);
    /* Runs of equal bytes now and then, for the ends of every range. */
    for (uint64_t i = 0; i < bytes; i++)
        codes[i] = (uint8_t)(random_below(state, 16) == 0 ? 0xff * random_below(state, 2) : random_next(state));
    if (p->coding == SLM_CODING_BLOCK)
        for (uint64_t i = 0; i < blocks; i++) { /* a seed's bit, any one, is set */
            const uint64_t bit = i * stride + random_below(state, p->K);
            codes[bit / 8] |= (uint8_t)(1u << bit % 8);
        }
    if (bits % 8 != 0)
        codes[bytes - 1] &= (uint8_t)((1u << bits % 8) - 1);
}

/* A scale that is legal for the decoder. */
static inline uint16_t random_scale(uint64_t *state, const slm_decoder *decoder) {
    for (;;) {
        uint16_t scale = (uint16_t)(1 + random_below(state, 0x7f7f));
        if (random_below(state, 2))
            scale = (uint16_t)((127 - 24 + random_below(state, 40)) << 7 | (scale & 0x7f)); /* where F16 is in range */
        if (random_below(state, 2))
            scale = (uint16_t)(scale & 0x7f80);
        if (slm_decoder_check_scale(decoder, scale) == SLM_OK)
            return scale;
    }
}

#endif
