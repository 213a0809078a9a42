/* tools/bench.h: what the parts of slm bench share. A part is one function, listed in the table of bench.c. */
#ifndef SLM_TOOLS_BENCH_H
#define SLM_TOOLS_BENCH_H

#include <stdbool.h>
#include <stddef.h>

#include "report.h"
#include "slm/decode.h"

typedef struct bench_options {
    const char *profile; /* measure this one alone; NULL for all named ones */
    const char *file;    /* the operand behind the part's name, or NULL */
    bool quick;          /* sizes and repetitions for a test: the figures mean little */
    json_t *report;      /* to be filled where not NULL; else a table goes to standard output */
} bench_options;

int bench_decode(const bench_options *options);
int bench_encode(const bench_options *options);
int bench_hessian(const bench_options *options);

/* bench_decode's last part: whole files. */
int bench_files(const bench_options *options);

/* Random codes of `runs` runs: no seed 0, padding zero. */
void bench_codes(const slm_coding *coding, uint64_t runs, unsigned char *codes);

/* Whether the options ask for this profile. */
bool bench_wants(const bench_options *options, const slm_profile *profile);

/* Seconds of CPU time of this thread: other programs' load does not count. Seconds of the clock, where threads work together. */
double bench_cpu_seconds(void);
double bench_wall_seconds(void);

/* Sorts; the middle one. */
double bench_median(double *values, size_t count);

#endif
