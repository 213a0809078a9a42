/* decode_any.h: a vector kernel for every legal coding (but for the few that supports() leaves out), in GNU vectors. Included by a file for
 * each instruction set, behind its header, with
 *   ANY_BYTES                       bytes of a vector, and blocks (or windows) taken at a time
 *   any_look_up(table, index)       table[index[i]] for each byte; 16 bytes of table, indices below 16
 *   any_store(dtype, target, x)     eight floats, exact or rounded to odd, as `dtype`
 *   any_environment_is_default()
 *
 *   seeds    The registers of ANY_BYTES blocks stand in one vector for each of their bytes, turned by K - W bits so that the entry is their
 *            low W bits. Of the blocks a quarter each stands in the four bytes of 32-bit lanes, and so numbers grow from 8 bits to 16 and
 *            32 by shifts and masks alone.
 *   entries  Going on by `step` is linear over GF(2): a byte of the next registers is the XOR of what the nibbles contribute, each a
 *            look-up. The bytes of entries, times coefficients, are summed in 16-bit lanes, as often as these hold in 32-bit ones.
 *   values   T 2^e is exact in binary32 (norm 0: at most 24 bits by [REC-8]) or binary64 (norm 1). So is the rotation, on these.
 *   round    norm 0: times the scale, which is exact in binary32. norm 1: T 2^e m has at most 53 bits, so the product by the scale is
 * exact; the quotient by 2^(W-1) - 1 is rounded to binary64, the sign of its remainder, made without rounding, says on which side the true
 *            one lies, and where its last place is even it is moved by one to that side: it is then no midpoint of a shorter type unless
 * the true one is. For 16-bit types the same is done in cutting it to binary32. */
#ifndef SLM_DECODE_ANY_H
#define SLM_DECODE_ANY_H

#include "bits.h"
#include "signs.h"
#include "slm/lfsr.h"

#define ANY_INLINE static inline __attribute__((always_inline))
#define ANY_LANES (ANY_BYTES / 4)
#define ANY_PIECE (SLM_C_MAX * ANY_BYTES > 1024 ? SLM_C_MAX * ANY_BYTES : 1024) /* weights at a time */
#define ANY_PLANES 3

typedef uint8_t any_bytes __attribute__((vector_size(ANY_BYTES)));
typedef uint16_t any_words __attribute__((vector_size(ANY_BYTES)));
typedef uint32_t any_lanes __attribute__((vector_size(ANY_BYTES)));
typedef int32_t any_signed __attribute__((vector_size(ANY_BYTES)));
typedef double any_doubles __attribute__((vector_size(32)));
typedef int64_t any_longs __attribute__((vector_size(32)));
typedef int32_t any_ints __attribute__((vector_size(16)));
typedef float any_floats __attribute__((vector_size(16)));

/* What prepare() makes: [b][i][x] is what nibble i of a register, being x, contributes to byte b of the next one. */
typedef struct any_tables {
    uint8_t share[ANY_PLANES][2 * ANY_PLANES][16];
} any_tables;

_Static_assert(sizeof(any_tables) <= SLM_KERNEL_STORE, "a kernel's tables must fit its store");

/* A piece of a run, in binary32 or binary64, room for a block before and behind it. */
typedef union any_piece {
    float f[ANY_PIECE + 2 * SLM_C_MAX];
    double d[ANY_PIECE + 2 * SLM_C_MAX];
} any_piece;

static bool any_supports(const slm_coding *coding) {
    /* Rotated integers of norm 1 may need more than the 45 bits that leave a product by the scale exact. */
    return coding->profile.norm == 0 || coding->rotation == 0 || slm_profile_integer_bits(&coding->profile, coding->rotation) <= 45;
}

static void any_prepare(decoder_state *state) {
    const slm_profile *p = &state->coding.profile;
    const unsigned K = p->K, W = p->W;
    any_tables *t = (any_tables *)(void *)&state->store;
    for (unsigned bit = 0; bit < K; bit++) {
        const uint32_t next = slm_lfsr_advance(K, p->taps, UINT32_C(1) << bit, p->step);
        const uint32_t to = (next >> (K - W) | next << W) & ((UINT32_C(1) << K) - 1);
        const unsigned from = bit < K - W ? bit + W : bit - (K - W);
        for (unsigned b = 0; b < ANY_PLANES; b++)
            for (unsigned x = 0; x < 16; x++)
                if (x >> from % 4 & 1)
                    t->share[b][from / 4][x] ^= (uint8_t)(to >> 8 * b);
    }
}

