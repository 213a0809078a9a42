/* decode_avx2_block.c: AVX2 kernel for the paper's profiles: K = 16 with the taps of Table 6, step 1, W = 16, E = B = 4, norm 1, not
 * rotated; P = 3, C = 8 (records of 32 bits, a lane) or P = 4, C = 12 (36 bits).
 *
 * Sixteen records at a time:
 *   expand   The 24 or 48 bits that follow a seed, twelve at a time in 16-bit lanes. The entries of weight c are the 16-bit windows
 *            of that stream at bits cP + 1, cP + 2, and so on.
 *   sum      Products of 16-bit pairs; then eight records by eight weights (and by four) are transposed, a vector a record.
 *   round    One product in binary64 by a factor for each exponent, then the rounding.
 *
 * Why that rounds correctly. With m the scale's significand, a weight is q = T*m / 32767 times a power of two, and T*m < 2^28.
 *   - A midpoint of any output type is M times a power of two, M < 2^25. Where q is not the midpoint, T*m and 32767*M differ, and
 *     being integers below 2^40 (after the smaller is shifted to the other's unit) they differ by 2^-40 of their size at least.
 *   - m / 32767 = m * (2^-15 + 2^-30 + 2^-45 + 2^-60 + ...). For a normal scale the first four terms fill 53 bits without
 *     overlap, so the factor is right to 2^-60, and the product to 2^-53 + 2^-60: on the same side of every midpoint as q. Where q
 *     is the midpoint, it has 25 bits, and the product rounds to it exactly.
 *   So binary64 to binary32 gives F32. For the 16-bit types the binary64 is cut to 24 bits and the last of them set if any of its
 *     low 32 bits was: that keeps every midpoint and moves nothing else onto one.
 */
#include "kernel.h"
#include "paper_block.h"

#if SLM_HAVE_X86

#include "avx2.h"

#define RECORDS 16
#define WEIGHTS_MAX (12 * RECORDS)
#define BYTES_MAX 80 /* of sixteen records, as far as they are read */

/* The register twelve steps on. With g = x ^ x >> 1 ^ x >> 3 a new bit is b_(n+16) = g_n ^ b_(n+12), four places before itself: a
 * running XOR of nibbles that begins with bits 12 .. 15. */
AVX2_INLINE __m256i twelve_steps(__m256i x) {
    const __m256i g = _mm256_xor_si256(_mm256_xor_si256(x, _mm256_srli_epi16(x, 1)), _mm256_srli_epi16(x, 3));
    __m256i y = _mm256_or_si256(_mm256_slli_epi16(g, 4), _mm256_srli_epi16(x, 12));
    y = _mm256_xor_si256(y, _mm256_slli_epi16(y, 4));
    return _mm256_xor_si256(y, _mm256_slli_epi16(y, 8));
}

/* Eight records: their low 32 bits, and what is above these. Reads 32 bytes (P = 3) or 43. */
AVX2_INLINE void load(unsigned P, const uint8_t *bytes, __m256i *record, __m256i *above) {
    if (P == 3) {
        *record = _mm256_loadu_si256((const __m256i *)(const void *)bytes);
        *above = _mm256_setzero_si256();
        return;
    }
    /* Two records are nine bytes; each goes to a 64-bit lane. */
    const __m256i place =
        _mm256_setr_epi8(0, 1, 2, 3, 4, -1, -1, -1, 4, 5, 6, 7, 8, -1, -1, -1, 0, 1, 2, 3, 4, -1, -1, -1, 4, 5, 6, 7, 8, -1, -1, -1);
    const __m256i down = _mm256_setr_epi64x(0, 4, 0, 4);
    __m256i v[2]; /* records 0 1 4 5 and 2 3 6 7 */
    for (unsigned i = 0; i < 2; i++) {
        const __m128i low = _mm_loadu_si128((const __m128i *)(const void *)(bytes + 9 * i));
        const __m128i high = _mm_loadu_si128((const __m128i *)(const void *)(bytes + 9 * i + 18));
        v[i] = _mm256_srlv_epi64(_mm256_shuffle_epi8(_mm256_set_m128i(high, low), place), down);
    }
    const __m256 a = _mm256_castsi256_ps(v[0]), b = _mm256_castsi256_ps(v[1]);
    *record = _mm256_castps_si256(_mm256_shuffle_ps(a, b, 0x88));
    *above = _mm256_castps_si256(_mm256_shuffle_ps(a, b, 0xdd));
}

