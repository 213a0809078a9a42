/* fuzz/profile.c: the profile validator and the decoder made from what it accepts: 32 bytes of a profile, then how a run is coded,
 * then its codes. Everything a decoder can be asked is asked, of every kernel. */
#include <stdlib.h>
#include <string.h>

#include "container/bytes.h"
#include "fuzz.h"

#define PARAMETERS (SLM_PROFILE_BYTES + 12)
#define WEIGHTS_MAX 4096

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    return 0;
}

/* The period of state 1, counted one step at a time. */
static bool counted_maximal(unsigned K, uint32_t taps) {
    uint32_t state = 1, period = 0;
    do {
        const uint32_t bit = (uint32_t)__builtin_parity(state & taps);
        state = state >> 1 | bit << (K - 1);
        period++;
    } while (state != 1 && period < (UINT32_C(1) << K));
    return state == 1 && period == (UINT32_C(1) << K) - 1;
}

static void check_taps(const slm_profile *p) {
    if (p->K < SLM_LFSR_K_MIN || p->K > 12 || (p->taps & 1) == 0 || p->taps >> p->K != 0)
        return;
    CHECK(slm_lfsr_is_maximal(p->K, p->taps) == counted_maximal(p->K, p->taps));
}

/* Entries of a seed against single steps of the register. */
static void check_entries(const slm_profile *p, uint32_t seed) {
    uint32_t entries[SLM_C_MAX * SLM_P_MAX], state = seed & ((UINT32_C(1) << p->K) - 1);
    slm_entries(p, state, entries);
    for (unsigned n = 0; n < (unsigned)p->C * p->P; n++) {
        state = slm_lfsr_advance(p->K, p->taps, state, p->step);
        CHECK(entries[n] == state >> (p->K - p->W));
    }
}

/* The bits of an element in the machine's byte order. */
static uint32_t element(const uint8_t *elements, uint64_t index, size_t size) {
    uint32_t wide;
    uint16_t half;
    if (size == sizeof wide) {
        memcpy(&wide, elements + index * size, sizeof wide);
        return wide;
    }
    memcpy(&half, elements + index * size, sizeof half);
    return half;
}

/* The whole run, and one range, by one decoder; the exact integers rounded must be the weights. */
static void decode(const slm_decoder *decoder, const slm_coding *coding, const uint8_t *codes, uint16_t scale, slm_dtype dtype,
                   uint64_t *state, uint8_t **result) {
    const uint64_t length = coding->run_length;
    const size_t each = slm_dtype_bits(dtype) / 8, size = (size_t)length * each;
    uint8_t *whole = malloc(size);
    CHECK(whole != NULL);
    slm_status status = slm_decode_run(decoder, codes, scale, 0, length, dtype, whole);
    CHECK((slm_decoder_check_scale(decoder, scale) == SLM_E_SCALE) == (status == SLM_E_SCALE));
    *result = whole;
    if (status == SLM_E_SCALE) {
        memset(whole, 0, size);
        return;
    }
    uint64_t bit = 0;
    CHECK(status == slm_decoder_check_run(decoder, codes, &bit)); /* OK or RECORD, both */
    CHECK(status == SLM_OK || (status == SLM_E_RECORD && bit / 8 < slm_profile_run_bytes(&coding->profile, length)));
    const uint64_t first = fuzz_below(state, length), count = fuzz_below(state, length - first + 1);
    uint8_t *part = malloc(count > 0 ? (size_t)count * each : 1);
    int64_t *integers = malloc((count > 0 ? (size_t)count : 1) * sizeof *integers);
    CHECK(part != NULL && integers != NULL);
    const slm_status some = slm_decode_run(decoder, codes, scale, first, count, dtype, part);
    if (status == SLM_OK) {
        CHECK(some == SLM_OK && memcmp(part, whole + first * each, (size_t)count * each) == 0);
        CHECK(slm_decode_integers(decoder, codes, first, count, integers) == SLM_OK);
        const uint32_t divisor = coding->profile.norm == 1 ? (UINT32_C(1) << (coding->profile.W - 1)) - 1 : 1;
        for (uint64_t i = 0; i < count; i++) {
            CHECK(slm_round_value(integers[i], scale, divisor, dtype) == element(part, i, each));
        }
    } else {
        CHECK(some == SLM_OK || some == SLM_E_RECORD);
        memset(whole, 0, size);
    }
    free(part);
    free(integers);
    CHECK(slm_decode_run(decoder, codes, scale, length, 1, dtype, whole) == SLM_E_ARGUMENT);
}

