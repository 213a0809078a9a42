/* importance.c: weights of squared errors and their roots. Sums, quotients and square roots of IEEE doubles in one order: no machine
 * differs. */
#include "importance.h"

#include <math.h>

#include "../container/alloc.h"

static importance_root quantise(double root) {
    int exponent;
    const double fraction = frexp(root, &exponent); /* in [1/2, 1) */
    unsigned significand = (unsigned)(fraction * 32768 + 0.5);
    if (significand == 32768) {
        significand = 16384;
        exponent++;
    }
    return (importance_root){ldexp(significand, exponent - 15), (uint16_t)significand, (int16_t)(exponent - 15)};
}

static importance_root root_of(double weight) {
    const double root = sqrt(weight);
    return quantise(root < IMPORTANCE_ROOT_MIN ? IMPORTANCE_ROOT_MIN : root > IMPORTANCE_ROOT_MAX ? IMPORTANCE_ROOT_MAX : root);
}

slm_status slmi_importance_create(importance **made, const float *values, uint64_t columns, const slm_allocator *allocator) {
    *made = NULL;
    if (columns == 0) {
        return SLM_E_ARGUMENT;
    }
    double sum = 0;
    bool equal = true;
    for (uint64_t c = 0; c < columns; c++) {
        if (!(values[c] >= 0) || !isfinite(values[c])) {
            return SLM_E_ARGUMENT;
        }
        sum += (double)values[c];
        equal = equal && values[c] <= values[0] && values[c] >= values[0];
    }
    if (equal) {
        return SLM_OK;
    }
    importance *of = slmi_allocate_zeroed(allocator, 1, sizeof *of);
    if (of == NULL) {
        return SLM_E_MEMORY;
    }
    of->allocator = *allocator;
    of->columns = columns;
    of->weights = slmi_allocate(allocator, columns, sizeof *of->weights);
    if (of->weights == NULL) {
        slmi_importance_free(of);
        return SLM_E_MEMORY;
    }
    const double mean = sum / (double)columns;
    for (uint64_t c = 0; c < columns; c++) {
        const double root = root_of((double)values[c] / mean).value;
        of->weights[c] = root * root;
    }
    *made = of;
    return SLM_OK;
}

slm_status slmi_importance_aim(importance *of, unsigned rotation) {
    const uint64_t segment = UINT64_C(1) << rotation;
    uint64_t rows = 1; /* until segments and columns begin together again */
    while (of->columns * rows % segment != 0) {
        if (of->columns > UINT64_MAX / (rows * 2)) {
            return SLM_E_MEMORY;
        }
        rows *= 2; /* segments are powers of two */
    }
    const uint64_t period = of->columns * rows;
    importance_root *roots = slmi_allocate(&of->allocator, period, sizeof *roots);
    if (roots == NULL) {
        return SLM_E_MEMORY;
    }
    for (uint64_t first = 0; first < period; first += segment) {
        double sum = 0;
        for (uint64_t i = first; i < first + segment; i++) {
            sum += of->weights[i % of->columns];
        }
        const importance_root root = quantise(sqrt(sum / (double)segment));
        for (uint64_t i = first; i < first + segment; i++) {
            roots[i] = root;
        }
    }
    slmi_free(&of->allocator, of->roots);
    of->roots = roots;
    of->period = period;
    return SLM_OK;
}

slm_status slmi_importance_of_pivots(importance *of, const double *pivots, uint64_t columns, bool spread, const slm_allocator *allocator) {
    double sum = 0;
    of->allocator = *allocator;
    of->columns = of->period = columns;
    of->weights = slmi_allocate(allocator, columns, sizeof *of->weights);
    of->roots = slmi_allocate(allocator, columns, sizeof *of->roots);
    if (of->weights == NULL || of->roots == NULL) {
        return SLM_E_MEMORY;
    }
    for (uint64_t c = 0; c < columns; c++) {
        sum += pivots[c];
    }
    for (uint64_t c = 0; c < columns; c++) {
        of->roots[c] = root_of(pivots[c] / (sum / (double)columns));
        of->weights[c] = spread ? 1 : of->roots[c].value * of->roots[c].value;
    }
    return SLM_OK;
}

void slmi_importance_free(importance *of) {
    if (of != NULL) {
        const slm_allocator allocator = of->allocator;
        slmi_free(&allocator, of->weights);
        slmi_free(&allocator, of->roots);
        slmi_free(&allocator, of);
    }
}
