/* decode_avx2_trellis.c: AVX2 kernel for trellis coding with short registers: K <= 16, C <= 2, entries that fit four bytes and whose sum
 * fits one, any k.
 *
 * A piece of a run goes through three phases in a buffer of 16-bit integers that stays in the first-level cache:
 *   fill     The LFSR is linear over GF(2), so the entries of a window, packed two to a byte where they have up to four bits, are the XOR
 * of what its four nibbles contribute: one byte shuffle each. T is an affine function of the sum of P nibbles; where P is even the buffer
 * holds T / 2, so that the longest rotation stays within 16 bits. rotate   Butterflies, within vectors by shuffles that come round to
 * natural order, then signs. store    To binary32, times the scale: exact by rule [REC-8], so what follows is the one rounding.
 */
#include "kernel.h"

#if SLM_HAVE_X86

#include "bits.h"
#include "byte_shares.h"
#include "rotation.h"

#include "avx2.h"

#define PIECE 1024 /* weights at a time; a multiple of every segment */

/* What prepare() makes. */
typedef struct tables {
    byte_shares share;
    uint64_t signs[4];     /* the signs of columns 0 .. 255, a bit each */
    uint8_t gather[2][16]; /* byte shuffles of k bytes of stream: to the 16 bits that hold a window's low byte, and its high one */
    uint16_t raise[8];     /* the product with it has that byte on top */
} tables;

_Static_assert(sizeof(tables) <= SLM_KERNEL_STORE, "a kernel's tables must fit its store");

/* Signs of the 256 columns that follow a register: the bits the next steps bring in. The highest tap is 12, so four at a time. */
static void first_signs(uint32_t x, uint64_t signs[4]) {
    for (unsigned i = 0; i < 256; i += 4) {
        const uint32_t four = (x ^ x >> 1 ^ x >> 3 ^ x >> 12) & 15;
        x = x >> 4 | four << 12;
        signs[i / 64] = signs[i / 64] >> 4 | (uint64_t)four << 60;
    }
}

static void prepare(decoder_state *state) {
    const slm_profile *p = &state->coding.profile;
    tables *t = (tables *)(void *)&state->store;
    byte_shares_make(p, t->share);
    for (unsigned i = 0; i < 8; i++) {
        for (unsigned j = 0; j < 4; j++)
            t->gather[j / 2][2 * i + j % 2] = (uint8_t)(i * p->k / 8 + j / 2 + j % 2);
        t->raise[i] = (uint16_t)(1u << (8 - i * p->k % 8));
    }
    if (state->coding.rotation != 0)
        first_signs(slmi_rotation_register(state->coding.sign_seed, 0), t->signs);
}

AVX2_INLINE __m256i both_lanes(const uint8_t *bytes) {
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)bytes));
}

/* Sums of the entries of 32 windows given as nibbles (lowest first): `bytes` bytes of them, of two entries each or of one. */
AVX2_INLINE __m256i sums(const uint8_t share[BYTES_MAX][4][16], unsigned bytes, bool two, __m256i n0, __m256i n1, __m256i n2, __m256i n3) {
    const __m256i mask = _mm256_set1_epi8(15);
    __m256i sum = _mm256_setzero_si256();
    for (unsigned b = 0; b < bytes; b++) {
        const __m256i x =
            _mm256_xor_si256(_mm256_shuffle_epi8(both_lanes(share[b][0]), n0), _mm256_shuffle_epi8(both_lanes(share[b][1]), n1));
        const __m256i y =
            _mm256_xor_si256(_mm256_shuffle_epi8(both_lanes(share[b][2]), n2), _mm256_shuffle_epi8(both_lanes(share[b][3]), n3));
        const __m256i v = _mm256_xor_si256(x, y);
        if (two) {
            sum = _mm256_add_epi8(sum, _mm256_and_si256(v, mask));
            sum = _mm256_add_epi8(sum, _mm256_and_si256(_mm256_srli_epi16(v, 4), mask));
        } else
            sum = _mm256_add_epi8(sum, v);
    }
    return sum;
}

/* Sixteen sums to integers: (sum << odd) - middle. */
AVX2_INLINE void put(int16_t *target, __m128i sum, __m128i odd, __m256i middle) {
    const __m256i x = _mm256_sub_epi16(_mm256_sll_epi16(_mm256_cvtepu8_epi16(sum), odd), middle);
    _mm256_storeu_si256((__m256i *)(void *)target, x);
}

