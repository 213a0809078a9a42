/* tools/compare.c: how far two arrays of elements lie apart. */
#include "compare.h"

#include <math.h>
#include <string.h>

#define PIECE 512

bool compare_as_numbers(slm_dtype a, slm_dtype b) {
    return (slm_dtype_is_codable(a) || a == SLM_F64) && (slm_dtype_is_codable(b) || b == SLM_F64);
}

static void to_double(slm_dtype type, const uint8_t *source, size_t count, double *target) {
    if (type == SLM_F64) {
        for (size_t i = 0; i < count; i++) {
            uint64_t bits = 0;
            for (size_t j = 8; j-- > 0;)
                bits = bits << 8 | source[8 * i + j];
            memcpy(&target[i], &bits, sizeof bits);
        }
        return;
    }
    float narrow[PIECE];
    slm_widen(type, source, count, narrow);
    for (size_t i = 0; i < count; i++)
        target[i] = (double)narrow[i];
}

/* One piece, and its sums first in double: 512 products lose less than the last digit that is printed. */
static void compare_piece(comparison *c, const double *a, const double *b, size_t count, bool wide) {
    double norm = 0, error = 0;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(a[i]) || !isfinite(b[i])) {
            if (a[i] != b[i] && !(isnan(a[i]) && isnan(b[i]))) {
                c->different++;
                c->nonfinite++;
            }
            continue;
        }
        double distance = fabs(a[i] - b[i]);
        if (distance > 0)
            c->different++;
        if (distance > c->maximum) {
            c->maximum = distance;
            c->maximum_index = c->elements + i;
        }
        if (wide) { /* squares of F64 leave the range of double */
            c->norm += (long double)a[i] * a[i];
            c->error += (long double)distance * distance;
        } else {
            norm += a[i] * a[i];
            error += distance * distance;
        }
    }
    c->norm += norm;
    c->error += error;
    c->elements += count;
}

void compare_elements(comparison *c, slm_dtype a_type, const void *a, slm_dtype b_type, const void *b, size_t count) {
    size_t a_bits = slm_dtype_bits(a_type), b_bits = slm_dtype_bits(b_type);
    const uint8_t *x = a, *y = b;
    if (a_type != b_type || memcmp(x, y, count * a_bits / 8) != 0)
        c->bytes_differ = true;
    if (!compare_as_numbers(a_type, b_type)) {
        size_t unit = a_bits < 8 ? 1 : a_bits / 8, units = a_bits < 8 ? count * a_bits / 8 : count;
        for (size_t i = 0; i < units; i++)
            c->different += memcmp(x + i * unit, y + i * unit, unit) != 0;
        c->elements += units;
        return;
    }
    double a_piece[PIECE], b_piece[PIECE];
    for (size_t i = 0; i < count; i += PIECE) {
        size_t n = count - i < PIECE ? count - i : PIECE;
        to_double(a_type, x + i * a_bits / 8, n, a_piece);
        to_double(b_type, y + i * b_bits / 8, n, b_piece);
        compare_piece(c, a_piece, b_piece, n, a_type == SLM_F64 || b_type == SLM_F64);
    }
}

void compare_add(comparison *total, const comparison *c) {
    total->elements += c->elements;
    total->different += c->different;
    total->nonfinite += c->nonfinite;
    total->bytes_differ |= c->bytes_differ;
    total->norm += c->norm;
    total->error += c->error;
    if (c->maximum > total->maximum)
        total->maximum = c->maximum;
}

double compare_relative(const comparison *c) {
    return c->error == 0 ? 0 : c->norm == 0 ? (double)INFINITY : (double)sqrtl(c->error / c->norm);
}

double compare_snr(const comparison *c) {
    return c->error == 0 ? (double)INFINITY : c->norm == 0 ? (double)-INFINITY : (double)(10 * log10l(c->norm / c->error));
}
