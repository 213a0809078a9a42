/* tools/side_listing.c: reading and judging the archive of side files, without unpacking anything. */
#include "side_listing.h"

#include <errno.h>
#include <string.h>

size_t side_files_payload(const slm_reader *reader) {
    const slm_file_info *info = slm_reader_info(reader);
    for (size_t i = info->tensors; i < info->payloads; i++)
        if (slm_reader_payload(reader, i)->kind == SLM_PAYLOAD_SIDE_FILES)
            return i;
    return SIZE_MAX;
}

bool side_payload_read(void *context, uint64_t offset, void *buffer, size_t size, fault *f) {
    const side_payload *p = context;
    slm_error error;
    slm_status status = slm_reader_read(p->reader, p->payload, offset, size, buffer, &error);
    return status == SLM_OK || fault_slm(f, status, &error, "the side files cannot be read");
}

static bool is_source(const slm_reader *reader, const char *name) {
    const slm_source *source;
    for (size_t i = 0; (source = slm_reader_source(reader, i)) != NULL; i++)
        if (strcmp(source->name, name) == 0)
            return true;
    return false;
}

static bool list_files(side_list *list, side_reader *side, const slm_reader *reader, fault *f) {
    static char rest[1 << 16];
    for (;;) {
        const char *name;
        uint64_t size;
        if (!side_next(side, &name, &size, f))
            return false;
        if (name == NULL)
            return side_list_check_folders(list, f);
        if (is_source(reader, name))
            return fault_set(f, FAULT_INPUT, "side file \"%s\" has the name of a source [SID-7]", name);
        char *copy = strdup(name);
        if (copy == NULL)
            return fault_system(f, ENOMEM, "cannot list the side files");
        if (!side_list_add(list, copy, size, UINT64_MAX, f))
            return false;
        for (size_t got = 1; got > 0;) /* compressed data is checked only where it is read */
            if (!side_read(side, rest, sizeof rest, &got, f))
                return false;
    }
}

bool side_listing_read(side_list *list, const slm_reader *reader, fault *f) {
    *list = (side_list){0};
    side_payload p = {reader, side_files_payload(reader)};
    if (p.payload == SIZE_MAX)
        return true;
    side_reader *side = NULL;
    bool good =
        side_open(&side, side_payload_read, &p, slm_reader_payload(reader, p.payload)->size, f) && list_files(list, side, reader, f);
    side_close(side);
    return good;
}
