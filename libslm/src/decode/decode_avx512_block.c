/* decode_avx512_block.c: AVX-512 kernel for the paper's profiles: K = W = 16, step 1, any taps, P <= 4, C = 8 or 12, E = B = 4, norm 1, not
 * rotated, records of 32 or 36 bits.
 *
 * Eight records at a time, each in a 64-bit lane:
 *   expand   The 64 bits of the register's sequence that begin with the seed are linear in the seed: four look-ups by nibble.
 *   sum      Entry p of weight c is the window at bit cP + p + 1. A multishift puts the low bytes of a weight's windows into a 32-bit lane,
 *            two weights a record, another one the high bytes; byte products with 16 q sum them up.
 *   round    See below. Then pairs of weights by record are made records of weights.
 *
 * Rounding. With m the scale's significand a weight is q = S m / 32767 times a power of two, |S m| < 2^28. As 1 / 32767 =
 * 2^-15 (1 + 2^-15) (1 + 2^-30 + 2^-60 + ...), f = m 2^-15 (1 + 2^-15) has 23 bits, and S f is q up to 2^-30 of its size.
 *   - q is a number of n bits or differs from every such number by 2^-(n+15) of its size at least: S m 2^a and 32767 M 2^b are integers,
 *     one of a, b being 0.
 *   - F32: S f + S f 2^-30, the latter rounded, the sum rounded once, is within 2^-53 of q before that rounding, and q is farther than
 *     2^-40 from any midpoint (25 bits), or on it: but then S m would be a multiple of 32767 M > 2^38.
 *   - F16, BF16: y = S f rounded to 24 bits is less than one unit of the last place from q, and q itself where q has 24 bits. So y is on
 * q's side of a midpoint (12 or 9 bits) unless it is one. Where y is one integers decide. */
#include "kernel.h"

#if SLM_HAVE_X86

#include "avx512.h"

#define RECORDS 16 /* at a time, as two vectors */
#define WEIGHTS_MAX (12 * RECORDS)

/* What prepare() makes: the sequence that each bit of a seed contributes. */
typedef struct tables {
    uint64_t bit[16];
} tables;

_Static_assert(sizeof(tables) <= SLM_KERNEL_STORE, "a kernel's tables must fit its store");

static bool supports(const slm_coding *coding) {
    const slm_profile *p = &coding->profile;
    return p->coding == SLM_CODING_BLOCK && p->K == 16 && p->W == 16 && p->step == 1 && p->E == 4 && p->B == 4 && p->norm == 1 &&
           ((p->P == 3 && p->C == 8) || (p->P == 4 && p->C == 12)) && coding->rotation == 0;
}

static void prepare(decoder_state *state) {
    tables *t = (tables *)(void *)&state->store;
    for (unsigned i = 0; i < 16; i++)
        for (unsigned j = 0; j < 64; j += 16)
            t->bit[i] |= (uint64_t)slm_lfsr_advance(16, state->coding.profile.taps, UINT32_C(1) << i, j) << j;
}

/* Constants of a call. */
typedef struct constants {
    __m512i table[4][2];     /* sequences by nibble */
    __m512i gather[2];       /* records to lanes, for each of the two vectors */
    __m512i down;            /* bits to shift these lanes by */
    __m512i low[6], high[6]; /* windows of two weights */
    __m512 factor;           /* f / 16, before the record's exponent */
    uint16_t scale;
} constants;

/* Which record stands in lane i of vector g. For 16-bit types: interleaving 32-bit lanes of the narrowed vectors leaves records 0 .. 7 in
 * the low halves of 128-bit lanes, 8 .. 15 in the high ones. For F32 each vector is by itself: even lanes first. */
static inline unsigned record_at(bool wide, unsigned g, unsigned i) {
    const unsigned lane = 2 * g + i / 4, j = i % 4;
    return wide ? 8 * g + i % 2 * 4 + i / 2 : 8 * (j / 2) + 2 * lane + j % 2;
}

/* Where the bytes are loaded from that vector g's records are gathered from: 64 bytes hold them all. */
static inline unsigned load_at(bool wide, unsigned bits, unsigned g) { return g * (wide ? bits : bits == 36 ? 8 : 0); }

/* Lane i of the byte permutation that gathers, and its shift. */
AVX512_INLINE long long gather_at(bool wide, unsigned bits, unsigned g, unsigned i) {
    const uint64_t from = record_at(wide, g, i) * bits / 8 - load_at(wide, bits, g);
    return (long long)(from * 0x0101010101010101 + 0x0706050403020100);
}
AVX512_INLINE long long down_at(bool wide, unsigned bits, unsigned i) { return record_at(wide, 0, i) * bits % 8; }