/* k = 4: windows lie a nibble apart, so the nibbles of 64 windows are those of the stream at three byte offsets. Reads 34 bytes. */
AVX2_INLINE void fill_64_of_4(const tables *t, unsigned entries, bool two, const uint8_t *bytes, int16_t *target, __m128i odd,
                              __m256i middle) {
    const __m256i mask = _mm256_set1_epi8(15);
    __m256i n[5];
    for (unsigned i = 0; i < 3; i++) {
        const __m256i x = _mm256_loadu_si256((const __m256i *)(const void *)(bytes + i));
        n[2 * i] = _mm256_and_si256(x, mask);
        if (i < 2)
            n[2 * i + 1] = _mm256_and_si256(_mm256_srli_epi16(x, 4), mask);
    }
    const __m256i even = sums(t->share, entries, two, n[0], n[1], n[2], n[3]), next = sums(t->share, entries, two, n[1], n[2], n[3], n[4]);
    const __m256i low = _mm256_unpacklo_epi8(even, next), high = _mm256_unpackhi_epi8(even, next);
    put(target, _mm256_castsi256_si128(low), odd, middle);
    put(target + 16, _mm256_castsi256_si128(high), odd, middle);
    put(target + 32, _mm256_extracti128_si256(low, 1), odd, middle);
    put(target + 48, _mm256_extracti128_si256(high, 1), odd, middle);
}

/* k = 2: the windows that begin in a byte are nibbles of the stream and of the stream two bits on. Reads 34 bytes. */
AVX2_INLINE void fill_128_of_2(const tables *t, unsigned entries, bool two, const uint8_t *bytes, int16_t *target, __m128i odd,
                               __m256i middle) {
    const __m256i mask = _mm256_set1_epi8(15), low_2 = _mm256_set1_epi8(3);
    __m256i x[3], n[5], m[5]; /* nibbles from each byte's bits 0 and 4, and 2 and 6 */
    for (unsigned i = 0; i < 3; i++)
        x[i] = _mm256_loadu_si256((const __m256i *)(const void *)(bytes + i));
    for (unsigned i = 0; i < 3; i++) {
        n[2 * i] = _mm256_and_si256(x[i], mask);
        m[2 * i] = _mm256_and_si256(_mm256_srli_epi16(x[i], 2), mask);
        if (i == 2)
            break;
        n[2 * i + 1] = _mm256_and_si256(_mm256_srli_epi16(x[i], 4), mask);
        const __m256i first = _mm256_and_si256(_mm256_srli_epi16(x[i], 6), low_2);
        m[2 * i + 1] = _mm256_or_si256(first, _mm256_and_si256(_mm256_slli_epi16(x[i + 1], 2), _mm256_set1_epi8(12)));
    }
    const __m256i s0 = sums(t->share, entries, two, n[0], n[1], n[2], n[3]), s1 = sums(t->share, entries, two, m[0], m[1], m[2], m[3]);
    const __m256i s2 = sums(t->share, entries, two, n[1], n[2], n[3], n[4]), s3 = sums(t->share, entries, two, m[1], m[2], m[3], m[4]);
    const __m256i a = _mm256_unpacklo_epi8(s0, s1), b = _mm256_unpackhi_epi8(s0, s1);
    const __m256i c = _mm256_unpacklo_epi8(s2, s3), d = _mm256_unpackhi_epi8(s2, s3);
    const __m256i four[4] = {_mm256_unpacklo_epi16(a, c), _mm256_unpackhi_epi16(a, c), _mm256_unpacklo_epi16(b, d),
                             _mm256_unpackhi_epi16(b, d)};
    for (unsigned i = 0; i < 4; i++) {
        put(target + 16 * i, _mm256_castsi256_si128(four[i]), odd, middle);
        put(target + 64 + 16 * i, _mm256_extracti128_si256(four[i], 1), odd, middle);
    }
}

AVX2_INLINE __m256i two_lanes(const uint8_t *low, const uint8_t *high) {
    return _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)low)),
                                   _mm_loadu_si128((const __m128i *)(const void *)high), 1);
}

/* Any k: eight windows are k bytes of stream and two more. Each byte of a window is cut from the two of the stream it lies in. Reads
 * 3k + 16 bytes. */
