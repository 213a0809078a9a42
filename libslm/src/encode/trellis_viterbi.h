/* trellis_viterbi.h: a search under way, for the files that go through it step by step. */
#ifndef SLM_TRELLIS_VITERBI_H
#define SLM_TRELLIS_VITERBI_H

#include "trellis_core.h"

/* The costs of one time. A group's cost is costs[g] + base; what goes on is costs[g] - smallest. */
typedef struct cost_row {
    void *costs; /* uint16_t; uint64_t where the search is wide, uint8_t where it is fast */
    uint64_t smallest;
    uint64_t base;
} cost_row;

struct trellis_scratch {
    slm_allocator allocator;
    void *block;           /* the one allocation behind all that follows */
    unsigned steps;        /* a window's times with 16-bit rows */
    unsigned wide_steps;   /* and with 64-bit rows */
    cost_row *rows;        /* steps + 1 of them */
    unsigned char *window; /* their costs */
    cost_row start;        /* costs at the last settled time */
    cost_row kept;         /* and at the one that follows it */
    cost_row moving[2];    /* for passing over times without keeping rows */
    uint16_t *expanded;
    uint64_t *wide_costs; /* 64-bit costs going into a plain step, and coming out */
    uint64_t *wide_next;
    uint32_t *reached[2]; /* lists of groups, while survivors are followed */
    uint8_t *marks;
    trellis_batch *batch;         /* NULL: runs are searched one by one */
    const importance *importance; /* of squared errors, or NULL: all alike */
    uint64_t first_element;       /* of the tensor, that a run begins with */
    int32_t *targets;             /* of the window's weights and of the segments they share */
};

/* A search under way. */
typedef struct viterbi {
    const trellis_search *search;
    const trellis_shape *shape;
    trellis_scratch *scratch;
    trellis_targets targets;
    uint64_t weights, times; /* of the run: weights and seeds */
    uint8_t *codes;
    bool wide;
    bool fast;
    size_t row_bytes;
    uint64_t first;        /* time of row 0 of the window */
    uint64_t first_target; /* weight that scratch->targets[0] belongs to */
} viterbi;

/* The cost of group g in a row as it goes on. */
static inline uint64_t cost_of(const viterbi *v, const cost_row *row, uint32_t g) {
    const uint64_t cost = v->wide   ? ((const uint64_t *)row->costs)[g]
                          : v->fast ? ((const uint8_t *)row->costs)[g]
                                    : ((const uint16_t *)row->costs)[g];
    return cost - row->smallest;
}

/* Sets rows of 16 or 64 bits up, with all groups possible at row 0. */
void slmi_viterbi_set_up(viterbi *v, bool wide);

/* From the costs at `time` to those at time + 1. */
void slmi_viterbi_step(const viterbi *v, uint64_t time, const cost_row *from, cost_row *to);

/* The seed one time before row r of the window that gives group g its cost: least cost, then least digit. */
uint32_t slmi_viterbi_seed_before(const viterbi *v, size_t r, uint32_t g, uint64_t *cost);

#endif
