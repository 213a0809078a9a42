/* The dense scan with AVX2 and FMA: two registers of seeds against three blocks. */
#include <immintrin.h>
#include <stdint.h>

typedef __m256 vector;
#define LANES 8
#define TILE_BLOCKS 3
#define TILE_VECTORS 2
#define SCAN_FUNCTION slmi_block_scan_avx2

static inline vector vector_all(float value) { return _mm256_set1_ps(value); }
static inline vector vector_zero(void) { return _mm256_setzero_ps(); }
static inline vector vector_one(void) { return _mm256_set1_ps(1); }
static inline vector vector_load(const float *source) { return _mm256_loadu_ps(source); }
static inline void vector_store(float *target, vector v) { _mm256_storeu_ps(target, v); }
static inline vector vector_add_product(vector a, vector b, vector sum) { return _mm256_fmadd_ps(a, b, sum); }
static inline vector vector_take_product(vector a, vector b, vector sum) { return _mm256_fnmadd_ps(a, b, sum); }
static inline uint32_t vector_not_above(vector v, float limit) {
    return (uint32_t)_mm256_movemask_ps(_mm256_cmp_ps(v, _mm256_set1_ps(limit), _CMP_LE_OQ));
}

#include "block_scan_impl.h"
