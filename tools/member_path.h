/* tools/member_path.h: which names of files inside an archive or a model folder are fit to be written below a folder. */
#ifndef TOOLS_MEMBER_PATH_H
#define TOOLS_MEMBER_PATH_H

#include <stdbool.h>
#include <stddef.h>

#define MEMBER_PATH_MAX 4096
#define MEMBER_DEPTH_MAX 65 /* a file in 64 folders */

bool text_is_utf8(const char *text, size_t length);
bool text_has_controls(const char *text); /* C0 and DEL */

/* `name` without "." components and superfluous slashes, malloc'ed into *clean ("" for the folder itself). Otherwise
 * false, *clean is NULL and *reason says what is wrong: an absolute path, "..", not UTF-8, with control characters, too long.
 */
bool member_path(const char *name, char **clean, const char **reason);

bool ends_with(const char *text, const char *suffix);

/* For qsort and bsearch over an array of const char *: the order of their bytes. */
int compare_texts(const void *a, const void *b);

#endif
