/* tools/archive_members.h: the members of a model's archive (tar, plain or compressed, and zip), read forward. */
#ifndef TOOLS_ARCHIVE_MEMBERS_H
#define TOOLS_ARCHIVE_MEMBERS_H

#include <stddef.h>
#include <stdint.h>

#include "archive_io.h"

typedef struct member_reader {
    archive_scope scope;
    tar_stream tar;
    struct archive *zip;
    struct archive *a; /* of the two, what it is */
    struct archive_entry *entry;
    int fd;
    int64_t size;    /* of the archive */
    uint8_t *buffer; /* what libarchive reads from the file */
    char *name;      /* of the member at hand */
    size_t seen;     /* members, folders too */
} member_reader;

/* Begins at the file's begin; the descriptor stays the caller's. NULL after a fault. */
member_reader *members_open(int fd, fault *f);
/* The next regular file; reader->name is NULL after the last. Anything that could not be written below a folder is refused by name. */
bool members_next(member_reader *reader, fault *f);
/* Reads exactly that much of the member at hand, or says that it is cut. */
bool members_read(member_reader *reader, void *buffer, size_t size, fault *f);
void members_close(member_reader *reader); /* NULL is allowed */

#endif
