/* fuzz/kernels.c: differential. Whatever bytes the reader accepts, every kernel decodes to the same weights and makes the same products,
 * and verifying and multiplying say of it what decoding says. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "slm/gemv.h"

#define ELEMENTS_MAX ((uint64_t)1 << 14) /* of a tensor; more are verified, but only so many decoded */
#define RUNS_MAX 4

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    return 0;
}

static const slm_dtype dtypes[] = {SLM_F32, SLM_F16, SLM_BF16};

/* One range of a run, by one kernel against the scalar one: same status, same bytes. */
static void compare_range(const slm_decoder *scalar, const slm_decoder *other, const uint8_t *codes, uint16_t scale, uint64_t first,
                          uint64_t count) {
    for (size_t d = 0; d < 3; d++) {
        const size_t size = fuzz_bytes(dtypes[d], count);
        uint8_t *x = malloc(size + 4), *y = malloc(size + 4);
        CHECK(x != NULL && y != NULL);
        memset(x, 0xA5, size + 4);
        memset(y, 0xA5, size + 4);
        const slm_status a = slm_decode_run(scalar, codes, scale, first, count, dtypes[d], x);
        const slm_status b = slm_decode_run(other, codes, scale, first, count, dtypes[d], y);
        CHECK(a == b);
        CHECK(a != SLM_OK || memcmp(x, y, size) == 0);
        CHECK(memcmp(y + size, "\xA5\xA5\xA5\xA5", 4) == 0);
        free(x);
        free(y);
    }
}

/* A run as a matrix of one row: every kernel the scalar one's product, and a status that is decoding's. */
static void compare_products(const slm_decoder *decoder, const slm_coding *coding, const uint8_t *codes, uint16_t scale, uint64_t *state) {
    const size_t columns = (size_t)coding->run_length;
    float *x = malloc(columns * sizeof *x), *d = malloc((columns / SLM_GEMV_BLOCK + 1) * sizeof *d);
    int8_t *q = malloc(columns);
    slm_matrix scalar, other;
    CHECK(x != NULL && d != NULL && q != NULL && slm_matrix_init(&scalar, coding, columns, "scalar") == SLM_OK);
    const slm_status wanted = slm_decode_run(decoder, codes, scale, 0, columns, SLM_F32, x);
    for (size_t i = 0; i < columns; i++)
        x[i] = (float)fuzz_below(state, 1 << 20) / (1 << 10) - (1 << 9);
    slm_matrix_rotate(&scalar, x, x);
    slm_quantise(x, columns, q, d);
    float y[2] = {0};
    CHECK(slm_gemv(&scalar, codes, &scale, 1, 0, 1, x, &y[0]) == wanted);
    const slm_status narrow = slm_gemv_int8(&scalar, codes, &scale, 1, 0, 1, q, d, &y[1]);
    CHECK(narrow == wanted || narrow == SLM_E_ARGUMENT);
    for (size_t k = 1; slm_kernel_name(k) != NULL; k++) {
        if (slm_matrix_init(&other, coding, columns, slm_kernel_name(k)) != SLM_OK)
            continue;
        float z[2] = {0};
        CHECK(slm_gemv(&other, codes, &scale, 1, 0, 1, x, &z[0]) == wanted);
        CHECK(slm_gemv_int8(&other, codes, &scale, 1, 0, 1, q, d, &z[1]) == narrow);
        CHECK(memcmp(y, z, sizeof y) == 0);
    }
    free(x);
    free(d);
    free(q);
}

static void compare_run(const slm_reader *reader, size_t tensor, const slm_coding *coding, uint64_t run, uint64_t *state) {
    const slm_tensor *t = slm_reader_tensor(reader, tensor);
    slm_error error;
    uint16_t scale;
    if (slm_reader_scale(reader, tensor, run, &scale, &error) != SLM_OK)
        return;
    uint8_t *codes = malloc(t->run_bytes > 0 ? (size_t)t->run_bytes : 1); /* the payload lies in the file, so this is no more */
    CHECK(codes != NULL);
    slm_decoder scalar;
    CHECK(slm_decoder_init(&scalar, coding, "scalar") == SLM_OK);
    if (slm_reader_read(reader, tensor, t->codes_offset + run * t->run_bytes, t->run_bytes, codes, &error) == SLM_OK) {
        const uint64_t length = t->run_length, part = length < ELEMENTS_MAX ? length : ELEMENTS_MAX;
        const uint64_t middle = fuzz_below(state, length), some = fuzz_below(state, (length - middle < part ? length - middle : part) + 1);
        for (size_t k = 1; slm_kernel_name(k) != NULL; k++) {
            slm_decoder other;
            if (slm_decoder_init(&other, coding, slm_kernel_name(k)) != SLM_OK)
                continue;
            compare_range(&scalar, &other, codes, scale, 0, part);
            compare_range(&scalar, &other, codes, scale, length - part, part);
            compare_range(&scalar, &other, codes, scale, middle, some);
        }
        if (run == 0 && length <= ELEMENTS_MAX)
            compare_products(&scalar, coding, codes, scale, state);
    }
    free(codes);
}

