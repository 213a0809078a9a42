/* The small parts of the container: UTF-8, quoting, sorted names, ranges, hashes in pieces, scales. */
#include <stdio.h>

#include "container_fixture.h"

#include "container/alloc.h"
#include "container/names.h"
#include "container/ranges.h"
#include "container/tensor.h"
#include "container/utf8.h"
#include "decode/round.h"

static size_t check(const char *text, size_t length) { return slmi_utf8_check((const uint8_t *)text, length); }

static void test_utf8(void **state) {
    (void)state;
    /* Every character of Unicode, encoded here, is accepted; surrogates are not. */
    for (uint32_t c = 1; c < 0x110000; c++) {
        uint8_t text[4];
        size_t n;
        if (c < 0x80) {
            n = 1;
            text[0] = (uint8_t)c;
        } else if (c < 0x800) {
            n = 2;
            text[0] = (uint8_t)(0xC0 | c >> 6);
        } else if (c < 0x10000) {
            n = 3;
            text[0] = (uint8_t)(0xE0 | c >> 12);
        } else {
            n = 4;
            text[0] = (uint8_t)(0xF0 | c >> 18);
        }
        for (size_t i = 1; i < n; i++)
            text[i] = (uint8_t)(0x80 | (c >> (6 * (n - 1 - i)) & 0x3F));
        const bool surrogate = c >= 0xD800 && c < 0xE000;
        if ((slmi_utf8_check(text, n) == n) == surrogate)
            fail_msg("U+%04X", c);
        if (n > 1)
            assert_int_equal(slmi_utf8_check(text, n - 1), 0); /* cut off */
    }
    assert_int_equal(check("", 0), 0);
    assert_int_equal(check("ab\0c", 4), 2);
    assert_int_equal(check("a\x80", 2), 1);
    assert_int_equal(check("\xC0\x80", 2), 0);             /* overlong */
    assert_int_equal(check("\xC1\xBF", 2), 0);             /* overlong */
    assert_int_equal(check("\xE0\x9F\xBF", 3), 0);         /* overlong */
    assert_int_equal(check("\xF0\x8F\xBF\xBF", 4), 0);     /* overlong */
    assert_int_equal(check("\xF4\x90\x80\x80", 4), 0);     /* above U+10FFFF */
    assert_int_equal(check("\xF8\x88\x80\x80\x80", 5), 0); /* five bytes */
    assert_int_equal(check("\xFF", 1), 0);
}

static void test_quote(void **state) {
    (void)state;
    char quoted[SLMI_QUOTED_BYTES];
    assert_string_equal(slmi_quote(quoted, "a.b", 3), "\"a.b\"");
    assert_string_equal(slmi_quote(quoted, "", 0), "\"\"");
    assert_string_equal(slmi_quote(quoted, "\x1b[31m\n", 6), "\"\\x1b[31m\\x0a\"");
    assert_string_equal(slmi_quote(quoted, "\"\\", 2), "\"\\x22\\x5c\"");
    assert_string_equal(slmi_quote(quoted, "\xE2\x80\xAE", 3), "\"\\xe2\\x80\\xae\""); /* a direction mark */
    assert_string_equal(slmi_quote(quoted, "\xC2\x9B", 2), "\"\\xc2\\x9b\"");          /* a C1 control character */
    assert_string_equal(slmi_quote(quoted, "\xE2\x82\xAC\xFF", 4), "\"\xE2\x82\xAC\\xff\"");
    char name[300];
    for (size_t length = 0; length < sizeof name; length++) {
        for (size_t i = 0; i < length; i++)
            name[i] = (char)(i % 7 == 0 ? 1 : i % 5 == 0 ? 0xE2 : 'x');
        assert_true(strlen(slmi_quote(quoted, name, length)) < SLMI_QUOTED_BYTES);
        assert_int_equal(quoted[strlen(quoted) - 1], '"');
    }
}

static int compare_names(const void *a, const void *b) {
    const slmi_name *x = a, *y = b;
    const size_t shorter = x->length < y->length ? x->length : y->length;
    int order = memcmp(x->bytes, y->bytes, shorter);
    if (order == 0)
        order = (x->length > y->length) - (x->length < y->length);
    return order != 0 ? order : (x->index > y->index) - (x->index < y->index);
}

static void test_names(void **state) {
    (void)state;
    const slm_allocator allocator = slmi_allocator(NULL);
    uint64_t random = 5;
    for (unsigned round = 0; round < 3000; round++) {
        enum { MOST = 40 };
        char bytes[MOST][12];
        slmi_name names[MOST], sorted[MOST];
        const uint32_t count = (uint32_t)(next_random(&random) % MOST), letters = 1 + (uint32_t)(next_random(&random) % 4);
        uint32_t expected = UINT32_MAX, duplicate;
        for (uint32_t i = 0; i < count; i++) {
            const uint32_t length = (uint32_t)(next_random(&random) % 12);
            for (uint32_t k = 0; k < length; k++)
                bytes[i][k] = (char)(0x7E + next_random(&random) % letters); /* on both sides of the sign bit */
            names[i] = sorted[i] = (slmi_name){bytes[i], length, i};
            for (uint32_t k = 0; k < i && expected == UINT32_MAX; k++) {
                if (names[k].length == length && memcmp(bytes[k], bytes[i], length) == 0)
                    expected = i;
            }
        }
        qsort(sorted, count, sizeof sorted[0], compare_names);
        assert_true(slmi_names_sort(&allocator, names, count, &duplicate));
        assert_int_equal(duplicate, expected);
        for (uint32_t i = 0; i < count; i++) {
            assert_int_equal(names[i].index, sorted[i].index);
            const uint32_t at = slmi_names_find(names, count, names[i].bytes, names[i].length);
            assert_true(at < count);
            assert_int_equal(names[at].length, names[i].length);
            assert_memory_equal(names[at].bytes, names[i].bytes, names[i].length);
        }
        assert_int_equal(slmi_names_find(names, count, "not there", 9), count);
    }
}

