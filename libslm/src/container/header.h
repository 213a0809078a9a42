/* The 64 bytes a file begins with. */
#ifndef SLM_SRC_HEADER_H
#define SLM_SRC_HEADER_H

#include "slm/reader.h"

typedef struct slmi_header {
    unsigned major, minor;
    unsigned align_log2, chunk_log2;
    uint32_t features_must, features_may;
    uint64_t file_size, index_size, index_sum;
} slmi_header;

/* Parses and checks. `bytes` holds the first min(64, actual) bytes of a file of `actual` bytes. */
slm_status slmi_header_parse(slmi_header *header, const uint8_t *bytes, uint64_t actual, slm_error *error);

/* Major, minor and sums are the writer's own. */
void slmi_header_store(const slmi_header *header, uint8_t bytes[SLM_HEADER_BYTES]);

#endif
