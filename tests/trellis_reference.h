/* trellis_reference.h: the trellis search by its definition, plain and slow, for the tests. libslm/doc/trellis-search.md has the text. */
#ifndef SLM_TRELLIS_REFERENCE_H
#define SLM_TRELLIS_REFERENCE_H

#include <stdlib.h>
#include <string.h>

#include "encode/trellis_core.h"

/* Tq: T of weight c of a seed on the grid, rounded to nearest, halves away from zero. From the entries, not from the search's tables. */
static inline int64_t reference_entry(const trellis_search *search, const uint32_t *entries, unsigned c) {
    const slm_profile *p = &search->profile;
    int64_t T = 0;
    for (unsigned i = 0; i < p->P; i++)
        T += 2 * (int64_t)entries[c * p->P + i] + 1 - (INT64_C(1) << p->W);
    if (search->grid >= 0)
        return T * (INT64_C(1) << search->grid);
    const int64_t unit = INT64_C(1) << -search->grid;
    return T < 0 ? -((-2 * T + unit) / (2 * unit)) : (2 * T + unit) / (2 * unit);
}

/* Tq of every seed, [2^K][C]. */
static inline int64_t *reference_entries(const trellis_search *search) {
    const slm_profile *p = &search->profile;
    int64_t *all = malloc(((size_t)p->C << p->K) * sizeof *all);
    uint32_t entries[SLM_C_MAX * SLM_P_MAX];
    for (uint32_t seed = 0; seed < UINT32_C(1) << p->K; seed++) {
        slm_entries(p, seed, entries);
        for (unsigned c = 0; c < p->C; c++)
            all[(size_t)seed * p->C + c] = reference_entry(search, entries, c);
    }
    return all;
}

/* What a difference costs where its square counts root^2 times: its multiple is rounded to a 2^15th, halves up. */
static inline uint64_t reference_weighted_square(const trellis_search *search, int64_t difference, const importance_root *root) {
    int64_t multiplier = root->significand;
    const int exponent = root->exponent + 15 + (int)search->shape.shift;
    multiplier = exponent >= 0 ? multiplier << exponent : (multiplier + (INT64_C(1) << (-exponent - 1))) >> -exponent;
    const int64_t twice = 2 * difference * multiplier + 32768; /* floor(x / 2^15 + 1/2) = floor((2 x + 2^15) / 2^16) */
    const int64_t rounded = twice / 65536 - (twice % 65536 < 0);
    return (uint64_t)(rounded * rounded) >> 16;
}

/* What a seed costs at block `block`, of which the first `count` weights are real. */
static inline uint64_t reference_branch(const trellis_search *search, const int64_t *entries, const int32_t *targets, unsigned count) {
    uint64_t sum = 0;
    for (unsigned c = 0; c < count; c++) {
        const int64_t difference = (targets[c] - entries[c]) * (INT64_C(1) << search->shape.shift);
        sum += (uint64_t)(difference * difference) >> 16;
    }
    return sum;
}

static inline void reference_put(uint8_t *codes, uint64_t bit, unsigned width, uint32_t value) {
    for (unsigned i = 0; i < width; i++)
        if (value >> i & 1)
            codes[(bit + i) / 8] |= (uint8_t)(1u << ((bit + i) % 8));
}

/* The same with the roots of the weights of the errors, from that of the first on, which is number `at`. */
static inline uint64_t reference_weighted_branch(const trellis_search *search, const int64_t *entries, const int32_t *targets,
                                                 unsigned count, const importance *of, uint64_t at) {
    uint64_t sum = 0;
    for (unsigned c = 0; c < count; c++) {
        int32_t target = targets[c];
        target = target > (1 << 17) ? 1 << 17 : target < -(1 << 17) ? -(1 << 17) : target;
        sum += reference_weighted_square(search, target - entries[c], &of->roots[(at + c) % of->period]);
    }
    return sum;
}

/* Viterbi over all 2^K seeds: least cost; of several, the least last seed, then before each seed the least digit. entries: of
 * reference_entries(); errors count as `of` says, if not NULL, from element `first` of it on. A seed's cost so far depends on its low K - k
 * bits alone: seeds that share them have the same 2^k before them. */
static inline void reference_codes_weighted(const trellis_search *search, const int64_t *entries, const slm_coding *coding,
                                            const importance *of, uint64_t first, const float *weights, uint16_t scale, uint8_t *codes) {
    const slm_profile *p = &search->profile;
    const size_t n = (size_t)coding->run_length, states = (size_t)1 << p->K, groups = states >> p->k, blocks = (n + p->C - 1) / p->C;
    int32_t *targets = malloc(n * sizeof *targets);
    trellis_targets made;
    (void)slmi_trellis_targets_prepare(&made, coding, search->grid, weights, scale);
    slmi_trellis_targets_make(&made, 0, n, targets);
    uint64_t *costs = malloc(states * sizeof *costs), *before = calloc(groups, sizeof *before);
    uint8_t *digits = malloc(blocks * groups);
    for (size_t t = 0; t < blocks; t++) {
        const unsigned count = n - t * p->C < p->C ? (unsigned)(n - t * p->C) : p->C;
        for (size_t g = 0; t > 0 && g < groups; g++) {
            before[g] = UINT64_MAX;
            for (size_t d = 0; d < (size_t)1 << p->k; d++) {
                const uint64_t cost = costs[(g << p->k & (states - 1)) | d];
                if (cost < before[g]) {
                    before[g] = cost;
                    digits[t * groups + g] = (uint8_t)d;
                }
            }
        }
        for (size_t s = 0; s < states; s++)
            costs[s] = before[s & (groups - 1)] +
                       (of != NULL ? reference_weighted_branch(search, entries + s * p->C, targets + t * p->C, count, of, first + t * p->C)
                                   : reference_branch(search, entries + s * p->C, targets + t * p->C, count));
    }
    size_t state = 0;
    for (size_t s = 1; s < states; s++)
        if (costs[s] < costs[state])
            state = s;
    memset(codes, 0, (size_t)slm_profile_run_bytes(p, coding->run_length));
    reference_put(codes, (blocks - 1) * (uint64_t)p->k, p->K, (uint32_t)state);
    for (size_t t = blocks - 1; t > 0; t--) {
        state = (state << p->k & (states - 1)) | digits[t * groups + (state & (groups - 1))];
        reference_put(codes, (t - 1) * (uint64_t)p->k, p->k, (uint32_t)state & ((1u << p->k) - 1));
    }
    free(targets);
    free(costs);
    free(before);
    free(digits);
}

static inline void reference_codes_from(const trellis_search *search, const int64_t *entries, const slm_coding *coding,
                                        const float *weights, uint16_t scale, uint8_t *codes) {
    reference_codes_weighted(search, entries, coding, NULL, 0, weights, scale, codes);
}

static inline void reference_codes(const trellis_search *search, const slm_coding *coding, const float *weights, uint16_t scale,
                                   uint8_t *codes) {
    int64_t *entries = reference_entries(search);
    reference_codes_from(search, entries, coding, weights, scale, codes);
    free(entries);
}

#endif
