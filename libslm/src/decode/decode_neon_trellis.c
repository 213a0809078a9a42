/* decode_neon_trellis.c: NEON kernel for trellis coding with short registers: K <= 16, C <= 2, entries that fit four bytes and whose sum
 * fits one, any k.
 *
 * The way of decode_avx2_trellis.c, in vectors of 16 bytes: windows are cut out of the stream and split into nibbles, a nibble's share in a
 * byte of entries is a table look-up, the shares are XORed and the entries added; T, or T / 2 where P is even, goes to a buffer of 16-bit
 * integers, where the rotation is done; then to binary32, times the scale, which is exact by rule [REC-8], and rounded once. */
#include "kernel.h"

#if SLM_HAVE_NEON

#include "bits.h"
#include "byte_shares.h"
#include "signs.h"

#include "neon.h"

#define PIECE 1024 /* weights at a time: a multiple of every segment, and what signs.h makes at once */

/* What prepare() makes. */
typedef struct tables {
    byte_shares share;
    uint64_t signs[SIGNS_WORDS]; /* of columns 0 .. 1023 */
} tables;

_Static_assert(sizeof(tables) <= SLM_KERNEL_STORE, "a kernel's tables must fit its store");

static void prepare(decoder_state *state) {
    tables *t = (tables *)(void *)&state->store;
    byte_shares_make(&state->coding.profile, t->share);
    if (state->coding.rotation != 0)
        signs_begin(state->coding.sign_seed, 0, t->signs);
}

/* The shares of a weight's bytes in registers. */
typedef struct shares {
    uint8x16_t of[BYTES_MAX][4];
} shares;

NEON_INLINE shares shares_load(const uint8_t share[BYTES_MAX][4][16], unsigned bytes) {
    shares s;
    for (unsigned b = 0; b < BYTES_MAX; b++)
        for (unsigned i = 0; i < 4; i++)
            s.of[b][i] = b < bytes ? vld1q_u8(share[b][i]) : vdupq_n_u8(0);
    return s;
}

/* Sums of the entries of 16 windows given as nibbles (lowest first): `bytes` bytes of them, of two entries each or of one. */
NEON_INLINE uint8x16_t sums(const shares *s, unsigned bytes, bool two, const uint8x16_t n[4]) {
    uint8x16_t sum = vdupq_n_u8(0);
    for (unsigned b = 0; b < bytes; b++) {
        const uint8x16_t x = veorq_u8(vqtbl1q_u8(s->of[b][0], n[0]), vqtbl1q_u8(s->of[b][1], n[1]));
        const uint8x16_t y = veorq_u8(vqtbl1q_u8(s->of[b][2], n[2]), vqtbl1q_u8(s->of[b][3], n[3]));
        const uint8x16_t v = veorq_u8(x, y);
        if (two)
            sum = vsraq_n_u8(vaddq_u8(sum, vandq_u8(v, vdupq_n_u8(15))), v, 4);
        else
            sum = vaddq_u8(sum, v);
    }
    return sum;
}

/* What all the groups of a call share. */
typedef struct plan {
    const tables *t;
    unsigned C, entries, k;
    bool two, odd;
    uint8x16_t middle;     /* of S, or of 2 S */
    uint8x16_t from, next; /* byte look-ups that put bytes 0 and 1, 1 and 2 of eight windows into 16-bit lanes */
    int16x8_t down;        /* shifts of these lanes, negative */
} plan;

static plan plan_make(const decoder_state *state) {
    const slm_profile *p = &state->coding.profile;
    plan made = {.t = (const tables *)(const void *)&state->store, .C = p->C, .entries = entry_bytes(p), .k = p->k, .two = p->W <= 4};
    uint8_t from[16], next[16];
    int16_t down[8];
    for (unsigned i = 0; i < 16; i++) {
        from[i] = (uint8_t)(i / 2 * p->k / 8 + i % 2);
        next[i] = (uint8_t)(from[i] + 1);
        down[i / 2] = (int16_t)(0 - (int)(i / 2 * p->k % 8));
    }
    made.odd = p->P % 2 != 0;
    made.middle = vdupq_n_u8((uint8_t)(p->P * ((1u << p->W) - 1) / (made.odd ? 1 : 2)));
    made.from = vld1q_u8(from);
    made.next = vld1q_u8(next);
    made.down = vld1q_s16(down);
    return made;
}

