/* decode_avx512_trellis.c: AVX-512 kernel for trellis coding with K <= 16, C <= 2, and entries whose sum fits a byte.
 *
 * Sixty-four windows at a time:
 *   windows  Eight windows lie in k bytes of stream and one more: a byte permutation brings them to a 64-bit lane, and a multishift cuts
 *            out their low and high bytes, in any order that later steps like.
 *   entries  The LFSR is linear over GF(2): bytes of entries are the XOR of an 8 x 8 bit matrix times each byte of the window. Two entries
 *            of up to four bits share a byte. S is the sum of a weight's entries, T = 2 S - P (2^W - 1).
 *   values   Without rotation S is an index of at most 8 bits: a table of the rounded values, made for the run's scale, gives the
 *            weights' bytes. With it, see avx512_rotate.h.
 */
#include "kernel.h"

#if SLM_HAVE_X86

#include "bits.h"
#include "linear.h"
#include "signs.h"

#include "avx512.h"

#include "avx512_rotate.h"

#define BYTES_MAX 4 /* bytes that hold a weight's entries */

/* What prepare() makes. */
typedef struct tables {
    uint64_t matrix[2][BYTES_MAX][2]; /* [c][b]: from a window's low and high byte to byte b of weight c's entries */
    uint64_t signs[SIGNS_WORDS];      /* of columns 0 .. 1023, ordered as avx512_rotate() takes them */
} tables;

_Static_assert(sizeof(tables) <= SLM_KERNEL_STORE, "a kernel's tables must fit its store");

static unsigned largest_sum(const slm_profile *p) { return p->P * ((1u << p->W) - 1); }
static unsigned entry_bytes(const slm_profile *p) { return p->W <= 4 ? (p->P + 1u) / 2 : p->P; }

static bool supports(const slm_coding *coding) {
    const slm_profile *p = &coding->profile;
    if (p->coding != SLM_CODING_TRELLIS || p->C > 2 || p->K > 16 || p->W > 8 || p->P > 8 || entry_bytes(p) > BYTES_MAX ||
        largest_sum(p) > 254)
        return false;
    return (largest_sum(p) + 1) / 2 << coding->rotation <= INT16_MAX;
}

static void prepare(decoder_state *state) {
    const slm_profile *p = &state->coding.profile;
    tables *t = (tables *)(void *)&state->store;
    const unsigned shared = p->W <= 4 ? 2 : 1, width = 8 / shared;
    uint32_t column[16][LINEAR_ENTRIES];
    linear_columns(p, column);
    for (unsigned n = 0; n < (unsigned)p->C * p->P; n++)
        for (unsigned i = 0; i < p->W; i++)
            for (unsigned bit = 0; bit < 16; bit++) { /* output bit j is row 7 - j of a matrix */
                const unsigned in = n % p->P, j = in % shared * width + i;
                t->matrix[n / p->P][in / shared][bit / 8] |= (uint64_t)(column[bit][n] >> i & 1) << (8 * (7 - j) + bit % 8);
            }
    if (state->coding.rotation != 0) {
        signs_begin(state->coding.sign_seed, 0, t->signs);
        avx512_order_signs(t->signs);
    }
}

/* How 64 windows are cut out of a stream. */
typedef struct cutter {
    __m512i gather, low, high;
} cutter;

/* The order of windows: byte j of 64-bit lane i is window 8 * group(i) + place(j).
 * UNPACK: interleaving bytes within 128-bit lanes with another vector leaves weights 0 .. 31 in the low half, 32 .. 63 in the high one. */
typedef enum order { ORDER_NATURAL, ORDER_UNPACK, ORDER_ROTATE } order;

#define EACH_BYTE 0x0101010101010101
#define COUNT_BYTES 0x0706050403020100

AVX512_INLINE __m512i groups(order o) {
    const long long e = EACH_BYTE;
    if (o == ORDER_UNPACK)
        return _mm512_setr_epi64(0, 4 * e, e, 5 * e, 2 * e, 6 * e, 3 * e, 7 * e);
    return o == ORDER_ROTATE ? AVX512_ROTATE_GROUPS : _mm512_setr_epi64(0, e, 2 * e, 3 * e, 4 * e, 5 * e, 6 * e, 7 * e);
}

AVX512_INLINE __m512i places(order o) { return _mm512_set1_epi64(o == ORDER_ROTATE ? AVX512_ROTATE_PLACES : COUNT_BYTES); }

