/* hessian.c: the object behind slm_hessian: checked, dampened, rotated, factored. Sums, products and quotients of IEEE doubles in one
 * order: no machine differs. */
#include "hessian.h"

#include <math.h>

#include "../container/alloc.h"
#include "../container/error.h"
#include "../decode/rotation.h"
#include "encode_internal.h"
#include "hessian_kernel.h"
#include "rotate.h"

#define PIVOT_LEAST (SLM_HESSIAN_DAMPING / 8) /* no pivot of a dampened mean of products is below the damping, but for rounding */

#define TILE 16u /* elements and their mirror images are read by squares of this side, a line of the cache; it divides any segment */

static uint64_t tile_end(uint64_t start, uint64_t end) { return end - start < TILE ? end : start + TILE; }

static bool differ(const float *values, uint64_t n, uint64_t i, uint64_t j, double most) {
    return fabs((double)values[i * n + j] - (double)values[j * n + i]) > most;
}

static bool is_symmetric(const float *values, uint64_t n, double most) {
    for (uint64_t a = 0; a < n; a += TILE)
        for (uint64_t b = 0; b <= a; b += TILE)
            for (uint64_t i = a; i < tile_end(a, n); i++)
                for (uint64_t j = b; j < tile_end(b, n); j++)
                    if (differ(values, n, i, j, most))
                        return false;
    return true;
}

/* Finite, symmetric, and what its diagonal is on average. */
static slm_status check(const float *values, uint64_t n, double *mean, slm_error *error) {
    double sum = 0;
    for (uint64_t i = 0; i < n; i++) {
        sum += (double)values[i * n + i];
        for (uint64_t j = 0; j < n; j++) {
            if (!isfinite(values[i * n + j]))
                return slmi_fail_call(error, SLM_E_NONFINITE, "the Hessian's element (%llu, %llu) is not finite", (unsigned long long)i,
                                      (unsigned long long)j);
        }
    }
    *mean = sum / (double)n;
    if (!(*mean > 0))
        return slmi_fail_call(error, SLM_E_ARGUMENT, "the Hessian's diagonal is not positive");
    const double most = SLM_HESSIAN_ASYMMETRY * *mean;
    if (is_symmetric(values, n, most))
        return SLM_OK;
    for (uint64_t i = 0; i < n; i++) {
        for (uint64_t j = 0; j < i; j++) {
            if (differ(values, n, i, j, most))
                return slmi_fail_call(error, SLM_E_ARGUMENT, "the Hessian is not symmetric: elements (%llu, %llu) and (%llu, %llu) differ",
                                      (unsigned long long)i, (unsigned long long)j, (unsigned long long)j, (unsigned long long)i);
        }
    }
    return SLM_OK;
}

static double element(const float *values, uint64_t n, uint64_t i, uint64_t j) {
    return ((double)values[i * n + j] + (double)values[j * n + i]) / 2;
}

/* The tile at (a, b), with its signs, into a block whose rows are `size` long. */
static void read_tile(const float *values, uint64_t n, uint64_t a, uint64_t b, double mean, const int64_t *signs, double *block,
                      size_t size) {
    for (uint64_t i = 0; i < TILE; i++)
        for (uint64_t j = 0; j < TILE; j++)
            block[i * size + j] = element(values, n, a + i, b + j) / mean * (double)(signs[a + i] * signs[b + j]);
}

/* Rows first, then columns, of one block of segments: H_N x H_N / N. */
static void transform_block(double *x, size_t size) {
    for (size_t half = 1; half < size; half *= 2) {
        for (size_t start = 0; start < size; start += 2 * half) {
            for (size_t i = start; i < start + half; i++) {
                double *a = x + i * size, *b = x + (i + half) * size;
                for (size_t j = 0; j < size; j++) {
                    const double sum = a[j] + b[j], difference = a[j] - b[j];
                    a[j] = sum;
                    b[j] = difference;
                }
            }
        }
    }
    for (size_t i = 0; i < size; i++) {
        double *row = x + i * size;
        slmi_rotate_butterflies(row, size);
        for (size_t j = 0; j < size; j++)
            row[j] /= (double)size;
    }
}

