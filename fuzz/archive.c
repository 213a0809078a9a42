/* fuzz/archive.c: a checkpoint from a stranger: a .safetensors file or an archive of a model folder (tar, zip, also compressed), opened
 * as `slm encode` does, and all of it read. */
#include <stdlib.h>
#include <string.h>

#include "checkpoint.h"
#include "fuzz.h"

#define BYTES_MAX ((uint64_t)256 << 10) /* of a tensor or of side files; an input can stand for more */

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    (void)setenv("TMPDIR", fuzz_memory_folder(), 1); /* what is put aside */
    return 0;
}

static void warn(void *context, const char *text) {
    (void)context;
    CHECK(strlen(text) < 4096);
}

/* One pass, the tensors in sequence or held, and as many bytes as the header says. */
static void read_tensors(checkpoint *cp, bool hold) {
    fault f = {0};
    size_t tensor, seen = 0;
    uint8_t *buffer = malloc(BYTES_MAX);
    CHECK(buffer != NULL);
    bool ok = checkpoint_rewind(cp, &f);
    while (ok && (ok = checkpoint_next(cp, &tensor, &f)) && tensor != SIZE_MAX) {
        CHECK(tensor < checkpoint_tensors(cp));
        const safetensors_tensor *t = checkpoint_tensor(cp, tensor);
        seen++;
        if (t->end - t->begin > BYTES_MAX)
            continue;
        const size_t size = (size_t)(t->end - t->begin);
        if (hold)
            ok = checkpoint_hold(cp, &f) && checkpoint_read_at(cp, size / 2, buffer, size - size / 2, &f);
        else
            ok = checkpoint_read(cp, buffer, size, &f);
    }
    CHECK(!ok || seen == checkpoint_tensors(cp)); /* each once */
    CHECK(ok || f.text[0] != '\0');
    free(buffer);
}

static void look(const uint8_t *data, size_t size, bool mend) {
    uint8_t *bytes = fuzz_copy(data, size);
    if (mend)
        fuzz_mend_tar(bytes, size);
    const char *path = fuzz_file(bytes, size);
    free(bytes);
    checkpoint *cp = NULL;
    fault f = {0};
    const checkpoint_options options = {.warn = warn};
    if (!checkpoint_open(&cp, path, &options, &f)) {
        CHECK(f.kind != FAULT_NONE && f.text[0] != '\0');
        return;
    }
    uint64_t bytes_of_tensors = 0;
    for (size_t i = 0; i < checkpoint_sources(cp); i++) {
        const checkpoint_source *source = checkpoint_source_at(cp, i);
        CHECK(strchr(source->name, '/') == NULL && strcmp(source->name, "..") != 0);
        bytes_of_tensors += source->st.data_size;
    }
    CHECK(bytes_of_tensors == checkpoint_data_size(cp));
    for (size_t i = 0; i < checkpoint_tensors(cp) && i < 64; i++) {
        checkpoint_scan scan;
        if (checkpoint_scan_tensor(cp, i, &scan, &f))
            CHECK(scan.first_nonfinite == UINT64_MAX || scan.first_nonfinite < checkpoint_tensor(cp, i)->elements);
    }
    read_tensors(cp, false);
    read_tensors(cp, true);
    if (checkpoint_side_size(cp) > 0 && checkpoint_side_size(cp) <= BYTES_MAX) {
        const size_t packed = (size_t)checkpoint_side_size(cp);
        uint8_t *side = malloc(packed);
        CHECK(side != NULL && checkpoint_side_read(cp, 0, side, packed, &f));
        CHECK(!checkpoint_side_read(cp, packed, side, 1, &f));
        free(side);
    }
    checkpoint_close(cp);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint8_t gzip[] = {0x1F, 0x8B}, zip[] = {'P', 'K'}, zstd[] = {0x28, 0xB5};
    const bool compressed = size >= 2 && (memcmp(data, gzip, 2) == 0 || memcmp(data, zip, 2) == 0 || memcmp(data, zstd, 2) == 0);
    look(data, size, false);
    if (!compressed && size >= 512)
        look(data, size, true);
    return 0;
}
