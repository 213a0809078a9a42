/* tools/decode_plan.c: which files a .slm file becomes, and the headers they get. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "decode_job.h"
#include "decode_pieces.h"
#include "side_listing.h"

/* The stored header must describe the tensors that are stored, one behind another as they will be written. */
static bool check_header(const slm_reader *reader, const slm_source *source, const safetensors *st, fault *f) {
    if (st->count != source->tensors)
        return fault_set(f, FAULT_INPUT, "source '%s': its header describes %zu tensors, and %" PRIu32 " belong to it", source->name,
                         st->count, source->tensors);
    uint64_t at = 0;
    for (uint32_t i = 0; i < source->tensors; i++) {
        const slm_tensor *t = slm_reader_tensor(reader, source->first_tensor + i);
        const safetensors_tensor *described = safetensors_find(st, t->name, t->name_length);
        if (described == NULL)
            return fault_set(f, FAULT_INPUT, "source '%s': its header does not describe tensor '%s'", source->name, t->name);
        if (described->dtype != t->dtype)
            return fault_set(f, FAULT_INPUT, "source '%s': its header says that tensor '%s' is %s, the index says %s", source->name,
                             t->name, slm_dtype_name(described->dtype), slm_dtype_name(t->dtype));
        if (described->rank != t->rank || (t->rank > 0 && memcmp(described->shape, t->shape, t->rank * sizeof *t->shape) != 0))
            return fault_set(f, FAULT_INPUT, "source '%s': header and index state different shapes for tensor '%s'", source->name, t->name);
        if (described->begin != at)
            return fault_set(f, FAULT_INPUT,
                             "source '%s': its header puts tensor '%s' at byte %" PRIu64 " of the data, its place in the index at %" PRIu64,
                             source->name, t->name, described->begin, at);
        at = described->end;
    }
    return true;
}

static bool plan_source(decode_job *job, const slm_source *source, decode_source *planned, fault *f) {
    const char *name = source->name_length > 0 ? source->name : "model.safetensors"; /* it came from a stream */
    *planned = (decode_source){.name = name, .first_tensor = source->first_tensor, .tensors = source->tensors};
    char *copy = malloc(source->header_size > 0 ? source->header_size : 1);
    if (copy == NULL)
        return fault_system(f, ENOMEM, "cannot decode");
    memcpy(copy, source->header, source->header_size);
    safetensors st;
    if (!safetensors_parse(&st, copy, source->header_size, UINT64_MAX, f)) {
        fault_prefix(f, source->name);
        fault_prefix(f, "the stored header of a source is wrong");
        return false;
    }
    bool ok = check_header(job->reader, source, &st, f);
    planned->data_size = st.data_size;
    if (ok && job->dtype == 0) { /* the header itself, to the byte */
        planned->header = st.header;
        planned->header_size = st.header_size;
        st.header = NULL;
    } else if (ok) {
        ok = safetensors_convert(&st, job->dtype, &planned->header, &planned->header_size, f);
    }
    safetensors_free(&st);
    return ok;
}

/* A .slm file that was not made from safetensors: its tensors become one file. */
static bool plan_all(decode_job *job, decode_source *planned, fault *f) {
    size_t count = slm_reader_info(job->reader)->tensors;
    safetensors_tensor *tensors = calloc(count > 0 ? count : 1, sizeof *tensors);
    if (tensors == NULL)
        return fault_system(f, ENOMEM, "cannot decode");
    for (size_t i = 0; i < count; i++) {
        const slm_tensor *t = slm_reader_tensor(job->reader, i);
        /* Only read from there. */
        tensors[i] = (safetensors_tensor){.name = (char *)(uintptr_t)t->name,
                                          .name_length = t->name_length,
                                          .dtype = decoded_dtype(t, job->dtype),
                                          .rank = t->rank,
                                          .shape = (uint64_t *)(uintptr_t)t->shape,
                                          .elements = t->elements};
    }
    *planned = (decode_source){.name = "model.safetensors", .tensors = count};
    bool ok = safetensors_compose(tensors, count, &planned->header, &planned->header_size, f);
    free(tensors);
    return ok;
}

/* Sizes as they will be written. */
static void measure(const decode_job *job, decode_source *planned) {
    planned->data_size = 0;
    for (size_t i = 0; i < planned->tensors; i++) {
        const slm_tensor *t = slm_reader_tensor(job->reader, planned->first_tensor + i);
        planned->data_size += t->elements * slm_dtype_bits(decoded_dtype(t, job->dtype)) / 8;
    }
}

bool decode_plan(decode_job *job, fault *f) {
    const slm_file_info *info = slm_reader_info(job->reader);
    job->sources = calloc(info->sources > 0 ? info->sources : 1, sizeof *job->sources);
    if (job->sources == NULL)
        return fault_system(f, ENOMEM, "cannot decode");
    if (info->sources == 0) {
        job->source_count = 1;
        if (!plan_all(job, &job->sources[0], f))
            return false;
        measure(job, &job->sources[0]);
    }
    for (size_t i = 0; i < info->sources; i++) {
        job->source_count = i + 1;
        if (!plan_source(job, slm_reader_source(job->reader, i), &job->sources[i], f))
            return false;
        measure(job, &job->sources[i]);
    }
    return !job->side_wanted || side_listing_read(&job->side, job->reader, f);
}

void decode_plan_free(decode_job *job) {
    for (size_t i = 0; i < job->source_count; i++)
        free(job->sources[i].header);
    free(job->sources);
    side_list_free(&job->side);
}
