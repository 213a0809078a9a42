/* test_profile.c: the rules of a profile, its bytes, the named ones, sizes of runs; element types and their widening. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "slm/dtype.h"
#include "slm/profile.h"

static slm_profile block, trellis;

static void expect(const slm_profile *p, const char *rule) {
    const char *reason = NULL;
    const slm_status status = slm_profile_check(p, &reason);
    if (rule == NULL) {
        assert_int_equal(status, SLM_OK);
        assert_null(reason);
        return;
    }
    assert_int_equal(status, strcmp(rule, "[PRO-2]") == 0 ? SLM_E_FEATURE : SLM_E_PROFILE);
    assert_non_null(reason);
    if (strncmp(reason, rule, strlen(rule)) != 0)
        fail_msg("expected %s, got %s", rule, reason);
    assert_int_equal(slm_profile_check(p, NULL), status);
}

#define BROKEN(from, change, rule)                                                                                                         \
    do {                                                                                                                                   \
        slm_profile p = from;                                                                                                              \
        change;                                                                                                                            \
        expect(&p, rule);                                                                                                                  \
    } while (0)

static void rules(void **unused) {
    (void)unused;
    block = *slm_profile_by_name("paper-4");
    trellis = *slm_profile_by_name("slm-4");
    BROKEN(block, (void)p, NULL);
    BROKEN(trellis, (void)p, NULL);
    BROKEN(block, p.coding = 0, "[PRO-2]");
    BROKEN(block, p.coding = 3, "[PRO-2]");
    BROKEN(block, p.K = 1, "[PRO-3]");
    BROKEN(block, p.K = 25, "[PRO-3]");
    BROKEN(block, p.K = 0, "[PRO-3]");
    BROKEN(block, p.K = 255, "[PRO-3]");
    BROKEN(block, p.W = 0, "[PRO-4]");
    BROKEN(block, p.W = 17, "[PRO-4]");
    BROKEN(block, p.step = 0, "[PRO-5]");
    BROKEN(block, p.step = 65, "[PRO-5]");
    BROKEN(block, p.step = 64, NULL);
    BROKEN(block, p.P = 0, "[PRO-6]");
    BROKEN(block, p.P = 17, "[PRO-6]");
    BROKEN(block, p.C = 0, "[PRO-7]");
    BROKEN(block, p.C = 65, "[PRO-7]");
    BROKEN(block, p.C = 64, NULL);
    BROKEN(block, p.taps = 0x100a, "[PRO-8]");
    BROKEN(block, p.taps = 0x1100b, "[PRO-8]");
    BROKEN(block, p.taps = 0, "[PRO-8]");
    BROKEN(block, p.taps = 1, "[PRO-9]");
    BROKEN(block, p.taps = 0x100f, "[PRO-9]");
    BROKEN(block, p.E = 5, "[PRO-10]");
    BROKEN(block, p.B = 1, "[PRO-11]");
    BROKEN(block, p.B = 9, "[PRO-11]");
    BROKEN(block, p.norm = 2, "[PRO-12]");
    BROKEN(block, p.W = 1, "[PRO-13]");
    BROKEN(block, p.W = 2, NULL);
    BROKEN(block, p.k = 1, "[PRO-14]");
    BROKEN(block, p.P = 12, "[PRO-15]"); /* 16 + 4 + 48 = 68 */
    BROKEN(block, p.P = 11, NULL);       /* 64 */
    BROKEN(trellis, p.k = 0, "[PRO-16]");
    BROKEN(trellis, p.k = 9, "[PRO-16]");
    BROKEN(trellis, (p.K = 4, p.W = 4, p.taps = 3), "[PRO-16]");
    BROKEN(trellis, p.E = 1, "[PRO-17]");
    BROKEN(trellis, p.B = 4, "[PRO-17]");
    BROKEN(trellis, p.norm = 1, "[PRO-17]");
    BROKEN(trellis, p.name[2] = '\n', "[PRO-19]");
    BROKEN(trellis, p.name[8] = 'x', "[PRO-19]"); /* behind a zero */
    BROKEN(trellis, memset(p.name, 'n', 16), NULL);
    BROKEN(trellis, memset(p.name, 0, 16), NULL);
    BROKEN(trellis, (p.K = 24, p.W = 23, p.taps = 0x87), "[PRO-21]"); /* 23 + 2 = 25 bits */
    BROKEN(trellis, (p.K = 24, p.W = 22, p.taps = 0x87), NULL);
    BROKEN(block, (p.norm = 0, p.P = 10, p.B = 4, p.K = 24, p.W = 24, p.taps = 0x87, p.E = 0), "[PRO-21]");
}

