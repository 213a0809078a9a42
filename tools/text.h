/* tools/text.h: names and other foreign bytes made safe to print. */
#ifndef SLM_TOOLS_TEXT_H
#define SLM_TOOLS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* The code point at the start of bytes[0..length), length >= 1, and in *used its bytes; or -1, with *used = 1, where there is no valid
 * UTF-8 (no surrogates, no overlong forms). */
int32_t text_code_point(const char *bytes, size_t length, size_t *used);

/* Text with control characters (C0, DEL, C1, bidirectional overrides, line separators) and bytes that are not UTF-8 written as \n, \t, \r,
 * \xNN or \u{NNNN}. Allocated; NULL without memory. */
char *text_escaped(const char *bytes, size_t length);

/* The same, to a stream, without allocating. */
void text_print_escaped(FILE *stream, const char *bytes, size_t length);

/* Columns the escaped text takes, one a code point. */
size_t text_escaped_width(const char *bytes, size_t length);

/* The escaped text, and spaces behind it up to `columns`. */
void text_print_padded(FILE *stream, const char *bytes, size_t length, size_t columns);

/* Whether stream may be coloured: a terminal, NO_COLOR unset or empty, TERM not "dumb". */
bool text_colour(FILE *stream);

#endif