/* The upper triangle, with its mean diagonal 1, as rotated rows see it. */
static slm_status fill(slm_hessian *of, const float *values, double mean) {
    const uint64_t n = of->columns;
    if (of->rotation == 0) {
        for (uint64_t a = 0; a < n; a += TILE)
            for (uint64_t b = a; b < n; b += TILE)
                for (uint64_t i = a; i < tile_end(a, n); i++)
                    for (uint64_t j = i > b ? i : b; j < tile_end(b, n); j++)
                        hessian_row(of, i)[j] = element(values, n, i, j) / mean;
        return SLM_OK;
    }
    const size_t size = (size_t)1 << of->rotation;
    double *block = slmi_allocate(&of->allocator, size, size * sizeof *block);
    int64_t *signs = slmi_allocate(&of->allocator, n, sizeof *signs);
    if (block != NULL && signs != NULL) {
        uint32_t state = slmi_rotation_register(of->sign_seed, 0);
        for (uint64_t i = 0; i < n; i++)
            signs[i] = 1;
        slmi_rotation_sign(signs, (size_t)n, &state);
        for (uint64_t a = 0; a < n; a += size) {
            for (uint64_t b = a; b < n; b += size) {
                for (uint64_t i = 0; i < size; i += TILE)
                    for (uint64_t j = 0; j < size; j += TILE)
                        read_tile(values, n, a + i, b + j, mean, signs, block + i * size + j, size);
                transform_block(block, size);
                for (uint64_t i = 0; i < size; i++)
                    for (uint64_t j = a == b ? i : 0; j < size; j++)
                        hessian_row(of, a + i)[b + j] = block[i * size + j];
            }
        }
    }
    const slm_status status = block != NULL && signs != NULL ? SLM_OK : SLM_E_MEMORY;
    slmi_free(&of->allocator, block);
    slmi_free(&of->allocator, signs);
    return status;
}

#define DRAWS 16  /* rows of random misses */
#define CHUNK 512 /* elements of U that stay in the cache for all of them */

static uint64_t draw_next(uint64_t state) { return state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407); }

/* What misses of variance 1 add to the targets on average, from misses of +-1 by a fixed generator. Misses m are made of errors e with
 * e_j = m_j - (what the errors before add to target j). All rows side by side, since U is read from memory. */
static slm_status measure_growth(slm_hessian *of) {
    const uint64_t n = of->columns;
    double *added = slmi_allocate_zeroed(&of->allocator, n, DRAWS * sizeof *added);
    uint64_t states[DRAWS] = {1}; /* a row's misses follow those of the row before */
    double sum = 0;
    if (added == NULL)
        return SLM_E_MEMORY;
    for (unsigned draw = 1; draw < DRAWS; draw++) {
        states[draw] = states[draw - 1];
        for (uint64_t j = 0; j < n; j++)
            states[draw] = draw_next(states[draw]);
    }
    for (uint64_t i = 0; i < n; i++) {
        const double *row = hessian_row(of, i);
        double errors[DRAWS];
        for (unsigned draw = 0; draw < DRAWS; draw++) {
            states[draw] = draw_next(states[draw]);
            errors[draw] = (states[draw] >> 63 != 0 ? 1 : -1) - added[draw * n + i];
        }
        for (uint64_t start = i + 1, end; start < n; start = end) {
            end = n - start < CHUNK ? n : start + CHUNK;
            for (unsigned draw = 0; draw < DRAWS; draw++)
                for (uint64_t j = start; j < end; j++)
                    added[draw * n + j] += errors[draw] * row[j];
        }
    }
    for (uint64_t j = 0; j < n * DRAWS; j++)
        sum += added[j] * added[j];
    of->growth = sum / (double)(n * DRAWS);
    slmi_free(&of->allocator, added);
    return SLM_OK;
}

