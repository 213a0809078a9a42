/* The trellis search on every kernel against its definition, a million weights of ten kinds a profile: the exact search's bytes are those
 * of trellis_reference.h, the fast search's the same on every kernel (its own definition is tests/test_trellis_fast.c's), of each run alone
 * and of many searched together.
 *
 *   check_trellis_search [N [D [FILE]]]   profile N (1..5; 0 or none: all), a D-th of a million; FILE as in check_record.h
 */
#include "check_record.h"
#include "slm/slm.h"
#include "trellis_reference.h"
#include "weights_fixture.h"

#define KINDS (WEIGHTS_KINDS + 1) /* those drawn, and real ones */
#define RUN 1024
#define GROUP 64 /* runs together */
#define KERNELS_MAX 8

static const char *const profiles[] = {"slm-2", "slm-2.5", "slm-3", "slm-4", "slm-5"};

/* Parts of a million of each kind. */
static const struct {
    const char *name;
    unsigned weights;
} shares[KINDS] = {{"gaussian", 300000}, {"laplace", 100000}, {"student", 150000}, {"zero", 20000},   {"constant", 30000},
                   {"tiny", 50000},      {"huge", 50000},     {"sparse", 50000},   {"uneven", 50000}, {"real", 200000}};

typedef struct kernel_search {
    const char *name;
    trellis_search *search[2]; /* exact, fast */
    trellis_scratch *scratch;
} kernel_search;

typedef struct check {
    slm_coding coding;
    kernel_search kernels[KERNELS_MAX];
    size_t count;
    int64_t *entries; /* of the reference */
    float *real;
    size_t real_count;
} check;

static bool create(check *c, const char *profile, unsigned rotation) {
    c->coding = (slm_coding){.profile = *slm_profile_by_name(profile), .rotation = (uint8_t)rotation, .run_length = RUN};
    c->coding.sign_seed = rotation != 0 ? SLM_DEFAULT_SIGN_SEED : 0;
    const trellis_kernel *kernel;
    for (size_t i = 0; (kernel = slmi_trellis_kernel_by_index(i)) != NULL && c->count < KERNELS_MAX; i++) {
        if (!kernel->usable()) {
            continue;
        }
        kernel_search *made = &c->kernels[c->count++];
        made->name = kernel->name;
        if (slmi_trellis_search_create(&made->search[0], &c->coding.profile, kernel->name, NULL) != SLM_OK ||
            slmi_trellis_search_create(&made->search[1], &c->coding.profile, kernel->name, NULL) != SLM_OK ||
            slmi_trellis_search_make_fast(made->search[1]) != SLM_OK ||
            slmi_trellis_scratch_create(&made->scratch, made->search[0], &c->coding, NULL) != SLM_OK) {
            return false;
        }
    }
    c->entries = reference_entries(c->kernels[0].search[0]);
    c->real = malloc(shares[WEIGHTS_KINDS].weights * sizeof *c->real);
    c->real_count = c->real != NULL ? real_weights(c->real, shares[WEIGHTS_KINDS].weights) : 0;
    if (c->real_count < RUN) {
        printf("no real weights: SLM_TEST_DATA has to name the folder tests/data\n");
    }
    return c->entries != NULL && c->real_count >= RUN;
}

static void destroy(check *c) {
    for (size_t i = 0; i < c->count; i++) {
        slmi_trellis_scratch_free(c->kernels[i].scratch);
        slmi_trellis_search_free(c->kernels[i].search[0]);
        slmi_trellis_search_free(c->kernels[i].search[1]);
    }
    free(c->entries);
    free(c->real);
}

/* Runs that are searched together as well as alone. */
typedef struct run_group {
    float weights[GROUP][RUN];
    uint16_t scales[GROUP];
    uint8_t expected[2][GROUP][2 * RUN]; /* exact, fast; a run's codes lie one behind another */
} run_group;

