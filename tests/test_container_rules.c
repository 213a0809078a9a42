/* Each rule of the container broken once on purpose: the status and the rule must be the specification's. Malformed files are made from a
 * sound one by patching fields and making the checksums right again; test_container_sections.c puts whole sections together anew. */
#include "container_malformed.h"

/* ---- Header ---- */

typedef struct header_case {
    const char *what;
    size_t at, width;
    uint64_t value;
    bool sealed; /* header_sum is made right */
    slm_status status;
    const char *rule;
} header_case;

static void test_header(void **state) {
    (void)state;
    const header_case cases[] = {
        {"magic", 0, 1, 0x88, true, SLM_E_MAGIC, "HDR-1"},
        {"text mode", 4, 2, 0x0A0A, true, SLM_E_MAGIC, "HDR-1"},
        {"major 2", 8, 2, 2, true, SLM_E_VERSION, "HDR-3"},
        {"major 0", 8, 2, 0, false, SLM_E_VERSION, "HDR-3"},
        {"minor 1", 10, 2, 1, true, SLM_OK, ""},
        {"minor 65535", 10, 2, 65535, true, SLM_OK, ""},
        {"header sum", 56, 1, 0, false, SLM_E_CHECKSUM, "HDR-5"},
        {"features_must", 16, 4, 1, true, SLM_E_FEATURE, "HDR-6"},
        {"features_must, private", 16, 4, 0x80000000, true, SLM_E_FEATURE, "HDR-6"},
        {"features_may", 20, 4, 0xFFFFFFFF, true, SLM_OK, ""},
        {"zero at 14", 14, 2, 0x100, true, SLM_E_INDEX, "HDR-8"},
        {"zero at 48", 48, 8, UINT64_C(1) << 63, true, SLM_E_INDEX, "HDR-8"},
        {"align 5", 12, 1, 5, true, SLM_E_LIMIT, "HDR-9"},
        {"align 17", 12, 1, 17, true, SLM_E_LIMIT, "HDR-9"},
        {"chunk 11", 13, 1, 11, true, SLM_E_LIMIT, "HDR-10"},
        {"chunk 31", 13, 1, 31, true, SLM_E_LIMIT, "HDR-10"},
        {"index_size not a multiple of 8", 32, 8, 100, true, SLM_E_INDEX, "HDR-11"},
        {"index_size above 2^30", 32, 8, ((uint64_t)1 << 30) + 8, true, SLM_E_LIMIT, "HDR-12"},
        {"file_size 2^62", 24, 8, (uint64_t)1 << 62, true, SLM_E_LIMIT, "HDR-13"},
        {"file_size 2^64 - 1", 24, 8, UINT64_MAX, true, SLM_E_LIMIT, "HDR-13"},
        {"file_size below 2^62", 24, 8, ((uint64_t)1 << 62) - 64, true, SLM_E_TRUNCATED, "HDR-14"},
        {"file_size too small", 24, 8, sound_size - 64, true, SLM_E_INDEX, "HDR-15"},
        {"file_size 0", 24, 8, 0, true, SLM_E_INDEX, "HDR-15"},
        {"index beyond the file", 32, 8, (sound_size - 64 + 8) & ~(uint64_t)7, true, SLM_E_INDEX, "HDR-16"},
        {"index sum", 40, 8, 1, true, SLM_E_CHECKSUM, "HDR-17"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t *copy = malloc(sound_size);
        memcpy(copy, sound, sound_size);
        for (size_t k = 0; k < cases[i].width; k++)
            copy[cases[i].at + k] = (uint8_t)(cases[i].value >> (8 * k));
        if (cases[i].sealed)
            store_u64(copy + 56, slmi_hash(copy, 56));
        expect(cases[i].what, copy, sound_size, cases[i].status, cases[i].rule);
        free(copy);
    }
    expect("empty", sound, 0, SLM_E_TRUNCATED, "HDR-1");
    expect("5 bytes", sound, 5, SLM_E_TRUNCATED, "HDR-1");
    expect("5 other bytes", (const uint8_t *)"hello", 5, SLM_E_MAGIC, "HDR-1");
    expect("8 bytes", sound, 8, SLM_E_TRUNCATED, "HDR-2");
    expect("63 bytes", sound, 63, SLM_E_TRUNCATED, "HDR-2");
}

/* ---- Fields of items ---- */

/* Where item `number` of a section stands in the file. */
static size_t item(const uint8_t *file, uint32_t type, uint32_t number) {
    size_t at = section_body(file, type) + 8;
    for (uint32_t i = 0; i < number; i++) {
        uint64_t size = 32; /* of a profile, and of a payload's item */
        if (type == SLM_SECTION_TENSORS)
            size = 40 + 8 * (uint64_t)file[at + 2] + load_u16(file + at + 10);
        else if (type == SLM_SECTION_METADATA)
            size = 8 + (uint64_t)load_u32(file + at) + load_u32(file + at + 4);
        else if (type == SLM_SECTION_SOURCES)
            size = 16 + load_u16(file + at + 4) + load_u64(file + at + 8);
        at += (size_t)((size + 7) & ~(uint64_t)7);
    }
    return at;
}

/* The example's tensors and profiles, by what they are. */
enum { SCALAR = 0, EMPTY = 1, BOOLS = 2, F4S = 3, PAPER4 = 4, PAPER3 = 5, SLM4 = 6, SLM3 = 7, ODD = 8 };
enum { BLOCK_PROFILE = 0, TRELLIS_PROFILE = 2 };

typedef struct field_case {
    const char *what;
    uint32_t section, item;
    size_t at, width; /* in the item; SECTION: in the section's body */
    uint64_t value;
    slm_status status;
    const char *rule;
} field_case;

#define SECTION UINT32_MAX /* no item */

static void run_fields(const field_case *cases, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const field_case *c = &cases[i];
        uint8_t *copy = malloc(sound_size);
        memcpy(copy, sound, sound_size);
        uint8_t *at = copy + (c->item == SECTION ? section_body(copy, c->section) : item(copy, c->section, c->item)) + c->at;
        for (size_t k = 0; k < c->width; k++)
            at[k] = (uint8_t)(c->value >> (8 * k));
        reseal(copy);
        expect(c->what, copy, sound_size, c->status, c->rule);
        free(copy);
    }
}