/* Sixteen sums to integers. */
NEON_INLINE void put(const plan *p, int16_t *target, uint8x16_t sum) {
    const uint8x8_t low = vget_low_u8(sum), middle = vget_low_u8(p->middle);
    const uint16x8_t a = p->odd ? vsubw_u8(vshll_n_u8(low, 1), middle) : vsubl_u8(low, middle);
    const uint16x8_t b = p->odd ? vsubw_high_u8(vshll_high_n_u8(sum, 1), p->middle) : vsubl_high_u8(sum, p->middle);
    vst1q_s16(target, vreinterpretq_s16_u16(a));
    vst1q_s16(target + 8, vreinterpretq_s16_u16(b));
}

/* k = 4: windows lie a nibble apart, so the nibbles of 32 windows are those of the stream at three byte offsets. Reads 18 bytes. */
NEON_INLINE void fill_32_of_4(const plan *p, const shares *s, unsigned entries, bool two, const uint8_t *bytes, int16_t *target) {
    uint8x16_t n[6];
    for (unsigned i = 0; i < 3; i++) {
        const uint8x16_t x = vld1q_u8(bytes + i);
        n[2 * i] = vandq_u8(x, vdupq_n_u8(15));
        n[2 * i + 1] = vshrq_n_u8(x, 4);
    }
    const uint8x16_t even = sums(s, entries, two, n), next = sums(s, entries, two, n + 1);
    put(p, target, vzip1q_u8(even, next));
    put(p, target + 16, vzip2q_u8(even, next));
}

/* Any k: of eight windows, which lie in k + 2 bytes, bytes 0 and 1 go to a 16-bit lane and bytes 1 and 2 to another; shifted down these
 * have the window's low and high byte in their low ones. Sixteen windows; reads k + 16 bytes. */
NEON_INLINE void fill_16(const plan *p, const shares s[2], unsigned C, unsigned entries, bool two, const uint8_t *bytes, int16_t *target) {
    const uint8x16_t a = vld1q_u8(bytes), b = vld1q_u8(bytes + p->k);
    uint16x8_t low[2] = {vreinterpretq_u16_u8(vqtbl1q_u8(a, p->from)), vreinterpretq_u16_u8(vqtbl1q_u8(b, p->from))};
    uint16x8_t high[2] = {vreinterpretq_u16_u8(vqtbl1q_u8(a, p->next)), vreinterpretq_u16_u8(vqtbl1q_u8(b, p->next))};
    for (unsigned i = 0; i < 2; i++) {
        low[i] = vshlq_u16(low[i], p->down);
        high[i] = vshlq_u16(high[i], p->down);
    }
    const uint8x16_t x = vuzp1q_u8(vreinterpretq_u8_u16(low[0]), vreinterpretq_u8_u16(low[1]));
    const uint8x16_t y = vuzp1q_u8(vreinterpretq_u8_u16(high[0]), vreinterpretq_u8_u16(high[1]));
    const uint8x16_t n[4] = {vandq_u8(x, vdupq_n_u8(15)), vshrq_n_u8(x, 4), vandq_u8(y, vdupq_n_u8(15)), vshrq_n_u8(y, 4)};
    const uint8x16_t sum = sums(s, entries, two, n);
    if (C == 1) {
        put(p, target, sum);
        return;
    }
    const uint8x16_t second = sums(s + 1, entries, two, n);
    put(p, target, vzip1q_u8(sum, second));
    put(p, target + 16, vzip2q_u8(sum, second));
}

/* Integers of weights [start, start + count) of the run, start a multiple of 8 C; up to 31 more are written. */
NEON_INLINE void fill(const decoder_state *state, const plan *p, const uint8_t *codes, uint64_t start, size_t count, int16_t *target,
                      unsigned C, unsigned entries, bool two, bool odd, bool of_4) {
    const unsigned windows = of_4 ? 32 : 16, step = windows / 8 * p->k, reads = of_4 ? 18 : p->k + 16;
    const uint64_t offset = bits_byte(start / C, p->k);
    const uint8_t *bytes = codes + offset;
    uint64_t left = state->run_bytes - offset; /* at least one window of each group lies in the run */
    plan local = *p;                           /* what is stored through `target` cannot change it */
    local.odd = odd;
    shares s[2] = {shares_load(p->t->share, entries)};
    if (C == 2)
        s[1] = shares_load(p->t->share + entries, entries);
    for (size_t i = 0; i < count; i += windows * C) {
        uint8_t last[24];
        const uint8_t *from = bytes;
        if (left < reads) { /* the run's last bytes, and zeros behind them */
            memset(last, 0, sizeof last);
            memcpy(last, bytes, (size_t)left);
            from = last;
        }
        if (of_4)
            fill_32_of_4(&local, s, entries, two, from, target + i);
        else
            fill_16(&local, s, C, entries, two, from, target + i);
        bytes += step;
        left = left > step ? left - step : 0;
    }
}

