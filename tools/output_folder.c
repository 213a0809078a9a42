/* tools/output_folder.c: a folder, built beside its final place and then renamed. */
#define _XOPEN_SOURCE 700 /* realpath */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output_internal.h"
#include "positioned.h"

/* "PARENT/.NAME.slm-XXXXXX" as an absolute path: extracting changes the working directory. */
static char *sibling(const char *path, const char *suffix, fault *f) {
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    size_t length = slash != NULL ? (size_t)(slash - path) : 0;
    char *parent = slash == NULL ? strdup(".") : length == 0 ? strdup("/") : strndup(path, length);
    char *absolute = parent != NULL ? realpath(parent, NULL) : NULL;
    int number = parent != NULL ? errno : ENOMEM;
    if (absolute == NULL) {
        fault_system(f, number, "the folder '%s' it should lie in", parent != NULL ? parent : "");
        free(parent);
        return NULL;
    }
    free(parent);
    size_t size = strlen(absolute) + strlen(name) + strlen(suffix) + 3;
    char *result = malloc(size);
    if (result != NULL)
        snprintf(result, size, "%s/.%s%s", strcmp(absolute, "/") == 0 ? "" : absolute, name, suffix);
    else
        fault_system(f, ENOMEM, "cannot create");
    free(absolute);
    return result;
}

static bool folder_open(output *o, fault *f) {
    if (strcmp(o->path, "/") == 0 || strcmp(o->path, ".") == 0 || strcmp(o->path, "..") == 0)
        return fault_set(f, FAULT_USAGE, "a folder with a name of its own is needed");
    o->temporary = sibling(o->path, ".slm-XXXXXX", f);
    if (o->temporary == NULL)
        return false;
    cleanup_lock();
    int number = mkdtemp(o->temporary) != NULL ? 0 : errno;
    if (number == 0)
        o->cleanup = cleanup_add(o->temporary);
    cleanup_unlock();
    if (number != 0) {
        free(o->temporary);
        o->temporary = NULL;
        return fault_system(f, number, "cannot create a folder beside it");
    }
    o->folder = open(o->temporary, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return o->folder >= 0 || fault_system(f, errno, "cannot open the new folder");
}

static bool folder_begin(output *o, const char *name, uint64_t size, fault *f) {
    (void)size;
    o->member = openat(o->folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    return o->member >= 0 || fault_system(f, errno, "%s: cannot create", name);
}

static bool folder_write(output *o, const void *bytes, size_t size, fault *f) {
    int number = write_all(o->member, bytes, size);
    return number == 0 || fault_system(f, number, "cannot write");
}

static bool folder_end(output *o, fault *f) {
    int number = close(o->member) != 0 && errno != EINTR ? errno : 0;
    o->member = -1;
    return number == 0 || fault_system(f, number, "cannot write");
}

static int sync_folder(int folder);

/* A file or a folder in the new folder: nothing else is in it. */
static int sync_entry(int folder, const char *name) {
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat about;
    if (fd < 0 || fstat(fd, &about) != 0) {
        int number = errno;
        if (fd >= 0)
            close(fd);
        return number;
    }
    if (S_ISDIR(about.st_mode))
        return sync_folder(fd);
    int number = make_durable(fd);
    close(fd);
    return number;
}

/* Makes all that is below durable, and the names too. Takes over `folder`. 0, or an errno value. */
static int sync_folder(int folder) {
    DIR *d = fdopendir(folder);
    if (d == NULL) {
        int number = errno;
        close(folder);
        return number;
    }
    int number = 0;
    errno = 0;
    for (struct dirent *e; number == 0 && (e = readdir(d)) != NULL; errno = 0)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            number = sync_entry(dirfd(d), e->d_name);
    if (number == 0)
        number = errno;
    if (number == 0)
        (void)make_durable(dirfd(d)); /* not every file system can */
    closedir(d);
    return number;
}

/* Makes the new name durable. */
static void sync_parent(const char *path) {
    const char *slash = strrchr(path, '/');
    char *parent = slash == NULL ? strdup(".") : strndup(path, (size_t)(slash - path) + 1);
    int fd = parent != NULL ? open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    free(parent);
    if (fd >= 0) {
        (void)make_durable(fd);
        close(fd);
    }
}

/* mkdtemp makes a folder for the owner alone; the final one is as mkdir would make it. */
static void usual_mode(const output *o) {
    mode_t mask = umask(0);
    umask(mask);
    fchmod(o->folder, 0777 & ~mask);
}

/* Puts the temporary in place; what is there goes aside first and is removed last, so that a failure in between loses nothing. */
static int put_in_place(output *o, char *aside, bool *moved, bool *stuck) {
    *moved = *stuck = false;
    if (rename(o->temporary, o->path) == 0) /* nothing there, or an empty folder */
        return 0;
    if (!o->force || (errno != ENOTEMPTY && errno != EEXIST))
        return errno;
    *stuck = rename(o->path, aside) != 0;
    if (*stuck)
        return errno;
    *moved = true;
    if (rename(o->temporary, o->path) == 0)
        return 0;
    int number = errno;
    *moved = rename(aside, o->path) != 0;
    return number;
}

/* What the new folder has replaced. */
static void remove_aside(output *o, const char *aside) {
    remove_tree(aside);
    cleanup_lock();
    cleanup_forget(o->cleanup);
    o->cleanup = NULL;
    cleanup_unlock();
}

static bool folder_commit(output *o, fault *f) {
    int copy = openat(o->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int number = copy >= 0 ? sync_folder(copy) : errno;
    if (number != 0)
        return fault_system(f, number, "cannot write");
    usual_mode(o);
    char *aside = sibling(o->path, ".slm-old", f);
    if (aside == NULL)
        return false;
    bool moved, stuck;
    cleanup_lock();
    number = put_in_place(o, aside, &moved, &stuck);
    if (number == 0) {
        cleanup_forget(o->cleanup);
        o->cleanup = NULL;
        free(o->temporary);
        o->temporary = NULL;
        if (moved)
            o->cleanup = cleanup_add(aside);
    }
    cleanup_unlock();
    if (number == 0)
        sync_parent(o->path);
    if (number == 0 && moved)
        remove_aside(o, aside);
    bool exists = number == ENOTEMPTY || number == EEXIST;
    if (number != 0 && moved)
        fault_system(f, number, "cannot put the folder in place; what was there is now '%s'", aside);
    else if (stuck)
        fault_system(f, number, "cannot move what is there to '%s'", aside);
    else if (number != 0 && exists)
        fault_set(f, FAULT_USAGE, "exists already and is not empty; -f replaces it");
    else if (number != 0)
        fault_system(f, number, "cannot put the folder in place");
    free(aside);
    return number == 0;
}

static void folder_close(output *o) {
    if (o->member >= 0)
        close(o->member);
    if (o->folder >= 0)
        close(o->folder);
    if (o->temporary == NULL)
        return;
    cleanup_lock();
    remove_tree(o->temporary);
    cleanup_forget(o->cleanup);
    cleanup_unlock();
    free(o->temporary);
}

const output_operations output_folder = {
    .open = folder_open, .begin = folder_begin, .write = folder_write, .end = folder_end, .commit = folder_commit, .close = folder_close};
