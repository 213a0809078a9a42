/* Reads a suite: a folder file by file as its manifest names them, or an archive through libarchive. */
#include "suite.h"

#include <errno.h>
#include <search.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tar_stream.h"

/* A suite has some 2 MB; what is much larger is none. */
#define SUITE_BYTES_MAX ((size_t)256 << 20)
#define SUITE_FILES_MAX 100000
#define SUITE_NAME_MAX 1024

static bool fail(const char *path, const char *why) {
    fprintf(stderr, "slm-conform: %s: %s\n", path, why);
    return false;
}

static int compare_files(const void *a, const void *b) { return strcmp(((const suite_file *)a)->name, ((const suite_file *)b)->name); }

static void free_file(suite_file *file) {
    free(file->name);
    free(file->data);
    free(file);
}

/* An empty file of that name; NULL with a message on stderr where there cannot be one. */
static suite_file *add(suite *s, const char *path, const char *name) {
    suite_file *file = s->count < SUITE_FILES_MAX ? calloc(1, sizeof *file) : NULL;
    if (file)
        file->name = strdup(name);
    suite_file *const *place = file && file->name ? tsearch(file, &s->files, compare_files) : NULL;
    if (place && *place == file) {
        s->count++;
        return file;
    }
    fail(path, place ? "it has a file twice" : "out of memory, or too many files");
    if (file)
        free_file(file);
    return NULL;
}

static bool read_entry(suite *s, struct archive *reader, struct archive_entry *entry, const char *path, size_t *total) {
    /* The bundle has one folder at its top, whatever it is called. */
    const char *name = archive_entry_pathname_utf8(entry);
    const char *inside = name ? strchr(name, '/') : NULL;
    if (archive_entry_filetype(entry) != AE_IFREG || !inside)
        return true;
    const la_int64_t size = archive_entry_size(entry);
    if (size < 0 || (size_t)size > SUITE_BYTES_MAX - *total)
        return fail(path, "larger than a conformance suite can be");
    *total += (size_t)size;
    if (strlen(inside) > SUITE_NAME_MAX)
        return fail(path, "a name in it is too long");
    suite_file *file = add(s, path, inside + 1);
    if (!file)
        return false;
    file->data = malloc((size_t)size + 1);
    if (!file->data)
        return fail(path, "out of memory");
    for (file->size = 0; file->size < (size_t)size;) {
        const la_ssize_t got = archive_read_data(reader, file->data + file->size, (size_t)size - file->size);
        if (got <= 0)
            return fail(path, got < 0 ? archive_error_string(reader) : "an entry is cut off");
        file->size += (size_t)got;
    }
    return true;
}

typedef struct archive_source {
    FILE *stream;
    char buffer[64 << 10];
} archive_source;

static la_ssize_t read_source(struct archive *a, void *context, const void **buffer) {
    archive_source *source = context;
    const size_t got = fread(source->buffer, 1, sizeof source->buffer, source->stream);
    *buffer = source->buffer;
    if (got > 0 || !ferror(source->stream))
        return (la_ssize_t)got;
    archive_set_error(a, errno, "%s", strerror(errno));
    return -1;
}

static bool fail_archive(const char *path, const tar_stream *tar) {
    struct archive *cause = tar_stream_cause(tar);
    const char *why = cause ? archive_error_string(cause) : NULL;
    return fail(path, why ? why : "out of memory");
}

static bool load_archive(suite *s, const char *path) {
    archive_source source = {.stream = fopen(path, "rb")};
    if (!source.stream) {
        perror(path);
        return false;
    }
    tar_stream tar = {0};
    struct archive_entry *entry = archive_entry_new();
    /* What is released, and its content packed again by hand. */
    bool ok = entry ? tar_stream_open(&tar, &source, read_source, true) || fail_archive(path, &tar) : fail(path, "out of memory");
    size_t total = 0;
    while (ok) {
        const int status = tar_stream_next(&tar, entry);
        if (status == ARCHIVE_EOF)
            break;
        /* "Retry" is a damaged header: going on would leave out the file behind it. */
        const bool has_entry = status == ARCHIVE_OK || status == ARCHIVE_WARN;
        ok = has_entry ? read_entry(s, tar.a, entry, path, &total) : fail_archive(path, &tar);
    }
    tar_stream_close(&tar);
    archive_entry_free(entry);
    fclose(source.stream);
    return ok;
}

static suite_file *load_file(suite *s, const char *folder, const char *name) {
    char path[4096];
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path) {
        fail(folder, "a path is too long");
        return NULL;
    }
    FILE *stream = fopen(path, "rb");
    if (!stream) {
        perror(path);
        return NULL;
    }
    struct stat status;
    suite_file *file = add(s, path, name);
    bool ok = file && fstat(fileno(stream), &status) == 0 && S_ISREG(status.st_mode) && (size_t)status.st_size <= SUITE_BYTES_MAX;
    if (ok) {
        file->size = (size_t)status.st_size;
        file->data = malloc(file->size + 1);
        ok = file->data && fread(file->data, 1, file->size, stream) == file->size;
    }
    fclose(stream);
    if (!ok)
        fail(path, "cannot be read");
    return ok ? file : NULL;
}

bool suite_open(suite *s, const char *path) {
    *s = (suite){0};
    struct stat status;
    if (stat(path, &status) != 0) {
        perror(path);
        return false;
    }
    if (!S_ISDIR(status.st_mode))
        return load_archive(s, path);
    s->folder = path;
    return true;
}

const suite_file *suite_get(suite *s, const char *name) {
    const suite_file key = {.name = (char *)(uintptr_t)name}; /* only read from there */
    suite_file *const *found = tfind(&key, &s->files, compare_files);
    if (found)
        return *found;
    if (s->folder)
        return load_file(s, s->folder, name);
    fprintf(stderr, "slm-conform: the archive has no %s\n", name);
    return NULL;
}

void suite_free(suite *s) {
    while (s->files) { /* tdestroy without GNU extensions */
        suite_file *file = *(suite_file **)s->files;
        tdelete(file, &s->files, compare_files);
        free_file(file);
    }
    *s = (suite){0};
}
