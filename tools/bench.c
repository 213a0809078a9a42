/* tools/bench.c: slm bench: what decoding and encoding cost on this machine. The parts are in bench_*.c. */
#include "bench.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "command.h"

typedef struct bench_part {
    const char *name;
    bool takes_file;
    int (*run)(const bench_options *options);
} bench_part;

static const bench_part parts[] = {
    {"decode", false, bench_decode}, {"encode", false, bench_encode}, {"hessian", false, bench_hessian}, {NULL, false, NULL}};

bool bench_wants(const bench_options *options, const slm_profile *profile) {
    return options->profile == NULL || strcmp(options->profile, profile->name) == 0;
}

static double seconds(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double bench_cpu_seconds(void) { return seconds(CLOCK_THREAD_CPUTIME_ID); }

double bench_wall_seconds(void) { return seconds(CLOCK_MONOTONIC); }

static int by_value(const void *a, const void *b) {
    return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

double bench_median(double *values, size_t count) {
    qsort(values, count, sizeof *values, by_value);
    return count % 2 != 0 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

enum { OPTION_QUICK = OPTION_OWN };

static const option_spec options[] = {{'p', "profile", "NAME", "measure this profile alone"},
                                      {OPTION_QUICK, "quick", NULL, "small sizes, few repetitions: a trial run whose figures mean little"},
                                      {OPTION_JSON, "json", NULL, "print a JSON report"},
                                      OPTION_COMMON,
                                      {0}};

static int run(int argc, char **argv) {
    option_parser parser;
    bench_options wanted = {0};
    bool json = false;
    options_begin(&parser, &command_bench, argc, argv);
    for (int code; (code = options_next(&parser)) != OPTION_END;)
        switch (code) {
        case 'p':
            wanted.profile = parser.argument;
            if (slm_profile_by_name(wanted.profile) == NULL)
                return usage_error(&command_bench, "unknown profile \"%s\"", wanted.profile);
            break;
        case OPTION_QUICK: wanted.quick = true; break;
        case OPTION_JSON: json = true; break;
        case OPTION_STOP: return parser.exit_code;
        }
    if (parser.operand_count == 0)
        return usage_error(&command_bench, "what to measure is missing");
    const bench_part *part = parts;
    while (part->name != NULL && strcmp(part->name, parser.operands[0]) != 0)
        part++;
    if (part->name == NULL)
        return usage_error(&command_bench, "\"%s\" cannot be measured", parser.operands[0]);
    if (parser.operand_count > (part->takes_file ? 2 : 1))
        return usage_error(&command_bench, "\"%s\" is an operand too many", parser.operands[parser.operand_count - 1]);
    wanted.file = parser.operand_count > 1 ? parser.operands[1] : NULL;
    if (json) {
        wanted.report = report_new("bench");
        report_set(wanted.report, "part", json_string(part->name));
    }
    const int code = part->run(&wanted);
    if (!json)
        return code;
    if (code != EXIT_CODE_OK) {
        json_decref(wanted.report);
        return code;
    }
    return report_print(wanted.report);
}

const command command_bench = {
    .name = "bench",
    .summary = "measure what decoding and encoding cost on this machine",
    .synopsis = "decode|encode|hessian [OPTIONS]",
    .description =
        "decode: for every named profile, kernel and element type the weights a second, and the ratio to memcpy of as many bytes, "
        "each measured in turn with it; one thread, output of 64 MiB and of 128 KiB. Then products of a matrix and a vector straight from "
        "the codes. Then whole files beside their kernel, with checksums and without, and two threads beside one. encode: for every named "
        "profile, search and vector "
        "kernel the seconds its tables take, the weights a second of CPU time, what two threads bring, the seeds looked at closely a "
        "block, the relative error on N(0, 1), and the core hours of a model of 8 billion weights. hessian: the seconds that factoring one "
        "of "
        "4096 columns takes, every kernel by turns with the scalar one, and what two threads bring.",
    .options = options,
    .run = run,
};
