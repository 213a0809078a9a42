/* Opening a file and asking what its index says. */
#include <inttypes.h>
#include <string.h>

#include "checked.h"
#include "error.h"
#include "hash.h"
#include "reader_private.h"

/* The newest options struct, filled from the caller's, which may be older or newer. */
static slm_status read_options(const slm_reader_options *given, slm_reader_options *options, slm_error *error) {
    memset(options, 0, sizeof *options);
    if (given == NULL)
        return SLM_OK;
    if (given->struct_size < sizeof given->struct_size)
        return slmi_fail_call(error, SLM_E_ARGUMENT, "slm_reader_options.struct_size is not set");
    memcpy(options, given, given->struct_size < sizeof *options ? given->struct_size : sizeof *options);
    return SLM_OK;
}

static slm_status find_kernel(slm_reader *reader, const char *name, slm_error *error) {
    const char *known = name != NULL ? slm_kernel_find(name) : NULL;
    reader->kernel = known;
    return name == NULL || known != NULL ? SLM_OK
                                         : slmi_fail_call(error, SLM_E_ARGUMENT, "no decoding kernel or instruction set has this name");
}

static slm_status read_index(slm_reader *reader, slm_error *error) {
    uint8_t head[SLM_HEADER_BYTES] = {0};
    slmi_header header;
    slm_status status =
        slmi_input_read(&reader->input, 0, head, reader->input.size < sizeof head ? (size_t)reader->input.size : sizeof head, error);
    if (status == SLM_OK)
        status = slmi_header_parse(&header, head, reader->input.size, error);
    if (status != SLM_OK)
        return status;
    uint8_t *bytes = slmi_allocate(&reader->allocator, header.index_size + 1, 1); /* the header was checked: so many bytes are there */
    if (bytes == NULL)
        return slmi_fail_memory(error);
    status = slmi_input_read(&reader->input, SLM_HEADER_BYTES, bytes, (size_t)header.index_size, error);
    if (status == SLM_OK && slmi_hash(bytes, (size_t)header.index_size) != header.index_sum)
        status = slmi_fail(error, SLM_E_CHECKSUM, "HDR-17", SLM_HEADER_BYTES, SLMI_NOWHERE, "the index does not match its checksum");
    if (status != SLM_OK) {
        slmi_free(&reader->allocator, bytes);
        return status;
    }
    return slmi_index_parse(&reader->index, &header, bytes, &reader->allocator, error);
}

static bool same_coding(const slm_tensor *a, const slm_tensor *b) {
    return a->profile == b->profile && a->rotation == b->rotation && a->sign_seed == b->sign_seed && a->run_length == b->run_length;
}

/* Prepares the decoders of the first few codings. One that cannot be prepared (a kernel asked for that does not do it) is left for
 * slm_reader_decode to report. */
static slm_status prepare_decoders(slm_reader *reader, slm_error *error) {
    const slmi_index *index = &reader->index;
    size_t owner[SLMI_DECODERS_MAX], count = 0;
    reader->decoder_of = slmi_allocate_zeroed(&reader->allocator, index->info.tensors, 1);
    if (reader->decoder_of == NULL)
        return slmi_fail_memory(error);
    for (size_t i = 0; i < index->info.tensors; i++) {
        const slm_tensor *tensor = &index->tensors[i];
        size_t k = 0;
        if (tensor->coding == SLM_CODING_RAW)
            continue;
        while (k < count && !same_coding(tensor, &index->tensors[owner[k]]))
            k++;
        if (k == SLMI_DECODERS_MAX)
            continue;
        if (k == count)
            owner[count++] = i;
        reader->decoder_of[i] = (uint8_t)(k + 1);
    }
    if (count == 0)
        return SLM_OK;
    reader->decoders = slmi_allocate(&reader->allocator, count, sizeof *reader->decoders);
    if (reader->decoders == NULL)
        return slmi_fail_memory(error);
    bool ready[SLMI_DECODERS_MAX];
    for (size_t k = 0; k < count; k++) {
        const slm_tensor *tensor = &index->tensors[owner[k]];
        const slm_coding coding = {index->profiles[tensor->profile], tensor->rotation, tensor->sign_seed, tensor->run_length};
        ready[k] = slm_decoder_init(&reader->decoders[k], &coding, reader->kernel) == SLM_OK;
    }
    for (size_t i = 0; i < index->info.tensors; i++) {
        if (reader->decoder_of[i] != 0 && !ready[reader->decoder_of[i] - 1])
            reader->decoder_of[i] = 0;
    }
    return SLM_OK;
}

static slm_status open_index(slm_reader *reader, slm_error *error) {
    slm_status status = read_index(reader, error);
    if (status == SLM_OK)
        status = prepare_decoders(reader, error);
    if (status == SLM_OK && reader->index.info.payloads == 0) /* no payload whose verification would cover the end */
        status = slmi_check_padding(reader, SLM_HEADER_BYTES + reader->index.info.index_size, reader->index.info.file_size, error);
    if (status == SLM_OK && reader->input.data != NULL) {
        reader->verified = slmi_allocate_zeroed(&reader->allocator, reader->index.chunks / 32 + 1, sizeof *reader->verified);
        if (reader->verified == NULL)
            status = slmi_fail_memory(error);
    }
    return status;
}

