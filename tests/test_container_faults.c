/* Memory that runs out, reads and writes that fail, at every point where they can; many readers at once. */
#include <pthread.h>
#include <unistd.h>

#include "container_fixture.h"

/* An allocator that fails once, or from then on, and counts what is not given back. */
typedef struct failing {
    uint64_t left; /* calls that succeed before */
    bool once;
    int64_t blocks;
} failing;

static void *resize(void *context, void *pointer, size_t size) {
    failing *f = context;
    if (size == 0) {
        assert_non_null(pointer);
        f->blocks--;
        free(pointer);
        return NULL;
    }
    if (f->left == 0) {
        if (f->once)
            f->left = UINT64_MAX;
        return NULL;
    }
    f->left--;
    f->blocks += pointer == NULL;
    return realloc(pointer, size);
}

static int read_at(void *context, uint64_t offset, void *buffer, size_t size) { return memory_read_at(context, offset, buffer, size); }

/* Opens, decodes a little of everything and verifies all; the first failure. */
static slm_status use_reader(slm_reader *reader, slm_error *error) {
    slm_status status = SLM_OK;
    float *target = malloc(sizeof *target * 4096);
    for (size_t i = 0; i < slm_reader_info(reader)->tensors && status == SLM_OK; i++) {
        const slm_tensor *t = slm_reader_tensor(reader, i);
        status = slm_reader_decode(reader, i, 0, t->elements < 500 ? t->elements : 500, t->dtype, target, error);
    }
    for (size_t i = 0; i < slm_reader_info(reader)->payloads && status == SLM_OK; i++)
        status = slm_reader_verify(reader, i, error);
    free(target);
    return status;
}

static slm_status open_and_use(memory_file *file, bool callback, const slm_allocator *allocator, slm_error *error) {
    const slm_reader_options options = {.struct_size = sizeof options, .allocator = allocator};
    slm_reader *reader;
    slm_status status = callback ? slm_reader_open_callback(&reader, read_at, file, file->size, &options, error)
                                 : slm_reader_open_memory(&reader, file->bytes, file->size, &options, error);
    if (status != SLM_OK) {
        assert_null(reader);
        return status;
    }
    status = use_reader(reader, error);
    slm_reader_close(reader);
    return status;
}

static void test_reader_memory(void **state) {
    (void)state;
    example e;
    memory_file file;
    slm_error error;
    example_create(&e, NULL, 12, false);
    example_write(&e, &file);
    for (int way = 0; way < 4; way++) {
        slm_status status = SLM_E_MEMORY;
        for (uint64_t n = 0; status == SLM_E_MEMORY; n++) {
            failing f = {n, way / 2 != 0, 0};
            const slm_allocator allocator = {&f, resize};
            status = open_and_use(&file, way % 2 != 0, &allocator, &error);
            assert_int_equal(f.blocks, 0);
            if (status == SLM_E_MEMORY)
                assert_int_equal(error.status, SLM_E_MEMORY);
            assert_true(n < 1000);
        }
        OK(status);
    }
    free(file.bytes);
    example_free(&e);
}

/* The whole of writing: 0 calls succeed, then 1, and so on until all do. */
static void test_writer_memory(void **state) {
    (void)state;
    static const char *const names[] = {"a", "b", "c", "d", "e", "f"};
    slm_status status = SLM_E_MEMORY;
    for (uint64_t n = 0, persistent_ends = 0; status == SLM_E_MEMORY || persistent_ends == 0; n++) {
        if (status == SLM_OK) { /* all of them together are enough: again, with one failure each */
            persistent_ends = n;
            n = 0;
        }
        failing f = {n, persistent_ends != 0, 0};
        const slm_allocator allocator = {&f, resize};
        const slm_layout_options options = {.struct_size = sizeof options, .allocator = &allocator, .chunk_log2 = 12};
        slm_layout *layout = NULL;
        slm_writer *writer = NULL;
        slm_error error;
        memory_file file = {NULL, 0};
        uint16_t profile;
        status = slm_layout_create(&layout, &options);
        if (status == SLM_OK)
            status = slm_layout_add_profile(layout, slm_profile_by_name("slm-4"), &profile);
        for (size_t i = 0; i < 6 && status == SLM_OK; i++) {
            const slm_tensor t = {.name = names[i], .name_length = 1, .dtype = SLM_U8, .rank = 1, .shape = (const uint64_t[]){10}};
            status = slm_layout_add_tensor(layout, &t, NULL, &error);
            if (status == SLM_OK)
                status = slm_layout_add_source(layout, names[i], 1, "{}", 2, &error);
            if (status == SLM_OK)
                status = slm_layout_add_metadata(layout, names[i], 1, "value", 5, &error);
        }
        if (status == SLM_OK) {
            memory_create(&file, slm_layout_file_size(layout));
            const slm_sink sink = memory_sink(&file);
            status = slm_writer_create(&writer, layout, &sink, &error);
        }
        for (size_t i = 0; i < 6 && status == SLM_OK; i++) {
            for (uint64_t k = 0; k < 10 && status == SLM_OK; k++)
                status = slm_writer_write(writer, i, (k * 3) % 10, 1, "x", &error);
        }
        if (status == SLM_OK)
            status = slm_writer_finish(writer, &error);
        slm_writer_free(writer);
        slm_layout_free(layout);
        free(file.bytes);
        assert_int_equal(f.blocks, 0);
        assert_true(n < 1000);
    }
    OK(status);
}

