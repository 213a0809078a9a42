/* What layout and writer share: a description of the file to be, and the places that follow from it. */
#ifndef SLM_SRC_LAYOUT_H
#define SLM_SRC_LAYOUT_H

#include "index.h"
#include "slm/writer.h"
#include "tensor.h"

struct slm_layout {
    slm_allocator allocator;
    unsigned align_log2, chunk_log2;
    bool frozen; /* a writer uses it */
    slm_profile *profiles;
    slm_tensor **tensors; /* each one allocation, with shape and name behind it */
    slm_source *sources;
    slm_metadata *metadata;
    size_t profile_count, tensor_count, source_count, metadata_count;
    size_t profile_room, tensor_room, source_room, metadata_room;
    size_t sourced; /* tensors that belong to a source */
    bool has_side_files;
    uint64_t side_files_size;
    uint64_t tensor_bytes, source_bytes, metadata_bytes; /* of the records in the index */
    slmi_codings codings;
};

/* Where everything goes. */
typedef struct slmi_plan {
    uint64_t index_size, file_size, chunks;
} slmi_plan;

static inline size_t slmi_layout_payloads(const slm_layout *layout) { return layout->tensor_count + (layout->has_side_files ? 1 : 0); }

/* Computes the plan, and the places of all payloads where `payloads` is not NULL. SLM_E_LIMIT. */
slm_status slmi_layout_plan(const slm_layout *layout, slmi_plan *plan, slm_payload *payloads, slm_error *error);

/* Checks the rules that concern several items: unique names, sources that hold all tensors. */
slm_status slmi_layout_check(const slm_layout *layout, slm_error *error);

/* What the encoder reached for a tensor. */
typedef struct slmi_result {
    uint64_t source_sum;
    float error;
    uint16_t flags; /* SLM_TENSOR_HAS_* */
} slmi_result;

/* Writes the index: plan->index_size bytes. `results` and `sums` have an item a tensor and a chunk. */
void slmi_index_store(const slm_layout *layout, const slmi_plan *plan, const slm_payload *payloads, const slmi_result *results,
                      const uint64_t *sums, uint8_t *bytes);

#endif
