/* signs.h: the signs of a rotation as bits, for vector kernels: 1024 columns at a time, in 16 words. */
#ifndef SLM_SIGNS_H
#define SLM_SIGNS_H

#include "rotation.h"

#define SIGNS_WORDS 16

/* The signs of the 1024 columns that follow `column`: the bits that the next steps bring in. The highest tap is 12, so four at a time. */
static inline void signs_begin(uint16_t sign_seed, uint64_t column, uint64_t words[SIGNS_WORDS]) {
    uint32_t x = slmi_rotation_register(sign_seed, column);
    for (unsigned i = 0; i < 64 * SIGNS_WORDS; i += 4) {
        const uint32_t four = (x ^ x >> 1 ^ x >> 3 ^ x >> 12) & 15;
        x = x >> 4 | four << 12;
        words[i / 64] = words[i / 64] >> 4 | (uint64_t)four << 60;
    }
}

/* From those of 1024 columns to the next: b_(n+16) = b_(n+12) + b_(n+3) + b_(n+1) + b_n holds with all distances times 64 too, and so for
 * words, whatever the order of the bits in them. */
static inline void signs_next(uint64_t words[SIGNS_WORDS]) {
    for (unsigned i = 0; i < SIGNS_WORDS; i++)
        words[i] ^= words[(i + 1) % SIGNS_WORDS] ^ words[(i + 3) % SIGNS_WORDS] ^ words[(i + 12) % SIGNS_WORDS];
}

#endif