/* Bytes of 0 .. 7 times a factor up to 8. */
AVX512_INLINE __m512i times(unsigned factor, __m512i bytes) {
    return _mm512_shuffle_epi8(_mm512_set1_epi64((long long)(factor * (uint64_t)COUNT_BYTES)), bytes);
}

AVX512_INLINE cutter cutter_make(order o, unsigned k) {
    const __m512i low = times(k, places(o));
    const cutter c = {_mm512_add_epi8(times(k, groups(o)), _mm512_set1_epi64(COUNT_BYTES)), low, _mm512_add_epi8(low, _mm512_set1_epi8(8))};
    return c;
}

/* Index that puts 64 natural bytes in an order. */
AVX512_INLINE __m512i order_bytes(order o) { return _mm512_add_epi8(times(8, groups(o)), places(o)); }

/* Low and high bytes of the 64 windows at `bytes`, of which `left` may be read. */
AVX512_INLINE void cut(const cutter *c, unsigned k, const uint8_t *bytes, uint64_t left, __m512i *low, __m512i *high) {
    const __m512i stream = left >= 64 ? avx512_load(bytes) : avx512_load_some(bytes, left);
    const __m512i lanes = _mm512_permutexvar_epi8(c->gather, stream);
    *low = _mm512_multishift_epi64_epi8(c->low, lanes);
    if (k <= 6) {
        *high = _mm512_multishift_epi64_epi8(c->high, lanes);
        return;
    }
    /* The eighth window does not end in the lane; all of them do in the lane one byte on. */
    const __m512i next = left >= 65 ? avx512_load(bytes + 1) : avx512_load_some(bytes + 1, left - 1);
    *high = _mm512_multishift_epi64_epi8(c->low, _mm512_permutexvar_epi8(c->gather, next));
}

/* Each byte of x times an 8 x 8 bit matrix. The matrices stand in a register: clang's assembler before LLVM 20 gets the address wrong where
 * this instruction reads one number for all lanes from memory (llvm-project, pull request 120340), and other entries come out. */
AVX512_INLINE __m512i affine(__m512i x, uint64_t matrix) {
    __m512i matrices = _mm512_set1_epi64((long long)matrix);
#if defined(__clang__)
    __asm__("" : "+v"(matrices));
#endif
    return _mm512_gf2p8affine_epi64_epi8(x, matrices, 0);
}

/* S of weight c of 64 windows. `bytes` is entry_bytes(), `nibbles` says whether two entries share one. */
AVX512_INLINE __m512i sums(const uint64_t matrix[BYTES_MAX][2], unsigned bytes, bool nibbles, __m512i low, __m512i high) {
    __m512i sum = _mm512_setzero_si512(), upper = _mm512_setzero_si512();
    const __m512i lower_mask = _mm512_set1_epi8(15), upper_mask = _mm512_set1_epi8((char)0xf0);
    for (unsigned b = 0; b < bytes; b++) {
        const __m512i x = affine(low, matrix[b][0]), y = affine(high, matrix[b][1]);
        if (!nibbles) {
            const __m512i v = _mm512_xor_si512(x, y);
            sum = b == 0 ? v : _mm512_add_epi8(sum, v);
            continue;
        }
        const __m512i l = _mm512_ternarylogic_epi64(x, y, lower_mask, 0x28), h = _mm512_ternarylogic_epi64(x, y, upper_mask, 0x28);
        sum = b == 0 ? l : _mm512_add_epi8(sum, l);
        if (bytes == 2) /* the average is eight times the sum of the two, and moves down past nothing but zeros */
            upper = b == 0 ? h : _mm512_srli_epi16(_mm512_avg_epu8(upper, h), 3);
        else
            upper = b == 0 ? _mm512_srli_epi16(h, 4) : _mm512_add_epi8(upper, _mm512_srli_epi16(h, 4));
    }
    return nibbles ? _mm512_add_epi8(sum, upper) : sum;
}

/* The bytes of the value of every S, rounded to `dtype`: plane i has byte i of 16-bit values, byte i + 1 of binary32 ones, whose lowest
 * is zero: T and the scale have at most 8 bits each, and what is subnormal is a multiple of 2^-133. */
#define PLANES 3
typedef struct values {
    uint8_t plane[PLANES][256];
} values;

