/* Rules about whole sections broken on purpose: files put together anew from the sections of a sound one. */
#include "container_malformed.h"

typedef struct part {
    uint32_t type, flags;
    uint8_t *body;
    size_t size;
} part;

typedef struct parts {
    part items[80];
    size_t count;
} parts;

static parts take_apart(void) {
    parts p = {.count = 0};
    const size_t end = 64 + (size_t)load_u64(sound + 32);
    for (size_t at = 64; at < end;) {
        part *section = &p.items[p.count++];
        section->type = load_u32(sound + at);
        section->flags = load_u32(sound + at + 4);
        section->size = (size_t)load_u64(sound + at + 8);
        section->body = malloc(section->size + 1);
        memcpy(section->body, sound + at + 16, section->size);
        at += 16 + ((section->size + 7) & ~(size_t)7);
    }
    return p;
}

static part *find_part(parts *p, uint32_t type) {
    for (size_t i = 0; i < p->count; i++) {
        if (p->items[i].type == type)
            return &p->items[i];
    }
    return NULL;
}

static void remove_part(parts *p, uint32_t type) {
    part *at = find_part(p, type);
    free(at->body);
    memmove(at, at + 1, (size_t)(&p->items[p->count] - at - 1) * sizeof *at);
    p->count--;
}

static void insert_part(parts *p, size_t at, uint32_t type, uint32_t flags, size_t size) {
    memmove(&p->items[at + 1], &p->items[at], (p->count - at) * sizeof p->items[0]);
    p->count++;
    p->items[at] = (part){type, flags, calloc(size + 1, 1), size};
}

/* Changes a section's size by `change` bytes, zeros at its end. */
static void resize_part(parts *p, uint32_t type, int change) {
    part *at = find_part(p, type);
    uint8_t *body = calloc((size_t)((int)at->size + change) + 1, 1);
    memcpy(body, at->body, change < 0 ? (size_t)((int)at->size + change) : at->size);
    free(at->body);
    at->body = body;
    at->size = (size_t)((int)at->size + change);
}

/* Puts a file together with the sections as they are, the payloads of the sound file moved to where the new index leaves them. Frees the
 * parts. */
static uint8_t *put_together(parts *p, size_t *size) {
    size_t index_size = 0;
    for (size_t i = 0; i < p->count; i++)
        index_size += 16 + ((p->items[i].size + 7) & ~(size_t)7);
    const size_t start = (64 + index_size + 63) & ~(size_t)63, was = (64 + (size_t)load_u64(sound + 32) + 63) & ~(size_t)63;
    *size = start + (sound_size - was);
    uint8_t *file = calloc(*size, 1);
    memcpy(file, sound, 64);
    memcpy(file + start, sound + was, sound_size - was);
    part *payloads = find_part(p, SLM_SECTION_PAYLOADS);
    for (uint32_t i = 0; payloads != NULL && payloads->size >= 8 + 32 * ((size_t)i + 1); i++) {
        uint8_t *offset = payloads->body + 8 + 32 * (size_t)i;
        store_u64(offset, load_u64(offset) + start - was);
    }
    size_t at = 64;
    for (size_t i = 0; i < p->count; i++) {
        store_u32(file + at, p->items[i].type);
        store_u32(file + at + 4, p->items[i].flags);
        store_u64(file + at + 8, p->items[i].size);
        memcpy(file + at + 16, p->items[i].body, p->items[i].size);
        at += 16 + ((p->items[i].size + 7) & ~(size_t)7);
        free(p->items[i].body);
    }
    store_u64(file + 24, *size);
    store_u64(file + 32, index_size);
    reseal(file);
    return file;
}

static void expect_parts(const char *what, parts *p, slm_status status, const char *rule) {
    size_t size;
    uint8_t *file = put_together(p, &size);
    expect(what, file, size, status, rule);
    free(file);
}

