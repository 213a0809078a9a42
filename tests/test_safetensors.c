/* tests/test_safetensors.c: safetensors headers: every rule of the format broken once, and headers written and read again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "profile_text.h"
#include "safetensors.h"

static bool parse(safetensors *st, const char *header, size_t size, uint64_t data, fault *f) {
    char *copy = malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    memcpy(copy, header, size);
    return safetensors_parse(st, copy, size, data == UINT64_MAX ? UINT64_MAX : 8 + size + data, f);
}

typedef struct bad_header {
    const char *header;
    uint64_t data; /* bytes behind the header */
    fault_class kind;
    const char *words; /* in the message */
} bad_header;

/* A tensor "a", then what follows. */
#define T(name, dtype, shape, offsets) "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":[" shape "],\"data_offsets\":[" offsets "]}"

static const bad_header bad_headers[] = {
    {"", 0, FAULT_INPUT, "does not begin with '{'"},
    {" {}", 0, FAULT_INPUT, "does not begin with '{'"},
    {"[]", 0, FAULT_INPUT, "does not begin with '{'"},
    {"{\"a\":", 0, FAULT_INPUT, "not JSON"},
    {"{} x", 0, FAULT_INPUT, "not JSON"},
    {"{\"a\xff\":1}", 0, FAULT_INPUT, "not UTF-8"},
    {"{\"a\\ud800\":1}", 0, FAULT_INPUT, "not JSON"},
    {"{\"a\\u0000\":1}", 0, FAULT_UNSUPPORTED, "U+0000"},
    {"{" T("a", "U8", "1", "0,1") "," T("a", "U8", "1", "0,1") "}", 1, FAULT_INPUT, "duplicate"},
    {"{\"a\":1}", 0, FAULT_INPUT, "'a': its entry in the header is no object"},
    {"{\"a\":{\"shape\":[1],\"data_offsets\":[0,1]}}", 1, FAULT_INPUT, "'a': no 'dtype'"},
    {"{" T("a", "U9", "1", "0,1") "}", 1, FAULT_UNSUPPORTED, "'a': unknown dtype 'U9'"},
    {"{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}}", 1, FAULT_INPUT, "'a': no 'shape'"},
    {"{" T("a", "U8", "-1", "0,1") "}", 1, FAULT_INPUT, "'a': shape[0] is not an unsigned integer"},
    {"{" T("a", "U8", "1.0", "0,1") "}", 1, FAULT_INPUT, "'a': shape[0] is not an unsigned integer"},
    {"{" T("a", "U8", "9223372036854775808", "0,1") "}", 1, FAULT_INPUT, "does not fit 63 bits"},
    {"{" T("a", "U8", "4294967296,4294967296,0", "0,0") "}", 0, FAULT_INPUT, "'a': the product of its shape"},
    {"{" T("a", "F64", "4611686018427387904", "0,0") "}", 0, FAULT_INPUT, "'a': the size of its"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1]}}", 1, FAULT_INPUT, "'a': no 'data_offsets'"},
    {"{" T("a", "U8", "1", "0,1,2") "}", 1, FAULT_INPUT, "'a': no 'data_offsets', or not two"},
    {"{" T("a", "U8", "1", "0,\\\"1\\\"") "}", 1, FAULT_INPUT, "not JSON"},
    {"{" T("a", "U8", "0", "1,0") "}", 1, FAULT_INPUT, "'a': data_offsets run backwards"},
    {"{" T("a", "F32", "2", "0,7") "}", 7, FAULT_INPUT, "'a': data_offsets [0, 7] span 7 bytes, but shape and dtype F32 need 8"},
    {"{" T("a", "F4", "3", "0,2") "}", 2, FAULT_INPUT, "'a': 3 elements of F4 (4 bits each) are no whole number of bytes"},
    {"{" T("a", "F6_E2M3", "2", "0,2") "}", 2, FAULT_INPUT, "no whole number of bytes"},
    {"{" T("a", "U8", "1", "1,2") "}", 2, FAULT_INPUT, "hole in the data: tensor 'a'"},
    {"{" T("a", "U8", "1", "0,1") "," T("b", "U8", "1", "2,3") "}", 3, FAULT_INPUT, "hole in the data: tensor 'b' begins at byte 2"},
    {"{" T("a", "U8", "2", "0,2") "," T("b", "U8", "2", "1,3") "}", 3, FAULT_INPUT, "overlap in the data: tensor 'b' begins at byte 1"},
    {"{" T("a", "U8", "2", "0,2") "," T("b", "U8", "2", "0,2") "}", 2, FAULT_INPUT, "overlap in the data"},
    {"{" T("a", "U8", "2", "0,2") "}", 1, FAULT_INPUT, "truncated"},
    {"{" T("a", "U8", "2", "0,2") "}", 3, FAULT_INPUT, "belong to no tensor"},
    {"{\"__metadata__\":[]}", 0, FAULT_INPUT, "__metadata__ is no object"},
    {"{\"__metadata__\":{\"k\":1}}", 0, FAULT_INPUT, "__metadata__: the value of 'k' is no string"},
};

