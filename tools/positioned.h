/* tools/positioned.h: whole positioned and sequential reads and writes on file descriptors; interrupted and short ones go on. */
#ifndef TOOLS_POSITIONED_H
#define TOOLS_POSITIONED_H

#include <stddef.h>
#include <stdint.h>

/* 0, or an errno value; ENODATA where the file ends first. */
int positioned_read(int fd, uint64_t offset, void *buffer, size_t size);
int positioned_write(int fd, uint64_t offset, const void *buffer, size_t size);

/* Sequential. read_some: *got is 0 at the end only, else as much as was there, up to `size`. */
int read_some(int fd, void *buffer, size_t size, size_t *got);
int write_all(int fd, const void *buffer, size_t size);

/* Returns when the file's data is on its disk, or where it is of a kind that cannot say so: 0, or an errno value. */
int make_durable(int fd);

/* A file without a name in the temporary folder (TMPDIR, else /var/tmp, else /tmp): it goes when it is closed, however the process ends. */
int unnamed_file(int *fd);

#endif
