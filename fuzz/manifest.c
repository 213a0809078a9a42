/* fuzz/manifest.c: the manifest of a conformance suite, as slm-conform reads it. */
#include "manifest.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    fuzz_silence();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t *text = fuzz_copy(data, size);
    manifest m;
    if (manifest_parse(&m, (const char *)text, size)) {
        for (size_t i = 0; i < m.count; i++) {
            const vector *v = &m.vectors[i];
            CHECK(v->tier < TIERS && v->status != NULL && v->reason != NULL);
            /* Both become paths below a folder. */
            CHECK(v->id[0] != '\0' && v->id[0] != '/' && strstr(v->id, "..") == NULL);
            CHECK(v->file[0] != '\0' && v->file[0] != '/' && strstr(v->file, "..") == NULL);
            size_t words = 0;
            for (size_t k = 0; v->rules[k] != NULL; k++)
                words += strlen(v->rules[k]);
            for (size_t k = 0; v->needs[k] != NULL; k++)
                words += strlen(v->needs[k]);
            for (size_t k = 0; k < v->tensor_count; k++)
                for (int d = 0; d < DTYPES; d++)
                    words += v->tensors[k].out[d].size > 0;
            CHECK(words < SIZE_MAX);
        }
    }
    manifest_free(&m);
    free(text);
    return 0;
}
