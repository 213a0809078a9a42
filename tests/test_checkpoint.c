/* tests/test_checkpoint.c: checkpoints from folders and archives, hostile archives, side files, conversion of types. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>
#include <cmocka.h>

#include "checkpoint.h"
#include "cleanup.h"
#include "dtype_convert.h"
#include "member_path.h"
#include "positioned.h"
#include "side_files.h"

/* ---- Building ---- */

static char folder[64]; /* each test's own; the working directory */

static int enter(void **state) {
    (void)state;
    strcpy(folder, "/tmp/slm-test-XXXXXX");
    return mkdtemp(folder) == NULL || chdir(folder) != 0;
}

static int leave(void **state) {
    (void)state;
    if (chdir("/") != 0)
        return 1;
    remove_tree(folder);
    return 0;
}

static void write_file(const char *path, const void *bytes, size_t size) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* A safetensors file with one tensor of `count` F32 elements, all bytes `fill`. */
static size_t make_model(uint8_t *bytes, const char *tensor, unsigned count, uint8_t fill) {
    int size =
        snprintf((char *)bytes + 8, 200, "{\"%s\":{\"dtype\":\"F32\",\"shape\":[%u],\"data_offsets\":[0,%u]}}", tensor, count, 4 * count);
    memset(bytes, 0, 8);
    bytes[0] = (uint8_t)size;
    memset(bytes + 8 + size, fill, 4 * (size_t)count);
    return 8 + (size_t)size + 4 * (size_t)count;
}

static void write_model(const char *path, const char *tensor, unsigned count, uint8_t fill) {
    uint8_t bytes[4096];
    write_file(path, bytes, make_model(bytes, tensor, count, fill));
}

typedef struct member {
    const char *name;
    const char *content; /* NULL: a small model of tensor "t" */
    unsigned type;       /* AE_IFREG and so on */
    const char *link;
} member;

static void write_archive(const char *path, const member *members, size_t count) {
    struct archive *a = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    uint8_t model[4096];
    size_t model_size = make_model(model, "t", 8, 1);
    archive_write_set_format_pax_restricted(a);
    assert_int_equal(archive_write_open_filename(a, path), ARCHIVE_OK);
    for (size_t i = 0; i < count; i++) {
        const member *m = &members[i];
        const void *bytes = m->content != NULL ? (const void *)m->content : model;
        size_t size = m->type != AE_IFREG || (m->link != NULL) ? 0 : m->content != NULL ? strlen(m->content) : model_size;
        archive_entry_clear(entry);
        archive_entry_set_pathname(entry, m->name);
        archive_entry_set_filetype(entry, m->type);
        archive_entry_set_perm(entry, 0644);
        archive_entry_set_size(entry, (la_int64_t)size);
        if (m->link != NULL && m->type == AE_IFLNK)
            archive_entry_set_symlink(entry, m->link);
        else if (m->link != NULL)
            archive_entry_set_hardlink(entry, m->link);
        assert_int_equal(archive_write_header(a, entry), ARCHIVE_OK);
        assert_int_equal(archive_write_data(a, bytes, size), size);
    }
    assert_int_equal(archive_write_close(a), ARCHIVE_OK);
    archive_entry_free(entry);
    archive_write_free(a);
}

static unsigned warnings;
static char last_warning[256];

static void count_warning(void *context, const char *text) {
    (void)context;
    warnings++;
    snprintf(last_warning, sizeof last_warning, "%s", text);
}

static bool open_it(checkpoint **cp, const char *path, bool follow, fault *f) {
    checkpoint_options options = {.follow_links = follow, .warn = count_warning};
    warnings = 0;
    *f = (fault){0};
    return checkpoint_open(cp, path, &options, f);
}

static void must_fail(const char *path, fault_class kind, const char *words) {
    checkpoint *cp;
    fault f;
    if (open_it(&cp, path, false, &f))
        fail_msg("%s was accepted", path);
    if (f.kind != kind || strstr(f.text, words) == NULL)
        fail_msg("%s: kind %d, \"%s\", wanted \"%s\"", path, (int)f.kind, f.text, words);
}

/* ---- Folders ---- */

static void make_shards(void) {
    static const char index[] = "{\"weight_map\":{\"a\":\"1.safetensors\",\"b\":\"2.safetensors\"}}";
    assert_int_equal(mkdir("m", 0777), 0);
    write_model("m/1.safetensors", "a", 8, 1);
    write_model("m/2.safetensors", "b", 8, 2);
    write_file("m/model.safetensors.index.json", index, sizeof index - 1);
}

