/* byte_shares.h: entries packed into bytes, for kernels that look nibbles up: K <= 16, C <= 2, entries that fit four bytes and whose sum
 * fits one. The LFSR is linear over GF(2), so a byte of a window's entries is the XOR of what its four nibbles contribute. */
#ifndef SLM_BYTE_SHARES_H
#define SLM_BYTE_SHARES_H

#include "linear.h"

#define BYTES_MAX 4

/* [b][i][x]: what nibble i of a window, being x, contributes to byte b of its entries. */
typedef uint8_t byte_shares[BYTES_MAX][4][16];

/* Bytes of a weight's entries. */
static inline unsigned entry_bytes(const slm_profile *p) { return p->W <= 4 ? (p->P + 1u) / 2 : p->P; }

/* T, or T / 2 where P is even, must stay within 16 bits while it is rotated. */
static inline bool byte_shares_fit(const slm_coding *coding) {
    const slm_profile *p = &coding->profile;
    if (p->coding != SLM_CODING_TRELLIS || p->C > 2 || p->K > 16 || p->W > 8 || p->C * entry_bytes(p) > BYTES_MAX ||
        p->P * ((1u << p->W) - 1) > 255)
        return false;
    const unsigned largest = (p->P * ((1u << p->W) - 1)) << coding->rotation;
    return (p->P % 2 == 0 ? largest / 2 : largest) <= INT16_MAX;
}

/* Adds the shares to a table of zeros. */
static inline void byte_shares_make(const slm_profile *p, byte_shares shares) {
    const unsigned shared = p->W <= 4 ? 2 : 1, width = 8 / shared;
    uint32_t column[16][LINEAR_ENTRIES];
    linear_columns(p, column);
    for (unsigned n = 0; n < (unsigned)p->C * p->P; n++) {
        const unsigned in = n % p->P, shift = in % shared * width;
        uint8_t(*const share)[16] = shares[n / p->P * entry_bytes(p) + in / shared];
        for (unsigned i = 0; i < 4; i++)
            for (unsigned x = 0; x < 16; x++)
                for (unsigned bit = 0; bit < 4; bit++)
                    share[i][x] ^= (uint8_t)((x >> bit & 1) * column[4 * i + bit][n] << shift);
    }
}

#endif
