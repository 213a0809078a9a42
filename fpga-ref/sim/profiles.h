/* profiles.h: the profiles that the core is checked with: the named five and others chosen to reach every corner of the generics. */
#ifndef FPGA_PROFILES_H
#define FPGA_PROFILES_H

#include "slm/slm.h"

/* By name, from the library's named profiles and then from this list; NULL if there is none. */
const slm_profile *fpga_profile(const char *name);

/* The i-th of all of them; NULL past the last. */
const slm_profile *fpga_profile_by_index(size_t index);

#endif
