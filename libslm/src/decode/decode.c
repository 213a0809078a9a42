/* decode.c: level 1's decoder: checks, the choice of a kernel, and the calls around it. */
#include "slm/decode.h"

#include <string.h>

#include "bits.h"
#include "kernel.h"
#include "round.h"

/* Every kernel, the fastest last. A new one is one line here. */
static const slm_kernel *const kernels[] = {
    &slm_kernel_scalar,
#if SLM_HAVE_X86
    &slm_kernel_avx2_any, &slm_kernel_avx2_block, &slm_kernel_avx2_trellis, &slm_kernel_avx512_block, &slm_kernel_avx512_trellis,
#endif
#if SLM_HAVE_NEON
    &slm_kernel_neon_any, &slm_kernel_neon_block, &slm_kernel_neon_trellis,
#endif
};
#define KERNELS (sizeof kernels / sizeof kernels[0])

static const char *const level_names[] = {"scalar", "avx2", "avx512", "neon"};
#define LEVELS (sizeof level_names / sizeof level_names[0])

_Static_assert(sizeof(decoder_state) <= sizeof(slm_decoder), "slm_decoder must hold the state");

static const decoder_state *state_of(const slm_decoder *decoder) { return (const decoder_state *)(const void *)decoder; }

slm_status slm_coding_check(const slm_coding *coding, const char **reason) {
    slm_status status = slm_profile_check(&coding->profile, reason);
    if (status != SLM_OK)
        return status;
    const slm_profile *p = &coding->profile;
    const unsigned h = coding->rotation;
    const char *broken = NULL;
    if (h != 0 && (h < SLM_ROTATION_MIN || h > SLM_ROTATION_MAX))
        broken = "[ROT-1] rotation must be 0 or 4..10";
    else if (coding->run_length == 0)
        broken = "[TEN-18] a run must have at least one weight";
    else if (h != 0 && coding->run_length % (UINT64_C(1) << h) != 0)
        broken = "[ROT-2] 2^rotation must divide the run length";
    else if ((h != 0) != (coding->sign_seed != 0))
        broken = "[ROT-3] the sign seed must be nonzero where there is a rotation, and zero where there is none";
    else if (slm_profile_integer_bits(p, h) > (p->norm == 1 ? 54u : 24u))
        broken = "[TEN-22] [REC-8] the rotated integers need too many bits";
    else if (slm_profile_run_bytes(p, coding->run_length) == UINT64_MAX)
        broken = "[FMT-6] a run's codes must fit 63 bits of bytes";
    if (broken == NULL)
        return SLM_OK;
    if (reason != NULL)
        *reason = broken;
    return SLM_E_PROFILE;
}

/* The kernel asked for, the fastest one of an instruction set or those below it, or the fastest of all; NULL where there is none. */
static const slm_kernel *choose(const slm_coding *coding, const char *wanted) {
    size_t level = 0;
    while (wanted != NULL && level < LEVELS && strcmp(level_names[level], wanted) != 0)
        level++;
    for (size_t i = KERNELS; i-- > 0;) {
        const slm_kernel *k = kernels[i];
        const bool named = wanted != NULL && level == LEVELS && strcmp(k->name, wanted) == 0;
        const bool within = level < LEVELS && (k->level == SLM_LEVEL_SCALAR || k->level == level ||
                                               (level == SLM_LEVEL_AVX512 && k->level == SLM_LEVEL_AVX2));
        if ((wanted == NULL || named || within) && k->runs_here() && k->supports(coding))
            return k;
    }
    return NULL;
}

slm_status slm_decoder_init(slm_decoder *decoder, const slm_coding *coding, const char *kernel) {
    slm_status status = slm_coding_check(coding, NULL);
    if (status != SLM_OK)
        return status;
    decoder_state *state = (decoder_state *)(void *)decoder;
    memset(decoder, 0, sizeof *decoder);
    const slm_profile *p = &coding->profile;
    state->coding = *coding;
    state->kernel = choose(coding, kernel);
    if (state->kernel == NULL)
        return SLM_E_ARGUMENT;
    state->run_bytes = slm_profile_run_bytes(p, coding->run_length);
    state->divisor = p->norm == 1 ? (UINT32_C(1) << (p->W - 1)) - 1 : 1;
    state->stride = p->coding == SLM_CODING_BLOCK ? slm_profile_record_bits(p) : p->k;
    state->power_of_two = scale_needs_power(p, coding->rotation);
    state->nibbles = (p->K + 3u) / 4;
    for (unsigned bit = 0; bit < p->K; bit++) { /* what has this bit as its highest: its share and that of the lower ones */
        uint32_t(*const nibble)[4] = state->next[bit / 4], x = UINT32_C(1) << bit;
        const unsigned top = 1u << bit % 4;
        for (unsigned j = 0; j < 4; j++) {
            x = slm_lfsr_advance(p->K, p->taps, x, p->step);
            for (unsigned low = 0; low < top; low++)
                nibble[top + low][j] = nibble[low][j] ^ x;
        }
    }
    if (state->kernel->prepare != NULL)
        state->kernel->prepare(state);
    return SLM_OK;
}

const char *slm_decoder_kernel(const slm_decoder *decoder) { return state_of(decoder)->kernel->name; }

const char *slm_kernel_name(size_t index) { return index < KERNELS ? kernels[index]->name : NULL; }

const char *slm_kernel_find(const char *name) {
    for (size_t i = 0; i < KERNELS; i++)
        if (strcmp(kernels[i]->name, name) == 0)
            return kernels[i]->name;
    for (size_t i = 0; i < LEVELS; i++)
        if (strcmp(level_names[i], name) == 0)
            return level_names[i];
    return NULL;
}

