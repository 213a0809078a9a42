/* tools/archive_io.c: libarchive with UTF-8 names and faults. */
#include "archive_io.h"

#include <errno.h>
#include <string.h>

archive_scope archive_enter(void) {
    archive_scope scope = {.own = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0)};
    if (scope.own != (locale_t)0)
        scope.before = uselocale(scope.own);
    return scope;
}

void archive_leave(archive_scope scope) {
    if (scope.own == (locale_t)0)
        return;
    uselocale(scope.before);
    freelocale(scope.own);
}

bool archive_fault(fault *f, struct archive *a, const char *what) {
    const char *text = a != NULL ? archive_error_string(a) : NULL;
    if (text == NULL) /* what is wrong with an archive is always said */
        return fault_system(f, ENOMEM, "%s", what);
    int number = archive_errno(a);
    bool machine = number == ENOMEM || number == ENOSPC || number == EIO || number == EDQUOT || number == EFBIG || number == EACCES ||
                   number == EROFS || number == ENAMETOOLONG || number == EMFILE;
    if (strstr(text, "not enough memory") != NULL) /* zstd's words */
        machine = true;
    return fault_set(f, machine ? FAULT_SYSTEM : FAULT_INPUT, "%s: %s", what, text);
}

bool archive_held_fits(uint64_t held, uint64_t size) {
    return held <= ARCHIVE_HELD_FREE || (held - ARCHIVE_HELD_FREE) / ARCHIVE_HELD_TIMES <= size;
}

bool archive_fill(struct archive *a, void *buffer, size_t size, size_t *got, const char *name, fault *f) {
    char *target = buffer;
    *got = 0;
    while (*got < size) {
        la_ssize_t n = archive_read_data(a, target + *got, size - *got);
        /* A warning here is a content whose checksum is wrong; "retry" is a sparse file whose pieces run backwards, and stays so. */
        if (n < 0) {
            archive_fault(f, a, name);
            return false;
        }
        if (n == 0)
            break;
        *got += (size_t)n;
    }
    return true;
}
