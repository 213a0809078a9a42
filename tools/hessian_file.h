/* tools/hessian_file.h: what errors in a tensor's columns cost together, a symmetric matrix a tensor: a safetensors file of type F32. */
#ifndef TOOLS_HESSIAN_FILE_H
#define TOOLS_HESSIAN_FILE_H

#include "safetensors.h"
#include "slm/encode.h"

typedef struct hessian_matrix {
    const safetensors_tensor *tensor; /* columns x columns numbers, for the tensor of that name */
    uint64_t columns;
    double mean; /* of the diagonal */
} hessian_matrix;

typedef struct hessian_file {
    int fd;
    safetensors st;
    hessian_matrix *matrices; /* one for each of st's tensors */
    uint64_t sum;             /* XXH3-64 of the file */
} hessian_file;

/* Reads the file once, to check what it holds; FAULT_INPUT says what is wrong. The numbers themselves stay in it. On success close with
 * hessian_file_close. */
bool hessian_file_open(hessian_file *file, const char *path, fault *f);
void hessian_file_close(hessian_file *file); /* an all-zero one is allowed */

/* The matrix for a tensor, or NULL. */
const hessian_matrix *hessian_file_find(const hessian_file *file, const char *name, size_t length);

/* The one matrix that is in memory, factored for one rotation. All zero: none. */
typedef struct hessian_holder {
    const hessian_matrix *matrix;
    float *values;
    slm_hessian *made;
    unsigned rotation;
    uint16_t sign_seed;
} hessian_holder;

/* Makes *hessian of `matrix` (NULL: none, *hessian is NULL) for rows coded so, with these options. It is the holder's, until the next
 * call. */
bool hessian_hold(hessian_holder *holder, const hessian_file *file, const hessian_matrix *matrix, const slm_coding *coding,
                  const slm_encoder_options *options, const slm_hessian **hessian, fault *f);
void hessian_release(hessian_holder *holder);

#endif