/* The windows at bits 0 and 1 of each lane, less 2^15. */
AVX2_INLINE __m256i two_windows(__m256i u) {
    return _mm256_xor_si256(_mm256_blend_epi16(u, _mm256_slli_epi32(u, 15), 0xaa), _mm256_set1_epi16(INT16_MIN));
}

/* T / 2^e of a weight of eight records: u holds the stream from its first entry on. */
AVX2_INLINE __m256i sum(unsigned P, __m256i u, __m256i q01, __m256i q23) {
    const __m256i u2 = _mm256_srli_epi32(u, 2);
    const __m256i v23 = P == 4 ? two_windows(u2) : _mm256_xor_si256(u2, _mm256_set1_epi16(INT16_MIN));
    return _mm256_add_epi32(_mm256_madd_epi16(two_windows(u), q01), _mm256_madd_epi16(v23, q23));
}

/* Rows to columns. */
AVX2_INLINE void transpose(__m256i v[8]) {
    __m256i a[8], b[8];
    for (unsigned i = 0; i < 8; i += 2) {
        a[i] = _mm256_unpacklo_epi32(v[i], v[i + 1]);
        a[i + 1] = _mm256_unpackhi_epi32(v[i], v[i + 1]);
    }
    for (unsigned i = 0; i < 8; i += 4) {
        b[i] = _mm256_unpacklo_epi64(a[i], a[i + 2]);
        b[i + 1] = _mm256_unpackhi_epi64(a[i], a[i + 2]);
        b[i + 2] = _mm256_unpacklo_epi64(a[i + 1], a[i + 3]);
        b[i + 3] = _mm256_unpackhi_epi64(a[i + 1], a[i + 3]);
    }
    for (unsigned i = 0; i < 4; i++) {
        v[i] = _mm256_permute2x128_si256(b[i], b[i + 4], 0x20);
        v[i + 4] = _mm256_permute2x128_si256(b[i], b[i + 4], 0x31);
    }
}

/* Four vectors to columns, within 128-bit lanes. */
AVX2_INLINE void transpose_4(__m256i v[4]) {
    const __m256i a = _mm256_unpacklo_epi32(v[0], v[1]), b = _mm256_unpackhi_epi32(v[0], v[1]);
    const __m256i c = _mm256_unpacklo_epi32(v[2], v[3]), d = _mm256_unpackhi_epi32(v[2], v[3]);
    v[0] = _mm256_unpacklo_epi64(a, c);
    v[1] = _mm256_unpackhi_epi64(a, c);
    v[2] = _mm256_unpacklo_epi64(b, d);
    v[3] = _mm256_unpackhi_epi64(b, d);
}

/* Eight sums times a factor for each four, rounded to `dtype` as far as avx2_store() wants it. */
AVX2_INLINE __m256 scaled(slm_dtype dtype, __m256i sums, const double *low_factor, const double *high_factor) {
    const __m256d a = _mm256_mul_pd(_mm256_cvtepi32_pd(_mm256_castsi256_si128(sums)), _mm256_broadcast_sd(low_factor));
    const __m256d b = _mm256_mul_pd(_mm256_cvtepi32_pd(_mm256_extracti128_si256(sums, 1)), _mm256_broadcast_sd(high_factor));
    if (dtype == SLM_F32)
        return _mm256_set_m128(_mm256_cvtpd_ps(b), _mm256_cvtpd_ps(a));
    const __m256d cut = _mm256_castsi256_pd(_mm256_set1_epi64x(~INT64_C(0x1fffffff)));
    const __m256 kept = _mm256_set_m128(_mm256_cvtpd_ps(_mm256_and_pd(b, cut)), _mm256_cvtpd_ps(_mm256_and_pd(a, cut)));
    const __m256 mixed = _mm256_shuffle_ps(_mm256_castpd_ps(a), _mm256_castpd_ps(b), 0x88); /* low words: a0 a1 b0 b1 a2 a3 b2 b3 */
    const __m256i low = _mm256_permute4x64_epi64(_mm256_castps_si256(mixed), 0xd8);
    const __m256i exact = _mm256_cmpeq_epi32(low, _mm256_setzero_si256());
    return _mm256_or_ps(kept, _mm256_castsi256_ps(_mm256_andnot_si256(exact, _mm256_set1_epi32(1))));
}

