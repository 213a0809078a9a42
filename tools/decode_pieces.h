/* tools/decode_pieces.h: tensors decoded by many threads, their bytes handed on in order. Memory: two pieces of about a MiB a thread. */
#ifndef TOOLS_DECODE_PIECES_H
#define TOOLS_DECODE_PIECES_H

#include "fault.h"
#include "slm/reader.h"

/* The bytes of tensors [first, first + count), one behind another. F32, F16 and BF16 are given as `dtype` where that is not 0, all else as
 * it is. `take` is called in the caller's thread; `elements` of the tensor's are in these bytes. */
typedef bool (*piece_taker)(void *context, size_t tensor, const void *bytes, size_t size, uint64_t elements, fault *f);
bool decode_tensors(const slm_reader *reader, size_t first, size_t count, slm_dtype dtype, unsigned threads, piece_taker take,
                    void *context, fault *f);

/* The type a tensor is given as. */
slm_dtype decoded_dtype(const slm_tensor *tensor, slm_dtype wanted);

#endif
