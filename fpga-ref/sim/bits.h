/* bits.h: small helpers of the vector tool and the netlist harnesses: random numbers, bit strings, legal scales, output words. */
#ifndef FPGA_BITS_H
#define FPGA_BITS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "slm/slm.h"

/* xorshift64*, good enough for stimulus and the same on every machine. */
static inline uint64_t fpga_random(uint64_t *state) {
    uint64_t x = *state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return x * 0x2545F4914F6CDD1Du;
}

/* Bit string of `width` bits at bit offset `at`, least significant bit first. */
static inline void fpga_put(uint8_t *bits, uint64_t at, unsigned width, uint64_t value) {
    for (unsigned i = 0; i < width; i++) {
        uint8_t mask = (uint8_t)(1u << ((at + i) & 7));
        if ((value >> i) & 1)
            bits[(at + i) >> 3] |= mask;
        else
            bits[(at + i) >> 3] &= (uint8_t)~mask;
    }
}

static inline uint64_t fpga_get(const uint8_t *bits, uint64_t at, unsigned width) {
    uint64_t value = 0;
    for (unsigned i = 0; i < width; i++)
        value |= (uint64_t)((bits[(at + i) >> 3] >> ((at + i) & 7)) & 1) << i;
    return value;
}

/* The string as a hexadecimal number, most significant digit first. */
static inline void fpga_hex(FILE *f, const uint8_t *bits, uint64_t width) {
    for (uint64_t d = (width + 3) / 4; d-- > 0;) {
        unsigned n = (unsigned)(width - 4 * d < 4 ? width - 4 * d : 4);
        fputc("0123456789abcdef"[fpga_get(bits, 4 * d, n)], f);
    }
}

/* Output types as the core's generic OUTPUT numbers them. */
enum { FPGA_INT, FPGA_F16, FPGA_BF16, FPGA_F32 };

static inline slm_dtype fpga_dtype(unsigned output) { return output == FPGA_F16 ? SLM_F16 : output == FPGA_BF16 ? SLM_BF16 : SLM_F32; }

static inline unsigned fpga_clog2(unsigned n) {
    unsigned r = 0;
    while ((1u << r) < n)
        r++;
    return r;
}

/* Width of an integer T at the core's output. */
static inline unsigned fpga_integer_width(const slm_profile *p) {
    if (p->coding == SLM_CODING_TRELLIS)
        return p->W + fpga_clog2(p->P) + 1u;
    unsigned log = fpga_clog2(p->P), sum = p->W + p->B - 1u + log + ((1u << log) == p->P);
    return sum + (1u << p->E) - 1u;
}

static inline unsigned fpga_output_width(const slm_profile *p, unsigned output) {
    return output == FPGA_INT ? fpga_integer_width(p) : output == FPGA_F32 ? 32 : 16;
}

/* A random legal scale: mostly where the output is normal, often at the edges of the output's range, sometimes anywhere. */
static inline uint16_t fpga_scale(uint64_t *state, bool pow2, unsigned output) {
    uint64_t r = fpga_random(state);
    int exponent = (int)((r >> 8) % 255), centre = 127 - 6;
    if ((r & 3) == 1)
        exponent = centre + (int)((r >> 8) % 12) - 6;
    if ((r & 3) == 2) /* the subnormals of the output */
        exponent = (output == FPGA_F16 ? 127 - 24 : 4) + (int)((r >> 8) % 24) - 12;
    if ((r & 3) == 3) /* its overflow */
        exponent = (output == FPGA_F16 ? 127 + 12 : 248) + (int)((r >> 8) % 28) - 20;
    if (exponent < 0)
        exponent = 0;
    if (exponent > 254)
        exponent = 254;
    unsigned mantissa = pow2 ? 0 : (unsigned)(r >> 40) & 127;
    if (exponent == 0)
        mantissa = pow2 ? 1u << ((r >> 40) % 7) : mantissa | 1;
    return (uint16_t)((unsigned)exponent << 7 | mantissa);
}

/* Whether the core is to be given powers of two only, for the rule's sake ([REC-8]). */
static inline bool fpga_needs_pow2(const slm_profile *p) { return p->norm == 0 && slm_profile_integer_bits(p, 0) > 16; }

#endif