static void decode_all(const slm_coding *coding, const uint8_t *data, size_t size, uint64_t *state) {
    static const slm_dtype dtypes[] = {SLM_F32, SLM_F16, SLM_BF16};
    const uint64_t run_bytes = slm_profile_run_bytes(&coding->profile, coding->run_length);
    uint8_t *codes = calloc((size_t)run_bytes + 1, 1);
    CHECK(codes != NULL);
    memcpy(codes, data, size < run_bytes ? size : (size_t)run_bytes);
    uint8_t *exact = fuzz_copy(codes, (size_t)run_bytes);
    free(codes);
    uint16_t scale = (uint16_t)fuzz_random(state) & 0x7FFF;
    if (fuzz_below(state, 2))
        scale &= 0x7F80; /* a power of two */
    const slm_dtype dtype = dtypes[fuzz_below(state, 3)];
    const size_t bytes = fuzz_bytes(dtype, coding->run_length);
    uint8_t *reference = NULL;
    for (size_t k = 0; slm_kernel_name(k) != NULL; k++) {
        slm_decoder decoder;
        if (slm_decoder_init(&decoder, coding, slm_kernel_name(k)) != SLM_OK) {
            CHECK(k > 0); /* the scalar one can do everything */
            continue;
        }
        uint8_t *result = NULL;
        decode(&decoder, coding, exact, scale, dtype, state, &result);
        CHECK(reference == NULL || memcmp(result, reference, bytes) == 0);
        free(reference);
        reference = result;
    }
    free(reference);
    free(exact);
}

static void look(const uint8_t *data, size_t size, bool mend) {
    uint8_t bytes[SLM_PROFILE_BYTES], stored[SLM_PROFILE_BYTES];
    memcpy(bytes, data, sizeof bytes);
    if (mend) /* a polynomial is hardly ever primitive by chance */
        store_u32(bytes + 12, slm_lfsr_table6(bytes[1]));
    slm_profile profile = {0};
    const char *reason = NULL;
    const slm_status status = slm_profile_parse(&profile, bytes, &reason);
    CHECK(status == SLM_OK || status == SLM_E_PROFILE || status == SLM_E_FEATURE);
    check_taps(&profile);
    if (status != SLM_OK) {
        CHECK(reason != NULL && reason[0] == '[');
        return;
    }
    slm_profile_store(&profile, stored);
    CHECK(memcmp(bytes, stored, sizeof bytes) == 0); /* one spelling only */
    uint64_t state = fuzz_seed(data, size);
    check_entries(&profile, (uint32_t)fuzz_random(&state));
    slm_coding coding = {.profile = profile, .rotation = data[32], .sign_seed = load_u16(data + 34), .run_length = load_u64(data + 36)};
    reason = NULL;
    const slm_status whole = slm_coding_check(&coding, &reason);
    CHECK(whole == SLM_OK || (whole == SLM_E_PROFILE && reason != NULL && reason[0] == '['));
    slm_decoder decoder;
    CHECK(slm_decoder_init(&decoder, &coding, NULL) == whole);
    if (whole != SLM_OK || coding.run_length > WEIGHTS_MAX)
        return;
    decode_all(&coding, data + PARAMETERS, size - PARAMETERS, &state);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < PARAMETERS)
        return 0;
    look(data, size, false);
    look(data, size, true);
    return 0;
}
