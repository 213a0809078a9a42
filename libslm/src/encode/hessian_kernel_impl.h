/* hessian_kernel_impl.h: the kernel, for the vectors its includer names: VECTOR of VECTOR_LANES doubles, LOAD, STORE, SPLAT, MUL, SUB, DIV.
 */
#include "hessian_kernel.h"

#ifndef ROWS
#define ROWS 4u /* of a tile of ROWS x 2 vectors, whose sums stay in registers */
#endif

static uint64_t rows_of_group(const hessian_panel *panel, uint64_t start) {
    return panel->first - start < HESSIAN_GROUP ? panel->first - start : HESSIAN_GROUP;
}

static void finish(const slm_hessian *of, const hessian_panel *panel, uint64_t start) {
    const uint64_t width = panel->last - panel->first, rows = rows_of_group(panel, start);
    double *values = panel->values + start * width, *factors = panel->factors + start * width;
    for (uint64_t r = 0; r < HESSIAN_GROUP; r++) {
        const double *row = r < rows ? hessian_row(of, start + r) + panel->first : NULL;
        for (uint64_t j = 0; j < width; j++)
            values[j * HESSIAN_GROUP + r] = row != NULL ? row[j] : 0;
    }
    for (uint64_t j = width; j-- > 0;) {
        const double *triangle = panel->triangle + j * HESSIAN_PANEL;
        const VECTOR pivot = SPLAT(of->pivots[panel->first + j]);
        for (unsigned lane = 0; lane < HESSIAN_GROUP; lane += VECTOR_LANES) {
            const VECTOR value = LOAD(values + j * HESSIAN_GROUP + lane);
            STORE(factors + j * HESSIAN_GROUP + lane, DIV(value, pivot));
            for (uint64_t k = 0; k < j; k++) {
                double *other = values + k * HESSIAN_GROUP + lane;
                STORE(other, SUB(LOAD(other), MUL(value, SPLAT(triangle[k]))));
            }
        }
    }
    for (uint64_t r = 0; r < rows; r++) {
        double *row = hessian_row(of, start + r) + panel->first;
        for (uint64_t j = 0; j < width; j++)
            row[j] = factors[j * HESSIAN_GROUP + r];
    }
}

/* Columns [from, to) of one row; they lie in one group. */
static void subtract_some(const slm_hessian *of, const hessian_panel *panel, uint64_t i, uint64_t from, uint64_t to) {
    const uint64_t width = panel->last - panel->first, group = i - i % HESSIAN_GROUP, other = from - from % HESSIAN_GROUP;
    const double *values = panel->values + group * width + (i - group);
    double *row = hessian_row(of, i);
    for (uint64_t k = from; k < to; k++) {
        const double *factors = panel->factors + other * width + (k - other);
        for (uint64_t j = width; j-- > 0;)
            row[k] -= values[j * HESSIAN_GROUP] * factors[j * HESSIAN_GROUP];
    }
}

/* ROWS rows from `i` on, 2 vectors of columns from `from` on. */
static inline void subtract_tile(const slm_hessian *of, uint64_t i, uint64_t from, const double *values, const double *factors,
                                 uint64_t width) {
    double *row[ROWS];
    VECTOR low[ROWS], high[ROWS];
    for (unsigned r = 0; r < ROWS; r++) {
        row[r] = hessian_row(of, i + r) + from;
        low[r] = LOAD(row[r]);
        high[r] = LOAD(row[r] + VECTOR_LANES);
    }
    for (uint64_t j = width; j-- > 0;) {
        const VECTOR a = LOAD(factors + j * HESSIAN_GROUP), b = LOAD(factors + j * HESSIAN_GROUP + VECTOR_LANES);
        for (unsigned r = 0; r < ROWS; r++) {
            const VECTOR value = SPLAT(values[j * HESSIAN_GROUP + r]);
            low[r] = SUB(low[r], MUL(value, a));
            high[r] = SUB(high[r], MUL(value, b));
        }
    }
    for (unsigned r = 0; r < ROWS; r++) {
        STORE(row[r], low[r]);
        STORE(row[r] + VECTOR_LANES, high[r]);
    }
}

static void subtract(const slm_hessian *of, const hessian_panel *panel, uint64_t start) {
    const uint64_t width = panel->last - panel->first, rows = rows_of_group(panel, start), end = start + rows;
    const uint64_t whole = panel->first - panel->first % HESSIAN_GROUP; /* columns before it are in whole groups */
    const double *values = panel->values + start * width;
    for (uint64_t i = start; i < end; i++)
        subtract_some(of, panel, i, i, end);
    for (uint64_t k = end; k < whole; k += HESSIAN_GROUP) /* so that this group is a whole one, too */
        for (unsigned r = 0; r < HESSIAN_GROUP; r += ROWS)
            for (unsigned lane = 0; lane < HESSIAN_GROUP; lane += 2 * VECTOR_LANES)
                subtract_tile(of, start + r, k + lane, values + r, panel->factors + k * width + lane, width);
    if (end < panel->first && whole < panel->first)
        for (uint64_t i = start; i < end; i++)
            subtract_some(of, panel, i, whole, panel->first);
}