static void values_make(values *v, unsigned most, uint16_t scale, slm_dtype dtype) {
    const uint32_t bits = (uint32_t)scale << 16;
    float factor;
    memcpy(&factor, &bits, sizeof factor);
    const __m512i count = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    for (unsigned s = 0; s <= most; s += 16) {
        const __m512i integer =
            _mm512_sub_epi32(_mm512_slli_epi32(_mm512_add_epi32(count, _mm512_set1_epi32((int)s)), 1), _mm512_set1_epi32((int)most));
        const __m512 value = _mm512_mul_ps(_mm512_cvtepi32_ps(integer), _mm512_set1_ps(factor));
        const __m512i x =
            dtype == SLM_F32 ? _mm512_srli_epi32(_mm512_castps_si512(value), 8) : _mm512_cvtepu16_epi32(avx512_narrow(dtype, value));
        for (unsigned i = 0; i < (dtype == SLM_F32 ? 3u : 2u); i++)
            _mm_storeu_si128((__m128i *)(void *)(v->plane[i] + s), _mm512_cvtepi32_epi8(_mm512_srli_epi32(x, 8 * i)));
    }
}

/* A plane in registers, `rows` times 64 bytes of it (1, 2 or 4). */
typedef struct plane {
    __m512i row[4];
} plane;

AVX512_INLINE plane plane_load(const uint8_t *bytes, unsigned rows) {
    plane p;
    for (unsigned i = 0; i < 4; i++)
        p.row[i] = i < rows ? avx512_load(bytes + 64 * i) : _mm512_setzero_si512();
    return p;
}

AVX512_INLINE __m512i look_up(const plane *p, unsigned rows, __m512i index) {
    if (rows == 1)
        return _mm512_permutexvar_epi8(index, p->row[0]);
    const __m512i x = _mm512_permutex2var_epi8(p->row[0], index, p->row[1]);
    if (rows == 2)
        return x;
    return _mm512_mask_blend_epi8(_mm512_movepi8_mask(index), x, _mm512_permutex2var_epi8(p->row[2], index, p->row[3]));
}

/* 64 weights: from S in UNPACK order for 16-bit types; for F32 in the order that two levels of interleaving put right. */
AVX512_INLINE void emit(slm_dtype dtype, const plane planes[PLANES], unsigned rows, __m512i sum, uint8_t *target, bool stream) {
    const __m512i a = look_up(&planes[0], rows, sum), b = look_up(&planes[1], rows, sum);
    if (dtype != SLM_F32) {
        avx512_store(target, _mm512_unpacklo_epi8(a, b), stream);
        avx512_store(target + 64, _mm512_unpackhi_epi8(a, b), stream);
        return;
    }
    const __m512i c = look_up(&planes[2], rows, sum), zero = _mm512_setzero_si512();
    const __m512i l0 = _mm512_unpacklo_epi8(zero, a), l1 = _mm512_unpackhi_epi8(zero, a);
    const __m512i h0 = _mm512_unpacklo_epi8(b, c), h1 = _mm512_unpackhi_epi8(b, c);
    avx512_store(target, _mm512_unpacklo_epi16(l0, h0), stream);
    avx512_store(target + 64, _mm512_unpackhi_epi16(l0, h0), stream);
    avx512_store(target + 128, _mm512_unpacklo_epi16(l1, h1), stream);
    avx512_store(target + 192, _mm512_unpackhi_epi16(l1, h1), stream);
}

/* What the loops below are compiled for. */
typedef struct shape {
    unsigned k, C, bytes, rows;
    bool nibbles;
} shape;

/* S of the 64 C weights of 64 windows; C = 2: weights 0 .. 63, then 64 .. 127, both in natural order where `o` is UNPACK. */
AVX512_INLINE void unit(const tables *t, shape s, const cutter *c, const uint8_t *bytes, uint64_t left, __m512i out[2]) {
    __m512i low, high;
    cut(c, s.k, bytes, left, &low, &high);
    out[0] = sums(t->matrix[0], s.bytes, s.nibbles, low, high);
    if (s.C == 2) {
        const __m512i second = sums(t->matrix[1], s.bytes, s.nibbles, low, high);
        out[1] = _mm512_unpackhi_epi8(out[0], second);
        out[0] = _mm512_unpacklo_epi8(out[0], second);
    }
}

