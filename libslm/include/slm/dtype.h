/* slm/dtype.h: element types (specification section "Element types"), the ones safetensors knows. */
#ifndef SLM_DTYPE_H
#define SLM_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slm/version.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The values are those stored in a tensor record. */
typedef enum slm_dtype {
    SLM_BOOL = 1,
    SLM_F4 = 2,      /* 4 bits */
    SLM_F6_E2M3 = 3, /* 6 bits */
    SLM_F6_E3M2 = 4, /* 6 bits */
    SLM_U8 = 5,
    SLM_I8 = 6,
    SLM_F8_E5M2 = 7,
    SLM_F8_E4M3 = 8,
    SLM_F8_E8M0 = 9,
    SLM_F8_E4M3FNUZ = 10,
    SLM_F8_E5M2FNUZ = 11,
    SLM_I16 = 12,
    SLM_U16 = 13,
    SLM_F16 = 14,
    SLM_BF16 = 15,
    SLM_I32 = 16,
    SLM_U32 = 17,
    SLM_F32 = 18,
    SLM_C64 = 19,
    SLM_F64 = 20,
    SLM_I64 = 21,
    SLM_U64 = 22
} slm_dtype;

/* Bits an element takes, or 0 for a value that is no dtype. */
SLM_API unsigned slm_dtype_bits(slm_dtype dtype);

/* The safetensors spelling, such as "BF16", or NULL. Static storage. */
SLM_API const char *slm_dtype_name(slm_dtype dtype);

/* The dtype spelt name[0..length), or 0. */
SLM_API slm_dtype slm_dtype_from_name(const char *name, size_t length);

/* Whether a tensor of this type can be coded and decoded to: F32, F16 and BF16. */
SLM_API bool slm_dtype_is_codable(slm_dtype dtype);

/* Widens `count` little-endian F32, F16 or BF16 elements at `source` (any alignment) to `target`, exactly (NaN payloads aside).
 * `dtype` must be codable. */
SLM_API void slm_widen(slm_dtype dtype, const void *source, size_t count, float *target);

#ifdef __cplusplus
}
#endif
#endif
