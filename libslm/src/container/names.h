/* Sorted names: duplicates found, and names looked up, at a cost that hostile names cannot raise. */
#ifndef SLM_SRC_NAMES_H
#define SLM_SRC_NAMES_H

#include <stdbool.h>

#include "alloc.h"

typedef struct slmi_name {
    const char *bytes;
    uint32_t length;
    uint32_t index; /* the caller's number for it */
} slmi_name;

/* Sorts `count` names bytewise (a prefix comes first). Time is O(count log count + bytes), whatever the names: see names.c.
 * *duplicate is the smallest index whose name a smaller index has too, or UINT32_MAX. False where there is no memory. */
bool slmi_names_sort(const slm_allocator *allocator, slmi_name *names, uint32_t count, uint32_t *duplicate);

/* The position of bytes[0..length) among sorted names, or `count`. */
uint32_t slmi_names_find(const slmi_name *names, uint32_t count, const char *bytes, size_t length);

#endif
