/* fuzz/glob.c: patterns of --include, --exclude and --profile against names of tensors, and how names are judged and shown. Input: the
 * pattern; behind a NUL, the name. */
#include "glob.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "container/utf8.h"
#include "fuzz.h"
#include "member_path.h"

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    setlocale(LC_CTYPE, "C.UTF-8"); /* as the command does */
    return 0;
}

/* A name with every character that a pattern reads otherwise taken as it is. */
static char *escaped(const char *name) {
    char *pattern = malloc(2 * strlen(name) + 1), *to = pattern;
    CHECK(pattern != NULL);
    for (; *name != '\0'; name++) {
        if (strchr("*?[]\\", *name) != NULL)
            *to++ = '\\';
        *to++ = *name;
    }
    *to = '\0';
    return pattern;
}

static void check_name(const char *name) {
    char *clean = NULL;
    const char *reason = NULL;
    if (member_path(name, &clean, &reason)) {
        CHECK(reason == NULL);
        fuzz_check_path(clean);
        char *again = NULL;
        CHECK(clean[0] == '\0' || (member_path(clean, &again, &reason) && strcmp(clean, again) == 0));
        free(again);
        free(clean);
    } else {
        CHECK(clean == NULL && reason != NULL);
    }
    const size_t length = strlen(name);
    CHECK(text_is_utf8(name, length) == (slmi_utf8_check((const uint8_t *)name, length) == length)); /* jansson's judgement and ours */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *nul = size > 0 ? memchr(data, '\0', size) : NULL;
    if (nul == NULL)
        return 0;
    char *pattern = (char *)fuzz_copy(data, (size_t)(nul - data) + 1);
    const size_t rest = size - (size_t)(nul - data) - 1;
    char *name = malloc(rest + 1);
    CHECK(name != NULL);
    memcpy(name, nul + 1, rest);
    name[rest] = '\0'; /* one that has a NUL inside ends there */
    const bool one = glob_match(pattern, name);
    CHECK(glob_match(pattern, name) == one);
    const char *both[] = {"no match\n", pattern};
    CHECK(glob_match_any(both, 2, name) == (one || glob_match(both[0], name)));
    CHECK(!glob_match_any(both, 0, name));
    CHECK(glob_match("*", name));
    char *itself = escaped(name);
    if (text_is_utf8(name, strlen(name))) /* tensors' names are */
        CHECK(glob_match(itself, name));
    free(itself);
    check_name(name);
    check_name(pattern);
    free(pattern);
    free(name);
    return 0;
}
