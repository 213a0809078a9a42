/* Files written and read again: every kind of tensor, every kind of input, random layouts. */
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "amount.h"
#include "container_fixture.h"

#include "container/utf8.h"

/* A read_at callback over memory. */
static int read_memory(void *context, uint64_t offset, void *buffer, size_t size) { return memory_read_at(context, offset, buffer, size); }

/* A tensor decoded run by run with level 1 alone. */
static uint8_t *decode_reference(const example *e, size_t index, slm_dtype dtype) {
    const slm_tensor *t = slm_layout_tensor(e->layout, index);
    const size_t size = slm_dtype_bits(dtype) / 8;
    const slm_coding coding = {e->profiles[t->profile], t->rotation, t->sign_seed, t->run_length};
    slm_decoder decoder;
    uint8_t *target = malloc((size_t)t->elements * size);
    assert_non_null(target);
    OK(slm_decoder_init(&decoder, &coding, NULL));
    for (uint64_t run = 0; run < t->runs; run++) {
        const uint16_t scale = load_u16(e->payloads[index] + 2 * (t->scales == 1 ? 0 : run));
        OK(slm_decode_run(&decoder, e->payloads[index] + t->codes_offset + run * t->run_bytes, scale, 0, t->run_length, dtype,
                          target + run * t->run_length * size));
    }
    to_little_endian(target, (size_t)t->elements, size);
    return target;
}

/* Random ranges, at aligned and odd addresses, against the whole. */
static void check_ranges(const slm_reader *reader, size_t index, slm_dtype dtype, const uint8_t *expected, unsigned tries) {
    const slm_tensor *t = slm_reader_tensor(reader, index);
    const size_t bits = slm_dtype_bits(dtype);
    uint64_t state = index + 1;
    slm_error error;
    for (unsigned i = 0; i < tries; i++) {
        uint64_t first = next_random(&state) % (t->elements + 1), count = next_random(&state) % (t->elements - first + 1);
        if (i == 0)
            first = 0, count = t->elements;
        if (i % 2 == 1 && count > 100)
            count = next_random(&state) % 100;
        if (bits < 8)
            first &= ~(uint64_t)7, count &= ~(uint64_t)7;
        const size_t size = (size_t)(count * bits / 8), lead = i % 3;
        uint8_t *target = malloc(size + 16);
        memset(target, 0x5A, size + 16);
        OK(slm_reader_decode(reader, index, first, count, dtype, target + lead, &error));
        if (size != 0)
            assert_memory_equal(target + lead, expected + first * bits / 8, size);
        for (size_t k = 0; k < 16; k++)
            assert_int_equal(target[k < lead ? k : size + k], 0x5A);
        free(target);
    }
}

static void check_reader(const slm_reader *reader, const example *e, bool big) {
    slm_error error;
    assert_int_equal(slm_reader_info(reader)->tensors, e->payload_count - 1);
    assert_int_equal(slm_reader_info(reader)->payloads, e->payload_count);
    for (size_t i = 0; i + 1 < e->payload_count; i++) {
        const slm_tensor *wanted = slm_layout_tensor(e->layout, i), *t = slm_reader_tensor(reader, i);
        size_t found;
        assert_string_equal(t->name, wanted->name);
        assert_int_equal(t->name_length, wanted->name_length);
        assert_int_equal(t->dtype, wanted->dtype);
        assert_int_equal(t->rank, wanted->rank);
        if (t->rank != 0)
            assert_memory_equal(t->shape, wanted->shape, t->rank * sizeof t->shape[0]);
        assert_int_equal(t->payload_size, wanted->payload_size);
        OK(slm_reader_find(reader, t->name, t->name_length, &found));
        assert_int_equal(found, i);
        uint8_t *bytes = malloc((size_t)e->sizes[i] + 1);
        OK(slm_reader_read(reader, i, 0, e->sizes[i], bytes, &error));
        assert_memory_equal(bytes, e->payloads[i], (size_t)e->sizes[i]);
        free(bytes);
        if (t->coding == SLM_CODING_RAW) {
            check_ranges(reader, i, t->dtype, e->payloads[i], 6);
            continue;
        }
        static const slm_dtype types[] = {SLM_F32, SLM_F16, SLM_BF16};
        for (size_t k = 0; k < (big ? 1 : 3); k++) {
            uint8_t *expected = decode_reference(e, i, types[k]);
            check_ranges(reader, i, types[k], expected, big ? 6 : 20);
            free(expected);
        }
    }
    for (size_t i = 0; i < e->payload_count; i++)
        OK(slm_reader_verify(reader, i, &error));
}

