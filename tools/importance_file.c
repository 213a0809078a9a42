/* tools/importance_file.c: reading importance vectors. */
#include "importance_file.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "positioned.h"
#include "safetensors.h"

#define FILE_MAX ((int64_t)1 << 30)
#define NAME_MAX_BYTES 4096

static bool no_memory(fault *f) { return fault_system(f, ENOMEM, "cannot hold the importance"); }

/* Takes a copy of the name; *vector is one of the file's, which grows by it. */
static bool add_vector(importance_file *file, const char *name, size_t length, uint64_t columns, importance_vector **vector, fault *f) {
    if ((file->count & (file->count + 1)) == 0) { /* full: 0, 1, 3, 7, ... */
        importance_vector *longer = realloc(file->vectors, (2 * file->count + 1) * sizeof *longer);
        if (longer == NULL)
            return no_memory(f);
        file->vectors = longer;
    }
    *vector = &file->vectors[file->count++];
    **vector = (importance_vector){.name = malloc(length + 1), .name_length = length, .columns = columns};
    (*vector)->values = malloc((size_t)columns * sizeof *(*vector)->values);
    if ((*vector)->name == NULL || (*vector)->values == NULL)
        return no_memory(f);
    memcpy((*vector)->name, name, length);
    (*vector)->name[length] = '\0';
    return true;
}

static bool check_values(const importance_vector *vector, fault *f) {
    for (uint64_t c = 0; c < vector->columns; c++)
        if (!(vector->values[c] >= 0) || !isfinite(vector->values[c]))
            return fault_set(f, FAULT_INPUT, "'%s': element %llu is negative, infinite or NaN", vector->name, (unsigned long long)c);
    return true;
}

static bool take_safetensors(importance_file *file, const uint8_t *bytes, size_t size, fault *f) {
    size_t header_size;
    if (!safetensors_header_size(bytes, size, &header_size, f))
        return false;
    char *header = malloc(header_size > 0 ? header_size : 1);
    if (header == NULL)
        return no_memory(f);
    memcpy(header, bytes + 8, header_size);
    safetensors st;
    if (!safetensors_parse(&st, header, header_size, size, f))
        return false;
    bool ok = true;
    for (size_t i = 0; ok && i < st.count; i++) {
        const safetensors_tensor *t = &st.tensors[i];
        importance_vector *vector;
        if (!slm_dtype_is_codable(t->dtype) || t->elements == 0) {
            ok = fault_set(f, FAULT_INPUT, "'%s': an importance is a vector of type F32, F16 or BF16", t->name);
            break;
        }
        ok = add_vector(file, t->name, t->name_length, t->elements, &vector, f);
        if (ok) {
            slm_widen(t->dtype, bytes + 8 + header_size + t->begin, (size_t)t->elements, vector->values);
            ok = check_values(vector, f);
        }
    }
    safetensors_free(&st);
    return ok;
}

/* ---- llama.cpp's: numbers of 32 bits, little-endian. How many; then for each its name, a count of calls and the mean squares times that
 * count; newer files end with the last chunk's number and the text's name. ---- */

typedef struct cursor {
    const uint8_t *at;
    size_t left;
} cursor;

static bool take_number(cursor *c, uint32_t *number) {
    if (c->left < 4)
        return false;
    *number = c->at[0] | (uint32_t)c->at[1] << 8 | (uint32_t)c->at[2] << 16 | (uint32_t)c->at[3] << 24;
    c->at += 4;
    c->left -= 4;
    return true;
}

/* The name in a checkpoint of what GGUF calls blk.<layer>.<part>.weight in the Llama family; other names stay as they are. */
static void translate(const char *name, size_t length, char *to, size_t size) {
    static const char *const parts[][2] = {
        {"attn_q", "self_attn.q_proj"}, {"attn_k", "self_attn.k_proj"}, {"attn_v", "self_attn.v_proj"}, {"attn_output", "self_attn.o_proj"},
        {"ffn_gate", "mlp.gate_proj"},  {"ffn_up", "mlp.up_proj"},      {"ffn_down", "mlp.down_proj"}};
    int layer, digits = 0;
    char part[16];
    snprintf(to, size, "%.*s", (int)length, name);
    if (strcmp(to, "output.weight") == 0)
        snprintf(to, size, "lm_head.weight");
    /* `digits` is set once all before it has matched. */
    if (sscanf(to, "blk.%9d.%15[a-z_].weight%n", &layer, part, &digits) != 2 || (size_t)digits != length)
        return;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (strcmp(part, parts[i][0]) == 0)
            snprintf(to, size, "model.layers.%d.%s.weight", layer, parts[i][1]);
}

