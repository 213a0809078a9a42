/* Body of the dense scan, compiled once for each instruction set. The including file defines
 *   vector, LANES              a register of LANES floats
 *   TILE_BLOCKS, TILE_VECTORS  accumulators held at once: TILE_VECTORS * LANES = SCAN_LANES
 *   vector_zero(), vector_one(), vector_load(p), vector_all(f), vector_add_product(a, b, s) = s + a b,
 *   vector_take_product(a, b, s) = s - a b, vector_not_above(v, limit) = bit i set where v_i <= limit, vector_store(p, v)
 *   TARGETS_IN_MEMORY          where registers are too few to hold a target
 *   SCAN_FUNCTION              the function's name
 */
#include "block_scan.h"

#include <string.h>

#if defined(__GNUC__)
#define LOWEST_BIT(mask) ((uint32_t)__builtin_ctz(mask))
#else
static uint32_t lowest_bit(uint32_t mask) {
    uint32_t lane = 0;
    for (; (mask >> lane & 1) == 0; lane++) {
    }
    return lane;
}
#define LOWEST_BIT(mask) lowest_bit(mask)
#endif

static void append(const block_scan *scan, size_t block, uint32_t seed, const float *residuals, uint32_t mask) {
    uint64_t *list = scan->found + block * scan->capacity;
    uint32_t count = scan->counts[block];
    for (; mask != 0; mask &= mask - 1) {
        const uint32_t lane = LOWEST_BIT(mask);
        const float residual = residuals[lane] > 0 ? residuals[lane] : 0;
        uint32_t bits;
        memcpy(&bits, &residual, sizeof bits);
        list[count++] = (uint64_t)bits << 32 | (seed + lane);
    }
    scan->counts[block] = count;
}

#if defined(__GNUC__)
#define ALWAYS_INLINE inline __attribute__((always_inline))
#else
#define ALWAYS_INLINE inline
#endif
#if defined(__GNUC__) && !defined(__clang__)
#define UNROLL _Pragma("GCC unroll 16")
#else
#define UNROLL
#endif

#ifndef TARGETS_IN_MEMORY
#define CACHED_BYTES 12288 /* of the basis, to stay in the first cache while all blocks pass by */

/* For few rows: a block's target stays in registers while a stretch of the basis that fits the first cache passes by. All arguments but
 * the first are constants, so that the loops unroll. */
static ALWAYS_INLINE void scan_held(const block_scan *scan, const unsigned rows, const unsigned columns, const int complement) {
    const size_t group_size = (size_t)rows * columns * SCAN_LANES;
    const size_t stretch = CACHED_BYTES / (group_size * sizeof(float));
    for (size_t start = 0; start < scan->groups; start += stretch) {
        const size_t end = scan->groups - start < stretch ? scan->groups : start + stretch;
        for (size_t block = 0; block < scan->blocks; block++) {
            const float *target = scan->targets + block * rows;
            const float limit = scan->limits[block];
            vector x[16];
            if (limit < 0) {
                continue;
            }
            UNROLL for (unsigned c = 0; c < rows; c++) { x[c] = vector_all(target[c]); }
            const float *basis = scan->basis + start * group_size;
            for (size_t group = start; group < end; group++, basis += group_size) {
                vector sums[TILE_VECTORS];
                uint32_t mask = 0;
                UNROLL for (unsigned v = 0; v < TILE_VECTORS; v++) {
                    sums[v] = complement ? vector_zero() : vector_one();
                    UNROLL for (unsigned k = 0; k < columns; k++) {
                        vector dot = vector_zero();
                        UNROLL for (unsigned c = 0; c < rows; c++) {
                            dot = vector_add_product(vector_load(basis + (k * rows + c) * SCAN_LANES + v * LANES), x[c], dot);
                        }
                        sums[v] = complement ? vector_add_product(dot, dot, sums[v]) : vector_take_product(dot, dot, sums[v]);
                    }
                    mask |= vector_not_above(sums[v], limit) << (v * LANES);
                }
                if (mask != 0) {
                    float residuals[SCAN_LANES];
                    UNROLL for (unsigned v = 0; v < TILE_VECTORS; v++) { vector_store(residuals + v * LANES, sums[v]); }
                    append(scan, block, scan->first_seed + (uint32_t)(group * SCAN_LANES), residuals, mask);
                }
            }
        }
    }
}