static void check_all_inputs(example *e, bool big) {
    memory_file file;
    slm_reader *reader;
    slm_error error;
    example_write(e, &file);
    OK(slm_reader_open_memory(&reader, file.bytes, file.size, NULL, &error));
    check_reader(reader, e, big);
    slm_reader_close(reader);
    OK(slm_reader_open_callback(&reader, read_memory, &file, file.size, NULL, &error));
    check_reader(reader, e, big);
    slm_reader_close(reader);
    char path[] = "/tmp/slm-test-XXXXXX";
    const int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, file.bytes, file.size), file.size);
    close(descriptor);
    for (int no_map = 0; no_map < 2; no_map++) {
        const slm_reader_options options = {.struct_size = sizeof options, .no_map = no_map != 0, .skip_checksums = no_map != 0};
        OK(slm_reader_open_file(&reader, path, &options, &error));
        check_reader(reader, e, big);
        slm_reader_close(reader);
    }
    unlink(path);
    free(file.bytes);
}

static void test_small(void **state) {
    (void)state;
    example e;
    example_create(&e, NULL, 12, false);
    check_all_inputs(&e, false);
    example_free(&e);
}

static void test_big(void **state) {
    (void)state;
    example e;
    example_create(&e, NULL, 0, true);
    check_all_inputs(&e, true);
    example_free(&e);
}

static void test_index_contents(void **state) {
    (void)state;
    example e;
    memory_file file;
    slm_reader *reader;
    slm_error error;
    size_t index;
    example_create(&e, NULL, 12, false);
    example_write(&e, &file);
    OK(slm_reader_open_memory(&reader, file.bytes, file.size, NULL, &error));
    const slm_file_info *info = slm_reader_info(reader);
    assert_int_equal(info->format_major, 1);
    assert_int_equal(info->format_minor, 0);
    assert_int_equal(info->file_size, file.size);
    assert_int_equal(info->sections, 6);
    assert_int_equal(info->profiles, e.profile_count);
    assert_int_equal(info->metadata, 2);
    assert_int_equal(info->sources, 2);
    const slm_source *one = slm_reader_source(reader, 0), *two = slm_reader_source(reader, 1);
    assert_string_equal(one->name, "one.safetensors");
    assert_int_equal(one->header_size, 10);
    assert_memory_equal(one->header, "{\"a\":1}   ", 10);
    assert_int_equal(one->first_tensor, 0);
    assert_int_equal(one->tensors, 6);
    assert_string_equal(two->name, "");
    assert_int_equal(two->first_tensor, 6);
    assert_int_equal(two->tensors, info->tensors - 6);
    assert_string_equal(slm_reader_metadata(reader, 0)->key, "slm.encoder");
    assert_string_equal(slm_reader_metadata(reader, 0)->value, "test");
    OK(slm_reader_find_metadata(reader, "k", 1, &index));
    assert_string_equal(slm_reader_metadata(reader, index)->value, "");
    assert_int_equal(slm_reader_find_metadata(reader, "slm", 3, &index), SLM_E_NOT_FOUND);
    OK(slm_reader_find_payload(reader, SLM_PAYLOAD_SIDE_FILES, &index));
    assert_int_equal(index, info->tensors);
    assert_int_equal(slm_reader_payload(reader, index)->size, 777);
    assert_int_equal(slm_reader_find(reader, "paper", 5, &index), SLM_E_NOT_FOUND);
    assert_int_equal(slm_reader_tensor(reader, 4)->flags, SLM_TENSOR_HAS_SOURCE_SUM | SLM_TENSOR_HAS_ERROR);
    assert_true(slm_reader_tensor(reader, 4)->source_sum == 0x1122334455667788);
    assert_true(slm_reader_tensor(reader, 4)->error == 0.125F);
    assert_null(slm_reader_tensor(reader, info->tensors));
    assert_null(slm_reader_section(reader, 6));
    slm_coding coding;
    OK(slm_reader_coding(reader, 6, &coding));
    assert_int_equal(coding.rotation, 5);
    assert_int_equal(slm_reader_coding(reader, 0, &coding), SLM_E_ARGUMENT);
    uint16_t scale;
    OK(slm_reader_scale(reader, 6, 3, &scale, &error));
    assert_int_equal(scale, load_u16(e.payloads[6] + 6));
    OK(slm_reader_scale(reader, 4, 0, &scale, &error));
    assert_int_equal(slm_reader_scale(reader, 4, 1, &scale, &error), SLM_E_ARGUMENT);
    assert_int_equal(slm_reader_scale(reader, 0, 0, &scale, &error), SLM_E_ARGUMENT);
    slm_reader_close(reader);
    free(file.bytes);
    example_free(&e);
}

