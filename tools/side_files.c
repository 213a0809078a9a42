/* tools/side_files.c: packing side files deterministically, and reading the pack with distrust. */
#include "side_files.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "archive_io.h"
#include "member_path.h"
#include "positioned.h"

#define BUFFER_BYTES ((size_t)256 << 10)

/* ---- The list ---- */

bool side_list_add(side_list *list, char *name, uint64_t size, uint64_t offset, fault *f) {
    if (list->count == list->capacity) {
        size_t capacity = list->capacity > 0 ? 2 * list->capacity : 64;
        side_file *files = realloc(list->files, capacity * sizeof *files);
        if (files == NULL) {
            free(name);
            return fault_system(f, ENOMEM, "cannot list the side files");
        }
        list->files = files;
        list->capacity = capacity;
    }
    list->files[list->count++] = (side_file){.name = name, .size = size, .offset = offset};
    return true;
}

static int compare_files(const void *a, const void *b) { return strcmp(((const side_file *)a)->name, ((const side_file *)b)->name); }

bool side_list_sort(side_list *list, fault *f) {
    if (list->count > 0)
        qsort(list->files, list->count, sizeof *list->files, compare_files);
    list->bytes = 0;
    for (size_t i = 0; i < list->count; i++) {
        const side_file *file = &list->files[i];
        if (i > 0 && strcmp(file->name, list->files[i - 1].name) == 0)
            return fault_set(f, FAULT_INPUT, "'%s' is there twice", file->name);
        if (file->size > SIDE_BYTES_MAX - list->bytes)
            return fault_set(f, FAULT_UNSUPPORTED, "side files of more than %" PRIu64 " bytes, at '%s'", SIDE_BYTES_MAX, file->name);
        list->bytes += file->size;
    }
    if (list->count > SIDE_FILES_MAX)
        return fault_set(f, FAULT_UNSUPPORTED, "%zu side files, and %d are the most there can be", list->count, SIDE_FILES_MAX);
    return side_list_check_folders(list, f);
}

side_file *side_list_find(const side_list *list, const char *name) {
    const side_file key = {.name = (char *)(uintptr_t)name}; /* only read from there */
    return list->count > 0 ? bsearch(&key, list->files, list->count, sizeof key, compare_files) : NULL;
}

bool side_list_check_folders(const side_list *list, fault *f) {
    const char **names = calloc(list->count + 1, sizeof *names);
    if (names == NULL)
        return fault_system(f, ENOMEM, "cannot list the side files");
    for (size_t i = 0; i < list->count; i++)
        names[i] = list->files[i].name;
    qsort(names, list->count, sizeof *names, compare_texts);
    bool ok = true;
    for (size_t i = 0; ok && i < list->count; i++) {
        char folder[MEMBER_PATH_MAX + 1]; /* as long as any name */
        const char *const wanted = folder;
        for (const char *slash = names[i]; ok && (slash = strchr(slash, '/')) != NULL; slash++) {
            snprintf(folder, sizeof folder, "%.*s", (int)(slash - names[i]), names[i]);
            if (bsearch(&wanted, names, list->count, sizeof *names, compare_texts) != NULL)
                ok = fault_set(f, FAULT_INPUT, "'%s' is a file, and the folder of '%s'", folder, names[i]);
        }
    }
    free(names);
    return ok;
}

void side_list_free(side_list *list) {
    for (size_t i = 0; i < list->count; i++)
        free(list->files[i].name);
    free(list->files);
    *list = (side_list){0};
}

bool side_ratio_fits(uint64_t bytes, uint64_t compressed) { return bytes <= SIDE_BYTES_FREE || bytes / SIDE_RATIO_MAX <= compressed; }

/* ---- Packing ---- */

