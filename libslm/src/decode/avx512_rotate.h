/* avx512_rotate.h: H and D on bytes, and the scaling after it, for the AVX-512 trellis kernel. Included behind avx512.h.
 *
 * A piece of up to 1024 columns comes as vectors of 64 bytes U = S - middle. Column bits 6 and up are transformed between vectors, in
 * bytes as long as the sums fit. Bits 0 .. 5 are transformed within a vector: sums and differences of neighbours make two vectors of 16-bit
 * numbers, and from there each step interleaves the two and adds and subtracts, which transforms the bit by which the places taken from
 * differ, and makes it the bit that tells the two new vectors apart. The places' bits therefore wander. With p0 .. p5 those of a byte's
 * place, they end as (p0 p2 p3 | p1 p5) within the vectors, lanes behind the bar, and p4 between the two; the columns are put in such an
 * order at the beginning that this is (c0 c1 c4 | c2 c3), c5: then widening to binary32 leaves 16 neighbouring columns in a vector. */
#ifndef SLM_AVX512_ROTATE_H
#define SLM_AVX512_ROTATE_H

#define AVX512_PIECE 1024

/* The order above, p0 = c0, p1 = c2, p2 = c1; p3 = c4, p4 = c5, p5 = c3, as windows within 64-bit lanes and groups of eight in lanes. */
#define AVX512_ROTATE_PLACES 0x0706030205040100
#define AVX512_ROTATE_GROUPS                                                                                                               \
    _mm512_setr_epi64(0, 2 * 0x0101010101010101, 4 * 0x0101010101010101, 6 * 0x0101010101010101, 0x0101010101010101,                       \
                      3 * 0x0101010101010101, 5 * 0x0101010101010101, 7 * 0x0101010101010101)

/* Signs in the order of the places of 16-bit numbers: c0 c1 c4 c2 c3, then c5. */
static inline void avx512_order_signs(uint64_t words[SIGNS_WORDS]) {
    for (unsigned i = 0; i < SIGNS_WORDS; i++) {
        uint64_t ordered = 0;
        for (unsigned n = 0; n < 16; n++) { /* four columns: c2 c3 c4 c5 */
            const unsigned to = (n >> 2 & 1) | (n & 1) << 1 | (n >> 1 & 1) << 2 | (n & 8);
            ordered |= (words[i] >> 4 * n & 15) << 4 * to;
        }
        words[i] = ordered;
    }
}

typedef struct avx512_rotation {
    __m512i middle;        /* bytes */
    __m512i correction[2]; /* what the first block of a segment (or each, where segments are no longer) gets before the signs */
    __m512 factor, offset; /* 2 * scale, and minus that times 2^23 + 2^15 */
    unsigned early;        /* stages between vectors that fit bytes */
    bool corrected;
} avx512_rotation;

/* I = 2 H U, or where the sum of the largest entries is odd, T = 2 U + 1 and I = 2 (H U + 2^(h-1) in the first column). */
AVX512_INLINE avx512_rotation avx512_rotation_make(unsigned h, unsigned middle, bool odd, uint16_t scale) {
    avx512_rotation r;
    const uint32_t bits = (uint32_t)scale << 16;
    float factor;
    memcpy(&factor, &bits, sizeof factor);
    r.middle = _mm512_set1_epi8((char)middle);
    r.factor = _mm512_set1_ps(2 * factor);
    r.offset = _mm512_set1_ps(-2 * factor * (8388608 + 32768));
    for (r.early = 0; (middle << (r.early + 1)) <= 127; r.early++)
        continue;
    const short half = (short)(odd ? 1 << (h - 1) : 0);
    const __mmask32 first = h == 4 ? 0x11 : 0x01; /* columns 0 and 16: c4 is the third bit of a place */
    r.correction[0] = _mm512_maskz_set1_epi16(first, half);
    r.correction[1] = h <= 5 ? r.correction[0] : _mm512_setzero_si512();
    r.corrected = odd;
    return r;
}

/* Columns bits 0 .. 5 of 64 bytes, as far as the segment reaches. */
AVX512_INLINE void avx512_rotate_64(unsigned h, __m512i bytes, __m512i *first, __m512i *second) {
    const __m512i ones = _mm512_set1_epi8(1);
    const __m512i minus = _mm512_mask_sub_epi8(bytes, UINT64_C(0xaaaaaaaaaaaaaaaa), _mm512_setzero_si512(), bytes);
    __m512i x = _mm512_maddubs_epi16(ones, bytes), y = _mm512_maddubs_epi16(ones, minus), low, high; /* p0 */
    low = _mm512_unpacklo_epi16(x, y), high = _mm512_unpackhi_epi16(x, y);
    x = h > 4 ? _mm512_add_epi16(low, high) : low; /* p3: c4 */
    y = h > 4 ? _mm512_sub_epi16(low, high) : high;
    low = _mm512_unpacklo_epi32(x, y), high = _mm512_unpackhi_epi32(x, y); /* p2 */
    x = _mm512_add_epi16(low, high), y = _mm512_sub_epi16(low, high);
    low = _mm512_unpacklo_epi32(x, y), high = _mm512_unpackhi_epi32(x, y); /* p1 */
    x = _mm512_add_epi16(low, high), y = _mm512_sub_epi16(low, high);
    low = _mm512_shuffle_i64x2(x, y, 0x44), high = _mm512_shuffle_i64x2(x, y, 0xee); /* p5 */
    x = _mm512_add_epi16(low, high), y = _mm512_sub_epi16(low, high);
    low = _mm512_shuffle_i64x2(x, y, 0x88), high = _mm512_shuffle_i64x2(x, y, 0xdd); /* p4: c5 */
    *first = h > 5 ? _mm512_add_epi16(low, high) : low;
    *second = h > 5 ? _mm512_sub_epi16(low, high) : high;
}

