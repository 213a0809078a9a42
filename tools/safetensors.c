/* tools/safetensors.c: reading and checking the header of a safetensors file, with jansson. Writing it: safetensors_write.c. */
#include "safetensors.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "json_text.h"
#include "positioned.h"

bool safetensors_header_size(const uint8_t bytes[8], uint64_t file_size, size_t *size, fault *f) {
    uint64_t value = 0;
    for (unsigned i = 8; i-- > 0;)
        value = value << 8 | bytes[i];
    if (value > SAFETENSORS_HEADER_MAX)
        return fault_set(f, FAULT_INPUT,
                         "not a safetensors file, or a damaged one: its first 8 bytes state a header of %" PRIu64
                         " bytes, and %u is the most there can be",
                         value, SAFETENSORS_HEADER_MAX);
    if (file_size != UINT64_MAX && (file_size < 8 || value > file_size - 8))
        return fault_set(f, FAULT_INPUT, "truncated: its header should end at byte %" PRIu64 ", the file has %" PRIu64 " bytes", value + 8,
                         file_size);
    if (value < 2)
        return fault_set(f, FAULT_INPUT, "not a safetensors file: its first 8 bytes state a header of %" PRIu64 " bytes, '{}' takes 2",
                         value);
    *size = (size_t)value;
    return true;
}

/* A member that must be an unsigned integer. */
static bool get_uint(const json_t *value, const char *tensor, const char *what, size_t index, uint64_t *result, fault *f) {
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return fault_set(f, FAULT_INPUT, "tensor '%s': %s[%zu] is not an unsigned integer", tensor, what, index);
    *result = (uint64_t)json_integer_value(value);
    return true;
}

static bool get_shape(safetensors_tensor *t, const json_t *entry, fault *f) {
    const json_t *shape = json_object_get(entry, "shape");
    if (!json_is_array(shape))
        return fault_set(f, FAULT_INPUT, "tensor '%s': no 'shape', or one that is no array", t->name);
    size_t rank = json_array_size(shape);
    if (rank > UINT32_MAX)
        return fault_set(f, FAULT_INPUT, "tensor '%s': %zu dimensions", t->name, rank);
    t->rank = (unsigned)rank;
    t->shape = calloc(rank > 0 ? rank : 1, sizeof *t->shape);
    if (t->shape == NULL)
        return fault_system(f, ENOMEM, "cannot read the header");
    t->elements = 1;
    for (size_t i = 0; i < rank; i++) {
        if (!get_uint(json_array_get(shape, i), t->name, "shape", i, &t->shape[i], f))
            return false;
        if (t->shape[i] != 0 && t->elements > UINT64_MAX / t->shape[i])
            return fault_set(f, FAULT_INPUT, "tensor '%s': the product of its shape does not fit 64 bits", t->name);
        t->elements *= t->shape[i];
    }
    return true;
}

static bool get_dtype(safetensors_tensor *t, const json_t *entry, fault *f) {
    const json_t *dtype = json_object_get(entry, "dtype");
    if (!json_is_string(dtype))
        return fault_set(f, FAULT_INPUT, "tensor '%s': no 'dtype', or one that is no string", t->name);
    t->dtype = slm_dtype_from_name(json_string_value(dtype), json_string_length(dtype));
    if (t->dtype == 0)
        return fault_set(f, FAULT_UNSUPPORTED, "tensor '%s': unknown dtype '%s'", t->name, json_string_value(dtype));
    return true;
}

static bool get_offsets(safetensors_tensor *t, const json_t *entry, fault *f) {
    const json_t *offsets = json_object_get(entry, "data_offsets");
    if (!json_is_array(offsets) || json_array_size(offsets) != 2)
        return fault_set(f, FAULT_INPUT, "tensor '%s': no 'data_offsets', or not two of them", t->name);
    return get_uint(json_array_get(offsets, 0), t->name, "data_offsets", 0, &t->begin, f) &&
           get_uint(json_array_get(offsets, 1), t->name, "data_offsets", 1, &t->end, f);
}

