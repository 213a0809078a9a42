/* fuzz/importance.c: what calibration leaves. Files of importance vectors, safetensors or llama.cpp's: what is accepted is sorted, finite
 * and can be found. The same bytes as a file of Hessians: what is accepted is square and finite, and factored or refused with a reason. */
#include "importance_file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "hessian_file.h"

#define COLUMNS_MAX 64 /* of a Hessian; larger ones are read, but not factored */

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    return 0;
}

static void look_as_hessians(const uint8_t *data, size_t size) {
    hessian_file file;
    hessian_holder holder = {0};
    fault f = {0};
    if (!hessian_file_open(&file, fuzz_file(data, size), &f)) {
        CHECK(f.kind != FAULT_NONE && f.text[0] != '\0');
        return;
    }
    for (size_t i = 0; i < file.st.count && i < 16; i++) {
        const safetensors_tensor *t = &file.st.tensors[i];
        const hessian_matrix *matrix = hessian_file_find(&file, t->name, t->name_length);
        CHECK(matrix == &file.matrices[i] && matrix->columns * matrix->columns * sizeof(float) == t->end - t->begin);
        CHECK(isfinite(matrix->mean));
        for (unsigned rotated = 0; rotated < 2 && matrix->columns <= COLUMNS_MAX; rotated++) {
            const slm_coding coding = {.rotation = rotated ? SLM_ROTATION_MIN : 0, .sign_seed = rotated ? 0xACE1 : 0};
            const slm_hessian *made;
            if (hessian_hold(&holder, &file, matrix, &coding, NULL, &made, &f))
                CHECK(made != NULL && isfinite(slm_hessian_mean(made)));
            else
                CHECK(f.text[0] != '\0');
        }
    }
    hessian_release(&holder);
    hessian_file_close(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    look_as_hessians(data, size);
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
