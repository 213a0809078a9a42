/* The kernels of the search by cells with AVX2. */
#include <immintrin.h>
#include <string.h>

#include "block_filter.h"

#define VECTOR __m256i
#define SPLAT(x) _mm256_set1_epi16(x)
#define ALWAYS_INLINE inline __attribute__((always_inline))

static void products_of(const float *directions, unsigned groups, unsigned rows, const float *x, float *products) {
    const __m256 magnitude = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff));
    for (unsigned g = 0; g < groups; g++, directions += rows * DIRECTION_GROUP, products += DIRECTION_GROUP) {
        __m256 low = _mm256_setzero_ps();
        __m256 high = _mm256_setzero_ps();
        for (unsigned c = 0; c < rows; c++) {
            const __m256 coordinate = _mm256_broadcast_ss(x + c);
            low = _mm256_fmadd_ps(_mm256_loadu_ps(directions + (size_t)c * DIRECTION_GROUP), coordinate, low);
            high = _mm256_fmadd_ps(_mm256_loadu_ps(directions + (size_t)c * DIRECTION_GROUP + 8), coordinate, high);
        }
        _mm256_storeu_ps(products, _mm256_and_ps(low, magnitude));
        _mm256_storeu_ps(products + 8, _mm256_and_ps(high, magnitude));
    }
}

#include "block_filter_seeds.h"

/* Bits of a group's seeds that pass. */
static ALWAYS_INLINE uint32_t passing(const uint8_t *source, const unsigned pairs, __m256i start, __m256i most, const __m256i *x) {
    __m256i low = start;
    __m256i high = start;
    for (unsigned j = 0; j < pairs; j++) {
        const __m256i first = _mm256_loadu_si256((const __m256i *)(const void *)(source + (size_t)j * 64));
        const __m256i second = _mm256_loadu_si256((const __m256i *)(const void *)(source + (size_t)j * 64 + 32));
        low = _mm256_add_epi16(low, _mm256_maddubs_epi16(first, x[j]));
        high = _mm256_add_epi16(high, _mm256_maddubs_epi16(second, x[j]));
    }
    const __m256i out =
        _mm256_packs_epi16(_mm256_cmpgt_epi16(_mm256_abs_epi16(low), most), _mm256_cmpgt_epi16(_mm256_abs_epi16(high), most));
    return ~(uint32_t)_mm256_movemask_epi8(_mm256_permute4x64_epi64(out, 0xD8));
}

#include "block_filter_lists.h"

const block_filter_kernel slmi_block_filter_avx2 = {products_of, filter, rows, residuals};
