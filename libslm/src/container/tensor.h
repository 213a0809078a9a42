/* The rules of a tensor's description, shared by reader and layout. */
#ifndef SLM_SRC_TENSOR_H
#define SLM_SRC_TENSOR_H

#include <stdbool.h>

#include "slm/file.h"

#define SLMI_SCALES_ALIGN_LOG2 6 /* codes start on 64 bytes behind the scales */

/* Which (profile, rotation) pairs are known to be legal, so that a file with a million tensors checks each once. Zeroed before use. */
typedef struct slmi_codings {
    uint8_t legal[SLM_PROFILES_MAX]; /* bit 0: no rotation; bit h - 3: rotation h */
} slmi_codings;

/* Checks what a tensor says (all fields but the derived ones) and fills the derived fields and `elements`. `offset` and `number`
 * are for the error. */
slm_status slmi_tensor_derive(slm_tensor *tensor, const slm_profile *profiles, size_t profile_count, slmi_codings *codings, uint64_t offset,
                              uint64_t number, slm_error *error);

/* Whether bfloat16 bits are a legal scale: positive and finite, and a power of two where that is needed. */
bool slmi_scale_is_legal(uint16_t scale, bool needs_power);

#endif