#define RUN(cases) run_fields(cases, sizeof cases / sizeof cases[0])

static void test_profiles(void **state) {
    (void)state;
    const uint32_t s = SLM_SECTION_PROFILES, b = BLOCK_PROFILE, t = TRELLIS_PROFILE;
    const field_case cases[] = {
        {"count too large", s, SECTION, 0, 4, 4000, SLM_E_INDEX, "PRO-1"},
        {"count too small", s, SECTION, 0, 4, 1, SLM_E_INDEX, "PRO-1"},
        {"zero", s, SECTION, 4, 4, 1, SLM_E_INDEX, "SEC-12"},
        {"coding 0", s, b, 0, 1, 0, SLM_E_FEATURE, "PRO-2"},
        {"coding 3", s, b, 0, 1, 3, SLM_E_FEATURE, "PRO-2"},
        {"K 1", s, b, 1, 1, 1, SLM_E_PROFILE, "PRO-3"},
        {"K 25", s, b, 1, 1, 25, SLM_E_PROFILE, "PRO-3"},
        {"W 0", s, t, 3, 1, 0, SLM_E_PROFILE, "PRO-4"},
        {"W 17", s, t, 3, 1, 17, SLM_E_PROFILE, "PRO-4"},
        {"step 0", s, b, 2, 1, 0, SLM_E_PROFILE, "PRO-5"},
        {"step 65", s, b, 2, 1, 65, SLM_E_PROFILE, "PRO-5"},
        {"P 0", s, b, 4, 1, 0, SLM_E_PROFILE, "PRO-6"},
        {"P 17", s, b, 4, 1, 17, SLM_E_PROFILE, "PRO-6"},
        {"C 0", s, b, 5, 1, 0, SLM_E_PROFILE, "PRO-7"},
        {"C 65", s, b, 5, 1, 65, SLM_E_PROFILE, "PRO-7"},
        {"taps, bit 0 clear", s, b, 12, 4, 0x100A, SLM_E_PROFILE, "PRO-8"},
        {"taps, bit K", s, b, 12, 4, 0x1100B, SLM_E_PROFILE, "PRO-8"},
        {"taps, not primitive", s, b, 12, 4, 3, SLM_E_PROFILE, "PRO-9"},
        {"E 5", s, b, 6, 1, 5, SLM_E_PROFILE, "PRO-10"},
        {"B 1", s, b, 7, 1, 1, SLM_E_PROFILE, "PRO-11"},
        {"B 9", s, b, 7, 1, 9, SLM_E_PROFILE, "PRO-11"},
        {"norm 2", s, b, 8, 1, 2, SLM_E_PROFILE, "PRO-12"},
        {"norm with W 1", s, b, 3, 1, 1, SLM_E_PROFILE, "PRO-13"},
        {"block with k", s, b, 9, 1, 4, SLM_E_PROFILE, "PRO-14"},
        {"record of 84 bits", s, b, 4, 1, 16, SLM_E_PROFILE, "PRO-15"},
        {"k 0", s, t, 9, 1, 0, SLM_E_PROFILE, "PRO-16"},
        {"k 9", s, t, 9, 1, 9, SLM_E_PROFILE, "PRO-16"},
        {"trellis with E", s, t, 6, 1, 1, SLM_E_PROFILE, "PRO-17"},
        {"trellis with B", s, t, 7, 1, 2, SLM_E_PROFILE, "PRO-17"},
        {"trellis with norm", s, t, 8, 1, 1, SLM_E_PROFILE, "PRO-17"},
        {"zero at 10", s, t, 10, 2, 1, SLM_E_PROFILE, "PRO-18"},
        {"name not ASCII", s, t, 16, 1, 0x80, SLM_E_PROFILE, "PRO-19"},
        {"name goes on", s, t, 31, 1, 'x', SLM_E_PROFILE, "PRO-19"},
        {"other name", s, t, 16, 1, 'x', SLM_OK, ""},
        {"count above 4,096", s, SECTION, 0, 4, 4097, SLM_E_LIMIT, "PRO-22"},
    };
    RUN(cases);
    /* Norm 0 with many integer bits, in a record that still fits 64 bits. */
    uint8_t *copy = malloc(sound_size);
    memcpy(copy, sound, sound_size);
    uint8_t *profile = copy + item(copy, s, b);
    profile[8] = 0; /* norm */
    profile[7] = 8; /* B */
    profile[4] = 5; /* P: 16 + 4 + 40 bits; b = 16 + 8 - 2 + 3 = 25 */
    reseal(copy);
    expect("integer bits", copy, sound_size, SLM_E_PROFILE, "PRO-21");
    free(copy);
}

