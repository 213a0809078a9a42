/* tools/profile_text.h: profiles as people write them: a name, or a coding and its parameters. */
#ifndef TOOLS_PROFILE_TEXT_H
#define TOOLS_PROFILE_TEXT_H

#include "fault.h"
#include "slm/profile.h"

#define PROFILE_TEXT_SIZE 128

/* "slm-4", or "block,C=8,P=6,K=13,W=4,step=2,E=1,B=3,norm=0", or "trellis,K=12,P=4,W=4,step=29,C=1,k=4". What is left out: for block
 * C=8 P=3 K=16 W=K step=1 E=4 B=4 norm=1, for trellis K=16 P=4 W=4 step=29 C=1 k=4; taps are those of slm-4 in trellis coding with K = 16,
 * else those of Table 6. The result is checked. */
bool profile_from_text(const char *text, slm_profile *profile, fault *f);

/* Whether all parameters and the names are the same. */
bool profile_same(const slm_profile *a, const slm_profile *b);

/* The parameters as profile_from_text takes them, taps where they are not Table 6's; the name where the profile has one. */
const char *profile_to_text(const slm_profile *profile, char text[PROFILE_TEXT_SIZE]);

#endif
