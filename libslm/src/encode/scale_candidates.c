/* The grid of scales that are tried in full. Its widths were measured: libslm/doc/scales.md. */
#include "scale_candidates.h"

#include "../decode/round.h"
#include "bfloat.h"

#define WIDE_EXPONENT 3u   /* block coding: an E from which a factor of two makes no difference */
#define TRELLIS_WIDTH 0.12 /* of the rule's scale, half of it on each side */
#define BLOCK_WIDTH 0.24

/* Powers of two: the rule's, its half and its double. */
static unsigned powers_of_two(uint16_t rule, unsigned count, uint16_t *scales) {
    static const double factors[] = {0.5, 1, 2};
    const double value = bfloat_value(rule);
    unsigned found = 0;
    for (unsigned i = count > 2 ? 0 : 1; i < 3 && found < count; i++) {
        const uint16_t scale = bfloat_at_least(value * factors[i], 1);
        if (found == 0 || scale != scales[found - 1]) {
            scales[found++] = scale;
        }
    }
    return found;
}

unsigned slmi_scale_candidates(const slm_coding *coding, uint16_t rule, unsigned count, uint16_t *scales) {
    const slm_profile *profile = &coding->profile;
    if (count <= 1) {
        scales[0] = rule;
        return 1;
    }
    if (scale_needs_power(profile, coding->rotation)) {
        return powers_of_two(rule, count, scales);
    }
    const double value = bfloat_value(rule);
    const bool octave = profile->coding == SLM_CODING_BLOCK && profile->E >= WIDE_EXPONENT;
    const double width = profile->coding == SLM_CODING_TRELLIS ? TRELLIS_WIDTH : BLOCK_WIDTH;
    unsigned found = 0;
    for (unsigned i = 0; i < count; i++) {
        /* Up from the rule's, at which nothing is clipped; or the middles of `count` parts of the range. */
        const double factor = octave ? 1 + (double)i / count : 1 + width * ((2.0 * i + 1) / (2.0 * count) - 0.5);
        const uint16_t scale = bfloat_at_least(value * factor, 0);
        if (found == 0 || scale != scales[found - 1]) {
            scales[found++] = scale;
        }
    }
    return found;
}