AVX2_INLINE void fill_32(const tables *t, unsigned C, unsigned entries, bool two, unsigned k, const uint8_t *bytes, int16_t *target,
                         __m128i odd, __m256i middle) {
    const __m256i raise = both_lanes((const uint8_t *)t->raise), mask = _mm256_set1_epi8(15);
    /* packing works within lanes, so the vectors hold windows 0 .. 7 and 16 .. 23, and the others */
    const __m256i a = two_lanes(bytes, bytes + 2 * k), b = two_lanes(bytes + k, bytes + 3 * k);
    __m256i n[4];
    for (unsigned i = 0; i < 2; i++) {
        const __m256i gather = both_lanes(t->gather[i]);
        const __m256i x = _mm256_srli_epi16(_mm256_mullo_epi16(_mm256_shuffle_epi8(a, gather), raise), 8);
        const __m256i y = _mm256_srli_epi16(_mm256_mullo_epi16(_mm256_shuffle_epi8(b, gather), raise), 8);
        const __m256i cut = _mm256_packus_epi16(x, y);
        n[2 * i] = _mm256_and_si256(cut, mask);
        n[2 * i + 1] = _mm256_and_si256(_mm256_srli_epi16(cut, 4), mask);
    }
    const __m256i sum = sums(t->share, entries, two, n[0], n[1], n[2], n[3]);
    if (C == 1) {
        put(target, _mm256_castsi256_si128(sum), odd, middle);
        put(target + 16, _mm256_extracti128_si256(sum, 1), odd, middle);
        return;
    }
    const __m256i second = sums(t->share + entries, entries, two, n[0], n[1], n[2], n[3]);
    const __m256i first = _mm256_unpacklo_epi8(sum, second), then = _mm256_unpackhi_epi8(sum, second);
    put(target, _mm256_castsi256_si128(first), odd, middle);
    put(target + 16, _mm256_castsi256_si128(then), odd, middle);
    put(target + 32, _mm256_extracti128_si256(first, 1), odd, middle);
    put(target + 48, _mm256_extracti128_si256(then, 1), odd, middle);
}

/* Integers of weights [start, start + count) of the run, start a multiple of 8 C; up to 127 more are written. */
AVX2_INLINE void fill(const decoder_state *state, const uint8_t *codes, uint64_t start, size_t count, int16_t *target, unsigned C,
                      unsigned entries, bool two, unsigned k) {
    const slm_profile *p = &state->coding.profile;
    const tables *t = (const tables *)(const void *)&state->store;
    const __m128i odd = _mm_cvtsi32_si128(p->P % 2);
    const __m256i middle = _mm256_set1_epi16((short)(p->P * ((1 << p->W) - 1) / (p->P % 2 ? 1 : 2)));
    const bool of_4 = k == 4 && C == 1, of_2 = k == 2 && C == 1;
    const unsigned windows = of_4 ? 64 : of_2 ? 128 : 32, reads = of_4 || of_2 ? 34 : 3 * k + 16;
    const uint64_t offset = bits_byte(start / C, k);
    const uint8_t *bytes = codes + offset;
    uint64_t left = state->run_bytes - offset; /* at least one window of each group lies in the run */
    for (size_t i = 0; i < count; i += windows * C) {
        uint8_t last[48];
        const uint8_t *from = bytes;
        if (left < reads) { /* the run's last bytes, and zeros behind them */
            memset(last, 0, sizeof last);
            memcpy(last, bytes, (size_t)left);
            from = last;
        }
        if (of_4)
            fill_64_of_4(t, entries, two, from, target + i, odd, middle);
        else if (of_2)
            fill_128_of_2(t, entries, two, from, target + i, odd, middle);
        else
            fill_32(t, C, entries, two, k, from, target + i, odd, middle);
        const unsigned step = windows / 8 * k;
        bytes += step;
        left = left > step ? left - step : 0;
    }
}

/* Five stages on 32 integers, or the first four on two times 16. With v the bit that tells the two vectors apart, i2 i1 i0 those of a
 * place in a lane, and l the lane: unpacking both vectors and adding makes the butterflies of i2 and turns (v, i2, i1, i0) into
 * (i2, i1, i0, v); after four rounds all four are transformed and in place. Swapping lanes does the same for (v, l). */
AVX2_INLINE void rotate_32(int16_t *values, bool both) {
    __m256i x = _mm256_loadu_si256((const __m256i *)(const void *)values),
            y = _mm256_loadu_si256((const __m256i *)(const void *)(values + 16));
    for (unsigned round = 0; round < 4; round++) {
        const __m256i low = _mm256_unpacklo_epi16(x, y), high = _mm256_unpackhi_epi16(x, y);
        x = round < 3 || both ? _mm256_add_epi16(low, high) : low;
        y = round < 3 || both ? _mm256_sub_epi16(low, high) : high;
    }
    const __m256i low = _mm256_permute2x128_si256(x, y, 0x20), high = _mm256_permute2x128_si256(x, y, 0x31);
    x = _mm256_add_epi16(low, high);
    y = _mm256_sub_epi16(low, high);
    _mm256_storeu_si256((__m256i *)(void *)values, _mm256_permute2x128_si256(x, y, 0x20));
    _mm256_storeu_si256((__m256i *)(void *)(values + 16), _mm256_permute2x128_si256(x, y, 0x31));
}