static void test_tensors(void **state) {
    (void)state;
    const uint32_t s = SLM_SECTION_TENSORS;
    const field_case cases[] = {
        {"count above the limit", s, SECTION, 0, 4, 1048577, SLM_E_LIMIT, "TEN-1"},
        {"count beyond the section", s, SECTION, 0, 4, 1048576, SLM_E_INDEX, "SEC-10"},
        {"count one too large", s, SECTION, 0, 4, 10, SLM_E_INDEX, "SEC-10"},
        {"count one too small", s, SECTION, 0, 4, 8, SLM_E_INDEX, "SEC-10"},
        {"zero", s, SECTION, 4, 4, 1, SLM_E_INDEX, "SEC-12"},
        {"coding 3", s, SCALAR, 0, 1, 3, SLM_E_FEATURE, "TEN-2"},
        {"coding 255", s, SLM4, 0, 1, 255, SLM_E_FEATURE, "TEN-2"},
        {"dtype 0", s, SCALAR, 1, 1, 0, SLM_E_FEATURE, "TEN-3"},
        {"dtype 23", s, SCALAR, 1, 1, 23, SLM_E_FEATURE, "TEN-3"},
        {"rank 33", s, SCALAR, 2, 1, 33, SLM_E_LIMIT, "TEN-4"},
        {"flag 3", s, SCALAR, 4, 2, 8, SLM_E_INDEX, "TEN-5"},
        {"flag 15", s, SLM4, 4, 2, 0x8001, SLM_E_INDEX, "TEN-5"},
        {"zero at 12", s, SCALAR, 12, 4, 1, SLM_E_INDEX, "TEN-6"},
        {"zero at 36", s, SCALAR, 36, 4, 1, SLM_E_INDEX, "TEN-6"},
        {"name not UTF-8", s, SCALAR, 40, 1, 0xFF, SLM_E_INDEX, "TEN-7"},
        {"name with U+0000", s, SCALAR, 41, 1, 0, SLM_E_INDEX, "TEN-7"},
        {"name with a control character", s, SCALAR, 41, 1, 7, SLM_OK, ""},
        {"padding", s, SCALAR, 47, 1, 1, SLM_E_INDEX, "TEN-9"},
        {"name longer than the section", s, ODD, 10, 2, 65535, SLM_E_INDEX, "SEC-10"},
        {"dimensions overflow", s, PAPER4, 40, 8, UINT64_C(1) << 60, SLM_E_LIMIT, "TEN-11"},
        {"2^62 bits", s, BOOLS, 40, 8, UINT64_C(1) << 59, SLM_E_LIMIT, "TEN-11"},
        {"2^62 bits, but for a zero", s, EMPTY, 48, 8, UINT64_C(1) << 57, SLM_E_LIMIT, "TEN-11"},
        {"2^61 bits, but for a zero", s, EMPTY, 48, 8, UINT64_C(1) << 56, SLM_OK, ""},
        {"half a byte", s, F4S, 48, 8, 3, SLM_E_INDEX, "TEN-12"},
        {"raw with rotation", s, SCALAR, 3, 1, 4, SLM_E_INDEX, "TEN-13"},
        {"raw with profile", s, SCALAR, 6, 2, 1, SLM_E_INDEX, "TEN-13"},
        {"raw with sign seed", s, SCALAR, 8, 2, 1, SLM_E_INDEX, "TEN-13"},
        {"raw with run length", s, SCALAR, 16, 8, 1, SLM_E_INDEX, "TEN-13"},
        {"raw with scales", s, SCALAR, 4, 2, 1, SLM_E_INDEX, "TEN-13"},
        {"coded integers", s, PAPER4, 1, 1, SLM_I32, SLM_E_INDEX, "TEN-14"},
        {"no such profile", s, PAPER4, 6, 2, 5, SLM_E_INDEX, "TEN-15"},
        {"profile of another coding", s, PAPER4, 6, 2, TRELLIS_PROFILE, SLM_E_INDEX, "TEN-16"},
        {"coded and empty", s, PAPER4, 40, 8, 0, SLM_E_INDEX, "TEN-17"},
        {"run length 0", s, PAPER4, 16, 8, 0, SLM_E_INDEX, "TEN-18"},
        {"run length does not divide", s, PAPER4, 16, 8, 299, SLM_E_INDEX, "TEN-18"},
        {"source_sum without flag", s, SCALAR, 24, 8, 1, SLM_E_INDEX, "TEN-19"},
        {"error without flag", s, SCALAR, 32, 4, 0x3F800000, SLM_E_INDEX, "TEN-20"},
        {"error negative", s, PAPER4, 32, 4, 0xBF800000, SLM_E_INDEX, "TEN-20"},
        {"error -0", s, PAPER4, 32, 4, 0x80000000, SLM_E_INDEX, "TEN-20"},
        {"error infinite", s, PAPER4, 32, 4, 0x7F800000, SLM_E_INDEX, "TEN-20"},
        {"error NaN", s, PAPER4, 32, 4, 0x7FC00000, SLM_E_INDEX, "TEN-20"},
        {"error of a million", s, PAPER4, 32, 4, 0x49742400, SLM_OK, ""},
        {"rotation 3", s, SLM4, 3, 1, 3, SLM_E_PROFILE, "ROT-1"},
        {"rotation 11", s, SLM4, 3, 1, 11, SLM_E_PROFILE, "ROT-1"},
        {"rotation 255", s, SLM4, 3, 1, 255, SLM_E_PROFILE, "ROT-1"},
        {"rotation of longer segments", s, SLM4, 3, 1, 7, SLM_E_PROFILE, "ROT-2"},
        {"rotation without seed", s, SLM4, 8, 2, 0, SLM_E_PROFILE, "ROT-3"},
        {"seed without rotation", s, SLM4, 3, 1, 0, SLM_E_PROFILE, "ROT-3"},
        {"another rotation", s, SLM4, 3, 1, 6, SLM_OK, ""},
    };
    RUN(cases);
    uint8_t *copy = malloc(sound_size);
    memcpy(copy, sound, sound_size); /* FEATURE comes before other faults of a record: [ERR-4] */
    copy[item(copy, s, SCALAR)] = 9;
    copy[item(copy, s, SCALAR) + 12] = 9;
    copy[item(copy, s, SCALAR) + 2] = 99;
    reseal(copy);
    expect("unknown coding and more", copy, sound_size, SLM_E_FEATURE, "TEN-2");
    memcpy(copy, sound, sound_size);
    memcpy(copy + item(copy, s, PAPER4) + 56, "scalar", 6); /* two tensors of one name */
    reseal(copy);
    expect("duplicate name", copy, sound_size, SLM_E_INDEX, "TEN-8");
    memcpy(copy, sound, sound_size); /* integer bits that only the rotation makes too many */
    uint8_t *profile = copy + item(copy, SLM_SECTION_PROFILES, TRELLIS_PROFILE);
    profile[3] = 16; /* W */
    profile[4] = 16; /* P: b = 16 + 4, and 5 more with the rotation */
    reseal(copy);
    expect("integer bits with rotation", copy, sound_size, SLM_E_PROFILE, "TEN-22");
    free(copy);
}

