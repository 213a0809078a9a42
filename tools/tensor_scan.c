/* tools/tensor_scan.c: digest and search for NaN and infinity, for F32, F16 and BF16. */
#include "tensor_scan.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

struct tensor_scanner {
    XXH3_state_t *state;
    slm_dtype dtype;
    uint64_t elements; /* so far */
    uint64_t first_nonfinite;
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
}

/* The number of the first element whose exponent is all ones, or `count`. Blocks are tested as a whole first: there rarely is one. */
static size_t find_16(const uint8_t *bytes, size_t count, unsigned mask) {
    for (size_t first = 0; first < count; first += 256) {
        size_t n = count - first < 256 ? count - first : 256;
        unsigned found = 0;
        for (size_t i = 0; i < n; i++) {
            unsigned value = bytes[2 * (first + i)] | (unsigned)bytes[2 * (first + i) + 1] << 8;
            found |= (value & mask) == mask;
        }
        for (size_t i = 0; found != 0 && i < n; i++) {
            unsigned value = bytes[2 * (first + i)] | (unsigned)bytes[2 * (first + i) + 1] << 8;
            if ((value & mask) == mask)
                return first + i;
        }
    }
    return count;
}

static size_t find_32(const uint8_t *bytes, size_t count) {
    for (size_t i = 0; i < count; i++)
        if ((bytes[4 * i + 3] & 0x7F) == 0x7F && (bytes[4 * i + 2] & 0x80) != 0)
            return i;
    return count;
}

void tensor_scanner_update(tensor_scanner *scanner, const void *bytes, size_t size) {
    XXH3_64bits_update(scanner->state, bytes, size);
    if (!slm_dtype_is_codable(scanner->dtype) || scanner->first_nonfinite != UINT64_MAX)
        return;
    size_t count, found;
    if (scanner->dtype == SLM_F32) {
        count = size / 4;
        found = find_32(bytes, count);
    } else {
        count = size / 2;
        found = find_16(bytes, count, scanner->dtype == SLM_F16 ? 0x7C00 : 0x7F80);
    }
    if (found < count)
        scanner->first_nonfinite = scanner->elements + found;
    scanner->elements += count;
}

checkpoint_scan tensor_scanner_end(const tensor_scanner *scanner) {
    return (checkpoint_scan){.sum = XXH3_64bits_digest(scanner->state), .first_nonfinite = scanner->first_nonfinite};
}