/* H on each segment of `count` integers (a multiple of 32); sums may leave 16 bits on the way, but come back. */
static void rotate(int16_t *values, size_t count, unsigned h) {
    for (size_t i = 0; i < count; i += 32)
        rotate_32(values + i, h > 4);
    const size_t n = (size_t)1 << h;
    size_t half = 32;
    for (; 4 * half <= n; half *= 4)
        for (size_t start = 0; start < count; start += 4 * half)
            for (size_t i = start; i < start + half; i += 16) {
                __m256i *const p[4] = {(__m256i *)(void *)(values + i), (__m256i *)(void *)(values + i + half),
                                       (__m256i *)(void *)(values + i + 2 * half), (__m256i *)(void *)(values + i + 3 * half)};
                const __m256i v0 = _mm256_loadu_si256(p[0]), v1 = _mm256_loadu_si256(p[1]);
                const __m256i v2 = _mm256_loadu_si256(p[2]), v3 = _mm256_loadu_si256(p[3]);
                const __m256i a = _mm256_add_epi16(v0, v1), b = _mm256_sub_epi16(v0, v1);
                const __m256i c = _mm256_add_epi16(v2, v3), d = _mm256_sub_epi16(v2, v3);
                _mm256_storeu_si256(p[0], _mm256_add_epi16(a, c));
                _mm256_storeu_si256(p[1], _mm256_add_epi16(b, d));
                _mm256_storeu_si256(p[2], _mm256_sub_epi16(a, c));
                _mm256_storeu_si256(p[3], _mm256_sub_epi16(b, d));
            }
    if (2 * half <= n)
        for (size_t start = 0; start < count; start += 2 * half)
            for (size_t i = start; i < start + half; i += 16) {
                __m256i *const p = (__m256i *)(void *)(values + i), *const q = (__m256i *)(void *)(values + i + half);
                const __m256i a = _mm256_loadu_si256(p), b = _mm256_loadu_si256(q);
                _mm256_storeu_si256(p, _mm256_add_epi16(a, b));
                _mm256_storeu_si256(q, _mm256_sub_epi16(a, b));
            }
}

/* D on `count` integers. signs[0 .. 3] are those of the first 256 columns; they go on to the next `count`, a multiple of 64 unless this
 * is the last call. With b_(n+16) = b_(n+12) + b_(n+3) + b_(n+1) + b_n also b_(n+256) = b_(n+192) + b_(n+48) + b_(n+16) + b_n. */
static void sign(int16_t *values, size_t count, uint64_t signs[4]) {
    const __m256i move = _mm256_setr_epi16(INT16_MIN, 1 << 14, 1 << 13, 1 << 12, 1 << 11, 1 << 10, 1 << 9, 1 << 8, 1 << 7, 1 << 6, 1 << 5,
                                           1 << 4, 1 << 3, 1 << 2, 1 << 1, 1);
    uint64_t s0 = signs[0], s1 = signs[1], s2 = signs[2], s3 = signs[3];
    for (size_t i = 0; i < count; i += 64) {
        for (size_t j = 0; j < 64 && i + j < count; j += 16) {
            const __m256i bits = _mm256_mullo_epi16(_mm256_set1_epi16((short)(s0 >> j)), move); /* each bit to its lane's sign */
            __m256i *const p = (__m256i *)(void *)(values + i + j);
            _mm256_storeu_si256(p, _mm256_sign_epi16(_mm256_loadu_si256(p), _mm256_or_si256(bits, _mm256_set1_epi16(1))));
        }
        const uint64_t next = s3 ^ (s0 >> 48 | s1 << 16) ^ (s0 >> 16 | s1 << 48) ^ s0;
        s0 = s1, s1 = s2, s2 = s3, s3 = next;
    }
    signs[0] = s0, signs[1] = s1, signs[2] = s2, signs[3] = s3;
}

AVX2_INLINE __m256 value(const int16_t *integers, __m256 factor) {
    const __m128i x = _mm_loadu_si128((const __m128i *)(const void *)integers);
    return _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(x)), factor);
}

AVX2_INLINE void store_as(slm_dtype dtype, const int16_t *integers, size_t count, __m256 factor, bool stream, void *target) {
    size_t i = 0;
    for (; i + 16 <= count; i += 16) {
        const __m256 a = value(integers + i, factor), b = value(integers + i + 8, factor);
        avx2_store(dtype, target, i, a, stream);
        avx2_store(dtype, target, i + 8, b, stream);
    }
    for (; i < count; i += 8) { /* the buffer goes on behind its last integer, the target does not */
        const size_t size = dtype == SLM_F32 ? 4 : 2, n = count - i < 8 ? count - i : 8;
        unsigned char eight[32];
        avx2_store(dtype, eight, 0, value(integers + i, factor), false);
        memcpy((unsigned char *)target + i * size, eight, n * size);
    }
}

