/* tools/output_internal.h: the forms of output behind output.h. */
#ifndef TOOLS_OUTPUT_INTERNAL_H
#define TOOLS_OUTPUT_INTERNAL_H

#include "cleanup.h"
#include "output.h"
#include "slm/writer.h"

/* A form of output: any function may be NULL where there is nothing to do. */
typedef struct output_operations {
    bool (*open)(output *o, fault *f);
    bool (*begin)(output *o, const char *name, uint64_t size, fault *f);
    bool (*write)(output *o, const void *bytes, size_t size, fault *f);
    bool (*end)(output *o, fault *f);
    bool (*commit)(output *o, fault *f);
    void (*close)(output *o);
} output_operations;

struct output {
    const output_operations *operations;
    char *path; /* without slashes at its end */
    bool force;
    cleanup_entry *cleanup; /* of the temporary */

    slm_file *file; /* file and archive */
    slm_sink sink;
    uint64_t at; /* bytes written to it */

    int folder;      /* folder: the temporary one, and */
    char *temporary; /* its absolute path, malloc'ed */
    int member;      /* the file that is being written in it */

    struct archive *archive;
    bool abandoned; /* archive: what is still written goes nowhere */
    char *prefix;   /* archive: the folder its members lie in, with a slash at its end, or "" */
};

extern const output_operations output_file, output_stream, output_folder, output_archive;

/* For file and archive: the temporary created and registered, bytes put behind one another, the name given, the temporary removed. */
bool output_file_create(output *o, fault *f);
bool output_file_write(output *o, const void *bytes, size_t size, fault *f);
bool output_file_commit(output *o, fault *f);
void output_file_close(output *o);

#endif
