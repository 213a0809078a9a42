/* Where a reader's bytes come from: memory, a mapped file, positioned reads, or a callback. */
#ifndef SLM_SRC_INPUT_H
#define SLM_SRC_INPUT_H

#include "slm/reader.h"

typedef struct slmi_input {
    uint64_t size;
    const uint8_t *data; /* all of it, where it lies in memory; else NULL */
    slm_read_at read_at;
    void *context;
    int descriptor; /* of an open file, or -1 */
    size_t mapped;  /* bytes to unmap, or 0 */
} slmi_input;

void slmi_input_memory(slmi_input *input, const void *data, size_t size);
void slmi_input_callback(slmi_input *input, slm_read_at read_at, void *context, uint64_t size);

/* Opens a regular file, mapped where `map` is true and that works. */
slm_status slmi_input_file(slmi_input *input, const char *path, bool map, slm_error *error);
void slmi_input_close(slmi_input *input);

/* Copies [offset, offset + size), which lies inside the input. */
slm_status slmi_input_read(const slmi_input *input, uint64_t offset, void *buffer, size_t size, slm_error *error);

#endif