/* What a group of blocks is made from: of block m * ANY_LANES + l what stands in lane l of vector m. */
typedef struct any_group {
    any_lanes seed[4];            /* turned */
    any_lanes q[SLM_P_MAX][2];    /* a coefficient in each 16-bit lane: those for bytes 0 and 2 of lanes, then 1 and 3 */
    any_signed sum[4];            /* of a block's coefficients */
    float power[ANY_BYTES];       /* 2^e */
    unsigned shift;               /* trellis: of the first window's bit in its byte; what follows is made for it */
    uint8_t gather[2][ANY_BYTES]; /* look-ups that put the bytes of windows into lanes, for even vectors and odd ones */
    any_lanes down[2];
    uint8_t codes[ANY_BYTES * SLM_RECORD_BITS_MAX / 8 + 16];
} any_group;

static void any_windows(any_group *g, unsigned k, unsigned shift) {
    g->shift = shift;
    for (unsigned m = 0; m < 2; m++)
        for (unsigned l = 0; l < ANY_LANES; l++) {
            const unsigned bit = (shift + m * ANY_LANES * k) % 8 + l * k;
            for (unsigned j = 0; j < 4; j++)
                g->gather[m][4 * l + j] = (uint8_t)(bit / 8 + j);
            g->down[m][l] = bit % 8;
        }
}

/* `width` bits of 64 from bit `at` on, in 32-bit lanes, with others above them. */
ANY_INLINE any_lanes any_field(any_lanes low, any_lanes high, unsigned at, unsigned width) {
    return at >= 32 ? high >> (at - 32) : at + width <= 32 ? low >> at : low >> at | high << (32 - at);
}

/* Records taken apart. */
static void any_records(any_group *g, const slm_profile *p, const uint8_t *bytes, unsigned shift, unsigned stride) {
    uint32_t low[ANY_BYTES], high[ANY_BYTES];
    for (unsigned i = 0, bit = shift; i < ANY_BYTES; i++, bit += stride) {
        uint64_t x;
        memcpy(&x, bytes + bit / 8, sizeof x);
        x >>= bit % 8;
        if (bit % 8 != 0)
            x |= (uint64_t)bytes[bit / 8 + 8] << (64 - bit % 8);
        low[i] = (uint32_t)x;
        high[i] = (uint32_t)(x >> 32);
    }
    any_lanes x[4], y[4];
    memcpy(x, low, sizeof low);
    memcpy(y, high, sizeof high);
    for (unsigned m = 0; m < 4; m++) {
        g->seed[m] = x[m];
        g->sum[m] = (any_signed){0};
        const any_lanes e = any_field(x[m], y[m], p->K, p->E) & ((1u << p->E) - 1);
        const any_lanes power = (e + 127) << 23; /* as binary32 */
        memcpy(g->power + m * ANY_LANES, &power, sizeof power);
    }
    for (unsigned n = 0; n < p->P; n++) {
        any_lanes q[4];
        for (unsigned m = 0; m < 4; m++) {
            q[m] = (any_lanes)((any_signed)(any_field(x[m], y[m], p->K + p->E + n * p->B, p->B) << (32 - p->B)) >> (32 - p->B));
            g->sum[m] += (any_signed)q[m];
        }
        for (unsigned m = 0; m < 2; m++)
            g->q[n][m] = (q[m] & 0xffff) | q[m + 2] << 16;
    }
}

