/* tools/tensor_scan.h: one look at a tensor's bytes as they pass: their XXH3-64, the first element that is not finite, and the largest
 * magnitude before it. */
#ifndef TOOLS_TENSOR_SCAN_H
#define TOOLS_TENSOR_SCAN_H

#include <stdbool.h>

#include "checkpoint.h"

typedef struct tensor_scanner tensor_scanner;
tensor_scanner *tensor_scanner_new(void); /* NULL without memory; used for any number of tensors */
void tensor_scanner_free(tensor_scanner *scanner);
void tensor_scanner_begin(tensor_scanner *scanner, slm_dtype dtype);
/* Pieces hold whole elements. */
void tensor_scanner_update(tensor_scanner *scanner, const void *bytes, size_t size);
checkpoint_scan tensor_scanner_end(const tensor_scanner *scanner);

#endif
