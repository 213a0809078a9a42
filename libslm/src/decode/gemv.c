/* gemv.c: products of a coded matrix and a vector: checks, rows and their parts, the definition of the sums, rotation and quantisation of
 * x. */
#include "slm/gemv.h"

#include <string.h>

#include "bits.h"
#include "gemv.h"
#include "rotation.h"
#include "round.h"

#define PIECE 1024u /* columns at a time; a multiple of GEMV_LANES */
#define ONE 0x3f80u /* the scale 1 */

typedef struct matrix_state {
    slm_decoder decoder; /* of the coding without its rotation */
    uint64_t columns;
    const gemv_loops *loops;
    uint16_t sign_seed;
    uint8_t rotation;
} matrix_state;

_Static_assert(sizeof(matrix_state) <= sizeof(slm_matrix), "slm_matrix must hold the state");

static const matrix_state *state_of(const slm_matrix *matrix) { return (const matrix_state *)(const void *)matrix; }
static const decoder_state *decoder_of(const matrix_state *state) { return (const decoder_state *)(const void *)&state->decoder; }

slm_status slm_matrix_init(slm_matrix *matrix, const slm_coding *coding, uint64_t columns, const char *kernel) {
    slm_status status = slm_coding_check(coding, NULL);
    if (status != SLM_OK)
        return status;
    const uint64_t run = coding->run_length;
    if (columns == 0 || (columns % run != 0 && (run % columns != 0 || coding->rotation != 0)))
        return SLM_E_ARGUMENT;
    memset(matrix, 0, sizeof *matrix);
    matrix_state *state = (matrix_state *)(void *)matrix;
    slm_coding plain = *coding;
    plain.rotation = 0;
    plain.sign_seed = 0;
    status = slm_decoder_init(&state->decoder, &plain, kernel);
    /* The scales that are legal are those of the weights, rotation and all. */
    ((decoder_state *)(void *)&state->decoder)->power_of_two = scale_needs_power(&plain.profile, coding->rotation);
    state->columns = columns;
    state->rotation = coding->rotation;
    state->sign_seed = coding->sign_seed;
    state->loops = &slmi_gemv_loops_scalar;
#if SLM_HAVE_X86
    const slm_level level = status == SLM_OK ? decoder_of(state)->kernel->level : SLM_LEVEL_SCALAR;
    if (level == SLM_LEVEL_AVX512)
        state->loops = &slmi_gemv_loops_avx512;
    else if (level == SLM_LEVEL_AVX2)
        state->loops = &slmi_gemv_loops_avx2;
#endif
#if SLM_HAVE_NEON
    if (status == SLM_OK && decoder_of(state)->kernel->level == SLM_LEVEL_NEON)
        state->loops = &slmi_gemv_loops_neon;
#endif
    return status;
}

const char *slm_matrix_kernel(const slm_matrix *matrix) { return slm_decoder_kernel(&state_of(matrix)->decoder); }

void slm_matrix_rotate(const slm_matrix *matrix, const float *x, float *rotated) {
    const matrix_state *state = state_of(matrix);
    if (rotated != x)
        memcpy(rotated, x, (size_t)state->columns * sizeof *x);
    if (state->rotation == 0)
        return;
    const uint64_t run = decoder_of(state)->coding.run_length;
    const size_t n = (size_t)1 << state->rotation;
    for (uint64_t start = 0; start < state->columns; start += run) {
        uint32_t signs = slmi_rotation_register(state->sign_seed, 0);
        for (uint64_t segment = start; segment < start + run; segment += n) {
            float *const v = rotated + segment;
            int64_t sign[4] = {1, 1, 1, 1};
            for (size_t i = 0; i < n; i += 4) {
                for (unsigned j = 0; j < 4; j++)
                    sign[j] = 1;
                slmi_rotation_sign(sign, 4, &signs);
                for (unsigned j = 0; j < 4; j++)
                    v[i + j] = sign[j] < 0 ? -v[i + j] : v[i + j];
            }
            for (size_t half = 1; half < n; half *= 2)
                for (size_t i = 0; i < n; i += 2 * half)
                    for (size_t j = i; j < i + half; j++) {
                        const float a = v[j], b = v[j + half];
                        v[j] = a + b;
                        v[j + half] = a - b;
                    }
        }
    }
}

