/* The shape of pieces, and a thread's working memory. */
#include "../container/alloc.h"
#include "encode_internal.h"

#define TRELLIS_WEIGHTS 4096           /* runs shorter than this are taken together */
#define TRELLIS_TURNS 4                /* a tensor's pieces are taken in at least so many turns */
#define TRELLIS_TURN_WEIGHTS (1 << 21) /* of at most so many weights, searched once with K <= 16: what is lost where the process ends */

piece_shape slmi_encode_piece_shape(const slm_encoder *encoder, uint64_t elements) {
    const slm_coding *coding = &encoder->coding;
    piece_shape shape = {1, coding->run_length, false};
    if (coding->profile.coding == SLM_CODING_TRELLIS) {
        if (coding->run_length < TRELLIS_WEIGHTS) {
            shape.segments = TRELLIS_WEIGHTS / coding->run_length;
        }
        return shape;
    }
    const uint64_t blocks = slmi_block_search_piece(encoder->blocks != NULL ? encoder->blocks : encoder->short_last,
                                                    elements / coding->profile.C, encoder->importance != NULL);
    const uint64_t run_blocks = slm_profile_blocks(&coding->profile, coding->run_length);
    if (run_blocks <= blocks) {
        shape.segments = blocks / run_blocks;
        return shape;
    }
    /* Eight records end on a byte, and a part of a run holds whole segments of the rotation. */
    uint64_t unit = UINT64_C(8) * coding->profile.C;
    while (coding->rotation != 0 && unit % (UINT64_C(1) << coding->rotation) != 0) {
        unit *= 2;
    }
    const uint64_t length = (blocks * coding->profile.C + unit - 1) / unit * unit;
    if (length < coding->run_length) {
        shape.length = length;
        shape.is_part = true;
    }
    return shape;
}

/* Many runs at once are searched faster; but there are to be pieces for several threads. */
uint64_t slmi_encode_pieces_together(const slm_encoder *encoder, piece_shape shape, uint64_t elements) {
    if (encoder->trellis == NULL || encoder->hessian != NULL) {
        return 1;
    }
    const uint64_t length = encoder->coding.run_length;
    const unsigned K = encoder->coding.profile.K, searches = encoder->scale_per_run ? encoder->candidates : 1;
    const uint64_t most = (TRELLIS_TURN_WEIGHTS >> (K > 16 ? K - 16 : 0)) / searches;
    uint64_t runs = slmi_trellis_runs_together(encoder->trellis);
    while (runs > 1 && (elements / length < TRELLIS_TURNS * runs || runs * length > most)) {
        runs /= 2;
    }
    return runs > shape.segments ? runs / shape.segments : 1;
}

uint64_t slmi_encode_code_bytes(const slm_encoder *encoder, uint64_t length) {
    return slm_profile_run_bytes(&encoder->coding.profile, length);
}

slm_status slmi_encode_worker_create(encode_worker *worker, const slm_encoder *encoder, piece_shape largest) {
    const slm_allocator *allocator = &encoder->allocator;
    const uint64_t weights = largest.segments * largest.length;
    slm_status status = SLM_OK;
    *worker = (encode_worker){.allocator = *allocator};
    worker->weights = slmi_allocate(allocator, weights, sizeof *worker->weights);
    worker->scales = slmi_allocate(allocator, largest.segments, sizeof *worker->scales);
    worker->codes = slmi_allocate(allocator, largest.segments, (size_t)slmi_encode_code_bytes(encoder, largest.length));
    worker->stats = slmi_allocate(allocator, largest.segments, sizeof *worker->stats);
    int complete = worker->weights != NULL && worker->scales != NULL && worker->codes != NULL && worker->stats != NULL;
    if (encoder->candidates > 1) {
        worker->candidates = slmi_allocate(allocator, largest.segments * encoder->candidates, sizeof *worker->candidates);
        worker->best_codes = slmi_allocate(allocator, largest.segments, (size_t)slmi_encode_code_bytes(encoder, largest.length));
        worker->best_stats = slmi_allocate(allocator, largest.segments, sizeof *worker->best_stats);
        worker->best_scales = slmi_allocate(allocator, largest.segments, sizeof *worker->best_scales);
        complete = complete && worker->candidates != NULL && worker->best_codes != NULL && worker->best_stats != NULL &&
                   worker->best_scales != NULL;
    }
    if (encoder->trellis != NULL) {
        slm_coding coding = encoder->coding;
        if (encoder->hessian != NULL) {
            coding.run_length = slmi_trellis_feedback_scratch(&coding.profile); /* windows are searched, and samples for scales */
            worker->feedback = slmi_allocate(allocator, 3 * encoder->coding.run_length, sizeof *worker->feedback);
            complete = complete && worker->feedback != NULL;
        }
        status = slmi_trellis_scratch_create(&worker->trellis, encoder->trellis, &coding, allocator);
    } else {
        const uint64_t blocks = largest.segments * slm_profile_blocks(&encoder->coding.profile, largest.length);
        worker->rotated = slmi_allocate(allocator, weights, sizeof *worker->rotated);
        worker->targets = slmi_allocate(allocator, weights, sizeof *worker->targets);
        worker->sample = slmi_allocate(allocator, weights, sizeof *worker->sample);
        worker->integers = slmi_allocate(allocator, largest.length, sizeof *worker->integers);
        worker->records = slmi_allocate(allocator, blocks, sizeof *worker->records);
        complete = complete && worker->rotated != NULL && worker->targets != NULL && worker->sample != NULL && worker->integers != NULL &&
                   worker->records != NULL;
        const bool weighted = encoder->importance != NULL;
        if (weighted) {
            worker->order = slmi_allocate(allocator, blocks, sizeof *worker->order);
            worker->gathered = slmi_allocate(allocator, weights, sizeof *worker->gathered);
            worker->gathered_records = slmi_allocate(allocator, blocks, sizeof *worker->gathered_records);
            complete = complete && worker->order != NULL && worker->gathered != NULL && worker->gathered_records != NULL;
        }
        if (encoder->blocks != NULL) {
            status = slmi_block_scratch_create(&worker->block, encoder->blocks, weighted, allocator);
        }
        if (status == SLM_OK && encoder->short_last != NULL) {
            status = slmi_block_scratch_create(&worker->block_short, encoder->short_last, weighted, allocator);
        }
    }
    if (status == SLM_OK && !complete) {
        status = SLM_E_MEMORY;
    }
    if (status != SLM_OK) {
        slmi_encode_worker_free(worker);
    }
    return status;
}

void slmi_encode_worker_free(encode_worker *worker) {
    const slm_allocator *allocator = &worker->allocator;
    slmi_block_scratch_free(worker->block);
    slmi_block_scratch_free(worker->block_short);
    slmi_trellis_scratch_free(worker->trellis);
    slmi_free(allocator, worker->weights);
    slmi_free(allocator, worker->rotated);
    slmi_free(allocator, worker->targets);
    slmi_free(allocator, worker->sample);
    slmi_free(allocator, worker->integers);
    slmi_free(allocator, worker->records);
    slmi_free(allocator, worker->scales);
    slmi_free(allocator, worker->codes);
    slmi_free(allocator, worker->stats);
    slmi_free(allocator, worker->order);
    slmi_free(allocator, worker->gathered);
    slmi_free(allocator, worker->gathered_records);
    slmi_free(allocator, worker->candidates);
    slmi_free(allocator, worker->best_codes);
    slmi_free(allocator, worker->best_stats);
    slmi_free(allocator, worker->best_scales);
    slmi_free(allocator, worker->feedback);
    *worker = (encode_worker){.allocator = worker->allocator};
}