static void test_bad_headers(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof bad_headers / sizeof bad_headers[0]; i++) {
        const bad_header *bad = &bad_headers[i];
        safetensors st;
        fault f = {0};
        if (parse(&st, bad->header, strlen(bad->header), bad->data, &f))
            fail_msg("accepted: %s", bad->header);
        if (f.kind != bad->kind || strstr(f.text, bad->words) == NULL)
            fail_msg("%s: kind %d, \"%s\", wanted \"%s\"", bad->header, (int)f.kind, f.text, bad->words);
        assert_null(st.header);
        assert_null(st.tensors);
    }
}

static void test_nesting(void **state) {
    (void)state;
    static char header[100000];
    memset(header, '[', sizeof header);
    memcpy(header, "{\"a\":", 5);
    safetensors st;
    fault f;
    assert_false(parse(&st, header, sizeof header, 0, &f));
    assert_non_null(strstr(f.text, "nested deeper"));
}

static void test_header_size(void **state) {
    (void)state;
    size_t size;
    fault f;
    uint8_t bytes[8] = {0x00, 0xE1, 0xF5, 0x05}; /* 100,000,000 */
    assert_true(safetensors_header_size(bytes, UINT64_MAX, &size, &f));
    assert_int_equal(size, 100000000);
    assert_false(safetensors_header_size(bytes, 1000, &size, &f));
    assert_non_null(strstr(f.text, "truncated"));
    bytes[0] = 1;
    assert_false(safetensors_header_size(bytes, UINT64_MAX, &size, &f));
    assert_non_null(strstr(f.text, "100000001"));
    uint8_t small[8] = {1};
    assert_false(safetensors_header_size(small, 1000, &size, &f));
}

/* What is legal though odd: order in the header is not order in the data, empty tensors, scalars, unknown members, spaces, U+0000 in
 * metadata. */
static void test_odd_headers(void **state) {
    (void)state;
    static const char header[] = "{" T("z", "F32", "2", "4,12") "," T("e", "F16", "0,5", "4,4") "," T(
        "s", "I32", "",
        "0,4") ","
               "\"__metadata__\":{\"k\":\"\\u0000\"},\"f\":{\"dtype\":\"F4\",\"shape\":[2],\"data_offsets\":[12,13],\"x\":[1.5]}}   ";
    safetensors st;
    fault f;
    if (!parse(&st, header, sizeof header - 1, 13, &f))
        fail_msg("%s", f.text);
    assert_int_equal(st.count, 4);
    assert_int_equal(st.data_size, 13);
    assert_int_equal(st.header_size, sizeof header - 1);
    assert_memory_equal(st.header, header, sizeof header - 1);
    static const char *const order[] = {"s", "e", "z", "f"};
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(st.tensors[i].name, order[i]);
        assert_ptr_equal(safetensors_find(&st, order[i], 1), &st.tensors[i]);
    }
    assert_null(safetensors_find(&st, "", 0));
    assert_null(safetensors_find(&st, "zz", 2));
    assert_int_equal(st.tensors[0].rank, 0);
    assert_int_equal(st.tensors[0].elements, 1);
    assert_int_equal(st.tensors[1].elements, 0);
    safetensors_free(&st);
}

