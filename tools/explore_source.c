/* tools/explore_source.c: samples for slm explore: drawn from a distribution, or rows of a tensor. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint.h"
#include "explore.h"
#include "glob.h"

const char *const explore_sources[] = {"gaussian", "laplace", "student4", "outliers", "uneven", NULL};

#define PI 3.14159265358979323846

/* splitmix64, as a fraction in (0, 1). */
static double uniform(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return ((double)((z ^ z >> 31) >> 11) + 0.5) / 9007199254740992.0;
}

static double gaussian(uint64_t *state) {
    const double radius = sqrt(-2 * log(uniform(state)));
    return radius * cos(2 * PI * uniform(state));
}

static double laplace(uint64_t *state) {
    const double u = uniform(state) - 0.5;
    return u < 0 ? log(1 + 2 * u) : -log(1 - 2 * u);
}

/* Student's t with 4 degrees of freedom: a sum of four squares is a sum of two exponentials. */
static double student4(uint64_t *state) {
    const double chi = -2 * log(uniform(state)) - 2 * log(uniform(state));
    return gaussian(state) / sqrt(chi / 4);
}

static bool reserve(explore_sample *sample, fault *f) {
    sample->weights = calloc(sample->rows, sample->columns * sizeof *sample->weights);
    return sample->weights != NULL || fault_system(f, ENOMEM, "cannot hold the sample");
}

bool explore_draw(explore_sample *sample, const char *name, size_t rows, size_t columns, fault *f) {
    *sample = (explore_sample){.rows = rows, .columns = columns};
    snprintf(sample->source, sizeof sample->source, "%s", name);
    if (!reserve(sample, f))
        return false;
    uint64_t state = 1;
    for (size_t r = 0; r < rows; r++) {
        /* Rows of very different scale: over three orders of magnitude. */
        const double scale = strcmp(name, "uneven") == 0 ? pow(10, -3 * uniform(&state)) : 1;
        for (size_t c = 0; c < columns; c++) {
            double w = strcmp(name, "laplace") == 0 ? laplace(&state) : strcmp(name, "student4") == 0 ? student4(&state) : gaussian(&state);
            if (strcmp(name, "outliers") == 0 && uniform(&state) < 0.001)
                w = w < 0 ? -30 : 30;
            sample->weights[r * columns + c] = (float)(w * scale);
        }
    }
    return true;
}

/* The rows of the tensor that `cp` stands at. */
static bool read_rows(explore_sample *sample, const checkpoint *cp, const safetensors_tensor *t, fault *f) {
    const size_t element = slm_dtype_bits(t->dtype) / 8;
    const uint64_t all = t->elements / sample->columns;
    unsigned char *row = malloc(sample->columns * element);
    if (row == NULL)
        return fault_system(f, ENOMEM, "cannot hold the sample");
    bool ok = true;
    for (size_t r = 0; r < sample->rows && ok; r++) {
        const uint64_t at = r * all / sample->rows * sample->columns;
        float *weights = sample->weights + r * sample->columns;
        ok = checkpoint_read_at(cp, at * element, row, sample->columns * element, f);
        if (!ok)
            break;
        slm_widen(t->dtype, row, sample->columns, weights);
        for (size_t c = 0; c < sample->columns && ok; c++)
            if (!isfinite(weights[c]))
                ok = fault_set(f, FAULT_INPUT, "tensor %s holds a NaN or an infinity", t->name);
    }
    free(row);
    return ok;
}

static bool codable(const safetensors_tensor *t) {
    return (t->dtype == SLM_F32 || t->dtype == SLM_F16 || t->dtype == SLM_BF16) && t->rank >= 2 && t->elements > 0 &&
           t->shape[t->rank - 1] <= 65536;
}

static void name_source(explore_sample *sample, const char *path, const char *tensor) {
    const size_t length = strlen(path);
    const char *shown = length > 200 ? path + length - 200 : path;
    snprintf(sample->source, sizeof sample->source, "%s:%.300s", shown, tensor);
    for (char *c = sample->source; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7e || *c == '"')
            *c = '?';
}

bool explore_take(explore_sample *sample, const char *path, const char *glob, size_t rows, size_t *next, fault *f) {
    checkpoint *cp;
    *sample = (explore_sample){.rows = rows};
    if (!checkpoint_open(&cp, path, &(checkpoint_options){.no_side_files = true}, f))
        return false;
    const size_t count = checkpoint_tensors(cp);
    size_t wanted = *next, tensor = SIZE_MAX;
    while (wanted < count && !(codable(checkpoint_tensor(cp, wanted)) && glob_match(glob, checkpoint_tensor(cp, wanted)->name)))
        wanted++;
    *next = wanted + 1;
    bool ok = true;
    if (wanted < count) {
        const safetensors_tensor *t = checkpoint_tensor(cp, wanted);
        sample->columns = (size_t)t->shape[t->rank - 1];
        if (t->elements / sample->columns < rows)
            sample->rows = (size_t)(t->elements / sample->columns);
        name_source(sample, path, t->name);
        ok = checkpoint_rewind(cp, f);
        while (ok && tensor != wanted && (ok = checkpoint_next(cp, &tensor, f)) && tensor == SIZE_MAX)
            ok = fault_set(f, FAULT_INPUT, "tensor %s was not found again", t->name);
        ok = ok && checkpoint_hold(cp, f) && reserve(sample, f) && read_rows(sample, cp, t, f);
    }
    checkpoint_close(cp);
    if (!ok) {
        free(sample->weights);
        sample->weights = NULL;
    }
    return ok;
}
