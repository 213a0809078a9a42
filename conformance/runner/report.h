/* What came out, for people and for machines. */
#ifndef REPORT_H
#define REPORT_H

#include <stdio.h>

#include "judge.h"

/* A run of the decoder: which vector, which output type, what happened. */
typedef struct trial {
    const vector *vector;
    int dtype;
    judgement judgement;
} trial;

void report_tap(FILE *stream, const trial *trials, size_t count);
bool report_junit(const char *path, const trial *trials, size_t count);
bool report_json(const char *path, const trial *trials, size_t count);

/* The failures, the rules they concern, and the verdict's line. Returns whether nothing failed. */
bool report_summary(FILE *stream, const trial *trials, size_t count);

bool is_failure(outcome o);

#endif