static slm_status make(slm_hessian *of, const float *values, double mean, const hessian_kernel *kernel, unsigned threads,
                       uint64_t *failed) {
    const uint64_t n = of->columns;
    of->packed = slmi_allocate(&of->allocator, n % 2 == 0 ? n / 2 : n, (size_t)(n % 2 == 0 ? n + 1 : (n + 1) / 2) * sizeof *of->packed);
    of->pivots = slmi_allocate(&of->allocator, n, sizeof *of->pivots);
    if (of->packed == NULL || of->pivots == NULL)
        return SLM_E_MEMORY;
    slm_status status = fill(of, values, mean);
    for (uint64_t i = 0; i < n; i++)
        hessian_row(of, i)[i] += SLM_HESSIAN_DAMPING;
    if (status == SLM_OK)
        status = slmi_hessian_factor(of, PIVOT_LEAST, kernel, threads, failed);
    if (status == SLM_OK && *failed == n)
        status = measure_growth(of);
    return status == SLM_OK && *failed == n ? slmi_importance_of_pivots(&of->search, of->pivots, n, of->rotation != 0, &of->allocator)
                                            : status;
}

slm_status slm_hessian_create(slm_hessian **hessian, const float *values, uint64_t columns, unsigned rotation, uint16_t sign_seed,
                              const slm_encoder_options *options, slm_error *error) {
    slm_encoder_options chosen;
    if (hessian != NULL)
        *hessian = NULL;
    if (hessian == NULL || values == NULL)
        return slmi_fail_call(error, SLM_E_ARGUMENT, "no Hessian given");
    if (!slmi_encoder_options(&chosen, options))
        return slmi_fail_call(error, SLM_E_ARGUMENT, SLMI_NO_STRUCT_SIZE);
    const hessian_kernel *kernel = slmi_hessian_kernel_choose(chosen.kernel);
    if (kernel == NULL)
        return slmi_fail_call(error, SLM_E_ARGUMENT, "no kernel of that name for this machine");
    if (columns == 0 || columns > SLM_HESSIAN_COLUMNS_MAX)
        return slmi_fail_call(error, SLM_E_ARGUMENT, "a Hessian has 1 to %u columns", (unsigned)SLM_HESSIAN_COLUMNS_MAX);
    if (rotation != 0 && (rotation < SLM_ROTATION_MIN || rotation > SLM_ROTATION_MAX || columns % (UINT64_C(1) << rotation) != 0))
        return slmi_fail_call(error, SLM_E_ARGUMENT, "the rotation does not divide the Hessian's columns");
    double mean = 0;
    slm_status status = check(values, columns, &mean, error);
    if (status != SLM_OK)
        return status;
    const slm_allocator own = slmi_allocator(chosen.allocator);
    slm_hessian *made = slmi_allocate_zeroed(&own, 1, sizeof *made);
    if (made == NULL)
        return slmi_fail_memory(error);
    *made = (slm_hessian){.allocator = own, .columns = columns, .rotation = rotation, .sign_seed = sign_seed};
    made->norm = (double)(UINT64_C(1) << rotation);
    made->mean = mean;
    uint64_t failed = columns;
    status = make(made, values, mean, kernel, chosen.threads, &failed);
    if (status == SLM_OK && failed == columns) {
        *hessian = made;
        return SLM_OK;
    }
    slm_hessian_free(made);
    if (status != SLM_OK)
        return slmi_fail_memory(error);
    return slmi_fail_call(error, SLM_E_ARGUMENT, "the Hessian is not positive, with its damping: column %llu", (unsigned long long)failed);
}

double slm_hessian_mean(const slm_hessian *hessian) { return hessian->mean; }

void slm_hessian_free(slm_hessian *hessian) {
    if (hessian != NULL) {
        const slm_allocator allocator = hessian->allocator;
        slmi_free(&allocator, hessian->packed);
        slmi_free(&allocator, hessian->pivots);
        slmi_free(&allocator, hessian->search.weights);
        slmi_free(&allocator, hessian->search.roots);
        slmi_free(&allocator, hessian);
    }
}
