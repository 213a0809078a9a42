/* trellis_step_sse.h: expand() of a trellis step kernel for x86, transposing the costs in 8 x 8 tiles. Included after trellis_step_impl.h.
 */
#include <immintrin.h>

/* Eight rows of eight 16-bit lanes, `stride` apart, to eight columns. */
static inline __attribute__((always_inline)) void transpose_tile(const uint16_t *from, size_t stride, __m128i offset, uint16_t *to,
                                                                 size_t to_stride) {
    __m128i a[8], b[8];
    for (unsigned i = 0; i < 8; i++)
        a[i] = _mm_sub_epi16(_mm_loadu_si128((const __m128i *)(const void *)(from + i * stride)), offset);
    for (unsigned i = 0; i < 4; i++) {
        b[2 * i] = _mm_unpacklo_epi16(a[i], a[i + 4]);
        b[2 * i + 1] = _mm_unpackhi_epi16(a[i], a[i + 4]);
    }
    for (unsigned i = 0; i < 4; i++) {
        a[2 * i] = _mm_unpacklo_epi16(b[i], b[i + 4]);
        a[2 * i + 1] = _mm_unpackhi_epi16(b[i], b[i + 4]);
    }
    for (unsigned i = 0; i < 4; i++) {
        b[2 * i] = _mm_unpacklo_epi16(a[i], a[i + 4]);
        b[2 * i + 1] = _mm_unpackhi_epi16(a[i], a[i + 4]);
    }
    for (unsigned i = 0; i < 8; i++)
        _mm_storeu_si128((__m128i *)(void *)(to + i * to_stride), b[i]);
}

static void expand_sse(const trellis_shape *shape, const uint16_t *costs, unsigned offset, uint16_t *expanded) {
    const size_t digits = (size_t)1 << shape->k, period = shape->period;
    if (period * digits != shape->groups) { /* small K or large k: costs repeat */
        expand_plain(shape, costs, offset, expanded);
        return;
    }
    const __m128i less = _mm_set1_epi16((int16_t)offset);
    if (digits >= 8) {
        for (size_t j = 0; j < period; j += 8)
            for (size_t d = 0; d < digits; d += 8)
                transpose_tile(costs + j * digits + d, digits, less, expanded + d * period + j, period);
        return;
    }
    /* Two or four digits: one or two rounds of parting even from odd lanes. */
    const __m128i part = _mm_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15);
    const __m128i part4 = _mm_setr_epi8(0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15);
    for (size_t j = 0; j < period; j += 8) {
        __m128i a[4];
        for (size_t i = 0; i < digits; i++)
            a[i] = _mm_shuffle_epi8(_mm_sub_epi16(_mm_loadu_si128((const __m128i *)(const void *)(costs + j * digits + 8 * i)), less),
                                    digits == 2 ? part : part4);
        __m128i b[4];
        if (digits == 2) {
            b[0] = _mm_unpacklo_epi64(a[0], a[1]);
            b[1] = _mm_unpackhi_epi64(a[0], a[1]);
        } else {
            const __m128i low01 = _mm_unpacklo_epi32(a[0], a[1]), high01 = _mm_unpackhi_epi32(a[0], a[1]);
            const __m128i low23 = _mm_unpacklo_epi32(a[2], a[3]), high23 = _mm_unpackhi_epi32(a[2], a[3]);
            b[0] = _mm_unpacklo_epi64(low01, low23);
            b[1] = _mm_unpackhi_epi64(low01, low23);
            b[2] = _mm_unpacklo_epi64(high01, high23);
            b[3] = _mm_unpackhi_epi64(high01, high23);
        }
        for (size_t d = 0; d < digits; d++)
            _mm_storeu_si128((__m128i *)(void *)(expanded + d * period + j), b[d]);
    }
}