/* Blocks [block, block + lanes) taken apart. False where one of them has a seed 0. */
static bool any_load(any_group *g, const decoder_state *state, const uint8_t *codes, uint64_t block, unsigned lanes) {
    const slm_profile *p = &state->coding.profile;
    const bool is_block = p->coding == SLM_CODING_BLOCK;
    const unsigned stride = state->stride, shift = bits_shift(block, stride), K = p->K, W = p->W;
    const uint64_t offset = bits_byte(block, stride), left = state->run_bytes - offset;
    const uint8_t *bytes = codes + offset;
    if (left < sizeof g->codes) {
        memset(g->codes, 0, sizeof g->codes);
        memcpy(g->codes, bytes, (size_t)left);
        bytes = g->codes;
    }
    if (is_block)
        any_records(g, p, bytes, shift, stride);
    else {
        if (g->shift != shift)
            any_windows(g, stride, shift);
        for (unsigned m = 0; m < 4; m++) {
            any_bytes gather;
            memcpy(&gather, g->gather[m % 2], sizeof gather);
            g->seed[m] = (any_lanes)any_look_up(bytes + (shift + m * ANY_LANES * stride) / 8, gather) >> g->down[m % 2];
        }
    }
    const uint32_t mask = (UINT32_C(1) << K) - 1;
    uint32_t zero = 0;
    for (unsigned m = 0; m < 4; m++)
        g->seed[m] &= mask;
    if (is_block) {
        uint32_t seed[ANY_BYTES];
        memcpy(seed, g->seed, sizeof seed);
        for (unsigned i = 0; i < lanes; i++)
            zero |= seed[i] == 0;
    }
    for (unsigned m = 0; m < 4; m++)
        g->seed[m] = (g->seed[m] >> (K - W) | g->seed[m] << W) & mask;
    return zero == 0;
}

/* The registers `step` steps on. */
ANY_INLINE void any_advance(const any_tables *t, unsigned planes, any_bytes v[ANY_PLANES]) {
    any_bytes nibble[2 * ANY_PLANES];
    for (unsigned b = 0; b < planes; b++) {
        nibble[2 * b] = v[b] & 15;
        nibble[2 * b + 1] = (any_bytes)((any_words)v[b] >> 4) & 15;
    }
    for (unsigned b = 0; b < planes; b++) {
        v[b] = any_look_up(t->share[b][0], nibble[0]);
        for (unsigned i = 1; i < 2 * planes; i++)
            v[b] ^= any_look_up(t->share[b][i], nibble[i]);
    }
}

/* The sums of the next P entries of each block, times its coefficients, by bytes of entries. */
ANY_INLINE void any_sums(const any_tables *t, const any_group *g, unsigned planes, bool is_block, unsigned P, unsigned W, unsigned chunk,
                         any_bytes v[ANY_PLANES], any_signed sum[ANY_PLANES][4]) {
    const unsigned used = (W + 7) / 8;
    const uint8_t last = (uint8_t)(255u >> (8 * used - W));
    for (unsigned b = 0; b < planes; b++)
        for (unsigned m = 0; m < 4; m++)
            sum[b][m] = (any_signed){0};
    for (unsigned done = 0; done < P;) {
        any_words even[ANY_PLANES], odd[ANY_PLANES];
        for (unsigned b = 0; b < planes; b++)
            even[b] = odd[b] = (any_words){0};
        const unsigned end = P - done < chunk ? P : done + chunk;
        for (unsigned n = done; n < end; n++) {
            any_advance(t, planes, v);
            for (unsigned b = 0; b < planes && b < used; b++) {
                const any_words x = (any_words)(b + 1 == used ? v[b] & last : v[b]);
                even[b] += is_block ? (x & 255) * (any_words)g->q[n][0] : x & 255;
                odd[b] += is_block ? (x >> 8) * (any_words)g->q[n][1] : x >> 8;
            }
        }
        for (unsigned b = 0; b < planes; b++) {
            const any_signed part[4] = {(any_signed)((any_lanes)even[b] << 16) >> 16, (any_signed)((any_lanes)odd[b] << 16) >> 16,
                                        (any_signed)even[b] >> 16, (any_signed)odd[b] >> 16};
            for (unsigned m = 0; m < 4; m++)
                sum[b][m] += part[m];
        }
        done = end;
    }
}

