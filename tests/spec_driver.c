/* spec_driver.c: libslm behind a line protocol, for the Python tests that hold it against the specification.
 *
 *   run CODING K step W P C E B norm k taps rotation sign_seed run_length scale first count KERNEL:HEX
 *       -> status [reason], or SLM_OK and four lists: integers, F32, F16 and BF16 bits
 *   check PATH     -> status rule offset of opening, or of the first payload that fails verification
 *   tensors PATH   -> for each tensor its name and, in hexadecimal, its little-endian elements: raw as they are, coded as F32, F16 and BF16
 * One line in, one line out (`tensors`: one a tensor, then "end"); numbers decimal, or hexadecimal with 0x.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "slm/slm.h"

#define WORDS 20

static const slm_dtype outputs[3] = {SLM_F32, SLM_F16, SLM_BF16};

static void print_bits(const void *bits, size_t count, size_t size) {
    printf(" ");
    for (size_t i = 0; i < count; i++) {
        uint32_t wide = 0;
        uint16_t narrow = 0;
        if (size == 4)
            memcpy(&wide, (const char *)bits + 4 * i, 4);
        else
            memcpy(&narrow, (const char *)bits + 2 * i, 2), wide = narrow;
        printf("%s%0*" PRIx32, i == 0 ? "" : ",", (int)size * 2, wide);
    }
}

static void *allocate(size_t size) {
    void *p = calloc(size > 0 ? size : 1, 1);
    if (p == NULL)
        exit(3);
    return p;
}

static void run(char *words[WORDS], int count_words) {
    if (count_words != 19) {
        printf("malformed\n");
        return;
    }
    uint64_t n[18];
    for (int i = 1; i < 17; i++)
        n[i] = strtoull(words[i], NULL, 0);
    slm_coding coding = {.profile = {.coding = (uint8_t)n[1],
                                     .K = (uint8_t)n[2],
                                     .step = (uint8_t)n[3],
                                     .W = (uint8_t)n[4],
                                     .P = (uint8_t)n[5],
                                     .C = (uint8_t)n[6],
                                     .E = (uint8_t)n[7],
                                     .B = (uint8_t)n[8],
                                     .norm = (uint8_t)n[9],
                                     .k = (uint8_t)n[10],
                                     .taps = (uint32_t)n[11]},
                         .rotation = (uint8_t)n[12],
                         .sign_seed = (uint16_t)n[13],
                         .run_length = n[14]};
    const uint16_t scale = (uint16_t)n[15];
    const uint64_t first = n[16], count = strtoull(words[17], NULL, 0);
    char *hex = strchr(words[18], ':'); /* KERNEL:HEX */
    if (hex == NULL) {
        printf("malformed\n");
        return;
    }
    *hex++ = 0;
    const char *kernel = strcmp(words[18], "default") == 0 ? NULL : words[18], *reason = "";

    slm_status status = slm_coding_check(&coding, &reason);
    if (status != SLM_OK) {
        printf("%s %s\n", slm_status_name(status), reason);
        return;
    }
    slm_decoder decoder;
    status = slm_decoder_init(&decoder, &coding, kernel);
    if (status != SLM_OK) {
        printf("%s\n", slm_status_name(status));
        return;
    }
    const size_t size = strlen(hex) / 2;
    if (size != slm_profile_run_bytes(&coding.profile, coding.run_length)) {
        printf("run_bytes %" PRIu64 "\n", slm_profile_run_bytes(&coding.profile, coding.run_length));
        return;
    }
    uint8_t *codes = allocate(size);
    for (size_t i = 0; i < size; i++) {
        const char digits[3] = {hex[2 * i], hex[2 * i + 1], 0};
        codes[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    int64_t *integers = allocate((size_t)count * sizeof *integers);
    void *out[3];
    status = slm_decoder_check_scale(&decoder, scale);
    if (status == SLM_OK)
        status = slm_decode_integers(&decoder, codes, first, count, integers);
    for (int i = 0; i < 3; i++) {
        out[i] = allocate((size_t)count * 4);
        slm_status one = slm_decode_run(&decoder, codes, scale, first, count, outputs[i], out[i]);
        if (one != status)
            printf("differs:%s ", slm_status_name(one));
    }
    printf("%s", slm_status_name(status));
    if (status == SLM_OK) {
        printf(" ");
        for (size_t i = 0; i < count; i++)
            printf("%s%" PRId64, i == 0 ? "" : ",", integers[i]);
        for (int i = 0; i < 3; i++)
            print_bits(out[i], (size_t)count, i == 0 ? 4 : 2);
    }
    printf("\n");
    for (int i = 0; i < 3; i++)
        free(out[i]);
    free(integers);
    free(codes);
}

static void print_error(slm_status status, const slm_error *error) {
    printf("%s %s %" PRId64 "\n", slm_status_name(status), error->rule[0] != 0 ? error->rule : "-", (int64_t)error->offset);
}

static void check(const char *path) {
    slm_reader *reader = NULL;
    slm_error error = {0};
    slm_status status = slm_reader_open_file(&reader, path, NULL, &error);
    const uint32_t payloads = status == SLM_OK ? slm_reader_info(reader)->payloads : 0;
    for (uint32_t i = 0; status == SLM_OK && i < payloads; i++)
        status = slm_reader_verify(reader, i, &error);
    slm_reader_close(reader);
    if (status == SLM_OK)
        printf("SLM_OK - 0\n");
    else
        print_error(status, &error);
}

static void print_tensor(const slm_reader *reader, size_t number) {
    const slm_tensor *t = slm_reader_tensor(reader, number);
    printf("%s", t->name);
    for (int i = 0; i < (t->coding == SLM_CODING_RAW ? 1 : 3); i++) {
        const slm_dtype dtype = t->coding == SLM_CODING_RAW ? t->dtype : outputs[i];
        const size_t size = (size_t)(t->elements * slm_dtype_bits(dtype) / 8);
        uint8_t *bytes = allocate(size);
        slm_error error = {0};
        slm_status status = slm_reader_decode(reader, number, 0, t->elements, dtype, bytes, &error);
        printf(" %s:", status == SLM_OK ? slm_dtype_name(dtype) : slm_status_name(status));
        for (size_t k = 0; k < size; k++)
            printf("%02x", bytes[k]);
        free(bytes);
    }
    printf("\n");
}

static void tensors(const char *path) {
    slm_reader *reader = NULL;
    slm_error error = {0};
    slm_status status = slm_reader_open_file(&reader, path, NULL, &error);
    if (status != SLM_OK)
        print_error(status, &error);
    for (size_t i = 0; status == SLM_OK && i < slm_reader_info(reader)->tensors; i++)
        print_tensor(reader, i);
    slm_reader_close(reader);
    printf("end\n");
}

int main(void) {
    static char line[1 << 20];
    while (fgets(line, sizeof line, stdin) != NULL) {
        char *words[WORDS];
        int count = 0;
        for (char *word = strtok(line, " \n"); word != NULL && count < WORDS; word = strtok(NULL, " \n"))
            words[count++] = word;
        if (count > 0 && strcmp(words[0], "run") == 0)
            run(words, count);
        else if (count == 2 && strcmp(words[0], "check") == 0)
            check(words[1]);
        else if (count == 2 && strcmp(words[0], "tensors") == 0)
            tensors(words[1]);
        else
            printf("malformed\n");
        fflush(stdout);
    }
    return 0;
}
