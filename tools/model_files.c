/* tools/model_files.c: choosing a folder's model files; reading and checking a shard index, with jansson. */
#include "model_files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "json_text.h"
#include "member_path.h"

#define MODEL_NAME "model.safetensors"
#define INDEX_NAME "model.safetensors.index.json"

/* The file called `wanted`, else the only one that ends so; *other is a second one where there are several. */
static const char *pick(const char *const *names, size_t count, const char *wanted, const char *suffix, const char **other) {
    const char *found = NULL;
    *other = NULL;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], wanted) == 0) {
            *other = NULL;
            return names[i];
        }
        if (names[i][0] == '.' || !ends_with(names[i], suffix))
            continue;
        if (found != NULL)
            *other = names[i];
        else
            found = names[i];
    }
    return found;
}

bool model_choose(const char *const *names, size_t count, const char **index, const char **single, fault *f) {
    const char *other;
    *single = NULL;
    *index = pick(names, count, INDEX_NAME, ".safetensors.index.json", &other);
    if (other != NULL)
        return fault_set(f, FAULT_INPUT, "several shard indexes ('%s', '%s'), and none is " INDEX_NAME, *index, other);
    if (*index != NULL)
        return true;
    *single = pick(names, count, MODEL_NAME, ".safetensors", &other);
    if (other != NULL)
        return fault_set(f, FAULT_INPUT, "several safetensors files ('%s', '%s'), but no " INDEX_NAME " that says how they belong together",
                         *single, other);
    if (*single == NULL)
        return fault_set(f, FAULT_INPUT, "no model in it: neither " MODEL_NAME " nor " INDEX_NAME);
    return true;
}

static int compare_entries(const void *a, const void *b) {
    return strcmp(((const model_index_entry *)a)->tensor, ((const model_index_entry *)b)->tensor);
}

/* Entries lie by tensor, so that their places tell the order within a shard. */
static int compare_shards(const void *a, const void *b) {
    const model_index_entry *x = *(const model_index_entry *const *)a, *y = *(const model_index_entry *const *)b;
    const int order = strcmp(x->shard, y->shard);
    return order != 0 ? order : (x > y) - (x < y);
}

/* A shard is a file beside the index: anything else could lead out of the folder, and could not come back as it was. */
static bool check_shard_name(const char *tensor, const char *shard, size_t length, fault *f) {
    if (strlen(shard) != length || length == 0 || strcmp(shard, ".") == 0 || strcmp(shard, "..") == 0)
        return fault_set(f, FAULT_INPUT, "tensor '%s' lies in '%s', which is no file name", tensor, shard);
    if (strchr(shard, '/') != NULL || strchr(shard, '\\') != NULL)
        return fault_set(f, FAULT_INPUT, "tensor '%s' lies in '%s', outside the index's own folder", tensor, shard);
    return true;
}

static bool collect(model_index *index, json_t *map, fault *f) {
    size_t capacity = json_object_size(map);
    index->entries = calloc(capacity > 0 ? capacity : 1, sizeof *index->entries);
    index->by_shard = calloc(capacity > 0 ? capacity : 1, sizeof *index->by_shard);
    index->shards = calloc(capacity > 0 ? capacity : 1, sizeof *index->shards);
    if (index->entries == NULL || index->by_shard == NULL || index->shards == NULL)
        return fault_system(f, ENOMEM, "cannot read the index");
    const char *tensor;
    json_t *value;
    json_object_foreach(map, tensor, value) {
        if (!json_is_string(value))
            return fault_set(f, FAULT_INPUT, "weight_map: the value of '%s' is no string", tensor);
        if (!check_shard_name(tensor, json_string_value(value), json_string_length(value), f))
            return false;
        model_index_entry *entry = &index->entries[index->count++];
        entry->tensor = strdup(tensor);
        entry->shard = strdup(json_string_value(value));
        if (entry->tensor == NULL || entry->shard == NULL)
            return fault_system(f, ENOMEM, "cannot read the index");
    }
    qsort(index->entries, index->count, sizeof *index->entries, compare_entries);
    for (size_t i = 0; i < index->count; i++)
        index->by_shard[i] = &index->entries[i];
    qsort(index->by_shard, index->count, sizeof *index->by_shard, compare_shards);
    for (size_t i = 0; i < index->count; i++)
        if (i == 0 || strcmp(index->by_shard[i]->shard, index->by_shard[i - 1]->shard) != 0)
            index->shards[index->shard_count++] = index->by_shard[i]->shard;
    return true;
}

bool model_index_parse(model_index *index, const char *text, size_t size, fault *f) {
    *index = (model_index){0};
    json_error_t error;
    json_trouble trouble;
    json_t *root = json_text_read(text, size, 0, &error, &trouble);
    json_t *map = json_object_get(root, "weight_map");
    bool ok;
    if (trouble == JSON_NO_MEMORY)
        ok = fault_system(f, ENOMEM, "cannot read the index");
    else if (trouble == JSON_TOO_COSTLY)
        ok = fault_set(f, FAULT_UNSUPPORTED, "it would take more than %d times its size to read, as no index does", JSON_TEXT_TIMES);
    else if (root == NULL && json_error_code(&error) == json_error_duplicate_key)
        ok = fault_set(f, FAULT_INPUT, "it names something twice: %s (line %d)", error.text, error.line);
    else if (root == NULL)
        ok = fault_set(f, FAULT_INPUT, "not JSON: %s (line %d, byte %d)", error.text, error.line, error.position);
    else if (!json_is_object(map))
        ok = fault_set(f, FAULT_INPUT, "no 'weight_map' in it, or one that is no object");
    else
        ok = collect(index, map, f);
    json_decref(root);
    if (ok && index->count == 0)
        ok = fault_set(f, FAULT_INPUT, "its weight_map is empty");
    if (!ok)
        model_index_free(index);
    return ok;
}

void model_index_free(model_index *index) {
    for (size_t i = 0; i < index->count; i++) {
        free(index->entries[i].tensor);
        free(index->entries[i].shard);
    }
    free(index->entries);
    free(index->by_shard);
    free(index->shards);
    *index = (model_index){0};
}

const char *model_index_find(const model_index *index, const char *tensor) {
    size_t low = 0, high = index->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(tensor, index->entries[middle].tensor);
        if (order == 0)
            return index->entries[middle].shard;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* The place in by_shard of the shard's first entry: the shard's own, or the one behind where it would be. */
static size_t first_of(const model_index *index, const char *shard) {
    size_t low = 0, high = index->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (strcmp(index->by_shard[middle]->shard, shard) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const char *model_index_example(const model_index *index, const char *shard) {
    const size_t i = first_of(index, shard);
    return i < index->count && strcmp(index->by_shard[i]->shard, shard) == 0 ? index->by_shard[i]->tensor : "";
}

bool model_index_check(const model_index *index, const char *shard, const safetensors *st, fault *f) {
    for (size_t i = first_of(index, shard); i < index->count && strcmp(index->by_shard[i]->shard, shard) == 0; i++) {
        const char *tensor = index->by_shard[i]->tensor;
        if (safetensors_find(st, tensor, strlen(tensor)) == NULL)
            return fault_set(f, FAULT_INPUT, "the index says that tensor '%s' lies in shard '%s', but it is not there", tensor, shard);
    }
    for (size_t i = 0; i < st->count; i++) {
        const char *named = model_index_find(index, st->tensors[i].name);
        if (named != NULL && strcmp(named, shard) != 0)
            return fault_set(f, FAULT_INPUT, "tensor '%s' lies in shard '%s', but the index says '%s'", st->tensors[i].name, shard, named);
    }
    return true;
}
