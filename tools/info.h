/* tools/info.h: what slm info shows of one file, gathered once for its two forms. */
#ifndef SLM_TOOLS_INFO_H
#define SLM_TOOLS_INFO_H

#include <jansson.h>
#include <stdbool.h>

#include "side_listing.h"
#include "slm_input.h"

typedef struct info_view {
    slm_input input;
    const char *const *include; /* only tensors whose names match one of these; all where there are none */
    size_t include_count;
    side_list side;
    fault side_fault; /* kind FAULT_NONE where the listing is complete */
    uint64_t coded_tensors, coded_bytes;
    uint64_t weights, coded_weights; /* saturated */
} info_view;

bool info_shows(const info_view *view, const slm_tensor *tensor);
double info_bits(uint64_t bytes, uint64_t weights); /* bits a weight, 0 for no weights */
const char *section_name(uint32_t type);
const char *payload_kind_name(uint32_t kind);

void info_print_text(const info_view *view); /* info_text.c */
json_t *info_report(const info_view *view);  /* info_json.c */

#endif
