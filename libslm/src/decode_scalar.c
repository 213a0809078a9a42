/* decode_scalar.c: the scalar kernel, which defines what every weight is. Exact integers, then one rounding each. */
#include <string.h>

#include "bits.h"
#include "kernel.h"
#include "rotation.h"
#include "round.h"

/* Weights are made in pieces of at most this many: a segment of a rotation, or any part of a run. */
#define PIECE (1u << SLM_ROTATION_MAX)

/* The register after `step` steps: the LFSR is linear, so each nibble of the state contributes its share. */
static uint32_t jump(const decoder_state *state, uint32_t x) {
    uint32_t y = 0;
    for (unsigned i = 0; i < 6 && x != 0; i++, x >>= 4)
        y ^= state->jump[i][x & 15];
    return y;
}

/* Weights [from, to) of one block: the integers T_c. */
static slm_status block_integers(const decoder_state *state, const uint8_t *codes, uint64_t block, unsigned from, unsigned to,
                                 int64_t *target) {
    const slm_profile *p = &state->coding.profile;
    uint64_t record = bits_get(codes + bits_byte(block, state->stride), bits_shift(block, state->stride), state->stride);
    uint32_t x = (uint32_t)record & ((UINT32_C(1) << p->K) - 1);
    if (x == 0)
        return SLM_E_RECORD;
    record >>= p->K;
    const unsigned e = (unsigned)record & ((1u << p->E) - 1);
    record >>= p->E;
    int32_t q[SLM_P_MAX];
    for (unsigned i = 0; i < p->P; i++, record >>= p->B)
        q[i] = bits_signed((uint32_t)record & ((1u << p->B) - 1), p->B);
    const int32_t middle = (int32_t)(UINT32_C(1) << (p->W - 1));
    for (unsigned c = 0; c < to; c++) {
        int64_t sum = 0;
        for (unsigned i = 0; i < p->P; i++) {
            x = jump(state, x);
            sum += (int64_t)q[i] * ((int32_t)(x >> (p->K - p->W)) - middle);
        }
        if (c >= from)
            *target++ = sum * ((int64_t)1 << e);
    }
    return SLM_OK;
}

/* Weights [from, to) of one seed. */
static slm_status trellis_integers(const decoder_state *state, const uint8_t *codes, uint64_t seed, unsigned from, unsigned to,
                                   int64_t *target) {
    const slm_profile *p = &state->coding.profile;
    uint32_t x = (uint32_t)bits_get(codes + bits_byte(seed, state->stride), bits_shift(seed, state->stride), p->K);
    const int32_t middle = p->P * (1 - (int32_t)(UINT32_C(1) << p->W));
    for (unsigned c = 0; c < to; c++) {
        int32_t sum = 0;
        for (unsigned i = 0; i < p->P; i++) {
            x = jump(state, x);
            sum += (int32_t)(x >> (p->K - p->W));
        }
        if (c >= from)
            *target++ = 2 * sum + middle;
    }
    return SLM_OK;
}

/* The integers T of weights [first, first + count). */
static slm_status integers(const decoder_state *state, const uint8_t *codes, uint64_t first, uint64_t count, int64_t *target) {
    const unsigned C = state->coding.profile.C;
    const bool is_block = state->coding.profile.coding == SLM_CODING_BLOCK;
    uint64_t block = first / C;
    unsigned from = (unsigned)(first % C);
    while (count > 0) {
        const unsigned to = count < C - from ? from + (unsigned)count : C;
        slm_status status = (is_block ? block_integers : trellis_integers)(state, codes, block, from, to, target);
        if (status != SLM_OK)
            return status;
        target += to - from;
        count -= to - from;
        from = 0;
        block++;
    }
    return SLM_OK;
}

/* The next piece of a range that begins at `first`: its integers in `piece`, those wanted from piece[*skip] on, *length of them. */
static slm_status next_piece(const decoder_state *state, const uint8_t *codes, uint64_t first, uint64_t count, uint32_t *signs,
                             int64_t piece[PIECE], size_t *skip, size_t *length) {
    const unsigned h = state->coding.rotation;
    const size_t size = h == 0 ? PIECE : (size_t)1 << h;
    *skip = h == 0 ? 0 : (size_t)(first & (size - 1));
    *length = count < size - *skip ? (size_t)count : size - *skip;
    if (h == 0)
        return integers(state, codes, first, *length, piece);
    slm_status status = integers(state, codes, first - *skip, size, piece);
    if (status == SLM_OK) {
        rotation_transform(piece, h);
        rotation_sign(piece + *skip, *length, signs);
    }
    return status;
}

static uint32_t first_signs(const decoder_state *state, uint64_t first) {
    return state->coding.rotation == 0 ? 0 : rotation_register(state->coding.sign_seed, first);
}

slm_status slm_scalar_integers(const decoder_state *state, const uint8_t *codes, uint64_t first, uint64_t count, int64_t *target) {
    int64_t piece[PIECE];
    uint32_t signs = first_signs(state, first);
    while (count > 0) {
        size_t skip, length;
        slm_status status = next_piece(state, codes, first, count, &signs, piece, &skip, &length);
        if (status != SLM_OK)
            return status;
        memcpy(target, piece + skip, length * sizeof *target);
        target += length;
        first += length;
        count -= length;
    }
    return SLM_OK;
}

slm_status slm_scalar_decode(const decoder_state *state, const uint8_t *codes, uint16_t scale, uint64_t first, uint64_t count,
                             slm_dtype dtype, void *target) {
    const scale_parts parts = scale_split(scale);
    int64_t piece[PIECE];
    uint32_t signs = first_signs(state, first);
    unsigned char *out = target;
    while (count > 0) {
        size_t skip, length;
        slm_status status = next_piece(state, codes, first, count, &signs, piece, &skip, &length);
        if (status != SLM_OK)
            return status;
        for (size_t i = 0; i < length; i++) {
            const uint32_t bits = round_parts(piece[skip + i], parts, state->divisor, dtype);
            if (dtype == SLM_F32) {
                memcpy(out, &bits, 4);
                out += 4;
            } else {
                const uint16_t low = (uint16_t)bits;
                memcpy(out, &low, 2);
                out += 2;
            }
        }
        first += length;
        count -= length;
    }
    return SLM_OK;
}

static bool any_coding(const slm_coding *coding) {
    (void)coding;
    return true;
}

const slm_kernel slm_kernel_scalar = {"scalar", SLM_LEVEL_SCALAR, slm_cpu_any, any_coding, NULL, slm_scalar_decode};
