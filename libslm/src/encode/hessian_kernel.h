/* hessian_kernel.h: what a panel of columns does to the rows before it, the part that is written once for each instruction set.
 *
 * An element's products are subtracted one by one, those of the last column first, none of them fused: every kernel gives the same bits.
 */
#ifndef SLM_HESSIAN_KERNEL_H
#define SLM_HESSIAN_KERNEL_H

#include "../decode/kernel.h"
#include "hessian.h"

#define HESSIAN_GROUP 16u  /* rows that are taken together; every kernel's two vectors divide it */
#define HESSIAN_PANEL 128u /* columns of a panel at most */

typedef struct hessian_panel {
    uint64_t first, last;   /* columns [first, last) */
    const double *triangle; /* U of its own rows: [j - first][HESSIAN_PANEL], of row first + k < j at k */
    double *factors;        /* U of the rows before it: [row / HESSIAN_GROUP][j - first][row % HESSIAN_GROUP] */
    double *values;         /* the same, times D */
} hessian_panel;

typedef struct hessian_kernel {
    const char *name;
    bool (*usable)(void);
    /* U in the panel's columns for the group of rows that begins with row `start`, which is before the panel. */
    void (*finish)(const slm_hessian *of, const hessian_panel *panel, uint64_t start);
    /* Takes the panel's columns off what those rows have before them, once the rows of all groups behind are finished. */
    void (*subtract)(const slm_hessian *of, const hessian_panel *panel, uint64_t start);
} hessian_kernel;

/* The i-th kernel of this build, slowest first; NULL past the end. */
const hessian_kernel *slmi_hessian_kernel_by_index(size_t index);
/* The fastest one here that needs no more than the one of that name; NULL where none has it. Without a name the fastest. */
const hessian_kernel *slmi_hessian_kernel_choose(const char *name);

/* hessian_factor.c. From H, the upper triangle in of->packed, to U and D, with up to `threads` threads; the result depends neither on them
 * nor on the kernel. *failed is `columns`, or the last column whose pivot is below `least`: then the contents are void. SLM_E_MEMORY. */
slm_status slmi_hessian_factor(slm_hessian *of, double least, const hessian_kernel *kernel, unsigned threads, uint64_t *failed);

extern const hessian_kernel slmi_hessian_kernel_scalar;
extern const hessian_kernel slmi_hessian_kernel_avx2;
extern const hessian_kernel slmi_hessian_kernel_avx512;

#endif
