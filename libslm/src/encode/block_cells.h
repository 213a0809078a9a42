/* Cells of directions, each with the list of seeds that can be near a block of it. */
#ifndef SLM_BLOCK_CELLS_H
#define SLM_BLOCK_CELLS_H

#include "block_scan.h"
#include "block_tables.h"

#define CELL_LEVELS 2 /* at most 64 cells, and each of them in parts */

/* For a direction c, the seeds whose subspace makes an angle with it whose squared sine is at most `cut`, nearest first. Each has an
 * integer vector G of length about FILTER_UNIT: along c's part beside the subspace, or 0. */
typedef struct cell_list {
    uint8_t *rows;   /* groups x pairs x FILTER_GROUP x 2 bytes G + FILTER_OFFSET; NULL: not made */
    uint16_t *seeds; /* groups x FILTER_GROUP; 0 for none, with G = 0 */
    float *starts;   /* groups: no squared sine in this or a later group is below this */
    size_t groups;
    double cut;
    double norm; /* no |G| is larger */
    double skew; /* no part of a G inside its seed's subspace is longer */
} cell_list;

typedef struct cell_level {
    unsigned count;    /* 0 where the lists would take too much memory */
    float *directions; /* count / DIRECTION_GROUP x rows x DIRECTION_GROUP */
    cell_list *lists;
    double cut;
    bool ready;
} cell_level;

typedef struct block_cells {
    slm_allocator allocator;
    const seed_tables *tables;
    const block_scan_kernel *scan;
    const block_filter_kernel *filter;
    unsigned pairs;
    unsigned coarse; /* cells of level 0 */
    unsigned parts;  /* of each */
    double expected; /* the squared relative error blocks are expected to end with */
    cell_level levels[CELL_LEVELS];
} block_cells;

/* Where a block lies: a near cell of each level; that of level 1 need not be a part of that of level 0. */
typedef struct cell_place {
    unsigned cell[CELL_LEVELS];
} cell_place;

/* `tables` are complete and outlive the cells; `error` is the relative error that blocks are expected to end with. */
slm_status slmi_block_cells_create(block_cells *cells, const seed_tables *tables, const block_scan_kernel *scan,
                                   const block_filter_kernel *filter, double error, const slm_allocator *allocator);
void slmi_block_cells_free(block_cells *cells);

/* Makes the lists of a level, with up to `threads` threads. */
slm_status slmi_block_cells_make(block_cells *cells, unsigned level, unsigned threads);

/* A near cell of each level for a unit vector (any near one does). */
cell_place slmi_block_cells_place(const block_cells *cells, const float *x);

/* The direction of a cell, and its length. */
double slmi_block_cells_direction(const block_cells *cells, unsigned level, unsigned cell, double *direction);

#endif
