/* fuzz/safetensors.c: the header of a safetensors file. What is accepted keeps its promises, and headers written from it can be read. */
#include "safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    return 0;
}

static void check(const safetensors *st) {
    uint64_t at = 0;
    for (size_t i = 0; i < st->count; i++) {
        const safetensors_tensor *t = &st->tensors[i];
        CHECK(strlen(t->name) == t->name_length && t->begin == at && t->end >= at);
        uint64_t elements = 1;
        for (unsigned d = 0; d < t->rank; d++)
            CHECK(!__builtin_mul_overflow(elements, t->shape[d], &elements));
        CHECK(elements == t->elements && (t->end - t->begin) * 8 == elements * slm_dtype_bits(t->dtype));
        CHECK(safetensors_find(st, t->name, t->name_length) == t);
        at = t->end;
    }
    CHECK(st->data_size == at);
    CHECK(safetensors_find(st, "no such tensor\n", 15) == NULL || st->count > 0);
    fault f;
    size_t size = 0;
    uint8_t none[8] = {0};
    CHECK(!safetensors_header_size(none, UINT64_MAX, &size, &f));
}

/* Reads a header that this program wrote: it must be sound, and hold the same tensors. */
static void read_again(const safetensors *st, char *header, size_t size, slm_dtype dtype) {
    safetensors again;
    fault f;
    CHECK(safetensors_parse(&again, header, size, UINT64_MAX, &f));
    CHECK(again.count == st->count);
    for (size_t i = 0; i < st->count; i++) {
        const safetensors_tensor *t = &st->tensors[i], *a = safetensors_find(&again, t->name, t->name_length);
        CHECK(a != NULL && a->elements == t->elements && a->rank == t->rank);
        CHECK(a->dtype == (dtype != 0 && slm_dtype_is_codable(t->dtype) ? dtype : t->dtype));
    }
    check(&again);
    safetensors_free(&again);
}

static void write_again(const safetensors *st) {
    static const slm_dtype dtypes[] = {SLM_F32, SLM_F16, SLM_BF16};
    char *header = NULL;
    size_t size = 0;
    fault f;
    for (size_t d = 0; d < 3; d++)
        if (safetensors_convert(st, dtypes[d], &header, &size, &f))
            read_again(st, header, size, dtypes[d]);
    if (safetensors_compose(st->tensors, st->count, &header, &size, &f))
        read_again(st, header, size, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 8)
        return 0;
    fault f = {0};
    size_t stated = 0, header_size = size - 8;
    if (safetensors_header_size(data, size, &stated, &f))
        header_size = stated;
    /* With the file's size known, and as in an archive without; where the stated size can't be, all that follows is the header. */
    for (int known = 0; known < 2; known++) {
        safetensors st;
        char *header = (char *)fuzz_copy(data + 8, header_size);
        if (!safetensors_parse(&st, header, header_size, known ? size : UINT64_MAX, &f)) {
            CHECK(f.kind == FAULT_INPUT || f.kind == FAULT_UNSUPPORTED);
            CHECK(memchr(f.text, '\0', sizeof f.text) != NULL);
            continue;
        }
        check(&st);
        CHECK(!known || 8 + header_size + st.data_size == size);
        write_again(&st);
        safetensors_free(&st);
    }
    return 0;
}
