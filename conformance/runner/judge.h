/* One run of a decoder on one vector, and the judgement of what it did. */
#ifndef JUDGE_H
#define JUDGE_H

#include <stdatomic.h>

#include "manifest.h"

typedef enum outcome {
    PASSED,
    DECLINED,      /* a valid file that the decoder had declared it does not support, and refused */
    WRONG_OUTPUT,  /* accepted, but the bytes differ */
    WRONG_REFUSAL, /* refused a file it must decode */
    WRONG_ACCEPT,  /* accepted a file it must refuse */
    WRONG_CLASS,   /* refused with the exit code of another class (--exit-codes) */
    CRASHED,       /* ended by a signal */
    HUNG,          /* did not end in time */
    NOT_RUN,       /* the decoder could not be started, or the disk failed */
    OUTCOMES
} outcome;
extern const char *const outcome_names[OUTCOMES];

typedef struct decoder {
    const char *command;   /* with {input}, {output} and {dtype} */
    double timeout;        /* seconds a run */
    bool exit_codes;       /* 3 means invalid, 4 unsupported */
    const char **supports; /* NULL-terminated words of the manifest's needs; NULL: everything */
    const char *folder;    /* temporary files go here */
    const atomic_int *end; /* the signal that ends everything; 0 until then */
} decoder;

typedef struct judgement {
    outcome outcome;
    double seconds;
    char detail[160];
} judgement;

/* Writes the vector's bytes to a file, runs the decoder for `dtype`, and judges. `slot` keeps concurrent runs apart. Where a signal ends
 * everything the decoder is killed and there is nothing to judge: NOT_RUN. */
judgement judge(const decoder *d, const vector *v, const unsigned char *data, int dtype, unsigned slot);

#endif