static bool take_matrix(importance_file *file, const uint8_t *bytes, size_t size, fault *f) {
    cursor c = {bytes, size};
    uint32_t count, length, calls, columns;
    bool ok = take_number(&c, &count) && count > 0;
    for (uint32_t i = 0; ok && i < count; i++) {
        ok = take_number(&c, &length) && length > 0 && length <= NAME_MAX_BYTES && length <= c.left;
        if (!ok)
            break;
        char name[NAME_MAX_BYTES + 64];
        translate((const char *)c.at, length, name, sizeof name);
        c.at += length;
        c.left -= length;
        ok = take_number(&c, &calls) && take_number(&c, &columns) && columns > 0 && columns <= c.left / 4;
        if (!ok)
            break;
        importance_vector *vector;
        if (!add_vector(file, name, strlen(name), columns, &vector, f))
            return false;
        slm_widen(SLM_F32, c.at, columns, vector->values);
        c.at += (size_t)columns * 4;
        c.left -= (size_t)columns * 4;
        if (!check_values(vector, f))
            return false;
    }
    if (ok && c.left > 0) /* the trailer */
        ok = take_number(&c, &calls) && take_number(&c, &length) && length == c.left;
    return ok || fault_set(f, FAULT_INPUT, "neither a safetensors file nor an importance matrix of llama.cpp");
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const importance_vector *)a)->name, ((const importance_vector *)b)->name);
}

bool importance_file_parse(importance_file *file, const uint8_t *bytes, size_t size, fault *f) {
    *file = (importance_file){.sum = XXH3_64bits(bytes, size)};
    bool ok;
    if (size >= 4 && memcmp(bytes, "GGUF", 4) == 0)
        ok = fault_set(f, FAULT_UNSUPPORTED,
                       "importance matrices in GGUF are not read: llama-imatrix --output-format dat writes the older kind");
    else if (size >= 10 && bytes[8] == '{')
        ok = take_safetensors(file, bytes, size, f);
    else
        ok = take_matrix(file, bytes, size, f);
    if (ok && file->count > 1)
        qsort(file->vectors, file->count, sizeof *file->vectors, by_name);
    for (size_t i = 1; ok && i < file->count; i++)
        if (by_name(&file->vectors[i - 1], &file->vectors[i]) == 0)
            ok = fault_set(f, FAULT_INPUT, "'%s' is there twice", file->vectors[i].name);
    if (!ok)
        importance_file_free(file);
    return ok;
}

bool importance_file_read(importance_file *file, const char *path, fault *f) {
    *file = (importance_file){0};
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat about;
    if (fd < 0)
        return fault_system(f, errno, "cannot open it");
    uint8_t *bytes = NULL;
    bool ok = fstat(fd, &about) == 0 || fault_system(f, errno, "cannot read it");
    if (ok && (!S_ISREG(about.st_mode) || about.st_size > FILE_MAX))
        ok = fault_set(f, FAULT_INPUT, "no regular file of at most 1 GiB");
    if (ok) {
        bytes = malloc(about.st_size > 0 ? (size_t)about.st_size : 1);
        const int error = bytes == NULL ? ENOMEM : positioned_read(fd, 0, bytes, (size_t)about.st_size);
        ok = (error == 0 || fault_system(f, error, "cannot read it")) && importance_file_parse(file, bytes, (size_t)about.st_size, f);
    }
    free(bytes);
    close(fd);
    return ok;
}

void importance_file_free(importance_file *file) {
    for (size_t i = 0; i < file->count; i++) {
        free(file->vectors[i].name);
        free(file->vectors[i].values);
    }
    free(file->vectors);
    *file = (importance_file){.sum = file->sum};
}

const importance_vector *importance_file_find(const importance_file *file, const char *name, size_t length) {
    size_t low = 0, high = file->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const importance_vector *vector = &file->vectors[middle];
        const int order = strcmp(vector->name, name);
        if (order == 0)
            return vector->name_length == length ? vector : NULL;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}
