/* tools/tar_stream.h: a tar archive from someone else, read forward. Needs libarchive alone; the conformance runner has it, too. */
#ifndef TOOLS_TAR_STREAM_H
#define TOOLS_TAR_STREAM_H

#include <archive.h>
#include <archive_entry.h>
#include <stdbool.h>
#include <stdint.h>

/* As archive_read_open, which does not see that its memory was short; an archive_status. */
int archive_open_source(struct archive *a, void *context, archive_read_callback *read, archive_skip_callback *skip,
                        archive_seek_callback *seek);

/* A tar archive, plain or compressed once with zstd (or gzip, where that is allowed), read forward. Compressed twice, a kilobyte may be a
 * terabyte. What the filter makes is counted, because libarchive reads the map of a sparse file as a part of its header, and holds it in 12
 * times its size: a map of gigabytes may be a few KB of zstd. So no header may take more than TAR_HEADER_MAX bytes. Begins as {0}. */
#define TAR_HEADER_MAX ((uint64_t)1 << 20)
typedef struct tar_stream {
    struct archive *filters, *a; /* the second is what members are read from */
    struct archive_entry *whole;
    uint64_t header_left;
    bool in_member;
} tar_stream;

/* False: tar_stream_cause() says why. `read` is not called after tar_stream_close(). */
bool tar_stream_open(tar_stream *s, void *context, archive_read_callback *read, bool gzip);
int tar_stream_next(tar_stream *s, struct archive_entry *entry); /* as archive_read_next_header2 */
void tar_stream_close(tar_stream *s);

/* Whose archive_error_string() tells of the last failure; NULL where there was no memory for it. */
struct archive *tar_stream_cause(const tar_stream *s);

#endif
