/* Payload bytes, verified chunk by chunk. */
#include <inttypes.h>
#include <string.h>

#include "bytes.h"
#include "checked.h"
#include "error.h"
#include "hash.h"
#include "reader_private.h"
#include "utf8.h"

/* The end of a chunk, as an offset in its payload. */
static uint64_t chunk_end(const slm_reader *reader, size_t payload, uint64_t chunk) {
    const uint64_t end = (chunk + 1) << reader->index.info.chunk_log2, size = reader->index.payloads[payload].size;
    return end < size ? end : size;
}

static slm_status compare(const slm_reader *reader, size_t payload, uint64_t chunk, uint64_t sum, slm_error *error) {
    const slm_payload *p = &reader->index.payloads[payload];
    if (load_u64(reader->index.sums + 8 * (size_t)(p->first_sum + chunk)) == sum)
        return SLM_OK;
    const uint64_t start = p->offset + (chunk << reader->index.info.chunk_log2);
    const uint64_t number = slmi_payload_number(reader, payload);
    char quoted[SLMI_QUOTED_BYTES] = "a payload that is no tensor";
    if (number != SLMI_NOWHERE)
        slmi_quote(quoted, reader->index.tensors[payload].name, reader->index.tensors[payload].name_length);
    return slmi_fail(error, SLM_E_CHECKSUM, "SUM-4", start, number,
                     "%s: bytes %" PRIu64 " to %" PRIu64 " of the file do not match their checksum", quoted, start,
                     p->offset + chunk_end(reader, payload, chunk) - 1);
}

/* Reads payload bytes [from, to) in pieces that are hashed and thrown away. */
static slm_status pass_over(const slm_reader *reader, uint64_t payload_offset, uint64_t from, uint64_t to, slmi_hasher *hasher,
                            slm_error *error) {
    uint8_t scratch[16384];
    while (from < to) {
        size_t size = to - from < sizeof scratch ? (size_t)(to - from) : sizeof scratch;
        slm_status status = slmi_input_read(&reader->input, payload_offset + from, scratch, size, error);
        if (status != SLM_OK)
            return status;
        slmi_hasher_add(hasher, scratch, size);
        from += size;
    }
    return SLM_OK;
}

slm_status slmi_chunk_read(const slm_reader *reader, size_t payload, uint64_t chunk, uint64_t from, uint64_t to, uint8_t *target,
                           bool check, slm_error *error) {
    const uint64_t base = reader->index.payloads[payload].offset;
    const uint64_t start = chunk << reader->index.info.chunk_log2, end = chunk_end(reader, payload, chunk);
    const size_t size = (size_t)(to - from);
    if (!check)
        return slmi_input_read(&reader->input, base + from, target, size, error);
    slmi_hasher hasher;
    slmi_hasher_start(&hasher);
    if (from == to)
        from = to = end;
    slm_status status = pass_over(reader, base, start, from, &hasher, error);
    if (status == SLM_OK && size != 0) {
        status = slmi_input_read(&reader->input, base + from, target, size, error);
        slmi_hasher_add(&hasher, target, size);
    }
    if (status == SLM_OK)
        status = pass_over(reader, base, to, end, &hasher, error);
    return status == SLM_OK ? compare(reader, payload, chunk, slmi_hasher_result(&hasher), error) : status;
}

slm_status slmi_chunk_check(const slm_reader *reader, size_t payload, uint64_t chunk, bool again, slm_error *error) {
    const slm_payload *p = &reader->index.payloads[payload];
    const uint64_t number = p->first_sum + chunk;
    atomic_uint_least32_t *word = &reader->verified[number / 32];
    const uint_least32_t bit = (uint_least32_t)1 << (number % 32);
    if (!again && (atomic_load_explicit(word, memory_order_relaxed) & bit) != 0)
        return SLM_OK;
    const uint64_t start = chunk << reader->index.info.chunk_log2;
    slm_status status =
        compare(reader, payload, chunk,
                slmi_hash(reader->input.data + p->offset + start, (size_t)(chunk_end(reader, payload, chunk) - start)), error);
    if (status == SLM_OK) /* the bytes do not change, so nothing has to be ordered behind the bit */
        atomic_fetch_or_explicit(word, bit, memory_order_relaxed);
    return status;
}

void slmi_window_open(slmi_window *window, const slm_reader *reader, size_t payload, uint64_t limit, bool check, bool again) {
    *window = (slmi_window){.reader = reader, .payload = payload, .limit = limit, .check = check, .again = again};
}

void slmi_window_close(slmi_window *window) {
    slmi_free(&window->reader->allocator, window->buffer);
    window->buffer = NULL;
}

static slm_status get_from_memory(slmi_window *window, uint64_t offset, uint64_t size, const uint8_t **bytes, slm_error *error) {
    const slm_reader *reader = window->reader;
    const unsigned log2 = reader->index.info.chunk_log2;
    *bytes = reader->input.data + reader->index.payloads[window->payload].offset + offset;
    if (!window->check || size == 0)
        return SLM_OK;
    uint64_t chunk = offset >> log2;
    if (window->again && chunk < window->sound)
        chunk = window->sound;
    for (; chunk <= (offset + size - 1) >> log2; chunk++) {
        slm_status status = slmi_chunk_check(reader, window->payload, chunk, window->again, error);
        if (status != SLM_OK)
            return status;
        window->sound = chunk + 1;
    }
    return SLM_OK;
}

/* Makes room for `size` bytes, keeping those that are there. */
static bool grow(slmi_window *window, uint64_t size) {
    size_t wanted;
    if (size <= window->capacity)
        return true;
    const slm_allocator *allocator = &window->reader->allocator;
    void *grown = checked_size(size, &wanted) ? allocator->resize(allocator->context, window->buffer, wanted) : NULL;
    if (grown == NULL)
        return false;
    window->buffer = grown;
    window->capacity = wanted;
    return true;
}

slm_status slmi_window_get(slmi_window *window, uint64_t offset, uint64_t size, const uint8_t **bytes, slm_error *error) {
    const slm_reader *reader = window->reader;
    if (reader->input.data != NULL)
        return get_from_memory(window, offset, size, bytes, error);
    if (offset < window->low || offset > window->high) {
        window->low = window->high = offset;
    } else if (offset + size > window->high && offset > window->low) {
        memmove(window->buffer, window->buffer + (offset - window->low), (size_t)(window->high - offset));
        window->low = offset;
    }
    while (window->high < offset + size) {
        const uint64_t chunk = window->high >> reader->index.info.chunk_log2;
        uint64_t end = chunk_end(reader, window->payload, chunk);
        if (end > window->limit)
            end = window->limit;
        if (!grow(window, end - window->low))
            return slmi_fail_memory(error);
        slm_status status = slmi_chunk_read(reader, window->payload, chunk, window->high, end,
                                            window->buffer + (window->high - window->low), window->check, error);
        if (status != SLM_OK)
            return status;
        window->high = end;
    }
    static const uint8_t nothing[1];
    *bytes = size == 0 ? nothing : window->buffer + (offset - window->low);
    return SLM_OK;
}
