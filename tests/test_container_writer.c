/* The writer: any order, any pieces, any threads give the same bytes; what must be refused is; the file sink loses nothing. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "container_fixture.h"

#define THREADS 4

/* A cut of the example's payloads into pieces, in a random order. */
typedef struct cut {
    size_t payload;
    uint64_t offset, size;
} cut;

static cut *make_cuts(const example *e, uint64_t seed, uint64_t most, size_t *count) {
    size_t room = 16;
    cut *cuts = malloc(room * sizeof *cuts);
    *count = 0;
    for (size_t i = 0; i < e->payload_count; i++) {
        for (uint64_t at = 0; at < e->sizes[i];) {
            uint64_t size = 1 + next_random(&seed) % most;
            size = size < e->sizes[i] - at ? size : e->sizes[i] - at;
            if (*count == room)
                cuts = realloc(cuts, (room *= 2) * sizeof *cuts);
            cuts[(*count)++] = (cut){i, at, size};
            at += size;
        }
    }
    for (size_t i = *count; i > 1; i--) {
        const size_t k = (size_t)(next_random(&seed) % i);
        const cut swap = cuts[i - 1];
        cuts[i - 1] = cuts[k];
        cuts[k] = swap;
    }
    return cuts;
}

/* Writes a piece: scales and codes by their own functions where the piece holds whole ones of either, else as payload bytes. */
static void write_cut(slm_writer *writer, const example *e, const cut *c) {
    const slm_tensor *t = slm_layout_tensor(e->layout, c->payload);
    const uint8_t *bytes = e->payloads[c->payload] + c->offset;
    slm_error error;
    if (t != NULL && t->coding != SLM_CODING_RAW && c->offset >= t->codes_offset)
        OK(slm_writer_write_codes(writer, c->payload, c->offset - t->codes_offset, (size_t)c->size, bytes, &error));
    else
        OK(slm_writer_write(writer, c->payload, c->offset, c->size, bytes, &error));
}

static void test_any_order(void **state) {
    (void)state;
    for (unsigned round = 0; round < 30; round++) {
        example e;
        memory_file one, other;
        slm_writer *writer;
        slm_error error;
        size_t count;
        example_create(&e, NULL, 12 + round % 3, round == 29);
        example_write(&e, &one);
        memory_create(&other, slm_layout_file_size(e.layout));
        const slm_sink sink = memory_sink(&other);
        OK(slm_writer_create(&writer, e.layout, &sink, &error));
        cut *cuts = make_cuts(&e, round, round == 29 ? 100000 : round % 2 == 0 ? 7 : 300, &count);
        OK(slm_writer_set_result(writer, 4, 0x1122334455667788, 0.125F));
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(slm_writer_finish(writer, &error), SLM_E_STATE);
            write_cut(writer, &e, &cuts[i]);
        }
        OK(slm_writer_finish(writer, &error));
        slm_writer_free(writer);
        assert_memory_equal(one.bytes, other.bytes, one.size);
        assert_int_equal(other.bytes[other.size], 0xA5);
        free(cuts);
        free(one.bytes);
        free(other.bytes);
        example_free(&e);
    }
}

typedef struct job {
    slm_writer *writer;
    const example *e;
    const cut *cuts;
    size_t first, count;
} job;

static void *write_some(void *context) {
    const job *j = context;
    for (size_t i = j->first; i < j->count; i += THREADS)
        write_cut(j->writer, j->e, &j->cuts[i]);
    return NULL;
}

