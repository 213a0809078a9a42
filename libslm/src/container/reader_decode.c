/* Reading payload bytes and decoding elements. */
#include <inttypes.h>
#include <string.h>

#include "bytes.h"
#include "checked.h"
#include "error.h"
#include "reader_private.h"
#include "utf8.h"

slm_status slm_reader_read(const slm_reader *reader, size_t payload, uint64_t offset, uint64_t size, void *target, slm_error *error) {
    if (payload >= reader->index.info.payloads || !checked_range(offset, size, reader->index.payloads[payload].size) || size > SIZE_MAX)
        return slmi_fail_call(error, SLM_E_ARGUMENT, "the range asked for lies outside the payload");
    const unsigned log2 = reader->index.info.chunk_log2;
    const bool check = !reader->skip_checksums;
    const uint64_t end = offset + size;
    uint8_t *to = target;
    for (uint64_t from = offset; from < end;) {
        const uint64_t chunk = from >> log2;
        const uint64_t stop = end - (chunk << log2) < (uint64_t)1 << log2 ? end : (chunk + 1) << log2;
        slm_status status = SLM_OK;
        if (reader->input.data == NULL)
            status = slmi_chunk_read(reader, payload, chunk, from, stop, to, check, error);
        else if (check)
            status = slmi_chunk_check(reader, payload, chunk, false, error);
        if (status != SLM_OK)
            return status;
        if (reader->input.data != NULL)
            memcpy(to, reader->input.data + reader->index.payloads[payload].offset + from, (size_t)(stop - from));
        to += stop - from;
        from = stop;
    }
    return SLM_OK;
}

static slm_status fail_argument(const slm_reader *reader, size_t tensor, const char *what, slm_error *error) {
    char quoted[SLMI_QUOTED_BYTES];
    const slm_tensor *t = &reader->index.tensors[tensor];
    return slmi_fail(error, SLM_E_ARGUMENT, "", SLMI_NOWHERE, tensor, "tensor %s: %s", slmi_quote(quoted, t->name, t->name_length), what);
}

slm_status slm_reader_scale(const slm_reader *reader, size_t tensor, uint64_t run, uint16_t *scale, slm_error *error) {
    if (tensor >= reader->index.info.tensors)
        return slmi_fail_call(error, SLM_E_ARGUMENT, "no tensor has this number");
    const slm_tensor *t = &reader->index.tensors[tensor];
    if (run >= t->runs) /* a raw tensor has none */
        return fail_argument(reader, tensor, "no run has this number", error);
    const uint64_t number = t->scales == 1 ? 0 : run;
    uint8_t bytes[2];
    slm_status status = slm_reader_read(reader, tensor, 2 * number, 2, bytes, error);
    if (status != SLM_OK)
        return status;
    *scale = load_u16(bytes);
    return slmi_scale_check(reader, tensor, number, *scale, error);
}

static slm_status decode_raw(const slm_reader *reader, size_t tensor, uint64_t first, uint64_t count, slm_dtype dtype, void *target,
                             slm_error *error) {
    const slm_tensor *t = &reader->index.tensors[tensor];
    const uint64_t bits = slm_dtype_bits(t->dtype); /* elements times bits is below 2^62 */
    if (dtype != t->dtype)
        return fail_argument(reader, tensor, "a raw tensor is given in its own element type only", error);
    if (first * bits % 8 != 0 || count * bits % 8 != 0)
        return fail_argument(reader, tensor, "the range asked for begins or ends inside a byte", error);
    return slm_reader_read(reader, tensor, first * bits / 8, count * bits / 8, target, error);
}

static bool is_big_endian(void) {
    const uint16_t one = 1;
    return *(const unsigned char *)&one == 0;
}

/* Turns elements in the machine's byte order into little-endian ones. */
static void store_elements(uint8_t *elements, size_t count, size_t size) {
    if (!is_big_endian())
        return;
    for (size_t i = 0; i < count * size; i += size) {
        for (size_t k = 0; k < size / 2; k++) {
            uint8_t swap = elements[i + k];
            elements[i + k] = elements[i + size - 1 - k];
            elements[i + size - 1 - k] = swap;
        }
    }
}

/* Decodes weights [first, first + count) of a piece to a target of any alignment. */
static slm_status decode_piece(const slm_decoder *decoder, const uint8_t *codes, uint16_t scale, uint64_t first, uint64_t count,
                               slm_dtype dtype, uint8_t *target) {
    const size_t size = slm_dtype_bits(dtype) / 8;
    if ((uintptr_t)target % size == 0) {
        slm_status status = slm_decode_run(decoder, codes, scale, first, count, dtype, target);
        store_elements(target, (size_t)count, size);
        return status;
    }
    union {
        uint32_t align;
        uint8_t bytes[4096];
    } some;
    const uint64_t most = 1024; /* a whole segment of any rotation */
    while (count > 0) {
        const uint64_t room = most - first % most, part = count < room ? count : room;
        slm_status status = slm_decode_run(decoder, codes, scale, first, part, dtype, some.bytes);
        if (status != SLM_OK)
            return status;
        store_elements(some.bytes, (size_t)part, size);
        memcpy(target, some.bytes, (size_t)part * size);
        target += part * size;
        first += part;
        count -= part;
    }
    return SLM_OK;
}

