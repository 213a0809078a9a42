/* UTF-8: validation of names, and names made fit for a message. */
#ifndef SLM_SRC_UTF8_H
#define SLM_SRC_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The length in bytes of the character at text[0..length), length >= 1, and its number; 0 where it is not UTF-8 (overlong forms,
 * surrogates and numbers above U+10FFFF are not). */
size_t slmi_utf8_next(const uint8_t *text, size_t length, uint32_t *character);

/* The offset of the first byte that is not part of a valid character or is a U+0000; `length` where there is none. */
size_t slmi_utf8_check(const uint8_t *text, size_t length);

/* Writes a name in double quotes, control, format and invalid characters escaped, long ones shortened to fit. Returns `quoted`. */
#define SLMI_QUOTED_BYTES 96
const char *slmi_quote(char quoted[SLMI_QUOTED_BYTES], const char *name, size_t length);

#endif
