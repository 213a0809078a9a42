/* The release of this library. */
#include "slm/version.h"

const char *slm_release(void) { return SLM_RELEASE; }
