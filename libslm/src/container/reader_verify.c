/* Checking a payload entirely: every chunk, scale, record and padding byte. */
#include <inttypes.h>

#include "bytes.h"
#include "error.h"
#include "reader_private.h"
#include "utf8.h"

slm_status slmi_check_padding(const slm_reader *reader, uint64_t from, uint64_t to, slm_error *error) {
    uint8_t bytes[4096];
    while (from < to) {
        const size_t size = to - from < sizeof bytes ? (size_t)(to - from) : sizeof bytes;
        slm_status status = slmi_input_read(&reader->input, from, bytes, size, error);
        if (status != SLM_OK)
            return status;
        const size_t clean = zero_prefix(bytes, size);
        if (clean != size)
            return slmi_fail(error, SLM_E_RECORD, "PAY-14", from + clean, SLMI_NOWHERE, "padding between payloads is not zero");
        from += size;
    }
    return SLM_OK;
}

static slm_status verify_chunks(const slm_reader *reader, size_t payload, slm_error *error) {
    const uint64_t chunks = slmi_chunks(reader->index.payloads[payload].size, reader->index.info.chunk_log2);
    for (uint64_t chunk = 0; chunk < chunks; chunk++) {
        slm_status status = reader->input.data != NULL ? slmi_chunk_check(reader, payload, chunk, true, error)
                                                       : slmi_chunk_read(reader, payload, chunk, 0, 0, NULL, true, error);
        if (status != SLM_OK)
            return status;
    }
    return SLM_OK;
}

static slm_status verify_scales(const slm_reader *reader, size_t tensor, slmi_window *window, slm_error *error) {
    const slm_tensor *t = &reader->index.tensors[tensor];
    const uint8_t *bytes;
    for (uint64_t first = 0; first < t->scales;) {
        const uint64_t count = t->scales - first < 4096 ? t->scales - first : 4096;
        slm_status status = slmi_window_get(window, 2 * first, 2 * count, &bytes, error);
        for (uint64_t i = 0; i < count && status == SLM_OK; i++)
            status = slmi_scale_check(reader, tensor, first + i, load_u16(bytes + 2 * i), error);
        if (status != SLM_OK)
            return status;
        first += count;
    }
    const size_t padding = (size_t)(t->codes_offset - 2 * t->scales);
    slm_status status = slmi_window_get(window, 2 * t->scales, padding, &bytes, error);
    if (status != SLM_OK)
        return status;
    const size_t clean = zero_prefix(bytes, padding);
    if (clean == padding)
        return SLM_OK;
    char quoted[SLMI_QUOTED_BYTES];
    return slmi_fail(error, SLM_E_RECORD, "RUN-5", reader->index.payloads[tensor].offset + 2 * t->scales + clean, tensor,
                     "tensor %s: padding between scales and codes is not zero", slmi_quote(quoted, t->name, t->name_length));
}

static slm_status verify_run(const slm_reader *reader, size_t tensor, uint64_t run, slmi_window *window, slmi_own_decoder *own,
                             slm_error *error) {
    const slm_tensor *t = &reader->index.tensors[tensor];
    const slm_profile *profile = &reader->index.profiles[t->profile];
    for (uint64_t first = 0; first < t->run_length;) {
        slmi_piece piece;
        slmi_piece_find(&piece, t, profile, first, t->run_length);
        const slm_decoder *decoder;
        const uint8_t *codes;
        slm_status status = slmi_piece_decoder(reader, tensor, &piece, own, &decoder, error);
        if (status == SLM_OK)
            status = slmi_window_get(window, t->codes_offset + run * t->run_bytes + piece.offset, piece.size, &codes, error);
        if (status != SLM_OK)
            return status;
        /* In trellis coding every seed is legal: the bits behind the run's last are all there is to check. */
        if (t->coding == SLM_CODING_BLOCK || piece.has_end) {
            uint64_t bit = 0;
            if (slm_decoder_check_run(decoder, codes, &bit) != SLM_OK)
                return slmi_piece_fail(reader, tensor, run, &piece, bit, error);
        }
        first = piece.first + piece.count;
    }
    return SLM_OK;
}

static slm_status verify_coded(const slm_reader *reader, size_t tensor, slm_error *error) {
    slmi_window window;
    slmi_own_decoder own;
    own.is_run = false;
    slmi_window_open(&window, reader, tensor, reader->index.payloads[tensor].size, true, true);
    slm_status status = verify_scales(reader, tensor, &window, error);
    for (uint64_t run = 0; run < reader->index.tensors[tensor].runs && status == SLM_OK; run++)
        status = verify_run(reader, tensor, run, &window, &own, error);
    slmi_window_close(&window);
    return status;
}

slm_status slm_reader_verify(const slm_reader *reader, size_t payload, slm_error *error) {
    const slmi_index *index = &reader->index;
    if (payload >= index->info.payloads)
        return slmi_fail_call(error, SLM_E_ARGUMENT, "no payload has this number");
    const slm_payload *p = &index->payloads[payload];
    slm_status status = SLM_OK;
    if (payload == 0)
        status = slmi_check_padding(reader, SLM_HEADER_BYTES + index->info.index_size, p->offset, error);
    if (status == SLM_OK && payload < index->info.tensors && index->tensors[payload].coding != SLM_CODING_RAW)
        status = verify_coded(reader, payload, error);
    else if (status == SLM_OK)
        status = verify_chunks(reader, payload, error);
    if (status == SLM_OK)
        status = slmi_check_padding(reader, p->offset + p->size, payload + 1 < index->info.payloads ? p[1].offset : index->info.file_size,
                                    error);
    return status;
}
