/* lfsr.c: the LFSR of the paper: Table 6, jumps of any length, and the test for maximal length. */
#include "slm/lfsr.h"

/* Table 6 of the paper as masks: bit j is alpha_j. */
static const uint32_t table6[SLM_LFSR_K_MAX + 1] = {
    [2] = 0x3,   [3] = 0x3,   [4] = 0x3,    [5] = 0x5,   [6] = 0x3,     [7] = 0x3,   [8] = 0x1d,    [9] = 0x11,
    [10] = 0x9,  [11] = 0x5,  [12] = 0x107, [13] = 0x27, [14] = 0x1007, [15] = 0x3,  [16] = 0x100b, [17] = 0x9,
    [18] = 0x81, [19] = 0x27, [20] = 0x9,   [21] = 0x5,  [22] = 0x3,    [23] = 0x21, [24] = 0x87,
};

uint32_t slm_lfsr_table6(unsigned K) { return K >= SLM_LFSR_K_MIN && K <= SLM_LFSR_K_MAX ? table6[K] : 0; }

static uint32_t parity(uint32_t x) {
    x ^= x >> 16;
    x ^= x >> 8;
    x ^= x >> 4;
    return (0x6996u >> (x & 15)) & 1;
}

static uint32_t step(unsigned K, uint32_t taps, uint32_t state) { return (state >> 1) | (parity(state & taps) << (K - 1)); }

/* a * b modulo p(x) = x^K + taps, polynomials over GF(2) with coefficient i in bit i. */
static uint32_t multiply(unsigned K, uint32_t taps, uint32_t a, uint32_t b) {
    const uint32_t top = UINT32_C(1) << K;
    uint32_t product = 0;
    for (unsigned i = K; i-- > 0;) {
        product <<= 1;
        if (product & top)
            product ^= top | taps;
        if (b >> i & 1)
            product ^= a;
    }
    return product;
}

/* x^n modulo p(x). */
static uint32_t power_of_x(unsigned K, uint32_t taps, uint64_t n) {
    uint32_t power = 1;
    for (unsigned i = 64; i-- > 0;) {
        if (power != 1)
            power = multiply(K, taps, power, power);
        if (n >> i & 1)
            power = multiply(K, taps, power, 2);
    }
    return power;
}

/* The register holds K neighbouring terms b_t .. b_{t+K-1} of a sequence with b_{t+K} = sum of taps_j b_{t+j}. Where x^n = sum of
 * c_i x^i modulo p(x), also b_{t+n} = sum of c_i b_{t+i}: so a jump needs 2K - 1 terms and the K coefficients c. */
uint32_t slm_lfsr_advance(unsigned K, uint32_t taps, uint32_t state, uint64_t steps) {
    if (steps <= SLM_LFSR_K_MAX) {
        for (; steps > 0; steps--)
            state = step(K, taps, state);
        return state;
    }
    uint64_t terms = state;
    for (unsigned i = 1; i < K; i++) {
        state = step(K, taps, state);
        terms |= (uint64_t)(state >> (K - 1)) << (K - 1 + i);
    }
    uint32_t coefficients = power_of_x(K, taps, steps), result = 0;
    for (unsigned i = 0; i < K; i++)
        result |= parity((uint32_t)(terms >> i) & coefficients) << i;
    return result;
}

/* Where x has order 2^K - 1, its powers are all nonzero residues, so each of these has an inverse: p(x) is irreducible, and
 * primitive. The order is 2^K - 1 if x^(2^K - 1) = 1 and no x^((2^K - 1)/q) is, q a prime factor. */
bool slm_lfsr_is_maximal(unsigned K, uint32_t taps) {
    if (K < SLM_LFSR_K_MIN || K > SLM_LFSR_K_MAX || taps >> K != 0 || (taps & 1) == 0)
        return false;
    const uint32_t order = (UINT32_C(1) << K) - 1;
    if (power_of_x(K, taps, order) != 1)
        return false;
    uint32_t rest = order; /* odd */
    for (uint32_t q = 3; rest > 1; q += 2) {
        if (q * q > rest)
            q = rest; /* what is left is prime */
        if (rest % q != 0)
            continue;
        if (power_of_x(K, taps, order / q) == 1)
            return false;
        while (rest % q == 0)
            rest /= q;
    }
    return true;
}