#endif

/* For any shape: the targets of a few blocks are read again and again. */
static inline void scan_groups(const block_scan *scan, const unsigned rows, const unsigned columns, const int complement) {
    const size_t group_size = (size_t)rows * columns * SCAN_LANES;
    for (size_t group = 0; group < scan->groups; group++) {
        const float *basis = scan->basis + group * group_size;
        const uint32_t seed = scan->first_seed + (uint32_t)(group * SCAN_LANES);
        for (size_t block = 0; block < scan->blocks; block += TILE_BLOCKS) {
            const float *targets = scan->targets + block * rows;
            vector sums[TILE_BLOCKS][TILE_VECTORS];
            for (unsigned b = 0; b < TILE_BLOCKS; b++) {
                for (unsigned v = 0; v < TILE_VECTORS; v++) {
                    sums[b][v] = complement ? vector_zero() : vector_one();
                }
            }
            for (unsigned k = 0; k < columns; k++) {
                vector dots[TILE_BLOCKS][TILE_VECTORS];
                for (unsigned b = 0; b < TILE_BLOCKS; b++) {
                    for (unsigned v = 0; v < TILE_VECTORS; v++) {
                        dots[b][v] = vector_zero();
                    }
                }
                for (unsigned c = 0; c < rows; c++) {
                    vector columns_c[TILE_VECTORS];
                    for (unsigned v = 0; v < TILE_VECTORS; v++) {
                        columns_c[v] = vector_load(basis + (k * rows + c) * SCAN_LANES + v * LANES);
                    }
                    for (unsigned b = 0; b < TILE_BLOCKS; b++) {
                        const vector x = vector_all(targets[b * rows + c]);
                        for (unsigned v = 0; v < TILE_VECTORS; v++) {
                            dots[b][v] = vector_add_product(columns_c[v], x, dots[b][v]);
                        }
                    }
                }
                for (unsigned b = 0; b < TILE_BLOCKS; b++) {
                    for (unsigned v = 0; v < TILE_VECTORS; v++) {
                        sums[b][v] = complement ? vector_add_product(dots[b][v], dots[b][v], sums[b][v])
                                                : vector_take_product(dots[b][v], dots[b][v], sums[b][v]);
                    }
                }
            }
            for (unsigned b = 0; b < TILE_BLOCKS; b++) {
                uint32_t mask = 0;
                for (unsigned v = 0; v < TILE_VECTORS; v++) {
                    mask |= vector_not_above(sums[b][v], scan->limits[block + b]) << (v * LANES);
                }
                if (mask != 0) {
                    float residuals[SCAN_LANES];
                    for (unsigned v = 0; v < TILE_VECTORS; v++) {
                        vector_store(residuals + v * LANES, sums[b][v]);
                    }
                    append(scan, block + b, seed, residuals, mask);
                }
            }
        }
    }
}

void SCAN_FUNCTION(const block_scan *scan) {
    const scan_shape s = scan->shape;
#ifndef TARGETS_IN_MEMORY
    if (s.rows == 8 && s.columns == 3 && !s.complement) {
        scan_held(scan, 8, 3, 0); /* paper-4 */
    } else if (s.rows == 12 && s.columns == 4 && !s.complement) {
        scan_held(scan, 12, 4, 0); /* paper-3 */
    } else if (s.rows == 8 && s.columns == 2 && s.complement) {
        scan_held(scan, 8, 2, 1);
    } else
#endif
    {
        scan_groups(scan, s.rows, s.columns, s.complement);
    }
}