AVX512_INLINE void constants_make(constants *c, const decoder_state *state, unsigned P, unsigned C, bool wide, uint16_t scale) {
    const tables *t = (const tables *)(const void *)&state->store;
    const unsigned bits = 20 + 4 * P;
    for (unsigned n = 0; n < 4; n++)
        for (unsigned half = 0; half < 2; half++) {
            __m512i x = half == 0 ? _mm512_setzero_si512() : _mm512_set1_epi64((long long)t->bit[4 * n + 3]);
            for (unsigned i = 0; i < 3; i++)
                x = _mm512_mask_xor_epi64(x,
                                          (__mmask8)(i == 0   ? 0xaa
                                                     : i == 1 ? 0xcc
                                                              : 0xf0),
                                          x, _mm512_set1_epi64((long long)t->bit[4 * n + i]));
            c->table[n][half] = x;
        }
    for (unsigned g = 0; g < 2; g++)
        c->gather[g] = _mm512_setr_epi64(gather_at(wide, bits, g, 0), gather_at(wide, bits, g, 1), gather_at(wide, bits, g, 2),
                                         gather_at(wide, bits, g, 3), gather_at(wide, bits, g, 4), gather_at(wide, bits, g, 5),
                                         gather_at(wide, bits, g, 6), gather_at(wide, bits, g, 7));
    /* The other vector's records are odd in the same lanes. */
    c->down = _mm512_setr_epi64(down_at(wide, bits, 0), down_at(wide, bits, 1), down_at(wide, bits, 2), down_at(wide, bits, 3),
                                down_at(wide, bits, 4), down_at(wide, bits, 5), down_at(wide, bits, 6), down_at(wide, bits, 7));
    for (unsigned m = 0; m < C / 2; m++) { /* where there are three windows a weight, the fourth byte is multiplied by 0 */
        c->low[m] =
            _mm512_add_epi8(_mm512_set1_epi64(P == 3 ? 0x0706050404030201 : 0x0807060504030201), _mm512_set1_epi8((char)(2 * m * P)));
        c->high[m] = _mm512_add_epi8(c->low[m], _mm512_set1_epi8(8));
    }
    const uint32_t value_bits = (uint32_t)scale << 16;
    float value;
    memcpy(&value, &value_bits, sizeof value);
    c->factor = _mm512_set1_ps(value * (1.0f / 32768 + 1.0f / 1073741824) / 16);
    c->scale = scale;
}

/* Of `lanes` those where y is no midpoint, half a unit of `dtype` and no bit below it. What is subnormal in F16 has larger units, so there
 * any number without those bits is taken for one. */
AVX512_INLINE __mmask16 no_midpoints(__mmask16 lanes, slm_dtype dtype, __m512i bits) {
    if (dtype == SLM_F16)
        return _mm512_mask_test_epi32_mask(lanes, bits, _mm512_set1_epi32(0xfff));
    return _mm512_mask_test_epi32_mask(lanes, _mm512_xor_si512(bits, _mm512_set1_epi32(0x8000)), _mm512_set1_epi32(0xffff));
}

/* Where the integers have to decide. */
AVX512_INLINE uint32_t doubtful_lanes(slm_dtype dtype, __m512i sums, __m512i bits) {
    const __m512i size = _mm512_and_si512(bits, _mm512_set1_epi32(0x7fffffff)), normal = _mm512_set1_epi32(0x38800000); /* 2^-14 */
    const uint32_t not_zero = _mm512_test_epi32_mask(sums, sums), safe = no_midpoints(0xffff, dtype, bits);
    const uint32_t half = _mm512_test_epi32_mask(bits, _mm512_set1_epi32(0x1000)), small = _mm512_cmpgt_epi32_mask(normal, size);
    return not_zero & ~safe & (dtype == SLM_F16 ? half | small : 0xffff);
}

/* Replaces what may be a midpoint by the rounding itself. */
AVX512_INLINE void settle(const constants *c, slm_dtype dtype, unsigned count, const __m512i *sums, __m512 factors, __m512 *values) {
    uint32_t base[16], factor[16];
    int32_t sum[16];
    float value[16];
    for (unsigned m = 0; m < count; m++) {
        uint32_t lanes = doubtful_lanes(dtype, sums[m], _mm512_castps_si512(values[m]));
        if (lanes == 0)
            continue;
        memcpy(base, &c->factor, sizeof base);
        memcpy(factor, &factors, sizeof factor);
        memcpy(sum, &sums[m], sizeof sum);
        memcpy(value, &values[m], sizeof value);
        for (; lanes != 0; lanes &= lanes - 1) {
            const unsigned i = (unsigned)__builtin_ctz(lanes), e = (factor[i] - base[i]) >> 23;
            const uint32_t rounded = slm_round_value((int64_t)(sum[i] / 16) * (1 << e), c->scale, 32767, dtype);
            if (dtype == SLM_F16)
                value[i] = _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128((int)rounded)));
            else {
                const uint32_t bits = rounded << 16;
                memcpy(&value[i], &bits, sizeof bits);
            }
        }
        memcpy(&values[m], value, sizeof value);
    }
}

