/* A piece in memory: measured, given scales by a rule, and searched, with one scale or with several of which the best stays. */
#include <math.h>
#include <string.h>

#include "block_scale.h"
#include "encode_internal.h"

void slmi_encode_piece_measure(const slm_encoder *encoder, encode_worker *worker, uint64_t first, uint64_t count, uint64_t column,
                               weight_stats *stats) {
    if (encoder->trellis == NULL) {
        slmi_block_piece_measure(encoder, worker, first, count, column, stats);
        return;
    }
    for (uint64_t i = first; i < first + count; i++) {
        const double magnitude = fabs((double)worker->weights[i]);
        stats->squared_norm += magnitude * magnitude;
        stats->maximum = magnitude > stats->maximum ? magnitude : stats->maximum;
    }
    stats->weights += count;
}

slm_status slmi_encode_trellis_scale(const slm_encoder *encoder, encode_worker *worker, const weight_stats *stats, const float *sample,
                                     uint64_t runs, uint64_t element, uint64_t stride, uint16_t *scale) {
    const slm_hessian *hessian = encoder->hessian;
    slmi_trellis_scratch_weigh(worker->trellis, hessian != NULL ? &hessian->search : encoder->importance, element);
    const slm_status status =
        slmi_trellis_choose_scale(encoder->trellis, worker->trellis, &encoder->coding, stats, sample, runs, stride, scale);
    if (status == SLM_OK && hessian != NULL) {
        *scale = slmi_trellis_feedback_scale(encoder->trellis, &encoder->coding, hessian, *scale);
    }
    return status;
}

/* The scale of segment s of a piece in memory. */
slm_status slmi_encode_piece_scale(const slm_encoder *encoder, encode_worker *worker, piece_shape shape, uint64_t s,
                                   const weight_stats *stats) {
    const slm_profile *profile = &encoder->coding.profile;
    const uint64_t first = s * shape.length;
    if (encoder->trellis != NULL) {
        return slmi_encode_trellis_scale(encoder, worker, stats, worker->weights + first, 1, worker->element + first, 0,
                                         &worker->scales[s]);
    }
    const uint64_t blocks = shape.length / profile->C;
    const size_t count = slmi_block_scale_sample(profile, blocks);
    for (size_t i = 0; i < count; i++) {
        memcpy(worker->sample + i * profile->C, worker->rotated + first + i * blocks / count * profile->C,
               profile->C * sizeof *worker->sample);
    }
    worker->scales[s] = slmi_block_choose_scale(encoder->blocks, worker->block, &encoder->coding, stats, worker->sample, count,
                                                worker->targets, worker->records);
    return SLM_OK;
}

/* Codes a piece that was measured, with worker->scales, to worker->codes and worker->stats. */
slm_status slmi_encode_piece_search(const slm_encoder *encoder, encode_worker *worker, piece_shape shape, uint64_t column) {
    if (encoder->trellis == NULL) {
        slmi_block_piece_encode(encoder, worker, shape, column);
        return SLM_OK;
    }
    if (encoder->hessian != NULL) {
        const size_t run_bytes = (size_t)slmi_encode_code_bytes(encoder, shape.length);
        slm_status status = SLM_OK;
        for (uint64_t s = 0; status == SLM_OK && s < shape.segments; s++) {
            status = slmi_trellis_encode_feedback(encoder->trellis, worker->trellis, &encoder->coding, encoder->hessian, worker->feedback,
                                                  worker->weights + s * shape.length, worker->scales[s], worker->codes + s * run_bytes,
                                                  &worker->stats[s]);
        }
        return status;
    }
    slmi_trellis_scratch_weigh(worker->trellis, encoder->importance, worker->element);
    return slmi_trellis_encode_runs(encoder->trellis, worker->trellis, &encoder->coding, worker->weights, worker->scales,
                                    (size_t)shape.segments, worker->codes, worker->stats);
}

/* Tries every candidate for every segment: the least error stays, of several the smallest scale. */
slm_status slmi_encode_piece_search_scales(const slm_encoder *encoder, encode_worker *worker, piece_shape shape, uint64_t column) {
    const uint64_t segments = shape.segments;
    const size_t bytes = (size_t)slmi_encode_code_bytes(encoder, shape.length);
    unsigned most = 0;
    for (uint64_t s = 0; s < segments; s++) {
        uint16_t *candidates = worker->candidates + s * encoder->candidates;
        const unsigned count = slmi_scale_candidates(&encoder->coding, worker->scales[s], encoder->candidates, candidates);
        for (unsigned i = count; i < encoder->candidates; i++) {
            candidates[i] = candidates[count - 1];
        }
        most = count > most ? count : most;
    }
    for (unsigned i = 0; i < most; i++) {
        for (uint64_t s = 0; s < segments; s++) {
            worker->scales[s] = worker->candidates[s * encoder->candidates + i];
        }
        const slm_status status = slmi_encode_piece_search(encoder, worker, shape, column);
        if (status != SLM_OK) {
            return status;
        }
        for (uint64_t s = 0; s < segments; s++) {
            if (i == 0 || worker->stats[s].weighted_error < worker->best_stats[s].weighted_error) {
                const uint64_t examined = i == 0 ? 0 : worker->best_stats[s].examined;
                memcpy(worker->best_codes + s * bytes, worker->codes + s * bytes, bytes);
                worker->best_scales[s] = worker->scales[s];
                worker->best_stats[s] = worker->stats[s];
                worker->best_stats[s].examined += examined;
            } else {
                worker->best_stats[s].examined += worker->stats[s].examined;
            }
        }
    }
    memcpy(worker->codes, worker->best_codes, (size_t)segments * bytes);
    memcpy(worker->scales, worker->best_scales, (size_t)segments * sizeof *worker->scales);
    memcpy(worker->stats, worker->best_stats, (size_t)segments * sizeof *worker->stats);
    return SLM_OK;
}
