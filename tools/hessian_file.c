/* tools/hessian_file.c: reading Hessians, one at a time, since all of a model's are larger than the model. */
#include "hessian_file.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "positioned.h"

static uint64_t place_of(const hessian_file *file, const safetensors_tensor *t) { return 8 + file->st.header_size + t->begin; }

static bool check_shape(const safetensors_tensor *t, fault *f) {
    if (t->dtype != SLM_F32 || t->rank != 2 || t->shape[0] != t->shape[1] || t->elements == 0)
        return fault_set(f, FAULT_INPUT, "'%s': a Hessian is a square matrix of type F32", t->name);
    if (t->shape[0] > SLM_HESSIAN_COLUMNS_MAX)
        return fault_set(f, FAULT_UNSUPPORTED, "'%s': Hessians of more than %u columns are not supported", t->name,
                         (unsigned)SLM_HESSIAN_COLUMNS_MAX);
    return true;
}

/* Sums the matrix's bytes up, row by row, and its diagonal. */
static bool read_matrix(hessian_file *file, hessian_matrix *matrix, XXH3_state_t *state, uint8_t *row, float *values, fault *f) {
    const safetensors_tensor *t = matrix->tensor;
    const size_t size = (size_t)matrix->columns * sizeof *values;
    double diagonal = 0;
    for (uint64_t i = 0; i < matrix->columns; i++) {
        const int error = positioned_read(file->fd, place_of(file, t) + i * size, row, size);
        if (error != 0)
            return fault_system(f, error, "cannot read it");
        XXH3_64bits_update(state, row, size);
        slm_widen(SLM_F32, row, (size_t)matrix->columns, values);
        for (uint64_t j = 0; j < matrix->columns; j++)
            if (!isfinite(values[j]))
                return fault_set(f, FAULT_INPUT, "'%s': element (%llu, %llu) is infinite or NaN", t->name, (unsigned long long)i,
                                 (unsigned long long)j);
        diagonal += (double)values[i];
    }
    matrix->mean = diagonal / (double)matrix->columns;
    return true;
}

static bool read_all(hessian_file *file, fault *f) {
    uint64_t columns = 1;
    file->matrices = calloc(file->st.count > 0 ? file->st.count : 1, sizeof *file->matrices);
    if (file->matrices == NULL)
        return fault_system(f, ENOMEM, "cannot hold the Hessians");
    for (size_t i = 0; i < file->st.count; i++) {
        const safetensors_tensor *t = &file->st.tensors[i];
        if (!check_shape(t, f))
            return false;
        file->matrices[i] = (hessian_matrix){.tensor = t, .columns = t->shape[0]};
        columns = t->shape[0] > columns ? t->shape[0] : columns;
    }
    uint8_t *row = malloc(4 * (size_t)columns); /* F32 */
    float *values = malloc((size_t)columns * sizeof *values);
    XXH3_state_t *state = XXH3_createState();
    bool ok = (row != NULL && values != NULL && state != NULL) || fault_system(f, ENOMEM, "cannot hold the Hessians");
    if (ok) {
        XXH3_64bits_reset(state);
        XXH3_64bits_update(state, file->st.header, file->st.header_size);
        for (size_t i = 0; ok && i < file->st.count; i++)
            ok = read_matrix(file, &file->matrices[i], state, row, values, f);
        file->sum = XXH3_64bits_digest(state);
    }
    XXH3_freeState(state);
    free(row);
    free(values);
    return ok;
}

bool hessian_file_open(hessian_file *file, const char *path, fault *f) {
    *file = (hessian_file){.fd = open(path, O_RDONLY | O_CLOEXEC)};
    struct stat about;
    if (file->fd < 0) {
        *file = (hessian_file){0};
        return fault_system(f, errno, "cannot open it");
    }
    bool ok = fstat(file->fd, &about) == 0 || fault_system(f, errno, "cannot read it");
    if (ok && !S_ISREG(about.st_mode))
        ok = fault_set(f, FAULT_INPUT, "no regular file");
    if (ok && safetensors_read(&file->st, file->fd, f) && read_all(file, f))
        return true;
    file->matrices = file->matrices != NULL ? file->matrices : calloc(1, sizeof *file->matrices);
    hessian_file_close(file);
    return false;
}

void hessian_file_close(hessian_file *file) {
    if (file->matrices == NULL) /* not open */
        return;
    close(file->fd);
    safetensors_free(&file->st);
    free(file->matrices);
    *file = (hessian_file){.sum = file->sum};
}

const hessian_matrix *hessian_file_find(const hessian_file *file, const char *name, size_t length) {
    const safetensors_tensor *t = safetensors_find(&file->st, name, length);
    return t != NULL ? &file->matrices[t - file->st.tensors] : NULL;
}

void hessian_release(hessian_holder *holder) {
    slm_hessian_free(holder->made);
    free(holder->values);
    *holder = (hessian_holder){0};
}

static bool load(hessian_holder *holder, const hessian_file *file, const hessian_matrix *matrix, fault *f) {
    const uint64_t n = matrix->columns;
    uint8_t *row = malloc(4 * (size_t)n); /* F32 */
    holder->values = malloc((size_t)(n * n) * sizeof *holder->values);
    bool ok =
        (row != NULL && holder->values != NULL) || fault_system(f, ENOMEM, "cannot hold a Hessian of %llu columns", (unsigned long long)n);
    for (uint64_t i = 0; ok && i < n; i++) {
        const int error = positioned_read(file->fd, place_of(file, matrix->tensor) + i * n * sizeof(float), row, (size_t)n * sizeof(float));
        ok = error == 0 || fault_system(f, error, "'%s': cannot read its Hessian", matrix->tensor->name);
        if (ok)
            slm_widen(SLM_F32, row, (size_t)n, holder->values + i * n);
    }
    free(row);
    holder->matrix = matrix;
    return ok;
}

bool hessian_hold(hessian_holder *holder, const hessian_file *file, const hessian_matrix *matrix, const slm_coding *coding,
                  const slm_encoder_options *options, const slm_hessian **hessian, fault *f) {
    *hessian = NULL;
    if (matrix == NULL)
        return true;
    if (holder->matrix != matrix) {
        hessian_release(holder);
        if (!load(holder, file, matrix, f)) {
            hessian_release(holder);
            return false;
        }
    }
    if (holder->made == NULL || holder->rotation != coding->rotation || holder->sign_seed != coding->sign_seed) {
        slm_error error = {0};
        slm_hessian_free(holder->made);
        holder->rotation = coding->rotation;
        holder->sign_seed = coding->sign_seed;
        const slm_status status =
            slm_hessian_create(&holder->made, holder->values, matrix->columns, coding->rotation, coding->sign_seed, options, &error);
        if (status != SLM_OK)
            return status == SLM_E_MEMORY ? fault_slm(f, status, &error, "'%s'", matrix->tensor->name)
                                          : fault_set(f, FAULT_INPUT, "'%s': %s", matrix->tensor->name, error.message);
    }
    *hessian = holder->made;
    return true;
}
