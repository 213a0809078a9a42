/* The caller's allocator, or the C library's. */
#if defined(__linux__)
#define _GNU_SOURCE /* madvise */
#endif
#include "alloc.h"

#include <stdlib.h>
#include <string.h>
#if defined(__linux__)
#include <sys/mman.h>
#include <unistd.h>
#endif

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

/* Below this the C library may cut a block out of its heap, where the advice would outlast the block. */
#define LARGE ((size_t)32 << 20)

/* Advice, so nothing is lost where it is not taken. */
static void ask_for_large_pages(void *pointer, size_t size) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    const long page = sysconf(_SC_PAGESIZE);
    if (page > 0) {
        const size_t skip = (size_t)page - 1 - ((uintptr_t)pointer - 1) % (size_t)page;
        if (skip < size)
            (void)madvise((unsigned char *)pointer + skip, (size - skip) / (size_t)page * (size_t)page, MADV_HUGEPAGE);
    }
#else
    (void)pointer, (void)size;
#endif
}

void *slmi_allocate_large(const slm_allocator *allocator, uint64_t count, size_t size) {
    void *pointer = slmi_allocate(allocator, count, size);
    if (pointer != NULL && allocator->resize == resize_with_libc && (size_t)count * size >= LARGE)
        ask_for_large_pages(pointer, (size_t)count * size);
    return pointer;
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
