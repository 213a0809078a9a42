/* Damage: every length a small file can be cut to, and every bit of it flipped, one at a time. */
#include "amount.h"
#include "container_fixture.h"

/* From one flip to the next: prime to 8, so that every place in a byte has its turn. */
#define EVERY amount(1, 3)

static void cut_everywhere(const memory_file *file) {
    slm_reader *reader;
    slm_error error;
    for (size_t size = 0; size < file->size; size++) {
        uint8_t *copy = malloc(size + 1); /* of this size, so that a sanitizer sees a read beyond it */
        memcpy(copy, file->bytes, size);
        memset(&error, 0, sizeof error);
        assert_int_equal(slm_reader_open_memory(&reader, copy, size, NULL, &error), SLM_E_TRUNCATED);
        assert_null(reader);
        assert_int_equal(error.status, SLM_E_TRUNCATED);
        assert_string_equal(error.rule, size < 8 ? "HDR-1" : size < 64 ? "HDR-2" : "HDR-14");
        assert_true(error.message[0] != 0);
        free(copy);
    }
}

static void test_truncation(void **state) {
    (void)state;
    example e;
    memory_file file;
    example_create(&e, NULL, 12, false);
    example_write(&e, &file);
    cut_everywhere(&file);
    uint8_t *longer = malloc(file.size + 1);
    slm_reader *reader;
    slm_error error;
    memcpy(longer, file.bytes, file.size);
    longer[file.size] = 0;
    assert_int_equal(slm_reader_open_memory(&reader, longer, file.size + 1, NULL, &error), SLM_E_INDEX);
    assert_string_equal(error.rule, "HDR-15");
    free(longer);
    free(file.bytes);
    example_free(&e);
}

/* Opens and verifies everything; the first failure. */
static slm_status verify_all(const memory_file *file, slm_error *error) {
    slm_reader *reader;
    slm_status status = slm_reader_open_memory(&reader, file->bytes, file->size, NULL, error);
    if (status != SLM_OK)
        return status;
    const size_t count = slm_reader_info(reader)->payloads;
    for (size_t i = 0; i < count && status == SLM_OK; i++)
        status = slm_reader_verify(reader, i, error);
    slm_reader_close(reader);
    return status;
}

/* Nothing in a file is outside a checksum or a rule, so a verifying reader refuses every flip. */
static void test_flips(void **state) {
    (void)state;
    example e;
    memory_file file;
    slm_error error;
    example_create(&e, NULL, 12, false);
    example_write(&e, &file);
    OK(verify_all(&file, &error));
    const size_t index_end = 64 + (size_t)load_u64(file.bytes + 32);
    for (size_t bit = 0; bit < 8 * file.size; bit += EVERY) {
        const size_t byte = bit / 8;
        file.bytes[byte] ^= (uint8_t)(1U << bit % 8);
        memset(&error, 0, sizeof error);
        const slm_status status = verify_all(&file, &error);
        slm_status expected = SLM_E_CHECKSUM;
        if (byte < 8)
            expected = SLM_E_MAGIC;
        else if (byte < 10)
            expected = SLM_E_VERSION;
        else if (byte >= index_end && status == SLM_E_RECORD) /* padding between payloads has no checksum, it is zero */
            expected = SLM_E_RECORD;
        if (status != expected)
            fail_msg("byte %zu bit %zu: %s", byte, bit % 8, slm_status_name(status));
        if (status == SLM_E_RECORD)
            assert_string_equal(error.rule, "PAY-14");
        if (byte >= index_end)
            assert_true(error.offset <= byte && byte - error.offset < 4096);
        file.bytes[byte] ^= (uint8_t)(1U << bit % 8);
    }
    OK(verify_all(&file, &error));
    free(file.bytes);
    example_free(&e);
}

/* Everything that can be had without slm_reader_verify: all tensors decoded, side files read. SLM_OK, with the bytes behind one another in
 * `out`, or the first failure. */
static slm_status read_all(const memory_file *file, uint8_t *out, size_t *size, slm_error *error) {
    slm_reader *reader;
    slm_status status = slm_reader_open_memory(&reader, file->bytes, file->size, NULL, error);
    *size = 0;
    if (status != SLM_OK)
        return status;
    const slm_file_info *info = slm_reader_info(reader);
    for (size_t i = 0; i < info->payloads && status == SLM_OK; i++) {
        const slm_tensor *t = slm_reader_tensor(reader, i);
        if (t != NULL) {
            status = slm_reader_decode(reader, i, 0, t->elements, t->dtype, out + *size, error);
            *size += (size_t)(t->elements * slm_dtype_bits(t->dtype) / 8);
        } else {
            const uint64_t bytes = slm_reader_payload(reader, i)->size;
            status = slm_reader_read(reader, i, 0, bytes, out + *size, error);
            *size += (size_t)bytes;
        }
    }
    slm_reader_close(reader);
    return status;
}

/* A reader that verifies only what it reads: each flip is refused, or changes nothing of what comes out. */
static void test_flips_when_decoding(void **state) {
    (void)state;
    example e;
    memory_file file;
    slm_error error;
    example_create(&e, NULL, 12, false);
    example_write(&e, &file);
    uint8_t *sound = malloc(1 << 20), *out = malloc(1 << 20);
    size_t sound_size, size, refused = 0, unchanged = 0, flips = 0;
    OK(read_all(&file, sound, &sound_size, &error));
    for (size_t bit = 0; bit < 8 * file.size; bit += EVERY, flips++) {
        file.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        if (read_all(&file, out, &size, &error) != SLM_OK) {
            refused++;
        } else {
            assert_int_equal(size, sound_size);
            assert_memory_equal(out, sound, size);
            unchanged++;
        }
        file.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    assert_int_equal(refused + unchanged, flips);
    print_message("%zu flips of a bit: %zu refused, %zu in padding that is not read\n", flips, refused, unchanged);
    free(sound);
    free(out);
    free(file.bytes);
    example_free(&e);
}

/* Flips inside the index that are resealed: the reader must survive whatever the index then says. A file that still opens is read from
 * end to end. */
static void test_resealed_flips(void **state) {
    (void)state;
    example e;
    memory_file file;
    slm_error error;
    example_create(&e, NULL, 12, false);
    example_write(&e, &file);
    const size_t index_end = 64 + (size_t)load_u64(file.bytes + 32);
    uint8_t *copy = malloc(file.size), *target = malloc(1 << 20);
    const memory_file damaged = {copy, file.size};
    for (size_t bit = 8 * 8; bit < 8 * index_end; bit += EVERY) {
        memcpy(copy, file.bytes, file.size);
        copy[bit / 8] ^= (uint8_t)(1U << bit % 8);
        if (load_u64(copy + 32) <= file.size - 64) /* else reseal cannot read so far */
            reseal(copy);
        slm_reader *reader;
        if (slm_reader_open_memory(&reader, copy, file.size, NULL, &error) != SLM_OK)
            continue;
        for (size_t i = 0; i < slm_reader_info(reader)->tensors; i++) {
            const slm_tensor *t = slm_reader_tensor(reader, i);
            if (t->elements <= 65536)
                (void)slm_reader_decode(reader, i, 0, t->elements, t->dtype, target, &error);
        }
        slm_reader_close(reader);
        (void)verify_all(&damaged, &error);
    }
    free(copy);
    free(target);
    free(file.bytes);
    example_free(&e);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_flips),
        cmocka_unit_test(test_flips_when_decoding),
        cmocka_unit_test(test_resealed_flips),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
