/* tools/tensor_text.h: profiles, polynomials, shapes and codings in words. */
#ifndef SLM_TOOLS_TENSOR_TEXT_H
#define SLM_TOOLS_TENSOR_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "slm/file.h"

#define POLYNOMIAL_TEXT 256 /* "x^24 + x^23 + ... + 1" at most */
#define SHAPE_TEXT 768      /* 32 dimensions of 20 digits, commas, brackets */
#define PROFILE_TEXT 128

/* The feedback polynomial x^K + sum of taps_j x^j, such as "x^16 + x^12 + x^3 + x + 1". */
const char *polynomial_text(char text[POLYNOMIAL_TEXT], unsigned K, uint32_t taps);

/* "[1024,128]"; "[]" for a scalar. */
const char *shape_text(char text[SHAPE_TEXT], unsigned rank, const uint64_t *shape);

const char *coding_name(unsigned coding); /* "raw", "block", "trellis" */

/* "block K=16 step=1 W=16 P=3 C=8 E=4 B=4 norm=1". */
const char *profile_text(char text[PROFILE_TEXT], const slm_profile *profile);

/* Bits a weight of the codes alone, in long runs. */
double profile_bits(const slm_profile *profile);

/* Bits a weight that a tensor takes in the file, scales included; 0 where it has no elements. */
double tensor_bits(const slm_tensor *tensor);

#endif
