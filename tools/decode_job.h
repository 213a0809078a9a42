/* tools/decode_job.h: what the parts of `slm decode` share. */
#ifndef TOOLS_DECODE_JOB_H
#define TOOLS_DECODE_JOB_H

#include "output.h"
#include "progress.h"
#include "safetensors.h"
#include "side_files.h"
#include "slm/reader.h"

/* A safetensors file to be made. */
typedef struct decode_source {
    const char *name;
    char *header; /* as it will be written, malloc'ed */
    size_t header_size;
    size_t first_tensor, tensors;
    uint64_t data_size;
} decode_source;

typedef struct decode_job {
    const slm_reader *reader;
    slm_dtype dtype; /* asked for, or 0 */
    unsigned threads;
    bool side_wanted;

    decode_source *sources;
    size_t source_count;
    side_list side; /* the files that will be extracted */
    output *output;
    output_form form;
    progress *progress;
    uint64_t bytes_written;
} decode_job;

/* Finds the sources, or makes one up where the file names none, and checks that their headers describe the tensors that are there. */
bool decode_plan(decode_job *job, fault *f);
void decode_plan_free(decode_job *job);

/* Writes all sources and side files to job->output. */
bool decode_write(decode_job *job, fault *f);

/* Checks every byte of the file; then all tensors' bytes, coded ones as job->dtype, go to job->output, and nothing else. */
bool decode_verify(const decode_job *job, fault *f);
bool decode_write_bytes(decode_job *job, fault *f);

#endif
