/* Loaded before the C library (LD_PRELOAD, glibc): makes calls fail, be interrupted or come back short, and counts them. For
 * test_faults.py and test_file_faults.c.
 *
 * SLM_FAULT says what, and fault_shim_set() does in the middle of a program: "count"; "alloc N" and "allocs N": the N-th allocation fails,
 * or all from it on; "io N ERRNO": the N-th call that reads, writes, opens, sizes, synchronises or renames fails with that number; "calls
 * NAME N COUNT ERRNO ...": the N-th call of NAME and COUNT - 1 behind it do, for up to four names; "short": reads and writes move a few
 * bytes at a time and every other one is interrupted; "signal N NUMBER NAME": the process gets that signal before the N-th call, and the
 * thread that makes the call stands still until another one, which handles the signal, is about to call NAME (raise, unlink, unlinkat or
 * rmdir); that one waits then, for the first to do what harm it can. SLM_FAULT_LOG names a file that gets the numbers of allocations and
 * calls at the end.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static enum { MODE_OFF, MODE_COUNT, MODE_ALLOC, MODE_ALLOCS, MODE_IO, MODE_CALLS, MODE_SHORT, MODE_SIGNAL } mode;
static unsigned long chosen;
static int chosen_errno; /* or the signal */
static atomic_ulong allocations, calls;

static struct {
    char name[16];
    unsigned long first, count;
    int error;
    atomic_ulong calls;
} rules[4];

/* The next definition behind this one. dlsym may allocate, and a sanitizer does before it can: what is asked for until this library has
 * begun comes from here. */
static _Thread_local bool looking_up __attribute__((tls_model("initial-exec"))); /* no call, which a sanitizer would have to be ready for */
static bool begun;
static char early[1 << 18];
static atomic_size_t early_used;

static void *early_allocate(size_t size) {
    size_t at = atomic_fetch_add(&early_used, (size + 15) & ~(size_t)15);
    return at + size <= sizeof early ? early + at : NULL;
}

static bool is_early(const void *pointer) {
    return (uintptr_t)pointer >= (uintptr_t)early && (uintptr_t)pointer < (uintptr_t)early + sizeof early;
}

static void *next(const char *name) {
    looking_up = true;
    void *function = dlsym(RTLD_NEXT, name);
    looking_up = false;
    if (function == NULL)
        _exit(99);
    return function;
}