/* The weights of eight records, pair m of lane i in 64-bit lane i of values[m]; for 16-bit types rounded to F32 without harm. Returns
 * whether there may be a midpoint among them, which is settled only where asked for. */
AVX512_INLINE bool decode_8(const constants *c, unsigned P, unsigned C, slm_dtype dtype, bool settled, __m512i records, __m512 values[6]) {
    const __m512i zero = _mm512_setzero_si512();
    const __m512i s0 = _mm512_permutex2var_epi64(c->table[0][0], records, c->table[0][1]);
    const __m512i s1 = _mm512_permutex2var_epi64(c->table[1][0], _mm512_srli_epi64(records, 4), c->table[1][1]);
    const __m512i s2 = _mm512_permutex2var_epi64(c->table[2][0], _mm512_srli_epi64(records, 8), c->table[2][1]);
    const __m512i s3 = _mm512_permutex2var_epi64(c->table[3][0], _mm512_srli_epi64(records, 12), c->table[3][1]);
    const __m512i sequence = _mm512_xor_si512(_mm512_ternarylogic_epi64(s0, s1, s2, 0x96), s3);
    const __m512i q = _mm512_and_si512(_mm512_multishift_epi64_epi8(_mm512_set1_epi32(0x1c181410), records),
                                       _mm512_set1_epi32(P == 3 ? 0x00f0f0f0 : (int)0xf0f0f0f0));
    const __m512i e = _mm512_and_si512(_mm512_multishift_epi64_epi8(_mm512_set1_epi32(0x11090909), records), _mm512_set1_epi32(15 << 23));
    const __m512 factor = _mm512_castsi512_ps(_mm512_add_epi32(e, _mm512_castps_si512(c->factor)));
    /* v - 2^15 = low + 256 (high - 128) */
    const __m512i middle = _mm512_sub_epi32(zero, _mm512_dpbusd_epi32(zero, _mm512_set1_epi8((char)128), q));
    const __m512 small = _mm512_mul_ps(factor, _mm512_set1_ps(1.0f / 1073741824));
    __m512i sums[6];
    __mmask16 safe = 0xffff;
    for (unsigned m = 0; m < C / 2; m++) {
        const __m512i high = _mm512_dpbusd_epi32(middle, _mm512_multishift_epi64_epi8(c->high[m], sequence), q);
        sums[m] = _mm512_dpbusd_epi32(_mm512_slli_epi32(high, 8), _mm512_multishift_epi64_epi8(c->low[m], sequence), q);
        const __m512 x = _mm512_cvtepi32_ps(sums[m]);
        if (dtype == SLM_F32) {
            values[m] = _mm512_fmadd_ps(x, factor, _mm512_mul_ps(x, small));
            continue;
        }
        values[m] = _mm512_mul_ps(x, factor);
        safe = no_midpoints(safe, dtype, _mm512_castps_si512(values[m]));
    }
    if (settled && safe != 0xffff)
        settle(c, dtype, C / 2, sums, factor, values);
    return safe != 0xffff;
}

/* Lane i of the permutations that interleave `n` vectors (2 or 3) of eight 64-bit or four 128-bit parts into output s: first the parts
 * of two vectors, then those of the third. */
AVX512_INLINE long long first_at(unsigned n, bool wide, unsigned s, unsigned i) {
    const unsigned at = 8 * s + i, unit = wide ? at / 2 : at, from = wide ? unit / n * 2 + at % 2 : unit / n;
    return unit % n == 1 ? 8 + from : from;
}
AVX512_INLINE long long then_at(unsigned n, bool wide, unsigned s, unsigned i) {
    const unsigned at = 8 * s + i, unit = wide ? at / 2 : at, from = wide ? unit / n * 2 + at % 2 : unit / n;
    return unit % n == 2 ? 8 + from : i;
}