/* Whether shape and dtype make whole bytes, and as many as the offsets span. */
static bool check_size(const safetensors_tensor *t, fault *f) {
    unsigned bits = slm_dtype_bits(t->dtype);
    if (t->elements > UINT64_MAX / bits)
        return fault_set(f, FAULT_INPUT, "tensor '%s': the size of its %" PRIu64 " elements does not fit 64 bits", t->name, t->elements);
    uint64_t total = t->elements * bits;
    if (total % 8 != 0)
        return fault_set(f, FAULT_INPUT, "tensor '%s': %" PRIu64 " elements of %s (%u bits each) are no whole number of bytes", t->name,
                         t->elements, slm_dtype_name(t->dtype), bits);
    if (t->end < t->begin)
        return fault_set(f, FAULT_INPUT, "tensor '%s': data_offsets run backwards, from %" PRIu64 " to %" PRIu64, t->name, t->begin,
                         t->end);
    if (t->end - t->begin != total / 8)
        return fault_set(f, FAULT_INPUT,
                         "tensor '%s': data_offsets [%" PRIu64 ", %" PRIu64 "] span %" PRIu64
                         " bytes, but shape and dtype %s need %" PRIu64,
                         t->name, t->begin, t->end, t->end - t->begin, slm_dtype_name(t->dtype), total / 8);
    return true;
}

static bool get_tensor(safetensors_tensor *t, const char *name, size_t length, const json_t *entry, fault *f) {
    t->name = malloc(length + 1);
    if (t->name == NULL)
        return fault_system(f, ENOMEM, "cannot read the header");
    memcpy(t->name, name, length);
    t->name[length] = '\0';
    t->name_length = length;
    if (!json_is_object(entry))
        return fault_set(f, FAULT_INPUT, "tensor '%s': its entry in the header is no object", t->name);
    return get_dtype(t, entry, f) && get_shape(t, entry, f) && get_offsets(t, entry, f) && check_size(t, f);
}

static bool check_metadata(json_t *metadata, fault *f) {
    if (json_is_null(metadata))
        return true;
    if (!json_is_object(metadata))
        return fault_set(f, FAULT_INPUT, "__metadata__ is no object");
    const char *key;
    json_t *value;
    json_object_foreach(metadata, key, value) {
        if (!json_is_string(value))
            return fault_set(f, FAULT_INPUT, "__metadata__: the value of '%s' is no string", key);
    }
    return true;
}

/* By data; tensors without data stand before one that begins at the same place, and among themselves as in the header. */
static int compare_data(const void *a, const void *b) {
    const safetensors_tensor *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    if (x->end != y->end)
        return x->end < y->end ? -1 : 1;
    return strcmp(x->name, y->name);
}

static bool check_coverage(safetensors *st, fault *f) {
    uint64_t at = 0;
    for (size_t i = 0; i < st->count; i++) {
        const safetensors_tensor *t = &st->tensors[i];
        if (t->begin > at)
            return fault_set(f, FAULT_INPUT, "hole in the data: tensor '%s' begins at byte %" PRIu64 " of the data, %" PRIu64 " bytes late",
                             t->name, t->begin, t->begin - at);
        if (t->begin < at)
            return fault_set(f, FAULT_INPUT,
                             "overlap in the data: tensor '%s' begins at byte %" PRIu64 ", before '%s' ends at byte %" PRIu64, t->name,
                             t->begin, st->tensors[i - 1].name, at);
        at = t->end;
    }
    st->data_size = at;
    return true;
}

static int compare_names(const char *a, size_t a_length, const char *b, size_t b_length) {
    int order = memcmp(a, b, a_length < b_length ? a_length : b_length);
    return order != 0 ? order : (a_length > b_length) - (a_length < b_length);
}

typedef struct named {
    const safetensors_tensor *tensor;
    size_t index;
} named;

static int compare_named(const void *a, const void *b) {
    const safetensors_tensor *x = ((const named *)a)->tensor, *y = ((const named *)b)->tensor;
    return compare_names(x->name, x->name_length, y->name, y->name_length);
}

static bool index_names(safetensors *st, fault *f) {
    named *order = calloc(st->count > 0 ? st->count : 1, sizeof *order);
    st->by_name = calloc(st->count > 0 ? st->count : 1, sizeof *st->by_name);
    if (order == NULL || st->by_name == NULL) {
        free(order);
        return fault_system(f, ENOMEM, "cannot read the header");
    }
    for (size_t i = 0; i < st->count; i++)
        order[i] = (named){&st->tensors[i], i};
    qsort(order, st->count, sizeof *order, compare_named);
    for (size_t i = 0; i < st->count; i++)
        st->by_name[i] = order[i].index;
    free(order);
    return true;
}