/* A random legal profile of either coding. */
static slm_profile random_profile(uint64_t *random) {
    for (;;) {
        slm_profile p = {.coding = (uint8_t)(1 + next_random(random) % 2)};
        p.K = (uint8_t)(2 + next_random(random) % 23);
        p.step = (uint8_t)(1 + next_random(random) % 64);
        p.W = (uint8_t)(1 + next_random(random) % p.K);
        p.P = (uint8_t)(1 + next_random(random) % 16);
        p.C = (uint8_t)(1 + next_random(random) % 64);
        p.taps = slm_lfsr_table6(p.K);
        if (p.coding == SLM_CODING_BLOCK) {
            p.E = (uint8_t)(next_random(random) % 5);
            p.B = (uint8_t)(2 + next_random(random) % 7);
            p.norm = (uint8_t)(next_random(random) % 2);
        } else {
            p.k = (uint8_t)(1 + next_random(random) % 8);
        }
        if (slm_profile_check(&p, NULL) == SLM_OK)
            return p;
    }
}

/* A random tensor, raw or coded, with a random shape, run length and rotation. */
static void random_tensor(example *e, uint64_t *random, unsigned number) {
    char name[32];
    uint64_t shape[4];
    slm_tensor t = {
        .name = name, .dtype = (slm_dtype)(1 + next_random(random) % 22), .rank = (unsigned)(next_random(random) % 5), .shape = shape};
    snprintf(name, sizeof name, "%u.%.*s", number, (int)(next_random(random) % 12), "\xE2\x82\xAC weights\n");
    t.name_length = strlen(name);
    while (slmi_utf8_check((const uint8_t *)name, t.name_length) != t.name_length)
        t.name_length--;
    uint64_t elements = 1;
    for (unsigned i = 0; i < t.rank; i++)
        elements *= shape[i] = next_random(random) % 9;
    if (t.rank == 4)
        shape[3] *= 32, elements *= 32;
    if (t.rank == 3 && t.dtype <= 4)
        shape[2] *= 4, elements *= 4;
    if (t.dtype >= SLM_F4 && t.dtype <= SLM_F6_E3M2 && elements % 4 != 0)
        t.dtype = SLM_U8;
    if (elements != 0 && next_random(random) % 3 != 0) {
        const slm_profile profile = random_profile(random);
        static const slm_dtype types[] = {SLM_F32, SLM_F16, SLM_BF16};
        t.dtype = types[next_random(random) % 3];
        t.coding = (slm_coding_id)profile.coding;
        t.profile = example_profile(e, &profile);
        do
            t.run_length = 1 + next_random(random) % elements;
        while (elements % t.run_length != 0);
        t.flags = next_random(random) % 2 == 0 ? SLM_TENSOR_SCALE_PER_RUN : 0;
        for (uint8_t h = SLM_ROTATION_MAX; h >= SLM_ROTATION_MIN && t.rotation == 0; h--) {
            const slm_coding coding = {profile, h, 1, t.run_length};
            if (slm_coding_check(&coding, NULL) == SLM_OK && next_random(random) % 2 == 0)
                t.rotation = h;
        }
        t.sign_seed = t.rotation == 0 ? 0 : (uint16_t)(1 + next_random(random) % 65535);
    }
    OK(slm_layout_add_tensor(e->layout, &t, NULL, NULL));
}

static void test_random_layouts(void **state) {
    (void)state;
    uint64_t random = 2026;
    for (unsigned round = 0, rounds = amount(60, 15); round < rounds; round++) {
        example e;
        memory_file file;
        slm_reader *reader;
        slm_error error;
        const slm_layout_options options = {sizeof options, NULL, 6 + (unsigned)(next_random(&random) % 11),
                                            12 + (unsigned)(next_random(&random) % 3)};
        memset(&e, 0, sizeof e);
        OK(slm_layout_create(&e.layout, &options));
        const unsigned count = 5 + (unsigned)(next_random(&random) % (EXAMPLE_TENSORS - 5));
        for (unsigned i = 0; i < count; i++)
            random_tensor(&e, &random, i);
        e.payload_count = count + 1;
        e.sizes[count] = next_random(&random) % 10000;
        OK(slm_layout_add_side_files(e.layout, e.sizes[count], NULL, &error));
        for (size_t i = 0; i < count; i++) {
            e.sizes[i] = slm_layout_tensor(e.layout, i)->payload_size;
            e.payloads[i] = make_payload(e.layout, e.profiles, i, round);
        }
        e.payloads[count] = calloc(10000, 1);
        example_write(&e, &file);
        assert_int_equal(file.bytes[file.size], 0xA5);
        OK(slm_reader_open_memory(&reader, file.bytes, file.size, NULL, &error));
        check_reader(reader, &e, false);
        slm_reader_close(reader);
        OK(slm_reader_open_callback(&reader, read_memory, &file, file.size, NULL, &error));
        check_reader(reader, &e, false);
        slm_reader_close(reader);
        free(file.bytes);
        example_free(&e);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small),
        cmocka_unit_test(test_big),
        cmocka_unit_test(test_index_contents),
        cmocka_unit_test(test_random_layouts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