static void bytes(void **unused) {
    (void)unused;
    static const uint8_t paper4[32] = {1, 16, 1, 16, 3, 8, 4, 4, 1, 0, 0, 0, 0x0b, 0x10, 0, 0, 'p', 'a', 'p', 'e', 'r', '-', '4'};
    static const uint8_t slm3[32] = {2, 16, 29, 4, 4, 1, 0, 0, 0, 3, 0, 0, 0x57, 0xab, 0, 0, 's', 'l', 'm', '-', '3'};
    uint8_t stored[32];
    slm_profile p;
    const char *reason;
    slm_profile_store(slm_profile_by_name("paper-4"), stored);
    assert_memory_equal(stored, paper4, 32);
    slm_profile_store(slm_profile_by_name("slm-3"), stored);
    assert_memory_equal(stored, slm3, 32);
    for (size_t i = 0; slm_profile_by_index(i) != NULL; i++) {
        const slm_profile *named = slm_profile_by_index(i);
        assert_ptr_equal(slm_profile_by_name(named->name), named);
        slm_profile_store(named, stored);
        assert_int_equal(slm_profile_parse(&p, stored, NULL), SLM_OK);
        assert_memory_equal(&p, named, sizeof p);
    }
    assert_null(slm_profile_by_name("slm-7"));
    assert_null(slm_profile_by_name(""));
    assert_null(slm_profile_by_index(10));
    stored[11] = 1;
    assert_int_equal(slm_profile_parse(&p, stored, &reason), SLM_E_PROFILE);
    assert_memory_equal(reason, "[PRO-18]", 8);
    stored[11] = 0, stored[0] = 7;
    assert_int_equal(slm_profile_parse(&p, stored, &reason), SLM_E_FEATURE);
    memset(stored, 0, sizeof stored);
    assert_int_equal(slm_profile_parse(&p, stored, NULL), SLM_E_FEATURE);
    memset(stored, 0xff, sizeof stored);
    stored[0] = 1;
    assert_int_equal(slm_profile_parse(&p, stored, NULL), SLM_E_PROFILE);
    /* A name that fills its sixteen bytes. */
    memcpy(stored, slm3, 32);
    memset(stored + 16, 'n', 16);
    assert_int_equal(slm_profile_parse(&p, stored, NULL), SLM_OK);
    assert_int_equal(strlen(p.name), 16);
}

static void sizes(void **unused) {
    (void)unused;
    const slm_profile *paper4 = slm_profile_by_name("paper-4"), *paper3 = slm_profile_by_name("paper-3"),
                      *slm3 = slm_profile_by_name("slm-3");
    assert_int_equal(slm_profile_record_bits(paper4), 32);
    assert_int_equal(slm_profile_record_bits(paper3), 36);
    assert_int_equal(slm_profile_blocks(paper4, 1), 1);
    assert_int_equal(slm_profile_blocks(paper4, 8), 1);
    assert_int_equal(slm_profile_blocks(paper4, 9), 2);
    assert_int_equal(slm_profile_blocks(paper4, UINT64_MAX), UINT64_C(1) << 61);
    assert_int_equal(slm_profile_run_bytes(paper4, 17), 12);
    assert_int_equal(slm_profile_run_bytes(paper3, 12), 5);
    assert_int_equal(slm_profile_run_bytes(paper3, 13), 9);
    assert_int_equal(slm_profile_run_bytes(paper3, 0), 0);
    assert_int_equal(slm_profile_run_bytes(slm3, 1), 2);
    assert_int_equal(slm_profile_run_bytes(slm3, 100), 40);
    assert_int_equal(slm_profile_run_bytes(slm_profile_by_name("slm-4"), 4096), 2050);
    assert_int_equal(slm_profile_run_bytes(paper4, UINT64_C(1) << 62), UINT64_C(1) << 61);
    assert_int_equal(slm_profile_run_bytes(paper4, UINT64_MAX - 15), (UINT64_C(1) << 63) - 8);
    assert_int_equal(slm_profile_run_bytes(paper4, UINT64_MAX - 7), (UINT64_C(1) << 63) - 4);
    assert_int_equal(slm_profile_run_bytes(paper4, UINT64_MAX), UINT64_MAX); /* 2^63 bytes */
    slm_profile large = *paper4;
    large.C = 1;
    large.P = 11;
    assert_int_equal(slm_profile_run_bytes(&large, UINT64_C(1) << 60), UINT64_MAX);
    assert_int_equal(slm_profile_run_bytes(&large, (UINT64_C(1) << 60) - 1), (UINT64_C(1) << 63) - 8);
    /* Rule [REC-8]. */
    assert_int_equal(slm_profile_integer_bits(paper4, 0), 20);
    assert_int_equal(slm_profile_integer_bits(paper4, 7), 42);
    assert_int_equal(slm_profile_integer_bits(slm3, 0), 6);
    assert_int_equal(slm_profile_integer_bits(slm3, 10), 16);
}