static bool pack_file(struct archive *a, struct archive_entry *entry, const side_file *file, side_content content, void *context,
                      char *buffer, fault *f) {
    archive_entry_clear(entry);
    archive_entry_update_pathname_utf8(entry, file->name);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, (la_int64_t)file->size);
    archive_entry_set_mtime(entry, 0, 0);
    if (archive_write_header(a, entry) != ARCHIVE_OK)
        return archive_fault(f, a, file->name);
    for (uint64_t at = 0; at < file->size;) {
        size_t piece = file->size - at < BUFFER_BYTES ? (size_t)(file->size - at) : BUFFER_BYTES;
        if (!content(context, file, at, buffer, piece, f))
            return false;
        if (archive_write_data(a, buffer, piece) != (la_ssize_t)piece)
            return archive_fault(f, a, "cannot pack the side files");
        at += piece;
    }
    return true;
}

bool side_pack(const side_list *list, side_content content, void *context, int fd, uint64_t *size, fault *f) {
    archive_scope scope = archive_enter();
    struct archive *a = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    char *buffer = malloc(BUFFER_BYTES);
    bool ok = a != NULL && entry != NULL && buffer != NULL;
    uint64_t held = 0;
    if (!ok)
        fault_system(f, ENOMEM, "cannot pack the side files");
    if (ok && (archive_write_set_format_pax_restricted(a) != ARCHIVE_OK || archive_write_add_filter_zstd(a) != ARCHIVE_OK ||
               archive_write_set_filter_option(a, "zstd", "compression-level", "9") != ARCHIVE_OK ||
               archive_write_set_bytes_in_last_block(a, 1) != ARCHIVE_OK || archive_write_open_fd(a, fd) != ARCHIVE_OK))
        ok = archive_fault(f, a, "cannot pack the side files");
    for (size_t i = 0; ok && i < list->count; i++) {
        held += strlen(list->files[i].name) + 1;
        ok = pack_file(a, entry, &list->files[i], content, context, buffer, f);
    }
    if (ok && archive_write_close(a) != ARCHIVE_OK)
        ok = archive_fault(f, a, "cannot pack the side files");
    if (ok)
        *size = (uint64_t)archive_filter_bytes(a, -1);
    if (ok && !side_ratio_fits(list->bytes, *size)) /* nobody would unpack them */
        ok = fault_set(f, FAULT_UNSUPPORTED,
                       "the side files are more than %d times as large as compressed; --no-side-files leaves them out", SIDE_RATIO_MAX);
    else if (ok && !archive_held_fits(held, *size))
        ok = fault_set(f, FAULT_UNSUPPORTED,
                       "the names of the side files take more than %" PRIu64
                       " MiB and %d times what is compressed; --no-side-files leaves them out",
                       ARCHIVE_HELD_FREE >> 20, ARCHIVE_HELD_TIMES);
    free(buffer);
    archive_entry_free(entry);
    archive_write_free(a);
    archive_leave(scope);
    return ok;
}

/* ---- Reading ---- */

struct side_reader {
    tar_stream tar;
    struct archive *disk; /* for side_extract; made at its first call */
    struct archive_entry *entry;
    side_source source;
    void *context;
    uint64_t size, at;              /* of the packed archive */
    uint64_t files, folders, bytes; /* seen so far */
    uint64_t held;                  /* bytes of their names */
    uint64_t left;                  /* of the current file's content, as its size was stated */
    fault *fault;                   /* of the call in progress: where the source's own fault goes */
    bool source_failed;
    char *name;
    void *names; /* tsearch tree: names seen, which it owns */
    char buffer[64 << 10];
};

static la_ssize_t read_packed(struct archive *a, void *context, const void **buffer) {
    side_reader *reader = context;
    uint64_t left = reader->size - reader->at;
    size_t piece = left < sizeof reader->buffer ? (size_t)left : sizeof reader->buffer;
    *buffer = reader->buffer;
    if (piece > 0 && !reader->source(reader->context, reader->at, reader->buffer, piece, reader->fault)) {
        reader->source_failed = true;
        archive_set_error(a, EIO, "cannot read the packed side files");
        return -1;
    }
    reader->at += piece;
    return (la_ssize_t)piece;
}

