/* fuzz/archive_input.c: archives as fuzzing input: tar headers made right, and names that come out judged anew. */
#include <string.h>

#include "fuzz.h"

#define BLOCK 512

static uint64_t octal(const uint8_t *field, size_t size) {
    uint64_t value = 0;
    for (size_t i = 0; i < size && (field[i] == ' ' || (field[i] >= '0' && field[i] <= '7')); i++)
        if (field[i] != ' ')
            value = value << 3 | (uint64_t)(field[i] - '0');
    return value;
}

void fuzz_mend_tar(uint8_t *bytes, size_t size) {
    for (size_t at = 0; size - at >= BLOCK;) {
        uint8_t *head = bytes + at, *sum = head + 148;
        bool empty = true;
        unsigned total = 0;
        memset(sum, ' ', 8);
        for (size_t i = 0; i < BLOCK; i++) {
            total += head[i];
            empty = empty && (head[i] == 0 || (i >= 148 && i < 156));
        }
        if (empty) { /* the end of the archive has no checksum */
            memset(sum, 0, 8);
            return;
        }
        for (unsigned i = 6; i-- > 0; total >>= 3)
            sum[i] = (uint8_t)('0' + (total & 7));
        sum[6] = 0;
        const uint64_t content = octal(head + 124, 12), left = size - at - BLOCK;
        if (content > left || (content + BLOCK - 1) / BLOCK * BLOCK > left)
            return;
        at += BLOCK + (size_t)((content + BLOCK - 1) / BLOCK * BLOCK);
    }
}

void fuzz_check_path(const char *path) {
    const size_t length = strlen(path);
    CHECK(path[0] != '/' && (length == 0 || path[length - 1] != '/'));
    for (const char *part = path; length > 0; part = strchr(part, '/') + 1) {
        const size_t size = strcspn(part, "/");
        CHECK(size > 0 && !(size == 1 && part[0] == '.') && !(size == 2 && part[0] == '.' && part[1] == '.'));
        if (part[size] == '\0')
            break;
    }
}