/* Four elements to each of two places. */
AVX2_INLINE void store_4_4(slm_dtype dtype, uint8_t *low, uint8_t *high, __m256 x) {
    if (dtype == SLM_F32) {
        _mm_storeu_ps((float *)(void *)low, _mm256_castps256_ps128(x));
        _mm_storeu_ps((float *)(void *)high, _mm256_extractf128_ps(x, 1));
        return;
    }
    const __m128i half = dtype == SLM_F16 ? _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT) : avx2_bf16(x);
    _mm_storel_epi64((__m128i *)(void *)low, half);
    _mm_storel_epi64((__m128i *)(void *)high, _mm_unpackhi_epi64(half, half));
}

/* The weights of 16 records. Returns all ones in the 16-bit lane of a seed 0; lane i is that of record_of(i). */
AVX2_INLINE __m256i decode_group(unsigned P, slm_dtype dtype, const uint8_t *records, const double factors[16], bool stream,
                                 uint8_t *target) {
    const __m256i low = _mm256_set1_epi32(0xffff);
    const size_t size = dtype == SLM_F32 ? 4 : 2;
    const unsigned C = P == 3 ? 8 : 12;
    __m256i r[2], above[2];
    for (unsigned half = 0; half < 2; half++)
        load(P, records + half * (20 + 4 * P), &r[half], &above[half]);
    const __m256i seed = _mm256_packus_epi32(_mm256_and_si256(r[0], low), _mm256_and_si256(r[1], low));
    const __m256i y = twelve_steps(seed), z = twelve_steps(y); /* bits 12 .. 27 and 24 .. 39 of the stream */
    const __m256i w1 = _mm256_or_si256(_mm256_srli_epi16(y, 4), _mm256_slli_epi16(z, 8));
    __m256i w2 = _mm256_srli_epi16(z, 8), w3 = w2;
    if (P == 4) {
        const __m256i x = twelve_steps(z); /* 36 .. 51 */
        w2 = _mm256_or_si256(w2, _mm256_slli_epi16(x, 4));
        w3 = twelve_steps(x);
    }
    for (unsigned half = 0; half < 2; half++) {
        const __m256i s0 = half == 0 ? _mm256_unpacklo_epi16(seed, w1) : _mm256_unpackhi_epi16(seed, w1); /* bits 0 .. 31 */
        const __m256i s16 = half == 0 ? _mm256_unpacklo_epi16(w1, w2) : _mm256_unpackhi_epi16(w1, w2);    /* bits 16 .. 47 */
        const __m256i s32 = half == 0 ? _mm256_unpacklo_epi16(w2, w3) : _mm256_unpackhi_epi16(w2, w3);    /* bits 32 .. 63 */
        const __m256i q0 = _mm256_srai_epi32(_mm256_slli_epi32(r[half], 8), 28), q1 = _mm256_srai_epi32(_mm256_slli_epi32(r[half], 4), 12);
        const __m256i q01 = _mm256_blend_epi16(q0, q1, 0xaa), q2 = _mm256_and_si256(_mm256_srai_epi32(r[half], 28), low);
        const __m256i q23 = P == 3 ? q2 : _mm256_or_si256(q2, _mm256_srai_epi32(_mm256_slli_epi32(above[half], 28), 12));
        __m256i v[12];
        for (unsigned c = 0; c < C; c++) {
            const unsigned at = c * P + 1, wide = P + 15; /* where its entries begin, and their bits altogether */
            const __m256i u = at + wide <= 32   ? _mm256_srli_epi32(s0, (int)at)
                              : at + wide <= 48 ? _mm256_srli_epi32(s16, (int)at - 16)
                                                : _mm256_srli_epi32(s32, (int)at - 32);
            v[c] = sum(P, u, q01, q23);
        }
        uint32_t e[8];
        _mm256_storeu_si256((__m256i *)(void *)e, _mm256_and_si256(_mm256_srli_epi32(r[half], 16), _mm256_set1_epi32(15)));
        uint8_t *const out = target + half * 8 * C * size;
        transpose(v);
        for (unsigned i = 0; i < 8; i++)
            avx2_store(dtype, out + i * C * size, 0, scaled(dtype, v[i], &factors[e[i]], &factors[e[i]]), stream && P == 3);
        if (P == 3)
            continue;
        transpose_4(v + 8);
        for (unsigned i = 0; i < 4; i++)
            store_4_4(dtype, out + (i * C + 8) * size, out + ((i + 4) * C + 8) * size,
                      scaled(dtype, v[8 + i], &factors[e[i]], &factors[e[i + 4]]));
    }
    return _mm256_cmpeq_epi16(seed, _mm256_setzero_si256());
}

