/* fuzz/fuzz.c: what the harnesses share. */
#include "fuzz.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

void fuzz_fail(const char *file, int line, const char *condition) {
    /* The real standard error, whatever fuzz_silence did. */
    FILE *out = fdopen(2, "w");
    if (out != NULL) {
        fprintf(out, "%s:%d: not true: %s\n", file, line, condition);
        fflush(out);
    }
    abort();
}

uint8_t *fuzz_copy(const void *data, size_t size) {
    uint8_t *copy = malloc(size > 0 ? size : 1);
    CHECK(copy != NULL);
    if (size > 0)
        memcpy(copy, data, size);
    return copy;
}

void fuzz_silence(void) {
    static FILE *nowhere;
    if (nowhere == NULL && (nowhere = fopen("/dev/null", "w")) != NULL)
        stderr = nowhere;
}

const char *fuzz_memory_folder(void) {
    const struct rlimit most = {64 << 20, 64 << 20};
    (void)signal(SIGXFSZ, SIG_IGN);
    CHECK(setrlimit(RLIMIT_FSIZE, &most) == 0);
    return access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp";
}

const char *fuzz_file(const void *data, size_t size) {
    static int fd = -1;
    static char path[64];
    if (fd < 0) {
        fd = memfd_create("slm-fuzz", MFD_CLOEXEC);
        CHECK(fd >= 0);
        (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    CHECK(ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
    return path;
}

/* FNV-1a over at most 4 KiB, so that it costs nothing beside the work. */
uint64_t fuzz_seed(const uint8_t *data, size_t size) {
    uint64_t hash = UINT64_C(0xCBF29CE484222325) ^ size;
    for (size_t i = 0; i < size && i < 4096; i++)
        hash = (hash ^ data[i]) * UINT64_C(0x100000001B3);
    return hash;
}

uint64_t fuzz_random(uint64_t *state) {
    uint64_t x = *state += UINT64_C(0x9E3779B97F4A7C15);
    x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
    return x ^ x >> 31;
}

uint64_t fuzz_below(uint64_t *state, uint64_t n) { return n > 0 ? fuzz_random(state) % n : 0; }

size_t fuzz_bytes(slm_dtype dtype, uint64_t count) { return (size_t)((count * slm_dtype_bits(dtype) + 7) / 8); }
