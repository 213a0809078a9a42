/* tools/tensor_scan.c: digest, search for NaN and infinity, and the largest magnitude, for F32, F16 and BF16. */
#include "tensor_scan.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

struct tensor_scanner {
    XXH3_state_t *state;
    slm_dtype dtype;
    uint64_t elements; /* so far */
    uint64_t first_nonfinite;
    uint32_t largest; /* magnitude so far, as the bits of the dtype */
};

tensor_scanner *tensor_scanner_new(void) {
    tensor_scanner *scanner = calloc(1, sizeof *scanner);
    if (scanner == NULL)
        return NULL;
    scanner->state = XXH3_createState();
    if (scanner->state == NULL) {
        free(scanner);
        return NULL;
    }
    return scanner;
}

void tensor_scanner_free(tensor_scanner *scanner) {
    if (scanner == NULL)
        return;
    XXH3_freeState(scanner->state);
    free(scanner);
}

void tensor_scanner_begin(tensor_scanner *scanner, slm_dtype dtype) {
    XXH3_64bits_reset(scanner->state);
    scanner->dtype = dtype;
    scanner->elements = 0;
    scanner->first_nonfinite = UINT64_MAX;
    scanner->largest = 0;
}

static uint32_t magnitude_16(const uint8_t *bytes, size_t i) { return (bytes[2 * i] | (uint32_t)bytes[2 * i + 1] << 8) & 0x7FFF; }

static uint32_t magnitude_32(const uint8_t *bytes, size_t i) {
    return (bytes[4 * i] | (uint32_t)bytes[4 * i + 1] << 8 | (uint32_t)bytes[4 * i + 2] << 16 | (uint32_t)bytes[4 * i + 3] << 24) &
           0x7FFFFFFF;
}

/* Raises *largest to the magnitudes' bits, which order as the magnitudes do; those from `infinite` on are not finite. Returns the number of
 * the first such element, or `count`. Blocks are tested as a whole first: there rarely is one. */
#define DEFINE_LOOK(name, magnitude)                                                                                                       \
    static size_t name(const uint8_t *bytes, size_t count, uint32_t infinite, uint32_t *largest) {                                         \
        for (size_t first = 0; first < count; first += 256) {                                                                              \
            const size_t last = count - first < 256 ? count : first + 256;                                                                 \
            uint32_t most = 0;                                                                                                             \
            for (size_t i = first; i < last; i++)                                                                                          \
                most = magnitude(bytes, i) > most ? magnitude(bytes, i) : most;                                                            \
            for (size_t i = first; most >= infinite && i < last; i++)                                                                      \
                if (magnitude(bytes, i) >= infinite)                                                                                       \
                    return i;                                                                                                              \
            *largest = most > *largest ? most : *largest;                                                                                  \
        }                                                                                                                                  \
        return count;                                                                                                                      \
    }
DEFINE_LOOK(look_16, magnitude_16)
DEFINE_LOOK(look_32, magnitude_32)

void tensor_scanner_update(tensor_scanner *scanner, const void *bytes, size_t size) {
    XXH3_64bits_update(scanner->state, bytes, size);
    if (!slm_dtype_is_codable(scanner->dtype) || scanner->first_nonfinite != UINT64_MAX)
        return;
    size_t count, found;
    if (scanner->dtype == SLM_F32) {
        count = size / 4;
        found = look_32(bytes, count, 0x7F800000, &scanner->largest);
    } else {
        count = size / 2;
        found = look_16(bytes, count, scanner->dtype == SLM_F16 ? 0x7C00 : 0x7F80, &scanner->largest);
    }
    if (found < count)
        scanner->first_nonfinite = scanner->elements + found;
    scanner->elements += count;
}

checkpoint_scan tensor_scanner_end(const tensor_scanner *scanner) {
    checkpoint_scan scan = {.sum = XXH3_64bits_digest(scanner->state), .first_nonfinite = scanner->first_nonfinite};
    if (slm_dtype_is_codable(scanner->dtype)) {
        const uint32_t bits = scanner->largest;
        const uint8_t bytes[4] = {(uint8_t)bits, (uint8_t)(bits >> 8), (uint8_t)(bits >> 16), (uint8_t)(bits >> 24)};
        slm_widen(scanner->dtype, bytes, 1, &scan.largest);
    }
    return scan;
}