/* T 2^e of `lanes` blocks, to weights[at + i * C + c] of their block i. */
ANY_INLINE void any_values(const decoder_state *state, const any_group *g, unsigned planes, bool is_block, bool norm, unsigned lanes,
                           any_piece *weights, size_t at) {
    const slm_profile *p = &state->coding.profile;
    const any_tables *t = (const any_tables *)(const void *)&state->store;
    const unsigned P = p->P, C = p->C, most = is_block ? 32767u / (255u << (p->B - 1)) : SLM_P_MAX;
    const unsigned chunk = most == 0 ? 1 : most; /* entries whose products 16 bits hold */
    const int32_t middle = is_block ? (int32_t)(UINT32_C(1) << (p->W - 1)) : (int32_t)(P * ((UINT32_C(1) << p->W) - 1));
    const bool wide = norm && slm_profile_integer_bits(p, 0) > 29;
    any_bytes v[ANY_PLANES];
    for (unsigned b = 0; b < planes; b++) {
        any_lanes x = g->seed[0] >> 8 * b & 255;
        for (unsigned m = 1; m < 4; m++)
            x |= (g->seed[m] >> 8 * b & 255) << 8 * m;
        v[b] = (any_bytes)x;
    }
    for (unsigned c = 0; c < C; c++) {
        any_signed sum[ANY_PLANES][4];
        any_sums(t, g, planes, is_block, P, p->W, chunk, v, sum);
        int32_t integer[ANY_BYTES];
        for (unsigned m = 0; m < 4; m++) { /* modulo 2^32 where 32 bits do not do */
            any_lanes x = (any_lanes)sum[0][m];
            for (unsigned b = 1; b < planes; b++)
                x += (any_lanes)sum[b][m] << 8 * b;
            x = is_block ? x - (any_lanes)g->sum[m] * (uint32_t)middle : 2 * x - (uint32_t)middle;
            memcpy(integer + m * ANY_LANES, &x, sizeof x);
        }
        if (!norm) {
            float x[ANY_BYTES];
            for (unsigned i = 0; i < ANY_BYTES; i++)
                x[i] = is_block ? (float)integer[i] * g->power[i] : (float)integer[i];
            for (unsigned i = 0; i < lanes; i++)
                weights->f[at + i * C + c] = x[i];
            continue;
        }
        double x[ANY_BYTES];
        for (unsigned i = 0; i < ANY_BYTES; i++)
            x[i] = (double)integer[i];
        if (wide) {
            int32_t part[ANY_PLANES][ANY_BYTES], all[ANY_BYTES];
            memcpy(all, g->sum, sizeof all);
            for (unsigned b = 0; b < planes; b++)
                memcpy(part[b], sum[b], sizeof part[b]);
            for (unsigned i = 0; i < ANY_BYTES; i++) {
                x[i] = -(double)middle * (double)all[i];
                for (unsigned b = 0; b < planes; b++)
                    x[i] += (double)part[b][i] * (double)(1u << 8 * b);
            }
        }
        for (unsigned i = 0; i < ANY_BYTES; i++)
            x[i] *= (double)g->power[i];
        for (unsigned i = 0; i < lanes; i++)
            weights->d[at + i * C + c] = x[i];
    }
}

/* The same with what is constant for a coding in the loops. */
static void any_values_of(const decoder_state *state, const any_group *g, unsigned lanes, any_piece *weights, size_t at) {
    const slm_profile *p = &state->coding.profile;
    const unsigned planes = (p->K + 7u) / 8;
    if (p->coding != SLM_CODING_BLOCK) {
        if (planes == 1)
            any_values(state, g, 1, false, false, lanes, weights, at);
        else if (planes == 2)
            any_values(state, g, 2, false, false, lanes, weights, at);
        else
            any_values(state, g, 3, false, false, lanes, weights, at);
    } else if (p->norm == 0) {
        if (planes == 1)
            any_values(state, g, 1, true, false, lanes, weights, at);
        else if (planes == 2)
            any_values(state, g, 2, true, false, lanes, weights, at);
        else
            any_values(state, g, 3, true, false, lanes, weights, at);
    } else if (planes == 1)
        any_values(state, g, 1, true, true, lanes, weights, at);
    else if (planes == 2)
        any_values(state, g, 2, true, true, lanes, weights, at);
    else
        any_values(state, g, 3, true, true, lanes, weights, at);
}

/* H on each segment of `count` numbers, then D: two stages at a time, on vectors of four. Sums and differences are exact, and 0 - x is
 * never -0. NOLINTBEGIN(bugprone-macro-parentheses): an argument that is a type takes none. */
