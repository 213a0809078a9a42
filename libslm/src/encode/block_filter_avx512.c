/* The kernels of the search by cells with AVX-512 (F, BW, DQ, VL). */
#include <immintrin.h>
#include <string.h>

#include "block_filter.h"

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

static ALWAYS_INLINE size_t filter_pairs(const uint8_t *list, const uint16_t *seeds, size_t groups, const unsigned pairs,
                                         const filter_target *target, int limit, uint16_t *passed) {
    const __m512i start = _mm512_set1_epi16((short)(-FILTER_OFFSET * target->sum)); /* modulo 2^16: the sum itself fits */
    const __m512i most = _mm512_set1_epi16((short)limit);
    const size_t bytes = (size_t)pairs * 2 * FILTER_GROUP;
    __m512i x[FILTER_PAIRS_MAX];
    size_t count = 0;
    for (unsigned j = 0; j < pairs; j++) {
        x[j] = _mm512_set1_epi16(target->pairs[j]);
    }
    size_t g = 0;
    for (; g + 2 <= groups; g += 2, list += 2 * bytes) {
        const uint64_t first = passing(list, pairs, start, most, x);
        const uint64_t second = passing(list + bytes, pairs, start, most, x);
        count += take(second << 32 | first, seeds + g * FILTER_GROUP, passed + count);
    }
    if (g < groups) {
        count += take(passing(list, pairs, start, most, x), seeds + g * FILTER_GROUP, passed + count);
    }
    return count;
}

static size_t filter(const uint8_t *list, const uint16_t *seeds, size_t groups, unsigned pairs, const filter_target *target, int limit,
                     uint16_t *passed) {
    switch (pairs) {
    case 4: return filter_pairs(list, seeds, groups, 4, target, limit, passed);
    case 6: return filter_pairs(list, seeds, groups, 6, target, limit, passed);
    default: return filter_pairs(list, seeds, groups, pairs, target, limit, passed);
    }
}

const block_filter_kernel slmi_block_filter_avx512 = {products_of, filter, rows, residuals};
