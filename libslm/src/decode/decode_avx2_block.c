/* decode_avx2_block.c: AVX2 kernel for the paper's 4-bit profile: K = 16 with the taps of Table 6, step 1, W = 16, P = 3, C = 8, E = 4,
 * B = 4, norm 1, not rotated. A record is 32 bits, a lane.
 *
 * Sixteen records at a time:
 *   expand   The 24 bits that follow a seed, twelve at a time in 16-bit lanes. The three entries of weight c are the 16-bit windows
 *            of that stream at bits 3c + 1, 3c + 2 and 3c + 3.
 *   sum      Products of 16-bit pairs; then eight records by eight weights are transposed, a vector a record.
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

#if SLM_HAVE_X86

#include "avx2.h"

#define RECORDS 16
#define WEIGHTS (8 * RECORDS)

static bool supports(const slm_coding *coding) {
    const slm_profile *p = &coding->profile;
    return p->coding == SLM_CODING_BLOCK && p->K == 16 && p->taps == 0x100b && p->step == 1 && p->W == 16 && p->P == 3 && p->C == 8 &&
           p->E == 4 && p->B == 4 && p->norm == 1 && coding->rotation == 0;
}

/* The register twelve steps on. With g = x ^ x >> 1 ^ x >> 3 a new bit is b_(n+16) = g_n ^ b_(n+12), four places before itself: a
 * running XOR of nibbles that begins with bits 12 .. 15. */
AVX2_INLINE __m256i twelve_steps(__m256i x) {
    const __m256i g = _mm256_xor_si256(_mm256_xor_si256(x, _mm256_srli_epi16(x, 1)), _mm256_srli_epi16(x, 3));
    __m256i y = _mm256_or_si256(_mm256_slli_epi16(g, 4), _mm256_srli_epi16(x, 12));
    y = _mm256_xor_si256(y, _mm256_slli_epi16(y, 4));
    return _mm256_xor_si256(y, _mm256_slli_epi16(y, 8));
}

