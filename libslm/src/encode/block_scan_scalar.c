/* The dense scan in plain C, and the choice among the scans of this build. */
typedef struct vector {
    float lane[16];
} vector;
#define LANES 16
#define TILE_BLOCKS 1 /* and no room for a target in registers */
#define TARGETS_IN_MEMORY
#define TILE_VECTORS 1
#define SCAN_FUNCTION slmi_block_scan_scalar

#include <stdint.h>
#include <string.h>

static inline vector vector_all(float value) {
    vector v;
    for (int i = 0; i < LANES; i++) {
        v.lane[i] = value;
    }
    return v;
}
static inline vector vector_zero(void) { return vector_all(0); }
static inline vector vector_one(void) { return vector_all(1); }
static inline vector vector_load(const float *source) {
    vector v;
    memcpy(v.lane, source, sizeof v.lane);
    return v;
}
static inline void vector_store(float *target, vector v) { memcpy(target, v.lane, sizeof v.lane); }
static inline vector vector_add_product(vector a, vector b, vector sum) {
    for (int i = 0; i < LANES; i++) {
        sum.lane[i] += a.lane[i] * b.lane[i];
    }
    return sum;
}
static inline vector vector_take_product(vector a, vector b, vector sum) {
    for (int i = 0; i < LANES; i++) {
        sum.lane[i] -= a.lane[i] * b.lane[i];
    }
    return sum;
}
static inline uint32_t vector_not_above(vector v, float limit) {
    uint32_t mask = 0;
    for (int i = 0; i < LANES; i++) {
        mask |= (uint32_t)(v.lane[i] <= limit) << i;
    }
    return mask;
}

#include "../decode/kernel.h"
#include "block_scan_impl.h"

/* Fastest last. */
static const struct {
    block_scan_kernel kernel;
    bool (*runs_here)(void);
} kernels[] = {
    {{"scalar", slmi_block_scan_scalar, &slmi_block_filter_scalar}, slm_cpu_any},
#if defined(__x86_64__) && defined(__GNUC__)
    {{"avx2", slmi_block_scan_avx2, &slmi_block_filter_avx2}, slm_cpu_avx2},
    {{"avx512", slmi_block_scan_avx512, &slmi_block_filter_avx512}, slm_cpu_avx512},
#endif
};

const block_scan_kernel *slmi_block_scan_find(const char *name) {
    const block_scan_kernel *found = NULL;
    for (size_t i = 0; i < sizeof kernels / sizeof kernels[0]; i++) {
        if (kernels[i].runs_here()) {
            found = &kernels[i].kernel;
        }
        if (name != NULL && strcmp(name, kernels[i].kernel.name) == 0) {
            return found;
        }
    }
    return name == NULL ? found : NULL;
}
