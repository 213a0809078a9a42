/* tools/output_archive.c: an archive of the model folder, by libarchive: tar, tar.gz, tar.zst or zip by its extension. Its members lie in
 * a folder called as the archive, have mode 0644 and no owner or time, so that the same model gives the same archive. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive_io.h"
#include "member_path.h"
#include "output_internal.h"

typedef struct archive_kind {
    const char *extension;
    int (*format)(struct archive *);
    int (*filter)(struct archive *);
} archive_kind;

static const archive_kind kinds[] = {
    {".tar.gz", archive_write_set_format_pax_restricted, archive_write_add_filter_gzip},
    {".tgz", archive_write_set_format_pax_restricted, archive_write_add_filter_gzip},
    {".tar.zst", archive_write_set_format_pax_restricted, archive_write_add_filter_zstd},
    {".tzst", archive_write_set_format_pax_restricted, archive_write_add_filter_zstd},
    {".tar", archive_write_set_format_pax_restricted, archive_write_add_filter_none},
    {".zip", archive_write_set_format_zip, archive_write_add_filter_none},
};

static const archive_kind *kind_of(const char *path) {
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (ends_with(path, kinds[i].extension))
            return &kinds[i];
    return NULL;
}

static la_ssize_t put_bytes(struct archive *a, void *context, const void *bytes, size_t size) {
    output *o = context;
    if (o->abandoned) /* libarchive ends its streams as it frees them */
        return (la_ssize_t)size;
    int number = o->sink.write_at(o->sink.context, o->at, bytes, size);
    if (number != 0) {
        archive_set_error(a, number, "%s", strerror(number));
        return -1;
    }
    o->at += size;
    return (la_ssize_t)size;
}

/* "NAME/" for "folder/NAME.tar.gz". */
static char *prefix_of(const char *path, const char *extension) {
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    size_t length = strlen(name) - strlen(extension), size = length + 2;
    char *prefix = malloc(size);
    if (prefix == NULL)
        return NULL;
    bool fit = length > 0 && text_is_utf8(name, length) && !(length <= 2 && strspn(name, ".") >= length);
    snprintf(prefix, size, "%.*s%s", fit ? (int)length : 0, name, fit ? "/" : "");
    return prefix;
}

static bool archive_open(output *o, fault *f) {
    const archive_kind *kind = kind_of(o->path);
    if (kind == NULL)
        return fault_set(f, FAULT_USAGE, "an archive needs the extension .tar, .tar.gz, .tar.zst or .zip");
    o->prefix = prefix_of(o->path, kind->extension);
    if (o->prefix == NULL)
        return fault_system(f, ENOMEM, "cannot write");
    if (!output_file_create(o, f))
        return false;
    archive_scope scope = archive_enter();
    o->archive = archive_write_new();
    bool ok = o->archive != NULL || fault_system(f, ENOMEM, "cannot write");
    if (ok && (kind->format(o->archive) != ARCHIVE_OK || kind->filter(o->archive) != ARCHIVE_OK))
        ok = archive_fault(f, o->archive, "cannot write the archive");
    if (ok && kind->filter == archive_write_add_filter_gzip)
        archive_write_set_filter_option(o->archive, "gzip", "timestamp", NULL); /* else the time of writing */
    if (ok) /* no padding behind a compressed stream: not every reader forgives it */
        archive_write_set_bytes_in_last_block(o->archive, 1);
    if (ok && archive_write_open(o->archive, o, NULL, put_bytes, NULL) != ARCHIVE_OK)
        ok = archive_fault(f, o->archive, "cannot write the archive");
    archive_leave(scope);
    return ok;
}

static bool archive_begin(output *o, const char *name, uint64_t size, fault *f) {
    size_t length = strlen(o->prefix) + strlen(name) + 1;
    char *path = malloc(length);
    struct archive_entry *entry = archive_entry_new();
    if (path == NULL || entry == NULL) {
        free(path);
        archive_entry_free(entry);
        return fault_system(f, ENOMEM, "cannot write");
    }
    snprintf(path, length, "%s%s", o->prefix, name);
    archive_scope scope = archive_enter();
    archive_entry_update_pathname_utf8(entry, path);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, (la_int64_t)size);
    archive_entry_set_mtime(entry, 0, 0);
    bool ok = archive_write_header(o->archive, entry) == ARCHIVE_OK || archive_fault(f, o->archive, path);
    archive_leave(scope);
    archive_entry_free(entry);
    free(path);
    return ok;
}

static bool archive_write(output *o, const void *bytes, size_t size, fault *f) {
    return archive_write_data(o->archive, bytes, size) == (la_ssize_t)size || archive_fault(f, o->archive, "cannot write");
}

static bool archive_end(output *o, fault *f) {
    return archive_write_finish_entry(o->archive) == ARCHIVE_OK || archive_fault(f, o->archive, "cannot write");
}

static bool archive_commit(output *o, fault *f) {
    if (archive_write_close(o->archive) != ARCHIVE_OK)
        return archive_fault(f, o->archive, "cannot write");
    return output_file_commit(o, f);
}

static void archive_close(output *o) {
    o->abandoned = true;
    archive_write_free(o->archive);
    free(o->prefix);
    output_file_close(o);
}

const output_operations output_archive = {.open = archive_open,
                                          .begin = archive_begin,
                                          .write = archive_write,
                                          .end = archive_end,
                                          .commit = archive_commit,
                                          .close = archive_close};