/* Some runs in one call, by every kernel: what the scalar one makes of them one by one, to the first that is refused. */
static void compare_runs(const slm_reader *reader, size_t tensor, const slm_coding *coding) {
    const slm_tensor *t = slm_reader_tensor(reader, tensor);
    const uint64_t length = t->run_length, runs = t->runs < RUNS_MAX ? t->runs : RUNS_MAX;
    slm_error error;
    uint16_t scales[RUNS_MAX];
    if (length > ELEMENTS_MAX / RUNS_MAX)
        return;
    for (uint64_t r = 0; r < runs; r++)
        if (slm_reader_scale(reader, tensor, r, &scales[r], &error) != SLM_OK)
            return;
    const size_t bytes = (size_t)(runs * t->run_bytes), size = fuzz_bytes(SLM_BF16, runs * length);
    uint8_t *codes = malloc(bytes > 0 ? bytes : 1), *x = calloc(size + 1, 1), *y = calloc(size + 1, 1);
    CHECK(codes != NULL && x != NULL && y != NULL);
    if (slm_reader_read(reader, tensor, t->codes_offset, bytes, codes, &error) == SLM_OK) {
        slm_decoder decoder;
        slm_status wanted = slm_decoder_init(&decoder, coding, "scalar");
        for (uint64_t r = 0; r < runs && wanted == SLM_OK; r++)
            wanted =
                slm_decode_run(&decoder, codes + r * t->run_bytes, scales[r], 0, length, SLM_BF16, x + fuzz_bytes(SLM_BF16, r * length));
        for (size_t k = 0; slm_kernel_name(k) != NULL; k++) {
            if (slm_decoder_init(&decoder, coding, slm_kernel_name(k)) != SLM_OK)
                continue;
            CHECK(slm_decode_runs(&decoder, codes, scales, 1, runs, SLM_BF16, y) == wanted);
            CHECK(wanted != SLM_OK || memcmp(x, y, size) == 0);
            CHECK(y[size] == 0);
        }
    }
    free(codes);
    free(x);
    free(y);
}

/* Whole tensors by the reader: scalar kernel, fastest kernel; and verify() must agree with what decoding says. */
static void compare_tensor(const fuzz_slm *scalar, const fuzz_slm *fast, size_t tensor) {
    const slm_tensor *t = slm_reader_tensor(scalar->memory, tensor);
    slm_error x = {0}, y = {0}, z = {0};
    const slm_status one = slm_reader_verify(scalar->memory, tensor, &x), two = slm_reader_verify(fast->callback, tensor, &y),
                     three = slm_reader_verify(fast->memory, tensor, &z);
    fuzz_same_error(one, &x, two, &y);
    fuzz_same_error(one, &x, three, &z);
    if (t->elements > ELEMENTS_MAX)
        return;
    const bool raw = t->coding == SLM_CODING_RAW;
    for (size_t d = 0; d < (raw ? 1 : 3); d++) {
        const slm_dtype dtype = raw ? t->dtype : dtypes[d];
        const size_t size = fuzz_bytes(dtype, t->elements);
        uint8_t *u = calloc(size + 1, 1), *v = calloc(size + 1, 1);
        CHECK(u != NULL && v != NULL);
        slm_error p = {0}, q = {0};
        const slm_status a = slm_reader_decode(scalar->memory, tensor, 0, t->elements, dtype, u, &p);
        const slm_status b = slm_reader_decode(fast->memory, tensor, 0, t->elements, dtype, v, &q);
        fuzz_same_error(a, &p, b, &q);
        CHECK(a != SLM_OK || memcmp(u, v, size) == 0);
        if (one == SLM_OK)
            CHECK(a == SLM_OK);
        else if (a == SLM_OK) /* what verifying looks at and decoding does not: zeros behind scales and payloads, a chunk's other bytes */
            CHECK(strcmp(x.rule, "RUN-5") == 0 || strcmp(x.rule, "PAY-14") == 0 || strcmp(x.rule, "SUM-4") == 0);
        free(u);
        free(v);
    }
}

static bool look(const uint8_t *data, size_t size, bool mend) {
    fuzz_slm scalar, fast;
    const bool opened = fuzz_open_slm(&scalar, data, size, mend, "scalar");
    CHECK(fuzz_open_slm(&fast, data, size, mend, NULL) == opened);
    if (!opened)
        return false;
    uint64_t state = fuzz_seed(data, size);
    const slm_file_info *info = slm_reader_info(scalar.memory);
    for (size_t i = 0; i < info->tensors && i < 64; i++) {
        compare_tensor(&scalar, &fast, i);
        slm_coding coding;
        if (slm_reader_coding(scalar.memory, i, &coding) != SLM_OK)
            continue;
        const uint64_t runs = slm_reader_tensor(scalar.memory, i)->runs;
        for (uint64_t r = 0; r < RUNS_MAX && r < runs; r++)
            compare_run(scalar.memory, i, &coding, r < RUNS_MAX / 2 ? r : fuzz_below(&state, runs), &state);
        compare_runs(scalar.memory, i, &coding);
    }
    for (size_t i = info->tensors; i < info->payloads; i++) {
        slm_error x = {0}, y = {0};
        const slm_status one = slm_reader_verify(scalar.memory, i, &x);
        fuzz_same_error(one, &x, slm_reader_verify(fast.callback, i, &y), &y);
    }
    fuzz_close_slm(&scalar);
    fuzz_close_slm(&fast);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!look(data, size, false))
        (void)look(data, size, true);
    return 0;
}
