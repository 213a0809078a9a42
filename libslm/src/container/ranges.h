/* Which bytes of a payload are written: disjoint ranges, neighbours joined. Memory grows with the gaps, not with the bytes. */
#ifndef SLM_SRC_RANGES_H
#define SLM_SRC_RANGES_H

#include <stdbool.h>

#include "alloc.h"

typedef struct slmi_range {
    uint64_t from, to;
} slmi_range;

/* Zeroed before use. */
typedef struct slmi_ranges {
    slmi_range *items; /* ascending, with gaps between them */
    size_t count, capacity;
} slmi_ranges;

/* Whether any byte of [from, to) is in the set; from < to. */
bool slmi_ranges_touch(const slmi_ranges *ranges, uint64_t from, uint64_t to);

/* Adds [from, to), which does not touch the set; *joined is the range it is now part of. False, and no change, without memory. */
bool slmi_ranges_add(slmi_ranges *ranges, const slm_allocator *allocator, uint64_t from, uint64_t to, slmi_range *joined);

/* The first byte of [0, size) that is not in the set, or `size`. */
uint64_t slmi_ranges_gap(const slmi_ranges *ranges, uint64_t size);

#endif
