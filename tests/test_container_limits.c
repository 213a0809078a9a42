/* test_container_limits.c: the limits of the format where a file is described, calls out of order, wrong arguments, and what messages
 * look like. */
#include <math.h>
#include <stdio.h>

#include "container_fixture.h"

#include "container/alloc.h"
#include "container/error.h"

#define LONG_NAME (SLM_NAME_BYTES_MAX + 1)

static slm_error error;

static void expect(slm_status status, slm_status wanted, const char *rule) {
    assert_int_equal(status, wanted);
    assert_int_equal(error.status, wanted);
    assert_string_equal(error.rule, rule);
    assert_true(strlen(error.message) > 0);
}

static slm_tensor byte_tensor(const char *name, size_t length) {
    return (slm_tensor){.name = name, .name_length = (uint32_t)length, .dtype = SLM_U8};
}

static void test_counts(void **state) {
    (void)state;
    slm_layout *layout;
    OK(slm_layout_create(&layout, NULL));
    char name[16];
    slm_tensor t = byte_tensor(name, 0);
    for (unsigned i = 0; i < SLM_TENSORS_MAX; i++) {
        t.name_length = (uint32_t)snprintf(name, sizeof name, "%u", i);
        OK(slm_layout_add_tensor(layout, &t, NULL, &error));
    }
    expect(slm_layout_add_tensor(layout, &t, NULL, &error), SLM_E_LIMIT, "TEN-1");
    assert_int_equal(slm_layout_tensors(layout), SLM_TENSORS_MAX);
    assert_null(slm_layout_tensor(layout, SLM_TENSORS_MAX));
    for (unsigned i = 0; i < SLM_SOURCES_MAX; i++)
        OK(slm_layout_add_source(layout, "s", 1, NULL, 0, &error));
    expect(slm_layout_add_source(layout, "s", 1, NULL, 0, &error), SLM_E_LIMIT, "SRC-2");
    for (unsigned i = 0; i < SLM_METADATA_MAX; i++)
        OK(slm_layout_add_metadata(layout, "k", 1, NULL, 0, &error));
    expect(slm_layout_add_metadata(layout, "k", 1, NULL, 0, &error), SLM_E_LIMIT, "MET-1");
    slm_profile profile = *slm_profile_by_name("slm-4");
    uint16_t index = 0;
    for (unsigned i = 0; i < SLM_PROFILES_MAX; i++) {
        memset(profile.name, 0, sizeof profile.name);
        snprintf(profile.name, sizeof profile.name, "p%u", i);
        OK(slm_layout_add_profile(layout, &profile, &index));
        assert_int_equal(index, i);
    }
    OK(slm_layout_add_profile(layout, &profile, &index)); /* the same again */
    assert_int_equal(index, SLM_PROFILES_MAX - 1);
    profile.name[0] = 'q';
    assert_int_equal(slm_layout_add_profile(layout, &profile, &index), SLM_E_LIMIT);
    profile.W = 0;
    assert_int_equal(slm_layout_add_profile(layout, &profile, &index), SLM_E_PROFILE);
    slm_layout_free(layout);
}

