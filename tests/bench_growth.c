/* How the cost of encoding and decoding grows with a tensor's size, K, P, k and threads: a CSV for tests/growth_plot.py.
 *
 *   bench_growth [block-size|block-K|block-P|block-threads|trellis-size|trellis-K|trellis-P|trellis-k|trellis-threads ...]
 *
 * Columns: coding, what is varied, its value, weights a second to encode and to decode to F16; CPU time of one thread, the clock where
 * threads are varied; the median of three. Block coding around paper-4, trellis coding around slm-4, exact search, N(0, 1). Tables are
 * made before, but where the size is varied: there they count.
 */
#include <stdbool.h>
#include <time.h>

#include "slm/slm.h"
#include "weights_fixture.h"

#define ROW 4096
#define REPETITIONS 3
#define DECODE_SECONDS 0.05

typedef struct point {
    slm_profile profile;
    uint64_t count;
    unsigned threads;
    bool whole; /* the tables' time counts */
} point;

static double seconds(clockid_t clock) {
    struct timespec t;
    (void)clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b) {
    return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

static double decode_rate(const slm_coding *coding, const uint8_t *codes, const uint16_t *scales, uint64_t runs, uint16_t *values) {
    const size_t step = 1;
    slm_decoder decoder;
    double spent = 0;
    uint64_t rounds = 0;
    if (slm_decoder_init(&decoder, coding, NULL) != SLM_OK) {
        return 0;
    }
    const double start = seconds(CLOCK_THREAD_CPUTIME_ID);
    for (; spent < DECODE_SECONDS; rounds++) {
        if (slm_decode_runs(&decoder, codes, scales, step, runs, SLM_F16, values) != SLM_OK) {
            return 0;
        }
        spent = seconds(CLOCK_THREAD_CPUTIME_ID) - start;
    }
    return (double)(rounds * runs * coding->run_length) / spent;
}

static bool measure(const point *at, const float *weights, const char *coding_name, const char *varied, unsigned long long value) {
    const bool trellis = at->profile.coding == SLM_CODING_TRELLIS;
    slm_coding coding = {.profile = at->profile, .run_length = trellis && at->count > ROW ? ROW : at->count};
    coding.rotation = (uint8_t)slm_recommended_rotation(&coding.profile, coding.run_length);
    coding.sign_seed = coding.rotation != 0 ? SLM_DEFAULT_SIGN_SEED : 0;
    const slm_encoder_options options = {
        .struct_size = sizeof options, .search = SLM_SEARCH_EXACT, .scale_per_run = trellis, .threads = at->threads};
    const clockid_t clock = at->threads > 1 ? CLOCK_MONOTONIC : CLOCK_PROCESS_CPUTIME_ID;
    const uint64_t runs = at->count / coding.run_length;
    uint16_t *scales = malloc(runs * sizeof *scales);
    uint8_t *codes = malloc(runs * slm_profile_run_bytes(&coding.profile, coding.run_length));
    uint16_t *values = malloc(at->count * sizeof *values);
    slm_encoder *encoder = NULL;
    double spent[REPETITIONS + 1], decoded[REPETITIONS];
    bool good = scales != NULL && codes != NULL && values != NULL;
    for (unsigned r = 0; r <= REPETITIONS && good; r++) {
        const double start = seconds(varied[0] == 't' ? CLOCK_MONOTONIC : clock);
        if (at->whole || encoder == NULL) {
            slm_encoder_free(encoder);
            good = slm_encoder_create(&encoder, &coding, &options, NULL) == SLM_OK;
        }
        good = good && slm_encode_memory(encoder, at->count, weights, scales, codes, NULL, NULL) == SLM_OK;
        spent[r] = seconds(varied[0] == 't' ? CLOCK_MONOTONIC : clock) - start;
        if (good && r < REPETITIONS) {
            decoded[r] = decode_rate(&coding, codes, scales, runs, values);
        }
    }
    if (good) {
        qsort(spent + 1, REPETITIONS, sizeof *spent, by_value); /* the first may have made tables */
        qsort(decoded, REPETITIONS, sizeof *decoded, by_value);
        printf("%s,%s,%llu,%.0f,%.0f\n", coding_name, varied, value, (double)at->count / spent[1 + REPETITIONS / 2],
               decoded[REPETITIONS / 2]);
        (void)fflush(stdout);
    }
    slm_encoder_free(encoder);
    free(scales);
    free(codes);
    free(values);
    return good;
}

static const unsigned block_K[] = {8, 10, 12, 13, 14, 15, 16, 0}, block_P[] = {1, 2, 3, 4, 5, 6, 0};
static const unsigned trellis_K[] = {8, 10, 12, 14, 16, 18, 0}, trellis_P[] = {1, 2, 4, 8, 16, 0}, trellis_k[] = {1, 2, 3, 4, 5, 6, 0};
static const unsigned block_sizes[] = {12, 14, 16, 18, 20, 0}, trellis_sizes[] = {9, 10, 12, 14, 16, 0}; /* powers of two */
static const unsigned threads[] = {1, 2, 0};

static const struct {
    const char *coding;
    const char *varied;
    const unsigned *values;
} series[] = {{"block", "size", block_sizes},     {"block", "K", block_K},     {"block", "P", block_P},     {"block", "threads", threads},
              {"trellis", "size", trellis_sizes}, {"trellis", "K", trellis_K}, {"trellis", "P", trellis_P}, {"trellis", "k", trellis_k},
              {"trellis", "threads", threads}};

static bool measure_series(size_t s, const float *weights) {
    const bool block = strcmp(series[s].coding, "block") == 0;
    const char *varied = series[s].varied;
    bool good = true;
    for (const unsigned *value = series[s].values; *value != 0 && good; value++) {
        point at = {*slm_profile_by_name(block ? "paper-4" : "slm-4"), block ? UINT64_C(1) << 19 : 16 * ROW, 1, false};
        memset(at.profile.name, 0, sizeof at.profile.name);
        unsigned long long shown = *value;
        switch (varied[0]) {
        case 's':
            at.count = UINT64_C(1) << *value;
            at.whole = true;
            shown = at.count;
            break;
        case 'K':
            at.profile.K = (uint8_t)*value;
            at.profile.W = block ? at.profile.K : at.profile.W;
            at.profile.taps = slm_lfsr_table6(*value);
            break;
        case 'P': at.profile.P = (uint8_t)*value; break;
        case 'k': at.profile.k = (uint8_t)*value; break;
        default: at.threads = *value; break;
        }
        if (slm_profile_check(&at.profile, NULL) == SLM_OK) {
            good = measure(&at, weights, series[s].coding, varied, shown);
        }
    }
    return good;
}

int main(int argc, char **argv) {
    const size_t most = (size_t)1 << 20;
    float *weights = malloc(most * sizeof *weights);
    uint64_t state = 1;
    bool good = weights != NULL;
    for (size_t i = 0; good && i < most; i++) {
        weights[i] = random_weight(&state, WEIGHTS_GAUSSIAN);
    }
    if (argc == 1) {
        printf("coding,varied,value,encode,decode\n");
    }
    for (size_t s = 0; s < sizeof series / sizeof series[0] && good; s++) {
        char name[32];
        bool wanted = argc == 1;
        (void)snprintf(name, sizeof name, "%s-%s", series[s].coding, series[s].varied);
        for (int i = 1; i < argc; i++) {
            wanted = wanted || strcmp(argv[i], name) == 0;
        }
        good = !wanted || measure_series(s, weights);
    }
    free(weights);
    return good ? 0 : 1;
}
