/* tools/archive_io.h: what all uses of libarchive share: UTF-8 names whatever the user's locale, its errors as faults. */
#ifndef TOOLS_ARCHIVE_IO_H
#define TOOLS_ARCHIVE_IO_H

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include <stdint.h>

#include "fault.h"

/* libarchive converts names by the thread's locale: these put C.UTF-8 in its place around its calls. */
typedef struct archive_scope {
    locale_t own, before;
} archive_scope;
archive_scope archive_enter(void);
void archive_leave(archive_scope scope);

/* FAULT_INPUT, or FAULT_SYSTEM where the cause is the machine; "what: libarchive's sentence". */
bool archive_fault(fault *f, struct archive *a, const char *what);

/* As archive_read_open, which does not see that its memory was short; an archive_status. */
int archive_open_source(struct archive *a, void *context, archive_read_callback *read, archive_skip_callback *skip,
                        archive_seek_callback *seek);

/* Whether so many bytes of names, and of what else is held until the end, may come out of an archive of `size` bytes: more than any model
 * needs, and less than a small archive can hold compressed. */
#define ARCHIVE_HELD_FREE ((uint64_t)8 << 20)
#define ARCHIVE_HELD_TIMES 8
bool archive_held_fits(uint64_t held, uint64_t size);

/* A tar archive, plain or compressed with zstd (and gzip, where that is allowed), read forward. What its filters make is counted, because
 * libarchive reads the map of a sparse file as a part of its header, and holds it in 12 times its size: a map of gigabytes may be a few KB
 * of zstd. So no header may take more than TAR_HEADER_MAX bytes. Begins as {0}. */
#define TAR_HEADER_MAX ((uint64_t)1 << 20)
typedef struct tar_stream {
    struct archive *filters, *a; /* the second is what members are read from */
    struct archive_entry *whole;
    uint64_t header_left;
    bool in_member;
} tar_stream;

/* FAULT_INPUT or FAULT_SYSTEM as archive_fault has it, with its sentence behind `what`. `read` is not called after tar_stream_close(). */
bool tar_stream_open(tar_stream *s, void *context, archive_read_callback *read, bool gzip, const char *what, fault *f);
int tar_stream_next(tar_stream *s, struct archive_entry *entry); /* as archive_read_next_header2 */
void tar_stream_close(tar_stream *s);

/* Fills `buffer` from the current entry as far as it goes: short only at the entry's end. */
bool archive_fill(struct archive *a, void *buffer, size_t size, size_t *got, const char *name, fault *f);

#endif