/* The source's own sentence where it is the cause. */
static bool reading_fault(side_reader *reader, fault *f) {
    return reader->source_failed ? false : archive_fault(f, tar_stream_cause(&reader->tar), "side files");
}

bool side_open(side_reader **result, side_source source, void *context, uint64_t size, fault *f) {
    side_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        return fault_system(f, ENOMEM, "cannot read the side files");
    *reader = (side_reader){.source = source, .context = context, .size = size, .fault = f};
    archive_scope scope = archive_enter();
    reader->entry = archive_entry_new(); /* libarchive's own may not be there where memory is short */
    bool ok = reader->entry != NULL || fault_system(f, ENOMEM, "cannot read the side files");
    ok = ok && (tar_stream_open(&reader->tar, reader, read_packed, false) || reading_fault(reader, f));
    archive_leave(scope);
    if (!ok) {
        side_close(reader);
        return false;
    }
    *result = reader;
    return true;
}

static int compare_text(const void *a, const void *b) { return strcmp(a, b); }

/* Checks the entry at hand; *take is false for a folder. */
static bool check_entry(side_reader *reader, bool *take, fault *f) {
    const char *raw = archive_entry_pathname_utf8(reader->entry), *reason = NULL;
    if (raw == NULL)
        return fault_set(f, FAULT_INPUT, "side files: file number %" PRIu64 " has a name that is not UTF-8", reader->files);
    if (!member_path(raw, &reader->name, &reason))
        return reason == NULL ? fault_system(f, ENOMEM, "cannot read the side files")
                              : fault_set(f, FAULT_INPUT, "side files: '%s' is refused: %s", raw, reason);
    unsigned type = (unsigned)archive_entry_filetype(reader->entry);
    if (type == AE_IFDIR) {
        *take = false;
        return ++reader->folders <= SIDE_FILES_MAX || fault_set(f, FAULT_INPUT, "side files: more than %d folders", SIDE_FILES_MAX);
    }
    if (type != AE_IFREG || archive_entry_hardlink(reader->entry) != NULL || archive_entry_symlink(reader->entry) != NULL)
        return fault_set(f, FAULT_INPUT, "side files: '%s' is refused: a link or special file", raw);
    if (reader->name[0] == '\0')
        return fault_set(f, FAULT_INPUT, "side files: '%s' is refused: a name without a file", raw);
    if (!archive_entry_size_is_set(reader->entry) || archive_entry_size(reader->entry) < 0)
        return fault_set(f, FAULT_INPUT, "side files: '%s' is refused: its size is not stated", raw);
    if (++reader->files > SIDE_FILES_MAX)
        return fault_set(f, FAULT_INPUT, "side files: more than %d", SIDE_FILES_MAX);
    uint64_t size = (uint64_t)archive_entry_size(reader->entry);
    if (size > SIDE_BYTES_MAX - reader->bytes)
        return fault_set(f, FAULT_INPUT, "side files: more than %" PRIu64 " bytes, at '%s'", SIDE_BYTES_MAX, raw);
    reader->bytes += size;
    if (!side_ratio_fits(reader->bytes, reader->size))
        return fault_set(f, FAULT_INPUT, "side files: '%s' is refused: more than %d times the compressed size", raw, SIDE_RATIO_MAX);
    reader->held += strlen(reader->name) + 1;
    if (!archive_held_fits(reader->held, reader->size))
        return fault_set(f, FAULT_INPUT, "side files: names of more than %" PRIu64 " MiB and %d times the compressed size, at '%s'",
                         ARCHIVE_HELD_FREE >> 20, ARCHIVE_HELD_TIMES, raw);
    char *copy = strdup(reader->name);
    char *const *found = copy != NULL ? tsearch(copy, &reader->names, compare_text) : NULL;
    if (found == NULL) {
        free(copy);
        return fault_system(f, ENOMEM, "cannot read the side files");
    }
    if (*found != copy) {
        free(copy);
        return fault_set(f, FAULT_INPUT, "side files: '%s' is there twice", raw);
    }
    *take = true;
    return true;
}

