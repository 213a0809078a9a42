/* tools/tar_stream.c: libarchive twice, one behind the other: what the filters make is counted before tar sees it. */
#include "tar_stream.h"

#include <errno.h>

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

bool tar_stream_open(tar_stream *s, void *context, archive_read_callback *read, bool gzip) {
    *s = (tar_stream){.filters = archive_read_new(), .whole = archive_entry_new(), .header_left = UINT64_MAX};
    if (s->filters == NULL || s->whole == NULL || archive_read_support_format_raw(s->filters) != ARCHIVE_OK ||
        archive_read_support_filter_zstd(s->filters) != ARCHIVE_OK ||
        (gzip && archive_read_support_filter_gzip(s->filters) != ARCHIVE_OK) ||
        archive_open_source(s->filters, context, read, NULL, NULL) != ARCHIVE_OK ||
        archive_read_next_header2(s->filters, s->whole) != ARCHIVE_OK)
        return false;
    if (archive_filter_count(s->filters) > 2) { /* the last of them is the file */
        archive_set_error(s->filters, EINVAL, "compressed more than once");
        return false;
    }
    s->a = archive_read_new();
    return s->a != NULL && archive_read_support_format_tar(s->a) == ARCHIVE_OK &&
           archive_open_source(s->a, s, read_filtered, NULL, NULL) == ARCHIVE_OK;
}

struct archive *tar_stream_cause(const tar_stream *s) {
    return s->a != NULL ? s->a : s->filters;
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
