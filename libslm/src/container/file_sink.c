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
#include "hash.h"
#include "slm/writer.h"

#define NAME_MAX_WITH_ENDS 242 /* with ".slm-" and ".journal", which a caller may put in the place of ".part", within 255 bytes */

struct slm_file {
    int descriptor;
    bool overwrite;
    bool resume;     /* a failure leaves the temporary for a later process */
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

/* What the last call failed with, never 0. */
static int failure(void) { return errno != 0 ? errno : EIO; }

/* Finds what `path` is now. 0 or an errno value; *mode is what a file that is replaced has, else 0. */
static int look_at_target(const char *path, bool overwrite, char **resolved, mode_t *mode) {
    struct stat there;
    *mode = 0;
    if (lstat(path, &there) != 0) {
        if (errno != ENOENT || path[0] == 0)
            return failure();
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
        return failure();
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

/* Locks a temporary for as long as it is open. Only that another process has it is a failure: not every file system has locks. */
static int lock_temporary(int descriptor) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
#if defined(F_OFD_SETLK)
    const int command = F_OFD_SETLK; /* of the open file, so that it lasts until the last descriptor of it is closed */
#else
    const int command = F_SETLK;
#endif
    return fcntl(descriptor, command, &lock) != 0 && (errno == EAGAIN || errno == EACCES) ? EBUSY : 0;
}

/* Whether the temporary's name still leads to the open file: another process may have given it its final name, or removed it. */
static bool is_still_there(const slm_file *file) {
    struct stat open_one, named;
    return fstat(file->descriptor, &open_one) == 0 && lstat(file->temporary, &named) == 0 && open_one.st_dev == named.st_dev &&
           open_one.st_ino == named.st_ino;
}

/* Opens what an earlier process left. 0; EAGAIN: it went away meanwhile; else an errno value, and the descriptor is closed. */
static int open_left(slm_file *file) {
    struct stat about;
    file->descriptor = open(file->temporary, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (file->descriptor < 0)
        return errno;
    int system_error = fstat(file->descriptor, &about) != 0 ? errno : lock_temporary(file->descriptor);
    if (system_error == 0 && (!S_ISREG(about.st_mode) || about.st_uid != geteuid() || about.st_nlink != 1))
        system_error = is_still_there(file) ? EPERM : EAGAIN; /* someone else could write to it, too */
    if (system_error == 0 && !is_still_there(file))
        system_error = EAGAIN;
    if (system_error != 0) {
        close(file->descriptor);
        file->descriptor = -1;
    }
    return system_error;
}

/* Creates or opens the temporary whose name follows from the file's own. */
static int create_resumable(slm_file *file, mode_t mode, bool resume, bool *found) {
    const char *name = file->path + strlen(file->folder);
    const size_t size = strlen(file->folder) + NAME_MAX_WITH_ENDS + 48, length = strlen(name);
    int system_error = EAGAIN;
    file->temporary = malloc(size);
    if (file->temporary == NULL)
        return ENOMEM;
    if (length <= NAME_MAX_WITH_ENDS)
        snprintf(file->temporary, size, "%s.slm-%s.part", file->folder, name);
    else
        snprintf(file->temporary, size, "%s.slm-%016" PRIx64 ".part", file->folder, slmi_hash(name, length));
    for (unsigned attempt = 0; attempt < 1000 && (system_error == EAGAIN || system_error == EINTR); attempt++) {
        system_error = open_left(file);
        if (system_error == 0) {
            *found = true;
            if (resume)
                break;
            system_error = unlink(file->temporary) == 0 ? EAGAIN : errno; /* still locked: nobody else does the same */
            close(file->descriptor);
            file->descriptor = -1;
        } else if (!resume && (system_error == ELOOP || system_error == EPERM)) { /* a link, or not this user's: only its name goes */
            system_error = unlink(file->temporary) == 0 ? EAGAIN : errno;
        } else if (system_error == ENOENT) {
            file->descriptor = open(file->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0666);
            system_error = file->descriptor >= 0 ? lock_temporary(file->descriptor) : errno == EEXIST ? EAGAIN : errno;
            if (system_error == 0 && !is_still_there(file))
                system_error = EAGAIN;
            if (system_error == 0)
                break;
            if (file->descriptor >= 0)
                close(file->descriptor);
            file->descriptor = -1;
        }
    }
    if (system_error != 0)
        return system_error;
    return mode != 0 && fchmod(file->descriptor, mode) != 0 ? errno : 0;
}

/* `found` NULL: the temporary's name is a new one each time. */
static slm_status create(slm_file **created, const char *path, bool overwrite, bool resume, bool *found, slm_error *error) {
    mode_t mode;
    *created = NULL;
    slm_file *file = calloc(1, sizeof *file);
    if (file == NULL)
        return slmi_fail_memory(error);
    file->descriptor = -1;
    file->overwrite = overwrite;
    file->resume = resume;
    const char *what = "cannot create";
    int system_error = look_at_target(path, overwrite, &file->path, &mode);
    if (system_error == 0) {
        what = found != NULL ? "cannot have the temporary file beside it" : what;
        file->folder = folder_of(file->path);
        system_error = file->folder == NULL ? ENOMEM
                       : found != NULL      ? create_resumable(file, mode, resume, found)
                                            : create_temporary(file, mode);
    }
    if (system_error != 0) {
        if (file->descriptor >= 0 && !file->resume)
            unlink(file->temporary);
        if (file->descriptor >= 0)
            close(file->descriptor);
        free_file(file);
        return system_error == ENOMEM ? slmi_fail_memory(error) : slmi_fail_system(error, system_error, SLMI_NOWHERE, what);
    }
    *created = file;
    return SLM_OK;
}

slm_status slm_file_create(slm_file **file, const char *path, bool overwrite, slm_error *error) {
    return create(file, path, overwrite, false, NULL, error);
}

slm_status slm_file_create_resumable(slm_file **file, const char *path, bool overwrite, bool resume, bool *found, slm_error *error) {
    bool there = false;
    slm_status status = create(file, path, overwrite, resume, &there, error);
    if (found != NULL)
        *found = there;
    return status;
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

/* 0 or an errno value. Not every kind of file can be synchronised: there is nothing more to do then. */
static int synchronise(int descriptor, int (*how)(int)) {
    while (how(descriptor) != 0) {
        if (errno == EINVAL || errno == EROFS || errno == ENOTSUP)
            return 0;
        if (errno != EINTR)
            return errno;
    }
    return 0;
}

slm_status slm_file_sync(const slm_file *file, slm_error *error) {
    const int system_error = synchronise(file->descriptor, fdatasync);
    return system_error == 0 ? SLM_OK : slmi_fail_system(error, system_error, SLMI_NOWHERE, "cannot write");
}

slm_status slm_file_commit(slm_file *file, slm_error *error) {
    const char *what = "cannot write";
    int system_error = synchronise(file->descriptor, fsync);
    const int lock = dup(file->descriptor); /* keeps the lock until the temporary has its final name */
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
    if (system_error == 0)
        sync_folder(file);
    else if (!file->resume)
        unlink(file->temporary);
    if (lock >= 0)
        close(lock);
    free_file(file);
    return system_error == 0 ? SLM_OK : slmi_fail_system(error, system_error, SLMI_NOWHERE, what);
}

void slm_file_keep(slm_file *file) {
    if (file == NULL)
        return;
    close(file->descriptor);
    free_file(file);
}

void slm_file_abort(slm_file *file) {
    if (file == NULL)
        return;
    unlink(file->temporary);
    close(file->descriptor);
    free_file(file);
}