static void test_sizes(void **state) {
    (void)state;
    slm_layout *layout;
    const slm_layout_options small = {.struct_size = 1};
    assert_int_equal(slm_layout_create(&layout, &small), SLM_E_ARGUMENT);
    assert_null(layout);
    OK(slm_layout_create(&layout, NULL));
    char *name = malloc(LONG_NAME);
    memset(name, 'n', LONG_NAME);
    slm_tensor t = byte_tensor(name, LONG_NAME);
    expect(slm_layout_add_tensor(layout, &t, NULL, &error), SLM_E_LIMIT, "LIM-1");
    expect(slm_layout_add_source(layout, name, LONG_NAME, NULL, 0, &error), SLM_E_LIMIT, "LIM-1");
    t.name_length = SLM_NAME_BYTES_MAX;
    OK(slm_layout_add_tensor(layout, &t, NULL, &error));
    free(name);
    /* Sizes alone are looked at. */
    expect(slm_layout_add_source(layout, "s", 1, "", 100000001, &error), SLM_E_LIMIT, "SRC-7");
    expect(slm_layout_add_metadata(layout, "k", 1, "", (size_t)SLM_INDEX_BYTES_MAX + 1, &error), SLM_E_LIMIT, "HDR-12");
    expect(slm_layout_add_metadata(layout, "k", (size_t)SLM_INDEX_BYTES_MAX + 1, "", 0, &error), SLM_E_LIMIT, "HDR-12");
    expect(slm_layout_add_metadata(layout, "k", 1, "a\0b", 3, &error), SLM_E_INDEX, "MET-2");
    expect(slm_layout_add_metadata(layout, "\xff", 1, "", 0, &error), SLM_E_INDEX, "MET-2");
    expect(slm_layout_add_side_files(layout, SLM_FILE_BYTES_MAX, NULL, &error), SLM_E_LIMIT, "HDR-13");
    size_t payload = 0;
    OK(slm_layout_add_side_files(layout, 10, &payload, &error));
    assert_int_equal(payload, 1);
    expect(slm_layout_add_side_files(layout, 10, &payload, &error), SLM_E_STATE, "PAY-6");
    t = byte_tensor("late", 4);
    expect(slm_layout_add_tensor(layout, &t, NULL, &error), SLM_E_STATE, "");
    slm_layout_free(layout);
}

/* Descriptions that are wrong by themselves. */
static void test_descriptions(void **state) {
    (void)state;
    slm_layout *layout;
    OK(slm_layout_create(&layout, NULL));
    uint16_t index;
    OK(slm_layout_add_profile(layout, slm_profile_by_name("slm-4"), &index));
    slm_tensor t = byte_tensor("t", 1);
    t.dtype = (slm_dtype)255;
    expect(slm_layout_add_tensor(layout, &t, NULL, &error), SLM_E_FEATURE, "TEN-3");
    t.dtype = SLM_F32;
    t.coding = (slm_coding_id)3;
    expect(slm_layout_add_tensor(layout, &t, NULL, &error), SLM_E_FEATURE, "TEN-2");
    t.coding = SLM_CODING_TRELLIS;
    t.profile = 1;
    expect(slm_layout_add_tensor(layout, &t, NULL, &error), SLM_E_INDEX, "TEN-15");
    t.profile = index;
    t.run_length = 3;
    expect(slm_layout_add_tensor(layout, &t, NULL, &error), SLM_E_INDEX, "TEN-18");
    const uint64_t shape[1] = {UINT64_C(1) << 55};
    t.rank = 1;
    t.shape = shape;
    t.run_length = 1; /* two bytes of scale and two of codes each */
    t.flags = SLM_TENSOR_SCALE_PER_RUN;
    OK(slm_layout_add_tensor(layout, &t, NULL, &error));
    assert_int_equal(slm_layout_tensor(layout, 0)->payload_size, UINT64_C(1) << 57);
    /* Checksums of 2^57 bytes fit no index. */
    slm_writer *writer;
    memory_file file = {NULL, 0};
    const slm_sink sink = memory_sink(&file);
    assert_int_equal(slm_layout_file_size(layout), 0);
    expect(slm_writer_create(&writer, layout, &sink, &error), SLM_E_LIMIT, "HDR-12");
    assert_null(writer);
    slm_layout_free(layout);
}

/* As many checksums as an index could hold if it held nothing else. */
static void test_index_size(void **state) {
    (void)state;
    slm_layout *layout;
    slm_writer *writer;
    memory_file file = {NULL, 0};
    const slm_sink sink = memory_sink(&file);
    const uint64_t chunk = UINT64_C(1) << SLM_CHUNK_LOG2_DEFAULT;
    for (unsigned more = 0; more < 2; more++) {
        OK(slm_layout_create(&layout, NULL));
        OK(slm_layout_add_side_files(layout, (SLM_INDEX_BYTES_MAX / 8 + more) * chunk, NULL, &error));
        assert_int_equal(slm_layout_file_size(layout), 0);
        expect(slm_writer_create(&writer, layout, &sink, &error), SLM_E_LIMIT, "HDR-12");
        assert_string_equal(error.message, more ? "the checksums need an index above 2^30 bytes" : "the index is above 2^30 bytes");
        slm_layout_free(layout);
    }
}

