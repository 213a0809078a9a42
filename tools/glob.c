/* tools/glob.c: patterns for tensor names. */
#include "glob.h"

#include <fnmatch.h>

bool glob_match(const char *pattern, const char *name) { return fnmatch(pattern, name, 0) == 0; }

bool glob_match_any(const char *const *patterns, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        if (glob_match(patterns[i], name))
            return true;
    return false;
}