static void test_folder(void **state) {
    (void)state;
    make_shards();
    mkdir("m/sub", 0777);
    mkdir("m/.git", 0777);
    write_file("m/sub/note", "hello", 5);
    write_file("m/.git/large", "x", 1);
    assert_int_equal(symlink("/etc/passwd", "m/link"), 0);
    checkpoint *cp;
    fault f;
    if (!open_it(&cp, "m", false, &f))
        fail_msg("%s", f.text);
    assert_int_equal(warnings, 2); /* the link and .git */
    assert_int_equal(checkpoint_sources(cp), 2);
    assert_int_equal(checkpoint_tensors(cp), 2);
    assert_int_equal(checkpoint_side_files(cp), 2); /* index and note */
    assert_string_equal(checkpoint_tensor_source(cp, 1)->name, "2.safetensors");
    assert_true(checkpoint_rewind(cp, &f));
    size_t tensor;
    uint8_t bytes[32];
    assert_true(checkpoint_next(cp, &tensor, &f));
    assert_true(checkpoint_next(cp, &tensor, &f)); /* the first is passed over */
    assert_int_equal(tensor, 1);
    assert_true(checkpoint_read(cp, bytes, 4, &f));
    assert_int_equal(bytes[3], 2);
    assert_true(checkpoint_hold(cp, &f));
    assert_true(checkpoint_read_at(cp, 28, bytes, 4, &f));
    assert_false(checkpoint_read_at(cp, 29, bytes, 4, &f));
    assert_true(checkpoint_next(cp, &tensor, &f));
    assert_true(tensor == SIZE_MAX);
    struct stat about;
    assert_int_equal(stat("m/2.safetensors", &about), 0);
    assert_true(checkpoint_reads_from(cp, &about));
    checkpoint_close(cp);
}

static void test_links(void **state) {
    (void)state;
    checkpoint *cp;
    fault f;
    assert_int_equal(mkdir("m", 0777), 0);
    write_model("elsewhere", "a", 8, 1);
    assert_int_equal(symlink("../elsewhere", "m/model.safetensors"), 0);
    must_fail("m", FAULT_INPUT, "'model.safetensors' is a symbolic link");
    if (!open_it(&cp, "m", true, &f))
        fail_msg("%s", f.text);
    checkpoint_close(cp);
}

static void test_bad_folders(void **state) {
    (void)state;
    make_shards();
    unlink("m/2.safetensors");
    must_fail("m", FAULT_INPUT, "shard '2.safetensors' is missing: the index says that it holds tensor 'b'");
    write_model("m/2.safetensors", "c", 8, 1);
    must_fail("m", FAULT_INPUT, "'b' lies in shard '2.safetensors', but it is not there");
    write_model("m/2.safetensors", "a", 8, 1);
    must_fail("m", FAULT_INPUT, "'b' lies in shard '2.safetensors', but it is not there");
    write_file("m/2.safetensors", "", 0);
    must_fail("m", FAULT_INPUT, "2.safetensors: the file is empty");
    static const char *const indexes[][2] = {
        {"{", "not JSON"},
        {"{}", "no 'weight_map'"},
        {"{\"weight_map\":{}}", "weight_map is empty"},
        {"{\"weight_map\":{\"a\":1}}", "the value of 'a' is no string"},
        {"{\"weight_map\":{\"a\":\"1.safetensors\",\"a\":\"1.safetensors\"}}", "names something twice"},
        {"{\"weight_map\":{\"a\":\"../1.safetensors\"}}", "'../1.safetensors', outside the index's own folder"},
        {"{\"weight_map\":{\"a\":\"/etc/passwd\"}}", "'/etc/passwd', outside"},
        {"{\"weight_map\":{\"a\":\"..\"}}", "'..', which is no file name"},
    };
    for (size_t i = 0; i < sizeof indexes / sizeof indexes[0]; i++) {
        write_file("m/model.safetensors.index.json", indexes[i][0], strlen(indexes[i][0]));
        must_fail("m", FAULT_INPUT, indexes[i][1]);
    }
    unlink("m/model.safetensors.index.json");
    must_fail("m", FAULT_INPUT, "several safetensors files");
    unlink("m/1.safetensors");
    unlink("m/2.safetensors");
    must_fail("m", FAULT_INPUT, "no model in it");
    must_fail("no such", FAULT_SYSTEM, "cannot open");
}