static void test_sections(void **state) {
    (void)state;
    parts p = take_apart();
    expect_parts("nothing changed", &p, SLM_OK, "");
    for (uint32_t type = 1; type <= 6; type++) {
        const bool optional = type == SLM_SECTION_METADATA || type == SLM_SECTION_SOURCES;
        p = take_apart();
        remove_part(&p, type);
        expect_parts("section missing", &p, optional ? SLM_OK : SLM_E_INDEX, optional ? "" : "SEC-5");
        p = take_apart();
        find_part(&p, type)->flags ^= 1;
        expect_parts("section flag", &p, SLM_E_INDEX, "SEC-6");
        p = take_apart();
        find_part(&p, type)->flags ^= 2;
        expect_parts("reserved section flag", &p, SLM_E_INDEX, "SEC-2");
        p = take_apart();
        resize_part(&p, type, 8);
        static const char *const longer[] = {"", "PRO-1", "SEC-10", "SEC-10", "SEC-10", "PAY-3", "SUM-3"};
        expect_parts("section longer", &p, SLM_E_INDEX, longer[type]);
        p = take_apart();
        resize_part(&p, type, -1);
        static const char *const shorter[] = {"", "PRO-1", "SEC-10", "SEC-10", "SEC-10", "PAY-3", "SUM-3"};
        expect_parts("section shorter", &p, SLM_E_INDEX, shorter[type]);
        p = take_apart();
        insert_part(&p, type, type, optional ? 0 : 1, 16);
        expect_parts("section twice", &p, SLM_E_INDEX, "SEC-3");
        p = take_apart();
        resize_part(&p, type, -(int)find_part(&p, type)->size);
        if (type != SLM_SECTION_PAYLOADS)
            expect_parts("section empty", &p, SLM_E_INDEX, type == SLM_SECTION_CHECKSUMS ? "SUM-3" : "SEC-10");
        else
            expect_parts("section empty", &p, SLM_E_INDEX, "SEC-10");
    }
    p = take_apart();
    insert_part(&p, 0, 0, 0, 0);
    expect_parts("type 0", &p, SLM_E_INDEX, "SEC-3");
    p = take_apart();
    insert_part(&p, 0, 7, 0, 0);
    expect_parts("order", &p, SLM_E_INDEX, "SEC-3");
    p = take_apart();
    insert_part(&p, p.count, 7, 1, 5);
    expect_parts("unknown, must-understand", &p, SLM_E_FEATURE, "SEC-7");
    p = take_apart();
    insert_part(&p, 0, 0x80000000, 3, 5);
    expect_parts("unknown, must-understand, and more", &p, SLM_E_FEATURE, "SEC-7");
    p = take_apart();
    insert_part(&p, p.count, 7, 0, 5);
    insert_part(&p, p.count, 0x80000001, 0, 1000);
    memset(p.items[p.count - 1].body, 0xDB, 1000);
    expect_parts("unknown, ignored", &p, SLM_OK, "");
    p = take_apart();
    for (uint32_t i = 0; p.count < 64; i++)
        insert_part(&p, p.count, 100 + i, 0, i % 9);
    expect_parts("64 sections", &p, SLM_OK, "");
    p = take_apart();
    for (uint32_t i = 0; p.count < 65; i++)
        insert_part(&p, p.count, 100 + i, 0, i % 9);
    expect_parts("65 sections", &p, SLM_E_LIMIT, "SEC-9");
    /* Padding behind a body of 5 bytes. */
    p = take_apart();
    insert_part(&p, p.count, 7, 0, 5);
    size_t size;
    uint8_t *file = put_together(&p, &size);
    file[section_body(file, 7) + 7] = 1;
    reseal(file);
    expect("padding behind a section", file, size, SLM_E_INDEX, "SEC-4");
    free(file);
    /* A head that is cut off by the index's end, and bodies beyond it. */
    p = take_apart();
    insert_part(&p, p.count, 7, 0, 16);
    file = put_together(&p, &size);
    const size_t body = section_body(file, 7);
    store_u64(file + body - 8, 0); /* leaves 16 bytes for another head: type 0 */
    reseal(file);
    expect("index goes on with zeros", file, size, SLM_E_INDEX, "SEC-3");
    static const uint64_t sizes[] = {17, 24, 1 << 20, UINT64_MAX, UINT64_MAX - 7, UINT64_MAX - 8, (uint64_t)1 << 63};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        store_u64(file + body - 8, sizes[i]);
        reseal(file);
        expect("section beyond the index", file, size, SLM_E_INDEX, "SEC-1");
    }
    store_u64(file + body - 8, 8);
    reseal(file);
    expect("index ends inside a head", file, size, SLM_E_INDEX, "SEC-1");
    free(file);
}

