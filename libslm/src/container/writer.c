/* Filling a file in any order, from any number of threads. Bytes go to the sink as they come; the writer remembers which are there, and
 * hashes a chunk when it is complete: from the caller's bytes where one call holds all of it, else by reading it back once. */
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "../decode/round.h"
#include "bytes.h"
#include "checked.h"
#include "error.h"
#include "hash.h"
#include "layout.h"
#include "ranges.h"
#include "utf8.h"

struct slm_writer {
    slm_allocator allocator;
    slm_layout *layout;
    slm_sink sink;
    slmi_plan plan;
    slm_payload *payloads;
    uint64_t *sums;       /* one a chunk; written by the thread that completes it */
    pthread_mutex_t lock; /* guards what follows */
    slmi_ranges *written; /* one a payload */
    slmi_result *results; /* one a tensor */
    bool spoiled;         /* two threads wrote the same bytes, or a chunk could not be read back: it cannot be finished */
    bool finished;
};

slm_status slm_writer_create(slm_writer **created, slm_layout *layout, const slm_sink *sink, slm_error *error) {
    *created = NULL;
    if (sink == NULL || sink->write_at == NULL || sink->read_at == NULL)
        return slmi_fail_call(error, SLM_E_ARGUMENT, "a sink needs write_at and read_at");
    const slm_allocator *allocator = &layout->allocator;
    const size_t count = slmi_layout_payloads(layout);
    slm_writer *writer = slmi_allocate_zeroed(allocator, 1, sizeof *writer);
    if (writer == NULL)
        return slmi_fail_memory(error);
    writer->allocator = *allocator;
    writer->layout = layout;
    writer->sink = *sink;
    if (pthread_mutex_init(&writer->lock, NULL) != 0) {
        slmi_free(allocator, writer);
        return slmi_fail_memory(error);
    }
    writer->payloads = slmi_allocate_zeroed(allocator, count, sizeof *writer->payloads);
    writer->written = slmi_allocate_zeroed(allocator, count, sizeof *writer->written);
    writer->results = slmi_allocate_zeroed(allocator, layout->tensor_count, sizeof *writer->results);
    slm_status status = SLM_OK;
    if (writer->payloads == NULL || writer->written == NULL || writer->results == NULL)
        status = slmi_fail_memory(error);
    if (status == SLM_OK)
        status = slmi_layout_check(layout, error);
    if (status == SLM_OK)
        status = slmi_layout_plan(layout, &writer->plan, writer->payloads, error);
    if (status == SLM_OK) {
        writer->sums = slmi_allocate_zeroed(allocator, writer->plan.chunks, sizeof *writer->sums);
        if (writer->sums == NULL)
            status = slmi_fail_memory(error);
    }
    if (status != SLM_OK) {
        slm_writer_free(writer);
        return status;
    }
    layout->frozen = true;
    *created = writer;
    return SLM_OK;
}

void slm_writer_free(slm_writer *writer) {
    if (writer == NULL)
        return;
    const slm_allocator allocator = writer->allocator;
    const size_t count = slmi_layout_payloads(writer->layout);
    for (size_t i = 0; i < count && writer->written != NULL; i++)
        slmi_free(&allocator, writer->written[i].items);
    slmi_free(&allocator, writer->payloads);
    slmi_free(&allocator, writer->written);
    slmi_free(&allocator, writer->results);
    slmi_free(&allocator, writer->sums);
    pthread_mutex_destroy(&writer->lock);
    slmi_free(&allocator, writer);
}

static slm_status put(const slm_writer *writer, uint64_t offset, const void *data, size_t size, slm_error *error) {
    if (size == 0)
        return SLM_OK;
    const int system_error = writer->sink.write_at(writer->sink.context, offset, data, size);
    return system_error == 0 ? SLM_OK : slmi_fail_system(error, system_error, offset, "cannot write");
}

static slm_status fail_twice(size_t payload, uint64_t offset, slm_error *error) {
    return slmi_fail(error, SLM_E_STATE, "", SLMI_NOWHERE, SLMI_NOWHERE,
                     "bytes of payload %zu from %" PRIu64 " on are written a second time", payload, offset);
}

