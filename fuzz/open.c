/* fuzz/open.c: opening a .slm file: the header, the index, and all that a reader says about them. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    return 0;
}

/* Every byte is there to be read: AddressSanitizer says if not. */
static unsigned touch(const void *bytes, size_t size) {
    unsigned sum = 0;
    for (size_t i = 0; i < size; i++)
        sum += ((const uint8_t *)bytes)[i];
    return sum;
}

static void touch_text(const char *text, size_t length) {
    CHECK(text[length] == '\0' && strlen(text) == length);
    (void)touch(text, length);
}

static void walk_tensors(const slm_reader *reader, const slm_file_info *info) {
    for (size_t i = 0; i < info->tensors; i++) {
        const slm_tensor *t = slm_reader_tensor(reader, i);
        const slm_payload *p = slm_reader_payload(reader, i);
        touch_text(t->name, t->name_length);
        CHECK(slm_dtype_bits(t->dtype) > 0 && t->rank <= SLM_RANK_MAX);
        uint64_t elements = 1;
        bool empty = false;
        for (unsigned d = 0; d < t->rank; d++)
            empty = empty || t->shape[d] == 0;
        for (unsigned d = 0; d < t->rank && !empty; d++)
            CHECK(!__builtin_mul_overflow(elements, t->shape[d], &elements));
        CHECK(t->elements == (empty ? 0 : elements));
        CHECK(p->kind == SLM_PAYLOAD_TENSOR && p->size == t->payload_size);
        size_t found;
        CHECK(slm_reader_find(reader, t->name, t->name_length, &found) == SLM_OK && found == i);
        slm_coding coding;
        if (t->coding == SLM_CODING_RAW) {
            CHECK(slm_reader_coding(reader, i, &coding) == SLM_E_ARGUMENT);
            continue;
        }
        CHECK(slm_reader_coding(reader, i, &coding) == SLM_OK && slm_coding_check(&coding, NULL) == SLM_OK);
        CHECK(t->run_length > 0 && t->elements % t->run_length == 0 && t->runs == t->elements / t->run_length);
        CHECK(t->run_bytes == slm_profile_run_bytes(&coding.profile, t->run_length));
        CHECK(t->payload_size - t->codes_offset == t->runs * t->run_bytes);
    }
    CHECK(slm_reader_tensor(reader, info->tensors) == NULL);
}

static void walk_payloads(const slm_reader *reader, const slm_file_info *info) {
    uint64_t at = SLM_HEADER_BYTES + info->index_size;
    for (size_t i = 0; i < info->payloads; i++) {
        const slm_payload *p = slm_reader_payload(reader, i);
        CHECK(p->offset >= at && p->size <= info->file_size && p->offset <= info->file_size - p->size);
        CHECK(p->offset % ((uint64_t)1 << info->align_log2) == 0);
        at = p->offset + p->size;
    }
    CHECK(slm_reader_payload(reader, info->payloads) == NULL);
    size_t side;
    if (slm_reader_find_payload(reader, SLM_PAYLOAD_SIDE_FILES, &side) == SLM_OK)
        CHECK(side >= info->tensors && slm_reader_payload(reader, side)->kind == SLM_PAYLOAD_SIDE_FILES);
}

static void walk_texts(const slm_reader *reader, const slm_file_info *info) {
    for (size_t i = 0; i < info->metadata; i++) {
        const slm_metadata *m = slm_reader_metadata(reader, i);
        touch_text(m->key, m->key_length);
        touch_text(m->value, m->value_length);
        size_t found;
        CHECK(slm_reader_find_metadata(reader, m->key, m->key_length, &found) == SLM_OK && found == i);
    }
    uint64_t tensors = 0;
    for (size_t i = 0; i < info->sources; i++) {
        const slm_source *s = slm_reader_source(reader, i);
        touch_text(s->name, s->name_length);
        (void)touch(s->header, s->header_size);
        CHECK(s->first_tensor == tensors);
        tensors += s->tensors;
    }
    CHECK(info->sources == 0 || tensors == info->tensors);
    for (size_t i = 0; i < info->profiles; i++) {
        const slm_profile *p = slm_reader_profile(reader, i);
        CHECK(slm_profile_check(p, NULL) == SLM_OK);
    }
    for (size_t i = 0; i < info->sections; i++) {
        const slm_section *s = slm_reader_section(reader, i);
        CHECK(s->offset >= SLM_HEADER_BYTES && s->size <= info->index_size && s->offset + s->size <= SLM_HEADER_BYTES + info->index_size);
    }
    CHECK(slm_reader_metadata(reader, info->metadata) == NULL && slm_reader_source(reader, info->sources) == NULL &&
          slm_reader_profile(reader, info->profiles) == NULL && slm_reader_section(reader, info->sections) == NULL);
}

/* Reading any part of any payload works, or says CHECKSUM. */
static void read_payloads(const fuzz_slm *slm, const slm_file_info *info) {
    uint64_t state = fuzz_seed(slm->bytes, slm->size);
    for (size_t i = 0; i < info->payloads; i++) {
        const slm_payload *p = slm_reader_payload(slm->memory, i);
        const uint64_t offset = fuzz_below(&state, p->size + 1), size = fuzz_below(&state, p->size - offset + 1);
        uint8_t *a = fuzz_copy(slm->bytes, (size_t)size), *b = fuzz_copy(slm->bytes, (size_t)size);
        slm_error x = {0}, y = {0};
        const slm_status one = slm_reader_read(slm->memory, i, offset, size, a, &x);
        const slm_status two = slm_reader_read(slm->callback, i, offset, size, b, &y);
        fuzz_same_error(one, &x, two, &y);
        CHECK(one == SLM_OK || one == SLM_E_CHECKSUM);
        CHECK(one != SLM_OK || (memcmp(a, b, (size_t)size) == 0 && memcmp(a, slm->bytes + p->offset + offset, (size_t)size) == 0));
        free(a);
        free(b);
        CHECK(slm_reader_read(slm->memory, i, p->size, 1, NULL, NULL) == SLM_E_ARGUMENT);
    }
}

static bool look(const uint8_t *data, size_t size, bool mend) {
    fuzz_slm slm;
    if (!fuzz_open_slm(&slm, data, size, mend, NULL))
        return false;
    const slm_file_info *info = slm_reader_info(slm.memory);
    CHECK(memcmp(info, slm_reader_info(slm.callback), sizeof *info) == 0 && info->file_size == size);
    walk_tensors(slm.memory, info);
    walk_payloads(slm.memory, info);
    walk_texts(slm.memory, info);
    read_payloads(&slm, info);
    fuzz_close_slm(&slm);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!look(data, size, false))
        (void)look(data, size, true);
    return 0;
}