static bool parse_error(const json_error_t *error, json_trouble trouble, fault *f) {
    if (trouble == JSON_NO_MEMORY)
        return fault_system(f, ENOMEM, "cannot read the header");
    if (trouble == JSON_TOO_COSTLY)
        return fault_set(f, FAULT_UNSUPPORTED, "the header would take more than %d times its size to read, as none of tensors does",
                         JSON_TEXT_TIMES);
    switch (json_error_code(error)) {
    case json_error_null_byte_in_key: return fault_set(f, FAULT_UNSUPPORTED, "a tensor's name in the header contains U+0000 (\\u0000)");
    case json_error_numeric_overflow:
        return fault_set(f, FAULT_INPUT, "a number in the header does not fit 63 bits (byte %d of the file)", error->position + 8);
    case json_error_duplicate_key:
        return fault_set(f, FAULT_INPUT, "the header is ambiguous: %s (byte %d of the file)", error->text, error->position + 8);
    case json_error_invalid_utf8:
        return fault_set(f, FAULT_INPUT, "the header is not UTF-8: %s (byte %d of the file)", error->text, error->position + 8);
    case json_error_stack_overflow: return fault_set(f, FAULT_INPUT, "the header is nested deeper than any safetensors header");
    default: return fault_set(f, FAULT_INPUT, "the header is not JSON: %s (byte %d of the file)", error->text, error->position + 8);
    }
}

static bool collect(safetensors *st, json_t *root, fault *f) {
    st->tensors = calloc(json_object_size(root) + 1, sizeof *st->tensors);
    if (st->tensors == NULL)
        return fault_system(f, ENOMEM, "cannot read the header");
    const char *name;
    json_t *entry;
    json_object_foreach(root, name, entry) {
        if (strcmp(name, "__metadata__") == 0) {
            if (!check_metadata(entry, f))
                return false;
        } else if (!get_tensor(&st->tensors[st->count++], name, strlen(name), entry, f)) {
            return false;
        }
    }
    qsort(st->tensors, st->count, sizeof *st->tensors, compare_data);
    return check_coverage(st, f) && index_names(st, f);
}

bool safetensors_parse(safetensors *st, char *header, size_t size, uint64_t file_size, fault *f) {
    *st = (safetensors){.header = header, .header_size = size};
    if (size == 0 || header[0] != '{') {
        safetensors_free(st);
        return fault_set(f, FAULT_INPUT, "not a safetensors file: its header does not begin with '{'");
    }
    json_error_t error;
    json_trouble trouble;
    json_t *root = json_text_read(header, size, JSON_ALLOW_NUL, &error, &trouble);
    bool ok = root != NULL ? collect(st, root, f) : parse_error(&error, trouble, f);
    json_decref(root);
    if (ok && file_size != UINT64_MAX && file_size - 8 - size != st->data_size)
        ok = fault_set(f, FAULT_INPUT, "%s: its tensors end at byte %" PRIu64 ", the file has %" PRIu64 " bytes",
                       file_size - 8 - size < st->data_size ? "truncated" : "bytes that belong to no tensor at its end",
                       8 + size + st->data_size, file_size);
    if (!ok)
        safetensors_free(st);
    return ok;
}

bool safetensors_read(safetensors *st, int fd, fault *f) {
    *st = (safetensors){0};
    struct stat about;
    if (fstat(fd, &about) != 0)
        return fault_system(f, errno, "cannot examine");
    uint64_t file_size = (uint64_t)about.st_size;
    if (file_size == 0)
        return fault_set(f, FAULT_INPUT, "the file is empty");
    if (file_size < 8)
        return fault_set(f, FAULT_INPUT, "truncated: %" PRIu64 " bytes, a safetensors file has at least 10", file_size);
    uint8_t prefix[8];
    size_t size;
    int number = positioned_read(fd, 0, prefix, sizeof prefix);
    if (number != 0)
        return fault_system(f, number, "cannot read");
    if (!safetensors_header_size(prefix, file_size, &size, f))
        return false;
    char *header = malloc(size);
    if (header == NULL)
        return fault_system(f, ENOMEM, "cannot read the header of %zu bytes", size);
    number = positioned_read(fd, 8, header, size);
    if (number != 0) {
        free(header);
        return fault_system(f, number, "cannot read the header");
    }
    return safetensors_parse(st, header, size, file_size, f);
}

void safetensors_free(safetensors *st) {
    for (size_t i = 0; i < st->count; i++) {
        free(st->tensors[i].name);
        free(st->tensors[i].shape);
    }
    free(st->tensors);
    free(st->by_name);
    free(st->header);
    *st = (safetensors){0};
}

const safetensors_tensor *safetensors_find(const safetensors *st, const char *name, size_t length) {
    size_t low = 0, high = st->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const safetensors_tensor *t = &st->tensors[st->by_name[middle]];
        int order = compare_names(name, length, t->name, t->name_length);
        if (order == 0)
            return t;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}
