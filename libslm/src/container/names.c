/* Sorted names. A merge sort that carries the longest common prefix (LCP) of neighbours: no byte of a name is compared twice at the
 * same depth, so a million names that share 60,000 bytes cost no more than reading them (Ng and Kakehi, "Merging string sequences by
 * longest common prefixes", 2008). Merge sort has no bad case either, so the order in which names come does not matter. */
#include "names.h"

#include <string.h>

/* The LCP of a and b, known to share `from` bytes. */
static uint32_t common(const slmi_name *a, const slmi_name *b, uint32_t from) {
    uint32_t limit = a->length < b->length ? a->length : b->length;
    while (from < limit && a->bytes[from] == b->bytes[from])
        from++;
    return from;
}

/* Whether a comes before b or equals it; they share exactly `shared` bytes. */
static bool in_order(const slmi_name *a, const slmi_name *b, uint32_t shared) {
    if (shared == a->length)
        return true;
    return shared < b->length && (unsigned char)a->bytes[shared] < (unsigned char)b->bytes[shared];
}

/* Merges a[0..na) and b[0..nb) to `target`. lcp[i] is what element i shares with the one before it, 0 for the first. */
static void merge(const slmi_name *a, const uint32_t *a_lcp, uint32_t na, const slmi_name *b, const uint32_t *b_lcp, uint32_t nb,
                  slmi_name *target, uint32_t *target_lcp) {
    uint32_t i = 0, j = 0, out = 0;
    uint32_t a_shared = 0, b_shared = 0; /* what a[i] and b[j] share with the last name written */
    while (i < na && j < nb) {
        bool take_a;
        uint32_t shared = a_shared;
        if (a_shared != b_shared) {
            take_a = a_shared > b_shared;
            shared = take_a ? a_shared : b_shared;
        } else {
            uint32_t both = common(&a[i], &b[j], a_shared);
            take_a = in_order(&a[i], &b[j], both);
            *(take_a ? &b_shared : &a_shared) = both;
        }
        target_lcp[out] = shared;
        if (take_a) {
            target[out++] = a[i++];
            a_shared = i < na ? a_lcp[i] : 0;
        } else {
            target[out++] = b[j++];
            b_shared = j < nb ? b_lcp[j] : 0;
        }
    }
    for (uint32_t first = i; i < na; i++, out++) {
        target[out] = a[i];
        target_lcp[out] = i == first ? a_shared : a_lcp[i];
    }
    for (uint32_t first = j; j < nb; j++, out++) {
        target[out] = b[j];
        target_lcp[out] = j == first ? b_shared : b_lcp[j];
    }
}

bool slmi_names_sort(const slm_allocator *allocator, slmi_name *names, uint32_t count, uint32_t *duplicate) {
    *duplicate = UINT32_MAX;
    if (count < 2)
        return true;
    slmi_name *other = slmi_allocate(allocator, count, sizeof *other);
    uint32_t *lcps = slmi_allocate_zeroed(allocator, 2 * (uint64_t)count, sizeof *lcps);
    if (other == NULL || lcps == NULL) {
        slmi_free(allocator, other);
        slmi_free(allocator, lcps);
        return false;
    }
    slmi_name *from = names, *to = other;
    uint32_t *from_lcp = lcps, *to_lcp = lcps + count;
    for (uint64_t width = 1; width < count; width *= 2) {
        for (uint64_t start = 0; start < count; start += 2 * width) {
            uint64_t middle = start + width < count ? start + width : count;
            uint64_t end = start + 2 * width < count ? start + 2 * width : count;
            merge(from + start, from_lcp + start, (uint32_t)(middle - start), from + middle, from_lcp + middle, (uint32_t)(end - middle),
                  to + start, to_lcp + start);
        }
        slmi_name *names_swap = from;
        from = to;
        to = names_swap;
        uint32_t *lcp_swap = from_lcp;
        from_lcp = to_lcp;
        to_lcp = lcp_swap;
    }
    for (uint32_t i = 1; i < count; i++) { /* equal names stand side by side, in the order of their indices: the merge is stable */
        if (from[i].length == from[i - 1].length && from_lcp[i] == from[i].length && from[i].index < *duplicate)
            *duplicate = from[i].index;
    }
    if (from != names)
        memcpy(names, from, count * sizeof *names);
    slmi_free(allocator, other);
    slmi_free(allocator, lcps);
    return true;
}

uint32_t slmi_names_find(const slmi_name *names, uint32_t count, const char *bytes, size_t length) {
    uint32_t low = 0, high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const slmi_name *name = &names[middle];
        size_t shorter = name->length < length ? name->length : length;
        int order = shorter == 0 ? 0 : memcmp(name->bytes, bytes, shorter);
        if (order == 0 && name->length == length)
            return middle;
        if (order < 0 || (order == 0 && name->length < length))
            low = middle + 1;
        else
            high = middle;
    }
    return count;
}
