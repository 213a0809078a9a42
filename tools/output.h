/* tools/output.h: where decoded files go: one file, standard output, a folder or an archive. Files come one after another, each from its
 * begin to its end. Nothing stands under the final name before output_commit; whatever ends the command earlier removes what was made.
 */
#ifndef TOOLS_OUTPUT_H
#define TOOLS_OUTPUT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "fault.h"

typedef enum output_form { OUTPUT_FILE, OUTPUT_STREAM, OUTPUT_FOLDER, OUTPUT_ARCHIVE } output_form;

/* The form that a path asks for by itself: "-", or an archive's or .safetensors extension; OUTPUT_FOLDER where it is a folder or ends
 * with a slash. False where it says nothing. */
bool output_form_of(const char *path, output_form *form);

/* Whether `path` may be written: not the file `input` (NULL or "-": standard input), nothing that is there unless `force`, and never a
 * device or the like. A folder is refused unless `folder`. FAULT_USAGE where not. *about describes what is there, *there says if so. */
bool output_check(const char *path, const char *input, bool force, bool folder, struct stat *about, bool *there, fault *f);

typedef struct output output;
bool output_open(output **o, const char *path, output_form form, bool force, fault *f);
/* A file of that many bytes; `name` is its path within a folder or archive. */
bool output_begin(output *o, const char *name, uint64_t size, fault *f);
bool output_write(output *o, const void *bytes, size_t size, fault *f);
bool output_end(output *o, fault *f);
/* The new folder's descriptor, for files that are extracted into it; -1 where the output is no folder. */
int output_folder_fd(const output *o);
/* Makes all durable and gives it its name. Call output_close after it, too. */
bool output_commit(output *o, fault *f);
void output_close(output *o); /* removes what was not committed; NULL is allowed */

#endif
