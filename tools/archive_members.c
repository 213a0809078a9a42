/* tools/archive_members.c: the members of a model's archive, through libarchive. */
#include "archive_members.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "member_path.h"
#include "positioned.h"

#define MEMBERS_MAX 1048576
#define BUFFER_BYTES ((size_t)256 << 10)

static la_ssize_t read_file(struct archive *a, void *context, const void **buffer) {
    const member_reader *reader = context;
    size_t got;
    int number = read_some(reader->fd, reader->buffer, BUFFER_BYTES, &got);
    if (number != 0)
        archive_set_error(a, number, "%s", strerror(number));
    *buffer = reader->buffer;
    return number == 0 ? (la_ssize_t)got : -1;
}

/* Not past the end, so that a cut archive is seen to be one. */
static la_int64_t skip_file(struct archive *a, void *context, la_int64_t request) {
    const member_reader *reader = context;
    (void)a;
    off_t at = lseek(reader->fd, 0, SEEK_CUR);
    if (at < 0 || at >= reader->size || request <= 0)
        return 0;
    la_int64_t step = request < reader->size - at ? request : reader->size - at;
    return lseek(reader->fd, step, SEEK_CUR) < 0 ? 0 : step;
}

static la_int64_t seek_file(struct archive *a, void *context, la_int64_t offset, int whence) {
    off_t at = lseek(((const member_reader *)context)->fd, offset, whence);
    if (at < 0)
        archive_set_error(a, errno, "%s", strerror(errno));
    return at < 0 ? ARCHIVE_FATAL : at;
}

void members_close(member_reader *reader) {
    if (reader == NULL)
        return;
    tar_stream_close(&reader->tar);
    archive_read_free(reader->zip);
    archive_entry_free(reader->entry);
    archive_leave(reader->scope);
    free(reader->buffer);
    free(reader->name);
    free(reader);
}

static bool open_zip(member_reader *reader, fault *f) {
    reader->a = reader->zip = archive_read_new();
    if (reader->zip == NULL)
        return fault_system(f, ENOMEM, "cannot read the archive");
    return (archive_read_support_format_zip(reader->zip) == ARCHIVE_OK &&
            archive_open_source(reader->zip, reader, read_file, skip_file, seek_file) == ARCHIVE_OK) ||
           archive_fault(f, reader->zip, "cannot open the archive");
}

static bool open_tar(member_reader *reader, fault *f) {
    const bool ok = tar_stream_open(&reader->tar, reader, read_file, true);
    reader->a = reader->tar.a;
    return ok || archive_fault(f, tar_stream_cause(&reader->tar), "cannot open the archive");
}

member_reader *members_open(int fd, fault *f) {
    struct stat about;
    member_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL || fstat(fd, &about) != 0 || lseek(fd, 0, SEEK_SET) != 0) {
        fault_system(f, reader == NULL ? ENOMEM : errno, "cannot read the archive");
        free(reader);
        return NULL;
    }
    *reader = (member_reader){.fd = fd, .size = about.st_size, .scope = archive_enter()};
    reader->entry = archive_entry_new(); /* libarchive's own may not be there where memory is short */
    reader->buffer = malloc(BUFFER_BYTES);
    bool ok = (reader->entry != NULL && reader->buffer != NULL) || fault_system(f, ENOMEM, "cannot read the archive");
    char begin[4] = "";
    const int number = ok && about.st_size >= 4 ? positioned_read(fd, 0, begin, sizeof begin) : 0;
    ok = ok && (number == 0 || fault_system(f, number, "cannot read the archive"));
    const bool zip = memcmp(begin, "PK\3\4", 4) == 0 || memcmp(begin, "PK\5\6", 4) == 0; /* a tar begins with a name */
    ok = ok && (zip ? open_zip(reader, f) : open_tar(reader, f));
    if (ok)
        return reader;
    members_close(reader);
    return NULL;
}

/* LZMA, XZ and PPMd take what memory a member asks for, up to gigabytes. libarchive tells the method as "ZIP 6.3 (lzma)". */
static bool check_zip_method(struct archive *zip, const char *raw, fault *f) {
    static const char *const bounded[] = {"(uncompressed)", "(deflation)", "(bzip)", "(zstd)"};
    const char *format = archive_format_name(zip), *method = format != NULL ? strchr(format, '(') : NULL;
    for (size_t i = 0; method != NULL && i < sizeof bounded / sizeof *bounded; i++)
        if (strcmp(method, bounded[i]) == 0)
            return true;
    return fault_set(f, FAULT_UNSUPPORTED, "member '%s' is compressed in a way that is not read in a zip %s", raw,
                     method != NULL ? method : "(unknown)");
}

bool members_next(member_reader *reader, fault *f) {
    for (;;) {
        free(reader->name);
        reader->name = NULL;
        struct archive_entry *entry = reader->entry;
        int status = reader->zip != NULL ? archive_read_next_header2(reader->zip, entry) : tar_stream_next(&reader->tar, entry);
        if (status == ARCHIVE_EOF)
            return true;
        /* "Retry" is a damaged tar header: going on would leave out the file behind it. */
        if (status < ARCHIVE_WARN || status == ARCHIVE_RETRY)
            return archive_fault(f, reader->a, "the archive is damaged");
        if (reader->seen++ == MEMBERS_MAX)
            return fault_set(f, FAULT_UNSUPPORTED, "an archive of more than %d files and folders", MEMBERS_MAX);
        const char *raw = archive_entry_pathname_utf8(entry), *reason = NULL;
        if (raw == NULL)
            return fault_set(f, FAULT_INPUT, "a member of the archive has a name that is not UTF-8");
        if (!member_path(raw, &reader->name, &reason))
            return reason == NULL ? fault_system(f, ENOMEM, "cannot read the archive")
                                  : fault_set(f, FAULT_INPUT, "member '%s' is refused: %s", raw, reason);
        if (reader->zip != NULL && !check_zip_method(reader->zip, raw, f))
            return false;
        unsigned type = (unsigned)archive_entry_filetype(entry);
        if (archive_entry_hardlink(entry) != NULL || type == AE_IFLNK)
            return fault_set(f, FAULT_INPUT, "member '%s' is refused: a link", raw);
        if (type == AE_IFDIR)
            continue;
        if (type != AE_IFREG)
            return fault_set(f, FAULT_INPUT, "member '%s' is refused: no regular file", raw);
        if (reader->name[0] == '\0')
            return fault_set(f, FAULT_INPUT, "member '%s' is refused: a name without a file", raw);
        if (archive_entry_is_encrypted(entry))
            return fault_set(f, FAULT_UNSUPPORTED, "member '%s' is encrypted", raw);
        return true;
    }
}

bool members_read(member_reader *reader, void *buffer, size_t size, fault *f) {
    size_t got;
    if (!archive_fill(reader->a, buffer, size, &got, reader->name, f))
        return false;
    return got == size || fault_set(f, FAULT_INPUT, "%s: truncated", reader->name);
}
