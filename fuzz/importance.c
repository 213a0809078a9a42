/* fuzz/importance.c: files of importance vectors, safetensors or llama.cpp's. What is accepted is sorted, finite and can be found. */
#include "importance_file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t *bytes = fuzz_copy(data, size);
    importance_file file;
    fault f;
    const bool ok = importance_file_parse(&file, bytes, size, &f);
    free(bytes); /* what was read holds nothing of it */
    CHECK(ok || (file.vectors == NULL && file.count == 0));
    uint64_t columns = 0;
    for (size_t i = 0; i < file.count; i++) {
        const importance_vector *v = &file.vectors[i];
        CHECK(strlen(v->name) == v->name_length && (i == 0 || strcmp(file.vectors[i - 1].name, v->name) < 0));
        CHECK(importance_file_find(&file, v->name, v->name_length) == v);
        CHECK(v->columns > 0);
        columns += v->columns;
        for (uint64_t c = 0; c < v->columns; c++)
            CHECK(isfinite(v->values[c]) && v->values[c] >= 0);
    }
    CHECK(columns <= size / 2); /* 16 bits a value at the least */
    importance_file_free(&file);
    return 0;
}
