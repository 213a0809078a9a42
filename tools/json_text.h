/* tools/json_text.h: reading JSON of someone else's choice: a limit to the memory it may take, and memory that runs out told from text that
 * is wrong, which jansson by itself does not do. A program with it has jansson's allocator set before main(): what jansson allocated,
 * such as the text of json_dumps(), is not for free(). */
#ifndef TOOLS_JSON_TEXT_H
#define TOOLS_JSON_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* Bytes that may be asked for while reading `size` bytes of JSON. A usual safetensors header asks for 9 times its size, one of the shortest
 * entries for 16 times; texts made to be costly for up to 72 times. */
#define JSON_TEXT_TIMES 24
#define JSON_TEXT_LEAST ((uint64_t)64 << 10)

typedef enum json_trouble { JSON_NO_TROUBLE, JSON_WRONG, JSON_NO_MEMORY, JSON_TOO_COSTLY } json_trouble;

/* The value, or NULL with *trouble; *error is set where that is JSON_WRONG. Duplicate keys are wrong. `flags`: JSON_ALLOW_NUL or 0. */
json_t *json_text_read(const char *text, size_t size, size_t flags, json_error_t *error, json_trouble *trouble);

/* Writing: jansson alone leaves holes in the text where memory runs out. NULL, or false, where it did; the text is for free(). */
char *json_text_make(const json_t *value, size_t flags);
bool json_text_print(const json_t *value, FILE *stream, size_t flags);

#endif