/* One run by itself; false, with a message, where a kernel's codes are not those expected. */
static bool check_alone(const check *c, run_group *group, size_t place, const char *what, size_t run) {
    static uint8_t codes[2 * RUN];
    const float *weights = group->weights[place];
    const size_t bytes = (size_t)slm_profile_run_bytes(&c->coding.profile, RUN);
    weight_stats stats = {.weights = RUN};
    for (size_t i = 0; i < RUN; i++) {
        stats.squared_norm += (double)weights[i] * (double)weights[i];
    }
    uint16_t *scale = &group->scales[place];
    if (slmi_trellis_choose_scale(c->kernels[0].search[0], c->kernels[0].scratch, &c->coding, &stats, weights, 1, 0, scale) != SLM_OK) {
        return false;
    }
    for (unsigned fast = 0; fast < 2; fast++) {
        uint8_t *expected = &group->expected[fast][0][0] + place * bytes;
        if (!fast) {
            reference_codes_from(c->kernels[0].search[0], c->entries, &c->coding, weights, *scale, expected);
        }
        for (size_t i = 0; i < c->count; i++) {
            const kernel_search *kernel = &c->kernels[i];
            uint8_t *target = fast && i == 0 ? expected : codes;
            if (slmi_trellis_find_codes(kernel->search[fast], kernel->scratch, &c->coding, weights, *scale, target, NULL) != SLM_OK ||
                memcmp(target, expected, bytes) != 0) {
                printf("%s, run %zu, %s, %s: not as expected\n", what, run, fast ? "fast" : "exact", kernel->name);
                return false;
            }
        }
    }
    return true;
}

/* The same runs together. */
static bool check_together(const check *c, const run_group *group, size_t count, const char *what, size_t run) {
    static uint8_t codes[GROUP * 2 * RUN];
    const size_t bytes = (size_t)slm_profile_run_bytes(&c->coding.profile, RUN);
    for (unsigned fast = 0; fast < 2; fast++) {
        for (size_t i = 0; i < c->count; i++) {
            const kernel_search *kernel = &c->kernels[i];
            if (slmi_trellis_find_codes_of(kernel->search[fast], kernel->scratch, &c->coding, group->weights[0], group->scales, count,
                                           codes) != SLM_OK ||
                memcmp(codes, group->expected[fast], count * bytes) != 0) {
                printf("%s, %zu runs to %zu, %s, %s: together not as expected\n", what, count, run, fast ? "fast" : "exact", kernel->name);
                return false;
            }
        }
    }
    return true;
}

static bool check_kind(const check *c, unsigned kind, size_t runs, const char *what) {
    static run_group group;
    uint64_t state = 11 + kind;
    bool good = true;
    size_t count = 0;
    for (size_t run = 0; run < runs && good; run++) {
        for (size_t i = 0; i < RUN; i++) {
            group.weights[count][i] =
                kind < WEIGHTS_KINDS ? random_weight(&state, (weights_kind)kind) : c->real[(run * RUN + i) % c->real_count];
        }
        good = check_alone(c, &group, count++, what, run);
        if (good && (count == GROUP || run + 1 == runs)) {
            good = check_together(c, &group, count, what, run);
            count = 0;
        }
    }
    return good;
}

static bool check_profile(const char *profile, unsigned divisor, const check_record *record) {
    bool good = true;
    size_t weights = 0;
    for (unsigned rotated = 0; rotated < 2 && good; rotated++) { /* every other run's worth with the rotation its length asks for */
        check c = {.count = 0};
        good = create(&c, profile, rotated ? slm_recommended_rotation(slm_profile_by_name(profile), RUN) : 0);
        for (unsigned kind = 0; kind < KINDS && good; kind++) {
            const size_t runs = shares[kind].weights / divisor / 2 / RUN + 1;
            char what[100];
            (void)snprintf(what, sizeof what, "%s, rotation %u, %s, %zu weights", profile, c.coding.rotation, shares[kind].name,
                           runs * RUN);
            weights += runs * RUN;
            if (!check_record_has(record, what)) {
                good = check_kind(&c, kind, runs, what);
                if (good) {
                    check_record_add(record, what);
                }
            }
        }
        destroy(&c);
    }
    printf("%s: %zu weights, exact as defined, fast the same on every kernel: %s\n", profile, weights, good ? "equal" : "NOT EQUAL");
    (void)fflush(stdout);
    return good;
}

int main(int argc, char **argv) {
    const int chosen = argc > 1 ? atoi(argv[1]) : 0;
    const int divisor = argc > 2 ? atoi(argv[2]) : 1;
    const check_record record = {argc > 3 ? argv[3] : NULL};
    bool good = true;
    for (int i = 0; i < (int)(sizeof profiles / sizeof profiles[0]); i++) {
        if (chosen == 0 || chosen == i + 1) {
            good = check_profile(profiles[i], divisor > 0 ? (unsigned)divisor : 1, &record) && good;
        }
    }
    return good ? 0 : 1;
}
