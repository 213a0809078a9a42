/* tools/model_files.h: which files of a model folder are the model, and the shard index (model.safetensors.index.json). */
#ifndef TOOLS_MODEL_FILES_H
#define TOOLS_MODEL_FILES_H

#include <stddef.h>

#include "fault.h"
#include "safetensors.h"

#define MODEL_INDEX_MAX 100000000u /* bytes; as for a safetensors header */

/* Looks at the names of the files directly in a folder. On success exactly one of *index (the name of a shard index) and *single (of the
 * only safetensors file) is not NULL; FAULT_INPUT where there is no model, or more than one. */
bool model_choose(const char *const *names, size_t count, const char **index, const char **single, fault *f);

typedef struct model_index_entry {
    char *tensor, *shard;
} model_index_entry;

typedef struct model_index {
    model_index_entry *entries; /* in the byte order of the tensors' names */
    size_t count;
    const model_index_entry **by_shard; /* the same by shard, and by tensor within one */
    const char **shards;                /* each once, in byte order; they point into the entries */
    size_t shard_count;
} model_index;

bool model_index_parse(model_index *index, const char *text, size_t size, fault *f);
void model_index_free(model_index *index);

/* The shard that the index names for a tensor, or NULL. */
const char *model_index_find(const model_index *index, const char *tensor);
/* A tensor that lies in that shard by the index: for messages. */
const char *model_index_example(const model_index *index, const char *shard);

/* Every tensor the index names must be in the shard it names. `shard` is the file's name, `st` its header. */
bool model_index_check(const model_index *index, const char *shard, const safetensors *st, fault *f);

#endif
