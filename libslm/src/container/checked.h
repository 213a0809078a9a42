/* Checked arithmetic: every size, count and offset that comes from a file or a caller goes through these. True on success. */
#ifndef SLM_SRC_CHECKED_H
#define SLM_SRC_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool checked_add(uint64_t a, uint64_t b, uint64_t *sum) {
    if (b > UINT64_MAX - a)
        return false;
    *sum = a + b;
    return true;
}

static inline bool checked_multiply(uint64_t a, uint64_t b, uint64_t *product) {
    if (a != 0 && b > UINT64_MAX / a)
        return false;
    *product = a * b;
    return true;
}

/* The smallest multiple of 2^log2 that is at least `value`; log2 < 64. */
static inline bool checked_round_up(uint64_t value, unsigned log2, uint64_t *rounded) {
    uint64_t mask = ((uint64_t)1 << log2) - 1;
    if (!checked_add(value, mask, rounded))
        return false;
    *rounded &= ~mask;
    return true;
}

/* Narrows to size_t, which has 32 bits on some machines. */
static inline bool checked_size(uint64_t value, size_t *size) {
    if (value > SIZE_MAX)
        return false;
    *size = (size_t)value;
    return true;
}

/* Whether [offset, offset + size) lies inside [0, limit). */
static inline bool checked_range(uint64_t offset, uint64_t size, uint64_t limit) { return offset <= limit && size <= limit - offset; }

#endif