bool side_next(side_reader *reader, const char **name, uint64_t *size, fault *f) {
    archive_scope scope = archive_enter();
    bool take = false, ok = true;
    reader->fault = f;
    *name = NULL;
    do {
        free(reader->name);
        reader->name = NULL;
        int status = tar_stream_next(&reader->tar, reader->entry);
        if (status == ARCHIVE_EOF)
            break;
        ok = status == ARCHIVE_OK ? check_entry(reader, &take, f) : reading_fault(reader, f);
    } while (ok && !take);
    if (ok && take) {
        *name = reader->name;
        *size = reader->left = (uint64_t)archive_entry_size(reader->entry);
    }
    archive_leave(scope);
    return ok;
}

bool side_read(side_reader *reader, void *buffer, size_t size, size_t *got, fault *f) {
    reader->fault = f;
    fault cause;
    if (!archive_fill(reader->tar.a, buffer, size, got, reader->name, &cause)) {
        if (!reader->source_failed)
            *f = cause;
        return false;
    }
    /* A sparse file's map may promise terabytes, whatever the stated size that the limits were held against. */
    if (*got > reader->left || (*got < size && *got != reader->left))
        return fault_set(f, FAULT_INPUT, "side files: '%s' is refused: its content has not the stated size", reader->name);
    reader->left -= *got;
    return true;
}

/* What keeps a file from being written is not the archive's fault. */
static bool disk_fault(const side_reader *reader, fault *f) {
    const char *text = archive_error_string(reader->disk);
    return fault_set(f, FAULT_SYSTEM, "%s: %s", reader->name, text != NULL ? text : "cannot write");
}

bool side_extract(side_reader *reader, fault *f) {
    archive_scope scope = archive_enter();
    reader->fault = f;
    if (reader->disk == NULL) {
        reader->disk = archive_write_disk_new();
        if (reader->disk != NULL)
            archive_write_disk_set_options(reader->disk, ARCHIVE_EXTRACT_SECURE_SYMLINKS | ARCHIVE_EXTRACT_SECURE_NODOTDOT |
                                                             ARCHIVE_EXTRACT_SECURE_NOABSOLUTEPATHS | ARCHIVE_EXTRACT_NO_OVERWRITE);
    }
    bool ok = reader->disk != NULL || fault_system(f, ENOMEM, "cannot extract the side files");
    struct stat about;
    if (ok && lstat(reader->name, &about) == 0 && S_ISDIR(about.st_mode)) /* libarchive would let it be, and say nothing */
        ok = fault_set(f, FAULT_INPUT, "side files: '%s' is refused: a folder has that name", reader->name);
    if (ok) {
        archive_entry_update_pathname_utf8(reader->entry, reader->name);
        archive_entry_set_perm(reader->entry, 0644);
        ok = archive_write_header(reader->disk, reader->entry) == ARCHIVE_OK || disk_fault(reader, f);
    }
    for (size_t got = 1; ok && got > 0;) {
        char piece[16 << 10];
        ok = side_read(reader, piece, sizeof piece, &got, f);
        if (ok && got > 0 && archive_write_data(reader->disk, piece, got) != (la_ssize_t)got)
            ok = disk_fault(reader, f);
    }
    if (ok && archive_write_finish_entry(reader->disk) != ARCHIVE_OK)
        ok = disk_fault(reader, f);
    archive_leave(scope);
    return ok;
}

/* tdestroy without GNU extensions: the root goes until none is left. */
static void free_names(side_reader *reader) {
    while (reader->names != NULL) {
        char *name = *(char **)reader->names;
        tdelete(name, &reader->names, compare_text);
        free(name);
    }
}

void side_close(side_reader *reader) {
    if (reader == NULL)
        return;
    tar_stream_close(&reader->tar);
    archive_entry_free(reader->entry);
    archive_write_free(reader->disk);
    free(reader->name);
    free_names(reader);
    free(reader);
}
