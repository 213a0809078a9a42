/* Parses manifest.json: every field is checked, since a suite may come from anywhere. */
#include "manifest.h"

#include <stdlib.h>
#include <string.h>

#include "json_text.h"

#define MANIFEST_BYTES_MAX ((size_t)16 << 20)

const char *const dtype_names[DTYPES] = {"f32", "f16", "bf16"};
const char *const tier_names[TIERS] = {"valid", "invalid", "unsupported", "limit"};

static bool digest(const json_t *value, uint64_t *out) {
    const char *text = json_string_value(value);
    if (!text || strlen(text) != 16 || strspn(text, "0123456789abcdef") != 16)
        return false;
    *out = strtoull(text, NULL, 16);
    return true;
}

static bool size_of(const json_t *value, uint64_t *out) {
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *out = (uint64_t)json_integer_value(value);
    return true;
}

static bool bytes(const json_t *object, expected_bytes *out) {
    return size_of(json_object_get(object, "size"), &out->size) && digest(json_object_get(object, "xxh3"), &out->xxh3);
}

/* A NULL-terminated array of the strings of a JSON array; a missing array is an empty one. */
static const char **strings(const json_t *array) {
    const size_t count = json_array_size(array);
    const char **out = calloc(count + 1, sizeof *out);
    for (size_t i = 0; out && i < count; i++) {
        out[i] = json_string_value(json_array_get(array, i));
        if (!out[i]) {
            free(out);
            return NULL;
        }
    }
    return out;
}

/* Names become paths below a folder of our own: nothing but plain ones. */
static bool plain_path(const char *text) {
    return text && *text && *text != '/' && !strstr(text, "..") &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-_./") == strlen(text);
}

static bool parse_vector(const json_t *object, vector *v) {
    v->id = json_string_value(json_object_get(object, "id"));
    v->file = json_string_value(json_object_get(object, "file"));
    v->status = json_string_value(json_object_get(object, "status"));
    v->reason = json_string_value(json_object_get(object, "reason"));
    const char *name = json_string_value(json_object_get(object, "tier"));
    if (!plain_path(v->id) || !plain_path(v->file) || !v->status || !v->reason || !name)
        return false;
    v->tier = TIERS;
    for (tier t = 0; t < TIERS; t++)
        if (strcmp(name, tier_names[t]) == 0)
            v->tier = t;
    v->rules = strings(json_object_get(object, "rules"));
    v->needs = strings(json_object_get(object, "needs"));
    if (v->tier == TIERS || !v->rules || !v->needs || !size_of(json_object_get(object, "size"), &v->size) ||
        !digest(json_object_get(object, "xxh3"), &v->xxh3))
        return false;
    const json_t *tensors = json_object_get(object, "tensors");
    v->tensor_count = json_array_size(tensors);
    v->tensors = calloc(v->tensor_count + 1, sizeof *v->tensors);
    for (size_t i = 0; v->tensors && i < v->tensor_count; i++)
        for (int d = 0; d < DTYPES; d++)
            if (!bytes(json_object_get(json_array_get(tensors, i), dtype_names[d]), &v->tensors[i].out[d]))
                return false;
    return v->tensors != NULL;
}

bool manifest_parse(manifest *m, const char *text, size_t size) {
    *m = (manifest){0};
    if (size > MANIFEST_BYTES_MAX) {
        fprintf(stderr, "slm-conform: manifest.json: larger than any suite's\n");
        return false;
    }
    json_error_t error;
    json_trouble trouble;
    json_t *root = json_text_read(text, size, 0, &error, &trouble);
    m->document = root;
    if (trouble == JSON_NO_MEMORY) {
        fprintf(stderr, "slm-conform: manifest.json: out of memory\n");
        return false;
    }
    if (trouble == JSON_TOO_COSTLY) {
        fprintf(stderr, "slm-conform: manifest.json: it would take more than %d times its size to read, as no suite's does\n",
                JSON_TEXT_TIMES);
        return false;
    }
    if (!root) {
        fprintf(stderr, "slm-conform: manifest.json: line %d: %s\n", error.line, error.text);
        return false;
    }
    const char *name = json_string_value(json_object_get(root, "suite"));
    const char *version = json_string_value(json_object_get(root, "version"));
    const json_t *vectors = json_object_get(root, "vectors");
    if (!name || strcmp(name, "slm-conformance") != 0 || !version || strncmp(version, "1.", 2) != 0 || !json_is_array(vectors)) {
        fprintf(stderr, "slm-conform: manifest.json: not the manifest of an slm-conformance suite 1.x\n");
        return false;
    }
    m->vectors = calloc(json_array_size(vectors) + 1, sizeof *m->vectors);
    for (size_t i = 0; m->vectors && i < json_array_size(vectors); i++) {
        m->count = i + 1;
        if (!parse_vector(json_array_get(vectors, i), &m->vectors[i])) {
            fprintf(stderr, "slm-conform: manifest.json: vector %zu has missing or malformed fields\n", i);
            return false;
        }
    }
    return m->vectors != NULL;
}

void manifest_free(manifest *m) {
    for (size_t i = 0; i < m->count; i++) {
        free(m->vectors[i].rules);
        free(m->vectors[i].needs);
        free(m->vectors[i].tensors);
    }
    free(m->vectors);
    json_decref(m->document);
    *m = (manifest){0};
}