#define ANY_ROTATE(name, type, four)                                                                                                       \
    static void name(type *x, size_t count, unsigned h, const uint64_t signs[SIGNS_WORDS]) {                                               \
        for (size_t i = 0; i < count; i += 4) {                                                                                            \
            const type a = x[i] + x[i + 1], b = x[i] - x[i + 1], c = x[i + 2] + x[i + 3], d = x[i + 2] - x[i + 3];                         \
            x[i] = a + c;                                                                                                                  \
            x[i + 1] = b + d;                                                                                                              \
            x[i + 2] = a - c;                                                                                                              \
            x[i + 3] = b - d;                                                                                                              \
        }                                                                                                                                  \
        const size_t n = (size_t)1 << h;                                                                                                   \
        size_t half = 4;                                                                                                                   \
        for (; 4 * half <= n; half *= 4)                                                                                                   \
            for (size_t start = 0; start < count; start += 4 * half)                                                                       \
                for (type *p = x + start, *const end = p + half; p < end; p += 4) {                                                        \
                    four v[4], w[4];                                                                                                       \
                    for (unsigned i = 0; i < 4; i++)                                                                                       \
                        memcpy(&v[i], p + i * half, sizeof v[i]);                                                                          \
                    w[0] = v[0] + v[1], w[1] = v[0] - v[1], w[2] = v[2] + v[3], w[3] = v[2] - v[3];                                        \
                    v[0] = w[0] + w[2], v[1] = w[1] + w[3], v[2] = w[0] - w[2], v[3] = w[1] - w[3];                                        \
                    for (unsigned i = 0; i < 4; i++)                                                                                       \
                        memcpy(p + i * half, &v[i], sizeof v[i]);                                                                          \
                }                                                                                                                          \
        if (2 * half <= n)                                                                                                                 \
            for (size_t start = 0; start < count; start += 2 * half)                                                                       \
                for (type *p = x + start, *const end = p + half; p < end; p += 4) {                                                        \
                    four v, w;                                                                                                             \
                    memcpy(&v, p, sizeof v);                                                                                               \
                    memcpy(&w, p + half, sizeof w);                                                                                        \
                    const four sum = v + w, difference = v - w;                                                                            \
                    memcpy(p, &sum, sizeof sum);                                                                                           \
                    memcpy(p + half, &difference, sizeof difference);                                                                      \
                }                                                                                                                          \
        for (size_t i = 0; i < count; i += 16) {                                                                                           \
            const uint32_t bits = (uint32_t)(signs[i / 64] >> i % 64);                                                                     \
            for (unsigned j = 0; j < 16; j++)                                                                                              \
                x[i + j] = bits & (1u << j) ? 0 - x[i + j] : x[i + j];                                                                     \
        }                                                                                                                                  \
    }

ANY_ROTATE(any_rotate_floats, float, any_floats)
ANY_ROTATE(any_rotate_doubles, double, any_doubles)
/* NOLINTEND(bugprone-macro-parentheses) */

/* Four of norm 1: see "round" above. */
ANY_INLINE void any_quotient(slm_dtype dtype, const double *from, double scale, double divisor, float *to) {
    any_doubles x;
    memcpy(&x, from, sizeof x);
    const any_doubles product = x * scale, y = product / divisor;
    const any_doubles upper = (any_doubles)((any_longs)y & ~INT64_C(0x7ffffff)), lower = y - upper; /* 26 bits and 27 */
    const any_doubles remainder = (product - upper * divisor) - lower * divisor;
    const any_longs side = (((any_longs)y ^ (any_longs)remainder) < 0) | 1; /* outwards 1, inwards -1 */
    const any_longs moved = (any_longs)y + (side & (any_longs)(remainder != 0) & (((any_longs)y & 1) == 0));
    any_floats value;
    if (dtype == SLM_F32)
        value = __builtin_convertvector((any_doubles)moved, any_floats);
    else {
        const any_longs cut = moved & INT64_C(0x1fffffff);
        value = __builtin_convertvector((any_doubles)(moved ^ cut), any_floats);
        value = (any_floats)((any_ints)value | (__builtin_convertvector(cut != 0, any_ints) & 1));
    }
    memcpy(to, &value, sizeof value);
}