static void test_frozen(void **state) {
    (void)state;
    example e;
    memory_file file;
    slm_writer *writer;
    example_create(&e, NULL, 12, false);
    memory_create(&file, slm_layout_file_size(e.layout));
    slm_sink sink = memory_sink(&file);
    sink.read_at = NULL;
    expect(slm_writer_create(&writer, e.layout, &sink, &error), SLM_E_ARGUMENT, "");
    expect(slm_writer_create(&writer, e.layout, NULL, &error), SLM_E_ARGUMENT, "");
    sink = memory_sink(&file);
    OK(slm_writer_create(&writer, e.layout, &sink, &error));
    slm_tensor t = byte_tensor("late", 4);
    expect(slm_layout_add_tensor(e.layout, &t, NULL, &error), SLM_E_STATE, "");
    expect(slm_layout_add_source(e.layout, "s", 1, NULL, 0, &error), SLM_E_STATE, "");
    expect(slm_layout_add_metadata(e.layout, "k", 1, NULL, 0, &error), SLM_E_STATE, "");
    expect(slm_layout_add_side_files(e.layout, 1, NULL, &error), SLM_E_STATE, "");
    slm_profile other = *slm_profile_by_name("slm-4");
    strcpy(other.name, "other");
    uint16_t index;
    assert_int_equal(slm_layout_add_profile(e.layout, &other, &index), SLM_E_STATE);
    /* Wrong arguments of a writer. */
    const uint16_t zero[1] = {0};
    size_t coded = 0;
    while (slm_layout_tensor(e.layout, coded)->coding == SLM_CODING_RAW)
        coded++;
    const slm_tensor *c = slm_layout_tensor(e.layout, coded);
    expect(slm_writer_write_scales(writer, coded, c->scales, 1, zero, &error), SLM_E_ARGUMENT, "");
    expect(slm_writer_write_scales(writer, 1000, 0, 1, zero, &error), SLM_E_ARGUMENT, "");
    expect(slm_writer_write_scales(writer, coded, 0, 1, zero, &error), SLM_E_SCALE, "RUN-4");
    expect(slm_writer_write_codes(writer, coded, c->payload_size, 1, zero, &error), SLM_E_ARGUMENT, "");
    expect(slm_writer_write(writer, 1000, 0, 1, zero, &error), SLM_E_ARGUMENT, "");
    expect(slm_writer_write(writer, 0, 0, 1, NULL, &error), SLM_E_ARGUMENT, "");
    expect(slm_writer_read(writer, 1000, 0, 1, NULL, &error), SLM_E_ARGUMENT, "");
    OK(slm_writer_read(writer, 0, 0, 0, NULL, &error));
    assert_int_equal(slm_writer_set_result(writer, 1000, 0, 0), SLM_E_ARGUMENT);
    assert_int_equal(slm_writer_set_result(writer, coded, 0, NAN), SLM_E_ARGUMENT);
    assert_int_equal(slm_writer_set_result(writer, coded, 0, INFINITY), SLM_E_ARGUMENT);
    expect(slm_writer_finish(writer, &error), SLM_E_STATE, "");
    slm_writer_free(writer);
    slm_writer_free(NULL);
    free(file.bytes);
    example_free(&e);
}