AVX512_INLINE void interleave_one(unsigned n, bool wide, unsigned s, const __m512i v[3], uint8_t *target, bool stream) {
    const __m512i first =
        _mm512_setr_epi64(first_at(n, wide, s, 0), first_at(n, wide, s, 1), first_at(n, wide, s, 2), first_at(n, wide, s, 3),
                          first_at(n, wide, s, 4), first_at(n, wide, s, 5), first_at(n, wide, s, 6), first_at(n, wide, s, 7));
    __m512i x = _mm512_permutex2var_epi64(v[0], first, v[1]);
    if (n == 3) {
        const __m512i then =
            _mm512_setr_epi64(then_at(n, wide, s, 0), then_at(n, wide, s, 1), then_at(n, wide, s, 2), then_at(n, wide, s, 3),
                              then_at(n, wide, s, 4), then_at(n, wide, s, 5), then_at(n, wide, s, 6), then_at(n, wide, s, 7));
        x = _mm512_permutex2var_epi64(x, then, v[2]);
    }
    avx512_store(target + 64 * s, x, stream);
}

/* The first parts of all, the second ones of all, and so on. */
AVX512_INLINE void interleave(unsigned n, bool wide, const __m512i v[3], uint8_t *target, bool stream) {
    interleave_one(n, wide, 0, v, target, stream);
    interleave_one(n, wide, 1, v, target, stream);
    if (n == 3)
        interleave_one(n, wide, 2, v, target, stream);
}

/* Sixteen records, `left` bytes of which may be read. Returns the lanes of seeds 0, a bit for a record. */
AVX512_INLINE uint32_t decode_16(const constants *c, unsigned P, unsigned C, slm_dtype dtype, bool settled, const uint8_t *bytes,
                                 uint64_t left, uint8_t *target, bool stream, bool *doubtful) {
    const bool wide = dtype == SLM_F32;
    const unsigned bits = 20 + 4 * P, n = C / 4;
    __m512i narrow[6] = {_mm512_setzero_si512()};
    uint32_t zeros = 0;
    for (unsigned g = 0; g < 2; g++) {
        const unsigned at = load_at(wide, bits, g);
        const __m512i loaded = left >= at + 64 ? avx512_load(bytes + at)
                               : left > at     ? avx512_load_some(bytes + at, left - at)
                                               : _mm512_setzero_si512();
        __m512i records = _mm512_permutexvar_epi8(c->gather[g], loaded);
        if (bits % 8 != 0)
            records = _mm512_srlv_epi64(records, c->down);
        zeros |= (uint32_t)_mm512_testn_epi64_mask(records, _mm512_set1_epi64(0xffff)) << 8 * g;
        __m512 values[6];
        *doubtful |= decode_8(c, P, C, dtype, settled, records, values);
        if (!wide) {
            for (unsigned m = 0; m < C / 2; m++)
                narrow[m] = g == 0 ? _mm512_castsi256_si512(avx512_narrow(dtype, values[m]))
                                   : _mm512_inserti64x4(narrow[m], avx512_narrow(dtype, values[m]), 1);
            continue;
        }
        __m512i even[3], odd[3];
        for (unsigned i = 0; i < n; i++) {
            const __m512i a = _mm512_castps_si512(values[2 * i]), b = _mm512_castps_si512(values[2 * i + 1]);
            even[i] = _mm512_unpacklo_epi64(a, b);
            odd[i] = _mm512_unpackhi_epi64(a, b);
        }
        interleave(n, true, even, target + g * 128 * n, stream);
        interleave(n, true, odd, target + g * 128 * n + 64 * n, stream);
    }
    if (!wide) {
        __m512i low[3], high[3];
        for (unsigned i = 0; i < n; i++) {
            low[i] = _mm512_unpacklo_epi32(narrow[2 * i], narrow[2 * i + 1]);
            high[i] = _mm512_unpackhi_epi32(narrow[2 * i], narrow[2 * i + 1]);
        }
        interleave(n, false, low, target, stream);
        interleave(n, false, high, target + 64 * n, stream);
    }
    return zeros;
}

#define UNITS 64 /* of sixteen records, between two looks at what is doubtful */

AVX512_INLINE void settle_as(const decoder_state *state, unsigned P, unsigned C, slm_dtype dtype, uint16_t scale, const uint8_t *bytes,
                             uint64_t left, uint64_t units, uint8_t *target, bool stream) {
    constants c;
    constants_make(&c, state, P, C, false, scale);
    for (; units != 0; units &= units - 1) {
        const uint64_t unit = (uint64_t)__builtin_ctzll(units), at = unit * RECORDS / 8 * (20 + 4 * P);
        bool doubtful = false;
        decode_16(&c, P, C, dtype, true, bytes + at, left - at, target + unit * C * RECORDS * 2, stream, &doubtful);
    }
}

