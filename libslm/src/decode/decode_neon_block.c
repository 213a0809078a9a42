/* decode_neon_block.c: NEON kernel for the paper's profiles: K = 16 with the taps of Table 6, step 1, W = 16, E = B = 4, norm 1, not
 * rotated; P = 3, C = 8 or P = 4, C = 12.
 *
 * Eight records at a time, in 16-bit lanes:
 *   expand   The 48 bits that follow a seed, twelve at a time. Entry p of weight c is the window of that stream at bit cP + p + 1.
 *   sum      Widening products; then four records by four weights are transposed, a vector a record.
 *   round    One product in binary64 by a factor for each exponent, right to the side of every midpoint (the proof stands in
 *            decode_avx2_block.c); to binary32 by rounding to nearest for F32, to odd for the 16-bit types, which are then rounded once. */
#include "kernel.h"
#include "paper_block.h"

#if SLM_HAVE_NEON

#include "neon.h"

#define RECORDS 8
#define WEIGHTS_MAX (12 * RECORDS)
#define BYTES_MAX 44 /* of eight records, as far as they are read */

/* The register twelve steps on. With g = x ^ x >> 1 ^ x >> 3 a new bit is b_(n+16) = g_n ^ b_(n+12), four places before itself: a
 * running XOR of nibbles that begins with bits 12 .. 15. */
NEON_INLINE uint16x8_t twelve_steps(uint16x8_t x) {
    const uint16x8_t g = veorq_u16(veorq_u16(x, vshrq_n_u16(x, 1)), vshrq_n_u16(x, 3));
    uint16x8_t y = vsliq_n_u16(vshrq_n_u16(x, 12), g, 4);
    y = veorq_u16(y, vshlq_n_u16(y, 4));
    return veorq_u16(y, vshlq_n_u16(y, 8));
}

/* Records split: seeds, exponents, coefficients. */
typedef struct fields {
    uint16x8_t seed, e;
    int16x8_t q[4];
} fields;

/* Reads 32 bytes (P = 3) or 43. */
NEON_INLINE fields split(unsigned P, const uint8_t *bytes) {
    fields f;
    uint16x8_t high;
    f.q[3] = vdupq_n_s16(0);
    if (P == 3) {
        const uint16x8_t a = vreinterpretq_u16_u8(vld1q_u8(bytes)), b = vreinterpretq_u16_u8(vld1q_u8(bytes + 16));
        f.seed = vuzp1q_u16(a, b);
        high = vuzp2q_u16(a, b);
    } else { /* two records are nine bytes; each goes to a 64-bit lane */
        static const uint8_t places[16] = {0, 1, 2, 3, 4, 255, 255, 255, 4, 5, 6, 7, 8, 255, 255, 255};
        static const int64_t shifts[2] = {0, -4};
        const uint8x16_t place = vld1q_u8(places);
        const int64x2_t shift = vld1q_s64(shifts);
        uint32x4_t pair[4];
        for (unsigned i = 0; i < 4; i++)
            pair[i] = vreinterpretq_u32_u64(vshlq_u64(vreinterpretq_u64_u8(vqtbl1q_u8(vld1q_u8(bytes + 9 * i), place)), shift));
        const uint16x8_t a = vreinterpretq_u16_u32(vuzp1q_u32(pair[0], pair[1])), b = vreinterpretq_u16_u32(vuzp1q_u32(pair[2], pair[3]));
        const uint16x8_t c = vreinterpretq_u16_u32(vuzp2q_u32(pair[0], pair[1])), d = vreinterpretq_u16_u32(vuzp2q_u32(pair[2], pair[3]));
        f.seed = vuzp1q_u16(a, b);
        high = vuzp2q_u16(a, b);
        f.q[3] = vshrq_n_s16(vreinterpretq_s16_u16(vshlq_n_u16(vuzp1q_u16(c, d), 12)), 12);
    }
    f.e = vandq_u16(high, vdupq_n_u16(15));
    f.q[0] = vshrq_n_s16(vreinterpretq_s16_u16(vshlq_n_u16(high, 8)), 12);
    f.q[1] = vshrq_n_s16(vreinterpretq_s16_u16(vshlq_n_u16(high, 4)), 12);
    f.q[2] = vshrq_n_s16(vreinterpretq_s16_u16(high), 12);
    return f;
}

