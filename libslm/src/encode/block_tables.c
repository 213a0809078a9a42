/* Tables of all seeds of a profile, made once. */
#include "block_tables.h"

#include <math.h>
#include <string.h>

#include "../container/alloc.h"

#define BASIS_BYTES_MAX ((uint64_t)96 << 20) /* a larger basis is made again for each call */

/* Memory for `bytes` bytes, to be freed, and the first multiple of 64 in it. */
static void *allocate_aligned(const slm_allocator *allocator, uint64_t bytes, void **aligned) {
    unsigned char *memory = slmi_allocate(allocator, bytes + 63, 1);
    *aligned = memory != NULL ? memory + (64 - (uintptr_t)memory % 64) % 64 : NULL;
    return memory;
}

/* Float error. Let u = 2^-24, k basis columns, C rows; target and columns are unit vectors rounded to float. A computed product of a
 * column and the target errs by at most (C + 2) u (Cauchy-Schwarz; fused or not, any order), so its square by 2 |y_i| (C + 2) u and
 * second-order terms, the sum of the squares by 2 sqrt(k) (C + 2) u as |y| <= 1, and the k subtractions from 1 by k u. Doubled here. */
float slmi_scan_margin(scan_shape shape) {
    const double unit = 1.0 / (1 << 24);
    return (float)(2 * unit * (2 * sqrt(shape.columns) * (shape.rows + 2) + shape.columns + 4));
}

static uint32_t groups_of(const slm_profile *profile) { return ((UINT32_C(1) << profile->K) + SCAN_LANES - 1) / SCAN_LANES; }

int slmi_seed_tables_fit(const slm_profile *profile, unsigned rows) {
    const scan_shape shape = slmi_scan_shape_of(profile, rows);
    const uint64_t floats = (uint64_t)groups_of(profile) * SCAN_LANES * (shape.columns * rows + 1);
    return floats * sizeof(float) <= BASIS_BYTES_MAX;
}

slm_status slmi_seed_tables_create(seed_tables *tables, const slm_profile *profile, unsigned rows, const slm_allocator *allocator) {
    *tables = (seed_tables){.profile = *profile, .shape = slmi_scan_shape_of(profile, rows), .groups = groups_of(profile)};
    const uint64_t seeds = (uint64_t)tables->groups * SCAN_LANES;
    void *basis;
    tables->margin = slmi_scan_margin(tables->shape);
    tables->memory[0] = allocate_aligned(allocator, seeds * tables->shape.columns * rows * sizeof(float), &basis);
    tables->memory[1] = slmi_allocate(allocator, seeds, sizeof(float));
    if (tables->memory[0] == NULL || tables->memory[1] == NULL) {
        slmi_seed_tables_free(tables, allocator);
        return SLM_E_MEMORY;
    }
    tables->basis = basis;
    tables->shortest = tables->memory[1];
    slmi_scan_basis_fill(profile, tables->shape, NULL, 0, tables->groups, tables->basis, tables->shortest);
    return SLM_OK;
}

void slmi_seed_tables_free(seed_tables *tables, const slm_allocator *allocator) {
    for (unsigned i = 0; i < sizeof tables->memory / sizeof tables->memory[0]; i++) {
        slmi_free(allocator, tables->memory[i]);
        tables->memory[i] = NULL;
    }
    tables->basis = NULL;
    tables->integers = NULL;
}

int slmi_seed_tables_completable(const seed_tables *tables) {
    const scan_shape shape = tables->shape;
    return tables->profile.K <= 16 && shape.columns > 0 && tables->profile.P < shape.rows && shape.rows <= 2 * FILTER_PAIRS_MAX &&
           shape.columns <= 4 * FILTER_FOURS_MAX;
}

static size_t triangle_floats(const seed_tables *tables) { return tables->profile.P * (tables->profile.P + 1U) / 2; }

