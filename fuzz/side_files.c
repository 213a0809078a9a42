/* fuzz/side_files.c: the archive of side files in a .slm file: listed, then extracted below a folder, beside which nothing may appear. An
 * input that is not compressed is put into a zstd frame as it is, so that what lies behind the compression is reached. */
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"
#include "side_files.h"

#define CONTENT_MAX ((uint64_t)1 << 20) /* inputs that unpack to more are listed only */

static char home[] = "/dev/shm/slm-fuzz-XXXXXX";
static char inner[sizeof home + 8];  /* the folder extracted to, alone in `home` */
static int before = -1, inside = -1; /* working directories: the process's own, and that folder */

static int remove_entry(const char *path, const struct stat *about, int type, struct FTW *ftw) {
    (void)about;
    (void)type;
    return ftw->level > 0 ? remove(path) : 0;
}

static void clean(const char *folder) { CHECK(nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS) == 0); }

static void remove_home(void) {
    clean(home);
    (void)rmdir(home);
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    return 0;
}

/* At the first input, so that every process a fuzzer forks has its own. */
static void make_home(void) {
    static bool made;
    if (made)
        return;
    made = true;
    (void)snprintf(home, sizeof home, "%s/slm-fuzz-XXXXXX", fuzz_memory_folder());
    CHECK(mkdtemp(home) != NULL);
    (void)snprintf(inner, sizeof inner, "%s/inside", home);
    CHECK(mkdir(inner, 0700) == 0);
    before = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    inside = open(inner, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(before >= 0 && inside >= 0);
    CHECK(atexit(remove_home) == 0);
}

typedef struct packed {
    const uint8_t *bytes;
    size_t size;
} packed;

static bool read_packed(void *context, uint64_t offset, void *buffer, size_t size, fault *f) {
    const packed *p = context;
    (void)f;
    CHECK(offset <= p->size && size <= p->size - offset);
    if (size > 0)
        memcpy(buffer, p->bytes + offset, size);
    return true;
}

static int count_entry(const char *path, const struct stat *about, int type, struct FTW *ftw) {
    (void)path;
    (void)ftw;
    CHECK(type == FTW_D || type == FTW_DP || (type == FTW_F && S_ISREG(about->st_mode))); /* no links, no devices */
    CHECK((about->st_mode & (S_ISUID | S_ISGID | S_ISVTX)) == 0);
    return 0;
}

/* Everything is below the folder, and is folders and regular files. */
static void check_home(void) {
    struct dirent **entries;
    const int count = scandir(home, &entries, NULL, NULL);
    CHECK(count == 3); /* . .. inside */
    for (int i = 0; i < count; i++)
        free(entries[i]);
    free(entries);
    CHECK(nftw(inner, count_entry, 8, FTW_PHYS) == 0);
}

/* All entries in turn, read or extracted; the sum of their sizes. */
static bool pass(packed *p, bool extract, uint64_t *total) {
    fault f = {0};
    side_reader *reader = NULL;
    bool ok = side_open(&reader, read_packed, p, p->size, &f);
    const char *name = NULL;
    uint64_t size;
    *total = 0;
    while (ok && (ok = side_next(reader, &name, &size, &f)) && name != NULL) {
        CHECK(name[0] != '\0');
        fuzz_check_path(name);
        *total += size;
        CHECK(*total <= SIDE_BYTES_MAX);
        if (*total > CONTENT_MAX)
            break;
        if (extract) {
            ok = side_extract(reader, &f);
            struct stat about;
            CHECK(!ok || (lstat(name, &about) == 0 && S_ISREG(about.st_mode) && (uint64_t)about.st_size == size));
            continue;
        }
        uint64_t all = 0;
        for (size_t got = 1; ok && got > 0; all += got) {
            char piece[4096];
            ok = side_read(reader, piece, sizeof piece, &got, &f);
            if (!ok)
                got = 0;
        }
        CHECK(!ok || all == size);
    }
    CHECK(ok || (f.kind != FAULT_NONE && f.text[0] != '\0'));
    side_close(reader);
    return ok;
}

static void look(packed *p) {
    uint64_t listed, extracted;
    const bool good = pass(p, false, &listed);
    if (listed > CONTENT_MAX)
        return;
    make_home();
    CHECK(fchdir(inside) == 0);
    const bool also = pass(p, true, &extracted);
    CHECK(fchdir(before) == 0);
    CHECK(good || !also); /* what reading refuses is not unpacked to its end */
    check_home();
    clean(inner);
}

/* A zstd frame of stored blocks. */
static uint8_t *store(const uint8_t *data, size_t size, size_t *stored) {
    const size_t block = (size_t)128 << 10, blocks = size / block + 1;
    uint8_t *frame = malloc(6 + 3 * blocks + size), *to = frame;
    CHECK(frame != NULL);
    memcpy(to, "\x28\xB5\x2F\xFD\x00\x40", 6); /* no checksum, no stated size; a window of 256 KiB */
    to += 6;
    for (size_t i = 0; i < blocks; i++) {
        const size_t part = i + 1 < blocks ? block : size - i * block;
        const uint32_t head = (uint32_t)(part << 3 | (i + 1 == blocks));
        *to++ = (uint8_t)head;
        *to++ = (uint8_t)(head >> 8);
        *to++ = (uint8_t)(head >> 16);
        memcpy(to, data + i * block, part);
        to += part;
    }
    *stored = (size_t)(to - frame);
    return frame;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint8_t zstd[4] = {0x28, 0xB5, 0x2F, 0xFD};
    if (size >= 4 && memcmp(data, zstd, 4) == 0) {
        look(&(packed){data, size});
        return 0;
    }
    uint8_t *mended = fuzz_copy(data, size);
    fuzz_mend_tar(mended, size);
    packed p = {0};
    uint8_t *frame = store(mended, size, &p.size);
    free(mended);
    p.bytes = frame;
    look(&p);
    free(frame);
    return 0;
}
