/* tools/archive_io.h: what all uses of libarchive share: UTF-8 names whatever the user's locale, its errors as faults. */
#ifndef TOOLS_ARCHIVE_IO_H
#define TOOLS_ARCHIVE_IO_H

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include <stdint.h>

#include "fault.h"
#include "tar_stream.h"

/* libarchive converts names by the thread's locale: these put C.UTF-8 in its place around its calls. */
typedef struct archive_scope {
    locale_t own, before;
} archive_scope;
archive_scope archive_enter(void);
void archive_leave(archive_scope scope);

/* FAULT_INPUT, or FAULT_SYSTEM where the cause is the machine, as where `a` is NULL; "what: libarchive's sentence". */
bool archive_fault(fault *f, struct archive *a, const char *what);

/* Whether so many bytes of names, and of what else is held until the end, may come out of an archive of `size` bytes: more than any model
 * needs, and less than a small archive can hold compressed. */
#define ARCHIVE_HELD_FREE ((uint64_t)8 << 20)
#define ARCHIVE_HELD_TIMES 8
bool archive_held_fits(uint64_t held, uint64_t size);

/* Fills `buffer` from the current entry as far as it goes: short only at the entry's end. */
bool archive_fill(struct archive *a, void *buffer, size_t size, size_t *got, const char *name, fault *f);

#endif