static slm_status check_scale(const decoder_state *state, uint16_t scale) {
    if (!scale_is_valid(scale) || (state->power_of_two && !scale_is_power_of_two(scale)))
        return SLM_E_SCALE;
    return SLM_OK;
}

slm_status slm_decoder_check_scale(const slm_decoder *decoder, uint16_t scale) { return check_scale(state_of(decoder), scale); }

/* The padding bits behind the last record or seed are the high bits of the run's last byte. */
static bool padding_is_zero(const decoder_state *state, const uint8_t *codes) {
    const slm_profile *p = &state->coding.profile;
    const uint64_t last = slm_profile_blocks(p, state->coding.run_length) - 1;
    const unsigned width = p->coding == SLM_CODING_BLOCK ? state->stride : p->K;
    const unsigned used = (bits_shift(last, state->stride) + width) & 7;
    return used == 0 || codes[state->run_bytes - 1] >> used == 0;
}

static bool in_run(const decoder_state *state, uint64_t first, uint64_t count) {
    return first <= state->coding.run_length && count <= state->coding.run_length - first;
}

static slm_status check_padding(const decoder_state *state, const uint8_t *codes, uint64_t end) {
    return end == state->coding.run_length && !padding_is_zero(state, codes) ? SLM_E_RECORD : SLM_OK;
}

/* From here on output goes past the caches where a kernel can: more than a second-level cache holds. */
#define STREAM_BYTES (UINT64_C(4) << 20)

static bool streams(uint64_t elements, slm_dtype dtype) { return elements >= STREAM_BYTES * 8 / slm_dtype_bits(dtype); }

/* Waits for stores that went past the caches, so that whoever is told of the weights sees them. */
static void finish(bool stream) {
#if SLM_HAVE_X86
    if (stream)
        __builtin_ia32_sfence();
#else
    (void)stream;
#endif
}

static slm_status decode_range(const decoder_state *state, const uint8_t *codes, uint16_t scale, uint64_t first, uint64_t count,
                               slm_dtype dtype, bool stream, void *target) {
    slm_status status = check_scale(state, scale);
    if (status != SLM_OK || count == 0)
        return status;
    status = state->kernel->decode(state, codes, scale, first, count, dtype, stream, target);
    return status != SLM_OK ? status : check_padding(state, codes, first + count);
}

slm_status slm_decode_run(const slm_decoder *decoder, const void *codes, uint16_t scale, uint64_t first, uint64_t count, slm_dtype dtype,
                          void *target) {
    const decoder_state *state = state_of(decoder);
    if (!in_run(state, first, count) || !slm_dtype_is_codable(dtype))
        return SLM_E_ARGUMENT;
    const bool stream = streams(count, dtype);
    slm_status status = decode_range(state, codes, scale, first, count, dtype, stream, target);
    finish(stream);
    return status;
}

slm_status slm_decode_runs(const slm_decoder *decoder, const void *codes, const uint16_t *scales, size_t scale_step, uint64_t runs,
                           slm_dtype dtype, void *target) {
    const decoder_state *state = state_of(decoder);
    const uint64_t length = state->coding.run_length;
    if (!slm_dtype_is_codable(dtype) || runs > UINT64_MAX / 8 / length)
        return SLM_E_ARGUMENT;
    const bool stream = streams(runs * length, dtype);
    slm_status status = SLM_OK;
    for (uint64_t r = 0; r < runs && status == SLM_OK; r++)
        status = decode_range(state, (const uint8_t *)codes + r * state->run_bytes, scales[r * scale_step], 0, length, dtype, stream,
                              (uint8_t *)target + r * length * (slm_dtype_bits(dtype) / 8));
    finish(stream);
    return status;
}

slm_status slm_decode_integers(const slm_decoder *decoder, const void *codes, uint64_t first, uint64_t count, int64_t *target) {
    const decoder_state *state = state_of(decoder);
    if (!in_run(state, first, count))
        return SLM_E_ARGUMENT;
    if (count == 0)
        return SLM_OK;
    slm_status status = slm_scalar_integers(state, codes, first, count, target);
    return status != SLM_OK ? status : check_padding(state, codes, first + count);
}

slm_status slm_decoder_check_run(const slm_decoder *decoder, const void *codes, uint64_t *bit) {
    const decoder_state *state = state_of(decoder);
    const slm_profile *p = &state->coding.profile;
    const uint8_t *bytes = codes;
    const uint64_t blocks = slm_profile_blocks(p, state->coding.run_length);
    if (p->coding == SLM_CODING_BLOCK)
        for (uint64_t i = 0; i < blocks; i++)
            if (bits_get(bytes + bits_byte(i, state->stride), bits_shift(i, state->stride), p->K) == 0) {
                if (bit != NULL)
                    *bit = i * state->stride;
                return SLM_E_RECORD;
            }
    if (padding_is_zero(state, codes))
        return SLM_OK;
    if (bit != NULL)
        *bit = (blocks - 1) * state->stride + (p->coding == SLM_CODING_BLOCK ? state->stride : p->K);
    return SLM_E_RECORD;
}

void slm_entries(const slm_profile *profile, uint32_t seed, uint32_t *entries) {
    for (unsigned n = 0; n < (unsigned)profile->C * profile->P; n++) {
        seed = slm_lfsr_advance(profile->K, profile->taps, seed, profile->step);
        entries[n] = seed >> (profile->K - profile->W);
    }
}
