/* Benchmark of encoding: weights a second by profile and search, one thread and two, and the error on N(0, 1) and on real weights.
 *
 *   bench_encode [--quality] [--candidates=N] [--row-scales] [profile ...]
 *
 * --quality: a million weights of N(0, 1), all errors beside what they must reach; --candidates: scales tried in full; --row-scales: rows
 * and a scale each for block coding too.
 */
#include <time.h>

#include "slm/slm.h"
#include "weights_fixture.h"

static unsigned candidates = 1;
static bool row_scales;

static double now(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef struct result {
    double seconds;
    double prepare; /* seconds for the tables */
    double error;
    double bits;     /* a weight, with scales */
    double examined; /* a block */
    char kernel[16];
} result;

static bool by_rows(const slm_profile *profile) { return row_scales || profile->coding == SLM_CODING_TRELLIS; }

/* Rows of `row` weights (a divisor of every count used here) with a scale each, or one run for block coding. */
static bool encode(const slm_profile *profile, slm_search search, unsigned threads, unsigned row, const float *weights, uint64_t count,
                   result *r) {
    const bool split = by_rows(profile);
    slm_coding coding = {*profile, 0, 0, split ? row : count};
    coding.rotation = (uint8_t)slm_recommended_rotation(profile, coding.run_length);
    coding.sign_seed = coding.rotation != 0 ? SLM_DEFAULT_SIGN_SEED : 0;
    const slm_encoder_options options = {
        .struct_size = sizeof options, .search = search, .scale_per_run = split, .threads = threads, .scale_candidates = candidates};
    slm_encoder *encoder;
    slm_encode_report report = {0};
    const uint64_t runs = count / coding.run_length;
    uint16_t *scales = malloc(runs * sizeof *scales);
    uint8_t *codes = malloc(runs * slm_profile_run_bytes(profile, coding.run_length));
    const double start = now();
    bool done = scales != NULL && codes != NULL && slm_encoder_create(&encoder, &coding, &options, NULL) == SLM_OK;
    if (done) {
        r->prepare = now() - start;
        (void)snprintf(r->kernel, sizeof r->kernel, "%s", slm_encoder_kernel(encoder));
        done = slm_encode_memory(encoder, count, weights, scales, codes, &report, NULL) == SLM_OK;
        r->seconds = now() - start - r->prepare;
        r->bits = 8.0 * (double)(runs * (slm_profile_run_bytes(profile, coding.run_length) + sizeof *scales)) / (double)count;
        r->error = sqrt(report.squared_error / report.squared_norm);
        r->examined = report.blocks > 0 ? (double)report.examined / (double)report.blocks : 0;
        slm_encoder_free(encoder);
    }
    free(scales);
    free(codes);
    return done;
}

static bool wanted(const char *name, int argc, char **argv) {
    bool any = false;
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] != '-') {
            any = true;
            if (strcmp(argv[i], name) == 0) {
                return true;
            }
        }
    }
    return !any;
}

static const struct {
    const char *profile;
    slm_search search;
    double least; /* the error on N(0, 1) lies between */
    double most;
} cases[] = {
    {"paper-4", SLM_SEARCH_PAPER, 0.121, 0.124}, {"paper-4", SLM_SEARCH_EXACT, 0, 0.1190}, {"paper-3", SLM_SEARCH_PAPER, 0.221, 0.227},
    {"paper-3", SLM_SEARCH_EXACT, 0, 0.2180},    {"slm-2", SLM_SEARCH_EXACT, 0, 0.2570},   {"slm-2.5", SLM_SEARCH_EXACT, 0, 0.1880},
    {"slm-3", SLM_SEARCH_EXACT, 0, 0.1300},      {"slm-3.5", SLM_SEARCH_EXACT, 0, 0.0960}, {"slm-4", SLM_SEARCH_EXACT, 0, 0.0660},
    {"slm-5", SLM_SEARCH_EXACT, 0, 0.0340},      {"slm-6", SLM_SEARCH_EXACT, 0, 0.0175},   {"slm-4-fast", SLM_SEARCH_EXACT, 0, 0.0715},
    {"slm-4", SLM_SEARCH_FAST, 0, 0.0675},       {"slm-3", SLM_SEARCH_FAST, 0, 0.1330},    {"slm-2", SLM_SEARCH_FAST, 0, 0.2640},
};

