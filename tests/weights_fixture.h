/* weights_fixture.h: weights to code: drawn ones of several kinds, the same in every run, and those of the model in tests/data. */
#ifndef SLM_WEIGHTS_FIXTURE_H
#define SLM_WEIGHTS_FIXTURE_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "random_coding.h"
#include "slm/dtype.h"

typedef enum weights_kind {
    WEIGHTS_GAUSSIAN,
    WEIGHTS_LAPLACE,
    WEIGHTS_STUDENT, /* t with 4 degrees of freedom */
    WEIGHTS_ZERO,
    WEIGHTS_CONSTANT,
    WEIGHTS_TINY,   /* subnormal floats among them */
    WEIGHTS_HUGE,   /* up to the largest floats */
    WEIGHTS_SPARSE, /* mostly zeros */
    WEIGHTS_UNEVEN, /* magnitudes over many orders */
    WEIGHTS_KINDS
} weights_kind;

static inline double random_uniform(uint64_t *state) { return ((double)(random_next(state) >> 11) + 0.5) / 9007199254740992.0; }

static inline double random_gaussian(uint64_t *state) {
    const double radius = sqrt(-2 * log(random_uniform(state)));
    return radius * cos(6.283185307179586 * random_uniform(state));
}

static inline float random_weight(uint64_t *state, weights_kind kind) {
    const double g = random_gaussian(state);
    double sum = 0;
    switch (kind) {
    case WEIGHTS_LAPLACE: return (float)(-log(random_uniform(state)) * (g < 0 ? -1 : 1));
    case WEIGHTS_STUDENT:
        for (int i = 0; i < 4; i++) {
            const double part = random_gaussian(state);
            sum += part * part;
        }
        return (float)(g / sqrt(sum / 4));
    case WEIGHTS_ZERO: return 0;
    case WEIGHTS_CONSTANT: return 0.75F;
    case WEIGHTS_TINY: return (float)(g * 1e-40);
    case WEIGHTS_HUGE: return (float)(fmod(g, 1.0) * 3.4e38);
    case WEIGHTS_SPARSE: return random_below(state, 8) == 0 ? (float)g : 0;
    case WEIGHTS_UNEVEN: return (float)(g * pow(10, -12 * random_uniform(state)));
    case WEIGHTS_GAUSSIAN:
    default: return (float)g;
    }
}

/* At most `count` weights of tests/data/llama-0.9m, from the first on; the number there is. The folder is found through SLM_TEST_DATA. */
static inline size_t real_weights(float *weights, size_t count) {
    const char *folder = getenv("SLM_TEST_DATA");
    char path[4096];
    unsigned char head[8], element[2];
    (void)snprintf(path, sizeof path, "%s/llama-0.9m/model.safetensors", folder != NULL ? folder : "tests/data");
    FILE *file = fopen(path, "rb");
    size_t read = 0;
    if (file == NULL) {
        return 0;
    }
    if (fread(head, 1, sizeof head, file) == sizeof head &&
        fseek(file, 8 + (long)(head[0] | head[1] << 8 | head[2] << 16), SEEK_SET) == 0) {
        while (read < count && fread(element, 1, sizeof element, file) == sizeof element) {
            slm_widen(SLM_BF16, element, 1, &weights[read++]);
        }
    }
    (void)fclose(file);
    return read;
}

#endif
