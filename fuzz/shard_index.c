/* fuzz/shard_index.c: the index of a model in shards (model.safetensors.index.json), and the check of a shard's header against it.
 * Input: the index; where a NUL follows, a shard's header behind it. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "model_files.h"

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    return 0;
}

static void check(const model_index *index) {
    CHECK(index->count > 0 && index->shard_count > 0 && index->shard_count <= index->count);
    for (size_t i = 0; i < index->count; i++) {
        const model_index_entry *e = &index->entries[i];
        CHECK(i == 0 || strcmp(index->entries[i - 1].tensor, e->tensor) < 0);
        CHECK(e->shard[0] != '\0' && strchr(e->shard, '/') == NULL && strcmp(e->shard, "..") != 0 && strcmp(e->shard, ".") != 0);
        CHECK(model_index_find(index, e->tensor) == e->shard);
    }
    for (size_t i = 0; i < index->shard_count; i++) {
        CHECK(i == 0 || strcmp(index->shards[i - 1], index->shards[i]) < 0);
        CHECK(model_index_find(index, model_index_example(index, index->shards[i])) != NULL);
    }
    CHECK(model_index_find(index, "no such tensor\n") == NULL);
}

/* What the check of a shard accepts is so: all that the index puts there is there, and nothing is named elsewhere. */
static void check_shard(const model_index *index, const safetensors *st) {
    fault f = {0};
    for (size_t s = 0; s < index->shard_count && s < 8; s++) {
        const char *shard = index->shards[s];
        if (!model_index_check(index, shard, st, &f)) {
            CHECK(f.kind == FAULT_INPUT);
            continue;
        }
        for (size_t i = 0; i < st->count; i++) {
            const char *named = model_index_find(index, st->tensors[i].name);
            CHECK(named == NULL || strcmp(named, shard) == 0);
        }
        const char *example = model_index_example(index, shard);
        CHECK(safetensors_find(st, example, strlen(example)) != NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *nul = size > 0 ? memchr(data, '\0', size) : NULL;
    const size_t length = nul != NULL ? (size_t)(nul - data) : size;
    uint8_t *text = fuzz_copy(data, length);
    model_index index;
    fault f = {0};
    if (model_index_parse(&index, (const char *)text, length, &f)) {
        check(&index);
        safetensors st;
        const size_t rest = nul != NULL ? size - length - 1 : 0;
        if (rest > 0 && safetensors_parse(&st, (char *)fuzz_copy(nul + 1, rest), rest, UINT64_MAX, &f)) {
            check_shard(&index, &st);
            safetensors_free(&st);
        }
        model_index_free(&index);
    } else {
        CHECK(f.kind == FAULT_INPUT || f.kind == FAULT_UNSUPPORTED); /* the second: it would take too much memory to read */
    }
    free(text);
    return 0;
}
