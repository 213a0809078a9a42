/* tools/encode_job.h: what the parts of `slm encode` share. The job goes through them in this order: open, plan, choose, layout, fill,
 * verify. The output is made before choosing, as its journal tells what was tried. */
#ifndef TOOLS_ENCODE_JOB_H
#define TOOLS_ENCODE_JOB_H

#include <stdio.h>

#include "checkpoint.h"
#include "plan.h"
#include "progress.h"
#include "slm/encode.h"
#include "slm/writer.h"

/* What encoding reached for a tensor. */
typedef struct tensor_result {
    slm_encode_report report; /* zero for a raw one */
    uint64_t source_sum;
    float error; /* relative Frobenius error; negative where none is stated: raw tensors, or weights that are all zero */
} tensor_result;

typedef struct encode_job {
    /* Asked for. */
    const char *input, *output;
    plan_rules rules;
    unsigned threads;

    checkpoint *cp;
    plan plan;
    slm_layout *layout;
    size_t side_payload;
    slm_sink sink;
    struct encode_journal *journal; /* NULL where the output is a stream */
    tensor_result *results;
    progress *progress;
    double seconds;     /* that filling took */
    uint64_t resumed;   /* coded elements that were there before */
    char profiles[256]; /* of the coded tensors, for the metadata and the report */
} encode_job;

/* Gives each trellis-coded tensor the rotation that errs least on a sample of it, and with --bits its profile, where the rules leave that
 * open. One pass over the data. */
bool encode_choose(encode_job *job, fault *f);

/* Describes the file: profiles, tensors, sources, metadata, side files. */
bool encode_layout(encode_job *job, fault *f);

/* Writes everything to job->sink: one pass over the checkpoint's data. */
bool encode_fill(encode_job *job, fault *f);

/* Reads the file back from job->sink and compares it with the source in one more pass: raw tensors byte for byte, coded ones by their
 * error, which must be the one stated. FAULT_INPUT names the first that differs. */
bool encode_verify(encode_job *job, fault *f);

/* Seconds that filling will take, from encoding a sample of random weights with each profile; negative where that failed. */
double encode_estimate(const encode_job *job);

/* The plan, or with results what became of it. */
void encode_print(const encode_job *job, FILE *stream, bool done);
int encode_print_json(const encode_job *job, bool done, double estimate);

/* Relative Frobenius error over all coded tensors; negative where there are none. */
double encode_total_error(const encode_job *job);

#endif
