/* Block coding's scales: with wide exponents the largest weight decides, with narrow ones a few trials on a sample.
 *
 * An exponent of E >= 3 bits spans 2^7 or more, so that it is enough to make the top code fit the largest block; the finer choice
 * makes no difference. Below that the scale balances clipping against rounding: candidates around the one at which coefficients and
 * entries of uniform distribution would have the weights' rms are tried on a sample by the search itself.
 */
#include "block_scale.h"

#include <math.h>

#include "../decode/round.h"
#include "bfloat.h"

#define SAMPLE_BLOCKS_MAX 64
#define SAMPLE_BLOCKS_MIN 8

/* A block's coefficients may exceed its weights, as columns of U are not orthogonal: room for twice. */
#define COEFFICIENT_ROOM 2.0

size_t slmi_block_scale_sample(const slm_profile *profile, uint64_t blocks) {
    if (profile->E >= 3) {
        return 0;
    }
    uint64_t wanted = blocks / 8;
    wanted = wanted < SAMPLE_BLOCKS_MIN ? SAMPLE_BLOCKS_MIN : wanted > SAMPLE_BLOCKS_MAX ? SAMPLE_BLOCKS_MAX : wanted;
    return (size_t)(wanted < blocks ? wanted : blocks);
}

static double trial_error(const block_search *search, block_scratch *scratch, const slm_coding *coding, uint16_t scale,
                          const double *sample, size_t count, double *targets, uint64_t *records) {
    const double divisor = coding->profile.norm ? (double)((UINT32_C(1) << (coding->profile.W - 1)) - 1) : 1;
    const double unit = bfloat_value(scale) / divisor;
    double sum = 0;
    double square = 0;
    for (size_t i = 0; i < count * coding->profile.C; i++) {
        targets[i] = sample[i] * divisor / bfloat_value(scale);
    }
    double errors[SAMPLE_BLOCKS_MAX];
    (void)slmi_block_search_run(search, scratch, targets, count, records, errors);
    for (size_t b = 0; b < count; b++) {
        sum += errors[b];
    }
    square = sum * unit * unit;
    return square;
}

uint16_t slmi_block_choose_scale(const block_search *search, block_scratch *scratch, const slm_coding *coding, const weight_stats *whole,
                                 const double *sample, size_t count, double *targets, uint64_t *records) {
    const slm_profile *profile = &coding->profile;
    const double divisor = profile->norm ? (double)((UINT32_C(1) << (profile->W - 1)) - 1) : 1;
    const double top = (double)(1 << ((1 << profile->E) - 1)); /* 2^(the top exponent code) */
    const double half = (double)(UINT32_C(1) << (profile->W - 1));
    const int power_of_two = scale_needs_power(profile, coding->rotation);
    if (!(whole->maximum > 0) || whole->weights == 0) {
        return BFLOAT_ONE; /* nothing but zeros */
    }
    if (profile->E >= 3 || count == 0) {
        const double reach = top * ((double)(1 << (profile->B - 1)) - 0.5) * half / divisor; /* of one coefficient, in scales */
        return bfloat_at_least(COEFFICIENT_ROOM * whole->maximum / reach, power_of_two);
    }
    const double entry = profile->W == 1 ? half : half / sqrt(3);
    const double coefficient = (double)(1 << (profile->B - 1)) / sqrt(3);
    const double spread = top * entry * coefficient * sqrt(profile->P) / divisor;
    const double base = sqrt(whole->squared_norm / (double)whole->weights) / spread;
    /* Each pass tries three scales a factor apart, and the next halves the factor's logarithm around the best. */
    static const double factors[] = {2.0, 1.4142135623730951, 1.189207115002721, 1.0905077326652577};
    double centre = base;
    uint16_t best = bfloat_at_least(centre, power_of_two);
    double best_error = trial_error(search, scratch, coding, best, sample, count, targets, records);
    for (unsigned pass = 0; pass < sizeof factors / sizeof factors[0]; pass++) {
        const double tries[2] = {centre / factors[pass], centre * factors[pass]};
        for (unsigned i = 0; i < 2; i++) {
            const uint16_t scale = bfloat_at_least(tries[i], power_of_two);
            const double error = scale == best ? best_error : trial_error(search, scratch, coding, scale, sample, count, targets, records);
            if (error < best_error) {
                best_error = error;
                best = scale;
                centre = tries[i];
            }
        }
    }
    return best;
}
