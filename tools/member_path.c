/* tools/member_path.c: checking and tidying names of archive members. */
#include "member_path.h"

#include <stdlib.h>
#include <string.h>

#include "text.h"

bool text_is_utf8(const char *text, size_t length) {
    for (size_t at = 0, used; at < length; at += used)
        if (text_code_point(text + at, length - at, &used) < 0)
            return false;
    return true;
}

bool text_has_controls(const char *text) {
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7F)
            return true;
    return false;
}

bool member_path(const char *name, char **clean, const char **reason) {
    size_t length = strlen(name), used = 0;
    *clean = NULL;
    *reason = length == 0                   ? "an empty name"
              : name[0] == '/'              ? "an absolute path"
              : length > MEMBER_PATH_MAX    ? "a name of more than 4096 bytes"
              : !text_is_utf8(name, length) ? "a name that is not UTF-8"
              : text_has_controls(name)     ? "a name with control characters"
                                            : NULL;
    if (*reason != NULL)
        return false;
    char *path = malloc(length + 1);
    if (path == NULL) {
        return false;
    }
    unsigned parts = 0;
    for (const char *at = name; *at != '\0';) {
        size_t part = strcspn(at, "/");
        if (part == 2 && memcmp(at, "..", 2) == 0) {
            free(path);
            *reason = "a path that climbs with '..'";
            return false;
        }
        if (part > 0 && !(part == 1 && at[0] == '.')) {
            if (++parts > MEMBER_DEPTH_MAX) {
                free(path);
                *reason = "folders nested more than 64 deep";
                return false;
            }
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

int compare_texts(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }
