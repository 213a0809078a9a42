/* tools/member_path.c: checking and tidying names of archive members. */
#include "member_path.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

bool text_is_utf8(const char *text, size_t length) {
    json_t *string = json_stringn(text, length); /* refuses what is not UTF-8 */
    json_decref(string);
    return string != NULL;
}

bool member_path(const char *name, char **clean, const char **reason) {
    size_t length = strlen(name), used = 0;
    *clean = NULL;
    *reason = length == 0                   ? "an empty name"
              : name[0] == '/'              ? "an absolute path"
              : length > MEMBER_PATH_MAX    ? "a name of more than 4096 bytes"
              : !text_is_utf8(name, length) ? "a name that is not UTF-8"
                                            : NULL;
    if (*reason != NULL)
        return false;
    char *path = malloc(length + 1);
    if (path == NULL) {
        *reason = "no memory";
        return false;
    }
    for (const char *at = name; *at != '\0';) {
        size_t part = strcspn(at, "/");
        if (part == 2 && memcmp(at, "..", 2) == 0) {
            free(path);
            *reason = "a path that climbs with '..'";
            return false;
        }
        if (part > 0 && !(part == 1 && at[0] == '.')) {
            if (used > 0)
                path[used++] = '/';
            memcpy(path + used, at, part);
            used += part;
        }
        at += part;
        at += *at == '/';
    }
    path[used] = '\0';
    *clean = path;
    return true;
}

bool ends_with(const char *text, const char *suffix) {
    size_t length = strlen(text), end = strlen(suffix);
    return length >= end && memcmp(text + length - end, suffix, end) == 0;
}