static void store_brief(const seed_tables *tables, uint32_t seed, const seed_lattice *lattice) {
    const unsigned columns = lattice->columns;
    const size_t entries = (size_t)lattice->rows * columns;
    float *target = tables->triangles + seed * (triangle_floats(tables) + 2);
    for (unsigned i = 0; i < columns; i++) {
        for (unsigned j = i; j < columns; j++) {
            *target++ = (float)lattice->triangle[(size_t)i * SLM_P_MAX + j];
        }
    }
    *target++ = (float)lattice->norm;
    *target = nextafterf((float)lattice->shortest, 0);
    for (size_t i = 0; i < entries; i++) {
        tables->entries[seed * entries + i] = (int16_t)lattice->entries[i];
    }
}

seed_brief slmi_seed_tables_brief(const seed_tables *tables, uint32_t seed) {
    const size_t floats = triangle_floats(tables);
    const float *triangle = tables->triangles + seed * (floats + 2);
    const int16_t *entries = tables->entries + seed * (size_t)tables->shape.rows * tables->profile.P;
    return (seed_brief){tables->shape.rows, entries, triangle, triangle[floats], triangle[floats + 1], tables->drift};
}

/* The integer basis of a seed from the float one. */
static void store_integers(const seed_tables *tables, uint32_t seed) {
    const scan_shape shape = tables->shape;
    const residual_shape residual = tables->residual;
    const float *basis = tables->basis + (size_t)(seed / SCAN_LANES) * shape.columns * shape.rows * SCAN_LANES + seed % SCAN_LANES;
    int16_t *target = tables->integers + (size_t)seed * residual.pairs * residual.fours * 8;
    for (unsigned f = 0; f < residual.fours; f++) {
        for (unsigned j = 0; j < residual.pairs; j++) {
            for (unsigned i = 0; i < 8; i++) {
                const unsigned k = 4 * f + i / 2;
                const unsigned c = 2 * j + i % 2;
                const int inside = k < shape.columns && c < shape.rows;
                *target++ = (int16_t)(inside ? rint((double)basis[((size_t)k * shape.rows + c) * SCAN_LANES] * RESIDUAL_UNIT) : 0);
            }
        }
    }
}

slm_status slmi_seed_tables_complete(seed_tables *tables, const slm_allocator *allocator) {
    const scan_shape shape = tables->shape;
    const uint64_t seeds = (uint64_t)tables->groups * SCAN_LANES;
    seed_lattice lattice;
    void *integers;
    if (tables->integers != NULL) {
        return SLM_OK;
    }
    tables->residual.pairs = (shape.rows + 3) / 4 * 2;
    tables->residual.fours = (shape.columns + 3) / 4;
    tables->residual.complement = shape.complement != 0;
    /* Basis columns and target are rounded to multiples of 1 / RESIDUAL_UNIT, after a rounding to float. */
    const double step = 0.5 / RESIDUAL_UNIT + 1e-7;
    tables->drift = 1.01 * step * (sqrt((double)shape.columns * shape.rows) + sqrt(shape.rows));
    tables->memory[2] =
        allocate_aligned(allocator, seeds * tables->residual.pairs * tables->residual.fours * 8 * sizeof(int16_t), &integers);
    tables->memory[3] = slmi_allocate(allocator, seeds, (triangle_floats(tables) + 2) * sizeof(float));
    tables->memory[4] = slmi_allocate(allocator, seeds, sizeof(int16_t) * shape.rows * tables->profile.P);
    if (tables->memory[2] == NULL || tables->memory[3] == NULL || tables->memory[4] == NULL) {
        return SLM_E_MEMORY;
    }
    tables->triangles = tables->memory[3];
    tables->entries = tables->memory[4];
    tables->integers = integers;
    for (uint32_t seed = 0; seed < seeds; seed++) {
        store_integers(tables, seed); /* zeros where there is no seed */
        if (!shape.complement && seed > 0 && seed >> tables->profile.K == 0) {
            slmi_seed_lattice_make(&lattice, &tables->profile, shape.rows, NULL, seed);
            store_brief(tables, seed, &lattice);
        }
    }
    return SLM_OK;
}