static void test_nonfinite(void **state) {
    (void)state;
    uint8_t bytes[4096];
    size_t size = make_model(bytes, "t", 600, 0);
    bytes[size - 4 * 100 + 3] = 0x7F; /* element 500: infinity */
    bytes[size - 4 * 100 + 2] = 0x80;
    write_file("x.safetensors", bytes, size);
    checkpoint *cp;
    checkpoint_scan scan;
    fault f;
    assert_true(open_it(&cp, "x.safetensors", false, &f));
    assert_true(checkpoint_scan_tensor(cp, 0, &scan, &f));
    assert_int_equal(scan.first_nonfinite, 500);
    checkpoint_close(cp);
}

/* ---- Archives ---- */

static void test_archive(void **state) {
    (void)state;
    static const member members[] = {
        {"top/", "", AE_IFDIR, NULL},
        {"top/z.json", "{}", AE_IFREG, NULL},
        {"./top/model.safetensors", NULL, AE_IFREG, NULL},
        {"top/sub/other.safetensors", "no safetensors at all", AE_IFREG, NULL},
        {"outside", "x", AE_IFREG, NULL},
    };
    write_archive("m.tar", members, 5);
    checkpoint *cp;
    fault f;
    if (!open_it(&cp, "m.tar", false, &f))
        fail_msg("%s", f.text);
    assert_int_equal(warnings, 2); /* the file outside, and a safetensors file that is not the model */
    assert_int_equal(checkpoint_sources(cp), 1);
    assert_int_equal(checkpoint_side_files(cp), 2);
    assert_int_equal(checkpoint_side_bytes(cp), 2 + 21);
    assert_true(checkpoint_rewind(cp, &f));
    size_t tensor;
    uint8_t bytes[32];
    assert_true(checkpoint_next(cp, &tensor, &f));
    assert_int_equal(tensor, 0);
    assert_true(checkpoint_read(cp, bytes, 32, &f));
    assert_int_equal(bytes[31], 1);
    assert_true(checkpoint_next(cp, &tensor, &f));
    assert_true(tensor == SIZE_MAX);
    checkpoint_close(cp);
}

