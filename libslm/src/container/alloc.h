/* The caller's allocator, or the C library's. A size of zero is never passed on for an allocation. */
#ifndef SLM_SRC_ALLOC_H
#define SLM_SRC_ALLOC_H

#include "slm/file.h"

/* A copy of *given, or the C library's allocator where given is NULL. */
slm_allocator slmi_allocator(const slm_allocator *given);

/* `count` elements of `size` bytes, or NULL where there is no memory or the product does not fit. */
void *slmi_allocate(const slm_allocator *allocator, uint64_t count, size_t size);

/* The same, in large pages where the system has them to give: for much memory that is read far and wide, whose every access would else ask
 * for the address of a small page first. What the caller's allocator gives is the caller's, and stays as it is. */
void *slmi_allocate_large(const slm_allocator *allocator, uint64_t count, size_t size);

/* The same as slmi_allocate(), zeroed. */
void *slmi_allocate_zeroed(const slm_allocator *allocator, uint64_t count, size_t size);

/* Makes room for `needed` elements in an array, doubling *capacity. Returns the array, which may have moved; NULL without memory, the
 * array then being as it was. */
void *slmi_reserve(const slm_allocator *allocator, void *array, size_t *capacity, size_t needed, size_t size);

/* NULL is allowed. */
void slmi_free(const slm_allocator *allocator, void *pointer);

#endif