static void test_metadata_and_sources(void **state) {
    (void)state;
    const uint32_t m = SLM_SECTION_METADATA, s = SLM_SECTION_SOURCES;
    const field_case cases[] = {
        {"count above the limit", m, SECTION, 0, 4, 65537, SLM_E_LIMIT, "MET-1"},
        {"count beyond the section", m, SECTION, 0, 4, 65536, SLM_E_INDEX, "SEC-10"},
        {"count too large", m, SECTION, 0, 4, 3, SLM_E_INDEX, "SEC-10"},
        {"count too small", m, SECTION, 0, 4, 1, SLM_E_INDEX, "SEC-10"},
        {"zero", m, SECTION, 4, 4, 1, SLM_E_INDEX, "SEC-12"},
        {"key not UTF-8", m, 0, 8, 1, 0x80, SLM_E_INDEX, "MET-2"},
        {"value not UTF-8", m, 0, 20, 1, 0xC1, SLM_E_INDEX, "MET-2"},
        {"value with U+0000", m, 0, 20, 1, 0, SLM_E_INDEX, "MET-2"},
        {"empty key", m, 1, 0, 8, UINT64_C(1) << 32, SLM_E_INDEX, "MET-3"},
        {"padding", m, 1, 15, 1, 1, SLM_E_INDEX, "MET-5"},
        {"key beyond the section", m, 1, 0, 4, 0xFFFFFFFF, SLM_E_INDEX, "SEC-10"},
        {"value beyond the section", m, 1, 4, 4, 0xFFFFFFF0, SLM_E_INDEX, "SEC-10"},
        {"no source", s, SECTION, 0, 4, 0, SLM_E_INDEX, "SRC-1"},
        {"count above the limit", s, SECTION, 0, 4, 65537, SLM_E_LIMIT, "SRC-2"},
        {"count beyond the section", s, SECTION, 0, 4, 65536, SLM_E_INDEX, "SEC-10"},
        {"count too large", s, SECTION, 0, 4, 3, SLM_E_INDEX, "SEC-10"},
        {"zero", s, SECTION, 4, 4, 1, SLM_E_INDEX, "SEC-12"},
        {"zero at 6", s, 0, 6, 2, 1, SLM_E_INDEX, "SRC-3"},
        {"padding", s, 0, 41, 1, 1, SLM_E_INDEX, "SRC-3"},
        {"too many tensors", s, 0, 0, 4, 7, SLM_E_INDEX, "SRC-4"},
        {"too few tensors", s, 1, 0, 4, 2, SLM_E_INDEX, "SRC-4"},
        {"2^32 - 1 tensors", s, 1, 0, 4, 0xFFFFFFFF, SLM_E_INDEX, "SRC-4"},
        {"name with a slash", s, 0, 16, 1, '/', SLM_E_INDEX, "SRC-5"},
        {"name with a backslash", s, 0, 18, 1, '\\', SLM_E_INDEX, "SRC-5"},
        {"name not UTF-8", s, 0, 16, 1, 0xFE, SLM_E_INDEX, "SRC-5"},
        {"name with U+0000", s, 0, 16, 1, 0, SLM_E_INDEX, "SRC-5"},
        {"header above 100,000,000", s, 0, 8, 8, 100000001, SLM_E_LIMIT, "SRC-7"},
        {"header beyond the section", s, 0, 8, 8, 100000000, SLM_E_INDEX, "SEC-10"},
        {"header of any bytes", s, 0, 31, 1, 0xFF, SLM_OK, ""},
    };
    RUN(cases);
}