static const char *search_name(slm_search search) {
    return search == SLM_SEARCH_PAPER ? "paper" : search == SLM_SEARCH_FAST ? "fast" : "exact";
}

/* A row's first seed has K bits of which only k are paid for by its first weight, so short rows err less and cost more. */
static const unsigned rows[] = {512, 4096};

static bool print_quality(size_t i, const float *weights, size_t count) {
    const slm_profile *profile = slm_profile_by_name(cases[i].profile);
    const bool many = by_rows(profile);
    for (size_t j = many ? 0 : 1; j < sizeof rows / sizeof rows[0]; j++) {
        result r;
        char row[16] = "tensor";
        if (!encode(profile, cases[i].search, 2, rows[j], weights, count, &r)) {
            return false;
        }
        if (many) {
            (void)snprintf(row, sizeof row, "%u", rows[j]);
        }
        const bool good = r.error >= cases[i].least && r.error <= cases[i].most;
        printf("%-10s %-6s %6s %7.4f %10.5f %8.4f - %6.4f   %s\n", cases[i].profile, search_name(cases[i].search), row, r.bits, r.error,
               cases[i].least, cases[i].most, good ? "reached" : "not reached");
    }
    return true;
}

int main(int argc, char **argv) {
    bool quality = false;
    for (int i = 1; i < argc; i++) {
        quality = quality || strcmp(argv[i], "--quality") == 0;
        row_scales = row_scales || strcmp(argv[i], "--row-scales") == 0;
        if (strncmp(argv[i], "--candidates=", 13) == 0) {
            candidates = (unsigned)strtoul(argv[i] + 13, NULL, 10);
        }
    }
    const size_t count = quality ? (size_t)1 << 20 : (size_t)24 * 4096;
    float *gaussian = malloc(count * sizeof *gaussian);
    float *real = malloc(count * sizeof *real);
    if (gaussian == NULL || real == NULL) {
        return 1;
    }
    uint64_t state = 1;
    for (size_t i = 0; i < count; i++) {
        gaussian[i] = random_weight(&state, WEIGHTS_GAUSSIAN);
    }
    const size_t real_count = real_weights(real, count) / 4096 * 4096;
    if (quality) {
        printf("%-10s %-6s %6s %7s %10s %17s   N(0, 1), %zu weights\n", "profile", "search", "row", "bits", "error", "wanted", count);
    } else {
        printf("%-10s %-6s %-7s %8s %12s %12s %6s %9s %9s %9s %12s\n", "profile", "search", "kernel", "tables", "weights/s", "2 threads",
               "ratio", "looked at", "N(0, 1)", "real", "8e9 weights");
    }
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const slm_profile *profile = slm_profile_by_name(cases[i].profile);
        result one;
        result two;
        result other = {0, 0, 0, 0, 0, ""};
        if (!wanted(cases[i].profile, argc, argv)) {
            continue;
        }
        if (quality) {
            if (!print_quality(i, gaussian, count)) {
                return 1;
            }
        } else {
            if (!encode(profile, cases[i].search, 1, 4096, gaussian, count, &one) ||
                !encode(profile, cases[i].search, 2, 4096, gaussian, count, &two) ||
                (real_count > 0 && !encode(profile, cases[i].search, 2, 4096, real, real_count, &other))) {
                return 1;
            }
            const double rate = (double)count / one.seconds;
            printf("%-10s %-6s %-7s %6.2f s %12.0f %12.0f %6.2f %9.2f %9.5f %9.5f %8.1f h x core\n", cases[i].profile,
                   search_name(cases[i].search), one.kernel, one.prepare, rate, (double)count / two.seconds, one.seconds / two.seconds,
                   one.examined, one.error, other.error, 8e9 / rate / 3600);
        }
        (void)fflush(stdout);
    }
    free(gaussian);
    free(real);
    return 0;
}
