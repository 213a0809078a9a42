/* tools/glob.h: patterns for tensor names.
 *
 * The shell's patterns against the whole name: * is any run of bytes, dots and slashes included; ? one character; [a-z] and [!a-z] one of
 * a set; \ takes the next character as it is. Upper and lower case differ. (POSIX fnmatch without flags.)
 */
#ifndef SLM_TOOLS_GLOB_H
#define SLM_TOOLS_GLOB_H

#include <stdbool.h>
#include <stddef.h>

bool glob_match(const char *pattern, const char *name);

/* Whether any of `count` patterns matches. */
bool glob_match_any(const char *const *patterns, size_t count, const char *name);

#endif
