/* tools/json_text.c: jansson with its memory counted.
 *
 * jansson passes over a buffer of its lexer that could not grow, and then reads and writes behind it (its issue 362). So it never learns
 * that an allocation failed: it is left by longjmp(), and what it held is given back here. */
#include "json_text.h"

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Before each block that jansson has. */
typedef struct block {
    _Alignas(max_align_t) struct block *before; /* in the ring of what the call in progress holds; NULL outside of one */
    struct block *after;
} block;

/* jansson's allocator has no context: what a thread is doing is its own. */
static _Thread_local struct {
    bool active;
    uint64_t left;
    json_trouble trouble;
    block ring;
    jmp_buf leave;
} call;

static void *refuse(json_trouble trouble) {
    if (!call.active)
        return NULL;
    call.trouble = trouble;
    longjmp(call.leave, 1);
}

static void *allocate(size_t size) {
    if (call.active && size > call.left)
        return refuse(JSON_TOO_COSTLY);
    block *b = size <= SIZE_MAX - sizeof *b ? malloc(sizeof *b + size) : NULL;
    if (b == NULL)
        return refuse(JSON_NO_MEMORY);
    *b = (block){0};
    if (call.active) {
        call.left -= size;
        b->before = &call.ring;
        b->after = call.ring.after;
        b->after->before = b;
        call.ring.after = b;
    }
    return b + 1;
}

static void release(void *pointer) {
    if (pointer == NULL)
        return;
    block *b = (block *)pointer - 1;
    if (b->before != NULL) {
        b->before->after = b->after;
        b->after->before = b->before;
    }
    free(b);
}

/* Before main(), so that no value is made with one allocator and freed with the other. */
__attribute__((constructor)) static void use_allocator(void) { json_set_alloc_funcs(allocate, release); }

static void begin(uint64_t limit) {
    call.active = true;
    call.left = limit;
    call.trouble = JSON_NO_TROUBLE;
    call.ring.before = call.ring.after = &call.ring;
}

/* What the call made stays, or, where it was left, goes. */
static void end(void) {
    call.active = false;
    while (call.ring.after != &call.ring) {
        block *b = call.ring.after;
        call.ring.after = b->after;
        b->before = b->after = NULL;
        if (call.trouble != JSON_NO_TROUBLE)
            free(b);
    }
}

json_t *json_text_read(const char *text, size_t size, size_t flags, json_error_t *error, json_trouble *trouble) {
    json_t *volatile value = NULL;
    begin(JSON_TEXT_TIMES * (uint64_t)size + JSON_TEXT_LEAST);
    if (setjmp(call.leave) == 0)
        value = json_loadb(text, size, JSON_REJECT_DUPLICATES | flags, error);
    end();
    *trouble = value == NULL && call.trouble == JSON_NO_TROUBLE ? JSON_WRONG : call.trouble;
    return value;
}

char *json_text_make(const json_t *value, size_t flags) {
    char *volatile text = NULL;
    begin(UINT64_MAX);
    if (setjmp(call.leave) == 0)
        text = json_dumps(value, flags);
    end();
    char *copy = text != NULL ? strdup(text) : NULL;
    release(text);
    return copy;
}

bool json_text_print(const json_t *value, FILE *stream, size_t flags) {
    volatile int failed = 1;
    begin(UINT64_MAX);
    if (setjmp(call.leave) == 0)
        failed = json_dumpf(value, stream, flags);
    end();
    return failed == 0;
}
