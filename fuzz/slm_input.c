/* fuzz/slm_input.c: a .slm file as fuzzing input: checksums made right, opened in every way, and the ways held against each other. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "container/bytes.h"
#include "container/hash.h"
#include "fuzz.h"

/* The body of a section, or NULL where none is found by following the heads. */
static uint8_t *section_body(uint8_t *file, size_t end, uint32_t type, size_t *size) {
    for (size_t at = SLM_HEADER_BYTES; end - at >= 16;) {
        const uint64_t stated = load_u64(file + at + 8);
        const size_t left = end - at - 16;
        if (stated > left)
            return NULL;
        if (load_u32(file + at) == type) {
            *size = (size_t)stated;
            return file + at + 16;
        }
        const size_t padded = ((size_t)stated + 7) & ~(size_t)7;
        if (padded > left)
            return NULL;
        at += 16 + padded;
    }
    return NULL;
}

static void mend_chunks(uint8_t *file, size_t size, size_t index_end) {
    size_t payloads_size, sums_size;
    uint8_t *payloads = section_body(file, index_end, SLM_SECTION_PAYLOADS, &payloads_size);
    uint8_t *sums = section_body(file, index_end, SLM_SECTION_CHECKSUMS, &sums_size);
    if (payloads == NULL || sums == NULL || payloads_size < 8 || file[13] < SLM_CHUNK_LOG2_MIN || file[13] > SLM_CHUNK_LOG2_MAX)
        return;
    const uint64_t chunk = (uint64_t)1 << file[13];
    for (size_t i = 0; i < load_u32(payloads) && i < (payloads_size - 8) / 32; i++) {
        const uint8_t *p = payloads + 8 + 32 * i;
        const uint64_t offset = load_u64(p), length = load_u64(p + 8);
        if (offset < index_end || offset > size || length > size - offset) /* a payload inside the index would undo itself */
            continue;
        uint64_t number = load_u64(p + 16);
        for (uint64_t at = 0; at < length && number < sums_size / 8; at += chunk, number++)
            store_u64(sums + 8 * (size_t)number, slmi_hash(file + offset + at, (size_t)(length - at < chunk ? length - at : chunk)));
    }
}

void fuzz_mend_slm(uint8_t *file, size_t size) {
    if (size < SLM_HEADER_BYTES)
        return;
    const uint64_t index_size = load_u64(file + 32);
    if (index_size <= size - SLM_HEADER_BYTES) {
        mend_chunks(file, size, SLM_HEADER_BYTES + (size_t)index_size);
        store_u64(file + 40, slmi_hash(file + SLM_HEADER_BYTES, (size_t)index_size));
    }
    store_u64(file + 56, slmi_hash(file, 56));
}

static int read_at(void *context, uint64_t offset, void *buffer, size_t size) {
    const fuzz_slm *slm = context;
    CHECK(offset <= slm->size && size <= slm->size - offset); /* the reader knows the size */
    if (size > 0)
        memcpy(buffer, slm->bytes + offset, size);
    return 0;
}

/* malloc, less than the file's size justifies: the index can describe at most so much with its bytes. */
typedef struct counted {
    size_t used, most;
} counted;

static void *counted_resize(void *context, void *pointer, size_t size) {
    counted *c = context;
    size_t *block = pointer != NULL ? (size_t *)pointer - 2 : NULL, before = block != NULL ? *block : 0;
    c->used = c->used - before + size;
    CHECK(c->used <= c->most);
    if (size == 0) {
        free(block);
        return NULL;
    }
    block = realloc(block, size + 2 * sizeof *block);
    CHECK(block != NULL);
    *block = size;
    return block + 2;
}

bool fuzz_open_slm(fuzz_slm *slm, const uint8_t *data, size_t size, bool mend, const char *kernel) {
    static counted account;
    static const slm_allocator allocator = {&account, counted_resize};
    *slm = (fuzz_slm){.bytes = fuzz_copy(data, size), .size = size};
    if (mend)
        fuzz_mend_slm(slm->bytes, size);
    const slm_reader_options options = {.struct_size = sizeof options, .allocator = &allocator, .kernel = kernel};
    slm_error x = {0}, y = {0};
    account = (counted){0, SIZE_MAX};
    const size_t most = 300000 + 24 * size; /* 64 prepared decoders; a record of the index becomes a few times its size */
    account.most = most;
    const slm_status a = slm_reader_open_memory(&slm->memory, slm->bytes, size, &options, &x);
    account.most = SIZE_MAX;
    const slm_status b = slm_reader_open_callback(&slm->callback, read_at, slm, size, &options, &y);
    fuzz_same_error(a, &x, b, &y);
    if (a == SLM_OK)
        return true;
    CHECK(account.used == 0);
    free(slm->bytes);
    return false;
}

void fuzz_close_slm(fuzz_slm *slm) {
    slm_reader_close(slm->memory);
    slm_reader_close(slm->callback);
    free(slm->bytes);
}

void fuzz_same_error(slm_status a, const slm_error *x, slm_status b, const slm_error *y) {
    CHECK(a == b);
    if (a == SLM_OK)
        return;
    CHECK(a >= SLM_E_TRUNCATED && a <= SLM_E_SCALE); /* nothing but the file is at fault */
    CHECK(x->status == a && y->status == a);
    CHECK(x->rule[0] != '\0' && strcmp(x->rule, y->rule) == 0);
    CHECK(x->offset == y->offset && x->tensor == y->tensor);
    CHECK(strcmp(x->message, y->message) == 0);
    for (const char *c = x->message; *c != '\0'; c++)
        CHECK((unsigned char)*c >= 0x20 && *c != 0x7F);
}