static void test_hostile_archives(void **state) {
    (void)state;
    static const struct {
        member member;
        const char *words;
    } cases[] = {
        {{"../x", "x", AE_IFREG, NULL}, "member '../x' is refused: a path that climbs"},
        {{"a/../../x", "x", AE_IFREG, NULL}, "climbs with '..'"},
        {{"/etc/x", "x", AE_IFREG, NULL}, "member '/etc/x' is refused: an absolute path"},
        {{"l", "", AE_IFLNK, "/etc/passwd"}, "member 'l' is refused: a link"},
        {{"h", "", AE_IFREG, "model.safetensors"}, "member 'h' is refused: a link"},
        {{"fifo", "", AE_IFIFO, NULL}, "member 'fifo' is refused: no regular file"},
        {{"dev", "", AE_IFCHR, NULL}, "member 'dev' is refused: no regular file"},
        {{"model.safetensors", NULL, AE_IFREG, NULL}, "the archive holds 'model.safetensors' twice"},
        {{"other/model.safetensors", "", AE_IFDIR, NULL}, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        member members[] = {{"model.safetensors", NULL, AE_IFREG, NULL}, cases[i].member};
        write_archive("m.tar", members, 2);
        checkpoint *cp;
        fault f;
        if (cases[i].words != NULL)
            must_fail("m.tar", FAULT_INPUT, cases[i].words);
        else if (open_it(&cp, "m.tar", false, &f))
            checkpoint_close(cp);
        else
            fail_msg("%s", f.text);
    }
    member rivals[] = {{"a/model.safetensors", NULL, AE_IFREG, NULL}, {"b/model.safetensors", NULL, AE_IFREG, NULL}};
    write_archive("m.tar", rivals, 2);
    must_fail("m.tar", FAULT_INPUT, "several models in the archive");
    member twice[] = {{"model.safetensors", NULL, AE_IFREG, NULL}, {"x", "1", AE_IFREG, NULL}, {"./x", "2", AE_IFREG, NULL}};
    write_archive("m.tar", twice, 3);
    must_fail("m.tar", FAULT_INPUT, "'x' is there twice");
    member broken[] = {{"model.safetensors", "rubbish that is no model", AE_IFREG, NULL}};
    write_archive("m.tar", broken, 1);
    must_fail("m.tar", FAULT_INPUT, "model.safetensors: not a safetensors file");
    assert_int_equal(truncate("m.tar", 600), 0);
    must_fail("m.tar", FAULT_INPUT, "runcated");
}

/* The file behind a header whose checksum is wrong was left out without a word. */
static void test_damaged_tar_header_passed_over(void **state) {
    (void)state;
    static const member members[] = {{"model.safetensors", NULL, AE_IFREG, NULL}, {"config.json", "{}", AE_IFREG, NULL}};
    write_archive("m.tar", members, 2);
    FILE *file = fopen("m.tar", "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, 1024 + 3, SEEK_SET), 0); /* in the second header: the first member takes two blocks */
    assert_int_equal(fputc('F', file), 'F');
    assert_int_equal(fclose(file), 0);
    must_fail("m.tar", FAULT_INPUT, "the archive is damaged");
}

/* ---- Side files ---- */

static bool give_content(void *context, const side_file *file, uint64_t offset, void *buffer, size_t size, fault *f) {
    (void)context;
    (void)f;
    memset(buffer, file->name[0] + (int)(offset / 100000), size);
    return true;
}

static bool read_pack(void *context, uint64_t offset, void *buffer, size_t size, fault *f) {
    int number = positioned_read(*(int *)context, offset, buffer, size);
    return number == 0 || fault_system(f, number, "pack");
}

static void add_side(side_list *list, const char *name, uint64_t size) {
    fault f;
    assert_true(side_list_add(list, strdup(name), size, 0, &f));
}

static void test_side_files(void **state) {
    (void)state;
    side_list list = {0};
    fault f;
    add_side(&list, "z", 300000);
    add_side(&list, "a/b/\xC3\xA4", 3);
    add_side(&list, "empty", 0);
    assert_true(side_list_sort(&list, &f));
    int fd[2];
    uint64_t size[2];
    for (int i = 0; i < 2; i++) { /* the same bytes each time */
        assert_int_equal(unnamed_file(&fd[i]), 0);
        if (!side_pack(&list, give_content, NULL, fd[i], &size[i], &f))
            fail_msg("%s", f.text);
    }
    uint8_t packs[2][4096];
    assert_true(size[0] == size[1] && size[0] <= sizeof packs[0]);
    for (int i = 0; i < 2; i++)
        assert_int_equal(positioned_read(fd[i], 0, packs[i], (size_t)size[i]), 0);
    assert_memory_equal(packs[0], packs[1], size[0]);
    side_reader *reader;
    const char *name;
    uint64_t bytes;
    assert_true(side_open(&reader, read_pack, &fd[0], size[0], &f));
    static const char *const order[] = {"a/b/\xC3\xA4", "empty", "z"};
    for (size_t i = 0; i < 3; i++) {
        if (!side_next(reader, &name, &bytes, &f))
            fail_msg("%s", f.text);
        assert_string_equal(name, order[i]);
        if (!side_extract(reader, &f))
            fail_msg("%s", f.text);
    }
    assert_true(side_next(reader, &name, &bytes, &f));
    assert_null(name);
    side_close(reader);
    struct stat about;
    assert_int_equal(stat("z", &about), 0);
    assert_int_equal(about.st_size, 300000);
    assert_int_equal(stat("a/b/\xC3\xA4", &about), 0);
    /* Nothing is written over. */
    assert_true(side_open(&reader, read_pack, &fd[0], size[0], &f));
    assert_true(side_next(reader, &name, &bytes, &f));
    assert_false(side_extract(reader, &f));
    side_close(reader);
    close(fd[0]);
    close(fd[1]);
    side_list_free(&list);
}

static void test_hostile_side_files(void **state) {
    (void)state;
    static const member cases[] = {
        {"../x", "x", AE_IFREG, NULL}, {"/x", "x", AE_IFREG, NULL}, {"l", "", AE_IFLNK, "/etc"},       {"h", "", AE_IFREG, "good"},
        {"p", "", AE_IFIFO, NULL},     {"d", "", AE_IFBLK, NULL},   {"good", "again", AE_IFREG, NULL}, {"./good", "x", AE_IFREG, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        member members[] = {{"good", "x", AE_IFREG, NULL}, cases[i]};
        write_archive("pack", members, 2);
        int fd = open("pack", O_RDONLY);
        struct stat about;
        assert_true(fd >= 0 && fstat(fd, &about) == 0);
        side_reader *reader;
        const char *name;
        uint64_t size;
        fault f = {0};
        assert_true(side_open(&reader, read_pack, &fd, (uint64_t)about.st_size, &f));
        assert_true(side_next(reader, &name, &size, &f));
        assert_string_equal(name, "good");
        if (side_next(reader, &name, &size, &f))
            fail_msg("'%s' was accepted", cases[i].name);
        assert_int_equal(f.kind, FAULT_INPUT);
        side_close(reader);
        close(fd);
    }
}

static void test_member_paths(void **state) {
    (void)state;
    static const char *const good[][2] = {{"a", "a"}, {"./a//b/", "a/b"}, {".", ""}, {"a/./b", "a/b"}, {"..a/b..", "..a/b.."}};
    static const char *const bad[] = {"", "/", "/a", "..", "a/..", "a/../b", "../a", "\xff", "a\xC0\xAF"};
    char *clean;
    const char *reason;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(member_path(good[i][0], &clean, &reason));
        assert_string_equal(clean, good[i][1]);
        free(clean);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(member_path(bad[i], &clean, &reason));
        assert_non_null(reason);
    }
}

/* ---- Types ---- */

/* Rounding by its definition: the nearest of all finite values of the narrow type, ties to the even bit pattern. */
static uint16_t nearest(slm_dtype dtype, float value) {
    static float values[2][65536];
    int which = dtype == SLM_F16;
    if (values[which][1] == 0)
        for (unsigned bits = 0; bits < 65536; bits++) {
            uint8_t bytes[2] = {(uint8_t)bits, (uint8_t)(bits >> 8)};
            slm_widen(dtype, bytes, 1, &values[which][bits]);
        }
    unsigned infinity = dtype == SLM_F16 ? 0x7C00 : 0x7F80, low = 0, high = infinity;
    double magnitude = value < 0 ? -(double)value : (double)value;
    while (high - low > 1) { /* the last finite value at or below it */
        unsigned middle = (low + high) / 2;
        if ((double)values[which][middle] <= magnitude)
            low = middle;
        else
            high = middle;
    }
    /* Above the largest finite value stands what would be next: infinity in the tie. */
    double step = low + 1 < infinity ? (double)values[which][low + 1] - (double)values[which][low]
                                     : (double)values[which][low] - (double)values[which][low - 1];
    double rest = magnitude - (double)values[which][low];
    unsigned result = rest > step / 2 || (rest == step / 2 && (low & 1) != 0) ? low + 1 : low;
    return (uint16_t)(result | (value < 0 ? 0x8000u : 0));
}

static void test_convert(void **state) {
    (void)state;
    static const slm_dtype narrow[] = {SLM_F16, SLM_BF16};
    for (size_t k = 0; k < 2; k++) {
        uint32_t x = 12345;
        for (int i = 0; i < 300000; i++) {
            x = x * 1664525 + 1013904223;
            uint32_t bits = i % 3 == 0 ? x : i % 3 == 1 ? (x & 0xFFFFF000) : (x & 0x8FFFFFFF) | 0x30000000;
            if ((bits & 0x7F800000) == 0x7F800000)
                continue;
            float value;
            memcpy(&value, &bits, 4);
            uint8_t in[4], out[2];
            for (unsigned b = 0; b < 4; b++)
                in[b] = (uint8_t)(bits >> 8 * b);
            dtype_convert(SLM_F32, in, narrow[k], out, 1);
            unsigned got = out[0] | (unsigned)out[1] << 8, wanted = nearest(narrow[k], value);
            if (value == 0)
                wanted = bits >> 16; /* -0 stays -0 */
            if (got != wanted)
                fail_msg("%s of 0x%08X: 0x%04X, wanted 0x%04X", slm_dtype_name(narrow[k]), bits, got, wanted);
        }
        for (unsigned bits = 0; bits < 65536; bits++) { /* there and back */
            uint8_t in[2] = {(uint8_t)bits, (uint8_t)(bits >> 8)}, wide[4], out[2];
            dtype_convert(narrow[k], in, SLM_F32, wide, 1);
            dtype_convert(SLM_F32, wide, narrow[k], out, 1);
            unsigned exponent = narrow[k] == SLM_F16 ? 0x7C00 : 0x7F80, got = out[0] | (unsigned)out[1] << 8;
            bool nan = (bits & 0x7FFF) > exponent;
            assert_true(nan ? (got & 0x7FFF) > exponent : got == bits);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_folder, enter, leave),
        cmocka_unit_test_setup_teardown(test_links, enter, leave),
        cmocka_unit_test_setup_teardown(test_bad_folders, enter, leave),
        cmocka_unit_test_setup_teardown(test_nonfinite, enter, leave),
        cmocka_unit_test_setup_teardown(test_archive, enter, leave),
        cmocka_unit_test_setup_teardown(test_hostile_archives, enter, leave),
        cmocka_unit_test_setup_teardown(test_damaged_tar_header_passed_over, enter, leave),
        cmocka_unit_test_setup_teardown(test_side_files, enter, leave),
        cmocka_unit_test_setup_teardown(test_hostile_side_files, enter, leave),
        cmocka_unit_test(test_member_paths),
        cmocka_unit_test(test_convert),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