/* Loops for the shapes of the named profiles, with all that is constant in them; one for the others. */
static void fill_any(const decoder_state *state, const plan *p, const uint8_t *codes, uint64_t start, size_t count, int16_t *target) {
    const bool two = p->entries == 2 && p->two && !p->odd;
    if (two && p->C == 1 && p->k == 4)
        fill(state, p, codes, start, count, target, 1, 2, true, false, true);
    else if (two && p->C == 1)
        fill(state, p, codes, start, count, target, 1, 2, true, false, false);
    else if (two)
        fill(state, p, codes, start, count, target, 2, 2, true, false, false);
    else if (p->entries == 4 && !p->two)
        fill(state, p, codes, start, count, target, 1, 4, false, false, false);
    else
        fill(state, p, codes, start, count, target, p->C, p->entries, p->two, p->odd, false);
}

/* Up to six stages on 64 integers. With v the bit that tells two vectors apart and i2 i1 i0 those of a place: interleaving both and adding
 * makes the butterflies of i2 and turns (v, i2, i1, i0) into (i2, i1, i0, v); after four rounds all four are transformed and in place. */
NEON_INLINE void rotate_64(int16_t *values, unsigned h) {
    int16x8_t v[8];
    for (unsigned i = 0; i < 8; i++)
        v[i] = vld1q_s16(values + 8 * i);
    for (unsigned round = 0; round < 4; round++)
        for (unsigned i = 0; i < 8; i += 2) {
            const int16x8_t low = vzip1q_s16(v[i], v[i + 1]), high = vzip2q_s16(v[i], v[i + 1]);
            v[i] = vaddq_s16(low, high);
            v[i + 1] = vsubq_s16(low, high);
        }
    for (unsigned half = 2; half < 8 && 8 * half < 1u << h; half *= 2)
        for (unsigned i = 0; i < 8; i++)
            if ((i & half) == 0) {
                const int16x8_t a = v[i], b = v[i + half];
                v[i] = vaddq_s16(a, b);
                v[i + half] = vsubq_s16(a, b);
            }
    for (unsigned i = 0; i < 8; i++)
        vst1q_s16(values + 8 * i, v[i]);
}

/* H on each segment of `count` integers (a multiple of 64); sums may leave 16 bits on the way, but come back. */
static void rotate(int16_t *values, size_t count, unsigned h) {
    for (size_t i = 0; i < count; i += 64)
        rotate_64(values + i, h);
    const size_t n = (size_t)1 << h;
    size_t half = 64;
    for (; 4 * half <= n; half *= 4)
        for (size_t start = 0; start < count; start += 4 * half)
            for (size_t i = start; i < start + half; i += 8) {
                const int16x8_t v0 = vld1q_s16(values + i), v1 = vld1q_s16(values + i + half);
                const int16x8_t v2 = vld1q_s16(values + i + 2 * half), v3 = vld1q_s16(values + i + 3 * half);
                const int16x8_t a = vaddq_s16(v0, v1), b = vsubq_s16(v0, v1), c = vaddq_s16(v2, v3), d = vsubq_s16(v2, v3);
                vst1q_s16(values + i, vaddq_s16(a, c));
                vst1q_s16(values + i + half, vaddq_s16(b, d));
                vst1q_s16(values + i + 2 * half, vsubq_s16(a, c));
                vst1q_s16(values + i + 3 * half, vsubq_s16(b, d));
            }
    if (2 * half <= n)
        for (size_t start = 0; start < count; start += 2 * half)
            for (size_t i = start; i < start + half; i += 8) {
                const int16x8_t a = vld1q_s16(values + i), b = vld1q_s16(values + i + half);
                vst1q_s16(values + i, vaddq_s16(a, b));
                vst1q_s16(values + i + half, vsubq_s16(a, b));
            }
}

/* D on `count` integers, a multiple of 16. */
static void sign(int16_t *values, size_t count, const uint64_t signs[SIGNS_WORDS]) {
    static const uint16_t bits[16] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768};
    const uint16x8_t low = vld1q_u16(bits), high = vld1q_u16(bits + 8);
    for (size_t i = 0; i < count; i += 16) {
        const uint16x8_t word = vdupq_n_u16((uint16_t)(signs[i / 64] >> i % 64));
        const int16x8_t a = vreinterpretq_s16_u16(vtstq_u16(word, low)), b = vreinterpretq_s16_u16(vtstq_u16(word, high));
        vst1q_s16(values + i, vsubq_s16(veorq_s16(vld1q_s16(values + i), a), a));
        vst1q_s16(values + i + 8, vsubq_s16(veorq_s16(vld1q_s16(values + i + 8), b), b));
    }
}

