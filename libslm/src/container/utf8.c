/* UTF-8: validation of names, and names made fit for a message. */
#include "utf8.h"

#include <string.h>

size_t slmi_utf8_next(const uint8_t *text, size_t length, uint32_t *character) {
    uint8_t first = text[0];
    if (first < 0x80) {
        *character = first;
        return 1;
    }
    size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || length < size)
        return 0;
    uint32_t value = first & (0x7FU >> size);
    for (size_t i = 1; i < size; i++) {
        if ((text[i] & 0xC0) != 0x80)
            return 0;
        value = value << 6 | (text[i] & 0x3FU);
    }
    if (size == 3 && (value < 0x800 || (value >= 0xD800 && value <= 0xDFFF)))
        return 0;
    if (size == 4 && (value < 0x10000 || value > 0x10FFFF))
        return 0;
    *character = value;
    return size;
}

size_t slmi_utf8_check(const uint8_t *text, size_t length) {
    size_t i = 0;
    while (i < length) {
        uint32_t character;
        size_t size = slmi_utf8_next(text + i, length - i, &character);
        if (size == 0 || character == 0)
            return i;
        i += size;
    }
    return length;
}

/* Characters that could move the cursor, reorder or hide text. */
static bool is_unprintable(uint32_t c) {
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || (c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) ||
           (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF || c == 0x061C || c == 0x00AD || (c >= 0xFFF9 && c <= 0xFFFB) || c >= 0xE0000;
}

const char *slmi_quote(char quoted[SLMI_QUOTED_BYTES], const char *name, size_t length) {
    static const char digits[] = "0123456789abcdef";
    static const size_t room = SLMI_QUOTED_BYTES - 5; /* for dots, closing quote and NUL */
    const uint8_t *text = (const uint8_t *)name;
    size_t used = 0, i = 0;
    quoted[used++] = '"';
    while (i < length) {
        uint32_t character = 0;
        size_t size = slmi_utf8_next(text + i, length - i, &character);
        bool plain = size != 0 && !is_unprintable(character) && character != '"' && character != '\\';
        size_t taken = size == 0 ? 1 : size;
        if (used + (plain ? taken : 4 * taken) > room) {
            memcpy(quoted + used, "...", 3);
            used += 3;
            break;
        }
        for (size_t k = 0; k < taken; k++) {
            if (plain) {
                quoted[used++] = name[i + k];
            } else {
                quoted[used++] = '\\';
                quoted[used++] = 'x';
                quoted[used++] = digits[text[i + k] >> 4];
                quoted[used++] = digits[text[i + k] & 15];
            }
        }
        i += taken;
    }
    quoted[used++] = '"';
    quoted[used] = 0;
    return quoted;
}
