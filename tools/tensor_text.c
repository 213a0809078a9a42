/* tools/tensor_text.c: profiles, polynomials, shapes and codings in words. */
#include "tensor_text.h"

#include <inttypes.h>
#include <stdio.h>

#include "slm/profile.h"

const char *polynomial_text(char text[POLYNOMIAL_TEXT], unsigned K, uint32_t taps) {
    int n = snprintf(text, POLYNOMIAL_TEXT, "x^%u", K);
    for (unsigned j = K; j-- > 0;) {
        if ((taps >> j & 1) == 0)
            continue;
        if (j > 1)
            n += snprintf(text + n, (size_t)(POLYNOMIAL_TEXT - n), " + x^%u", j);
        else
            n += snprintf(text + n, (size_t)(POLYNOMIAL_TEXT - n), j == 1 ? " + x" : " + 1");
    }
    return text;
}

const char *shape_text(char text[SHAPE_TEXT], unsigned rank, const uint64_t *shape) {
    int n = snprintf(text, SHAPE_TEXT, "[");
    for (unsigned i = 0; i < rank && n < SHAPE_TEXT - 24; i++)
        n += snprintf(text + n, (size_t)(SHAPE_TEXT - n), "%s%" PRIu64, i > 0 ? "," : "", shape[i]);
    snprintf(text + n, (size_t)(SHAPE_TEXT - n), "]");
    return text;
}

const char *coding_name(unsigned coding) {
    static const char *const names[] = {"raw", "block", "trellis"};
    return coding < 3 ? names[coding] : "?";
}

const char *profile_text(char text[PROFILE_TEXT], const slm_profile *p) {
    int n = snprintf(text, PROFILE_TEXT, "%s K=%u step=%u W=%u P=%u C=%u", coding_name(p->coding), p->K, p->step, p->W, p->P, p->C);
    if (p->coding == SLM_CODING_BLOCK)
        snprintf(text + n, (size_t)(PROFILE_TEXT - n), " E=%u B=%u norm=%u", p->E, p->B, p->norm);
    else
        snprintf(text + n, (size_t)(PROFILE_TEXT - n), " k=%u", p->k);
    return text;
}

double profile_bits(const slm_profile *p) { return (double)(p->coding == SLM_CODING_BLOCK ? slm_profile_record_bits(p) : p->k) / p->C; }

double tensor_bits(const slm_tensor *t) { return t->elements == 0 ? 0 : 8.0 * (double)t->payload_size / (double)t->elements; }