/* The product is exact in binary64; the sum is made odd where it is not exact, so that its second rounding is the only one. */
float slmi_gemv_fma(float a, float b, float c) {
    const double p = (double)a * (double)b, d = (double)c, sum = p + d;
    const double of_d = sum - p, error = (p - (sum - of_d)) + (d - of_d);
    uint64_t bits;
    memcpy(&bits, &sum, sizeof bits);
    if (error != 0 && (bits & 1) == 0) { /* towards the exact sum: away from zero where the error has the sum's sign */
        bits += (error > 0) == (sum > 0) ? 1 : UINT64_MAX;
        double odd;
        memcpy(&odd, &bits, sizeof odd);
        return (float)odd;
    }
    return (float)sum;
}

static void real_scalar(const float *t, const float *x, size_t count, float lanes[GEMV_LANES]) {
    for (size_t j = 0; j < count; j++)
        lanes[j % GEMV_LANES] = slmi_gemv_fma(t[j], x[j], lanes[j % GEMV_LANES]);
}

static void integer_scalar(const int8_t *t, const int8_t *q, const float *d, size_t count, float lanes[GEMV_INT8_LANES]) {
    for (size_t j = 0; j < count; j += 4) {
        int32_t sum = 0;
        for (size_t i = j; i < j + 4; i++)
            sum += t[i] * q[i];
        float *const lane = &lanes[j / 4 % GEMV_INT8_LANES];
        *lane = slmi_gemv_fma((float)sum, d[j / SLM_GEMV_BLOCK], *lane);
    }
}

const gemv_loops slmi_gemv_loops_scalar = {real_scalar, integer_scalar};

static float total(float *lanes, size_t count) {
    for (size_t n = count / 2; n > 0; n /= 2)
        for (size_t i = 0; i < n; i++)
            lanes[i] += lanes[i + n];
    return lanes[0];
}

