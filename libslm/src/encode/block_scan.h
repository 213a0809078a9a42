/* The dense scan of block coding: which seeds can still win, by their least-squares residual in single precision. */
#ifndef SLM_BLOCK_SCAN_H
#define SLM_BLOCK_SCAN_H

#include <stddef.h>
#include <stdint.h>

#include "block_basis.h"
#include "block_filter.h"

#define SCAN_BLOCKS 6 /* the number of blocks of a scan is a multiple of this */

/* Residuals of all seeds of `groups` against all targets; those not above a target's limit are appended to its list as
 * (residual's bits << 32 | seed), residuals below 0 as 0. The residual is 1 - sum_k (basis_k . x)^2, or sum_k (basis_k . x)^2 for a
 * complement, computed in float in any order with or without fused multiplication: block_search.c states the error it allows for. */
typedef struct block_scan {
    scan_shape shape;
    const float *basis; /* groups x columns x rows x SCAN_LANES, aligned to 64 bytes */
    size_t groups;
    uint32_t first_seed;
    const float *targets; /* blocks x rows: unit vectors */
    const float *limits;  /* one a block; a limit below 0 keeps nothing */
    size_t blocks;
    uint64_t *found; /* blocks x capacity; capacity >= groups * SCAN_LANES */
    size_t capacity;
    uint32_t *counts; /* one a block: length of its list */
} block_scan;

typedef void (*block_scan_function)(const block_scan *scan);

typedef struct block_scan_kernel {
    const char *name;
    block_scan_function run;
    const block_filter_kernel *filter; /* of the same instruction set */
} block_scan_kernel;

/* The fastest kernel of this machine that needs no more than the one called `name`; NULL: than any. NULL where none is called that. */
const block_scan_kernel *slmi_block_scan_find(const char *name);

void slmi_block_scan_scalar(const block_scan *scan);
void slmi_block_scan_avx2(const block_scan *scan);
void slmi_block_scan_avx512(const block_scan *scan);

#endif
