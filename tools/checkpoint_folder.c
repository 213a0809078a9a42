/* tools/checkpoint_folder.c: a model folder: its files listed, the model's among them opened, the others packed. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checkpoint_internal.h"
#include "member_path.h"
#include "positioned.h"

#define FOLDER_DEPTH_MAX 64

static bool list_folder(checkpoint *cp, int fd, const char *prefix, unsigned depth, fault *f);

/* What an encoding into this folder has left unfinished. */
static bool is_own_temporary(const char *entry) {
    return strncmp(entry, ".slm-", 5) == 0 && (ends_with(entry, ".part") || ends_with(entry, ".journal"));
}

static bool is_model_file(const char *name) { return ends_with(name, ".safetensors") || ends_with(name, ".safetensors.index.json"); }

static bool list_subfolder(checkpoint *cp, int fd, const char *entry, const char *name, unsigned depth, fault *f) {
    if (strcmp(entry, ".git") == 0 || strcmp(entry, ".cache") == 0) {
        checkpoint_warn(cp, "skipped: folder '%s'", name);
        return true;
    }
    if (depth == FOLDER_DEPTH_MAX)
        return fault_set(f, FAULT_UNSUPPORTED, "'%s': folders nested more than %d deep", name, FOLDER_DEPTH_MAX);
    int sub = openat(fd, entry, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (sub < 0)
        return fault_system(f, errno, "'%s': cannot open the folder", name);
    return list_folder(cp, sub, name, depth + 1, f);
}

/* `name` is the path from the model's folder, which this function takes over. */
static bool list_entry(checkpoint *cp, int fd, const char *entry, char *name, unsigned depth, fault *f) {
    struct stat about;
    bool top = depth == 0, ok = true, keep = false;
    if (fstatat(fd, entry, &about, AT_SYMLINK_NOFOLLOW) != 0) {
        ok = fault_system(f, errno, "'%s': cannot examine", name);
    } else if (S_ISLNK(about.st_mode) && !cp->options.follow_links) {
        if (top && is_model_file(name))
            ok = fault_set(f, FAULT_INPUT, "'%s' is a symbolic link; --follow-links takes it for the file it leads to", name);
        else
            checkpoint_warn(cp, "skipped: '%s' is a symbolic link", name);
    } else if (S_ISLNK(about.st_mode) && fstatat(fd, entry, &about, 0) != 0) {
        ok = fault_system(f, errno, "'%s': cannot follow the symbolic link", name);
    } else if (S_ISDIR(about.st_mode)) {
        ok = list_subfolder(cp, fd, entry, name, depth, f);
    } else if (!S_ISREG(about.st_mode)) {
        checkpoint_warn(cp, "skipped: '%s' is no regular file", name);
    } else if (is_own_temporary(entry) ||
               (cp->options.skip != NULL && cp->options.skip->st_dev == about.st_dev && cp->options.skip->st_ino == about.st_ino)) {
        keep = false; /* what a former run wrote and this one is to replace */
    } else if (!text_is_utf8(name, strlen(name))) {
        checkpoint_warn(cp, "skipped: the name of '%s' is not UTF-8", name);
    } else if (text_has_controls(name)) {
        checkpoint_warn(cp, "skipped: the name of '%s' has control characters", name);
    } else {
        keep = true;
    }
    if (keep)
        return side_list_add(&cp->side, name, (uint64_t)about.st_size, UINT64_MAX, f);
    free(name);
    return ok;
}

/* Takes over `fd`. */
static bool list_folder(checkpoint *cp, int fd, const char *prefix, unsigned depth, fault *f) {
    DIR *folder = fdopendir(fd);
    if (folder == NULL) {
        int number = errno;
        close(fd);
        return fault_system(f, number, "cannot list the folder '%s'", prefix);
    }
    bool ok = true;
    while (ok) {
        errno = 0;
        const struct dirent *entry = readdir(folder);
        if (entry == NULL) {
            if (errno != 0)
                ok = fault_system(f, errno, "cannot list the folder '%s'", prefix);
            break;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        size_t size = strlen(prefix) + strlen(entry->d_name) + 2;
        char *name = malloc(size);
        if (name == NULL) {
            ok = fault_system(f, ENOMEM, "cannot list the folder");
            break;
        }
        snprintf(name, size, "%s%s%s", prefix, prefix[0] != '\0' ? "/" : "", entry->d_name);
        ok = list_entry(cp, dirfd(folder), entry->d_name, name, depth, f);
    }
    closedir(folder);
    return ok;
}

static int open_member(const checkpoint *cp, const char *name) {
    return openat(cp->fd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | (cp->options.follow_links ? 0 : O_NOFOLLOW));
}

static bool read_index(checkpoint *cp, const char *name, fault *f) {
    int fd = open_member(cp, name);
    struct stat about;
    if (fd < 0 || fstat(fd, &about) != 0) {
        int number = errno;
        if (fd >= 0)
            close(fd);
        return fault_system(f, number, "%s: cannot open", name);
    }
    bool ok = about.st_size <= (off_t)MODEL_INDEX_MAX || fault_set(f, FAULT_UNSUPPORTED, "more than %u bytes", MODEL_INDEX_MAX);
    size_t size = ok ? (size_t)about.st_size : 0;
    char *text = malloc(size > 0 ? size : 1);
    int number = text == NULL ? ENOMEM : ok ? positioned_read(fd, 0, text, size) : 0;
    if (number != 0)
        ok = fault_system(f, number, "cannot read");
    ok = ok && model_index_parse(&cp->index, text, size, f);
    if (!ok)
        fault_prefix(f, name);
    free(text);
    close(fd);
    return ok;
}

static bool open_shard(checkpoint *cp, const char *name, fault *f) {
    int fd = open_member(cp, name);
    struct stat about;
    if (fd < 0 || fstat(fd, &about) != 0) {
        int number = errno;
        if (fd >= 0)
            close(fd);
        if (number == ENOENT && cp->index.count > 0)
            return fault_set(f, FAULT_INPUT, "shard '%s' is missing: the index says that it holds tensor '%s'", name,
                             model_index_example(&cp->index, name));
        if (number == ELOOP)
            return fault_set(f, FAULT_INPUT, "'%s' is a symbolic link; --follow-links takes it for the file it leads to", name);
        return fault_system(f, number, "%s: cannot open", name);
    }
    safetensors st;
    file_identity identity = file_identity_of(&about);
    bool ok = S_ISREG(about.st_mode) ? safetensors_read(&st, fd, f) : fault_set(f, FAULT_INPUT, "no regular file");
    close(fd);
    if (!ok) {
        fault_prefix(f, name);
        return false;
    }
    return checkpoint_add_source(cp, strdup(name), NULL, &st, NULL, &identity, f);
}

static int compare_to_source(const void *name, const void *source) { return strcmp(name, ((const checkpoint_source *)source)->name); }

/* What is a source is no side file. They were opened in the order of their names. */
static void drop_sources(checkpoint *cp) {
    size_t kept = 0;
    for (size_t i = 0; i < cp->side.count; i++) {
        if (bsearch(cp->side.files[i].name, cp->sources, cp->source_count, sizeof *cp->sources, compare_to_source) != NULL) {
            free(cp->side.files[i].name);
            continue;
        }
        if (ends_with(cp->side.files[i].name, ".safetensors") && !cp->options.no_side_files)
            checkpoint_warn(cp, "'%s' does not belong to the model: kept as a side file, not coded", cp->side.files[i].name);
        cp->side.files[kept++] = cp->side.files[i];
    }
    cp->side.count = kept;
}

static bool choose_sources(checkpoint *cp, fault *f) {
    const char **names = calloc(cp->side.count > 0 ? cp->side.count : 1, sizeof *names);
    if (names == NULL)
        return fault_system(f, ENOMEM, "cannot list the folder");
    size_t count = 0;
    for (size_t i = 0; i < cp->side.count; i++)
        if (strchr(cp->side.files[i].name, '/') == NULL)
            names[count++] = cp->side.files[i].name;
    const char *index, *single;
    bool ok = model_choose(names, count, &index, &single, f);
    free(names);
    if (ok && single != NULL)
        return open_shard(cp, single, f);
    ok = ok && read_index(cp, index, f);
    for (size_t i = 0; ok && i < cp->index.shard_count; i++)
        ok = open_shard(cp, cp->index.shards[i], f);
    return ok;
}

/* Contents are asked for file by file: the last one stays open. */
typedef struct folder_content {
    const checkpoint *cp;
    const side_file *file;
    int fd;
} folder_content;

static bool read_content(void *context, const side_file *file, uint64_t offset, void *buffer, size_t size, fault *f) {
    folder_content *content = context;
    if (content->file != file) {
        if (content->fd >= 0)
            close(content->fd);
        content->file = file;
        content->fd = open_member(content->cp, file->name);
        if (content->fd < 0)
            return fault_system(f, errno, "%s: cannot open", file->name);
    }
    int number = positioned_read(content->fd, offset, buffer, size);
    if (number == ENODATA)
        return fault_set(f, FAULT_SYSTEM, "%s: the file became shorter while it was read", file->name);
    return number == 0 || fault_system(f, number, "%s: cannot read", file->name);
}

bool checkpoint_open_folder(checkpoint *cp, fault *f) {
    int fd = openat(cp->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fault_system(f, errno, "cannot open the folder");
    if (!list_folder(cp, fd, "", 0, f) || !choose_sources(cp, f))
        return false;
    drop_sources(cp);
    folder_content content = {.cp = cp, .fd = -1};
    bool ok = checkpoint_pack_side(cp, read_content, &content, f);
    if (content.fd >= 0)
        close(content.fd);
    return ok;
}