/* Weights [first, first + count) without rotation. */
AVX512_INLINE void decode_plain(const decoder_state *state, shape s, const uint8_t *codes, uint16_t scale, uint64_t first, uint64_t count,
                                slm_dtype dtype, bool stream, uint8_t *target) {
    const tables *t = (const tables *)(const void *)&state->store;
    const size_t size = dtype == SLM_F32 ? 4 : 2, weights = 64 * s.C;
    values v;
    values_make(&v, largest_sum(&state->coding.profile), scale, dtype);
    plane planes[PLANES];
    for (unsigned i = 0; i < PLANES; i++)
        planes[i] = plane_load(v.plane[i], i < (dtype == SLM_F32 ? 3 : 2) ? s.rows : 0);
    /* Sums come in UNPACK order (C = 1) or in natural order (C = 2); the stores want UNPACK order, or for F32 that of a transpose of
     * 4 x 4 groups of four bytes. */
    const cutter c = cutter_make(s.C == 1 && dtype == SLM_F32 ? ORDER_NATURAL : ORDER_UNPACK, s.k);
    const __m512i unpack = order_bytes(ORDER_UNPACK);
    const __m512i transpose = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    const uint64_t seed = first / s.C & ~UINT64_C(7), offset = bits_byte(seed, s.k);
    const uint8_t *bytes = codes + offset;
    uint64_t left = state->run_bytes - offset;
    size_t skip = (size_t)(first - seed * s.C);
    while (count > 0) {
        __m512i sum[2];
        unit(t, s, &c, bytes, left, sum);
        for (unsigned i = 0; i < s.C; i++)
            if (dtype == SLM_F32)
                sum[i] = _mm512_permutexvar_epi32(transpose, sum[i]);
            else if (s.C == 2)
                sum[i] = _mm512_permutexvar_epi8(unpack, sum[i]);
        const size_t n = count < weights - skip ? (size_t)count : weights - skip;
        if (n == weights) {
            for (unsigned i = 0; i < s.C; i++)
                emit(dtype, planes, s.rows, sum[i], target + i * 64 * size, stream);
        } else {
            uint8_t some[128 * 4];
            for (unsigned i = 0; i < s.C; i++)
                emit(dtype, planes, s.rows, sum[i], some + i * 64 * size, false);
            memcpy(target, some + skip * size, n * size);
            stream = stream && skip == 0;
            skip = 0;
        }
        target += n * size;
        count -= n;
        bytes += 8 * s.k;
        left -= left < 8 * s.k ? left : 8 * s.k;
    }
}

/* The same with rotation, 1024 weights at a time. */
AVX512_INLINE void decode_rotated(const decoder_state *state, shape s, unsigned h, const uint8_t *codes, uint16_t scale, uint64_t first,
                                  uint64_t count, slm_dtype dtype, bool stream, uint8_t *target) {
    const tables *t = (const tables *)(const void *)&state->store;
    const size_t size = dtype == SLM_F32 ? 4 : 2;
    const unsigned most = largest_sum(&state->coding.profile), middle = (most + 1) / 2;
    const avx512_rotation rotation = avx512_rotation_make(h, middle, most % 2 != 0, scale);
    const cutter c = cutter_make(s.C == 1 ? ORDER_ROTATE : ORDER_UNPACK, s.k);
    const __m512i arrange = order_bytes(ORDER_ROTATE);
    uint64_t start = first & ~((UINT64_C(1) << h) - 1);
    uint64_t signs[SIGNS_WORDS];
    if (start == 0)
        memcpy(signs, t->signs, sizeof signs);
    else {
        signs_begin(state->coding.sign_seed, start, signs);
        avx512_order_signs(signs);
    }
    uint64_t offset = bits_byte(start / s.C, s.k);
    uint64_t left = state->run_bytes - offset;
    const uint8_t *bytes = codes + offset;
    while (count > 0) {
        const size_t skip = (size_t)(first - start), n = count < AVX512_PIECE - skip ? (size_t)count : AVX512_PIECE - skip;
        const size_t segment = (size_t)1 << h, whole = (skip + n + segment - 1) & ~(segment - 1);
        __m512i piece[AVX512_PIECE / 64];
        for (size_t i = 0; i < whole; i += 64 * s.C) {
            __m512i sum[2];
            unit(t, s, &c, bytes, left, sum);
            for (unsigned j = 0; j < s.C; j++)
                piece[i / 64 + j] = s.C == 1 ? sum[j] : _mm512_permutexvar_epi8(arrange, sum[j]);
            bytes += 8 * s.k;
            left -= left < 8 * s.k ? left : 8 * s.k;
        }
        avx512_rotate(&rotation, h, piece, whole, signs, skip, n, dtype, stream, target);
        if (skip != 0 || n != AVX512_PIECE)
            stream = false;
        signs_next(signs);
        target += n * size;
        count -= n;
        first += n;
        start += AVX512_PIECE;
    }
}