/* T / 2^e of weight c of eight records: u holds the stream from bit 3c + 1 on. */
AVX2_INLINE __m256i sum(__m256i u, __m256i q01, __m256i q2) {
    const __m256i middle = _mm256_set1_epi16(INT16_MIN);
    const __m256i v01 = _mm256_blend_epi16(u, _mm256_slli_epi32(u, 15), 0xaa), v2 = _mm256_srli_epi32(u, 2);
    return _mm256_add_epi32(_mm256_madd_epi16(_mm256_xor_si256(v01, middle), q01), _mm256_madd_epi16(_mm256_xor_si256(v2, middle), q2));
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

/* Eight sums times a factor, rounded to `dtype` as far as avx2_store() wants it. */
AVX2_INLINE __m256 scaled(slm_dtype dtype, __m256i sums, __m256d factor) {
    const __m256d a = _mm256_mul_pd(_mm256_cvtepi32_pd(_mm256_castsi256_si128(sums)), factor);
    const __m256d b = _mm256_mul_pd(_mm256_cvtepi32_pd(_mm256_extracti128_si256(sums, 1)), factor);
    if (dtype == SLM_F32)
        return _mm256_set_m128(_mm256_cvtpd_ps(b), _mm256_cvtpd_ps(a));
    const __m256d cut = _mm256_castsi256_pd(_mm256_set1_epi64x(~INT64_C(0x1fffffff)));
    const __m256 kept = _mm256_set_m128(_mm256_cvtpd_ps(_mm256_and_pd(b, cut)), _mm256_cvtpd_ps(_mm256_and_pd(a, cut)));
    const __m256 mixed = _mm256_shuffle_ps(_mm256_castpd_ps(a), _mm256_castpd_ps(b), 0x88); /* low words: a0 a1 b0 b1 a2 a3 b2 b3 */
    const __m256i low = _mm256_permute4x64_epi64(_mm256_castps_si256(mixed), 0xd8);
    const __m256i exact = _mm256_cmpeq_epi32(low, _mm256_setzero_si256());
    return _mm256_or_ps(kept, _mm256_castsi256_ps(_mm256_andnot_si256(exact, _mm256_set1_epi32(1))));
}

/* 128 weights from 16 records. Returns all ones in the lane of a seed 0. */
AVX2_INLINE __m256i decode_group(slm_dtype dtype, const uint8_t *records, const double factors[16], bool stream, void *target) {
    const __m256i low = _mm256_set1_epi32(0xffff);
    __m256i r[2];
    r[0] = _mm256_loadu_si256((const __m256i *)(const void *)records);
    r[1] = _mm256_loadu_si256((const __m256i *)(const void *)(records + 32));
    const __m256i seed = _mm256_packus_epi32(_mm256_and_si256(r[0], low), _mm256_and_si256(r[1], low));
    const __m256i y = twelve_steps(seed), z = twelve_steps(y); /* bits 12 .. 27 and 24 .. 39 of the stream */
    const __m256i w1 = _mm256_or_si256(_mm256_srli_epi16(y, 4), _mm256_slli_epi16(z, 8)), w2 = _mm256_srli_epi16(z, 8);
    for (unsigned half = 0; half < 2; half++) {
        const __m256i s0 = half == 0 ? _mm256_unpacklo_epi16(seed, w1) : _mm256_unpackhi_epi16(seed, w1); /* bits 0 .. 31 */
        const __m256i s16 = half == 0 ? _mm256_unpacklo_epi16(w1, w2) : _mm256_unpackhi_epi16(w1, w2);    /* bits 16 .. 39 */
        const __m256i q0 = _mm256_srai_epi32(_mm256_slli_epi32(r[half], 8), 28), q1 = _mm256_srai_epi32(_mm256_slli_epi32(r[half], 4), 12);
        const __m256i q01 = _mm256_blend_epi16(q0, q1, 0xaa), q2 = _mm256_and_si256(_mm256_srai_epi32(r[half], 28), low);
        __m256i v[8];
        for (unsigned c = 0; c < 8; c++)
            v[c] = sum(c < 5 ? _mm256_srli_epi32(s0, (int)(3 * c + 1)) : _mm256_srli_epi32(s16, (int)(3 * c - 15)), q01, q2);
        transpose(v);
        for (unsigned i = 0; i < 8; i++) {
            const unsigned e = records[32 * half + 4 * i + 2] & 15;
            avx2_store(dtype, target, 64 * half + 8 * i, scaled(dtype, v[i], _mm256_broadcast_sd(&factors[e])), stream);
        }
    }
    return _mm256_cmpeq_epi16(seed, _mm256_setzero_si256());
}

AVX2_INLINE slm_status decode_as(slm_dtype dtype, const uint8_t *records, unsigned skip, uint64_t count, const double factors[16],
                                 bool stream, unsigned char *target) {
    const size_t size = dtype == SLM_F32 ? 4 : 2;
    __m256i zero = _mm256_setzero_si256();
    while (count > 0) {
        if (skip == 0 && count >= WEIGHTS) {
            zero = _mm256_or_si256(zero, decode_group(dtype, records, factors, stream && (uintptr_t)target % 32 == 0, target));
            records += 4 * RECORDS;
            target += WEIGHTS * size;
            count -= WEIGHTS;
            continue;
        }
        /* The range's beginning or end: the records that it touches, valid ones behind them. */
        uint8_t some[4 * RECORDS];
        unsigned char weights[WEIGHTS * 4];
        const size_t n = count < WEIGHTS - skip ? (size_t)count : WEIGHTS - skip;
        memset(some, 1, sizeof some);
        memcpy(some, records, (skip + n + 7) / 8 * 4);
        zero = _mm256_or_si256(zero, decode_group(dtype, some, factors, false, weights));
        memcpy(target, weights + skip * size, n * size);
        records += 4 * RECORDS;
        target += n * size;
        count -= n;
        skip = 0;
    }
    return _mm256_testz_si256(zero, zero) ? SLM_OK : SLM_E_RECORD;
}

static slm_status decode(const decoder_state *state, const uint8_t *codes, uint16_t scale, uint64_t first, uint64_t count, slm_dtype dtype,
                         bool stream, void *target) {
    /* Below 2^-100 a weight may be subnormal in bfloat16, where the cut above is in the wrong place; above 2^100 it may exceed
     * binary32, and an infinity with its last bit set is none. */
    if (scale < (127 - 100) << 7 || scale > (127 + 100) << 7 || !avx2_environment_is_default())
        return slm_scalar_decode(state, codes, scale, first, count, dtype, target);
    const uint32_t bits = (uint32_t)scale << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    double factors[16];
    for (unsigned e = 0; e < 16; e++)
        factors[e] = (double)value / 32767 * (double)(1u << e);
    const uint8_t *records = codes + 4 * (first / 8);
    const unsigned skip = (unsigned)(first % 8);
    if (dtype == SLM_F32)
        return decode_as(SLM_F32, records, skip, count, factors, stream, target);
    if (dtype == SLM_F16)
        return decode_as(SLM_F16, records, skip, count, factors, stream, target);
    return decode_as(SLM_BF16, records, skip, count, factors, stream, target);
}

AVX2_END

const slm_kernel slm_kernel_avx2_block = {"avx2-block", SLM_LEVEL_AVX2, slm_cpu_avx2, supports, NULL, decode, NULL};

#endif