static void test_payloads(void **state) {
    (void)state;
    const uint32_t s = SLM_SECTION_PAYLOADS, side = 9;
    const size_t offset = (size_t)load_u64(sound + item(sound, s, 1));
    const field_case cases[] = {
        {"fewer payloads than tensors", s, SECTION, 0, 4, 3, SLM_E_INDEX, "PAY-3"}, /* the body's size is looked at first */
        {"count above the limit", s, SECTION, 0, 4, 1114113, SLM_E_LIMIT, "PAY-2"},
        {"count too large", s, SECTION, 0, 4, 1114112, SLM_E_INDEX, "PAY-3"},
        {"zero", s, SECTION, 4, 4, 1, SLM_E_INDEX, "SEC-12"},
        {"a tensor's kind 2", s, 1, 24, 4, 2, SLM_E_INDEX, "PAY-4"},
        {"a tensor's flag clear", s, 1, 28, 4, 0, SLM_E_INDEX, "PAY-4"},
        {"a tensor's kind unknown, must-understand", s, 1, 24, 4, 77, SLM_E_FEATURE, "PAY-8"},
        {"kind 1 behind the tensors", s, side, 24, 4, 1, SLM_E_INDEX, "PAY-5"},
        {"kind 0 behind the tensors", s, side, 24, 4, 0, SLM_E_INDEX, "PAY-5"},
        {"side files must-understand", s, side, 28, 4, 1, SLM_E_INDEX, "PAY-6"},
        {"reserved flag", s, side, 28, 4, 2, SLM_E_INDEX, "PAY-7"},
        {"reserved flag of a tensor's", s, 1, 28, 4, 0x80000001, SLM_E_INDEX, "PAY-7"},
        {"kind unknown, must-understand", s, side, 24, 8, UINT64_C(0x100000003), SLM_E_FEATURE, "PAY-8"},
        {"kind unknown, private, must-understand, more flags", s, side, 24, 8, UINT64_C(0xF80000000), SLM_E_FEATURE, "PAY-8"},
        {"kind unknown, ignored", s, side, 24, 4, 3, SLM_OK, ""},
        {"kind private, ignored", s, side, 24, 4, 0xFFFFFFFF, SLM_OK, ""},
        {"offset", s, 1, 0, 8, offset + 64, SLM_E_INDEX, "PAY-10"},
        {"offset 0", s, 0, 0, 8, 0, SLM_E_INDEX, "PAY-10"},
        {"offset of the last", s, side, 0, 8, UINT64_MAX, SLM_E_INDEX, "PAY-10"},
        {"size beyond the file", s, side, 8, 8, sound_size, SLM_E_INDEX, "PAY-10"},
        {"size 2^64 - 1", s, side, 8, 8, UINT64_MAX, SLM_E_INDEX, "PAY-10"},
        {"size ends before the file", s, side, 8, 8, 700, SLM_E_INDEX, "PAY-11"},
        {"first_sum", s, 2, 16, 8, 77, SLM_E_INDEX, "PAY-12"},
        {"size of a tensor", s, PAPER4, 8, 8, 1, SLM_E_INDEX, "PAY-13"},
        {"size of an empty tensor", s, EMPTY, 8, 8, 8, SLM_E_INDEX, "PAY-13"},
    };
    RUN(cases);
}