static void test_threads(void **state) {
    (void)state;
    for (unsigned round = 0; round < 4; round++) {
        example e;
        memory_file one, other;
        slm_writer *writer;
        slm_error error;
        size_t count;
        example_create(&e, NULL, 12, round == 3);
        example_write(&e, &one);
        memory_create(&other, slm_layout_file_size(e.layout));
        const slm_sink sink = memory_sink(&other);
        OK(slm_writer_create(&writer, e.layout, &sink, &error));
        cut *cuts = make_cuts(&e, round, round == 3 ? 50000 : 40, &count);
        pthread_t threads[THREADS];
        job jobs[THREADS];
        for (size_t i = 0; i < THREADS; i++) {
            jobs[i] = (job){writer, &e, cuts, i, count};
            assert_int_equal(pthread_create(&threads[i], NULL, write_some, &jobs[i]), 0);
        }
        OK(slm_writer_set_result(writer, 4, 0x1122334455667788, 0.125F));
        for (size_t i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
        OK(slm_writer_finish(writer, &error));
        slm_writer_free(writer);
        assert_memory_equal(one.bytes, other.bytes, one.size);
        free(cuts);
        free(one.bytes);
        free(other.bytes);
        example_free(&e);
    }
}

/* Scales one by one and backwards: the padding comes with the last one. */
static void test_scales(void **state) {
    (void)state;
    example e;
    memory_file one, other;
    slm_writer *writer;
    slm_error error;
    example_create(&e, NULL, 12, false);
    example_write(&e, &one);
    memory_create(&other, slm_layout_file_size(e.layout));
    const slm_sink sink = memory_sink(&other);
    OK(slm_writer_create(&writer, e.layout, &sink, &error));
    for (size_t i = 0; i < e.payload_count; i++) {
        const slm_tensor *t = slm_layout_tensor(e.layout, i);
        if (t == NULL || t->coding == SLM_CODING_RAW) {
            OK(slm_writer_write(writer, i, 0, e.sizes[i], e.payloads[i], &error));
            assert_int_equal(slm_writer_write_codes(writer, i, 0, 0, NULL, &error), SLM_E_ARGUMENT);
            continue;
        }
        for (uint64_t k = t->scales; k-- > 0;) {
            const uint16_t scale = load_u16(e.payloads[i] + 2 * k), bad = 0xFFFF;
            assert_int_equal(slm_writer_write_scales(writer, i, k, 1, &bad, &error), SLM_E_SCALE);
            assert_string_equal(error.rule, "RUN-4");
            OK(slm_writer_write_scales(writer, i, k, 1, &scale, &error));
            assert_int_equal(slm_writer_write_scales(writer, i, k, 1, &scale, &error), SLM_E_STATE);
        }
        const uint16_t some[2] = {0x3F80, 0x3F80};
        assert_int_equal(slm_writer_write_scales(writer, i, t->scales, 1, some, &error), SLM_E_ARGUMENT);
        assert_int_equal(slm_writer_write_scales(writer, i, t->scales - 1, 2, some, &error), SLM_E_ARGUMENT);
        assert_int_equal(slm_writer_write_scales(writer, i, UINT64_MAX, 2, some, &error), SLM_E_ARGUMENT);
        const size_t codes = (size_t)(t->runs * t->run_bytes);
        assert_int_equal(slm_writer_write_codes(writer, i, 1, codes, e.payloads[i], &error), SLM_E_ARGUMENT);
        OK(slm_writer_write_codes(writer, i, 0, codes, e.payloads[i] + t->codes_offset, &error));
    }
    OK(slm_writer_set_result(writer, 4, 0x1122334455667788, 0.125F));
    OK(slm_writer_finish(writer, &error));
    assert_memory_equal(one.bytes, other.bytes, one.size);
    assert_int_equal(slm_writer_finish(writer, &error), SLM_E_STATE);
    assert_int_equal(slm_writer_write(writer, 0, 0, 1, "x", &error), SLM_E_STATE);
    assert_int_equal(slm_writer_set_result(writer, 4, 0, 0.0F), SLM_E_STATE);
    slm_writer_free(writer);
    free(one.bytes);
    free(other.bytes);
    example_free(&e);
}

static void test_states(void **state) {
    (void)state;
    example e;
    memory_file file;
    slm_writer *writer;
    slm_error error;
    example_create(&e, NULL, 12, false);
    memory_create(&file, slm_layout_file_size(e.layout));
    const slm_sink sink = memory_sink(&file);
    OK(slm_writer_create(&writer, e.layout, &sink, &error));
    const slm_tensor tensor = {.name = "late", .name_length = 4, .dtype = SLM_U8};
    assert_int_equal(slm_layout_add_tensor(e.layout, &tensor, NULL, &error), SLM_E_STATE);
    assert_int_equal(slm_layout_add_metadata(e.layout, "a", 1, "b", 1, &error), SLM_E_STATE);
    assert_int_equal(slm_layout_add_source(e.layout, "a", 1, "b", 1, &error), SLM_E_STATE);
    assert_int_equal(slm_layout_add_side_files(e.layout, 1, NULL, &error), SLM_E_STATE);
    assert_int_equal(slm_writer_write(writer, 10, 0, 1, "x", &error), SLM_E_ARGUMENT);
    assert_int_equal(slm_writer_write(writer, 0, 0, 9, "123456789", &error), SLM_E_ARGUMENT);
    assert_int_equal(slm_writer_write(writer, 0, 9, 0, "", &error), SLM_E_ARGUMENT);
    assert_int_equal(slm_writer_write(writer, 0, UINT64_MAX, 2, "xx", &error), SLM_E_ARGUMENT);
    OK(slm_writer_write(writer, 0, 8, 0, NULL, &error));
    OK(slm_writer_write(writer, 0, 2, 3, "cde", &error));
    assert_int_equal(slm_writer_write(writer, 0, 4, 1, "x", &error), SLM_E_STATE);
    assert_int_equal(slm_writer_write(writer, 0, 0, 8, "xxxxxxxx", &error), SLM_E_STATE);
    assert_int_equal(slm_writer_finish(writer, &error), SLM_E_STATE);
    assert_int_equal(error.tensor, 0);
    OK(slm_writer_write(writer, 0, 0, 2, "ab", &error));
    assert_int_equal(slm_writer_finish(writer, &error), SLM_E_STATE);
    assert_true(strstr(error.message, "\"scalar\"") != NULL && strstr(error.message, "byte 5") != NULL);
    assert_int_equal(slm_writer_set_result(writer, 9, 0, 0.0F), SLM_E_ARGUMENT);
    slm_writer_free(writer);
    slm_writer_free(NULL);
    free(file.bytes);
    example_free(&e);
}

/* A layout refuses what a file may not hold, at once or when the writer is made. */
static void test_layout_rules(void **state) {
    (void)state;
    slm_layout *layout;
    slm_writer *writer;
    slm_error error;
    memory_file file = {NULL, 0};
    const slm_sink sink = memory_sink(&file);
    slm_layout_options options = {.struct_size = sizeof options, .align_log2 = 5};
    assert_int_equal(slm_layout_create(&layout, &options), SLM_E_ARGUMENT);
    options.align_log2 = 17;
    assert_int_equal(slm_layout_create(&layout, &options), SLM_E_ARGUMENT);
    options.align_log2 = 6;
    options.chunk_log2 = 31;
    assert_int_equal(slm_layout_create(&layout, &options), SLM_E_ARGUMENT);
    OK(slm_layout_create(&layout, NULL));
    slm_tensor t = {.name = "a\xFF", .name_length = 2, .dtype = SLM_U8};
    assert_int_equal(slm_layout_add_tensor(layout, &t, NULL, &error), SLM_E_INDEX);
    assert_string_equal(error.rule, "TEN-7");
    t.name_length = 1;
    t.rank = 33;
    assert_int_equal(slm_layout_add_tensor(layout, &t, NULL, &error), SLM_E_LIMIT);
    const uint64_t shape[2] = {UINT64_MAX, 2};
    t.rank = 2;
    t.shape = shape;
    assert_int_equal(slm_layout_add_tensor(layout, &t, NULL, &error), SLM_E_LIMIT);
    assert_string_equal(error.rule, "TEN-11");
    t.rank = 0;
    OK(slm_layout_add_tensor(layout, &t, NULL, &error));
    assert_int_equal(slm_layout_add_source(layout, "a/b", 3, "", 0, &error), SLM_E_INDEX);
    assert_int_equal(slm_layout_add_metadata(layout, "", 0, "", 0, &error), SLM_E_INDEX);
    OK(slm_layout_add_source(layout, "s", 1, "{}", 2, &error));
    OK(slm_layout_add_tensor(layout, &t, NULL, &error)); /* the same name again, and of no source */
    assert_int_equal(slm_writer_create(&writer, layout, &sink, &error), SLM_E_INDEX);
    assert_string_equal(error.rule, "SRC-4");
    OK(slm_layout_add_source(layout, "s", 1, "{}", 2, &error));
    assert_int_equal(slm_writer_create(&writer, layout, &sink, &error), SLM_E_INDEX);
    assert_string_equal(error.rule, "TEN-8");
    assert_int_equal(error.tensor, 1);
    assert_null(writer);
    slm_layout_free(layout);
    slm_layout_free(NULL);
    /* Sizes at the limits: nothing is allocated for them. */
    OK(slm_layout_create(&layout, NULL));
    const uint64_t large[1] = {(UINT64_C(1) << 59) - 1};
    t.rank = 1;
    t.shape = large;
    OK(slm_layout_add_tensor(layout, &t, NULL, &error));
    assert_true(slm_layout_file_size(layout) == 0); /* its checksums do not fit an index */
    assert_int_equal(slm_writer_create(&writer, layout, &sink, &error), SLM_E_LIMIT);
    assert_string_equal(error.rule, "HDR-12");
    slm_layout_free(layout);
}

/* The emptiest file: no tensor, no payload. */
static void test_nothing(void **state) {
    (void)state;
    slm_layout *layout;
    slm_writer *writer;
    slm_reader *reader;
    slm_error error;
    memory_file file;
    for (unsigned align_log2 = 6; align_log2 <= 16; align_log2 += 5) {
        const slm_layout_options options = {.struct_size = sizeof options, .align_log2 = align_log2};
        OK(slm_layout_create(&layout, &options));
        memory_create(&file, slm_layout_file_size(layout));
        const slm_sink sink = memory_sink(&file);
        OK(slm_writer_create(&writer, layout, &sink, &error));
        OK(slm_writer_finish(writer, &error));
        slm_writer_free(writer);
        slm_layout_free(layout);
        OK(slm_reader_open_memory(&reader, file.bytes, file.size, NULL, &error));
        assert_int_equal(slm_reader_info(reader)->tensors, 0);
        assert_int_equal(slm_reader_verify(reader, 0, &error), SLM_E_ARGUMENT);
        slm_reader_close(reader);
        if (load_u64(file.bytes + 32) + 64 < file.size) { /* the padding at its end belongs to no payload: it is checked on opening */
            file.bytes[file.size - 1] = 1;
            assert_int_equal(slm_reader_open_memory(&reader, file.bytes, file.size, NULL, &error), SLM_E_RECORD);
            assert_string_equal(error.rule, "PAY-14");
        }
        free(file.bytes);
    }
}

/* ---- The file sink ---- */

static char folder[64];

static const char *in_folder(const char *name) {
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void put_file(const char *path, const char *text, mode_t mode) {
    const int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(fchmod(descriptor, mode), 0);
    close(descriptor);
}

static void expect_file(const char *path, const char *text) {
    char bytes[64] = {0};
    const int descriptor = open(path, O_RDONLY);
    assert_true(descriptor >= 0);
    assert_int_equal(read(descriptor, bytes, sizeof bytes - 1), (ssize_t)strlen(text));
    assert_string_equal(bytes, text);
    close(descriptor);
}

static int make_folder(void **state) {
    (void)state;
    strcpy(folder, "/tmp/slm-test-XXXXXX");
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state) {
    (void)state;
    return rmdir(folder); /* fails where a temporary was left behind */
}

static slm_file *create_with(const char *path, bool overwrite, const char *text) {
    slm_file *file;
    slm_error error;
    slm_sink sink;
    char back[64];
    OK(slm_file_create(&file, path, overwrite, &error));
    assert_int_equal(access(slm_file_temporary(file), F_OK), 0);
    slm_file_sink(file, &sink);
    assert_int_equal(sink.write_at(sink.context, 0, text, strlen(text)), 0);
    assert_int_equal(sink.read_at(sink.context, 0, back, strlen(text)), 0);
    assert_memory_equal(back, text, strlen(text));
    assert_int_equal(sink.read_at(sink.context, strlen(text), back, 1), EIO);
    return file;
}

static void test_file_sink(void **state) {
    (void)state;
    slm_error error;
    slm_file *file;
    char path[128], other[128];
    strcpy(path, in_folder("out.slm"));
    file = create_with(path, false, "one");
    assert_int_equal(access(path, F_OK), -1); /* nothing there before the end */
    OK(slm_file_commit(file, &error));
    expect_file(path, "one");
    /* An existing file stays, at creation and at commit. */
    assert_int_equal(slm_file_create(&file, path, false, &error), SLM_E_IO);
    assert_int_equal(error.system_error, EEXIST);
    assert_null(file);
    strcpy(other, in_folder("late.slm"));
    file = create_with(other, false, "mine");
    put_file(other, "theirs", 0644);
    assert_int_equal(slm_file_commit(file, &error), SLM_E_IO);
    assert_int_equal(error.system_error, EEXIST);
    expect_file(other, "theirs");
    unlink(other);
    /* Overwriting keeps the old bytes to the end, and the old mode. */
    assert_int_equal(chmod(path, 0600), 0);
    file = create_with(path, true, "two");
    expect_file(path, "one");
    slm_file_abort(file);
    expect_file(path, "one");
    file = create_with(path, true, "two");
    OK(slm_file_commit(file, &error));
    expect_file(path, "two");
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    /* Through a symbolic link. */
    assert_int_equal(symlink("out.slm", other), 0);
    assert_int_equal(slm_file_create(&file, other, false, &error), SLM_E_IO);
    assert_int_equal(error.system_error, EEXIST);
    file = create_with(other, true, "three");
    OK(slm_file_commit(file, &error));
    expect_file(path, "three");
    assert_int_equal(lstat(other, &status), 0);
    assert_true(S_ISLNK(status.st_mode));
    unlink(other);
    unlink(path);
    slm_file_abort(NULL);
}

static void test_file_sink_refusals(void **state) {
    (void)state;
    slm_error error;
    slm_file *file;
    assert_int_equal(slm_file_create(&file, in_folder("no/such/folder.slm"), false, &error), SLM_E_IO);
    assert_int_equal(error.system_error, ENOENT);
    assert_int_equal(slm_file_create(&file, folder, true, &error), SLM_E_IO);
    assert_int_equal(error.system_error, EISDIR);
    assert_int_equal(slm_file_create(&file, "/dev/null", true, &error), SLM_E_IO); /* it would be replaced by a file */
    assert_int_equal(slm_file_create(&file, "", true, &error), SLM_E_IO);
    assert_null(file);
    slm_reader *reader;
    assert_int_equal(slm_reader_open_file(&reader, folder, NULL, &error), SLM_E_IO);
    assert_int_equal(error.system_error, EISDIR);
    assert_int_equal(slm_reader_open_file(&reader, "/dev/null", NULL, &error), SLM_E_IO);
    assert_int_equal(slm_reader_open_file(&reader, in_folder("nothing"), NULL, &error), SLM_E_IO);
    assert_int_equal(error.system_error, ENOENT);
    assert_true(strstr(error.message, "cannot open: ") == error.message);
    char path[128];
    strcpy(path, in_folder("empty"));
    put_file(path, "", 0644);
    assert_int_equal(slm_reader_open_file(&reader, path, NULL, &error), SLM_E_TRUNCATED);
    unlink(path);
}

/* A whole file through the sink. */
static void test_file(void **state) {
    (void)state;
    example e;
    memory_file memory;
    slm_file *file;
    slm_writer *writer;
    slm_reader *reader;
    slm_sink sink;
    slm_error error;
    char path[128];
    strcpy(path, in_folder("file.slm"));
    example_create(&e, NULL, 12, false);
    example_write(&e, &memory);
    OK(slm_file_create(&file, path, false, &error));
    slm_file_sink(file, &sink);
    OK(slm_writer_create(&writer, e.layout, &sink, &error));
    OK(slm_writer_set_result(writer, 4, 0x1122334455667788, 0.125F));
    for (size_t i = e.payload_count; i-- > 0;) {
        OK(slm_writer_write(writer, i, e.sizes[i] / 2, e.sizes[i] - e.sizes[i] / 2, e.payloads[i] + e.sizes[i] / 2, &error));
        OK(slm_writer_write(writer, i, 0, e.sizes[i] / 2, e.payloads[i], &error));
    }
    OK(slm_writer_finish(writer, &error));
    slm_writer_free(writer);
    OK(slm_file_commit(file, &error));
    OK(slm_reader_open_file(&reader, path, NULL, &error));
    for (size_t i = 0; i < e.payload_count; i++)
        OK(slm_reader_verify(reader, i, &error));
    slm_reader_close(reader);
    uint8_t *bytes = malloc(memory.size + 1);
    const int descriptor = open(path, O_RDONLY);
    assert_int_equal(read(descriptor, bytes, memory.size + 1), (ssize_t)memory.size);
    assert_memory_equal(bytes, memory.bytes, memory.size);
    close(descriptor);
    unlink(path);
    free(bytes);
    free(memory.bytes);
    example_free(&e);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_order),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_scales),
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_layout_rules),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test_setup_teardown(test_file_sink, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_file_sink_refusals, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_file, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
