/* tools/explore.h: what the parts of slm explore share: a sample of weights, a point (one profile measured on it), and the log of points.
 */
#ifndef SLM_TOOLS_EXPLORE_H
#define SLM_TOOLS_EXPLORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "fault.h"
#include "profile_text.h"

#define EXPLORE_SOURCE_SIZE 512

/* Rows of weights, drawn or taken from a tensor. */
typedef struct explore_sample {
    char source[EXPLORE_SOURCE_SIZE]; /* "gaussian", or "FILE:TENSOR": printable, without quotes */
    size_t rows, columns;
    float *weights;
} explore_sample;

typedef struct explore_point {
    char source[EXPLORE_SOURCE_SIZE];
    size_t rows, columns;
    char profile[PROFILE_TEXT_SIZE];
    unsigned rotation;
    double bits;       /* a weight, scales and closing bits included */
    double error;      /* relative Frobenius error */
    double confidence; /* half the width of its 95 % interval, rows taken as independent draws */
    double encode;     /* nanoseconds of CPU a weight */
    double decode;     /* nanoseconds a weight to F16 from cache, fastest kernel here */
    double cells;      /* explore_cells() */
} explore_point;

/* explore_source.c. A drawn source by its name ("gaussian", ...): rows of `columns` weights, the same on every machine but for the last bit
 * of the mathematical library. NULL ends the names. */
extern const char *const explore_sources[];
bool explore_draw(explore_sample *sample, const char *name, size_t rows, size_t columns, fault *f);

/* Rows of a tensor, spread evenly over it. `next` is the tensor to look at first; on success *next is the one after that taken, and
 * sample->weights is NULL where none was left that matches and can be coded. */
bool explore_take(explore_sample *sample, const char *path, const char *glob, size_t rows, size_t *next, fault *f);

/* explore_measure.c. Measures profile and rotation on the sample by the exact search. false: f says why; f->kind FAULT_UNSUPPORTED where
 * the search does not cover the profile. */
bool explore_measure(const explore_sample *sample, const slm_profile *profile, unsigned rotation, bool quick, explore_point *point,
                     fault *f);

/* A proxy of what decoding a weight costs in hardware, in 6-input LUTs, nothing shared: of each entry bit, an XOR of n bits of the seed,
 * ceil((n - 1) / 5); for every bit of every adder one; for a product of a coefficient and an entry B * W; for the shift by the exponent E
 * times the sum's width; for each stage of a rotation the width there. */
double explore_cells(const slm_profile *profile, unsigned rotation);

/* explore_log.c: a CSV file to which points are appended, each flushed, and from which they are read again. */
typedef struct explore_log {
    FILE *file;
    explore_point *points;
    size_t count;
} explore_log;

bool explore_log_open(explore_log *log, const char *path, fault *f);
bool explore_log_add(explore_log *log, const explore_point *point, const char *path, fault *f);
/* The point of that profile and rotation on that sample, or NULL. */
const explore_point *explore_log_find(const explore_log *log, const explore_sample *sample, const char *profile, unsigned rotation);
void explore_log_close(explore_log *log);

/* explore_front.c. A point is on the front where none of the same source and shape has at most its bits, error, encode cost, decode cost
 * and cells, and less of one; times count as equal within 10 %, bits within 0.02. */
bool explore_on_front(const explore_point *points, size_t count, size_t index);
void explore_table(const explore_point *points, size_t count, bool all);
bool explore_svg(const explore_point *points, size_t count, const char *path, fault *f);

#endif