/* ---- Payload bytes ---- */

typedef struct byte_case {
    const char *what;
    uint32_t payload;
    uint64_t at, width, value;
    bool sealed; /* the chunk's checksum is made right */
    slm_status status;
    const char *rule;
} byte_case;

static void test_payload_bytes(void **state) {
    (void)state;
    const byte_case cases[] = {
        {"chunk sum", PAPER4, 64, 1, 0xEE, false, SLM_E_CHECKSUM, "SUM-4"},
        {"chunk sum of side files", 9, 5, 2, 0, false, SLM_E_CHECKSUM, "SUM-4"},
        {"scale 0", PAPER4, 0, 2, 0, true, SLM_E_SCALE, "RUN-4"},
        {"scale infinite", PAPER4, 0, 2, 0x7F80, true, SLM_E_SCALE, "RUN-4"},
        {"scale NaN", PAPER3, 8, 2, 0x7FC0, true, SLM_E_SCALE, "RUN-4"},
        {"scale negative", PAPER3, 2, 2, 0xBF80, true, SLM_E_SCALE, "RUN-4"},
        {"scale subnormal", PAPER3, 2, 2, 0x0001, true, SLM_OK, ""},
        {"scale largest", PAPER3, 2, 2, 0x7F7F, true, SLM_OK, ""},
        {"padding behind the scale", PAPER4, 2, 1, 1, true, SLM_E_RECORD, "RUN-5"},
        {"padding before the codes", PAPER3, 63, 1, 0x80, true, SLM_E_RECORD, "RUN-5"},
        {"seed 0", PAPER4, 64, 2, 0, true, SLM_E_RECORD, "BLK-4"},
        {"seed 0 in the last block", PAPER4, 64 + 4 * 37, 2, 0, true, SLM_E_RECORD, "BLK-4"},
        {"padding bits, block", PAPER3, 64 + 14 - 1, 1, 0xF1, true, SLM_E_RECORD, "RUN-7"},
        {"padding bits, trellis", SLM3, 64 + 63, 1, 0xFF, true, SLM_E_RECORD, "RUN-7"},
        {"seed 0 in a trellis", SLM4, 64, 2, 0, true, SLM_OK, ""},
        {"padding behind a payload", SCALAR, 8, 1, 1, true, SLM_E_RECORD, "PAY-14"},
        {"padding behind the last payload", 9, 777, 1, 1, true, SLM_E_RECORD, "PAY-14"},
        {"padding before the first payload", SCALAR, UINT64_MAX, 1, 1, true, SLM_E_RECORD, "PAY-14"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const byte_case *c = &cases[i];
        uint8_t *copy = malloc(sound_size);
        memcpy(copy, sound, sound_size);
        const uint64_t offset = load_u64(copy + item(copy, SLM_SECTION_PAYLOADS, c->payload));
        for (uint64_t k = 0; k < c->width; k++)
            copy[offset + c->at + k] = (uint8_t)(c->value >> (8 * k));
        if (c->sealed)
            reseal_payloads(copy);
        expect(c->what, copy, sound_size, c->status, c->rule);
        free(copy);
    }
}

/* A scale that must be a power of two: entries of 15 bits make more than 16 integer bits. */
static void test_power_scale(void **state) {
    (void)state;
    uint8_t *copy = malloc(sound_size);
    for (unsigned odd = 0; odd < 2; odd++) {
        memcpy(copy, sound, sound_size);
        copy[item(copy, SLM_SECTION_PROFILES, TRELLIS_PROFILE) + 3] = 15; /* W of slm-4: b = 15 + 2 + 5 */
        const uint64_t offset = load_u64(copy + item(copy, SLM_SECTION_PAYLOADS, SLM4));
        copy[offset] |= (uint8_t)odd;
        reseal_payloads(copy);
        expect("power of two", copy, sound_size, odd ? SLM_E_SCALE : SLM_OK, odd ? "REC-8" : "");
    }
    free(copy);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header),      cmocka_unit_test(test_profiles),
        cmocka_unit_test(test_tensors),     cmocka_unit_test(test_metadata_and_sources),
        cmocka_unit_test(test_payloads),    cmocka_unit_test(test_payload_bytes),
        cmocka_unit_test(test_power_scale),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
