/* test_file_faults.c: an output file when the system fails: every call and allocation of its making, file systems that lack a call, names
 * taken by others meanwhile. Runs with fault_shim.c loaded before the C library; by hand:
 * LD_PRELOAD=build/tests/libfault_shim.so build/tests/test_file_faults */
#define _DEFAULT_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "slm/writer.h"

#define SIZE 20000

static void (*set_fault)(const char *fault);
static unsigned long (*count_faults)(bool memory);
static char folder[] = "/tmp/slm-file-XXXXXX";
static char text[SIZE];

static int make_folder(void **state) {
    (void)state;
    strcpy(folder + strlen(folder) - 6, "XXXXXX");
    for (size_t i = 0; i < SIZE; i++)
        text[i] = (char)('a' + i % 23);
    return mkdtemp(folder) == NULL || chdir(folder) != 0;
}

static int remove_folder(void **state) {
    (void)state;
    return chdir("/") != 0 || rmdir(folder) != 0; /* fails where something was left behind */
}

static void put(const char *path, const char *content) {
    const int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0640);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, content, strlen(content)), (ssize_t)strlen(content));
    close(descriptor);
}

static void expect(const char *path, const char *content, size_t size) {
    static char bytes[SIZE + 1];
    const int descriptor = open(path, O_RDONLY);
    assert_true(descriptor >= 0);
    assert_int_equal(read(descriptor, bytes, sizeof bytes), (ssize_t)size);
    assert_memory_equal(bytes, content, size);
    close(descriptor);
}

static unsigned names(void) {
    DIR *here = opendir(".");
    unsigned count = 0;
    assert_non_null(here);
    for (const struct dirent *entry; (entry = readdir(here)) != NULL;)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(here);
    return count;
}

typedef enum way { NEW, REPLACED, BEGUN_AGAIN, RESUMED, WAYS } way;

/* What is there before a file is made in this way: an old one, or what an earlier process left. */
static void before(way how) {
    slm_file *file;
    if (how == REPLACED)
        put("out", "old");
    if (how == BEGUN_AGAIN || how == RESUMED) {
        assert_int_equal(slm_file_create_resumable(&file, "out", false, false, NULL, NULL), SLM_OK);
        slm_file_keep(file);
    }
}

/* Makes "out" from its first call to its last. */
static slm_status make(way how, slm_error *error) {
    slm_file *file = NULL;
    slm_sink sink;
    bool found = false;
    static char back[SIZE];
    memset(error, 0, sizeof *error);
    slm_status status = how == NEW        ? slm_file_create(&file, "out", false, error)
                        : how == REPLACED ? slm_file_create(&file, "out", true, error)
                                          : slm_file_create_resumable(&file, "out", false, how == RESUMED, &found, error);
    if (status != SLM_OK) {
        assert_null(file);
        return status;
    }
    slm_file_sink(file, &sink);
    int number = sink.write_at(sink.context, 0, text, SIZE);
    if (number == 0)
        number = sink.read_at(sink.context, 0, back, SIZE);
    if (number == 0) {
        assert_memory_equal(back, text, SIZE);
        status = slm_file_sync(file, error);
    }
    if (number != 0 || status != SLM_OK) {
        if (number != 0)
            *error = (slm_error){.status = SLM_E_IO, .system_error = number};
        slm_file_abort(file);
        return SLM_E_IO;
    }
    return slm_file_commit(file, error);
}

/* After a failure: nothing new under the name, nothing beside it but what had been left for resuming. */
static void expect_unmade(way how) {
    if (how == REPLACED) {
        expect("out", "old", 3);
        assert_int_equal(names(), 1);
    } else {
        assert_int_equal(access("out", F_OK), -1);
        assert_true(names() <= (how == RESUMED || how == BEGUN_AGAIN ? 1 : 0));
        if (names() == 1)
            assert_int_equal(access(".slm-out.part", F_OK), 0);
    }
    unlink("out");
    unlink(".slm-out.part");
}

static void expect_made(void) {
    expect("out", text, SIZE);
    assert_int_equal(names(), 1);
    unlink("out");
}

/* Call or allocation n fails, for all there are. */
static void fail_each(const char *format, bool memory, int number) {
    unsigned failures = 0, harmless = 0;
    for (way how = NEW; how < WAYS; how++)
        for (unsigned long n = 1, calls = n; n <= calls; n++) {
            char fault[32];
            slm_error error;
            before(how);
            snprintf(fault, sizeof fault, format, n, number);
            set_fault(fault);
            const slm_status status = make(how, &error);
            calls = count_faults(memory) >= n ? n + 1 : n - 1; /* the end is where it was never reached */
            set_fault(NULL);
            if (n > calls) {
                assert_int_equal(status, SLM_OK);
                expect_made();
                continue;
            }
            if (status == SLM_OK) {
                harmless++;
                expect_made();
                continue;
            }
            failures++;
            assert_int_equal(status, memory ? SLM_E_MEMORY : SLM_E_IO);
            assert_int_equal(error.status, status);
            if (!memory)
                assert_int_equal(error.system_error, number);
            expect_unmade(how);
        }
    print_message("%u failures, %u times done all the same\n", failures, harmless);
    if (memory && failures + harmless == 0) {
        print_message("skipped: the shim sees no allocation of this program (a sanitizer linked into it comes first)\n");
        skip();
    }
    assert_true(failures >= (memory ? 12 : 20)); /* AddressSanitizer's strdup asks no malloc */
}

