/* rotation.c: H and D of the rotation, exactly and simply. */
#include "rotation.h"

#include "slm/lfsr.h"

#define SIGN_K 16
#define SIGN_TAPS 0x100bu /* Table 6 */

uint32_t rotation_register(uint16_t sign_seed, uint64_t column) { return slm_lfsr_advance(SIGN_K, SIGN_TAPS, sign_seed, column); }

void rotation_transform(int64_t *values, unsigned h) {
    const size_t n = (size_t)1 << h;
    for (size_t half = 1; half < n; half *= 2)
        for (size_t start = 0; start < n; start += 2 * half)
            for (size_t i = start; i < start + half; i++) {
                const int64_t a = values[i], b = values[i + half];
                values[i] = a + b;
                values[i + half] = a - b;
            }
}

/* The bit a step brings in is the sign of its column; with these taps four steps can be read off one state, but one is plain. */
void rotation_sign(int64_t *values, size_t count, uint32_t *state) {
    uint32_t x = *state;
    for (size_t i = 0; i < count; i++) {
        const uint32_t bit = (x ^ x >> 1 ^ x >> 3 ^ x >> 12) & 1;
        x = x >> 1 | bit << (SIGN_K - 1);
        values[i] = bit ? -values[i] : values[i];
    }
    *state = x;
}