static float scale_value(uint16_t scale) {
    const uint32_t bits = (uint32_t)scale << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

slm_status slm_gemv(const slm_matrix *matrix, const void *codes, const uint16_t *scales, size_t scale_step, uint64_t first_row,
                    uint64_t rows, const float *x, float *y) {
    const matrix_state *state = state_of(matrix);
    const decoder_state *decoder = decoder_of(state);
    const uint64_t columns = state->columns, run = decoder->coding.run_length, length = run < columns ? run : columns;
    float t[PIECE];
    for (uint64_t row = first_row; row < first_row + rows; row++) {
        float sum = 0;
        for (uint64_t column = 0; column < columns; column += length) {
            const uint64_t at = row * columns + column, r = at / run, first = at % run; /* a part: `length` columns of run r */
            const uint8_t *bytes = (const uint8_t *)codes + r * decoder->run_bytes;
            slm_status status = slm_decoder_check_scale(&state->decoder, scales[r * scale_step]);
            float lanes[GEMV_LANES] = {0};
            for (uint64_t i = 0; i < length && status == SLM_OK; i += PIECE) {
                const size_t n = length - i < PIECE ? (size_t)(length - i) : PIECE;
                status = slm_decode_run(&state->decoder, bytes, ONE, first + i, n, SLM_F32, t);
                if (status == SLM_OK)
                    state->loops->real(t, x + column + i, n, lanes);
            }
            if (status != SLM_OK)
                return status;
            sum = slmi_gemv_fma(total(lanes, GEMV_LANES), scale_value(scales[r * scale_step]), sum);
        }
        y[row - first_row] = sum;
    }
    return SLM_OK;
}

/* x * inverse to the nearest integer, of two the even one: at most 127 and a little in size, so adding 1.5 * 2^23 rounds it there. */
static int8_t quantise_one(float x, float inverse) {
    const float moved = slmi_gemv_fma(x, inverse, 12582912.0f);
    int32_t bits;
    memcpy(&bits, &moved, sizeof bits);
    return (int8_t)(bits - 0x4b400000);
}

void slm_quantise(const float *x, uint64_t columns, int8_t *q, float *d) {
    for (uint64_t i = 0; i < columns; i += SLM_GEMV_BLOCK) {
        const size_t n = columns - i < SLM_GEMV_BLOCK ? (size_t)(columns - i) : SLM_GEMV_BLOCK;
        float most = 0;
        for (size_t j = 0; j < n; j++) {
            const float size = x[i + j] < 0 ? -x[i + j] : x[i + j];
            most = size > most ? size : most;
        }
        const bool tiny = !(most > 1e-35f); /* so that 127 / most is finite */
        d[i / SLM_GEMV_BLOCK] = tiny ? 0 : most / 127;
        for (size_t j = 0; j < n; j++)
            q[i + j] = tiny ? 0 : quantise_one(x[i + j], 127 / most);
    }
}

/* T, or T / 2 where all are even: what `even` says. */
static void narrow(const int64_t *integers, size_t count, bool even, int8_t *target) {
    for (size_t i = 0; i < count; i++)
        target[i] = (int8_t)(even ? integers[i] / 2 : integers[i]);
}

slm_status slm_gemv_int8(const slm_matrix *matrix, const void *codes, const uint16_t *scales, size_t scale_step, uint64_t first_row,
                         uint64_t rows, const int8_t *q, const float *d, float *y) {
    const matrix_state *state = state_of(matrix);
    const decoder_state *decoder = decoder_of(state);
    const slm_profile *p = &decoder->coding.profile;
    const uint64_t columns = state->columns;
    const unsigned largest = p->W <= 8 ? p->P * ((1u << p->W) - 1) : 256;
    const bool even = largest % 2 == 0;
    if (p->coding != SLM_CODING_TRELLIS || largest / (even ? 2 : 1) > 127 || decoder->coding.run_length != columns || columns % 64 != 0)
        return SLM_E_ARGUMENT;
    int8_t t[PIECE];
    int64_t integers[PIECE / 4];
    for (uint64_t row = first_row; row < first_row + rows; row++) {
        const uint8_t *bytes = (const uint8_t *)codes + row * decoder->run_bytes;
        const uint16_t scale = scales[row * scale_step];
        slm_status status = slm_decoder_check_scale(&state->decoder, scale);
        if (status == SLM_OK)
            status = slm_decoder_check_run(&state->decoder, bytes, NULL);
        float lanes[GEMV_INT8_LANES] = {0};
        for (uint64_t i = 0; i < columns && status == SLM_OK; i += PIECE) {
            const size_t n = columns - i < PIECE ? (size_t)(columns - i) : PIECE;
            if (decoder->kernel->integers != NULL)
                decoder->kernel->integers(decoder, bytes, i, n, t);
            else
                for (size_t j = 0; j < n && status == SLM_OK; j += PIECE / 4) {
                    const size_t m = n - j < PIECE / 4 ? n - j : PIECE / 4;
                    status = slm_scalar_integers(decoder, bytes, i + j, m, integers);
                    narrow(integers, m, even, t + j);
                }
            if (status == SLM_OK)
                state->loops->integer(t, q + i, d + i / SLM_GEMV_BLOCK, n, lanes);
        }
        if (status != SLM_OK)
            return status;
        y[row - first_row] = slmi_gemv_fma(total(lanes, GEMV_INT8_LANES), scale_value(scale) * (even ? 2 : 1), 0);
    }
    return SLM_OK;
}
