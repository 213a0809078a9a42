/* The runner's contract on libslm: decoder INPUT OUTPUT f32|f16|bf16. Copy it, and call your own decoder instead. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <slm/reader.h>

int main(int argc, char **argv) {
    if (argc != 4)
        return 2;
    const slm_dtype wanted = strcmp(argv[3], "f32") == 0 ? SLM_F32 : strcmp(argv[3], "f16") == 0 ? SLM_F16 : SLM_BF16;
    slm_reader *reader = NULL;
    slm_status status = slm_reader_open_file(&reader, argv[1], NULL, NULL);
    FILE *output = status == SLM_OK ? fopen(argv[2], "wb") : NULL;
    for (size_t i = 0; status == SLM_OK && i < slm_reader_info(reader)->payloads; i++)
        status = slm_reader_verify(reader, i, NULL);
    for (size_t i = 0; status == SLM_OK && i < slm_reader_info(reader)->tensors; i++) {
        const slm_tensor *tensor = slm_reader_tensor(reader, i);
        const slm_dtype dtype = tensor->coding == SLM_CODING_RAW ? tensor->dtype : wanted;
        const size_t size = (size_t)(tensor->elements * slm_dtype_bits(dtype) / 8);
        void *values = malloc(size + 1);
        status = values ? slm_reader_decode(reader, i, 0, tensor->elements, dtype, values, NULL) : SLM_E_MEMORY;
        if (status == SLM_OK && fwrite(values, 1, size, output) != size)
            status = SLM_E_IO;
        free(values);
    }
    slm_reader_close(reader);
    if (output && fclose(output) != 0)
        return 1;
    if (status == SLM_E_VERSION || status == SLM_E_FEATURE)
        return 4;
    return status == SLM_OK ? 0 : status <= SLM_E_SCALE ? 3 : 1;
}
