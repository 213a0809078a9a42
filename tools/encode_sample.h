/* tools/encode_sample.h: what a coding loses, by a bounded sample of a tensor. */
#ifndef TOOLS_ENCODE_SAMPLE_H
#define TOOLS_ENCODE_SAMPLE_H

#include "encode_job.h"

#define SAMPLE_ENCODERS 12
#define SAMPLE_TRIALS_MAX 16 /* of one tensor: every rotation and every profile of --bits */

/* What a coding of the sample came to: squared norm and error, weighted where there is an importance or a Hessian. */
typedef struct sample_trial {
    double norm, error;
} sample_trial;

/* One profile's search. */
typedef struct sample_encoder {
    slm_profile profile;
    bool scale_per_run;
    slm_encoder *encoder;
} sample_encoder;

typedef struct sampler {
    const encode_job *job;
    sample_encoder encoders[SAMPLE_ENCODERS]; /* kept from one tensor to the next */
    unsigned encoder_count;
    hessian_holder hessian;
    /* Of the tensor at hand: */
    const plan_tensor *entry;
    size_t tensor;
    unsigned tried;
    float *weights;
    uint64_t count;
    uint8_t *piece;
    uint16_t *scales;
    uint8_t *codes;
    size_t code_bytes;
} sampler;

/* Reads a sample of the checkpoint's current tensor: whole runs or rows, evenly spread. */
bool sampler_take(sampler *s, size_t tensor, fault *f);
float sampler_largest(const sampler *s); /* magnitude in it */
/* What comes of coding the sample so, with the fast search, or what the journal says came of it. At most SAMPLE_TRIALS_MAX a sample. */
bool sampler_try(sampler *s, const slm_coding *coding, sample_trial *trial, fault *f);
void sampler_free(sampler *s);

#endif
