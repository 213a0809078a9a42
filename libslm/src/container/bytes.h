/* Little-endian loads and stores, byte by byte: the same on every machine, and free of alignment. Compilers make one move of them. */
#ifndef SLM_SRC_BYTES_H
#define SLM_SRC_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline uint16_t load_u16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }

static inline uint32_t load_u32(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t load_u64(const uint8_t *p) { return (uint64_t)load_u32(p) | (uint64_t)load_u32(p + 4) << 32; }

static inline void store_u16(uint8_t *p, uint16_t value) {
    p[0] = (uint8_t)value;
    p[1] = (uint8_t)(value >> 8);
}

static inline void store_u32(uint8_t *p, uint32_t value) {
    for (unsigned i = 0; i < 4; i++)
        p[i] = (uint8_t)(value >> (8 * i));
}

static inline void store_u64(uint8_t *p, uint64_t value) {
    for (unsigned i = 0; i < 8; i++)
        p[i] = (uint8_t)(value >> (8 * i));
}

/* The offset of the first byte that is not zero, or `size`. */
static inline size_t zero_prefix(const uint8_t *p, size_t size) {
    size_t i = 0;
    while (i < size && p[i] == 0)
        i++;
    return i;
}

#endif
