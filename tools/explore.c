/* tools/explore.c: slm explore: measures profiles on a sample of weights and shows the Pareto front. The parts are in explore_*.c. */
#include "explore.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "fault_report.h"
#include "report.h"
#include "slm/encode.h"

#define LISTS_MAX 64 /* sweeps, sources, rotations given */

typedef struct explore_job {
    const char *log_path, *svg_path, *tensors;
    const char *sweeps[LISTS_MAX], *sources[LISTS_MAX];
    size_t sweep_count, source_count;
    unsigned rotations[LISTS_MAX]; /* ROTATION_AUTO: what encode takes */
    size_t rotation_count;
    uint64_t rows, columns;
    double bits; /* 0: no budget */
    bool all, quick;
    explore_log log;
    explore_sample sample;
} explore_job;

enum { ROTATION_AUTO = 255 };

/* What is swept where no --sweep is given; profiles that are not of the budget are left out. */
static const char *const usual[] = {
    "slm-2",
    "slm-2.5",
    "slm-3",
    "slm-3.5",
    "slm-4",
    "slm-5",
    "slm-6",
    "slm-4-fast",
    "paper-3",
    "paper-4",
    "trellis,K=8/12/16,P=2/4/8,W=4/6,step=5/29,C=1/2,k=1/2/3/4/5/6/7",
    "block,C=8,K=8/10/12/13/14/16,P=2/3/4/5/6/8,W=4,step=2,E=0/1/2,B=2/3/4/5,norm=0",
    "block,C=16,K=8/10/12/13/14/16,P=2/3/4,W=4,step=2,E=0/1,B=2/3,norm=0",
};

static bool in_budget(const explore_job *job, const slm_profile *p) {
    const double codes = p->coding == SLM_CODING_TRELLIS ? p->k : slm_profile_record_bits(p);
    return job->bits == 0 || fabs(codes / p->C - job->bits) < 1e-6;
}

static int measure(explore_job *job, const slm_profile *profile, unsigned wanted, fault *f) {
    const unsigned rotation = wanted == ROTATION_AUTO ? slm_recommended_rotation(profile, job->sample.columns) : wanted;
    char text[PROFILE_TEXT_SIZE];
    profile_to_text(profile, text);
    if (rotation != 0 && job->sample.columns % ((size_t)1 << rotation) != 0) {
        message_detail("%s: %zu columns cannot be rotated by %u", text, job->sample.columns, rotation);
        return EXIT_CODE_OK;
    }
    if (explore_log_find(&job->log, &job->sample, text, rotation) != NULL)
        return EXIT_CODE_OK;
    explore_point point;
    message_detail("%s, rotation %u, %s", text, rotation, job->sample.source);
    if (!explore_measure(&job->sample, profile, rotation, job->quick, &point, f)) {
        if (f->kind != FAULT_UNSUPPORTED)
            return fault_report(f, text);
        message_warning("%s: left out: %s", text, f->text);
        return EXIT_CODE_OK;
    }
    return explore_log_add(&job->log, &point, job->log_path, f) ? EXIT_CODE_OK : fault_report(f, NULL);
}

/* One profile text; where a value has alternatives (K=12/14/16) each in turn. Texts that make no legal profile are left out, unless there
 * is nothing to choose in them. */
static int sweep(explore_job *job, const char *text, bool chosen, fault *f) {
    const char *slash = strchr(text, '/');
    if (slash == NULL) {
        slm_profile profile;
        if (!profile_from_text(text, &profile, f))
            return chosen ? EXIT_CODE_OK : fault_report(f, NULL);
        if (!in_budget(job, &profile))
            return EXIT_CODE_OK;
        for (size_t r = 0; r < job->rotation_count; r++) {
            const int code = measure(job, &profile, job->rotations[r], f);
            if (code != EXIT_CODE_OK)
                return code;
        }
        return EXIT_CODE_OK;
    }
    const char *begin = slash, *end = slash + strcspn(slash, ",");
    while (begin > text && begin[-1] != '=' && begin[-1] != ',')
        begin--;
    for (const char *value = begin; value < end;) {
        const size_t length = strcspn(value, "/,");
        char one[2 * PROFILE_TEXT_SIZE];
        const int size = snprintf(one, sizeof one, "%.*s%.*s%s", (int)(begin - text), text, (int)length, value, end);
        if (size < 0 || (size_t)size >= sizeof one)
            return usage_error(&command_explore, "the sweep \"%s\" is too long", text);
        const int code = sweep(job, one, true, f);
        if (code != EXIT_CODE_OK)
            return code;
        value += length + 1;
    }
    return EXIT_CODE_OK;
}