static void store(slm_dtype dtype, const int16_t *integers, size_t count, float factor, bool stream, void *target) {
    const __m256 f = _mm256_set1_ps(factor);
    if (dtype == SLM_F32)
        store_as(SLM_F32, integers, count, f, stream, target);
    else if (dtype == SLM_F16)
        store_as(SLM_F16, integers, count, f, stream, target);
    else
        store_as(SLM_BF16, integers, count, f, stream, target);
}

static void fill_any(const decoder_state *state, const uint8_t *codes, uint64_t start, size_t count, int16_t *target) {
    const slm_profile *p = &state->coding.profile;
    const unsigned entries = entry_bytes(p), k = p->k, C = p->C;
    const bool two = p->W <= 4;
    if (entries == 2 && two && k == 4 && C == 1)
        fill(state, codes, start, count, target, 1, 2, true, 4);
    else if (entries == 2 && two && k == 2 && C == 1)
        fill(state, codes, start, count, target, 1, 2, true, 2);
    else if (entries == 2 && two && C == 1)
        fill(state, codes, start, count, target, 1, 2, true, k);
    else if (entries == 2 && two)
        fill(state, codes, start, count, target, 2, 2, true, k);
    else
        fill(state, codes, start, count, target, C, entries, two, k);
}

static slm_status decode(const decoder_state *state, const uint8_t *codes, uint16_t scale, uint64_t first, uint64_t count, slm_dtype dtype,
                         bool stream, void *target) {
    const uint32_t bits = (uint32_t)scale << 16;
    float factor;
    memcpy(&factor, &bits, sizeof factor);
    if (state->coding.profile.P % 2 == 0) {
        if (scale >= 0x7f00) /* twice as much would be infinite */
            return slm_scalar_decode(state, codes, scale, first, count, dtype, target);
        factor *= 2;
    }
    if (!avx2_environment_is_default())
        return slm_scalar_decode(state, codes, scale, first, count, dtype, target);

    const unsigned h = state->coding.rotation;
    const uint64_t unit = h == 0 ? 8u * state->coding.profile.C : UINT64_C(1) << h;
    const size_t size = dtype == SLM_F32 ? 4 : 2;
    uint64_t start = first & ~(unit - 1), signs[4];
    if (h != 0 && start == 0)
        memcpy(signs, ((const tables *)(const void *)&state->store)->signs, sizeof signs);
    else if (h != 0)
        first_signs(slmi_rotation_register(state->coding.sign_seed, start), signs);
    unsigned char *out = target;
    while (count > 0) {
        int16_t piece[PIECE + 128];
        const size_t skip = (size_t)(first - start);
        const size_t length = count < PIECE - skip ? (size_t)count : PIECE - skip;
        const size_t whole = (skip + length + unit - 1) & ~(unit - 1); /* whole segments */
        fill_any(state, codes, start, whole, piece);
        if (h != 0) {
            rotate(piece, (whole + 31) & ~(size_t)31, h);
            sign(piece, whole, signs);
        }
        store(dtype, piece + skip, length, factor, stream && (uintptr_t)out % 32 == 0, out);
        out += length * size;
        first += length;
        start = first;
        count -= length;
    }
    return SLM_OK;
}

/* The 16-bit integers of fill() are T / 2 where every T is even, else T. */
static void integers(const decoder_state *state, const uint8_t *codes, uint64_t first, size_t count, int8_t *target) {
    int16_t piece[PIECE + 128];
    for (size_t i = 0; i < count; i += PIECE) {
        const size_t n = count - i < PIECE ? count - i : PIECE;
        fill_any(state, codes, first + i, n, piece);
        size_t j = 0;
        for (; j + 32 <= n; j += 32) {
            const __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)(piece + j));
            const __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(piece + j + 16));
            const __m256i packed = _mm256_permute4x64_epi64(_mm256_packs_epi16(a, b), 0xd8);
            _mm256_storeu_si256((__m256i *)(void *)(target + i + j), packed);
        }
        for (; j < n; j++)
            target[i + j] = (int8_t)piece[j];
    }
}

AVX2_END

const slm_kernel slm_kernel_avx2_trellis = {"avx2-trellis", SLM_LEVEL_AVX2, slm_cpu_avx2, byte_shares_fit, prepare, decode, integers};

#endif
