/* tools/json_text.c: jansson with its memory counted. */
#include "json_text.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

/* jansson's allocator has no context: what a thread is reading is its own. */
static _Thread_local struct {
    bool counting;
    uint64_t left;
    json_trouble trouble;
} reading;

static void *allocate(size_t size) {
    if (reading.counting && size > reading.left) {
        reading.trouble = JSON_TOO_COSTLY;
        return NULL;
    }
    if (reading.counting)
        reading.left -= size;
    void *pointer = malloc(size);
    if (pointer == NULL && reading.counting && reading.trouble == JSON_NO_TROUBLE)
        reading.trouble = JSON_NO_MEMORY;
    return pointer;
}

static void use_allocator(void) { json_set_alloc_funcs(allocate, free); }

static void begin(uint64_t limit) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, use_allocator);
    reading.counting = true;
    reading.left = limit;
    reading.trouble = JSON_NO_TROUBLE;
}

json_t *json_text_read(const char *text, size_t size, size_t flags, json_error_t *error, json_trouble *trouble) {
    begin(JSON_TEXT_TIMES * (uint64_t)size + JSON_TEXT_LEAST);
    json_t *value = json_loadb(text, size, JSON_REJECT_DUPLICATES | flags, error);
    reading.counting = false;
    *trouble = reading.trouble;
    if (value != NULL && reading.trouble != JSON_NO_TROUBLE) { /* jansson goes on without the bytes it had no memory for */
        json_decref(value);
        value = NULL;
    }
    if (value == NULL && reading.trouble == JSON_NO_TROUBLE)
        *trouble = JSON_WRONG;
    return value;
}

char *json_text_make(const json_t *value, size_t flags) {
    begin(UINT64_MAX);
    char *text = json_dumps(value, flags);
    reading.counting = false;
    if (reading.trouble == JSON_NO_TROUBLE)
        return text;
    free(text);
    return NULL;
}

bool json_text_print(const json_t *value, FILE *stream, size_t flags) {
    begin(UINT64_MAX);
    int failed = json_dumpf(value, stream, flags);
    reading.counting = false;
    return failed == 0 && reading.trouble == JSON_NO_TROUBLE;
}
