/* trellis_batch.h: the trellis search of several runs at once, a lane of each vector a run: libslm/doc/trellis-search.md, "Many runs". */
#ifndef SLM_TRELLIS_BATCH_H
#define SLM_TRELLIS_BATCH_H

#include <stddef.h>
#include <stdint.h>

#define BATCH_RUNS_MAX 64u
#define BATCH_VECTOR_MAX 64u
#define BATCH_DIGITS 8u /* whose costs a step holds in registers */
#define BATCH_GAP 64u   /* bytes: what a step writes at once would else fall to one set of a cache */
#define BATCH_UNIT 8u   /* bytes: what offsets count, the most an address can multiply by */

typedef struct batch_shape {
    unsigned K, k, C; /* K >= 2k */
    unsigned levels;  /* numbers of T: P (2^W - 1) + 1 */
    unsigned groups;  /* 2^(K-k) */
    unsigned vector;  /* bytes of a vector: all runs' costs of a group */
    size_t row_bytes; /* of all groups' vectors, with gaps: batch_place() */
    /* Where in a table of costs, [C][levels] vectors, those of a seed's T are, in units of BATCH_UNIT, in the order a step reads them. */
    const uint16_t *offsets;
} batch_shape;

typedef struct trellis_batch_kernel {
    unsigned vector, runs;
    /* costs[n] = square(targets, entries[n]) as in trellis_step.h, n < levels. Not for the fast search. */
    void (*squares)(const int16_t *targets, const int16_t *entries, unsigned levels, unsigned shift, void *costs);
    /* A row from the one before: to[g] = min over d of from[(g << k | d) mod groups] - smallest + sum over c of the costs of state
     * g << k | d, saturating. *least becomes the smallest of them. */
    void (*step)(const batch_shape *shape, const unsigned char *costs, const unsigned char *from, const unsigned char *smallest,
                 unsigned char *to, unsigned char *least);
    /* The first group of each run that costs *least. */
    void (*find)(const batch_shape *shape, const unsigned char *row, const unsigned char *least, uint32_t *groups);
} trellis_batch_kernel;

/* Where in a row a group's vector begins. */
static inline size_t batch_place(const batch_shape *shape, size_t group) {
    return group * shape->vector + (group >> (shape->K - 2 * shape->k)) * BATCH_GAP;
}

extern const trellis_batch_kernel slmi_trellis_batch_avx2;
extern const trellis_batch_kernel slmi_trellis_batch_fast_avx2;
extern const trellis_batch_kernel slmi_trellis_batch_avx512;
extern const trellis_batch_kernel slmi_trellis_batch_fast_avx512;

#endif
