/* tools/side_listing.h: what is in the side files of a .slm file, and whether they may be unpacked. */
#ifndef SLM_TOOLS_SIDE_LISTING_H
#define SLM_TOOLS_SIDE_LISTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"
#include "side_files.h"
#include "slm/reader.h"

/* The number of the payload that holds the side files, or SIZE_MAX where there is none. */
size_t side_files_payload(const slm_reader *reader);

/* A side_source over that payload, for side_open(). */
typedef struct side_payload {
    const slm_reader *reader;
    size_t payload;
} side_payload;
bool side_payload_read(void *context, uint64_t offset, void *buffer, size_t size, fault *f);

/* Reads the whole archive, unpacking nothing, and checks the rules for side files (side_files.h), and that none has the name of a source.
 * Where it fails, what was listed until then stays in `list`. Free with side_list_free in every case. */
bool side_listing_read(side_list *list, const slm_reader *reader, fault *f);

#endif