static void test_every_call(void **state) {
    (void)state;
    fail_each("io %lu %d", false, EIO);
    fail_each("io %lu %d", false, ENOSPC);
}

static void test_every_allocation(void **state) {
    (void)state;
    fail_each("alloc %lu", true, 0);
    fail_each("allocs %lu", true, 0);
}

/* In every way that there is: made all the same. */
static void expect_done(const char *fault) {
    for (way how = NEW; how < WAYS; how++) {
        slm_error error;
        before(how);
        set_fault(fault);
        const slm_status status = make(how, &error);
        set_fault(NULL);
        if (status != SLM_OK)
            fail_msg("%s: way %d: %s", fault, how, error.message);
        expect_made();
    }
}

static void test_overcome(void **state) {
    (void)state;
    char fault[100];
    expect_done("short");
    snprintf(fault, sizeof fault, "calls pwrite 1 3 %d pread 1 3 %d fsync 1 3 %d fdatasync 1 3 %d", EINTR, EINTR, EINTR, EINTR);
    expect_done(fault);
    snprintf(fault, sizeof fault, "calls open 1 2 %d close 1 9 %d", EINTR, EINTR);
    expect_done(fault);
    static const int not_this_file[] = {EINVAL, EROFS, ENOTSUP};
    for (size_t i = 0; i < 3; i++) {
        snprintf(fault, sizeof fault, "calls fsync 1 9 %d fdatasync 1 9 %d", not_this_file[i], not_this_file[i]);
        expect_done(fault);
    }
    snprintf(fault, sizeof fault, "calls fcntl 1 9 %d", ENOLCK); /* a file system without locks */
    expect_done(fault);
    static const int unknown[] = {ENOSYS, EINVAL, EOPNOTSUPP};
    for (size_t i = 0; i < 3; i++) { /* the ways to give a file a name that is free: by link, and with neither */
        snprintf(fault, sizeof fault, "calls renameat2 1 9 %d", unknown[i]);
        expect_done(fault);
        snprintf(fault, sizeof fault, "calls renameat2 1 9 %d link 1 9 %d", unknown[i], i == 0 ? EPERM : unknown[i]);
        expect_done(fault);
    }
}

/* Names that others have taken meanwhile. */
static void test_temporary_taken(void **state) {
    (void)state;
    for (unsigned resumable = 0; resumable < 2; resumable++) {
        slm_file *file;
        slm_error error;
        char fault[100];
        snprintf(fault, sizeof fault, resumable ? "calls open 2 1 %d" : "calls open 1 3 %d", EEXIST);
        set_fault(fault);
        const slm_status status =
            resumable ? slm_file_create_resumable(&file, "out", false, false, NULL, &error) : slm_file_create(&file, "out", false, &error);
        set_fault(NULL);
        assert_int_equal(status, SLM_OK);
        slm_file_abort(file);
        assert_int_equal(names(), 0);
    }
}

static void expect_failure(way how, const char *fault, int number, const char *message) {
    slm_error error;
    before(how);
    set_fault(fault);
    const slm_status status = make(how, &error);
    set_fault(NULL);
    assert_int_equal(status, SLM_E_IO);
    assert_int_equal(error.system_error, number);
    if (strstr(error.message, message) == NULL)
        fail_msg("%s: \"%s\"", fault, error.message);
    expect_unmade(how);
}

static void test_refused(void **state) {
    (void)state;
    char fault[100];
    snprintf(fault, sizeof fault, "calls open 1 5000 %d", EEXIST);
    expect_failure(NEW, fault, EEXIST, "cannot create");
    snprintf(fault, sizeof fault, "calls open 1 5000 %d", EINTR);
    expect_failure(RESUMED, fault, EINTR, "cannot have the temporary file");
    snprintf(fault, sizeof fault, "calls renameat2 1 9 %d link 1 9 %d rename 1 9 %d", ENOSYS, ENOSYS, EIO);
    expect_failure(NEW, fault, EIO, "cannot give the file its name");
    snprintf(fault, sizeof fault, "calls renameat2 1 9 %d link 1 9 %d", ENOSYS, EIO);
    expect_failure(NEW, fault, EIO, "cannot give the file its name");
    snprintf(fault, sizeof fault, "calls close 1 1 %d", EIO); /* what could not be written may be told as late as this */
    expect_failure(NEW, fault, EIO, "cannot write");
    snprintf(fault, sizeof fault, "calls fchmod 1 1 %d", EPERM);
    expect_failure(REPLACED, fault, EPERM, "cannot create");
    snprintf(fault, sizeof fault, "calls fdatasync 1 1 %d", EIO);
    expect_failure(NEW, fault, EIO, "cannot write");
}

