/* tools/explore_measure.c: one profile on one sample: error and its confidence, what encoding and decoding cost, the hardware's proxy. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "command.h"
#include "explore.h"
#include "slm/decode.h"
#include "slm/encode.h"

#define PAIRS 5

static unsigned bits_of(uint32_t x) {
    unsigned n = 0;
    for (; x != 0; x &= x - 1)
        n++;
    return n;
}

double explore_cells(const slm_profile *p, unsigned rotation) {
    uint32_t masks[SLM_C_MAX * SLM_P_MAX * SLM_LFSR_K_MAX],
        entries[SLM_C_MAX * SLM_P_MAX]; /* of each entry bit the seed bits it hangs on */
    const unsigned count = (unsigned)p->C * p->P;
    memset(masks, 0, sizeof masks);
    for (unsigned b = 0; b < p->K; b++) {
        slm_entries(p, UINT32_C(1) << b, entries);
        for (unsigned n = 0; n < count; n++)
            for (unsigned w = 0; w < p->W; w++)
                masks[n * p->W + w] |= (entries[n] >> w & 1) << b;
    }
    double cells = 0;
    for (unsigned i = 0; i < count * p->W; i++) {
        const unsigned inputs = bits_of(masks[i]);
        cells += inputs > 1 ? (inputs - 1 + 4) / 5 : 0;
    }
    cells /= p->C;
    const bool block = p->coding == SLM_CODING_BLOCK;
    unsigned width = p->W + (block ? p->B : 0u);
    cells += block ? (double)p->P * p->B * p->W : 0;
    unsigned adders = 0;
    for (unsigned terms = p->P; terms > 1; terms = (terms + 1) / 2)
        adders += terms / 2 * ++width; /* a level of their tree */
    cells += adders;
    cells += block ? (double)p->E * width : 0;
    width += block ? (1u << p->E) - 1 : 0;
    for (unsigned h = 0; h < rotation; h++)
        cells += ++width;
    return cells;
}

/* Half the 95 % interval of sqrt(sum e / sum n), rows independent: the ratio's variance by linearisation, and Student's quantile by its
 * expansion about the normal's. */
static double half_interval(const double *errors, const double *norms, size_t rows) {
    double error = 0, norm = 0, sum = 0;
    for (size_t r = 0; r < rows; r++)
        error += errors[r], norm += norms[r];
    if (rows < 2 || !(norm > 0) || !(error > 0))
        return 0;
    const double ratio = error / norm;
    for (size_t r = 0; r < rows; r++)
        sum += (errors[r] - ratio * norms[r]) * (errors[r] - ratio * norms[r]);
    const double free_rows = (double)(rows - 1), deviation = sqrt(sum * (double)rows / free_rows) / norm, z = 1.959964;
    return deviation / (2 * sqrt(ratio)) * z * (1 + (z * z + 1) / (4 * free_rows));
}

/* Nanoseconds a weight to F16, the codes decoded again and again: the median of a few. */
static bool decode_cost(const explore_sample *s, const slm_coding *coding, const uint8_t *codes, const uint16_t *scales, bool quick,
                        double *cost, fault *f) {
    slm_decoder decoder;
    double times[PAIRS];
    uint16_t *target = malloc(s->rows * s->columns * sizeof *target);
    bool ok = target != NULL || fault_system(f, ENOMEM, "cannot measure decoding");
    if (ok && slm_decoder_init(&decoder, coding, kernel_wanted()) != SLM_OK)
        ok = fault_set(f, FAULT_SYSTEM, "cannot make a decoder");
    for (unsigned i = 0; ok && i < PAIRS; i++) {
        unsigned calls = 0;
        const double start = bench_cpu_seconds(), least = quick ? 0 : 0.01;
        double now;
        do {
            ok = slm_decode_runs(&decoder, codes, scales, 1, s->rows, SLM_F16, target) == SLM_OK ||
                 fault_set(f, FAULT_SYSTEM, "decoding failed");
            calls++;
            now = bench_cpu_seconds();
        } while (ok && now - start < least);
        times[i] = (now - start) / calls / (double)(s->rows * s->columns) * 1e9;
    }
    free(target);
    if (ok)
        *cost = bench_median(times, PAIRS);
    return ok;
}

bool explore_measure(const explore_sample *s, const slm_profile *profile, unsigned rotation, bool quick, explore_point *point, fault *f) {
    const slm_coding coding = {.profile = *profile,
                               .rotation = (uint8_t)rotation,
                               .sign_seed = rotation != 0 ? SLM_DEFAULT_SIGN_SEED : 0,
                               .run_length = s->columns};
    const slm_encoder_options options = {.struct_size = sizeof options, .scale_per_run = true, .kernel = kernel_wanted()};
    const size_t run_bytes = (size_t)slm_profile_run_bytes(profile, s->columns);
    slm_encoder *encoder;
    const slm_status status = slm_encoder_create(&encoder, &coding, &options, NULL);
    if (status != SLM_OK)
        return status == SLM_E_MEMORY ? fault_system(f, ENOMEM, "cannot make an encoder")
                                      : fault_set(f, FAULT_UNSUPPORTED, "the exact search does not cover it");
    double *errors = calloc(s->rows, sizeof *errors), *norms = calloc(s->rows, sizeof *norms);
    uint8_t *codes = malloc(s->rows * run_bytes);
    uint16_t *scales = malloc(s->rows * sizeof *scales);
    bool ok = (errors && norms && codes && scales) || fault_system(f, ENOMEM, "cannot hold the codes");
    double error = 0, norm = 0;
    const double start = bench_cpu_seconds();
    for (size_t r = 0; ok && r < s->rows; r++) {
        slm_encode_report report;
        ok = slm_encode_memory(encoder, s->columns, s->weights + r * s->columns, scales + r, codes + r * run_bytes, &report, NULL) ==
                 SLM_OK ||
             fault_set(f, FAULT_SYSTEM, "encoding failed");
        if (ok)
            error += errors[r] = report.squared_error, norm += norms[r] = report.squared_norm;
    }
    if (ok) {
        const double weights = (double)(s->rows * s->columns);
        *point = (explore_point){.rows = s->rows, .columns = s->columns, .rotation = rotation};
        memcpy(point->source, s->source, sizeof point->source);
        profile_to_text(profile, point->profile);
        point->encode = (bench_cpu_seconds() - start) / weights * 1e9;
        point->bits = 8.0 * (double)(run_bytes + sizeof *scales) / (double)s->columns;
        point->error = norm > 0 ? sqrt(error / norm) : 0;
        point->confidence = half_interval(errors, norms, s->rows);
        point->cells = explore_cells(profile, rotation);
        ok = decode_cost(s, &coding, codes, scales, quick, &point->decode, f);
    }
    slm_encoder_free(encoder);
    free(errors);
    free(norms);
    free(codes);
    free(scales);
    return ok;
}
