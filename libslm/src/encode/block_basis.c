/* Factorisation of the matrices U(s) by Householder reflections, in double and in one fixed order of operations. */
#include "block_basis.h"

#include <math.h>
#include <string.h>

#include "slm/decode.h"

static void factorise(seed_lattice *lattice) {
    const unsigned rows = lattice->rows;
    const unsigned columns = lattice->columns;
    double work[SLM_C_MAX * SLM_P_MAX];
    memcpy(work, lattice->entries, sizeof(double) * rows * columns);
    for (unsigned j = 0; j < lattice->reflections; j++) {
        const double *source = work + (size_t)j * rows;
        double *vector = lattice->reflectors + (size_t)j * rows;
        double tail = 0;
        for (unsigned c = j + 1; c < rows; c++) {
            tail += source[c] * source[c];
        }
        double diagonal = source[j];
        for (unsigned c = 0; c < j; c++) {
            vector[c] = 0;
        }
        lattice->factors[j] = 0;
        for (unsigned c = j; c < rows; c++) {
            vector[c] = source[c];
        }
        if (tail > 0) {
            const double length = sqrt(tail + diagonal * diagonal);
            diagonal = diagonal > 0 ? -length : length; /* the sign that does not cancel */
            vector[j] = source[j] - diagonal;
            lattice->factors[j] = 2 / (tail + vector[j] * vector[j]);
        }
        double *triangle = lattice->triangle + (size_t)j * SLM_P_MAX;
        for (unsigned p = 0; p < j; p++) {
            triangle[p] = 0;
        }
        triangle[j] = diagonal;
        for (unsigned p = j + 1; p < columns; p++) {
            double *column = work + (size_t)p * rows;
            double product = 0;
            for (unsigned c = j; c < rows; c++) {
                product += vector[c] * column[c];
            }
            product *= lattice->factors[j];
            for (unsigned c = j; c < rows; c++) {
                column[c] -= product * vector[c];
            }
            triangle[p] = column[j];
        }
    }
}

void slmi_seed_lattice_make(seed_lattice *lattice, const slm_profile *profile, unsigned rows, const double *roots, uint32_t seed) {
    uint32_t values[SLM_C_MAX * SLM_P_MAX];
    const unsigned columns = profile->P;
    const double middle = (double)(UINT32_C(1) << (profile->W - 1));
    slm_entries(profile, seed, values);
    lattice->rows = rows;
    lattice->columns = columns;
    lattice->reflections = rows < columns ? rows : columns;
    double square = 0;
    for (unsigned c = 0; c < rows; c++) {
        for (unsigned p = 0; p < columns; p++) {
            double entry = (double)values[c * columns + p] - middle;
            if (roots != NULL) {
                entry *= roots[c];
            }
            lattice->entries[p * rows + c] = entry;
            square += entry * entry;
        }
    }
    lattice->norm = sqrt(square);
    factorise(lattice);
    lattice->shortest = rows < columns ? 0 : fabs(lattice->triangle[0]);
    for (unsigned i = 1; i < columns && lattice->shortest > 0; i++) {
        const double diagonal = fabs(lattice->triangle[(size_t)i * SLM_P_MAX + i]);
        if (diagonal < lattice->shortest) {
            lattice->shortest = diagonal;
        }
    }
}

void slmi_seed_lattice_project(const seed_lattice *lattice, double *vector) {
    for (unsigned j = 0; j < lattice->reflections; j++) {
        const double *reflector = lattice->reflectors + (size_t)j * lattice->rows;
        double product = 0;
        for (unsigned c = j; c < lattice->rows; c++) {
            product += reflector[c] * vector[c];
        }
        product *= lattice->factors[j];
        for (unsigned c = j; c < lattice->rows; c++) {
            vector[c] -= product * reflector[c];
        }
    }
}

/* Column k of the orthogonal matrix Q (rows x rows): the reflections in reverse order, applied to unit vector k. */
static void orthogonal_column(const seed_lattice *lattice, unsigned k, double *column) {
    for (unsigned c = 0; c < lattice->rows; c++) {
        column[c] = c == k ? 1 : 0;
    }
    for (unsigned j = lattice->reflections; j-- > 0;) {
        const double *reflector = lattice->reflectors + (size_t)j * lattice->rows;
        double product = 0;
        for (unsigned c = j; c < lattice->rows; c++) {
            product += reflector[c] * column[c];
        }
        product *= lattice->factors[j];
        for (unsigned c = j; c < lattice->rows; c++) {
            column[c] -= product * reflector[c];
        }
    }
}

scan_shape slmi_scan_shape_of(const slm_profile *profile, unsigned rows) {
    scan_shape shape = {rows, profile->P, 0};
    if (profile->P >= rows) {
        shape.columns = 0; /* U may span everything: nothing to bound */
        shape.complement = 1;
    } else if (rows - profile->P < profile->P) {
        shape.columns = rows - profile->P;
        shape.complement = 1;
    }
    return shape;
}

void slmi_scan_basis_fill(const slm_profile *profile, scan_shape shape, const double *roots, uint32_t first_seed, uint32_t groups,
                          float *basis, float *shortest) {
    const uint32_t last = (UINT32_C(1) << profile->K) - 1;
    const size_t group_size = (size_t)shape.columns * shape.rows * SCAN_LANES;
    seed_lattice lattice;
    double column[SLM_C_MAX];
    for (uint32_t i = 0; i < groups * SCAN_LANES; i++) {
        const uint32_t seed = first_seed + i;
        float *target = basis + (i / SCAN_LANES) * group_size + i % SCAN_LANES;
        if (seed == 0 || seed > last) {
            for (size_t j = 0; j < (size_t)shape.columns * shape.rows; j++) {
                target[j * SCAN_LANES] = 0;
            }
            shortest[i] = INFINITY;
            continue;
        }
        slmi_seed_lattice_make(&lattice, profile, shape.rows, roots, seed);
        for (unsigned k = 0; k < shape.columns; k++) {
            orthogonal_column(&lattice, shape.complement ? lattice.reflections + k : k, column);
            for (unsigned c = 0; c < shape.rows; c++) {
                target[((size_t)k * shape.rows + c) * SCAN_LANES] = (float)column[c];
            }
        }
        shortest[i] = nextafterf((float)lattice.shortest, 0);
    }
}