/* Makes the units whose bit is set once more, and settles what is doubtful in them. By itself, with constants of its own, so that the loop
 * that finds them keeps its registers: a weight in 4,096 is doubtful, and a call for each takes half of the speed. */
static __attribute__((noinline)) void settle_units(const decoder_state *state, slm_dtype dtype, uint16_t scale, const uint8_t *bytes,
                                                   uint64_t left, uint64_t units, uint8_t *target, bool stream) {
    if (state->coding.profile.P == 3)
        settle_as(state, 3, 8, dtype, scale, bytes, left, units, target, stream);
    else
        settle_as(state, 4, 12, dtype, scale, bytes, left, units, target, stream);
}

AVX512_INLINE slm_status decode_as(const decoder_state *state, unsigned P, unsigned C, const uint8_t *codes, uint16_t scale, uint64_t first,
                                   uint64_t count, slm_dtype dtype, bool stream, uint8_t *target) {
    const size_t size = dtype == SLM_F32 ? 4 : 2;
    const unsigned bits = 20 + 4 * P, weights = C * RECORDS, unit_bytes = RECORDS / 8 * bits;
    constants c;
    constants_make(&c, state, P, C, dtype == SLM_F32, scale);
    /* Begin at a record that begins with a byte. */
    const uint64_t block = first / C & ~UINT64_C(1), offset = block * bits / 8;
    const uint8_t *bytes = codes + offset;
    uint64_t left = state->run_bytes - offset;
    size_t skip = (size_t)(first - block * C);
    uint32_t zeros = 0;
    while (count > 0) {
        uint8_t some[WEIGHTS_MAX * 4];
        const bool whole = skip == 0 && count >= weights;
        const uint64_t units = !whole ? 1 : count / weights < UNITS ? count / weights : UNITS;
        uint8_t *const to = whole ? target : some;
        uint64_t doubtful = 0;
        uint32_t found = 0;
        for (uint64_t i = 0; i < units; i++) {
            const uint64_t at = i * unit_bytes;
            bool is_doubtful = false;
            found |= decode_16(&c, P, C, dtype, false, bytes + at, left - at, to + i * weights * size, stream && whole, &is_doubtful);
            doubtful |= (uint64_t)is_doubtful << i;
        }
        if (dtype != SLM_F32 && doubtful != 0)
            settle_units(state, dtype, scale, bytes, left, doubtful, to, stream && whole);
        size_t n = (size_t)units * weights;
        if (whole)
            zeros |= found;
        else {
            n = count < weights - skip ? (size_t)count : weights - skip;
            for (unsigned i = 0; i < RECORDS; i++) { /* only the records that the range touches count */
                const unsigned record = record_at(dtype == SLM_F32, i / 8, i % 8);
                if (record >= skip / C && record < (skip + n + C - 1) / C)
                    zeros |= found & 1u << i;
            }
            memcpy(target, some + skip * size, n * size);
            stream = stream && skip == 0;
            skip = 0;
        }
        target += n * size;
        count -= n;
        bytes += units * unit_bytes;
        left -= left < units * unit_bytes ? left : units * unit_bytes;
    }
    return zeros == 0 ? SLM_OK : SLM_E_RECORD;
}

static slm_status decode(const decoder_state *state, const uint8_t *codes, uint16_t scale, uint64_t first, uint64_t count, slm_dtype dtype,
                         bool stream, void *target) {
    /* Between these limits every product is a normal number of binary32. */
    if (scale < (127 - 60) << 7 || scale > (127 + 60) << 7 || !avx512_environment_is_default())
        return slm_scalar_decode(state, codes, scale, first, count, dtype, target);
    stream = stream && (uintptr_t)target % 64 == 0;
    if (state->coding.profile.P == 3) {
        if (dtype == SLM_F32)
            return decode_as(state, 3, 8, codes, scale, first, count, SLM_F32, stream, target);
        if (dtype == SLM_F16)
            return decode_as(state, 3, 8, codes, scale, first, count, SLM_F16, stream, target);
        return decode_as(state, 3, 8, codes, scale, first, count, SLM_BF16, stream, target);
    }
    if (dtype == SLM_F32)
        return decode_as(state, 4, 12, codes, scale, first, count, SLM_F32, stream, target);
    if (dtype == SLM_F16)
        return decode_as(state, 4, 12, codes, scale, first, count, SLM_F16, stream, target);
    return decode_as(state, 4, 12, codes, scale, first, count, SLM_BF16, stream, target);
}

AVX512_END

const slm_kernel slm_kernel_avx512_block = {"avx512-block", SLM_LEVEL_AVX512, slm_cpu_avx512_bytes, supports, prepare, decode, NULL};

#endif