/* Refuses bytes that are there already, before they are overwritten. */
static slm_status begin_write(slm_writer *writer, size_t payload, uint64_t from, uint64_t to, slm_error *error) {
    slm_status status = SLM_OK;
    pthread_mutex_lock(&writer->lock);
    if (writer->finished || writer->spoiled)
        status = slmi_fail_call(error, SLM_E_STATE, writer->finished ? "the file is finished" : "an earlier write failed for good");
    else if (slmi_ranges_touch(&writer->written[payload], from, to))
        status = fail_twice(payload, from, error);
    pthread_mutex_unlock(&writer->lock);
    return status;
}

/* Notes that bytes are there; *joined is the stretch without gaps they belong to. */
static slm_status end_write(slm_writer *writer, size_t payload, uint64_t from, uint64_t to, slmi_range *joined, slm_error *error) {
    slm_status status = SLM_OK;
    pthread_mutex_lock(&writer->lock);
    if (slmi_ranges_touch(&writer->written[payload], from, to)) { /* another thread was faster: whose bytes are there is not known */
        writer->spoiled = true;
        status = fail_twice(payload, from, error);
    } else if (!slmi_ranges_add(&writer->written[payload], &writer->allocator, from, to, joined)) {
        status = slmi_fail_memory(error);
    }
    pthread_mutex_unlock(&writer->lock);
    return status;
}

/* Hashes payload bytes [from, to) as the sink has them. */
static slm_status hash_back(slm_writer *writer, size_t payload, uint64_t from, uint64_t to, uint64_t *sum, slm_error *error) {
    uint8_t bytes[16384];
    slmi_hasher hasher;
    slmi_hasher_start(&hasher);
    while (from < to) {
        const size_t size = to - from < sizeof bytes ? (size_t)(to - from) : sizeof bytes;
        const uint64_t offset = writer->payloads[payload].offset + from;
        const int system_error = writer->sink.read_at(writer->sink.context, offset, bytes, size);
        if (system_error != 0) {
            pthread_mutex_lock(&writer->lock);
            writer->spoiled = true;
            pthread_mutex_unlock(&writer->lock);
            return slmi_fail_system(error, system_error, offset, "cannot read back what was written");
        }
        slmi_hasher_add(&hasher, bytes, size);
        from += size;
    }
    *sum = slmi_hasher_result(&hasher);
    return SLM_OK;
}

/* Computes the checksums of the chunks that payload bytes [from, to) completed; `data` NULL: they are only in the sink. */
static slm_status sum_chunks(slm_writer *writer, size_t payload, uint64_t from, uint64_t to, slmi_range joined, const uint8_t *data,
                             slm_error *error) {
    const slm_payload *p = &writer->payloads[payload];
    const unsigned log2 = writer->layout->chunk_log2;
    for (uint64_t chunk = from >> log2; chunk <= (to - 1) >> log2; chunk++) {
        const uint64_t start = chunk << log2;
        const uint64_t end = p->size - start < (uint64_t)1 << log2 ? p->size : start + ((uint64_t)1 << log2);
        uint64_t *sum = &writer->sums[p->first_sum + chunk];
        slm_status status = SLM_OK;
        if (joined.from > start || joined.to < end)
            continue; /* not complete yet */
        if (data != NULL && from <= start && end <= to)
            *sum = slmi_hash(data + (start - from), (size_t)(end - start));
        else
            status = hash_back(writer, payload, start, end, sum, error);
        if (status != SLM_OK)
            return status;
    }
    return SLM_OK;
}

/* The payload that holds bytes [offset, offset + size), or NULL. */
static const slm_payload *payload_with(const slm_writer *writer, size_t payload, uint64_t offset, uint64_t size, slm_error *error) {
    if (payload >= slmi_layout_payloads(writer->layout)) {
        (void)slmi_fail_call(error, SLM_E_ARGUMENT, "no payload has this number");
        return NULL;
    }
    const slm_payload *p = &writer->payloads[payload];
    if (checked_range(offset, size, p->size) && size <= SIZE_MAX)
        return p;
    (void)slmi_fail_call(error, SLM_E_ARGUMENT, "the bytes lie outside the payload");
    return NULL;
}

