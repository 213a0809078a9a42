/* Reads a suite: a folder file by file as its manifest names them, or an archive through libarchive. */
#include "suite.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A suite has some 2 MB; what is much larger is none. */
#define SUITE_BYTES_MAX ((size_t)256 << 20)
#define SUITE_FILES_MAX 100000

static bool fail(const char *path, const char *why) {
    fprintf(stderr, "slm-conform: %s: %s\n", path, why);
    return false;
}

static suite_file *add(suite *s, const char *name) {
    if (s->count >= SUITE_FILES_MAX)
        return NULL;
    suite_file *grown = realloc(s->files, (s->count + 1) * sizeof *grown);
    if (!grown)
        return NULL;
    s->files = grown;
    suite_file *file = &s->files[s->count];
    *file = (suite_file){.name = strdup(name)};
    if (!file->name)
        return NULL;
    s->count++;
    return file;
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
    suite_file *file = add(s, inside + 1);
    if (!file)
        return fail(path, "out of memory, or too many files");
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
    archive_read_support_filter_all(reader);
    archive_read_support_format_all(reader);
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

static bool load_file(suite *s, const char *folder, const char *name) {
    char path[4096];
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return fail(folder, "a path is too long");
    FILE *stream = fopen(path, "rb");
    if (!stream) {
        perror(path);
        return false;
    }
    struct stat status;
    suite_file *file = add(s, name);
    bool ok = file && fstat(fileno(stream), &status) == 0 && S_ISREG(status.st_mode) && (size_t)status.st_size <= SUITE_BYTES_MAX;
    if (ok) {
        file->size = (size_t)status.st_size;
        file->data = malloc(file->size + 1);
        ok = file->data && fread(file->data, 1, file->size, stream) == file->size;
    }
    fclose(stream);
    return ok || fail(path, "cannot be read");
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
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->files[i].name, name) == 0)
            return &s->files[i];
    if (s->folder)
        return load_file(s, s->folder, name) ? &s->files[s->count - 1] : NULL;
    fprintf(stderr, "slm-conform: the archive has no %s\n", name);
    return NULL;
}

void suite_free(suite *s) {
    for (size_t i = 0; i < s->count; i++) {
        free(s->files[i].name);
        free(s->files[i].data);
    }
    free(s->files);
    *s = (suite){0};
}