static void test_no_tensors(void **state) {
    (void)state;
    safetensors st;
    fault f;
    assert_true(parse(&st, "{}", 2, 0, &f));
    assert_int_equal(st.count, 0);
    safetensors_free(&st);
}

static void test_compose(void **state) {
    (void)state;
    static const char original[] = "{" T("a", "F32", "2,3", "0,24") "," T("\\u00e4\\n", "BF16", "", "24,26") "}";
    safetensors st, again;
    fault f;
    char *header;
    size_t size;
    assert_true(parse(&st, original, sizeof original - 1, 26, &f));
    assert_true(safetensors_compose(st.tensors, st.count, &header, &size, &f));
    assert_int_equal(size % 8, 0);
    assert_true(safetensors_parse(&again, header, size, 8 + size + 26, &f));
    assert_int_equal(again.count, 2);
    assert_string_equal(again.tensors[1].name, "\xC3\xA4\n");
    assert_int_equal(again.tensors[0].shape[1], 3);
    safetensors_free(&again);
    safetensors_free(&st);
}

static void test_convert(void **state) {
    (void)state;
    static const char original[] = "{\"__metadata__\":{\"format\":\"pt\"}," T("b", "F32", "2", "3,11") "," T("a", "U8", "3", "0,3") "," T(
        "c", "F64", "1", "11,19") "}";
    safetensors st;
    fault f;
    char *header;
    size_t size;
    assert_true(parse(&st, original, sizeof original - 1, 19, &f));
    assert_true(safetensors_convert(&st, SLM_F16, &header, &size, &f));
    static const char wanted[] =
        "{\"__metadata__\":{\"format\":\"pt\"}," T("b", "F16", "2", "3,7") "," T("a", "U8", "3", "0,3") "," T("c", "F64", "1", "7,15") "}";
    assert_memory_equal(header, wanted, sizeof wanted - 1);
    assert_int_equal(size, (sizeof wanted - 1 + 7) / 8 * 8);
    free(header);
    safetensors_free(&st);
}

static void test_profiles(void **state) {
    (void)state;
    slm_profile p;
    fault f;
    char text[PROFILE_TEXT_SIZE];
    assert_true(profile_from_text("slm-3", &p, &f));
    assert_string_equal(profile_to_text(&p, text), "slm-3");
    assert_true(profile_from_text("block", &p, &f)); /* the defaults are paper-4 */
    assert_string_equal(profile_to_text(&p, text), "paper-4");
    assert_true(profile_from_text("trellis,k=2", &p, &f));
    assert_string_equal(profile_to_text(&p, text), "slm-2");
    assert_true(profile_from_text("block,C=8,P=6,K=13,W=4,step=2,E=1,B=3,norm=0", &p, &f));
    assert_int_equal(p.taps, slm_lfsr_table6(13));
    slm_profile again;
    assert_true(profile_from_text(profile_to_text(&p, text), &again, &f));
    assert_memory_equal(text, "block,C=8,P=6,K=13", 18);
    assert_int_equal(again.step, 2);
    static const char *const bad[] = {"",          "slm-7",        "block,C",       "block,C=",   "block,C=x", "block,C=256",
                                      "block,k=2", "trellis,B=2",  "block,C=8,C=8", "block,K=25", "block,Q=1", "trellis,K=16,taps=2",
                                      "block,C=0", "trellis,k=16", "block,C=-1",    "blocks,C=8"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (profile_from_text(bad[i], &p, &f))
            fail_msg("accepted: \"%s\"", bad[i]);
        assert_int_equal(f.kind, FAULT_USAGE);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_headers), cmocka_unit_test(test_nesting),    cmocka_unit_test(test_header_size),
        cmocka_unit_test(test_odd_headers), cmocka_unit_test(test_no_tensors), cmocka_unit_test(test_compose),
        cmocka_unit_test(test_convert),     cmocka_unit_test(test_profiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