static void test_reader_arguments(void **state) {
    (void)state;
    example e;
    memory_file file;
    slm_reader *reader;
    uint8_t bytes[64];
    uint16_t scale;
    size_t index;
    slm_coding coding;
    example_create(&e, NULL, 12, false);
    example_write(&e, &file);
    const slm_reader_options small = {.struct_size = 1};
    assert_int_equal(slm_reader_open_memory(&reader, file.bytes, file.size, &small, &error), SLM_E_ARGUMENT);
    assert_int_equal(slm_reader_open_callback(&reader, memory_read_at, &file, file.size, &small, &error), SLM_E_ARGUMENT);
    assert_int_equal(slm_reader_open_callback(&reader, NULL, NULL, 64, NULL, &error), SLM_E_ARGUMENT);
    assert_null(reader);
    OK(slm_reader_open_memory(&reader, file.bytes, file.size, NULL, &error));
    const size_t tensors = slm_reader_info(reader)->tensors;
    size_t coded = 0, raw = 0;
    while (slm_reader_tensor(reader, coded)->coding == SLM_CODING_RAW)
        coded++;
    while (slm_reader_tensor(reader, raw)->coding != SLM_CODING_RAW)
        raw++;
    const slm_tensor *c = slm_reader_tensor(reader, coded);
    expect(slm_reader_scale(reader, tensors, 0, &scale, &error), SLM_E_ARGUMENT, "");
    expect(slm_reader_scale(reader, coded, c->runs, &scale, &error), SLM_E_ARGUMENT, "");
    expect(slm_reader_scale(reader, raw, 0, &scale, &error), SLM_E_ARGUMENT, "");
    expect(slm_reader_decode(reader, tensors, 0, 1, SLM_F32, bytes, &error), SLM_E_ARGUMENT, "");
    expect(slm_reader_decode(reader, coded, c->elements, 1, SLM_F32, bytes, &error), SLM_E_ARGUMENT, "");
    expect(slm_reader_decode(reader, coded, 0, 1, SLM_U8, bytes, &error), SLM_E_ARGUMENT, "");
    OK(slm_reader_decode(reader, coded, c->elements, 0, SLM_F32, bytes, &error));
    OK(slm_reader_coding(reader, coded, &coding));
    assert_int_equal(coding.run_length, c->run_length);
    assert_int_equal(slm_reader_coding(reader, raw, &coding), SLM_E_ARGUMENT);
    assert_int_equal(slm_reader_coding(reader, tensors, &coding), SLM_E_ARGUMENT);
    assert_int_equal(slm_reader_find_payload(reader, (slm_payload_kind)77, &index), SLM_E_NOT_FOUND);
    OK(slm_reader_find_payload(reader, SLM_PAYLOAD_SIDE_FILES, &index));
    assert_int_equal(index, tensors);
    slm_reader_close(reader);
    /* A kernel that cannot decode these codings here is an error where it is needed, not before. */
    const slm_reader_options wanted = {.struct_size = sizeof wanted, .kernel = "avx512-block"};
    slm_decoder decoder;
    OK(slm_reader_open_memory(&reader, file.bytes, file.size, slm_kernel_find(wanted.kernel) != NULL ? &wanted : NULL, &error));
    for (size_t i = 0; i < tensors && slm_kernel_find(wanted.kernel) != NULL; i++) {
        if (slm_reader_coding(reader, i, &coding) != SLM_OK || slm_decoder_init(&decoder, &coding, wanted.kernel) == SLM_OK)
            continue;
        expect(slm_reader_decode(reader, i, 0, 1, SLM_F32, bytes, &error), SLM_E_ARGUMENT, "");
        assert_int_equal(slm_reader_verify(reader, i, &error), SLM_E_ARGUMENT);
    }
    slm_reader_close(reader);
    free(file.bytes);
    example_free(&e);
}

