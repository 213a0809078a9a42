/* trellis_scale.c: the scale of a run or tensor in trellis coding.
 *
 * The scale wanted is alpha * rms(target) / rms(T). For targets close to Gaussian (a rotation makes them so) and a T that is close to
 * Gaussian too (P >= 4), the best alpha was measured once and depends on the rate alone. Otherwise the search itself decides: it
 * codes at most SAMPLE_WEIGHTS weights of the sample with up to CANDIDATES_MAX scales and the least error wins.
 */
#include <math.h>
#include <string.h>

#include "../decode/round.h"
#include "slm/decode.h"
#include "trellis_core.h"

#define SAMPLE_WEIGHTS 512u /* of all pieces together, but a piece has a whole segment of the rotation at least */
#define PIECES_MAX 8u
#define CANDIDATES_MAX 12u
#define SCALE_MIN 0x0001u
#define SCALE_MAX 0x7F7Fu

/* The best alpha for N(0, 1) at k/C bits a weight, K = 14 and 16, P = 4: measured. Linear in between. */
static double gaussian_alpha(const slm_profile *profile) {
    static const double at_rate[] = {0.85, 0.94, 1.02, 1.065, 1.11, 1.16, 1.20, 1.22, 1.24};
    const unsigned whole = profile->k / profile->C;
    if (whole >= 8)
        return at_rate[8];
    const double part = (double)(profile->k - whole * profile->C) / profile->C;
    return at_rate[whole] + part * (at_rate[whole + 1] - at_rate[whole]);
}

/* The bfloat16 nearest to a positive number, at least the smallest and at most the largest; with `power` the nearest power of two
 * below. */
static uint16_t nearest_scale(double wanted, bool power) {
    if (!(wanted > 0))
        return SCALE_MIN;
    int exponent;
    const double fraction = frexp(wanted, &exponent); /* in [1/2, 1): wanted = fraction * 2^exponent */
    if (exponent > 128)
        return power ? 0x7F00u : SCALE_MAX;
    if (exponent < -132 - 1)
        return SCALE_MIN;
    if (power) {
        exponent--; /* 2^exponent <= wanted */
        if (exponent < -133)
            return SCALE_MIN;
        return (uint16_t)(exponent >= -126 ? 128 * (exponent + 127) : 1 << (exponent + 133));
    }
    /* Eight significant bits, fewer where the exponent is at its least. A carry moves into the exponent by itself. */
    const int bits = exponent > -126 ? 8 : exponent + 133;
    const double scaled = ldexp(fraction, bits);
    unsigned significand = (unsigned)scaled;
    const double rest = scaled - significand;
    significand += rest > 0.5 || (rest == 0.5 && (significand & 1));
    const unsigned stored = exponent > -126 ? ((unsigned)(exponent + 125) << 7) + significand : significand;
    return stored < SCALE_MIN ? SCALE_MIN : stored > SCALE_MAX ? SCALE_MAX : (uint16_t)stored;
}

/* Pieces of the sample to try scales on. */
typedef struct trial {
    const trellis_search *search;
    trellis_scratch *scratch;
    slm_coding piece; /* the coding, with a piece for its run */
    const float *sample;
    uint64_t run_length, runs, pieces;
    const importance *of;
    uint64_t first, stride; /* elements of the tensor: the sample's first run, and from one to the next */
} trial;

static void plan_trial(trial *t, const slm_coding *coding) {
    const uint64_t segment = UINT64_C(1) << coding->rotation;
    t->pieces = t->runs < PIECES_MAX ? t->runs : PIECES_MAX;
    uint64_t length = SAMPLE_WEIGHTS / t->pieces / segment * segment;
    length = length < segment ? segment : length;
    t->piece = *coding;
    t->piece.run_length = length < coding->run_length ? length : coding->run_length;
    t->run_length = coding->run_length;
}

static slm_status try_scale(const trial *t, uint16_t scale, double *error) {
    uint8_t codes[(16 + TRELLIS_SEGMENT_MAX * 8) / 8 + 8];
    *error = 0;
    for (uint64_t i = 0; i < t->pieces; i++) {
        /* From the run's begin where it is rotated, so that the signs are the ones the run will have; else from its middle. */
        const uint64_t run = i * t->runs / t->pieces;
        const uint64_t skip = t->piece.rotation ? 0 : (t->run_length - t->piece.run_length) / 2;
        const float *weights = t->sample + run * t->run_length + skip;
        const uint64_t element = t->first + run * t->stride + skip;
        search_stats stats;
        slmi_trellis_scratch_weigh(t->scratch, t->of, element);
        const slm_status status = slmi_trellis_find_codes(t->search, t->scratch, &t->piece, weights, scale, codes, NULL);
        if (status != SLM_OK)
            return status;
        slmi_trellis_measure(t->search, &t->piece, weights, t->of, element, scale, codes, &stats);
        *error += stats.weighted_error;
    }
    slmi_trellis_scratch_weigh(t->scratch, t->of, t->first);
    return SLM_OK;
}

/* Climbs in steps of `ratio` from `wanted` while the error falls, first up, then down. */
static slm_status climb(const trial *t, double wanted, double ratio, uint16_t *scale) {
    double least, error;
    unsigned tried = 1;
    *scale = nearest_scale(wanted, false);
    slm_status status = try_scale(t, *scale, &least);
    for (int down = 0; down < 2 && status == SLM_OK; down++) {
        bool better = false;
        double next = wanted;
        while (tried < CANDIDATES_MAX) {
            next = down ? next / ratio : next * ratio;
            const uint16_t candidate = nearest_scale(next, false);
            status = try_scale(t, candidate, &error);
            tried++;
            if (status != SLM_OK || !(error < least))
                break;
            better = true;
            least = error;
            *scale = candidate;
        }
        if (better)
            break;
    }
    return status;
}

slm_status slmi_trellis_choose_scale(const trellis_search *search, trellis_scratch *scratch, const slm_coding *coding,
                                     const weight_stats *whole, const float *sample, uint64_t runs, uint64_t stride, uint16_t *scale) {
    const double mean = whole->weights ? whole->squared_norm / (double)whole->weights : 0;
    const double rms = sqrt(mean / (double)(UINT64_C(1) << coding->rotation));
    const double wanted = gaussian_alpha(&search->profile) * rms / sqrt(search->mean_square);
    const bool power = scale_needs_power(&search->profile, coding->rotation);
    trial t = {.search = search, .scratch = scratch, .sample = sample, .runs = runs, .stride = stride};
    t.of = slmi_trellis_scratch_importance(scratch, &t.first);
    if (runs == 0 || !(mean > 0) || (!power && coding->rotation && search->profile.P >= 4)) {
        *scale = nearest_scale(wanted, power);
        return SLM_OK;
    }
    plan_trial(&t, coding);
    if (!power)
        return climb(&t, wanted, 1.125, scale);
    /* Of powers of two the one below and the one above. */
    const uint16_t below = nearest_scale(wanted, true), above = nearest_scale(2 * wanted, true);
    double error_below, error_above;
    slm_status status = try_scale(&t, below, &error_below);
    if (status == SLM_OK)
        status = try_scale(&t, above, &error_above);
    if (status == SLM_OK)
        *scale = error_above < error_below ? above : below;
    return status;
}
