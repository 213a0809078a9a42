/* amount.h: how much a test does. All of it; with SLM_TEST_SHORT in the environment, as meson sets it in builds with sanitizers and for
 * other machines, a part: there a mistake in memory or arithmetic is looked for, which some of each kind of input finds, and all is several
 * times as slow. */
#ifndef SLM_TESTS_AMOUNT_H
#define SLM_TESTS_AMOUNT_H

#include <stdlib.h>

static inline unsigned amount(unsigned all, unsigned some) { return getenv("SLM_TEST_SHORT") != NULL ? some : all; }

#endif
