/* A file that appears under its name when it is complete, or not at all. */
#if defined(__linux__)
#define _GNU_SOURCE /* renameat2 */
#endif
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "error.h"
#include "slm/writer.h"

struct slm_file {
    int descriptor;
    bool overwrite;
    char *path;      /* the final name; where that was a symbolic link to a file, the file it leads to */
    char *temporary; /* in the same folder */
    char *folder;
};

static void free_file(slm_file *file) {
    free(file->path);
    free(file->temporary);
    free(file->folder);
    free(file);
}

/* Finds what `path` is now. 0 or an errno value; *mode is what a file that is replaced has, else 0. */
static int look_at_target(const char *path, bool overwrite, char **resolved, mode_t *mode) {
    struct stat there;
    *mode = 0;
    if (lstat(path, &there) != 0) {
        if (errno != ENOENT || path[0] == 0)
            return errno;
        *resolved = strdup(path);
        return *resolved == NULL ? ENOMEM : 0;
    }
    if (!overwrite)
        return EEXIST;
    if (S_ISLNK(there.st_mode) && stat(path, &there) == 0)
        *resolved = realpath(path, NULL);
    else
        *resolved = strdup(path);
    if (*resolved == NULL)
        return errno;
    if (S_ISDIR(there.st_mode))
        return EISDIR;
    if (!S_ISREG(there.st_mode) && !S_ISLNK(there.st_mode)) /* renaming would replace a device or a pipe by a file */
        return EINVAL;
    *mode = S_ISREG(there.st_mode) ? there.st_mode & 0777 : 0;
    return 0;
}

/* The folder of a path, with its last slash; "" where it has none. NULL without memory. */
static char *folder_of(const char *path) {
    const char *slash = strrchr(path, '/');
    const size_t length = slash == NULL ? 0 : (size_t)(slash - path) + 1;
    char *folder = malloc(length + 1);
    if (folder != NULL) {
        memcpy(folder, path, length);
        folder[length] = 0;
    }
    return folder;
}

/* Creates a file of a new name in the folder. The name is short, so that it fits wherever the final one does. */
static int create_temporary(slm_file *file, mode_t mode) {
    const size_t size = strlen(file->folder) + 48;
    struct timespec now = {0};
    file->temporary = malloc(size);
    if (file->temporary == NULL)
        return ENOMEM;
    for (unsigned attempt = 0; attempt < 1000; attempt++) {
        clock_gettime(CLOCK_REALTIME, &now);
        const uint32_t number = ((uint32_t)now.tv_nsec ^ (uint32_t)now.tv_sec << 8) + attempt * 0x9E3779B9U;
        snprintf(file->temporary, size, "%s.slm-%lu-%08" PRIx32 ".part", file->folder, (unsigned long)getpid(), number);
        file->descriptor = open(file->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0666);
        if (file->descriptor >= 0)
            break;
        if (errno != EEXIST && errno != EINTR)
            return errno;
    }
    if (file->descriptor < 0)
        return EEXIST;
    if (mode != 0 && fchmod(file->descriptor, mode) != 0)
        return errno;
    return 0;
}

slm_status slm_file_create(slm_file **created, const char *path, bool overwrite, slm_error *error) {
    mode_t mode;
    *created = NULL;
    slm_file *file = calloc(1, sizeof *file);
    if (file == NULL)
        return slmi_fail_memory(error);
    file->descriptor = -1;
    file->overwrite = overwrite;
    int system_error = look_at_target(path, overwrite, &file->path, &mode);
    if (system_error == 0) {
        file->folder = folder_of(file->path);
        system_error = file->folder == NULL ? ENOMEM : create_temporary(file, mode);
    }
    if (system_error != 0) {
        if (file->descriptor >= 0)
            unlink(file->temporary);
        if (file->descriptor >= 0)
            close(file->descriptor);
        free_file(file);
        return system_error == ENOMEM ? slmi_fail_memory(error) : slmi_fail_system(error, system_error, SLMI_NOWHERE, "cannot create");
    }
    *created = file;
    return SLM_OK;
}

static int file_write_at(void *context, uint64_t offset, const void *buffer, size_t size) {
    const slm_file *file = context;
    const char *p = buffer;
    while (size > 0) {
        const ssize_t count = pwrite(file->descriptor, p, size < ((size_t)1 << 30) ? size : (size_t)1 << 30, (off_t)offset);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return count == 0 ? ENOSPC : errno;
        p += count;
        offset += (uint64_t)count;
        size -= (size_t)count;
    }
    return 0;
}

static int file_read_at(void *context, uint64_t offset, void *buffer, size_t size) {
    const slm_file *file = context;
    char *p = buffer;
    while (size > 0) {
        const ssize_t count = pread(file->descriptor, p, size < ((size_t)1 << 30) ? size : (size_t)1 << 30, (off_t)offset);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return count == 0 ? EIO : errno;
        p += count;
        offset += (uint64_t)count;
        size -= (size_t)count;
    }
    return 0;
}

void slm_file_sink(slm_file *file, slm_sink *sink) { *sink = (slm_sink){file, file_write_at, file_read_at}; }

const char *slm_file_temporary(const slm_file *file) { return file->temporary; }

/* Gives the temporary its final name if that is free. 0 or an errno value. */
static int rename_to_free_name(const slm_file *file) {
#if defined(__linux__) && defined(RENAME_NOREPLACE)
    if (renameat2(AT_FDCWD, file->temporary, AT_FDCWD, file->path, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != ENOSYS && errno != EINVAL && errno != EOPNOTSUPP)
        return errno;
#endif
    if (link(file->temporary, file->path) == 0) {
        unlink(file->temporary);
        return 0;
    }
    if (errno != ENOSYS && errno != EPERM && errno != EOPNOTSUPP && errno != EINVAL)
        return errno;
    /* No hard links here: take the name with an empty file of our own, then replace that. */
    const int descriptor = open(file->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor < 0)
        return errno;
    close(descriptor);
    if (rename(file->temporary, file->path) == 0)
        return 0;
    const int system_error = errno;
    unlink(file->path);
    return system_error;
}

/* Makes the new name durable. Some file systems cannot, and say EINVAL: then there is nothing more to do. */
static void sync_folder(const slm_file *file) {
    const int descriptor = open(file->folder[0] == 0 ? "." : file->folder, O_RDONLY | O_CLOEXEC);
    if (descriptor >= 0) {
        (void)fsync(descriptor);
        close(descriptor);
    }
}

slm_status slm_file_commit(slm_file *file, slm_error *error) {
    int system_error = 0;
    const char *what = "cannot write";
    while (system_error == 0 && fsync(file->descriptor) != 0) {
        if (errno == EINVAL || errno == EROFS || errno == ENOTSUP)
            break; /* not a kind of file that can be synchronised */
        if (errno != EINTR)
            system_error = errno;
    }
    if (close(file->descriptor) != 0 && errno != EINTR && system_error == 0)
        system_error = errno;
    file->descriptor = -1;
    if (system_error == 0) {
        what = "cannot give the file its name";
        if (!file->overwrite)
            system_error = rename_to_free_name(file);
        else if (rename(file->temporary, file->path) != 0)
            system_error = errno;
    }
    if (system_error != 0) {
        unlink(file->temporary);
        free_file(file);
        return slmi_fail_system(error, system_error, SLMI_NOWHERE, what);
    }
    sync_folder(file);
    free_file(file);
    return SLM_OK;
}

void slm_file_abort(slm_file *file) {
    if (file == NULL)
        return;
    close(file->descriptor);
    unlink(file->temporary);
    free_file(file);
}
