/* decode_scalar.c: the scalar kernel, which defines what every weight is. Exact integers, then one rounding each. */
#include <string.h>

#include "bits.h"
#include "kernel.h"
#include "rotation.h"
#include "round.h"

/* Weights are made in pieces of at most this many: a segment of a rotation, or any part of a run. */
#define PIECE (1u << SLM_ROTATION_MAX)

/* The first `count` entries of a seed, up to three more being written. The LFSR is linear: the next four states are the XOR of what
 * each nibble of this one contributes to them. */
static inline void entries(const decoder_state *state, unsigned nibbles, uint32_t seed, unsigned count, uint32_t *target) {
    const unsigned shift = (unsigned)state->coding.profile.K - state->coding.profile.W;
    for (unsigned n = 0; n < count; n += 4) {
        uint32_t next[4] = {0, 0, 0, 0};
        for (unsigned i = 0; i < nibbles; i++) {
            const uint32_t *const share = state->next[i][seed >> (4 * i) & 15];
            for (unsigned j = 0; j < 4; j++)
                next[j] ^= share[j];
        }
        seed = next[3];
        for (unsigned j = 0; j < 4; j++)
            target[n + j] = next[j] >> shift;
    }
}

/* The integers T_c of weights [first, first + count) in block coding (rule [BLK-5]). P and nibbles are the profile's; they are
 * parameters so that the compiler can make a copy for the usual ones. */
static inline slm_status block_integers(const decoder_state *state, const uint8_t *codes, uint64_t first, uint64_t count, int64_t *target,
                                        unsigned P, unsigned nibbles) {
    const slm_profile *p = &state->coding.profile;
    const unsigned C = p->C, stride = state->stride;
    const int32_t middle = (int32_t)(UINT32_C(1) << (p->W - 1));
    uint64_t block = first / C;
    for (unsigned from = (unsigned)(first % C); count > 0; from = 0, block++) {
        uint64_t record = bits_get(codes + bits_byte(block, stride), bits_shift(block, stride), stride);
        const uint32_t seed = (uint32_t)record & ((UINT32_C(1) << p->K) - 1);
        if (seed == 0)
            return SLM_E_RECORD;
        record >>= p->K;
        const unsigned e = (unsigned)record & ((1u << p->E) - 1);
        record >>= p->E;
        int32_t q[SLM_P_MAX];
        for (unsigned i = 0; i < P; i++, record >>= p->B)
            q[i] = bits_signed((uint32_t)record & ((1u << p->B) - 1), p->B);
        const unsigned to = count < C - from ? from + (unsigned)count : C;
        uint32_t v[SLM_C_MAX * SLM_P_MAX];
        entries(state, nibbles, seed, to * P, v);
        for (unsigned c = from; c < to; c++) {
            int64_t sum = 0;
            for (unsigned i = 0; i < P; i++)
                sum += (int64_t)q[i] * ((int32_t)v[c * P + i] - middle);
            *target++ = sum * ((int64_t)1 << e);
        }
        count -= to - from;
    }
    return SLM_OK;
}

/* The same in trellis coding (rule [TRE-4]). Each seed is the one before it, moved down by
 * k bits, with k new ones above. */
static inline void trellis_integers(const decoder_state *state, const uint8_t *codes, uint64_t first, uint64_t count, int64_t *target,
                                    unsigned P, unsigned C, unsigned nibbles) {
    const slm_profile *p = &state->coding.profile;
    const unsigned K = p->K, k = p->k;
    const int32_t middle = (int32_t)P * (1 - (int32_t)(UINT32_C(1) << p->W));
    const uint64_t index = first / C;
    const uint8_t *bytes = codes + bits_byte(index, k);
    unsigned shift = bits_shift(index, k);
    uint32_t seed = (uint32_t)bits_get(bytes, shift, K);
    shift += K;
    for (unsigned from = (unsigned)(first % C);; from = 0) {
        const unsigned to = count < C - from ? from + (unsigned)count : C;
        uint32_t v[SLM_C_MAX * SLM_P_MAX];
        entries(state, nibbles, seed, to * P, v);
        for (unsigned c = from; c < to; c++) {
            int32_t sum = 0;
            for (unsigned i = 0; i < P; i++)
                sum += (int32_t)v[c * P + i];
            *target++ = 2 * sum + middle;
        }
        count -= to - from;
        if (count == 0)
            return;
        bytes += shift >> 3;
        shift &= 7;
        seed = seed >> k | (uint32_t)bits_get(bytes, shift, k) << (K - k);
        shift += k;
    }
}

static slm_status integers(const decoder_state *state, const uint8_t *codes, uint64_t first, uint64_t count, int64_t *target) {
    const slm_profile *p = &state->coding.profile;
    const unsigned P = p->P, nibbles = state->nibbles;
    if (p->coding == SLM_CODING_BLOCK) {
        if (P == 3 && nibbles == 4)
            return block_integers(state, codes, first, count, target, 3, 4);
        if (P == 4 && nibbles == 4)
            return block_integers(state, codes, first, count, target, 4, 4);
        return block_integers(state, codes, first, count, target, P, nibbles);
    }
    if (P == 4 && p->C == 1 && nibbles == 4)
        trellis_integers(state, codes, first, count, target, 4, 1, 4);
    else
        trellis_integers(state, codes, first, count, target, P, p->C, nibbles);
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
        slmi_rotation_transform(piece, h);
        slmi_rotation_sign(piece + *skip, *length, signs);
    }
    return status;
}

static uint32_t first_signs(const decoder_state *state, uint64_t first) {
    return state->coding.rotation == 0 ? 0 : slmi_rotation_register(state->coding.sign_seed, first);
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
        slmi_round_values(piece + skip, length, parts, state->divisor, dtype, out);
        out += length * (slm_dtype_bits(dtype) / 8);
        first += length;
        count -= length;
    }
    return SLM_OK;
}

static bool any_coding(const slm_coding *coding) {
    (void)coding;
    return true;
}

static slm_status decode(const decoder_state *state, const uint8_t *codes, uint16_t scale, uint64_t first, uint64_t count, slm_dtype dtype,
                         bool stream, void *target) {
    (void)stream;
    return slm_scalar_decode(state, codes, scale, first, count, dtype, target);
}

const slm_kernel slm_kernel_scalar = {"scalar", SLM_LEVEL_SCALAR, slm_cpu_any, any_coding, NULL, decode, NULL};
