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

static void add_squares(square_sum *s, double sum, int exponent) {
    if (sum == 0)
        return;
    const int larger = s->sum == 0 || exponent > s->exponent ? exponent : s->exponent;
    s->sum = ldexp(s->sum, 2 * (s->exponent - larger)) + ldexp(sum, 2 * (exponent - larger));
    s->exponent = larger;
}

/* The square of a value whose square may leave the range of double, as those of F64 do. */
static void add_wide(square_sum *s, double value) {
    int exponent = 0;
    const double mantissa = isinf(value) ? value : frexp(value, &exponent);
    add_squares(s, mantissa * mantissa, exponent);
}

/* One piece, and its sums first: 512 products lose less than the last digit that is printed. */
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
        if (wide) {
            add_wide(&c->norm, a[i]);
            add_wide(&c->error, distance);
        } else {
            norm += a[i] * a[i];
            error += distance * distance;
        }
    }
    add_squares(&c->norm, norm, 0);
    add_squares(&c->error, error, 0);
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
    add_squares(&total->norm, c->norm.sum, c->norm.exponent);
    add_squares(&total->error, c->error.sum, c->error.exponent);
    if (c->maximum > total->maximum)
        total->maximum = c->maximum;
}

double compare_relative(const comparison *c) {
    const square_sum *error = &c->error, *norm = &c->norm;
    return error->sum == 0 ? 0 : norm->sum == 0 ? (double)INFINITY : ldexp(sqrt(error->sum / norm->sum), error->exponent - norm->exponent);
}

double compare_snr(const comparison *c) {
    const square_sum *error = &c->error, *norm = &c->norm;
    if (error->sum == 0 || norm->sum == 0)
        return error->sum == 0 ? (double)INFINITY : (double)-INFINITY;
    return 10 * log10(norm->sum / error->sum) + 20 * log10(2) * (norm->exponent - error->exponent);
}