/* Writes the bytes at `data`, or takes those in the sink where it is NULL. */
static slm_status fill(slm_writer *writer, size_t payload, uint64_t offset, uint64_t size, const void *data, slm_error *error) {
    const slm_payload *p = payload_with(writer, payload, offset, size, error);
    if (p == NULL)
        return SLM_E_ARGUMENT;
    if (size == 0)
        return SLM_OK;
    slmi_range joined;
    slm_status status = begin_write(writer, payload, offset, offset + size, error);
    if (status == SLM_OK && data != NULL)
        status = put(writer, p->offset + offset, data, (size_t)size, error);
    if (status == SLM_OK)
        status = end_write(writer, payload, offset, offset + size, &joined, error);
    if (status == SLM_OK)
        status = sum_chunks(writer, payload, offset, offset + size, joined, data, error);
    return status;
}

slm_status slm_writer_write(slm_writer *writer, size_t payload, uint64_t offset, uint64_t size, const void *data, slm_error *error) {
    if (data == NULL && size > 0)
        return slmi_fail_call(error, SLM_E_ARGUMENT, "no data");
    return fill(writer, payload, offset, size, data, error);
}

slm_status slm_writer_adopt(slm_writer *writer, size_t payload, uint64_t offset, uint64_t size, slm_error *error) {
    return fill(writer, payload, offset, size, NULL, error);
}

slm_status slm_writer_read(const slm_writer *writer, size_t payload, uint64_t offset, size_t size, void *buffer, slm_error *error) {
    const slm_payload *p = payload_with(writer, payload, offset, size, error);
    if (p == NULL)
        return SLM_E_ARGUMENT;
    const int system_error = size == 0 ? 0 : writer->sink.read_at(writer->sink.context, p->offset + offset, buffer, size);
    return system_error == 0 ? SLM_OK : slmi_fail_system(error, system_error, p->offset + offset, "cannot read back what was written");
}

static slm_status coded_tensor(const slm_writer *writer, size_t tensor, const slm_tensor **t, slm_error *error) {
    *t = slm_layout_tensor(writer->layout, tensor);
    return *t != NULL && (*t)->coding != SLM_CODING_RAW ? SLM_OK : slmi_fail_call(error, SLM_E_ARGUMENT, "no coded tensor has this number");
}

slm_status slm_writer_write_scales(slm_writer *writer, size_t tensor, uint64_t first, size_t count, const uint16_t *scales,
                                   slm_error *error) {
    uint8_t bytes[8192 + ((size_t)1 << SLMI_SCALES_ALIGN_LOG2)];
    const slm_tensor *t;
    slm_status status = coded_tensor(writer, tensor, &t, error);
    if (status == SLM_OK && !checked_range(first, count, t->scales))
        status = slmi_fail_call(error, SLM_E_ARGUMENT, "the tensor has no such scales");
    if (status != SLM_OK)
        return status;
    const bool power = scale_needs_power(&writer->layout->profiles[t->profile], t->rotation);
    for (size_t i = 0; i < count; i++) {
        if (!slmi_scale_is_legal(scales[i], power))
            return slmi_fail(error, SLM_E_SCALE, slmi_scale_is_legal(scales[i], false) ? "REC-8" : "RUN-4", SLMI_NOWHERE, tensor,
                             "scale %" PRIu64 ", 0x%04x, is not legal for this coding", first + i, scales[i]);
    }
    while (count > 0 && status == SLM_OK) {
        const size_t part = count < 4096 ? count : 4096;
        size_t size = 2 * part;
        for (size_t i = 0; i < part; i++)
            store_u16(bytes + 2 * i, scales[i]);
        if (first + part == t->scales) { /* the padding goes with the last scale */
            const size_t padding = (size_t)(t->codes_offset - 2 * t->scales);
            memset(bytes + size, 0, padding);
            size += padding;
        }
        status = slm_writer_write(writer, tensor, 2 * first, size, bytes, error);
        first += part;
        scales += part;
        count -= part;
    }
    return status;
}

slm_status slm_writer_write_codes(slm_writer *writer, size_t tensor, uint64_t offset, size_t size, const void *codes, slm_error *error) {
    const slm_tensor *t;
    slm_status status = coded_tensor(writer, tensor, &t, error);
    if (status == SLM_OK && !checked_range(offset, size, t->payload_size - t->codes_offset))
        status = slmi_fail_call(error, SLM_E_ARGUMENT, "the codes lie outside the tensor");
    return status == SLM_OK ? slm_writer_write(writer, tensor, t->codes_offset + offset, size, codes, error) : status;
}

