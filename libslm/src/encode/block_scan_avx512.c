/* The dense scan with AVX-512: one register of seeds against six blocks. */
#include <immintrin.h>
#include <stdint.h>

typedef __m512 vector;
#define LANES 16
#define TILE_BLOCKS 6
#define TILE_VECTORS 1
#define SCAN_FUNCTION slmi_block_scan_avx512

static inline vector vector_all(float value) { return _mm512_set1_ps(value); }
static inline vector vector_zero(void) { return _mm512_setzero_ps(); }
static inline vector vector_one(void) { return _mm512_set1_ps(1); }
static inline vector vector_load(const float *source) { return _mm512_loadu_ps(source); }
static inline void vector_store(float *target, vector v) { _mm512_storeu_ps(target, v); }
static inline vector vector_add_product(vector a, vector b, vector sum) { return _mm512_fmadd_ps(a, b, sum); }
static inline vector vector_take_product(vector a, vector b, vector sum) { return _mm512_fnmadd_ps(a, b, sum); }
static inline uint32_t vector_not_above(vector v, float limit) { return _mm512_cmp_ps_mask(v, _mm512_set1_ps(limit), _CMP_LE_OQ); }

#include "block_scan_impl.h"
