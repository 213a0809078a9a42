/* tools/encode_sample.h: what a coding loses, by a bounded sample of a tensor. */
#ifndef TOOLS_ENCODE_SAMPLE_H
#define TOOLS_ENCODE_SAMPLE_H

#include "encode_job.h"

#define SAMPLE_ENCODERS 12

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
    float *weights;
    uint64_t count;
    uint8_t *piece;
    uint16_t *scales;
    uint8_t *codes;
    size_t code_bytes;
} sampler;

/* Reads a sample of the checkpoint's current tensor: whole runs or rows, evenly spread. */
bool sampler_take(sampler *s, const plan_tensor *entry, const safetensors_tensor *t, fault *f);
float sampler_largest(const sampler *s); /* magnitude in it */
/* The tensor's report if coded so, as far as the sample tells, with the fast search; errors weighted where there is an importance
 * or a Hessian. */
bool sampler_try(sampler *s, const slm_coding *coding, slm_encode_report *report, fault *f);
void sampler_free(sampler *s);

#endif
