/* The files of a conformance suite, from a folder or from the released archive, which is read in place. */
#ifndef SUITE_H
#define SUITE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct suite_file {
    char *name; /* relative to the suite, such as "manifest.json" */
    unsigned char *data;
    size_t size;
} suite_file;

typedef struct suite {
    const char *folder; /* of a suite that is one; its files are read when asked for */
    void *files;        /* a tsearch tree of those that were read, by name */
    size_t count;
} suite;

/* Opens a folder, or reads an archive into memory. `path` must outlive the suite. False with a message on stderr where that fails. */
bool suite_open(suite *s, const char *path);

/* The file of that name, the suite's; NULL with a message on stderr where it is missing. Not for several threads. */
const suite_file *suite_get(suite *s, const char *name);

void suite_free(suite *s);

#endif