/* More codings than a reader prepares decoders for: runs of the last ones decode and verify as those of the first do. */
static void test_many_codings(void **state) {
    (void)state;
    enum { CODINGS = 70, RUNS = 5, LENGTH = 16 };
    const slm_layout_options options = {.struct_size = sizeof options, .chunk_log2 = 12};
    const slm_profile *profiles[] = {slm_profile_by_name("slm-4"), slm_profile_by_name("paper-4")};
    slm_profile parsed[2];
    slm_layout *layout;
    slm_writer *writer;
    slm_reader *reader;
    memory_file file;
    uint8_t *payloads[CODINGS];
    OK(slm_layout_create(&layout, &options));
    for (unsigned i = 0; i < CODINGS; i++) {
        char name[8];
        const uint64_t shape = (uint64_t)RUNS * LENGTH;
        slm_tensor t = {.name = name, .dtype = SLM_F32, .rank = 1, .shape = &shape, .run_length = LENGTH, .rotation = 4};
        t.name_length = (size_t)snprintf(name, sizeof name, "%u", i);
        t.coding = (slm_coding_id)profiles[i % 2]->coding;
        t.flags = SLM_TENSOR_SCALE_PER_RUN;
        t.sign_seed = (uint16_t)(i + 1);
        OK(slm_layout_add_profile(layout, profiles[i % 2], &t.profile));
        parsed[t.profile] = *profiles[i % 2];
        OK(slm_layout_add_tensor(layout, &t, NULL, &error));
    }
    memory_create(&file, slm_layout_file_size(layout));
    const slm_sink sink = memory_sink(&file);
    OK(slm_writer_create(&writer, layout, &sink, &error));
    for (unsigned i = 0; i < CODINGS; i++) {
        payloads[i] = make_payload(layout, parsed, i, 77);
        OK(slm_writer_write(writer, i, 0, slm_layout_tensor(layout, i)->payload_size, payloads[i], &error));
    }
    OK(slm_writer_finish(writer, &error));
    slm_writer_free(writer);
    OK(slm_reader_open_memory(&reader, file.bytes, file.size, NULL, &error));
    for (unsigned i = 0; i < CODINGS; i++) {
        const slm_tensor *t = slm_reader_tensor(reader, i);
        float all[RUNS * LENGTH], part[RUNS * LENGTH], run[LENGTH];
        slm_coding coding;
        slm_decoder decoder;
        OK(slm_reader_coding(reader, i, &coding));
        OK(slm_decoder_init(&decoder, &coding, "scalar"));
        OK(slm_reader_verify(reader, i, &error));
        OK(slm_reader_decode(reader, i, 0, RUNS * LENGTH, SLM_F32, all, &error));
        for (unsigned r = 0; r < RUNS; r++) {
            OK(slm_decode_run(&decoder, payloads[i] + t->codes_offset + r * t->run_bytes, load_u16(payloads[i] + (size_t)2 * r), 0, LENGTH,
                              SLM_F32, run));
            to_little_endian((uint8_t *)run, LENGTH, sizeof *run);
            assert_memory_equal(all + r * LENGTH, run, sizeof run);
            const size_t from = (size_t)r * LENGTH + 3, count = r + 1 < RUNS ? LENGTH : 1; /* across two runs */
            OK(slm_reader_decode(reader, i, from, count, SLM_F32, part, &error));
            assert_memory_equal(part, all + from, count * sizeof *part);
        }
    }
    slm_reader_close(reader);
    for (unsigned i = 0; i < CODINGS; i++)
        free(payloads[i]);
    slm_layout_free(layout);
    free(file.bytes);
}

/* A checksum that is wrong where a scale alone is asked for. */
static void test_damaged_scale(void **state) {
    (void)state;
    example e;
    memory_file file;
    slm_reader *reader;
    uint16_t scale;
    uint8_t weight[4];
    example_create(&e, NULL, 12, false);
    example_write(&e, &file);
    OK(slm_reader_open_memory(&reader, file.bytes, file.size, NULL, &error));
    size_t coded = 0;
    while (slm_reader_tensor(reader, coded)->coding == SLM_CODING_RAW)
        coded++;
    file.bytes[slm_reader_payload(reader, coded)->offset] ^= 1;
    assert_int_equal(slm_reader_scale(reader, coded, 0, &scale, &error), SLM_E_CHECKSUM);
    assert_int_equal(slm_reader_decode(reader, coded, 0, 1, SLM_F32, weight, &error), SLM_E_CHECKSUM);
    slm_reader_close(reader);
    free(file.bytes);
    example_free(&e);
}

