/* tools/dtype_convert.h: raw floating tensors given as another type (slm decode --dtype). */
#ifndef TOOLS_DTYPE_CONVERT_H
#define TOOLS_DTYPE_CONVERT_H

#include <stddef.h>

#include "slm/dtype.h"

/* `count` little-endian elements, both types codable: widening is exact, narrowing rounds to nearest even, overflow becomes infinity and
 * a NaN stays one. The two buffers do not overlap; `target` is aligned for its type. */
void dtype_convert(slm_dtype from, const void *source, slm_dtype to, void *target, size_t count);

#endif