static int sweep_all(explore_job *job, fault *f) {
    int code = EXIT_CODE_OK;
    const bool own = job->sweep_count > 0;
    const size_t count = own ? job->sweep_count : sizeof usual / sizeof usual[0];
    for (size_t i = 0; i < count && code == EXIT_CODE_OK; i++)
        code = sweep(job, own ? job->sweeps[i] : usual[i], false, f);
    free(job->sample.weights);
    job->sample.weights = NULL;
    return code;
}

static bool drawn(const char *source) {
    for (size_t i = 0; explore_sources[i] != NULL; i++)
        if (strcmp(explore_sources[i], source) == 0)
            return true;
    return false;
}

static int explore_source(explore_job *job, const char *source, fault *f) {
    if (drawn(source)) {
        if (!explore_draw(&job->sample, source, (size_t)job->rows, (size_t)job->columns, f))
            return fault_report(f, NULL);
        return sweep_all(job, f);
    }
    bool any = false;
    for (size_t next = 0;;) {
        if (!explore_take(&job->sample, source, job->tensors, (size_t)job->rows, &next, f))
            return fault_report(f, source);
        if (job->sample.weights == NULL)
            break;
        any = true;
        const int code = sweep_all(job, f);
        if (code != EXIT_CODE_OK)
            return code;
    }
    if (any)
        return EXIT_CODE_OK;
    fault_set(f, FAULT_USAGE, "no tensor matches \"%s\" and can be coded", job->tensors);
    return fault_report(f, source);
}

/* The points of the log that this call asks for: its sources and budget. */
static size_t choose(explore_job *job) {
    size_t kept = 0;
    for (size_t i = 0; i < job->log.count; i++) {
        const explore_point *p = &job->log.points[i];
        slm_profile profile;
        fault f;
        bool wanted = false;
        for (size_t s = 0; s < job->source_count; s++) {
            const size_t length = strlen(job->sources[s]);
            wanted |=
                strcmp(p->source, job->sources[s]) == 0 || (strncmp(p->source, job->sources[s], length) == 0 && p->source[length] == ':');
        }
        if (wanted && profile_from_text(p->profile, &profile, &f) && in_budget(job, &profile))
            job->log.points[kept++] = *p;
    }
    return kept;
}

static int by_bits_and_error(const void *a, const void *b) {
    const explore_point *x = a, *y = b;
    const int order = (x->bits > y->bits) - (x->bits < y->bits);
    return order != 0 ? order : (x->error > y->error) - (x->error < y->error);
}

static int explore(explore_job *job) {
    fault f;
    if (!explore_log_open(&job->log, job->log_path, &f))
        return fault_report(&f, job->log_path);
    int code = EXIT_CODE_OK;
    for (size_t i = 0; i < job->source_count && code == EXIT_CODE_OK; i++)
        code = explore_source(job, job->sources[i], &f);
    if (code == EXIT_CODE_OK) {
        const size_t count = choose(job);
        if (count > 0)
            qsort(job->log.points, count, sizeof *job->log.points, by_bits_and_error);
        explore_table(job->log.points, count, job->all);
        if (job->svg_path != NULL && !explore_svg(job->log.points, count, job->svg_path, &f))
            code = fault_report(&f, job->svg_path);
        if (code == EXIT_CODE_OK)
            code = output_finish();
    }
    explore_log_close(&job->log);
    return code;
}

enum { OPTION_ROWS = OPTION_OWN, OPTION_COLUMNS, OPTION_SVG, OPTION_ALL, OPTION_QUICK, OPTION_SWEEP };

static const option_spec options[] = {
    {'o', "output", "FILE", "the CSV file of all points; what it holds already is not measured again"},
    {'b', "bits", "N", "only profiles of N bits a weight, scales not counted"},
    {'s', "source", "SOURCE",
     "gaussian (the default), laplace, student4, outliers (one in 1,000 at 30 sigma), uneven (rows of very different "
     "scale), or a model; may be given again"},
    {'t', "tensors", "GLOB", "of a model the tensors whose names match (default: *_proj*)"},
    {OPTION_SWEEP, "sweep", "PROFILE",
     "a profile, or several where values have alternatives, such as trellis,K=12/16,k=4; may be given again"},
    {'r', "rotation", "H", "auto (the default), 0, or 4 to 10; may be given again"},
    {OPTION_ROWS, "rows", "N", "rows of the sample (default: 16)"},
    {OPTION_COLUMNS, "columns", "N", "columns of a drawn sample (default: 4096)"},
    {OPTION_SVG, "svg", "FILE", "plot error against encoding cost, the front filled"},
    {OPTION_ALL, "all", NULL, "list all points, not the front alone"},
    {OPTION_QUICK, "quick", NULL, "decode once only: a trial run whose decoding cost means little"},
    OPTION_COMMON,
    {0}};

