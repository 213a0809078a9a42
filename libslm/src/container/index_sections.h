/* The six sections of format 1.0. */
#ifndef SLM_SRC_INDEX_SECTIONS_H
#define SLM_SRC_INDEX_SECTIONS_H

#include "index.h"

/* The body of a section inside the index. */
typedef struct slmi_body {
    uint8_t *bytes;
    uint64_t size;
    uint64_t offset; /* in the file */
    const slm_allocator *allocator;
    slm_error *error;
} slmi_body;

slm_status slmi_parse_profiles(slmi_index *index, const slmi_body *body);
slm_status slmi_parse_tensors(slmi_index *index, const slmi_body *body);
slm_status slmi_parse_metadata(slmi_index *index, const slmi_body *body);
slm_status slmi_parse_sources(slmi_index *index, const slmi_body *body);
slm_status slmi_parse_payloads(slmi_index *index, const slmi_body *body);
slm_status slmi_parse_checksums(slmi_index *index, const slmi_body *body);

/* The last step: puts a NUL behind each name and value, over bytes that are no longer needed. */
void slmi_terminate_names(slmi_index *index);

#endif
