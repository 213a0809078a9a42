/* The kernels of the search by cells with AVX-512 (F, BW, DQ, VL). */
#include <immintrin.h>
#include <string.h>

#include "block_filter.h"

#define VECTOR __m512i
#define SPLAT(x) _mm512_set1_epi16(x)
#define ALWAYS_INLINE inline __attribute__((always_inline))

static void products_of(const float *directions, unsigned groups, unsigned rows, const float *x, float *products) {
    for (unsigned g = 0; g < groups; g++, directions += rows * DIRECTION_GROUP, products += DIRECTION_GROUP) {
        __m512 sum = _mm512_setzero_ps();
        for (unsigned c = 0; c < rows; c++) {
            sum = _mm512_fmadd_ps(_mm512_loadu_ps(directions + (size_t)c * DIRECTION_GROUP), _mm512_set1_ps(x[c]), sum);
        }
        _mm512_storeu_ps(products, _mm512_abs_ps(sum));
    }
}

#include "block_filter_seeds.h"

/* Bits of a group's seeds that pass. */
static ALWAYS_INLINE uint32_t passing(const uint8_t *source, const unsigned pairs, __m512i start, __m512i most, const __m512i *x) {
    __m512i sum = start;
    for (unsigned j = 0; j < pairs; j++) {
        sum = _mm512_add_epi16(sum, _mm512_maddubs_epi16(_mm512_loadu_si512(source + (size_t)j * 64), x[j]));
    }
    return _mm512_cmple_epi16_mask(_mm512_abs_epi16(sum), most);
}

#include "block_filter_lists.h"

const block_filter_kernel slmi_block_filter_avx512 = {products_of, filter, rows, residuals};