static int run(int argc, char **argv) {
    static explore_job job; /* zero; long lists */
    option_parser parser;
    job = (explore_job){.tensors = "*_proj*", .rows = 16, .columns = 4096};
    options_begin(&parser, &command_explore, argc, argv);
    for (int code; (code = options_next(&parser)) != OPTION_END;) {
        uint64_t h;
        if (job.sweep_count == LISTS_MAX || job.source_count == LISTS_MAX || job.rotation_count == LISTS_MAX)
            return usage_error(&command_explore, "too many options of one kind");
        switch (code) {
        case 'o': job.log_path = parser.argument; break;
        case 'b':
            if (!argument_real(&command_explore, "--bits", parser.argument, 0.125, 16, &job.bits))
                return EXIT_CODE_USAGE;
            break;
        case 's': job.sources[job.source_count++] = parser.argument; break;
        case 't': job.tensors = parser.argument; break;
        case OPTION_SWEEP: job.sweeps[job.sweep_count++] = parser.argument; break;
        case 'r':
            if (strcmp(parser.argument, "auto") == 0)
                h = ROTATION_AUTO;
            else if (!argument_uint(&command_explore, "--rotation", parser.argument, 0, SLM_ROTATION_MAX, &h))
                return EXIT_CODE_USAGE;
            else if (h > 0 && h < 4)
                return usage_error(&command_explore, "--rotation is auto, 0, or 4 to 10");
            job.rotations[job.rotation_count++] = (unsigned)h;
            break;
        case OPTION_ROWS:
            if (!argument_uint(&command_explore, "--rows", parser.argument, 1, 65536, &job.rows))
                return EXIT_CODE_USAGE;
            break;
        case OPTION_COLUMNS:
            if (!argument_uint(&command_explore, "--columns", parser.argument, 1, 65536, &job.columns))
                return EXIT_CODE_USAGE;
            break;
        case OPTION_SVG: job.svg_path = parser.argument; break;
        case OPTION_ALL: job.all = true; break;
        case OPTION_QUICK: job.quick = true; break;
        case OPTION_STOP: return parser.exit_code;
        }
    }
    if (parser.operand_count != 0)
        return usage_error(&command_explore, "\"%s\" is an operand too many", parser.operands[0]);
    if (job.log_path == NULL)
        return usage_error(&command_explore, "-o is missing");
    if (job.bits == 0 && job.sweep_count == 0)
        return usage_error(&command_explore, "--bits or --sweep is missing");
    if (job.source_count == 0)
        job.sources[job.source_count++] = explore_sources[0];
    if (job.rotation_count == 0)
        job.rotations[job.rotation_count++] = ROTATION_AUTO;
    return explore(&job);
}

const command command_explore = {
    .name = "explore",
    .summary = "measure profiles on a sample of weights and show the best",
    .synopsis = "-o FILE (--bits N | --sweep PROFILE)... [OPTIONS]",
    .description =
        "Codes a sample with every profile of the sweep by the exact search, one scale a row, and prints those that no other beats in "
        "size, "
        "error, encoding cost, decoding cost and hardware at once. Error has half its 95 % interval beside it, rows taken as independent "
        "draws. Costs are nanoseconds of one core a weight, decoding to F16 by the fastest kernel here; times within 10 % count as equal. "
        "Cells estimate a decoder's 6-input LUTs a weight, nothing shared: XORs of the seed's bits, adders, products, rotation.\n\n"
        "Each point is appended to FILE as it is found; the same command goes on where it was cut off.",
    .options = options,
    .epilogue = "Examples:\n"
                "  slm explore -o p.csv --bits 4 --svg front.svg\n"
                "  slm explore -o p.csv --sweep trellis,K=12/16,W=4/6,k=5 -s laplace -r 0\n"
                "  slm explore -o p.csv --bits 3 -s model -t '*down_proj*' --rows 8\n",
    .run = run,
};
