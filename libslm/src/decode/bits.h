/* bits.h: reading bit fields from a run's codes, and the position of a field of fixed width in them. */
#ifndef SLM_BITS_H
#define SLM_BITS_H

#include <stdint.h>

/* Where field `index` of a sequence of fields lying `stride` bits apart begins. Eight strides are `stride` whole bytes, so no
 * product can exceed 64 bits as long as the byte offset itself does not. */
static inline uint64_t bits_byte(uint64_t index, unsigned stride) { return (index >> 3) * stride + (((index & 7) * stride) >> 3); }
static inline unsigned bits_shift(uint64_t index, unsigned stride) { return (unsigned)(((index & 7) * stride) & 7); }

/* `width` (1..64) bits that begin `shift` (0..7) bits into *bytes, least significant bit first. Reads the bytes the field lies in
 * and no other. */
static inline uint64_t bits_get(const uint8_t *bytes, unsigned shift, unsigned width) {
    uint64_t value = bytes[0] >> shift;
    unsigned have = 8 - shift;
    for (unsigned i = 1; have < width; i++, have += 8)
        value |= (uint64_t)bytes[i] << have;
    return width < 64 ? value & ((UINT64_C(1) << width) - 1) : value;
}

/* The low `width` (1..32) bits of `value` as a two's complement number. */
static inline int32_t bits_signed(uint32_t value, unsigned width) {
    uint32_t sign = UINT32_C(1) << (width - 1);
    return (int32_t)((value & (sign - 1))) - (int32_t)(value & sign);
}

/* The position of the highest set bit of a nonzero value. */
static inline unsigned bits_top(uint64_t value) {
#if defined(__GNUC__)
    return 63u - (unsigned)__builtin_clzll(value);
#else
    unsigned top = 0;
    while (value >>= 1)
        top++;
    return top;
#endif
}

#endif