/* What one call of slm_reader_decode works with. */
typedef struct decode_job {
    const slm_reader *reader;
    size_t tensor;
    const slm_tensor *t;
    slm_dtype dtype;
    slmi_window scales, codes;
    slmi_own_decoder *own;
    slm_error *error;
} decode_job;

/* Weights [first, end) of one run. */
static slm_status decode_run(decode_job *job, uint64_t run, uint16_t scale, uint64_t first, uint64_t end, uint8_t *target) {
    const slm_profile *profile = &job->reader->index.profiles[job->t->profile];
    const size_t size = slm_dtype_bits(job->dtype) / 8;
    while (first < end) {
        slmi_piece piece;
        slmi_piece_find(&piece, job->t, profile, first, end);
        const uint64_t stop = piece.first + piece.count < end ? piece.first + piece.count : end;
        const slm_decoder *decoder;
        const uint8_t *codes;
        slm_status status = slmi_piece_decoder(job->reader, job->tensor, &piece, job->own, &decoder, job->error);
        if (status == SLM_OK)
            status =
                slmi_window_get(&job->codes, job->t->codes_offset + run * job->t->run_bytes + piece.offset, piece.size, &codes, job->error);
        if (status != SLM_OK)
            return status;
        status = decode_piece(decoder, codes, scale, first - piece.first, stop - first, job->dtype, target);
        if (status == SLM_E_RECORD) {
            uint64_t bit = 0;
            slm_decoder_check_run(decoder, codes, &bit);
            return slmi_piece_fail(job->reader, job->tensor, run, &piece, bit, job->error);
        }
        if (status != SLM_OK)
            return slmi_fail(job->error, status, "", SLMI_NOWHERE, job->tensor, "%s", slm_status_text(status));
        target += (stop - first) * size;
        first = stop;
    }
    return SLM_OK;
}

static slm_status decode_coded(decode_job *job, uint64_t first, uint64_t count, uint8_t *target) {
    const uint64_t length = job->t->run_length;
    const size_t size = slm_dtype_bits(job->dtype) / 8;
    while (count > 0) {
        const uint64_t run = first / length, inside = first % length, number = job->t->scales == 1 ? 0 : run;
        const uint64_t part = count < length - inside ? count : length - inside;
        const uint8_t *bits;
        slm_status status = slmi_window_get(&job->scales, 2 * number, 2, &bits, job->error);
        if (status != SLM_OK)
            return status;
        const uint16_t scale = load_u16(bits);
        status = slmi_scale_check(job->reader, job->tensor, number, scale, job->error);
        if (status == SLM_OK)
            status = decode_run(job, run, scale, inside, inside + part, target);
        if (status != SLM_OK)
            return status;
        target += part * size;
        first += part;
        count -= part;
    }
    return SLM_OK;
}

slm_status slm_reader_decode(const slm_reader *reader, size_t tensor, uint64_t first, uint64_t count, slm_dtype dtype, void *target,
                             slm_error *error) {
    if (tensor >= reader->index.info.tensors)
        return slmi_fail_call(error, SLM_E_ARGUMENT, "no tensor has this number");
    const slm_tensor *t = &reader->index.tensors[tensor];
    if (!checked_range(first, count, t->elements))
        return fail_argument(reader, tensor, "the range asked for lies outside the tensor", error);
    if (t->coding == SLM_CODING_RAW)
        return decode_raw(reader, tensor, first, count, dtype, target, error);
    if (!slm_dtype_is_codable(dtype))
        return fail_argument(reader, tensor, "a coded tensor decodes to F32, F16 or BF16 only", error);
    if (count > SIZE_MAX / 4)
        return fail_argument(reader, tensor, "more elements than memory can hold", error);
    if (count == 0)
        return SLM_OK;
    slmi_own_decoder own;
    own.is_run = false; /* 2 KB that most calls need not touch */
    decode_job job = {.reader = reader, .tensor = tensor, .t = t, .dtype = dtype, .own = &own, .error = error};
    const uint64_t end_run = (first + count - 1) / t->run_length + 1;
    const bool check = !reader->skip_checksums;
    slmi_window_open(&job.scales, reader, tensor, 2 * (t->scales == 1 ? 1 : end_run), check, false);
    slmi_window_open(&job.codes, reader, tensor, t->codes_offset + end_run * t->run_bytes, check, false);
    slm_status status = decode_coded(&job, first, count, target);
    slmi_window_close(&job.scales);
    slmi_window_close(&job.codes);
    return status;
}