/* Names that share nearly all of their bytes are the worst case of a plain sort; here they cost about as much as reading them. */
static void test_hostile_names(void **state) {
    (void)state;
    enum { COUNT = 4000, LENGTH = 20000 };
    const slm_allocator allocator = slmi_allocator(NULL);
    char *bytes = malloc((size_t)COUNT * LENGTH);
    slmi_name *names = malloc(COUNT * sizeof *names);
    uint32_t duplicate;
    memset(bytes, 'a', (size_t)COUNT * LENGTH);
    for (uint32_t i = 0; i < COUNT; i++) {
        names[i] = (slmi_name){bytes + (size_t)i * LENGTH, LENGTH, i};
        store_u32((uint8_t *)bytes + (size_t)i * LENGTH + LENGTH - 4, i * 2654435761U);
    }
    assert_true(slmi_names_sort(&allocator, names, COUNT, &duplicate));
    assert_int_equal(duplicate, UINT32_MAX);
    for (uint32_t i = 1; i < COUNT; i++)
        assert_true(compare_names(&names[i - 1], &names[i]) < 0);
    free(names);
    free(bytes);
}

static void test_ranges(void **state) {
    (void)state;
    const slm_allocator allocator = slmi_allocator(NULL);
    uint64_t random = 9;
    for (unsigned round = 0; round < 500; round++) {
        enum { SIZE = 64 };
        bool there[SIZE] = {false};
        slmi_ranges ranges = {0};
        for (unsigned step = 0; step < 60; step++) {
            const unsigned from = (unsigned)(next_random(&random) % SIZE),
                           to = from + 1 + (unsigned)(next_random(&random) % (SIZE - from)) % 9;
            bool touch = false;
            for (unsigned i = from; i < to && i < SIZE; i++)
                touch = touch || there[i];
            assert_int_equal(slmi_ranges_touch(&ranges, from, to), touch);
            if (touch || to > SIZE)
                continue;
            slmi_range joined;
            assert_true(slmi_ranges_add(&ranges, &allocator, from, to, &joined));
            for (unsigned i = from; i < to; i++)
                there[i] = true;
            unsigned low = from, high = to;
            while (low > 0 && there[low - 1])
                low--;
            while (high < SIZE && there[high])
                high++;
            assert_int_equal(joined.from, low);
            assert_int_equal(joined.to, high);
            unsigned gap = 0;
            while (gap < SIZE && there[gap])
                gap++;
            assert_int_equal(slmi_ranges_gap(&ranges, SIZE), gap);
        }
        slmi_free(&allocator, ranges.items);
    }
}

static void test_hash(void **state) {
    (void)state;
    uint8_t bytes[5000];
    random_bytes(1, bytes, sizeof bytes);
    assert_true(slmi_hash(bytes, 0) == UINT64_C(0x2D06800538D394C2)); /* the value the specification gives */
    uint64_t random = 3;
    for (size_t size = 0; size <= sizeof bytes; size += 1 + size / 7) {
        slmi_hasher hasher;
        slmi_hasher_start(&hasher);
        for (size_t at = 0; at < size;) {
            size_t part = (size_t)(next_random(&random) % 700);
            part = part < size - at ? part : size - at;
            slmi_hasher_add(&hasher, bytes + at, part);
            at += part;
        }
        assert_true(slmi_hasher_result(&hasher) == slmi_hash(bytes, size));
    }
}

/* The reader's rule for scales is the decoder's. */
static void test_scales(void **state) {
    (void)state;
    const slm_profile *profile;
    for (size_t i = 0; (profile = slm_profile_by_index(i)) != NULL; i++) {
        for (unsigned rotation = 0; rotation <= SLM_ROTATION_MAX; rotation += rotation == 0 ? SLM_ROTATION_MIN : 1) {
            const slm_coding coding = {*profile, (uint8_t)rotation, rotation != 0, 1024};
            slm_decoder decoder;
            OK(slm_decoder_init(&decoder, &coding, NULL));
            const bool power = scale_needs_power(profile, rotation);
            for (uint32_t scale = 0; scale < 65536; scale++)
                assert_int_equal(slmi_scale_is_legal((uint16_t)scale, power), slm_decoder_check_scale(&decoder, (uint16_t)scale) == SLM_OK);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8),   cmocka_unit_test(test_quote), cmocka_unit_test(test_names),  cmocka_unit_test(test_hostile_names),
        cmocka_unit_test(test_ranges), cmocka_unit_test(test_hash),  cmocka_unit_test(test_scales),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