NEON_INLINE void store_8(slm_dtype dtype, int16x8_t x, float factor, uint8_t *target) {
    const float32x4_t a = vmulq_n_f32(vcvtq_f32_s32(vmovl_s16(vget_low_s16(x))), factor);
    const float32x4_t b = vmulq_n_f32(vcvtq_f32_s32(vmovl_high_s16(x)), factor);
    if (dtype == SLM_F32) {
        neon_store(dtype, target, a);
        neon_store(dtype, target + 16, b);
    } else
        vst1q_u8(target, vreinterpretq_u8_u16(vcombine_u16(neon_narrow(dtype, a), neon_narrow(dtype, b))));
}

NEON_INLINE void store_as(slm_dtype dtype, const int16_t *integers, size_t count, float factor, uint8_t *target) {
    const size_t size = dtype == SLM_F32 ? 4 : 2;
    size_t i = 0;
    for (; i + 16 <= count; i += 16) {
        const int16x8_t a = vld1q_s16(integers + i), b = vld1q_s16(integers + i + 8);
        store_8(dtype, a, factor, target + i * size);
        store_8(dtype, b, factor, target + (i + 8) * size);
    }
    for (; i < count; i += 8) { /* the buffer goes on behind its last integer, the target does not */
        uint8_t eight[32];
        store_8(dtype, vld1q_s16(integers + i), factor, eight);
        memcpy(target + i * size, eight, (count - i < 8 ? count - i : 8) * size);
    }
}

static void store(slm_dtype dtype, const int16_t *integers, size_t count, float factor, uint8_t *target) {
    if (dtype == SLM_F32)
        store_as(SLM_F32, integers, count, factor, target);
    else if (dtype == SLM_F16)
        store_as(SLM_F16, integers, count, factor, target);
    else
        store_as(SLM_BF16, integers, count, factor, target);
}

static slm_status decode(const decoder_state *state, const uint8_t *codes, uint16_t scale, uint64_t first, uint64_t count, slm_dtype dtype,
                         bool stream, void *target) {
    const unsigned h = state->coding.rotation;
    const plan p = plan_make(state);
    const uint32_t bits = (uint32_t)scale << 16;
    float factor;
    memcpy(&factor, &bits, sizeof factor);
    /* Twice the largest scales would be infinite. */
    if ((!p.odd && scale >= 0x7f00) || !neon_environment_is_default())
        return slm_scalar_decode(state, codes, scale, first, count, dtype, target);
    if (!p.odd)
        factor *= 2;
    (void)stream;
    const uint64_t unit = h == 0 ? 8 * p.C : UINT64_C(1) << h;
    const size_t size = dtype == SLM_F32 ? 4 : 2;
    uint64_t start = first & ~(unit - 1), signs[SIGNS_WORDS];
    if (h != 0 && start == 0)
        memcpy(signs, p.t->signs, sizeof signs);
    else if (h != 0)
        signs_begin(state->coding.sign_seed, start, signs);
    uint8_t *out = target;
    while (count > 0) {
        int16_t piece[PIECE + 64];
        const size_t skip = (size_t)(first - start), length = count < PIECE - skip ? (size_t)count : PIECE - skip;
        const size_t whole = (skip + length + unit - 1) & ~(unit - 1); /* whole segments */
        fill_any(state, &p, codes, start, whole, piece);
        if (h != 0) {
            const size_t all = (whole + 63) & ~(size_t)63;
            memset(piece + whole, 0, (all - whole) * sizeof *piece);
            rotate(piece, all, h);
            sign(piece, whole, signs);
            signs_next(signs);
        }
        store(dtype, piece + skip, length, factor, out);
        out += length * size;
        first += length;
        start += PIECE;
        count -= length;
    }
    return SLM_OK;
}

/* The 16-bit integers of fill() are T / 2 where every T is even, else T. */
static void integers(const decoder_state *state, const uint8_t *codes, uint64_t first, size_t count, int8_t *target) {
    const plan p = plan_make(state);
    int16_t piece[PIECE + 64];
    for (size_t i = 0; i < count; i += PIECE) {
        const size_t n = count - i < PIECE ? count - i : PIECE;
        fill_any(state, &p, codes, first + i, n, piece);
        size_t j = 0;
        for (; j + 8 <= n; j += 8)
            vst1_s8(target + i + j, vmovn_s16(vld1q_s16(piece + j)));
        for (; j < n; j++)
            target[i + j] = (int8_t)piece[j];
    }
}

const slm_kernel slm_kernel_neon_trellis = {"neon-trellis", SLM_LEVEL_NEON, slm_cpu_any, byte_shares_fit, prepare, decode, integers};

#endif
