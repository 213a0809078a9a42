/* tools/positioned.c: reads and writes that move all bytes or say why not. */
#if defined(__linux__)
#define _GNU_SOURCE /* O_TMPFILE */
#endif
#include "positioned.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* One call moves no more than this, so that a count always fits. */
#define PIECE ((size_t)1 << 30)

int positioned_read(int fd, uint64_t offset, void *buffer, size_t size) {
    uint8_t *target = buffer;
    while (size > 0) {
        if (offset > INT64_MAX)
            return EOVERFLOW;
        ssize_t got = pread(fd, target, size < PIECE ? size : PIECE, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return errno;
        if (got == 0)
            return ENODATA;
        target += got;
        offset += (uint64_t)got;
        size -= (size_t)got;
    }
    return 0;
}

int positioned_write(int fd, uint64_t offset, const void *buffer, size_t size) {
    const uint8_t *source = buffer;
    while (size > 0) {
        if (offset > INT64_MAX)
            return EOVERFLOW;
        ssize_t put = pwrite(fd, source, size < PIECE ? size : PIECE, (off_t)offset);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return errno;
        source += put;
        offset += (uint64_t)put;
        size -= (size_t)put;
    }
    return 0;
}

int read_some(int fd, void *buffer, size_t size, size_t *got) {
    for (;;) {
        ssize_t n = read(fd, buffer, size < PIECE ? size : PIECE);
        if (n < 0 && errno == EINTR)
            continue;
        *got = n > 0 ? (size_t)n : 0;
        return n < 0 ? errno : 0;
    }
}

int write_all(int fd, const void *buffer, size_t size) {
    const uint8_t *source = buffer;
    while (size > 0) {
        ssize_t put = write(fd, source, size < PIECE ? size : PIECE);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return errno;
        source += put;
        size -= (size_t)put;
    }
    return 0;
}

int make_durable(int fd) {
    while (fdatasync(fd) != 0) {
        if (errno == EINVAL || errno == EROFS || errno == ENOTSUP)
            return 0;
        if (errno != EINTR)
            return errno;
    }
    return 0;
}

/* Opens one, of no name from the first where the system and the folder's can do that. */
static int open_unnamed(const char *folder, int *fd) {
    char path[4096];
    int length = snprintf(path, sizeof path, "%s/slm-XXXXXX", folder);
    if (length < 0 || (size_t)length >= sizeof path)
        return ENAMETOOLONG;
#ifdef O_TMPFILE
    *fd = open(folder, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
    if (*fd >= 0)
        return 0;
#endif
    *fd = mkstemp(path);
    if (*fd < 0)
        return errno;
    unlink(path);
    fcntl(*fd, F_SETFD, FD_CLOEXEC);
    return 0;
}

int unnamed_file(int *fd) {
    const char *folders[] = {getenv("TMPDIR"), "/var/tmp", "/tmp"};
    int number = ENOENT;
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        if (folders[i] == NULL || folders[i][0] == '\0')
            continue;
        number = open_unnamed(folders[i], fd);
        if (number == 0)
            return 0;
    }
    return number;
}