static void dtypes(void **unused) {
    (void)unused;
    static const char *const names[] = {"BOOL",    "F4",          "F6_E2M3",     "F6_E3M2", "U8",  "I8",  "F8_E5M2", "F8_E4M3",
                                        "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "I16",     "U16", "F16", "BF16",    "I32",
                                        "U32",     "F32",         "C64",         "F64",     "I64", "U64"};
    static const unsigned bits[] = {8, 4, 6, 6, 8, 8, 8, 8, 8, 8, 8, 16, 16, 16, 16, 32, 32, 32, 64, 64, 64, 64};
    unsigned codable = 0;
    for (unsigned i = 0; i < 22; i++) {
        const slm_dtype t = (slm_dtype)(i + 1);
        assert_string_equal(slm_dtype_name(t), names[i]);
        assert_int_equal(slm_dtype_bits(t), bits[i]);
        assert_int_equal(slm_dtype_from_name(names[i], strlen(names[i])), t);
        codable += slm_dtype_is_codable(t);
    }
    assert_int_equal(codable, 3);
    assert_null(slm_dtype_name((slm_dtype)0));
    assert_null(slm_dtype_name((slm_dtype)23));
    assert_int_equal(slm_dtype_bits((slm_dtype)255), 0);
    assert_int_equal(slm_dtype_from_name("F3", 2), 0);
    assert_int_equal(slm_dtype_from_name("F32", 2), 0);
    assert_int_equal(slm_dtype_from_name("f32", 3), 0);
    assert_int_equal(slm_dtype_from_name("", 0), 0);
}

/* Every 16-bit pattern, at an odd address. */
static void widening(void **unused) {
    (void)unused;
    uint8_t bytes[9] = {0};
    float w[2];
    uint32_t got;
    for (uint32_t half = 0; half < 65536; half++) {
        bytes[3] = (uint8_t)half;
        bytes[4] = (uint8_t)(half >> 8);
        slm_widen(SLM_BF16, bytes + 1, 2, w);
        memcpy(&got, w + 1, 4);
        assert_int_equal(got, half << 16);
        slm_widen(SLM_F16, bytes + 1, 2, w);
        memcpy(&got, w + 1, 4);
        const int exponent = half >> 10 & 31, fraction = half & 0x3ff;
        assert_int_equal(got >> 31, half >> 15);
        if (exponent == 31)
            assert_true(fraction ? isnan(w[1]) : isinf(w[1]));
        else
            assert_true(fabsf(w[1]) == (exponent == 0 ? ldexpf((float)fraction, -24) : ldexpf((float)(1024 + fraction), exponent - 25)));
    }
    static const float numbers[2] = {1.5f, -0x1p-149f};
    memcpy(bytes + 1, numbers, 8);
    if (*(const uint8_t *)&(const uint16_t){1} == 1) { /* a little-endian machine */
        slm_widen(SLM_F32, bytes + 1, 2, w);
        assert_memory_equal(w, numbers, 8);
    }
}

/* Every status has the name that it has in C, and a sentence of its own. */
static void statuses(void **unused) {
    (void)unused;
#define STATUS(name)                                                                                                                       \
    { name, #name }
    static const struct {
        slm_status status;
        const char *name;
    } all[] = {STATUS(SLM_OK),          STATUS(SLM_E_TRUNCATED), STATUS(SLM_E_MAGIC),    STATUS(SLM_E_VERSION), STATUS(SLM_E_FEATURE),
               STATUS(SLM_E_LIMIT),     STATUS(SLM_E_INDEX),     STATUS(SLM_E_CHECKSUM), STATUS(SLM_E_RECORD),  STATUS(SLM_E_PROFILE),
               STATUS(SLM_E_SCALE),     STATUS(SLM_E_ARGUMENT),  STATUS(SLM_E_MEMORY),   STATUS(SLM_E_IO),      STATUS(SLM_E_NOT_FOUND),
               STATUS(SLM_E_NONFINITE), STATUS(SLM_E_STATE),     STATUS(SLM_E_CANCELLED)};
    const size_t count = sizeof all / sizeof all[0];
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(slm_status_name(all[i].status), all[i].name);
        assert_string_not_equal(slm_status_text(all[i].status), slm_status_text((slm_status)1000));
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(slm_status_text(all[i].status), slm_status_text(all[j].status));
    }
    assert_string_equal(slm_status_name((slm_status)count), "SLM_E_?"); /* none is left out above */
    assert_string_equal(slm_status_text((slm_status)count), "unknown status");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(statuses), cmocka_unit_test(rules),  cmocka_unit_test(bytes),
                                       cmocka_unit_test(sizes),    cmocka_unit_test(dtypes), cmocka_unit_test(widening)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
