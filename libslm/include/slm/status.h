/* slm/status.h: what every function of libslm returns.
 *
 * The numbers are part of the API and never change; the specification's error classes (section "Error conditions") use the same names.
 */
#ifndef SLM_STATUS_H
#define SLM_STATUS_H

#include "slm/version.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum slm_status {
    SLM_OK = 0,
    /* About the file: the same bytes give the same status everywhere. */
    SLM_E_TRUNCATED = 1, /* the file ends before its stated size */
    SLM_E_MAGIC = 2,     /* not a .slm file, or one damaged by a text-mode transfer */
    SLM_E_VERSION = 3,   /* a format major version this library does not know */
    SLM_E_FEATURE = 4,   /* a must-understand feature, section, coding or payload this library does not know */
    SLM_E_LIMIT = 5,     /* a published limit of the format is exceeded */
    SLM_E_INDEX = 6,     /* header or index contradict themselves or the file */
    SLM_E_CHECKSUM = 7,  /* stored and computed XXH3-64 differ */
    SLM_E_RECORD = 8,    /* seed 0 in block coding, or padding that is not zero */
    SLM_E_PROFILE = 9,   /* profile parameters outside the format's rules */
    SLM_E_SCALE = 10,    /* a scale that is not positive and finite, or not a power of two where it must be */
    /* About the call or the machine. */
    SLM_E_ARGUMENT = 11,  /* the caller broke a rule of the header */
    SLM_E_MEMORY = 12,    /* the allocator returned NULL */
    SLM_E_IO = 13,        /* a read or a write failed */
    SLM_E_NOT_FOUND = 14, /* no tensor, key or payload of that name */
    SLM_E_NONFINITE = 15, /* NaN or infinity in weights to be coded */
    SLM_E_STATE = 16,     /* calls in the wrong order, or bytes missing when a file is finished */
    SLM_E_CANCELLED = 17  /* the caller's progress function asked to stop */
} slm_status;

/* "SLM_E_CHECKSUM" and the like; "SLM_E_?" for a number that is no status. Static storage. */
SLM_API const char *slm_status_name(slm_status status);

/* One English sentence without a full stop. Static storage. */
SLM_API const char *slm_status_text(slm_status status);

#ifdef __cplusplus
}
#endif
#endif
