/* Reads a suite: a folder file by file as its manifest names them, or an archive through libarchive. */
#include "suite.h"

#include <archive.h>
#include <archive_entry.h>
#include <search.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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

static bool load_archive(suite *s, const char *path) {
    struct archive *reader = archive_read_new();
    if (!reader)
        return fail(path, "out of memory");
    /* What is released, and its content packed again by hand; among all that libarchive knows are filters that start programs. */
    archive_read_support_filter_zstd(reader);
    archive_read_support_filter_gzip(reader);
    archive_read_support_format_tar(reader);
    bool ok = archive_read_open_filename(reader, path, 65536) == ARCHIVE_OK;
    if (!ok)
        fail(path, archive_error_string(reader));
    size_t total = 0;
    while (ok) {
        struct archive_entry *entry;
        const int status = archive_read_next_header(reader, &entry);
        if (status == ARCHIVE_EOF)
            break;
        ok = status >= ARCHIVE_WARN ? read_entry(s, reader, entry, path, &total) : fail(path, archive_error_string(reader));
    }
    archive_read_free(reader);
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