slm_status slm_writer_set_result(slm_writer *writer, size_t tensor, uint64_t source_sum, float error) {
    if (tensor >= writer->layout->tensor_count || isnan(error) || isinf(error))
        return SLM_E_ARGUMENT;
    slmi_result result = {source_sum, 0.0F, SLM_TENSOR_HAS_SOURCE_SUM};
    if (error >= 0.0F) {
        result.error = error == 0.0F ? 0.0F : error; /* not -0 */
        result.flags |= SLM_TENSOR_HAS_ERROR;
    }
    pthread_mutex_lock(&writer->lock);
    const bool finished = writer->finished;
    if (!finished)
        writer->results[tensor] = result;
    pthread_mutex_unlock(&writer->lock);
    return finished ? SLM_E_STATE : SLM_OK;
}

static slm_status check_complete(const slm_writer *writer, slm_error *error) {
    char quoted[SLMI_QUOTED_BYTES];
    if (writer->finished || writer->spoiled)
        return slmi_fail_call(error, SLM_E_STATE, writer->finished ? "the file is finished" : "an earlier write failed for good");
    for (size_t i = 0; i < slmi_layout_payloads(writer->layout); i++) {
        const slm_payload *p = &writer->payloads[i];
        const uint64_t gap = slmi_ranges_gap(&writer->written[i], p->size);
        if (gap == p->size)
            continue;
        const slm_tensor *t = slm_layout_tensor(writer->layout, i);
        if (t == NULL)
            return slmi_fail(error, SLM_E_STATE, "", p->offset + gap, SLMI_NOWHERE, "side files: byte %" PRIu64 " was not written", gap);
        return slmi_fail(error, SLM_E_STATE, "", p->offset + gap, i, "tensor %s: byte %" PRIu64 " was not written",
                         slmi_quote(quoted, t->name, t->name_length), gap);
    }
    return SLM_OK;
}

/* Writes zeros to file bytes [from, to). */
static slm_status put_padding(const slm_writer *writer, uint64_t from, uint64_t to, slm_error *error) {
    static const uint8_t zeros[4096];
    slm_status status = SLM_OK;
    while (from < to && status == SLM_OK) {
        const size_t size = to - from < sizeof zeros ? (size_t)(to - from) : sizeof zeros;
        status = put(writer, from, zeros, size, error);
        from += size;
    }
    return status;
}

slm_status slm_writer_finish(slm_writer *writer, slm_error *error) {
    const slm_layout *layout = writer->layout;
    slm_status status = check_complete(writer, error);
    if (status != SLM_OK)
        return status;
    uint64_t end = SLM_HEADER_BYTES + writer->plan.index_size;
    for (size_t i = 0; i < slmi_layout_payloads(layout) && status == SLM_OK; i++) {
        status = put_padding(writer, end, writer->payloads[i].offset, error);
        end = writer->payloads[i].offset + writer->payloads[i].size;
    }
    if (status == SLM_OK)
        status = put_padding(writer, end, writer->plan.file_size, error);
    if (status != SLM_OK)
        return status;
    uint8_t *index = slmi_allocate(&writer->allocator, writer->plan.index_size, 1);
    if (index == NULL)
        return slmi_fail_memory(error);
    slmi_index_store(layout, &writer->plan, writer->payloads, writer->results, writer->sums, index);
    const size_t size = (size_t)writer->plan.index_size;
    const slmi_header header = {.align_log2 = layout->align_log2,
                                .chunk_log2 = layout->chunk_log2,
                                .file_size = writer->plan.file_size,
                                .index_size = writer->plan.index_size,
                                .index_sum = slmi_hash(index, size)};
    status = put(writer, SLM_HEADER_BYTES, index, size, error);
    slmi_free(&writer->allocator, index);
    if (status != SLM_OK)
        return status;
    uint8_t head[SLM_HEADER_BYTES];
    slmi_header_store(&header, head);
    status = put(writer, 0, head, sizeof head, error);
    writer->finished = status == SLM_OK;
    return status;
}