/* The sequence from its bit `at` on, in 16-bit words: less 2^15. */
NEON_INLINE int16x8_t window(const uint16x8_t words[5], unsigned at) {
    const unsigned i = at / 16, shift = at % 16;
    const uint16x8_t v = shift == 0 ? words[i] : words[i] >> shift | words[i + 1] << (16 - shift);
    return vreinterpretq_s16_u16(veorq_u16(v, vdupq_n_u16(0x8000)));
}

/* T / 2^e of weight c of the eight records. */
NEON_INLINE void sum(unsigned P, unsigned c, const uint16x8_t words[5], const int16x8_t q[4], int32x4_t *low, int32x4_t *high) {
    int16x8_t v = window(words, c * P + 1);
    *low = vmull_s16(vget_low_s16(v), vget_low_s16(q[0]));
    *high = vmull_high_s16(v, q[0]);
    for (unsigned p = 1; p < P; p++) {
        v = window(words, c * P + p + 1);
        *low = vmlal_s16(*low, vget_low_s16(v), vget_low_s16(q[p]));
        *high = vmlal_high_s16(*high, v, q[p]);
    }
}

/* Four weights by four records to four records by four weights. */
NEON_INLINE void transpose(int32x4_t v[4]) {
    const int64x2_t a = vreinterpretq_s64_s32(vtrn1q_s32(v[0], v[1])), b = vreinterpretq_s64_s32(vtrn2q_s32(v[0], v[1]));
    const int64x2_t c = vreinterpretq_s64_s32(vtrn1q_s32(v[2], v[3])), d = vreinterpretq_s64_s32(vtrn2q_s32(v[2], v[3]));
    v[0] = vreinterpretq_s32_s64(vtrn1q_s64(a, c));
    v[1] = vreinterpretq_s32_s64(vtrn1q_s64(b, d));
    v[2] = vreinterpretq_s32_s64(vtrn2q_s64(a, c));
    v[3] = vreinterpretq_s32_s64(vtrn2q_s64(b, d));
}

NEON_INLINE float32x4_t scaled(slm_dtype dtype, int32x4_t sums, double factor) {
    const float64x2_t a = vmulq_n_f64(vcvtq_f64_s64(vmovl_s32(vget_low_s32(sums))), factor);
    const float64x2_t b = vmulq_n_f64(vcvtq_f64_s64(vmovl_high_s32(sums)), factor);
    return dtype == SLM_F32 ? vcvt_high_f32_f64(vcvt_f32_f64(a), b) : vcvtx_high_f32_f64(vcvtx_f32_f64(a), b);
}

/* The weights of eight records. Returns all ones in the lane of a seed 0. */
NEON_INLINE uint16x8_t decode_8(unsigned P, unsigned C, slm_dtype dtype, const uint8_t *records, const double factors[16],
                                uint8_t *target) {
    const size_t size = dtype == SLM_F32 ? 4 : 2;
    const fields f = split(P, records);
    const uint16x8_t y = twelve_steps(f.seed), z = twelve_steps(y), zero = vdupq_n_u16(0); /* bits 12 .. 27, 24 .. 39 */
    uint16x8_t words[5] = {f.seed, vsliq_n_u16(vshrq_n_u16(y, 4), z, 8), vshrq_n_u16(z, 8), zero, zero};
    if (P == 4) {
        const uint16x8_t w = twelve_steps(z); /* 36 .. 51 */
        words[2] = vsliq_n_u16(words[2], w, 4);
        words[3] = twelve_steps(w);
    }
    uint16_t e[8];
    vst1q_u16(e, f.e);
    for (unsigned c = 0; c < C; c += 4) {
        int32x4_t v[2][4];
        for (unsigned i = 0; i < 4; i++)
            sum(P, c + i, words, f.q, &v[0][i], &v[1][i]);
        transpose(v[0]);
        transpose(v[1]);
        for (unsigned i = 0; i < 8; i++)
            neon_store(dtype, target + (i * C + c) * size, scaled(dtype, v[i / 4][i % 4], factors[e[i]]));
    }
    return vceqzq_u16(f.seed);
}