static void test_duplicates(void **state) {
    (void)state;
    parts p = take_apart();
    part *metadata = find_part(&p, SLM_SECTION_METADATA);
    free(metadata->body);
    metadata->size = 8 + 2 * 16;
    metadata->body = calloc(metadata->size, 1);
    store_u32(metadata->body, 2);
    for (size_t i = 0; i < 2; i++) {
        store_u32(metadata->body + 8 + 16 * i, 3);
        store_u32(metadata->body + 12 + 16 * i, i == 0 ? 5 : 0);
        memcpy(metadata->body + 16 + 16 * i, i == 0 ? "keyvalue" : "key\0\0\0\0\0", 8);
    }
    expect_parts("duplicate key", &p, SLM_E_INDEX, "MET-4");
    static const char *const names[][2] = {{"a", "a"}, {"", ""}, {".", "b"}, {"..", "b"}, {"...", "b"}};
    for (size_t n = 0; n < 5; n++) {
        p = take_apart();
        part *sources = find_part(&p, SLM_SECTION_SOURCES);
        free(sources->body);
        sources->size = 8 + 2 * 24;
        sources->body = calloc(sources->size, 1);
        store_u32(sources->body, 2);
        size_t at = 8;
        for (size_t i = 0; i < 2; i++) {
            const size_t length = strlen(names[n][i]);
            store_u32(sources->body + at, i == 0 ? 9 : 0);
            store_u16(sources->body + at + 4, (uint16_t)length);
            memcpy(sources->body + at + 16, names[n][i], length);
            at += 16 + ((length + 7) & ~(size_t)7);
        }
        sources->size = at;
        expect_parts(names[n][0], &p, n == 4 ? SLM_OK : SLM_E_INDEX, n == 4 ? "" : n < 2 ? "SRC-6" : "SRC-5");
    }
    /* Payloads behind the tensors: count below the tensors', kinds that descend, two archives. */
    p = take_apart();
    part *payloads = find_part(&p, SLM_SECTION_PAYLOADS);
    store_u32(payloads->body, 3);
    payloads->size = 8 + 3 * 32;
    expect_parts("fewer payloads than tensors", &p, SLM_E_INDEX, "PAY-1");
    static const uint32_t kinds[][2] = {{3, 2}, {2, 2}, {2, 3}};
    for (size_t n = 0; n < 3; n++) {
        p = take_apart();
        resize_part(&p, SLM_SECTION_PAYLOADS, 32);
        payloads = find_part(&p, SLM_SECTION_PAYLOADS);
        uint8_t *last = payloads->body + 8 + 32 * 10;
        store_u32(payloads->body, 11);
        memcpy(last, last - 32, 32);
        store_u64(last, load_u64(last - 32) + 832); /* 777 rounded up */
        store_u64(last + 8, 0);
        store_u64(last + 16, load_u64(last - 16) + 1);
        store_u32(last - 32 + 24, kinds[n][0]);
        store_u32(last + 24, kinds[n][1]);
        expect_parts("payload kinds", &p, n == 2 ? SLM_OK : SLM_E_INDEX, n == 0 ? "PAY-5" : n == 1 ? "PAY-6" : "");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sections),
        cmocka_unit_test(test_duplicates),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