/* A file whose n-th read or write fails. */
typedef struct breaking {
    memory_file *file;
    uint64_t left;
    bool reads, writes; /* which of them fail */
} breaking;

static int breaking_read(void *context, uint64_t offset, void *buffer, size_t size) {
    breaking *b = context;
    if (b->reads && b->left-- == 0) {
        memset(buffer, 0, size);
        return EIO;
    }
    return memory_read_at(b->file, offset, buffer, size);
}

static int breaking_write(void *context, uint64_t offset, const void *buffer, size_t size) {
    breaking *b = context;
    if (b->writes && b->left-- == 0)
        return ENOSPC;
    return memory_write_at(b->file, offset, buffer, size);
}

static void test_failing_reads(void **state) {
    (void)state;
    example e;
    memory_file file;
    slm_error error;
    example_create(&e, NULL, 12, false);
    example_write(&e, &file);
    slm_status status = SLM_E_IO;
    for (uint64_t n = 0; status == SLM_E_IO; n++) {
        breaking b = {&file, n, true, false};
        slm_reader *reader;
        memset(&error, 0, sizeof error);
        status = slm_reader_open_callback(&reader, breaking_read, &b, file.size, NULL, &error);
        if (status == SLM_OK) {
            status = use_reader(reader, &error);
            slm_reader_close(reader);
        }
        if (status == SLM_E_IO)
            assert_int_equal(error.system_error, EIO);
        assert_true(n < 10000);
    }
    OK(status);
    free(file.bytes);
    example_free(&e);
}

/* A failed write may be repeated; a chunk that cannot be read back spoils the file, and finishing says so. */
static void test_failing_sink(void **state) {
    (void)state;
    example e;
    memory_file sound, file;
    slm_error error;
    example_create(&e, NULL, 12, false);
    example_write(&e, &sound);
    memory_create(&file, sound.size);
    for (int reads = 0; reads < 2; reads++) {
        bool failed = true;
        for (uint64_t n = 0; failed; n++) {
            breaking b = {&file, n, reads != 0, reads == 0};
            const slm_sink sink = {&b, breaking_write, breaking_read};
            slm_writer *writer;
            failed = false;
            memset(file.bytes, 0xA5, file.size);
            OK(slm_writer_create(&writer, e.layout, &sink, &error));
            OK(slm_writer_set_result(writer, 4, 0x1122334455667788, 0.125F));
            for (size_t i = 0; i < e.payload_count; i++) {
                const uint64_t half = e.sizes[i] / 2;
                for (int part = 0; part < 2; part++) {
                    const uint64_t from = part == 0 ? 0 : half, size = part == 0 ? half : e.sizes[i] - half;
                    slm_status status = slm_writer_write(writer, i, from, size, e.payloads[i] + from, &error);
                    if (status == SLM_E_IO) {
                        failed = true;
                        assert_int_equal(error.system_error, reads ? EIO : ENOSPC);
                        if (!reads)
                            status = slm_writer_write(writer, i, from, size, e.payloads[i] + from, &error);
                        else
                            status = SLM_OK;
                    } else if (status != SLM_OK) {
                        assert_true(reads && failed);
                        assert_int_equal(status, SLM_E_STATE);
                        status = SLM_OK;
                    }
                    OK(status);
                }
            }
            slm_status status = slm_writer_finish(writer, &error);
            if (status == SLM_E_IO) {
                assert_int_equal(reads, 0);
                failed = true;
                assert_int_not_equal(memcmp(file.bytes, sound.bytes, 64), 0); /* no header yet */
                status = slm_writer_finish(writer, &error);
            }
            if (reads && failed) {
                assert_int_equal(status, SLM_E_STATE);
                assert_int_not_equal(memcmp(file.bytes, sound.bytes, 64), 0);
            } else {
                OK(status);
                assert_memory_equal(file.bytes, sound.bytes, sound.size);
            }
            slm_writer_free(writer);
            assert_true(n < 10000);
        }
    }
    free(file.bytes);
    free(sound.bytes);
    example_free(&e);
}