NEON_INLINE slm_status decode_as(const decoder_state *state, unsigned P, unsigned C, slm_dtype dtype, const uint8_t *codes, uint64_t first,
                                 uint64_t count, const double factors[16], uint8_t *target) {
    const size_t size = dtype == SLM_F32 ? 4 : 2;
    const unsigned weights = C * RECORDS, step = (20 + 4 * P) * RECORDS / 8, reads = P == 3 ? 32 : BYTES_MAX;
    /* Begin at a record that begins with a byte. */
    const uint64_t block = first / C & ~UINT64_C(1), offset = block / 2 * (20 + 4 * P) / 4;
    const uint8_t *records = codes + offset;
    uint64_t left = state->run_bytes - offset;
    size_t skip = (size_t)(first - block * C);
    uint16x8_t zero = vdupq_n_u16(0);
    while (count > 0) {
        if (skip == 0 && count >= weights && left >= reads) {
            zero = vorrq_u16(zero, decode_8(P, C, dtype, records, factors, target));
            target += weights * size;
            count -= weights;
        } else { /* the range's beginning or end: only the records that it touches count */
            uint8_t some[BYTES_MAX], made[WEIGHTS_MAX * 4];
            uint16_t found[RECORDS];
            const size_t n = count < weights - skip ? (size_t)count : weights - skip;
            memset(some, 0, sizeof some);
            memcpy(some, records, left < sizeof some ? (size_t)left : sizeof some);
            vst1q_u16(found, decode_8(P, C, dtype, some, factors, made));
            for (unsigned i = 0; i < RECORDS; i++)
                if (i >= skip / C && i < (skip + n + C - 1) / C)
                    zero = vorrq_u16(zero, vdupq_n_u16(found[i]));
            memcpy(target, made + skip * size, n * size);
            target += n * size;
            count -= n;
            skip = 0;
        }
        records += step;
        left -= left < step ? left : step;
    }
    return vmaxvq_u16(zero) == 0 ? SLM_OK : SLM_E_RECORD;
}

static slm_status decode(const decoder_state *state, const uint8_t *codes, uint16_t scale, uint64_t first, uint64_t count, slm_dtype dtype,
                         bool stream, void *target) {
    (void)stream;
    double factors[16];
    if (!paper_block_factors(scale, factors) || !neon_environment_is_default())
        return slm_scalar_decode(state, codes, scale, first, count, dtype, target);
    if (state->coding.profile.P == 3) {
        if (dtype == SLM_F32)
            return decode_as(state, 3, 8, SLM_F32, codes, first, count, factors, target);
        if (dtype == SLM_F16)
            return decode_as(state, 3, 8, SLM_F16, codes, first, count, factors, target);
        return decode_as(state, 3, 8, SLM_BF16, codes, first, count, factors, target);
    }
    if (dtype == SLM_F32)
        return decode_as(state, 4, 12, SLM_F32, codes, first, count, factors, target);
    if (dtype == SLM_F16)
        return decode_as(state, 4, 12, SLM_F16, codes, first, count, factors, target);
    return decode_as(state, 4, 12, SLM_BF16, codes, first, count, factors, target);
}

const slm_kernel slm_kernel_neon_block = {"neon-block", SLM_LEVEL_NEON, slm_cpu_any, paper_block_supports, NULL, decode, NULL};

#endif
