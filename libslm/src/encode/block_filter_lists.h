/* block_filter_lists.h: a list's groups of seeds filtered by their products, the part that AVX2 and AVX-512 share; included once by each
 * after block_filter_seeds.h.
 *
 * The including file defines VECTOR, SPLAT(x) all 16-bit lanes of one, and passing(source, pairs, start, most, x): bits of a group's seeds
 * whose sum, begun at start, is at most `most` in magnitude.
 */
static ALWAYS_INLINE size_t filter_pairs(const uint8_t *list, const uint16_t *seeds, size_t groups, const unsigned pairs,
                                         const filter_target *target, int limit, uint16_t *passed) {
    const VECTOR start = SPLAT((short)(-FILTER_OFFSET * target->sum)); /* modulo 2^16: the sum itself fits */
    const VECTOR most = SPLAT((short)limit);
    const size_t bytes = (size_t)pairs * 2 * FILTER_GROUP;
    VECTOR x[FILTER_PAIRS_MAX];
    size_t count = 0;
    for (unsigned j = 0; j < pairs; j++) {
        x[j] = SPLAT(target->pairs[j]);
    }
    size_t g = 0;
    for (; g + 2 <= groups; g += 2, list += 2 * bytes) {
        const uint64_t first = passing(list, pairs, start, most, x);
        const uint64_t second = passing(list + bytes, pairs, start, most, x);
        count += take(second << 32 | first, seeds + g * FILTER_GROUP, passed + count);
    }
    if (g < groups) {
        count += take(passing(list, pairs, start, most, x), seeds + g * FILTER_GROUP, passed + count);
    }
    return count;
}

static size_t filter(const uint8_t *list, const uint16_t *seeds, size_t groups, unsigned pairs, const filter_target *target, int limit,
                     uint16_t *passed) {
    switch (pairs) {
    case 4: return filter_pairs(list, seeds, groups, 4, target, limit, passed);
    case 6: return filter_pairs(list, seeds, groups, 6, target, limit, passed);
    default: return filter_pairs(list, seeds, groups, pairs, target, limit, passed);
    }
}
