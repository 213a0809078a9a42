/* tools/safetensors_write.c: safetensors headers made from a list of tensors, or from another header with other dtypes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "json_text.h"
#include "safetensors.h"

/* {"dtype": ..., "shape": ..., "data_offsets": ...} set into `entry`. */
static bool set_layout(json_t *entry, slm_dtype dtype, uint64_t begin, uint64_t end) {
    json_t *offsets = json_array();
    bool ok = json_array_append_new(offsets, json_integer((json_int_t)begin)) == 0 &&
              json_array_append_new(offsets, json_integer((json_int_t)end)) == 0;
    ok = json_object_set_new(entry, "dtype", json_string(slm_dtype_name(dtype))) == 0 && ok;
    return json_object_set_new(entry, "data_offsets", offsets) == 0 && ok; /* takes `offsets` whatever comes */
}

/* JSON text padded with spaces to a multiple of 8 bytes, as the library does, so that the data is aligned. Releases `root`. */
static bool print(json_t *root, bool ok, char **header, size_t *size, fault *f) {
    char *text = ok ? json_text_make(root, JSON_COMPACT) : NULL;
    json_decref(root);
    if (text == NULL)
        return fault_system(f, ENOMEM, "cannot write a safetensors header");
    size_t length = strlen(text), padded = (length + 7) / 8 * 8;
    char *whole = realloc(text, padded + 1);
    if (whole == NULL) {
        free(text);
        return fault_system(f, ENOMEM, "cannot write a safetensors header");
    }
    memset(whole + length, ' ', padded - length);
    whole[padded] = '\0';
    if (padded > SAFETENSORS_HEADER_MAX) {
        free(whole);
        return fault_set(f, FAULT_UNSUPPORTED, "the safetensors header would take %zu bytes, and %u is the most there can be", padded,
                         SAFETENSORS_HEADER_MAX);
    }
    *header = whole;
    *size = padded;
    return true;
}

/* Bytes of a tensor if it had that dtype; its own are known to fit 64 bits, and codable dtypes differ by a factor of two. */
static bool bytes_as(const safetensors_tensor *t, slm_dtype dtype, uint64_t *bytes) {
    unsigned bits = slm_dtype_bits(dtype);
    if (t->elements > (uint64_t)INT64_MAX / bits)
        return false;
    *bytes = t->elements * bits / 8;
    return true;
}

bool safetensors_compose(const safetensors_tensor *tensors, size_t count, char **header, size_t *size, fault *f) {
    json_t *root = json_object();
    bool ok = root != NULL;
    uint64_t at = 0, bytes = 0;
    for (size_t i = 0; ok && i < count; i++) {
        const safetensors_tensor *t = &tensors[i];
        json_t *entry = json_object(), *shape = json_array();
        for (unsigned d = 0; ok && d < t->rank; d++)
            ok = t->shape[d] <= (uint64_t)INT64_MAX && json_array_append_new(shape, json_integer((json_int_t)t->shape[d])) == 0;
        ok = ok && bytes_as(t, t->dtype, &bytes) && bytes <= (uint64_t)INT64_MAX - at &&
             json_object_set_new(entry, "dtype", json_null()) == 0; /* first in order */
        ok = json_object_set_new(entry, "shape", shape) == 0 && ok;
        ok = ok && set_layout(entry, t->dtype, at, at + bytes);
        ok = json_object_setn_new(root, t->name, t->name_length, entry) == 0 && ok;
        at += bytes;
    }
    return print(root, ok, header, size, f);
}

bool safetensors_convert(const safetensors *st, slm_dtype dtype, char **header, size_t *size, fault *f) {
    json_error_t error; /* it was read before: only memory can be short */
    json_trouble trouble;
    json_t *root = json_text_read(st->header, st->header_size, JSON_ALLOW_NUL, &error, &trouble);
    bool ok = root != NULL;
    uint64_t at = 0, bytes = 0;
    for (size_t i = 0; ok && i < st->count; i++) {
        const safetensors_tensor *t = &st->tensors[i];
        slm_dtype target = slm_dtype_is_codable(t->dtype) ? dtype : t->dtype;
        json_t *entry = json_object_get(root, t->name);
        ok = bytes_as(t, target, &bytes) && bytes <= (uint64_t)INT64_MAX - at && set_layout(entry, target, at, at + bytes);
        at += bytes;
    }
    return print(root, ok, header, size, f);
}
