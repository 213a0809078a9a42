/* rotation.c: H and D of the rotation, exactly and simply. */
#include "rotation.h"

#include "slm/lfsr.h"

#define SIGN_K 16
#define SIGN_TAPS 0x100bu /* Table 6 */

uint32_t slmi_rotation_register(uint16_t sign_seed, uint64_t column) { return slm_lfsr_advance(SIGN_K, SIGN_TAPS, sign_seed, column); }

/* Two of the h stages at a time, for speed; where h is odd one is left for the end. */
void slmi_rotation_transform(int64_t *values, unsigned h) {
    const size_t n = (size_t)1 << h;
    size_t half = 1;
    for (; 4 * half <= n; half *= 4)
        for (size_t start = 0; start < n; start += 4 * half)
            for (size_t i = start; i < start + half; i++) {
                const int64_t a = values[i] + values[i + half], b = values[i] - values[i + half];
                const int64_t c = values[i + 2 * half] + values[i + 3 * half], d = values[i + 2 * half] - values[i + 3 * half];
                values[i] = a + c;
                values[i + half] = b + d;
                values[i + 2 * half] = a - c;
                values[i + 3 * half] = b - d;
            }
    if (2 * half == n)
        for (size_t i = 0; i < half; i++) {
            const int64_t a = values[i], b = values[i + half];
            values[i] = a + b;
            values[i + half] = a - b;
        }
}

/* The bit that a step brings in is the sign of its column. The highest tap being 12, four steps can be read off one state. */
void slmi_rotation_sign(int64_t *values, size_t count, uint32_t *state) {
    uint32_t x = *state;
    for (size_t i = 0; i < count; i += 4) {
        const unsigned n = count - i < 4 ? (unsigned)(count - i) : 4;
        const uint32_t bits = (x ^ x >> 1 ^ x >> 3 ^ x >> 12) & ((1u << n) - 1);
        x = x >> n | bits << (SIGN_K - n);
        for (unsigned j = 0; j < n; j++)
            values[i + j] *= 1 - 2 * (int64_t)(bits >> j & 1);
    }
    *state = x;
}