static void test_arguments(void **state) {
    (void)state;
    example e;
    memory_file file;
    slm_reader *reader;
    slm_error error;
    uint8_t target[64];
    example_create(&e, NULL, 12, false);
    example_write(&e, &file);
    slm_reader_options options = {.struct_size = 0};
    assert_int_equal(slm_reader_open_memory(&reader, file.bytes, file.size, &options, &error), SLM_E_ARGUMENT);
    options.struct_size = sizeof options;
    options.kernel = "no such kernel";
    assert_int_equal(slm_reader_open_memory(&reader, file.bytes, file.size, &options, NULL), SLM_E_ARGUMENT);
    assert_int_equal(slm_reader_open_memory(&reader, NULL, 1, NULL, NULL), SLM_E_ARGUMENT);
    assert_int_equal(slm_reader_open_memory(&reader, NULL, 0, NULL, NULL), SLM_E_TRUNCATED);
    assert_int_equal(slm_reader_open_callback(&reader, NULL, NULL, 1, NULL, NULL), SLM_E_ARGUMENT);
    options.kernel = "scalar";
    OK(slm_reader_open_memory(&reader, file.bytes, file.size, &options, &error));
    const size_t payloads = slm_reader_info(reader)->payloads;
    assert_int_equal(slm_reader_read(reader, payloads, 0, 0, target, &error), SLM_E_ARGUMENT);
    assert_int_equal(slm_reader_read(reader, 0, 0, 9, target, &error), SLM_E_ARGUMENT);
    assert_int_equal(slm_reader_read(reader, 0, UINT64_MAX, 2, target, &error), SLM_E_ARGUMENT);
    assert_int_equal(slm_reader_verify(reader, payloads, &error), SLM_E_ARGUMENT);
    assert_int_equal(slm_reader_decode(reader, payloads, 0, 0, SLM_F32, target, &error), SLM_E_ARGUMENT);
    assert_int_equal(slm_reader_decode(reader, 0, 0, 1, SLM_F32, target, &error), SLM_E_ARGUMENT); /* raw, F64 */
    assert_int_equal(slm_reader_decode(reader, 0, 1, 1, SLM_F64, target, &error), SLM_E_ARGUMENT);
    assert_int_equal(slm_reader_decode(reader, 3, 1, 2, SLM_F4, target, &error), SLM_E_ARGUMENT); /* half a byte */
    OK(slm_reader_decode(reader, 3, 2, 4, SLM_F4, target, &error));
    assert_int_equal(slm_reader_decode(reader, 4, 0, 1, SLM_F64, target, &error), SLM_E_ARGUMENT);
    assert_int_equal(slm_reader_decode(reader, 4, 300, 1, SLM_F32, target, &error), SLM_E_ARGUMENT);
    assert_int_equal(slm_reader_decode(reader, 4, UINT64_MAX, 2, SLM_F32, target, &error), SLM_E_ARGUMENT);
    OK(slm_reader_decode(reader, 4, 300, 0, SLM_F32, target, &error));
    assert_true(strstr(error.message, "\"paper4\"") != NULL);
    slm_reader_close(reader);
    slm_reader_close(NULL);
    free(file.bytes);
    example_free(&e);
}

