/* tools/side_listing.c: reading and judging the archive of side files, without unpacking anything. */
#include "side_listing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "member_path.h"

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

/* Of the sources, sorted; NULL without memory. */
static const char **source_names(const slm_reader *reader) {
    const size_t count = slm_reader_info(reader)->sources;
    const char **names = malloc((count + 1) * sizeof *names);
    if (names == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++)
        names[i] = slm_reader_source(reader, i)->name;
    qsort(names, count, sizeof *names, compare_texts);
    return names;
}

static bool list_files(side_list *list, side_reader *side, const char *const *sources, size_t source_count, fault *f) {
    static char rest[1 << 16];
    for (;;) {
        const char *name;
        uint64_t size;
        if (!side_next(side, &name, &size, f))
            return false;
        if (name == NULL)
            return side_list_check_folders(list, f);
        if (bsearch(&name, sources, source_count, sizeof *sources, compare_texts) != NULL)
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
    const char **sources = source_names(reader);
    if (sources == NULL)
        return fault_system(f, ENOMEM, "cannot list the side files");
    const bool good = side_open(&side, side_payload_read, &p, slm_reader_payload(reader, p.payload)->size, f) &&
                      list_files(list, side, sources, slm_reader_info(reader)->sources, f);
    side_close(side);
    free(sources);
    return good;
}