ANY_INLINE void any_round(slm_dtype dtype, bool norm, const any_piece *weights, size_t from, size_t count, double scale, double divisor,
                          uint8_t *target) {
    const size_t size = dtype == SLM_F32 ? 4 : 2;
    const float factor = (float)scale;
    for (size_t i = 0; i < count; i += 8) { /* the piece goes on behind its last weight, the target does not */
        float x[8];
        if (norm) {
            any_quotient(dtype, weights->d + from + i, scale, divisor, x);
            any_quotient(dtype, weights->d + from + i + 4, scale, divisor, x + 4);
        } else
            for (unsigned j = 0; j < 8; j++)
                x[j] = weights->f[from + i + j] * factor;
        if (count - i >= 8) {
            any_store(dtype, target + i * size, x);
            continue;
        }
        uint8_t some[32];
        any_store(dtype, some, x);
        memcpy(target + i * size, some, (count - i) * size);
    }
}

static void any_round_as(slm_dtype dtype, bool norm, const any_piece *weights, size_t from, size_t count, double scale, double divisor,
                         uint8_t *target) {
    if (dtype == SLM_F32 && norm)
        any_round(SLM_F32, true, weights, from, count, scale, divisor, target);
    else if (dtype == SLM_F32)
        any_round(SLM_F32, false, weights, from, count, scale, divisor, target);
    else if (dtype == SLM_F16 && norm)
        any_round(SLM_F16, true, weights, from, count, scale, divisor, target);
    else if (dtype == SLM_F16)
        any_round(SLM_F16, false, weights, from, count, scale, divisor, target);
    else if (norm)
        any_round(SLM_BF16, true, weights, from, count, scale, divisor, target);
    else
        any_round(SLM_BF16, false, weights, from, count, scale, divisor, target);
}

static slm_status any_decode(const decoder_state *state, const uint8_t *codes, uint16_t scale, uint64_t first, uint64_t count,
                             slm_dtype dtype, bool stream, void *target) {
    const slm_profile *p = &state->coding.profile;
    const unsigned h = state->coding.rotation, C = p->C;
    const bool norm = p->norm == 1;
    (void)stream;
    /* Between these limits what is cut to binary32 is a normal number. */
    if ((norm && (scale < (127 - 60) << 7 || scale > (127 + 60) << 7)) || !any_environment_is_default())
        return slm_scalar_decode(state, codes, scale, first, count, dtype, target);
    const uint32_t bits = (uint32_t)scale << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    const size_t segment = (size_t)1 << h, size = dtype == SLM_F32 ? 4 : 2;
    uint64_t start = h == 0 ? first - first % C : first & ~(uint64_t)(segment - 1), signs[SIGNS_WORDS];
    if (h != 0)
        signs_begin(state->coding.sign_seed, start, signs);
    const size_t group_weights = (size_t)C * ANY_BYTES;
    const size_t most = h != 0 ? 1024 : group_weights < 1024 ? 1024 / group_weights * group_weights : group_weights;
    uint8_t *out = target;
    any_group group;
    group.shift = 8; /* none yet */
    while (count > 0) {
        any_piece weights; /* weight `start` at SLM_C_MAX */
        const size_t skip = (size_t)(first - start), length = count < most - skip ? (size_t)count : most - skip;
        const size_t whole = (skip + length + segment - 1) & ~(segment - 1);
        const uint64_t end = (start + whole - 1) / C + 1;
        for (uint64_t block = start / C; block < end; block += ANY_BYTES) {
            const unsigned lanes = end - block < ANY_BYTES ? (unsigned)(end - block) : ANY_BYTES;
            if (!any_load(&group, state, codes, block, lanes))
                return SLM_E_RECORD;
            any_values_of(state, &group, lanes, &weights, (size_t)(SLM_C_MAX + block * C - start));
        }
        if (h != 0) {
            if (norm)
                any_rotate_doubles(weights.d + SLM_C_MAX, whole, h, signs);
            else
                any_rotate_floats(weights.f + SLM_C_MAX, whole, h, signs);
            signs_next(signs);
        }
        any_round_as(dtype, norm, &weights, SLM_C_MAX + skip, length, (double)value, (double)state->divisor, out);
        out += length * size;
        first += length;
        start += most;
        count -= length;
    }
    return SLM_OK;
}

#endif