/* Someone else takes the name while the file is made, on file systems with and without each way to name it. */
static void test_name_taken(void **state) {
    (void)state;
    static const char *const lacking[] = {"calls renameat2 9 1 0", "calls renameat2 1 9 38", "calls renameat2 1 9 38 link 1 9 38"};
    assert_int_equal(ENOSYS, 38);
    for (size_t i = 0; i < 3; i++)
        for (way how = NEW; how < WAYS; how++) {
            slm_file *file;
            slm_sink sink;
            slm_error error;
            bool found;
            if (how == REPLACED)
                continue;
            before(how);
            assert_int_equal(how == NEW ? slm_file_create(&file, "out", false, &error)
                                        : slm_file_create_resumable(&file, "out", false, how == RESUMED, &found, &error),
                             SLM_OK);
            slm_file_sink(file, &sink);
            assert_int_equal(sink.write_at(sink.context, 0, text, SIZE), 0);
            put("out", "theirs");
            set_fault(lacking[i]);
            const slm_status status = slm_file_commit(file, &error);
            set_fault(NULL);
            assert_int_equal(status, SLM_E_IO);
            assert_int_equal(error.system_error, EEXIST);
            expect("out", "theirs", 6);
            if (how == RESUMED) { /* the work is not lost */
                expect(".slm-out.part", text, SIZE);
                unlink(".slm-out.part");
            }
            assert_int_equal(names(), 1);
            unlink("out");
        }
}

/* The temporary goes away, or is replaced, between being opened and locked: it is looked for again. */
static void test_temporary_moves(void **state) {
    (void)state;
    char fault[100];
    for (unsigned long n = 2; n <= 4; n++) { /* the first is the final name's */
        snprintf(fault, sizeof fault, "calls lstat %lu 1 %d", n, ENOENT);
        for (way how = BEGUN_AGAIN; how <= RESUMED; how++) {
            slm_error error;
            before(how);
            set_fault(fault);
            const slm_status status = make(how, &error);
            set_fault(NULL);
            assert_int_equal(status, SLM_OK);
            expect_made();
        }
    }
    snprintf(fault, sizeof fault, "calls lstat 2 5000 %d", ENOENT);
    expect_failure(RESUMED, fault, EAGAIN, "cannot have the temporary file");
    snprintf(fault, sizeof fault, "calls fcntl 1 1 %d", EAGAIN);
    expect_failure(RESUMED, fault, EBUSY, "cannot have the temporary file");
    snprintf(fault, sizeof fault, "calls fcntl 1 1 %d", EACCES);
    expect_failure(BEGUN_AGAIN, fault, EBUSY, "cannot have the temporary file");
}

/* What a replaced file was: its permissions stay, and a link stays one. */
static void test_replaced(void **state) {
    (void)state;
    slm_error error;
    struct stat about;
    put("file", "old");
    assert_int_equal(symlink("file", "out"), 0);
    assert_int_equal(make(REPLACED, &error), SLM_OK);
    assert_int_equal(lstat("out", &about), 0);
    assert_true(S_ISLNK(about.st_mode));
    expect("file", text, SIZE);
    assert_int_equal(stat("file", &about), 0);
    assert_int_equal(about.st_mode & 0777, 0640);
    unlink("file");
    assert_int_equal(make(REPLACED, &error), SLM_OK); /* the link led nowhere: it is replaced itself */
    expect_made();
    put("file", "");
    assert_int_equal(mkfifo("out", 0600), 0);
    assert_int_equal(make(REPLACED, &error), SLM_E_IO);
    assert_int_equal(error.system_error, EINVAL);
    unlink("out");
    slm_file *file;
    assert_int_equal(slm_file_create(&file, "file/out", true, &error), SLM_E_IO);
    assert_int_equal(error.system_error, ENOTDIR);
    unlink("file");
}

int main(void) {
    set_fault = (void (*)(const char *))(uintptr_t)dlsym(RTLD_DEFAULT, "fault_shim_set");
    count_faults = (unsigned long (*)(bool))(uintptr_t)dlsym(RTLD_DEFAULT, "fault_shim_count");
    if (set_fault == NULL || count_faults == NULL) {
        puts("skipped: fault_shim.c is not loaded");
        return 77;
    }
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        TEST(test_every_call), TEST(test_every_allocation), TEST(test_overcome),        TEST(test_temporary_taken),
        TEST(test_refused),    TEST(test_name_taken),       TEST(test_temporary_moves), TEST(test_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
