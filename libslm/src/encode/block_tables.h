/* Tables of all seeds of a profile: bases for the scans, and the factorisations a closer look needs. */
#ifndef SLM_BLOCK_TABLES_H
#define SLM_BLOCK_TABLES_H

#include "block_candidate.h"
#include "block_filter.h"
#include "slm/file.h"

typedef struct seed_tables {
    slm_profile profile;
    scan_shape shape;
    uint32_t groups; /* of SCAN_LANES seeds */
    float *basis;    /* as slmi_scan_basis_fill() makes it, aligned to 64 bytes */
    float *shortest;
    float margin; /* more than a residual of unit vectors computed in float from the basis can be wrong by */
    /* Those below are made by slmi_seed_tables_complete(): NULL before. */
    residual_shape residual;
    int16_t *integers; /* the basis a seed at a time, times RESIDUAL_UNIT: fours x pairs x 4 columns x 2 rows */
    double drift;      /* |B^T x| of unit vectors computed from `integers` and a filter_target is wrong by no more than this */
    float *triangles;  /* a seed's seed_brief.triangle, norm and shortest; not for a complement */
    int16_t *entries;  /* a seed's U by columns; not for a complement */
    void *memory[5];
} seed_tables;

/* Whether tables of a profile stay within bounds. */
int slmi_seed_tables_fit(const slm_profile *profile, unsigned rows);
slm_status slmi_seed_tables_create(seed_tables *tables, const slm_profile *profile, unsigned rows, const slm_allocator *allocator);
/* Whether slmi_seed_tables_complete() covers the profile: K and the number of rows and columns are bounded. */
int slmi_seed_tables_completable(const seed_tables *tables);
slm_status slmi_seed_tables_complete(seed_tables *tables, const slm_allocator *allocator);
void slmi_seed_tables_free(seed_tables *tables, const slm_allocator *allocator);

/* Asks for the memory of a seed's short form, to be there soon. */
static inline void seed_tables_fetch(const seed_tables *tables, uint32_t seed) {
#if defined(__GNUC__)
    const size_t columns = tables->profile.P;
    if (!tables->shape.complement) {
        const char *entries = (const char *)(tables->entries + seed * tables->shape.rows * columns);
        __builtin_prefetch(tables->triangles + seed * (columns * (columns + 1) / 2 + 2));
        __builtin_prefetch(entries);
        __builtin_prefetch(entries + tables->shape.rows * columns * sizeof(int16_t) - 1);
    }
#else
    (void)tables;
    (void)seed;
#endif
}

/* The short form of a seed's lattice; tables are complete, and not of a complement. */
seed_brief slmi_seed_tables_brief(const seed_tables *tables, uint32_t seed);

/* More than a residual of unit vectors computed in float can be wrong by. */
float slmi_scan_margin(scan_shape shape);

#endif