/* Sixteen columns: 0x4b00 above a 16-bit number plus 2^15 is 2^23 + that, and (2^23 + 2^15 + x) f - (2^23 + 2^15) f is x f, exactly. */
AVX512_INLINE void avx512_rotate_emit(const avx512_rotation *r, slm_dtype dtype, __m512i widened, uint8_t *target, bool stream) {
    const __m512 value = _mm512_fmadd_ps(_mm512_castsi512_ps(widened), r->factor, r->offset);
    if (dtype == SLM_F32)
        avx512_store(target, _mm512_castps_si512(value), stream);
    else
        avx512_store_half(target, avx512_narrow(dtype, value), stream);
}

/* 64 columns from the two vectors of a block and their signs. */
AVX512_INLINE void avx512_rotate_finish(const avx512_rotation *r, slm_dtype dtype, __m512i first, __m512i second, uint64_t signs,
                                        uint8_t *target, bool stream) {
    const __m512i zero = _mm512_setzero_si512(), flip = _mm512_set1_epi16(INT16_MIN), above = _mm512_set1_epi16(0x4b00);
    const size_t step = dtype == SLM_F32 ? 64 : 32;
    first = _mm512_mask_sub_epi16(first, (__mmask32)signs, zero, first);
    second = _mm512_mask_sub_epi16(second, (__mmask32)(signs >> 32), zero, second);
    first = _mm512_xor_si512(first, flip);
    second = _mm512_xor_si512(second, flip);
    avx512_rotate_emit(r, dtype, _mm512_unpacklo_epi16(first, above), target, stream);
    avx512_rotate_emit(r, dtype, _mm512_unpackhi_epi16(first, above), target + step, stream);
    avx512_rotate_emit(r, dtype, _mm512_unpacklo_epi16(second, above), target + 2 * step, stream);
    avx512_rotate_emit(r, dtype, _mm512_unpackhi_epi16(second, above), target + 3 * step, stream);
}

/* A stage between vectors `step` apart, on bytes or 16-bit numbers. */
AVX512_INLINE void avx512_rotate_between(__m512i *v, size_t count, size_t step, bool bytes) {
    for (size_t i = 0; i < count; i += 2 * step)
        for (size_t j = i; j < i + step; j++) {
            const __m512i a = v[j], b = v[j + step];
            v[j] = bytes ? _mm512_add_epi8(a, b) : _mm512_add_epi16(a, b);
            v[j + step] = bytes ? _mm512_sub_epi8(a, b) : _mm512_sub_epi16(a, b);
        }
}

/* Columns [skip, skip + n) of a piece, whose segments have `whole` columns altogether, S in `piece`. */
AVX512_INLINE void avx512_rotate(const avx512_rotation *r, unsigned h, __m512i piece[AVX512_PIECE / 64], size_t whole,
                                 const uint64_t signs[SIGNS_WORDS], size_t skip, size_t n, slm_dtype dtype, bool stream, uint8_t *target) {
    const size_t blocks = (whole + 63) / 64, size = dtype == SLM_F32 ? 4 : 2;
    const unsigned between = h > 6 ? h - 6 : 0, early = between < r->early ? between : r->early;
    for (size_t i = 0; i < blocks; i++)
        piece[i] = _mm512_sub_epi8(piece[i], r->middle);
    for (unsigned i = 0; i < early; i++)
        avx512_rotate_between(piece, blocks, (size_t)1 << i, true);
    __m512i words[2 * AVX512_PIECE / 64];
    if (early < between || r->corrected) {
        for (size_t i = 0; i < blocks; i++)
            avx512_rotate_64(h, piece[i], &words[2 * i], &words[2 * i + 1]);
        for (unsigned i = early; i < between; i++)
            avx512_rotate_between(words, 2 * blocks, (size_t)2 << i, false);
        for (size_t i = 0; i < blocks && r->corrected; i += (size_t)1 << between) {
            words[2 * i] = _mm512_add_epi16(words[2 * i], r->correction[0]);
            words[2 * i + 1] = _mm512_add_epi16(words[2 * i + 1], r->correction[1]);
        }
    }
    for (size_t i = skip / 64; 64 * i < skip + n; i++) {
        __m512i first, second;
        if (early < between || r->corrected)
            first = words[2 * i], second = words[2 * i + 1];
        else
            avx512_rotate_64(h, piece[i], &first, &second);
        const size_t from = 64 * i < skip ? skip - 64 * i : 0, to = skip + n - 64 * i < 64 ? skip + n - 64 * i : 64;
        if (from == 0 && to == 64)
            avx512_rotate_finish(r, dtype, first, second, signs[i], target, stream);
        else {
            uint8_t some[64 * 4];
            avx512_rotate_finish(r, dtype, first, second, signs[i], some, false);
            memcpy(target, some + from * size, (to - from) * size);
            stream = false;
        }
        target += (to - from) * size;
    }
}

#endif
