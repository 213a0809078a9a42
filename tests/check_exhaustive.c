/* check_exhaustive.c: all 2^32 records of paper-4 through the vector kernels, against the definition: entries from slm_entries, sums in
 * integers, slm_round_value. Usage: check_exhaustive [--every N] [--processes N] [KERNEL]; --every N takes one seed in N. Minutes. */
#define _DEFAULT_SOURCE
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "slm/decode.h"

#define QS 4096u                /* coefficients: three of four bits */
#define SUM_MAX (3 * 8 * 32768) /* of a weight, before the exponent */
#define SCALE UINT16_C(0x3bd9)  /* 217 * 2^-15: 217 = 7 * 31 shares factors with 32767, so that there are ties */

static const slm_dtype dtypes[3] = {SLM_F32, SLM_F16, SLM_BF16};

typedef struct tables {
    uint32_t rounded[2 * SUM_MAX + 1]; /* of every sum at one exponent */
    int32_t part[3][16][8];            /* what q_p, being i - 8, contributes to the sum of weight c */
    uint8_t records[4 * QS];
    uint32_t wide[8 * QS];
    uint16_t narrow[8 * QS];
} tables;

static inline uint32_t differences(const tables *t, bool wide) {
    uint32_t wrong = 0;
    for (uint32_t q = 0; q < QS; q++)
        for (unsigned c = 0; c < 8; c++) {
            const int32_t sum = t->part[0][q & 15][c] + t->part[1][q >> 4 & 15][c] + t->part[2][q >> 8][c];
            wrong |= (wide ? t->wide[8 * q + c] : t->narrow[8 * q + c]) ^ t->rounded[sum + SUM_MAX];
        }
    return wrong;
}

/* All records with this seed and exponent: 4096 of them. */
static bool check_seed(tables *t, const slm_decoder *decoder, uint32_t seed, unsigned e, slm_dtype dtype) {
    const slm_profile *profile = slm_profile_by_name("paper-4");
    uint32_t v[24];
    slm_entries(profile, seed, v);
    for (unsigned p = 0; p < 3; p++)
        for (int32_t i = 0; i < 16; i++)
            for (unsigned c = 0; c < 8; c++)
                t->part[p][i][c] = (i < 8 ? i : i - 16) * ((int32_t)v[3 * c + p] - 32768);
    for (uint32_t q = 0; q < QS; q++) {
        const uint32_t record = seed | e << 16 | q << 20;
        for (unsigned i = 0; i < 4; i++)
            t->records[4 * q + i] = (uint8_t)(record >> 8 * i);
    }
    void *const out = dtype == SLM_F32 ? (void *)t->wide : (void *)t->narrow;
    if (slm_decode_run(decoder, t->records, SCALE, 0, 8 * QS, dtype, out) != SLM_OK)
        return false;
    const uint32_t wrong = dtype == SLM_F32 ? differences(t, true) : differences(t, false);
    return wrong == 0;
}

/* Exponents e, e + step, ... of every type. */
static bool check_exponents(const char *kernel, unsigned e, unsigned step, uint32_t every) {
    const slm_coding coding = {.profile = *slm_profile_by_name("paper-4"), .run_length = 8 * QS},
                     one = {.profile = coding.profile, .run_length = 8};
    slm_decoder decoder, single;
    tables *const t = malloc(sizeof *t);
    if (t == NULL || slm_decoder_init(&decoder, &coding, kernel) != SLM_OK || slm_decoder_init(&single, &one, kernel) != SLM_OK) {
        fprintf(stderr, "%s: cannot run here\n", kernel);
        return false;
    }
    for (; e < 16; e += step)
        for (unsigned d = 0; d < 3; d++) {
            for (int32_t sum = -SUM_MAX; sum <= SUM_MAX; sum++)
                t->rounded[sum + SUM_MAX] = slm_round_value((int64_t)sum * (1 << e), SCALE, 32767, dtypes[d]);
            for (uint32_t seed = 1; seed < 65536; seed += every)
                if (!check_seed(t, &decoder, seed, e, dtypes[d])) {
                    fprintf(stderr, "%s: seed %#x, exponent %u, %s: not the definition\n", kernel, (unsigned)seed, e,
                            slm_dtype_name(dtypes[d]));
                    return false;
                }
            for (uint32_t q = 0; q < QS; q++) { /* seed 0 is refused with any coefficients */
                const uint8_t record[4] = {0, 0, (uint8_t)(e | q << 4), (uint8_t)(q >> 4)};
                if (slm_decode_run(&single, record, SCALE, 0, 8, dtypes[d], t->wide) != SLM_E_RECORD) {
                    fprintf(stderr, "%s: seed 0 is not refused\n", kernel);
                    return false;
                }
            }
        }
    free(t);
    return true;
}

static bool check_kernel(const char *kernel, unsigned processes, uint32_t every) {
    fflush(NULL);
    unsigned started = 0;
    bool right = true;
    for (unsigned i = 0; i < processes; i++) {
        const pid_t child = fork();
        if (child == 0)
            _exit(check_exponents(kernel, i, processes, every) ? 0 : 1);
        started += child > 0;
        right &= child > 0;
    }
    for (int status; started > 0; started--)
        right &= wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    const unsigned long long seeds = (65535 + every - 1) / every;
    if (right)
        printf("%s: %llu records to F32, F16 and BF16 as the definition%s\n", kernel, (seeds + 1) * 16 * QS,
               every == 1 ? ": all there are" : "");
    return right;
}

int main(int argc, char **argv) {
    unsigned every = 1, processes = 1;
    const char *only = NULL;
    for (int i = 1; i < argc; i++) {
        unsigned *const number = strcmp(argv[i], "--every") == 0 ? &every : strcmp(argv[i], "--processes") == 0 ? &processes : NULL;
        if (number != NULL && i + 1 < argc)
            *number = (unsigned)strtoul(argv[++i], NULL, 10);
        else
            only = argv[i];
    }
    if (every == 0 || processes == 0 || processes > 16) {
        fprintf(stderr, "check_exhaustive: --every needs 1 or more, --processes 1 to 16\n");
        return 2;
    }
    const slm_coding coding = {.profile = *slm_profile_by_name("paper-4"), .run_length = 8};
    bool right = true;
    for (size_t i = 0; slm_kernel_name(i) != NULL; i++) {
        slm_decoder decoder;
        const char *const kernel = slm_kernel_name(i);
        if (only != NULL ? strcmp(only, kernel) == 0 : i > 0 && slm_decoder_init(&decoder, &coding, kernel) == SLM_OK)
            right &= check_kernel(kernel, processes, every);
    }
    return right ? 0 : 1;
}
