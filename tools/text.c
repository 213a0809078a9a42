/* tools/text.c: escaping of control characters and invalid UTF-8; when to use colour. */
#include "text.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int32_t text_code_point(const char *bytes, size_t length, size_t *used) {
    const unsigned char *b = (const unsigned char *)bytes;
    *used = 1;
    if (b[0] < 0x80)
        return b[0];
    unsigned n = b[0] >= 0xF0 ? 4 : b[0] >= 0xE0 ? 3 : 2;
    if (b[0] < 0xC2 || b[0] > 0xF4 || length < n)
        return -1;
    int32_t c = b[0] & (0xFF >> (n + 1));
    for (unsigned i = 1; i < n; i++) {
        if ((b[i] & 0xC0) != 0x80)
            return -1;
        c = c << 6 | (b[i] & 0x3F);
    }
    if ((n == 3 && c < 0x800) || (n == 4 && (c < 0x10000 || c > 0x10FFFF)) || (c >= 0xD800 && c <= 0xDFFF))
        return -1;
    *used = n;
    return c;
}

/* What could move the cursor, break the line or show text in another order than it is stored. */
static bool is_control(int32_t c) {
    return c < 0x20 || (c >= 0x7F && c <= 0x9F) || c == 0x61C || (c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) ||
           (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFB) || (c >= 0xE0000 && c <= 0xE007F);
}

#define ESCAPED_MAX 16

/* Writes the escaped form of the first code point or bad byte, at most ESCAPED_MAX - 1 bytes and a NUL; returns the bytes it stands for. */
static size_t escape_one(const char *bytes, size_t length, char out[ESCAPED_MAX], size_t *columns) {
    size_t used;
    int32_t c = text_code_point(bytes, length, &used);
    if (c >= 0 && !is_control(c)) {
        memcpy(out, bytes, used);
        out[used] = '\0';
        *columns = 1;
        return used;
    }
    if (c == '\n' || c == '\t' || c == '\r')
        snprintf(out, ESCAPED_MAX, "\\%c", c == '\n' ? 'n' : c == '\t' ? 't' : 'r');
    else if (c < 0x80) /* a bad byte, or an ASCII control */
        snprintf(out, ESCAPED_MAX, "\\x%02X", (unsigned)(unsigned char)bytes[0]);
    else
        snprintf(out, ESCAPED_MAX, "\\u{%04X}", (unsigned)c);
    *columns = strlen(out);
    return used;
}

char *text_escaped(const char *bytes, size_t length) {
    if (length > (SIZE_MAX - ESCAPED_MAX) / ESCAPED_MAX)
        return NULL;
    char one[ESCAPED_MAX];
    size_t columns, total = 0;
    for (size_t i = 0; i < length;) {
        i += escape_one(bytes + i, length - i, one, &columns);
        total += strlen(one);
    }
    char *text = malloc(total + 1);
    if (text == NULL)
        return NULL;
    char *end = text;
    for (size_t i = 0; i < length;) {
        i += escape_one(bytes + i, length - i, one, &columns);
        size_t n = strlen(one);
        memcpy(end, one, n);
        end += n;
    }
    *end = '\0';
    return text;
}

void text_print_escaped(FILE *stream, const char *bytes, size_t length) {
    char one[ESCAPED_MAX];
    size_t columns;
    for (size_t i = 0; i < length;) {
        i += escape_one(bytes + i, length - i, one, &columns);
        fputs(one, stream);
    }
}

size_t text_escaped_width(const char *bytes, size_t length) {
    char one[ESCAPED_MAX];
    size_t columns, total = 0;
    for (size_t i = 0; i < length; total += columns)
        i += escape_one(bytes + i, length - i, one, &columns);
    return total;
}

void text_print_padded(FILE *stream, const char *bytes, size_t length, size_t columns) {
    text_print_escaped(stream, bytes, length);
    for (size_t width = text_escaped_width(bytes, length); width < columns; width++)
        putc(' ', stream);
}

bool text_colour(FILE *stream) {
    const char *no = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    return (no == NULL || no[0] == '\0') && term != NULL && term[0] != '\0' && strcmp(term, "dumb") != 0 && isatty(fileno(stream)) == 1;
}