static unsigned record_of(unsigned lane) { return (lane & 3) | (lane & 8) >> 1 | (lane & 4) << 1; }

AVX2_INLINE slm_status decode_as(const decoder_state *state, unsigned P, slm_dtype dtype, const uint8_t *codes, uint64_t first,
                                 uint64_t count, const double factors[16], bool stream, uint8_t *target) {
    const size_t size = dtype == SLM_F32 ? 4 : 2;
    const unsigned C = P == 3 ? 8 : 12, weights = C * RECORDS, step = (20 + 4 * P) * RECORDS / 8, reads = P == 3 ? 64 : BYTES_MAX;
    /* Begin at a record that begins with a byte. */
    const uint64_t block = first / C & ~UINT64_C(1), offset = block / 2 * (5 + P);
    const uint8_t *records = codes + offset;
    uint64_t left = state->run_bytes - offset;
    size_t skip = (size_t)(first - block * C);
    __m256i zero = _mm256_setzero_si256();
    while (count > 0) {
        const bool aligned = stream && (uintptr_t)target % 32 == 0;
        if (skip == 0 && count >= weights && left >= reads) {
            if (P == 4 && aligned) { /* records are no multiple of a vector */
                _Alignas(32) uint8_t made[WEIGHTS_MAX * 4];
                zero = _mm256_or_si256(zero, decode_group(P, dtype, records, factors, false, made));
                for (size_t i = 0; i < weights * size; i += 32)
                    _mm256_stream_si256((__m256i *)(void *)(target + i), _mm256_load_si256((const __m256i *)(const void *)(made + i)));
            } else
                zero = _mm256_or_si256(zero, decode_group(P, dtype, records, factors, aligned, target));
            target += weights * size;
            count -= weights;
        } else { /* the range's beginning or end: only the records that it touches count */
            uint8_t some[BYTES_MAX], made[WEIGHTS_MAX * 4];
            uint16_t found[RECORDS];
            const size_t n = count < weights - skip ? (size_t)count : weights - skip;
            memset(some, 0, sizeof some);
            memcpy(some, records, left < sizeof some ? (size_t)left : sizeof some);
            _mm256_storeu_si256((__m256i *)(void *)found, decode_group(P, dtype, some, factors, false, made));
            for (unsigned i = 0; i < RECORDS; i++)
                if (record_of(i) >= skip / C && record_of(i) < (skip + n + C - 1) / C)
                    zero = _mm256_or_si256(zero, _mm256_set1_epi16((short)found[i]));
            memcpy(target, made + skip * size, n * size);
            target += n * size;
            count -= n;
            skip = 0;
        }
        records += step;
        left -= left < step ? left : step;
    }
    return _mm256_testz_si256(zero, zero) ? SLM_OK : SLM_E_RECORD;
}

static slm_status decode(const decoder_state *state, const uint8_t *codes, uint16_t scale, uint64_t first, uint64_t count, slm_dtype dtype,
                         bool stream, void *target) {
    double factors[16];
    /* Of subnormal numbers in bfloat16 the cut above is in the wrong place; an infinity with its last bit set is none. */
    if (!paper_block_factors(scale, factors) || !avx2_environment_is_default())
        return slm_scalar_decode(state, codes, scale, first, count, dtype, target);
    if (state->coding.profile.P == 3) {
        if (dtype == SLM_F32)
            return decode_as(state, 3, SLM_F32, codes, first, count, factors, stream, target);
        if (dtype == SLM_F16)
            return decode_as(state, 3, SLM_F16, codes, first, count, factors, stream, target);
        return decode_as(state, 3, SLM_BF16, codes, first, count, factors, stream, target);
    }
    if (dtype == SLM_F32)
        return decode_as(state, 4, SLM_F32, codes, first, count, factors, stream, target);
    if (dtype == SLM_F16)
        return decode_as(state, 4, SLM_F16, codes, first, count, factors, stream, target);
    return decode_as(state, 4, SLM_BF16, codes, first, count, factors, stream, target);
}

AVX2_END

const slm_kernel slm_kernel_avx2_block = {"avx2-block", SLM_LEVEL_AVX2, slm_cpu_avx2, paper_block_supports, NULL, decode, NULL};

#endif
