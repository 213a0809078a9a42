/* tools/archive_io.c: libarchive with UTF-8 names and faults. */
#include "archive_io.h"

#include <errno.h>
#include <string.h>

archive_scope archive_enter(void) {
    archive_scope scope = {.own = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0)};
    if (scope.own != (locale_t)0)
        scope.before = uselocale(scope.own);
    return scope;
}

void archive_leave(archive_scope scope) {
    if (scope.own == (locale_t)0)
        return;
    uselocale(scope.before);
    freelocale(scope.own);
}

bool archive_fault(fault *f, struct archive *a, const char *what) {
    int number = archive_errno(a);
    const char *text = archive_error_string(a);
    bool machine = number == ENOMEM || number == ENOSPC || number == EIO || number == EDQUOT || number == EFBIG || number == EACCES ||
                   number == EROFS || number == ENAMETOOLONG || number == EMFILE;
    if (text != NULL && strstr(text, "not enough memory") != NULL) /* zstd's words */
        machine = true;
    if (text == NULL) /* what is wrong with an archive is always said */
        return fault_system(f, ENOMEM, "%s", what);
    return fault_set(f, machine ? FAULT_SYSTEM : FAULT_INPUT, "%s: %s", what, text);
}

int archive_open_source(struct archive *a, void *context, archive_read_callback *read, archive_skip_callback *skip,
                        archive_seek_callback *seek) {
    int status = archive_read_set_callback_data(a, context);
    if (status == ARCHIVE_OK)
        status = archive_read_set_read_callback(a, read);
    if (status == ARCHIVE_OK)
        status = archive_read_set_skip_callback(a, skip);
    if (status == ARCHIVE_OK)
        status = archive_read_set_seek_callback(a, seek);
    return status == ARCHIVE_OK ? archive_read_open1(a) : status;
}

bool archive_held_fits(uint64_t held, uint64_t size) {
    return held <= ARCHIVE_HELD_FREE || (held - ARCHIVE_HELD_FREE) / ARCHIVE_HELD_TIMES <= size;
}

/* ---- Tar behind filters ---- */

static la_ssize_t read_filtered(struct archive *a, void *context, const void **buffer) {
    tar_stream *s = context;
    size_t size = 0;
    la_int64_t offset;
    const int status = archive_read_data_block(s->filters, buffer, &size, &offset);
    if (status == ARCHIVE_EOF)
        return 0;
    if (status != ARCHIVE_OK) {
        const char *text = archive_error_string(s->filters);
        archive_set_error(a, archive_errno(s->filters), "%s", text != NULL ? text : "cannot read");
        return -1;
    }
    if (size > s->header_left) {
        archive_set_error(a, EINVAL, "a header, or the map of a sparse file, of more than %u MiB", (unsigned)(TAR_HEADER_MAX >> 20));
        return -1;
    }
    if (s->header_left != UINT64_MAX)
        s->header_left -= size;
    return (la_ssize_t)size;
}

bool tar_stream_open(tar_stream *s, void *context, archive_read_callback *read, bool gzip, const char *what, fault *f) {
    *s = (tar_stream){.filters = archive_read_new(), .whole = archive_entry_new(), .header_left = UINT64_MAX};
    if (s->filters == NULL || s->whole == NULL)
        return fault_system(f, ENOMEM, "%s", what);
    if (archive_read_support_format_raw(s->filters) != ARCHIVE_OK || archive_read_support_filter_zstd(s->filters) != ARCHIVE_OK ||
        (gzip && archive_read_support_filter_gzip(s->filters) != ARCHIVE_OK) ||
        archive_open_source(s->filters, context, read, NULL, NULL) != ARCHIVE_OK ||
        archive_read_next_header2(s->filters, s->whole) != ARCHIVE_OK)
        return archive_fault(f, s->filters, what);
    s->a = archive_read_new();
    if (s->a == NULL)
        return fault_system(f, ENOMEM, "%s", what);
    return (archive_read_support_format_tar(s->a) == ARCHIVE_OK && archive_open_source(s->a, s, read_filtered, NULL, NULL) == ARCHIVE_OK) ||
           archive_fault(f, s->a, what);
}

int tar_stream_next(tar_stream *s, struct archive_entry *entry) {
    if (s->in_member) { /* what is left of it is not the next one's header */
        const int status = archive_read_data_skip(s->a);
        if (status == ARCHIVE_EOF || status == ARCHIVE_FATAL)
            return ARCHIVE_FATAL;
    }
    s->header_left = TAR_HEADER_MAX;
    const int status = archive_read_next_header2(s->a, entry);
    s->header_left = UINT64_MAX;
    s->in_member = status == ARCHIVE_OK || status == ARCHIVE_WARN;
    return status;
}

void tar_stream_close(tar_stream *s) {
    archive_read_free(s->a);
    archive_read_free(s->filters);
    archive_entry_free(s->whole);
    *s = (tar_stream){0};
}

bool archive_fill(struct archive *a, void *buffer, size_t size, size_t *got, const char *name, fault *f) {
    char *target = buffer;
    *got = 0;
    while (*got < size) {
        la_ssize_t n = archive_read_data(a, target + *got, size - *got);
        /* A warning here is a content whose checksum is wrong; "retry" is a sparse file whose pieces run backwards, and stays so. */
        if (n < 0) {
            archive_fault(f, a, name);
            return false;
        }
        if (n == 0)
            break;
        *got += (size_t)n;
    }
    return true;
}
