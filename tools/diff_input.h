/* tools/diff_input.h: one side of slm diff: a .slm file or a checkpoint, seen as tensors of which any piece can be read. */
#ifndef SLM_TOOLS_DIFF_INPUT_H
#define SLM_TOOLS_DIFF_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slm/dtype.h"

typedef struct diff_tensor {
    const char *name;
    size_t name_length;
    slm_dtype dtype;
    unsigned rank;
    const uint64_t *shape;
    uint64_t elements;
    const char *coding; /* "raw", "block", "trellis", or NULL where it is no .slm file's */
} diff_tensor;

typedef struct diff_input diff_input;

/* Returns EXIT_CODE_OK, or another exit code after a message. Free in every case. */
int diff_input_open(diff_input **input, const char *path);
void diff_input_free(diff_input *input); /* NULL is allowed */

const char *diff_input_name(const diff_input *input);
size_t diff_input_count(const diff_input *input);
diff_tensor diff_input_tensor(const diff_input *input, size_t index);
size_t diff_input_find(const diff_input *input, const char *name, size_t length); /* SIZE_MAX where there is none */

/* An archive or a stream gives its tensors in its own order, each once: its diff_input_read must then follow diff_input_next, and read a
 * tensor from its begin to its end, or not at all. */
bool diff_input_is_stream(const diff_input *input);
/* The next tensor; SIZE_MAX at the end. For inputs that are no stream it counts up. */
int diff_input_next(diff_input *input, size_t *index);

/* Elements [first, first + count) in the tensor's own type, as `slm decode` would write them. */
int diff_input_read(diff_input *input, size_t index, uint64_t first, size_t count, void *target);

#endif
