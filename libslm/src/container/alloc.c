/* The caller's allocator, or the C library's. */
#include "alloc.h"

#include <stdlib.h>
#include <string.h>

#include "checked.h"

static void *resize_with_libc(void *context, void *pointer, size_t size) {
    (void)context;
    if (size == 0) {
        free(pointer);
        return NULL;
    }
    return realloc(pointer, size);
}

slm_allocator slmi_allocator(const slm_allocator *given) {
    if (given != NULL && given->resize != NULL)
        return *given;
    return (slm_allocator){NULL, resize_with_libc};
}

void *slmi_allocate(const slm_allocator *allocator, uint64_t count, size_t size) {
    uint64_t total;
    if (!checked_multiply(count, size, &total) || total > SIZE_MAX / 2)
        return NULL;
    return allocator->resize(allocator->context, NULL, total == 0 ? 1 : (size_t)total);
}

void *slmi_allocate_zeroed(const slm_allocator *allocator, uint64_t count, size_t size) {
    void *pointer = slmi_allocate(allocator, count, size);
    if (pointer != NULL)
        memset(pointer, 0, (size_t)count * size);
    return pointer;
}

void *slmi_reserve(const slm_allocator *allocator, void *array, size_t *capacity, size_t needed, size_t size) {
    if (needed <= *capacity)
        return array;
    size_t wanted = *capacity < 4 ? 4 : *capacity;
    while (wanted < needed) {
        if (wanted > SIZE_MAX / 4)
            return NULL;
        wanted *= 2;
    }
    uint64_t total;
    if (!checked_multiply(wanted, size, &total) || total > SIZE_MAX / 2)
        return NULL;
    void *grown = allocator->resize(allocator->context, array, (size_t)total);
    if (grown != NULL)
        *capacity = wanted;
    return grown;
}

void slmi_free(const slm_allocator *allocator, void *pointer) {
    if (pointer != NULL)
        allocator->resize(allocator->context, pointer, 0);
}
