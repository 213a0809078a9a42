/* tools/decode_write.c: sources and side files on their way out. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "decode_job.h"
#include "decode_pieces.h"
#include "side_listing.h"

static bool take_piece(void *context, size_t tensor, const void *bytes, size_t size, uint64_t elements, fault *f) {
    decode_job *job = context;
    progress_item(job->progress, slm_reader_tensor(job->reader, tensor)->name);
    if (!output_write(job->output, bytes, size, f))
        return false;
    progress_add(job->progress, elements);
    job->bytes_written += size;
    return true;
}

static bool write_source(decode_job *job, const decode_source *source, fault *f) {
    uint8_t prefix[8];
    for (unsigned i = 0; i < 8; i++)
        prefix[i] = (uint8_t)((uint64_t)source->header_size >> 8 * i);
    if (!output_begin(job->output, source->name, 8 + source->header_size + source->data_size, f) ||
        !output_write(job->output, prefix, sizeof prefix, f) || !output_write(job->output, source->header, source->header_size, f))
        return false;
    job->bytes_written += 8 + source->header_size;
    return decode_tensors(job->reader, source->first_tensor, source->tensors, job->dtype, job->threads, take_piece, job, f) &&
           output_end(job->output, f);
}

static bool copy_side_file(decode_job *job, side_reader *side, const char *name, uint64_t size, fault *f) {
    static uint8_t buffer[64 << 10];
    bool ok = output_begin(job->output, name, size, f);
    for (size_t got = 1; ok && got > 0;)
        ok = side_read(side, buffer, sizeof buffer, &got, f) && output_write(job->output, buffer, got, f);
    return ok && output_end(job->output, f);
}

/* Into a folder libarchive writes them itself, below the working directory. */
static bool write_side_files(decode_job *job, fault *f) {
    side_payload payload = {job->reader, side_files_payload(job->reader)};
    int folder = output_folder_fd(job->output), before = -1;
    if (job->side.count == 0)
        return true;
    side_reader *side;
    if (!side_open(&side, side_payload_read, &payload, slm_reader_payload(job->reader, payload.payload)->size, f))
        return false;
    bool ok = true;
    if (folder >= 0) {
        before = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (before < 0 || fchdir(folder) != 0)
            ok = fault_system(f, errno, "cannot enter the new folder");
    }
    while (ok) {
        const char *name;
        uint64_t size;
        ok = side_next(side, &name, &size, f);
        if (!ok || name == NULL)
            break;
        ok = folder >= 0 ? side_extract(side, f) : copy_side_file(job, side, name, size, f);
        job->bytes_written += size;
    }
    if (before >= 0) {
        if (fchdir(before) != 0 && ok)
            ok = fault_system(f, errno, "cannot go back to the working directory");
        close(before);
    }
    side_close(side);
    return ok;
}

bool decode_write(decode_job *job, fault *f) {
    for (size_t i = 0; i < job->source_count; i++)
        if (!write_source(job, &job->sources[i], f))
            return false;
    return write_side_files(job, f);
}

bool decode_verify(const decode_job *job, fault *f) {
    for (size_t i = 0; i < slm_reader_info(job->reader)->payloads; i++) {
        slm_error error = {0};
        slm_status status = slm_reader_verify(job->reader, i, &error);
        if (status != SLM_OK)
            return fault_slm(f, status, &error, "payload %zu", i);
    }
    return true;
}

static bool is_raw(const decode_job *job, size_t tensor) { return slm_reader_tensor(job->reader, tensor)->coding == SLM_CODING_RAW; }

/* Neighbours of one kind together, so that threads are not started for each. */
bool decode_write_bytes(decode_job *job, fault *f) {
    size_t tensors = slm_reader_info(job->reader)->tensors;
    for (size_t first = 0, end; first < tensors; first = end) {
        bool raw = is_raw(job, first);
        for (end = first + 1; end < tensors && is_raw(job, end) == raw;)
            end++;
        if (!decode_tensors(job->reader, first, end - first, raw ? 0 : job->dtype, job->threads, take_piece, job, f))
            return false;
    }
    return true;
}