/* Loops for the shapes of the named profiles, with all that is constant in them; one for the others. */
AVX512_INLINE void decode_as(const decoder_state *state, const uint8_t *codes, uint16_t scale, uint64_t first, uint64_t count,
                             slm_dtype dtype, bool stream, uint8_t *target) {
    const slm_profile *p = &state->coding.profile;
    const unsigned h = state->coding.rotation, most = largest_sum(p);
    const shape s = {p->k, p->C, entry_bytes(p), most < 64 ? 1 : most < 128 ? 2 : 4, p->W <= 4};
    const shape usual = {p->k, 1, 2, 1, true}, half = {p->k, 2, 2, 1, true};
    const bool is_usual = s.C == 1 && s.bytes == 2 && s.rows == 1 && s.nibbles && s.k <= 6;
    const bool is_half = s.C == 2 && s.bytes == 2 && s.rows == 1 && s.nibbles;
    if (h == 0) {
        if (is_usual && dtype == SLM_F32)
            decode_plain(state, usual, codes, scale, first, count, SLM_F32, stream, target);
        else if (is_usual)
            decode_plain(state, usual, codes, scale, first, count, dtype == SLM_F16 ? SLM_F16 : SLM_BF16, stream, target);
        else if (is_half)
            decode_plain(state, half, codes, scale, first, count, dtype, stream, target);
        else
            decode_plain(state, s, codes, scale, first, count, dtype, stream, target);
    } else if (is_usual && h == 7 && dtype == SLM_F16)
        decode_rotated(state, usual, 7, codes, scale, first, count, SLM_F16, stream, target);
    else if (is_usual && h == 7)
        decode_rotated(state, usual, 7, codes, scale, first, count, dtype == SLM_F32 ? SLM_F32 : SLM_BF16, stream, target);
    else
        decode_rotated(state, s, h, codes, scale, first, count, dtype, stream, target);
}

static slm_status decode(const decoder_state *state, const uint8_t *codes, uint16_t scale, uint64_t first, uint64_t count, slm_dtype dtype,
                         bool stream, void *target) {
    /* Rotated integers are scaled by way of 2^23 + x: between these limits nothing on the way is too large or subnormal. */
    if ((state->coding.rotation != 0 && (scale < (127 - 100) << 7 || scale > (127 + 100) << 7)) || !avx512_environment_is_default())
        return slm_scalar_decode(state, codes, scale, first, count, dtype, target);
    decode_as(state, codes, scale, first, count, dtype, stream && (uintptr_t)target % 64 == 0, target);
    return SLM_OK;
}

/* Natural order throughout; the buffer holds a whole last unit. */
AVX512_INLINE void integers_as(const decoder_state *state, shape s, const uint8_t *codes, uint64_t first, size_t count, int8_t *target) {
    const tables *t = (const tables *)(const void *)&state->store;
    const cutter c = cutter_make(s.C == 1 ? ORDER_NATURAL : ORDER_UNPACK, s.k);
    const unsigned most = largest_sum(&state->coding.profile), odd = most % 2;
    const __m512i middle = _mm512_set1_epi8((char)(odd ? most : most / 2));
    const uint64_t offset = bits_byte(first / s.C, s.k);
    const uint8_t *bytes = codes + offset;
    uint64_t left = state->run_bytes - offset;
    for (size_t i = 0; i < count; i += 64 * s.C) {
        __m512i sum[2];
        unit(t, s, &c, bytes, left, sum);
        for (unsigned j = 0; j < s.C && i + 64 * j < count; j++) {
            const __m512i x = _mm512_sub_epi8(odd ? _mm512_add_epi8(sum[j], sum[j]) : sum[j], middle);
            const size_t room = count - i - 64 * j;
            _mm512_mask_storeu_epi8(target + i + 64 * j, (__mmask64)(room < 64 ? (UINT64_C(1) << room) - 1 : ~UINT64_C(0)), x);
        }
        bytes += 8 * s.k;
        left -= left < 8 * s.k ? left : 8 * s.k;
    }
}

static void integers(const decoder_state *state, const uint8_t *codes, uint64_t first, size_t count, int8_t *target) {
    const slm_profile *p = &state->coding.profile;
    const shape s = {p->k, p->C, entry_bytes(p), 1, p->W <= 4}, usual = {p->k, 1, 2, 1, true};
    if (s.C == 1 && s.bytes == 2 && s.nibbles && s.k <= 6)
        integers_as(state, usual, codes, first, count, target);
    else
        integers_as(state, s, codes, first, count, target);
}

AVX512_END

const slm_kernel slm_kernel_avx512_trellis = {"avx512-trellis", SLM_LEVEL_AVX512, slm_cpu_avx512_bytes, supports, prepare,
                                              decode,           integers};

#endif
