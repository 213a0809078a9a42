/* rotate.c: sums of doubles in one order. */
#include "rotate.h"

#include "../decode/rotation.h"

void slmi_rotate_butterflies(double *values, size_t size) {
    for (size_t half = 1; half < size; half *= 2) {
        for (size_t start = 0; start < size; start += 2 * half) {
            for (size_t i = start; i < start + half; i++) {
                const double a = values[i];
                const double b = values[i + half];
                values[i] = a + b;
                values[i + half] = a - b;
            }
        }
    }
}

void slmi_rotate_weights(const slm_coding *coding, double *values, uint64_t count, uint64_t column) {
    const size_t size = (size_t)1 << coding->rotation;
    const double shrink = 1 / (double)size;
    uint32_t state = slmi_rotation_register(coding->sign_seed, column);
    for (uint64_t first = 0; first < count; first += size) {
        double *segment = values + first;
        int64_t signs[1 << SLM_ROTATION_MAX];
        for (size_t i = 0; i < size; i++) {
            signs[i] = 1;
        }
        slmi_rotation_sign(signs, size, &state);
        for (size_t i = 0; i < size; i++) {
            segment[i] = signs[i] < 0 ? -segment[i] : segment[i];
        }
        slmi_rotate_butterflies(segment, size);
        for (size_t i = 0; i < size; i++) {
            segment[i] *= shrink;
        }
    }
}
