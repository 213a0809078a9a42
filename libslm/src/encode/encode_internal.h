/* What the files of the encoding driver share. */
#ifndef SLM_ENCODE_INTERNAL_H
#define SLM_ENCODE_INTERNAL_H

#include <float.h>

#include "block_search.h"
#include "hessian.h"
#include "importance.h"
#include "scale_candidates.h"
#include "search_stats.h"
#include "slm/encode.h"
#include "trellis_search.h"

struct slm_encoder {
    slm_allocator allocator;
    slm_coding coding;
    slm_search search;
    bool scale_per_run;
    unsigned candidates; /* scales tried in full; 1: the rule's alone */
    unsigned threads;
    char kernel[16];            /* as asked for; "" for the fastest */
    importance *importance;     /* of squared errors by column; NULL: all alike */
    const slm_hessian *hessian; /* of error feedback, the caller's; or NULL */
    block_search *blocks;       /* block coding: whole blocks */
    block_search *short_last;   /* block coding: a run's last block of run_length mod C weights, or NULL */
    trellis_search *trellis;    /* trellis coding */
};

/* Doubles must be computed as doubles, or the bytes depend on the machine: for 32-bit x86 that takes -msse2 -mfpmath=sse. */
_Static_assert(FLT_EVAL_METHOD == 0 || FLT_EVAL_METHOD == 1, "this target computes doubles with more bits than they have");

/* Work is cut into pieces: `segments` stretches of `length` weights lying one behind another. They are whole runs, or one part
 * of a run whose codes begin and end on byte boundaries. */
typedef struct piece_shape {
    uint64_t segments;
    uint64_t length;
    bool is_part; /* of a run */
} piece_shape;

/* A block, and where in the period of the importance it begins. */
typedef struct weighted_block {
    uint64_t place;
    size_t block;
} weighted_block;

/* Working memory of one thread. */
typedef struct encode_worker {
    slm_allocator allocator;
    uint64_t element;  /* of the tensor: the piece's first */
    float *weights;    /* a piece's */
    double *rotated;   /* block coding: the same, in double and rotated where the coding is */
    double *sample;    /* block coding: blocks a scale is tried on */
    double *targets;   /* block coding: of whole blocks, or of short last ones */
    uint64_t *records; /* block coding: of whole blocks, then of short last ones */
    int64_t *integers; /* block coding: a segment's */
    uint16_t *scales;  /* a piece's, one a segment */
    uint8_t *codes;
    search_stats *stats; /* of each segment */
    /* Block coding with an importance: */
    weighted_block *order;
    double *gathered; /* targets of blocks that have the same weights, times their roots */
    uint64_t *gathered_records;
    /* Where several scales are tried: */
    uint16_t *candidates; /* of each segment, encoder->candidates places */
    uint8_t *best_codes;
    search_stats *best_stats;
    uint16_t *best_scales;
    block_scratch *block;
    block_scratch *block_short;
    trellis_scratch *trellis;
    double *feedback; /* slmi_trellis_encode_feedback's */
} encode_worker;

/* What is asked for, the defaults for what is not there; false where struct_size is not set. */
bool slmi_encoder_options(slm_encoder_options *chosen, const slm_encoder_options *options);
#define SLMI_NO_STRUCT_SIZE "struct_size of slm_encoder_options is not set"

/* Pieces of a tensor of the encoder's coding: the largest shape of one. The same on all machines: reports are added up piece by piece. */
piece_shape slmi_encode_piece_shape(const slm_encoder *encoder, uint64_t elements);
/* Pieces of that shape that a thread best takes at once, a matter of speed alone; above 1 they are whole runs. */
uint64_t slmi_encode_pieces_together(const slm_encoder *encoder, piece_shape shape, uint64_t elements);
/* Bytes of the codes of `length` weights of a run from a block's first. */
uint64_t slmi_encode_code_bytes(const slm_encoder *encoder, uint64_t length);

slm_status slmi_encode_worker_create(encode_worker *worker, const slm_encoder *encoder, piece_shape largest);
void slmi_encode_worker_free(encode_worker *worker);

/* encode_piece.c. Adds to the statistics of weights [first, first + count) of a piece. `column`: that of the first one in its run. */
void slmi_encode_piece_measure(const slm_encoder *encoder, encode_worker *worker, uint64_t first, uint64_t count, uint64_t column,
                               weight_stats *stats);
/* Trellis coding: the rule's scale for weights whose statistics are given; `sample` as in slmi_trellis_choose_scale(), its first run being
 * at `element` of the tensor. */
slm_status slmi_encode_trellis_scale(const slm_encoder *encoder, encode_worker *worker, const weight_stats *stats, const float *sample,
                                     uint64_t runs, uint64_t element, uint64_t stride, uint16_t *scale);
/* The rule's scale of segment s, whose statistics are given. */
slm_status slmi_encode_piece_scale(const slm_encoder *encoder, encode_worker *worker, piece_shape shape, uint64_t s,
                                   const weight_stats *stats);
/* Codes a piece that was measured, with worker->scales, to worker->codes and worker->stats. */
slm_status slmi_encode_piece_search(const slm_encoder *encoder, encode_worker *worker, piece_shape shape, uint64_t column);
/* The same with each of the candidates around every segment's scale: the least error stays, of several the smallest scale. */
slm_status slmi_encode_piece_search_scales(const slm_encoder *encoder, encode_worker *worker, piece_shape shape, uint64_t column);

/* block_piece.c. Prepares worker->rotated [first, first + count) from worker->weights and adds to the statistics of the rotated weights, in
 * their order. `column`: that of the first weight in its run, a multiple of the rotation's size. */
void slmi_block_piece_measure(const slm_encoder *encoder, encode_worker *worker, uint64_t first, uint64_t count, uint64_t column,
                              weight_stats *stats);
/* Codes a piece that was measured, with worker->scales; sets worker->codes and worker->stats. `column`: that of each segment's first weight
 * in its run. */
void slmi_block_piece_encode(const slm_encoder *encoder, encode_worker *worker, piece_shape shape, uint64_t column);

/* block_weighted.c. Records of the blocks whose targets are in worker->targets, under the encoder's importance; returns how many seeds were
 * looked at closely. */
uint64_t slmi_block_weighted_search(const slm_encoder *encoder, encode_worker *worker, piece_shape shape, bool short_last, size_t blocks,
                                    uint64_t *records);

#endif