static void test_messages(void **state) {
    (void)state;
    assert_int_equal(slmi_fail(NULL, SLM_E_IO, "", 0, 0, "nobody is told"), SLM_E_IO);
    slmi_fail(&error, SLM_E_IO, "", 0, 0, "a\nb\x1b[31m\xc2\x85z\x7f");
    assert_string_equal(error.message, "a?b?[31m??z?"); /* no control character, of C1 neither */
    slmi_fail(&error, SLM_E_IO, "", 0, 0,
              "\xff"
              "abcdef\xc3");
    assert_string_equal(error.message, "?abcdef"); /* not UTF-8; cut inside a character */
    for (int pad = 0; pad < 4; pad++) {            /* a long message is cut between characters */
        char text[4 * sizeof error.message] = "xxxx";
        text[pad] = 0;
        while (strlen(text) + 4 < sizeof text)
            strcat(text, "\xf0\x9f\x8c\xb1");
        slmi_fail(&error, SLM_E_IO, "", 0, 0, "%s", text);
        const size_t length = strlen(error.message);
        assert_true(length >= sizeof error.message - 5 && length < sizeof error.message);
        assert_int_equal((length - (size_t)pad) % 4, 0);
        assert_memory_equal(error.message, text, length);
    }
    /* Reasons of level 1 carry their rule. */
    expect(slmi_fail_reason(&error, SLM_E_PROFILE, "[PRO-4] W must lie in 1..K", 1, 2, "profile 0"), SLM_E_PROFILE, "PRO-4");
    assert_string_equal(error.message, "profile 0: W must lie in 1..K");
    expect(slmi_fail_reason(&error, SLM_E_PROFILE, "[none] of a rule not known here", 1, 2, "p"), SLM_E_PROFILE, "");
    assert_string_equal(error.message, "p: of a rule not known here");
    expect(slmi_fail_reason(&error, SLM_E_PROFILE, "[PRO-4]at once", 1, 2, "p"), SLM_E_PROFILE, "PRO-4");
    assert_string_equal(error.message, "p: at once");
    expect(slmi_fail_reason(&error, SLM_E_PROFILE, "plain", 1, 2, "p"), SLM_E_PROFILE, "");
    assert_string_equal(error.message, "p: plain");
    slmi_fail_reason(&error, SLM_E_PROFILE, NULL, 1, 2, "p");
    assert_true(strstr(error.message, slm_status_text(SLM_E_PROFILE)) != NULL);
    assert_int_equal(slmi_fail_system(NULL, ENOSPC, 0, "cannot write"), SLM_E_IO);
    slmi_fail_system(&error, 99999, 0, "cannot write");
    assert_int_equal(error.system_error, 99999);
    assert_true(strstr(error.message, "cannot write: ") == error.message);
}

/* Sizes that do not fit the machine are no memory. */
static void test_allocation_sizes(void **state) {
    (void)state;
    const slm_allocator allocator = slmi_allocator(NULL), without = {NULL, NULL}, own = slmi_allocator(&without);
    assert_true(own.resize == allocator.resize);
    assert_null(slmi_allocate(&allocator, UINT64_MAX, 2));
    assert_null(slmi_allocate(&allocator, UINT64_MAX, 1));
    size_t room = 0;
    assert_null(slmi_reserve(&allocator, NULL, &room, SIZE_MAX, 1));
    assert_null(slmi_reserve(&allocator, NULL, &room, SIZE_MAX / 2, 2));
    assert_int_equal(room, 0);
    void *nothing = slmi_allocate(&allocator, 0, 8);
    assert_non_null(nothing);
    slmi_free(&allocator, nothing);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),           cmocka_unit_test(test_sizes),         cmocka_unit_test(test_descriptions),
        cmocka_unit_test(test_index_size),       cmocka_unit_test(test_frozen),        cmocka_unit_test(test_reader_arguments),
        cmocka_unit_test(test_many_codings),     cmocka_unit_test(test_damaged_scale), cmocka_unit_test(test_messages),
        cmocka_unit_test(test_allocation_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