#define NEXT(name)                                                                                                                         \
    static __typeof__(&(name)) name##_next;                                                                                                \
    if (name##_next == NULL)                                                                                                               \
    name##_next = (__typeof__(&(name)))(uintptr_t)next(#name)

/* Calls, or allocations, since the last fault_shim_set(). */
unsigned long fault_shim_count(bool memory);
unsigned long fault_shim_count(bool memory) { return atomic_load(memory ? &allocations : &calls); }

/* NULL: nothing fails any more. Counts begin anew. */
void fault_shim_set(const char *fault);
void fault_shim_set(const char *fault) {
    mode = MODE_OFF;
    memset(rules, 0, sizeof rules);
    atomic_store(&allocations, 0);
    atomic_store(&calls, 0);
    if (fault == NULL)
        return;
    if (strcmp(fault, "count") == 0)
        mode = MODE_COUNT;
    else if (strcmp(fault, "short") == 0)
        mode = MODE_SHORT;
    else if (sscanf(fault, "alloc %lu", &chosen) == 1)
        mode = MODE_ALLOC;
    else if (sscanf(fault, "allocs %lu", &chosen) == 1)
        mode = MODE_ALLOCS;
    else if (sscanf(fault, "io %lu %d", &chosen, &chosen_errno) == 2)
        mode = MODE_IO;
    else if (sscanf(fault, "signal %lu %d %15s", &chosen, &chosen_errno, rules[0].name) == 3)
        mode = MODE_SIGNAL;
    else if (strncmp(fault, "calls", 5) == 0) {
        int used = 0;
        fault += 5;
        for (unsigned i = 0; i < 4; i++, fault += used)
            if (sscanf(fault, " %15s %lu %lu %d%n", rules[i].name, &rules[i].first, &rules[i].count, &rules[i].error, &used) != 4)
                break;
        mode = MODE_CALLS;
    }
}

__attribute__((constructor)) static void begin(void) {
    const char *fault = getenv("SLM_FAULT");
    void (*sanitizer)(void) = (void (*)(void))(uintptr_t)dlsym(RTLD_DEFAULT, "__asan_init");
    if (sanitizer != NULL)
        sanitizer();
    begun = true;
    fault_shim_set(fault);
}

__attribute__((destructor)) static void end(void) {
    const char *path = getenv("SLM_FAULT_LOG");
    char text[64];
    unsigned long a = atomic_load(&allocations), c = atomic_load(&calls);
    if (path == NULL || mode == MODE_OFF)
        return;
    mode = MODE_OFF;
    int length = snprintf(text, sizeof text, "%lu %lu\n", a, c);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (fd < 0 || write(fd, text, (size_t)length) != length)
        _exit(98);
    close(fd);
}

/* ---- Memory ---- */

static bool allocation_fails(void) {
    if (mode == MODE_OFF)
        return false;
    unsigned long number = atomic_fetch_add(&allocations, 1) + 1;
    bool fails = (mode == MODE_ALLOC && number == chosen) || (mode == MODE_ALLOCS && number >= chosen);
    if (fails)
        errno = ENOMEM;
    return fails;
}

void *malloc(size_t size) {
    if (looking_up || !begun)
        return early_allocate(size);
    NEXT(malloc);
    return allocation_fails() ? NULL : malloc_next(size);
}

void *calloc(size_t count, size_t size) {
    if (looking_up || !begun)
        return early_allocate(count * size); /* never used before: zero */
    NEXT(calloc);
    return allocation_fails() ? NULL : calloc_next(count, size);
}

void *realloc(void *pointer, size_t size) {
    if (is_early(pointer) || (pointer == NULL && !begun)) { /* as much as there can be of the old one */
        char *copy = malloc(size);
        size_t there = pointer != NULL ? (size_t)(early + sizeof early - (char *)pointer) : 0;
        if (copy != NULL && there > 0)
            memcpy(copy, pointer, size < there ? size : there);
        return copy;
    }
    NEXT(realloc);
    return size > 0 && allocation_fails() ? NULL : realloc_next(pointer, size);
}

int posix_memalign(void **pointer, size_t alignment, size_t size) {
    NEXT(posix_memalign);
    return allocation_fails() ? ENOMEM : posix_memalign_next(pointer, alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    NEXT(aligned_alloc);
    return allocation_fails() ? NULL : aligned_alloc_next(alignment, size);
}

void free(void *pointer) {
    if (is_early(pointer))
        return;
    NEXT(free);
    free_next(pointer);
}

/* ---- Signals ---- */

static atomic_int signalled; /* 1 once the signal is sent, 2 once its handler is where it was to get */
static pthread_t sender;

static void wait_a_millisecond(void) { nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL); }

/* Where the caller holds what the handler needs, the handler does not get there: forty milliseconds are taken for that. */
static void send_signal(void) {
    sender = pthread_self();
    atomic_store(&signalled, 1);
    kill(getpid(), chosen_errno);
    for (unsigned i = 0; i < 40 && atomic_load(&signalled) == 1; i++)
        wait_a_millisecond();
}

static void handling(const char *name) {
    if (mode != MODE_SIGNAL || atomic_load(&signalled) != 1 || pthread_equal(pthread_self(), sender) || strcmp(name, rules[0].name) != 0)
        return;
    atomic_store(&signalled, 2);
    for (unsigned i = 0; i < 20; i++)
        wait_a_millisecond();
}

int raise(int number) {
    NEXT(raise);
    handling("raise");
    return raise_next(number);
}

/* ---- Files ---- */

static bool call_fails(const char *name) {
    if (mode == MODE_OFF)
        return false;
    if (mode == MODE_CALLS) {
        const size_t length = strcspn(name, "0123456789"); /* open for open64; renameat2 has a number of its own */
        for (unsigned i = 0; i < 4; i++)
            if (strcmp(name, rules[i].name) == 0 ||
                (strncmp(name, rules[i].name, length) == 0 && rules[i].name[length] == 0 && strcmp(name + length, "64") == 0)) {
                const unsigned long at = atomic_fetch_add(&rules[i].calls, 1) + 1;
                if (at < rules[i].first || at - rules[i].first >= rules[i].count)
                    return false;
                errno = rules[i].error;
                return true;
            }
        return false;
    }
    unsigned long number = atomic_fetch_add(&calls, 1) + 1;
    if (mode == MODE_SIGNAL && number == chosen)
        send_signal();
    bool fails = mode == MODE_IO && number == chosen;
    if (fails)
        errno = chosen_errno;
    if (mode == MODE_SHORT && number % 2 == 0) {
        errno = EINTR;
        fails = true;
    }
    return fails;
}

/* The kernel moves at least one byte where there is one: so does this. */
static size_t shortened(size_t size) {
    unsigned long number = atomic_load(&calls);
    size_t most = number % 4 == 1 ? 1 : 1 + number * 37 % 4096;
    return mode == MODE_SHORT && size > most ? most : size;
}

#define TRANSFER(name, buffer_type, offset_type)                                                                                           \
    ssize_t name(int fd, buffer_type buffer, size_t size, offset_type offset);                                                             \
    ssize_t name(int fd, buffer_type buffer, size_t size, offset_type offset) {                                                            \
        NEXT(name);                                                                                                                        \
        return call_fails(#name) ? -1 : name##_next(fd, buffer, shortened(size), offset);                                                  \
    }
TRANSFER(pread, void *, off_t)
TRANSFER(pread64, void *, off64_t)
TRANSFER(pwrite, const void *, off_t)
TRANSFER(pwrite64, const void *, off64_t)

ssize_t read(int fd, void *buffer, size_t size) {
    NEXT(read);
    return call_fails("read") ? -1 : read_next(fd, buffer, shortened(size));
}

/* Messages are what is to be seen. */
ssize_t write(int fd, const void *buffer, size_t size) {
    NEXT(write);
    return fd != STDERR_FILENO && call_fails("write") ? -1 : write_next(fd, buffer, fd != STDERR_FILENO ? shortened(size) : size);
}

static mode_t mode_of(int flags, va_list arguments) { return (flags & (O_CREAT | O_TMPFILE)) != 0 ? (mode_t)va_arg(arguments, int) : 0; }

#define OPEN(name)                                                                                                                         \
    int name(const char *path, int flags, ...) {                                                                                           \
        NEXT(name);                                                                                                                        \
        va_list arguments;                                                                                                                 \
        va_start(arguments, flags);                                                                                                        \
        mode_t permissions = mode_of(flags, arguments);                                                                                    \
        va_end(arguments);                                                                                                                 \
        return mode != MODE_SHORT && call_fails(#name) ? -1 : name##_next(path, flags, permissions);                                       \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                                                                       \
    int name(int folder, const char *path, int flags, ...) {                                                                               \
        NEXT(name);                                                                                                                        \
        va_list arguments;                                                                                                                 \
        va_start(arguments, flags);                                                                                                        \
        mode_t permissions = mode_of(flags, arguments);                                                                                    \
        va_end(arguments);                                                                                                                 \
        return mode != MODE_SHORT && call_fails(#name) ? -1 : name##_next(folder, path, flags, permissions);                               \
    }
OPENAT(openat)
OPENAT(openat64)

/* Always with an argument here, which fits a pointer. */
#define FCNTL(name)                                                                                                                        \
    int name(int fd, int command, ...) {                                                                                                   \
        NEXT(name);                                                                                                                        \
        va_list arguments;                                                                                                                 \
        va_start(arguments, command);                                                                                                      \
        void *argument = va_arg(arguments, void *);                                                                                        \
        va_end(arguments);                                                                                                                 \
        return mode == MODE_CALLS && call_fails(#name) ? -1 : name##_next(fd, command, argument);                                          \
    }
FCNTL(fcntl)
FCNTL(fcntl64)

/* A file is closed even where that fails. */
int close(int fd) {
    NEXT(close);
    bool fails = mode == MODE_CALLS && call_fails("close");
    int error = errno, result = close_next(fd);
    if (fails)
        errno = error;
    return fails ? -1 : result;
}

/* Calls that a signal does not interrupt, or that fail as a whole. */
#define SIMPLE(name, parameters, arguments, interruptible)                                                                                 \
    int name parameters {                                                                                                                  \
        NEXT(name);                                                                                                                        \
        return (interruptible || mode != MODE_SHORT) && call_fails(#name) ? -1 : name##_next arguments;                                    \
    }
SIMPLE(fsync, (int fd), (fd), true)
SIMPLE(fdatasync, (int fd), (fd), true)
SIMPLE(ftruncate, (int fd, off_t size), (fd, size), false)
SIMPLE(ftruncate64, (int fd, off64_t size), (fd, size), false)
SIMPLE(rename, (const char *from, const char *to), (from, to), false)
SIMPLE(renameat2, (int a, const char *from, int b, const char *to, unsigned flags), (a, from, b, to, flags), false)
SIMPLE(link, (const char *from, const char *to), (from, to), false)
SIMPLE(truncate, (const char *path, off_t size), (path, size), false)
SIMPLE(truncate64, (const char *path, off64_t size), (path, size), false)
SIMPLE(mkstemp, (char *path), (path), false)
SIMPLE(mkstemp64, (char *path), (path), false)
SIMPLE(mkdir, (const char *path, mode_t permissions), (path, permissions), false)
SIMPLE(fchmod, (int fd, mode_t permissions), (fd, permissions), false)
SIMPLE(fchdir, (int fd), (fd), false)
SIMPLE(lstat64, (const char *path, struct stat64 *about), (path, about), false)
SIMPLE(lstat, (const char *path, struct stat *about), (path, about), false)
SIMPLE(fstat64, (int fd, struct stat64 *about), (fd, about), false)
SIMPLE(fstat, (int fd, struct stat *about), (fd, about), false)

char *mkdtemp(char *path) {
    NEXT(mkdtemp);
    return mode != MODE_SHORT && call_fails("mkdtemp") ? NULL : mkdtemp_next(path);
}

/* What removes does not fail: where nothing can be removed, something is left behind. */
#define REMOVAL(name, parameters, arguments)                                                                                               \
    int name parameters {                                                                                                                  \
        NEXT(name);                                                                                                                        \
        handling(#name);                                                                                                                   \
        if (mode == MODE_SIGNAL)                                                                                                           \
            call_fails(#name);                                                                                                             \
        return name##_next arguments;                                                                                                      \
    }
REMOVAL(unlink, (const char *path), (path))
REMOVAL(unlinkat, (int folder, const char *path, int flags), (folder, path, flags))
REMOVAL(rmdir, (const char *path), (path))