/* Decoding tells the same faults as verifying, with the same rule and place, whatever the input. */
static void test_faults_when_decoding(void **state) {
    (void)state;
    static const struct {
        size_t tensor;
        uint64_t at;
        uint8_t value;
        bool sealed;
        slm_status status;
        const char *rule;
        uint64_t offset;
    } cases[] = {
        {4, 100, 0x55, false, SLM_E_CHECKSUM, "SUM-4", 0},
        {4, 1, 0x80, true, SLM_E_SCALE, "RUN-4", 0},
        {5, 64 + 13, 0xF7, true, SLM_E_RECORD, "RUN-7", 64 + 13},
        {7, 64 + 63, 0xFF, true, SLM_E_RECORD, "RUN-7", 64 + 63},
    };
    example e;
    memory_file file;
    slm_error error;
    float *target = malloc(sizeof *target * 4096);
    example_create(&e, NULL, 12, false);
    example_write(&e, &file);
    uint8_t *copy = malloc(file.size);
    for (size_t i = 0; i < 2 * sizeof cases / sizeof cases[0]; i++) {
        const size_t c = i / 2;
        slm_reader *reader;
        memory_file damaged = {copy, file.size};
        memcpy(copy, file.bytes, file.size);
        OK(slm_reader_open_memory(&reader, file.bytes, file.size, NULL, &error));
        const uint64_t base = slm_reader_payload(reader, cases[c].tensor)->offset;
        slm_reader_close(reader);
        copy[base + cases[c].at] = cases[c].value;
        if (cases[c].sealed)
            reseal_payloads(copy);
        if (i % 2 == 0)
            OK(slm_reader_open_memory(&reader, copy, file.size, NULL, &error));
        else
            OK(slm_reader_open_callback(&reader, read_at, &damaged, file.size, NULL, &error));
        const slm_tensor *t = slm_reader_tensor(reader, cases[c].tensor);
        for (int verify = 0; verify < 2; verify++) {
            memset(&error, 0, sizeof error);
            const slm_status status = verify ? slm_reader_verify(reader, cases[c].tensor, &error)
                                             : slm_reader_decode(reader, cases[c].tensor, 0, t->elements, SLM_F32, target, &error);
            assert_int_equal(status, cases[c].status);
            assert_string_equal(error.rule, cases[c].rule);
            assert_int_equal(error.tensor, cases[c].tensor);
            assert_int_equal(error.offset, base + cases[c].offset);
        }
        slm_reader_close(reader);
    }
    free(copy);
    free(target);
    free(file.bytes);
    example_free(&e);
}

/* ---- Many readers ---- */

#define THREADS 4

typedef struct job {
    const slm_reader *reader;
    const example *e;
    uint64_t seed;
    unsigned failures;
} job;

static void *read_rows(void *context) {
    job *j = context;
    uint8_t bytes[512];
    for (unsigned i = 0; i < 600; i++) {
        const size_t payload = (size_t)(next_random(&j->seed) % j->e->payload_count);
        const uint64_t size = j->e->sizes[payload], from = next_random(&j->seed) % (size + 1);
        const uint64_t count = size - from < sizeof bytes ? size - from : sizeof bytes;
        if (slm_reader_read(j->reader, payload, from, count, bytes, NULL) != SLM_OK ||
            memcmp(bytes, j->e->payloads[payload] + from, (size_t)count) != 0)
            j->failures++;
        const slm_tensor *t = slm_reader_tensor(j->reader, payload);
        if (t != NULL && t->coding != SLM_CODING_RAW) {
            const uint64_t first = next_random(&j->seed) % t->elements, most = t->elements - first < 64 ? t->elements - first : 64;
            if (slm_reader_decode(j->reader, payload, first, most, SLM_F32, bytes, NULL) != SLM_OK)
                j->failures++;
        }
        if (i % 100 == 0 && slm_reader_verify(j->reader, payload, NULL) != SLM_OK)
            j->failures++;
    }
    return NULL;
}

static void test_threads(void **state) {
    (void)state;
    example e;
    memory_file file;
    slm_error error;
    example_create(&e, NULL, 12, false);
    example_write(&e, &file);
    char path[] = "/tmp/slm-faults-XXXXXX";
    const int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, file.bytes, file.size), (ssize_t)file.size);
    close(descriptor);
    for (int way = 0; way < 4; way++) {
        const slm_reader_options positioned = {.struct_size = sizeof positioned, .no_map = true};
        slm_reader *reader;
        if (way == 0)
            OK(slm_reader_open_memory(&reader, file.bytes, file.size, NULL, &error));
        else if (way == 1)
            OK(slm_reader_open_callback(&reader, read_at, &file, file.size, NULL, &error));
        else
            OK(slm_reader_open_file(&reader, path, way == 2 ? NULL : &positioned, &error));
        pthread_t threads[THREADS];
        job jobs[THREADS];
        for (size_t i = 0; i < THREADS; i++) {
            jobs[i] = (job){reader, &e, i, 0};
            assert_int_equal(pthread_create(&threads[i], NULL, read_rows, &jobs[i]), 0);
        }
        for (size_t i = 0; i < THREADS; i++) {
            pthread_join(threads[i], NULL);
            assert_int_equal(jobs[i].failures, 0);
        }
        slm_reader_close(reader);
    }
    unlink(path);
    free(file.bytes);
    example_free(&e);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reader_memory), cmocka_unit_test(test_writer_memory), cmocka_unit_test(test_failing_reads),
        cmocka_unit_test(test_failing_sink),  cmocka_unit_test(test_arguments),     cmocka_unit_test(test_faults_when_decoding),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