/* Makes a reader from an input, which is closed on failure. */
static slm_status open_input(slm_reader **opened, slmi_input *input, const slm_reader_options *options, slm_error *error) {
    const slm_allocator allocator = slmi_allocator(options->allocator);
    slm_reader *reader = slmi_allocate_zeroed(&allocator, 1, sizeof *reader);
    if (reader == NULL) {
        slmi_input_close(input);
        return slmi_fail_memory(error);
    }
    reader->allocator = allocator;
    reader->input = *input;
    reader->skip_checksums = options->skip_checksums;
    slm_status status = find_kernel(reader, options->kernel, error);
    if (status == SLM_OK)
        status = open_index(reader, error);
    if (status != SLM_OK) {
        slm_reader_close(reader);
        return status;
    }
    *opened = reader;
    return SLM_OK;
}

slm_status slm_reader_open_memory(slm_reader **reader, const void *data, size_t size, const slm_reader_options *given, slm_error *error) {
    slm_reader_options options;
    slmi_input input;
    *reader = NULL;
    slm_status status = read_options(given, &options, error);
    if (status != SLM_OK)
        return status;
    if (data == NULL && size != 0)
        return slmi_fail_call(error, SLM_E_ARGUMENT, "no data");
    slmi_input_memory(&input, data, size);
    return open_input(reader, &input, &options, error);
}

slm_status slm_reader_open_file(slm_reader **reader, const char *path, const slm_reader_options *given, slm_error *error) {
    slm_reader_options options;
    slmi_input input;
    *reader = NULL;
    slm_status status = read_options(given, &options, error);
    if (status == SLM_OK)
        status = slmi_input_file(&input, path, !options.no_map, error);
    return status == SLM_OK ? open_input(reader, &input, &options, error) : status;
}

slm_status slm_reader_open_callback(slm_reader **reader, slm_read_at read_at, void *context, uint64_t size, const slm_reader_options *given,
                                    slm_error *error) {
    slm_reader_options options;
    slmi_input input;
    *reader = NULL;
    slm_status status = read_options(given, &options, error);
    if (status != SLM_OK)
        return status;
    if (read_at == NULL)
        return slmi_fail_call(error, SLM_E_ARGUMENT, "no read callback");
    slmi_input_callback(&input, read_at, context, size);
    return open_input(reader, &input, &options, error);
}

void slm_reader_close(slm_reader *reader) {
    if (reader == NULL)
        return;
    const slm_allocator allocator = reader->allocator;
    slmi_index_free(&reader->index, &allocator);
    slmi_free(&allocator, reader->decoders);
    slmi_free(&allocator, reader->decoder_of);
    slmi_free(&allocator, reader->verified);
    slmi_input_close(&reader->input);
    slmi_free(&allocator, reader);
}

const slm_file_info *slm_reader_info(const slm_reader *reader) { return &reader->index.info; }

const slm_profile *slm_reader_profile(const slm_reader *reader, size_t index) {
    return index < reader->index.info.profiles ? &reader->index.profiles[index] : NULL;
}

const slm_tensor *slm_reader_tensor(const slm_reader *reader, size_t index) {
    return index < reader->index.info.tensors ? &reader->index.tensors[index] : NULL;
}

const slm_payload *slm_reader_payload(const slm_reader *reader, size_t index) {
    return index < reader->index.info.payloads ? &reader->index.payloads[index] : NULL;
}

const slm_source *slm_reader_source(const slm_reader *reader, size_t index) {
    return index < reader->index.info.sources ? &reader->index.sources[index] : NULL;
}

const slm_metadata *slm_reader_metadata(const slm_reader *reader, size_t index) {
    return index < reader->index.info.metadata ? &reader->index.metadata[index] : NULL;
}

const slm_section *slm_reader_section(const slm_reader *reader, size_t index) {
    return index < reader->index.info.sections ? &reader->index.sections[index] : NULL;
}

static slm_status find(const slmi_name *names, uint32_t count, const char *name, size_t length, size_t *index) {
    const uint32_t at = slmi_names_find(names, count, name, length);
    if (at == count)
        return SLM_E_NOT_FOUND;
    *index = names[at].index;
    return SLM_OK;
}

slm_status slm_reader_find(const slm_reader *reader, const char *name, size_t length, size_t *index) {
    return find(reader->index.tensor_names, reader->index.info.tensors, name, length, index);
}

slm_status slm_reader_find_metadata(const slm_reader *reader, const char *key, size_t length, size_t *index) {
    return find(reader->index.metadata_names, reader->index.info.metadata, key, length, index);
}

slm_status slm_reader_find_payload(const slm_reader *reader, slm_payload_kind kind, size_t *index) {
    for (size_t i = reader->index.info.tensors; i < reader->index.info.payloads; i++) {
        if (reader->index.payloads[i].kind == kind) {
            *index = i;
            return SLM_OK;
        }
    }
    return SLM_E_NOT_FOUND;
}

slm_status slm_reader_coding(const slm_reader *reader, size_t tensor, slm_coding *coding) {
    if (tensor >= reader->index.info.tensors || reader->index.tensors[tensor].coding == SLM_CODING_RAW)
        return SLM_E_ARGUMENT;
    const slm_tensor *t = &reader->index.tensors[tensor];
    *coding = (slm_coding){reader->index.profiles[t->profile], t->rotation, t->sign_seed, t->run_length};
    return SLM_OK;
}
