/* Which bytes of a payload are written. */
#include "ranges.h"

#include <string.h>

/* The number of ranges that begin at or before `from`. */
static size_t position(const slmi_ranges *ranges, uint64_t from) {
    size_t low = 0, high = ranges->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (ranges->items[middle].from <= from)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool slmi_ranges_touch(const slmi_ranges *ranges, uint64_t from, uint64_t to) {
    const size_t at = position(ranges, from);
    return (at > 0 && ranges->items[at - 1].to > from) || (at < ranges->count && ranges->items[at].from < to);
}

bool slmi_ranges_add(slmi_ranges *ranges, const slm_allocator *allocator, uint64_t from, uint64_t to, slmi_range *joined) {
    const size_t at = position(ranges, from);
    const bool follows = at > 0 && ranges->items[at - 1].to == from;
    const bool precedes = at < ranges->count && ranges->items[at].from == to;
    if (follows && precedes) {
        ranges->items[at - 1].to = ranges->items[at].to;
        memmove(&ranges->items[at], &ranges->items[at + 1], (ranges->count - at - 1) * sizeof *ranges->items);
        ranges->count--;
        *joined = ranges->items[at - 1];
    } else if (follows) {
        ranges->items[at - 1].to = to;
        *joined = ranges->items[at - 1];
    } else if (precedes) {
        ranges->items[at].from = from;
        *joined = ranges->items[at];
    } else {
        slmi_range *items = slmi_reserve(allocator, ranges->items, &ranges->capacity, ranges->count + 1, sizeof *items);
        if (items == NULL)
            return false;
        ranges->items = items;
        memmove(&ranges->items[at + 1], &ranges->items[at], (ranges->count - at) * sizeof *ranges->items);
        ranges->count++;
        *joined = ranges->items[at] = (slmi_range){from, to};
    }
    return true;
}

uint64_t slmi_ranges_gap(const slmi_ranges *ranges, uint64_t size) {
    if (ranges->count == 0 || ranges->items[0].from > 0)
        return 0;
    return ranges->items[0].to < size ? ranges->items[0].to : size;
}
