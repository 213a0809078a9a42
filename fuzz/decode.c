/* fuzz/decode.c: decoding every tensor of a .slm file, whole and by random ranges, from memory and through a callback. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

/* A few bytes of codes can stand for millions of weights: so many are decoded of a tensor. */
#define ELEMENTS_MAX ((uint64_t)1 << 16)
#define RANGES 4

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    return 0;
}

/* Elements [first, first + count) by both readers, which must agree. */
static slm_status decode(const fuzz_slm *slm, size_t tensor, uint64_t first, uint64_t count, slm_dtype dtype, uint8_t *target) {
    const size_t size = fuzz_bytes(dtype, count);
    uint8_t *other = fuzz_copy(target, size);
    slm_error x = {0}, y = {0};
    const slm_status a = slm_reader_decode(slm->memory, tensor, first, count, dtype, target, &x);
    const slm_status b = slm_reader_decode(slm->callback, tensor, first, count, dtype, other, &y);
    fuzz_same_error(a, &x, b, &y);
    CHECK(a != SLM_OK || memcmp(target, other, size) == 0);
    free(other);
    return a;
}

static void decode_tensor(const fuzz_slm *slm, size_t tensor, slm_dtype dtype, uint64_t *state) {
    const slm_tensor *t = slm_reader_tensor(slm->memory, tensor);
    const unsigned bits = slm_dtype_bits(dtype);
    const uint64_t unit = bits % 8 != 0 ? 4 : 1; /* ranges of elements below a byte are whole bytes */
    const uint64_t length = t->elements <= ELEMENTS_MAX ? t->elements : ELEMENTS_MAX;
    /* A long one: its end, and somewhere else. */
    const uint64_t base = t->elements - length;
    uint8_t *whole = malloc(fuzz_bytes(dtype, length) + 1);
    CHECK(whole != NULL);
    memset(whole, 0xA5, fuzz_bytes(dtype, length) + 1);
    const bool aligned = base * bits % 8 == 0;
    const slm_status all = aligned ? decode(slm, tensor, base, length, dtype, whole) : SLM_E_ARGUMENT;
    CHECK(whole[fuzz_bytes(dtype, length)] == 0xA5);
    for (unsigned i = 0; i < RANGES; i++) {
        const uint64_t first = fuzz_below(state, length + 1) / unit * unit;
        const uint64_t count = fuzz_below(state, (i % 2 ? length - first : (length - first) % 80) + 1) / unit * unit;
        uint8_t *part = malloc(fuzz_bytes(dtype, count) + 1);
        CHECK(part != NULL);
        if (!aligned || (base + first) * bits % 8 != 0) {
            free(part);
            continue;
        }
        memset(part, 0x5A, fuzz_bytes(dtype, count) + 1);
        const slm_status status = decode(slm, tensor, base + first, count, dtype, part);
        CHECK(part[fuzz_bytes(dtype, count)] == 0x5A);
        if (all == SLM_OK) /* a part of what is sound is sound, and the same */
            CHECK(status == SLM_OK && memcmp(part, whole + first * bits / 8, fuzz_bytes(dtype, count)) == 0);
        free(part);
    }
    if (t->elements > length) { /* somewhere in what was left out */
        uint8_t *part = malloc(fuzz_bytes(dtype, 256));
        CHECK(part != NULL);
        const uint64_t first = fuzz_below(state, t->elements - 256) / 4 * 4;
        (void)decode(slm, tensor, first, 256, dtype, part);
        free(part);
    }
    free(whole);
    slm_error error;
    uint8_t nothing;
    CHECK(slm_reader_decode(slm->memory, tensor, t->elements, unit, dtype, &nothing, &error) == SLM_E_ARGUMENT);
}

static void decode_all(const fuzz_slm *slm) {
    static const slm_dtype dtypes[] = {SLM_F32, SLM_F16, SLM_BF16};
    const slm_file_info *info = slm_reader_info(slm->memory);
    uint64_t state = fuzz_seed(slm->bytes, slm->size);
    for (size_t i = 0; i < info->tensors && i < 64; i++) {
        const slm_tensor *t = slm_reader_tensor(slm->memory, i);
        if (t->coding == SLM_CODING_RAW) {
            decode_tensor(slm, i, t->dtype, &state);
            continue;
        }
        for (size_t d = 0; d < 3; d++)
            decode_tensor(slm, i, dtypes[d], &state);
        uint16_t a = 0, b = 0;
        slm_error x = {0}, y = {0};
        const uint64_t run = fuzz_below(&state, t->runs);
        const slm_status one = slm_reader_scale(slm->memory, i, run, &a, &x), two = slm_reader_scale(slm->callback, i, run, &b, &y);
        fuzz_same_error(one, &x, two, &y);
        CHECK(a == b);
    }
}

static bool look(const uint8_t *data, size_t size, bool mend) {
    fuzz_slm slm;
    if (!fuzz_open_slm(&slm, data, size, mend, NULL))
        return false;
    decode_all(&slm);
    fuzz_close_slm(&slm);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    (void)look(data, size, false); /* where a checksum is wrong, too */
    (void)look(data, size, true);
    return 0;
}
