/* tools/side_files.h: what lies beside the model in its folder, packed into one archive and out of it again.
 *
 * The archive is pax compressed with zstd, written by libarchive, and depends on names and contents alone: names sorted, mode 0644, owner
 * and time zero. Reading trusts nothing: only regular files and folders, relative names without ".." and control characters, none twice, no
 * more than SIDE_FILES_MAX files (and as many folders) and SIDE_BYTES_MAX bytes, and above SIDE_BYTES_FREE no more than SIDE_RATIO_MAX
 * times the compressed size, names of no more than archive_held_fits() has it.
 */
#ifndef TOOLS_SIDE_FILES_H
#define TOOLS_SIDE_FILES_H

#include <stddef.h>
#include <stdint.h>

#include "fault.h"

#define SIDE_FILES_MAX 65536
#define SIDE_BYTES_MAX ((uint64_t)16 << 30)
#define SIDE_BYTES_FREE ((uint64_t)64 << 20)
#define SIDE_RATIO_MAX 1024

/* Whether so many bytes may come out of so many compressed ones. */
bool side_ratio_fits(uint64_t bytes, uint64_t compressed);

/* A file found in a folder or an archive. */
typedef struct side_file {
    char *name; /* as member_path() makes it */
    uint64_t size;
    uint64_t offset; /* its content's place where contents were put aside; UINT64_MAX where they were not */
} side_file;

typedef struct side_list {
    side_file *files;
    size_t count, capacity;
    uint64_t bytes;
} side_list;

/* Adds a file and takes over `name` (freed on failure). */
bool side_list_add(side_list *list, char *name, uint64_t size, uint64_t offset, fault *f);
/* By name; FAULT_INPUT where one is there twice, or is a folder, too; FAULT_UNSUPPORTED where there is more than the limits allow. */
bool side_list_sort(side_list *list, fault *f);
/* In a sorted list; NULL where there is none. */
side_file *side_list_find(const side_list *list, const char *name);
/* FAULT_INPUT where a name is a file and, by another's path, a folder. */
bool side_list_check_folders(const side_list *list, fault *f);
void side_list_free(side_list *list);

/* Reads exactly `size` bytes of a file's content. */
typedef bool (*side_content)(void *context, const side_file *file, uint64_t offset, void *buffer, size_t size, fault *f);

/* Packs a sorted list to the descriptor, from its current position on; *size is what that took. */
bool side_pack(const side_list *list, side_content content, void *context, int fd, uint64_t *size, fault *f);

/* Reads exactly `size` bytes of the packed archive. */
typedef bool (*side_source)(void *context, uint64_t offset, void *buffer, size_t size, fault *f);

typedef struct side_reader side_reader;
bool side_open(side_reader **reader, side_source source, void *context, uint64_t size, fault *f);
/* The next file; *name is NULL after the last. Folders are passed over: they come with the files in them. */
bool side_next(side_reader *reader, const char **name, uint64_t *size, fault *f);
/* The current file's bytes in sequence; *got is 0 at its end. */
bool side_read(side_reader *reader, void *buffer, size_t size, size_t *got, fault *f);
/* Writes the current file below the working directory, with libarchive's secure flags; never over an existing file. */
bool side_extract(side_reader *reader, fault *f);
void side_close(side_reader *reader); /* NULL is allowed */

#endif
