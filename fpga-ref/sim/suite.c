/* suite.c: the conformance suite's own vectors as text for slm_stream_decoder's bench.
 *
 *     slm_fpga_suite list FILE.slm                              a line a tensor that a decoder core takes: number, weights, VHDL generics
 *     slm_fpga_suite export FILE.slm TENSOR OUTPUT GROUPS EXPECTED IN OUT
 *
 * Coded tensors without rotation are taken. EXPECTED is the file with the suite's bytes for the output type (expected/ID.f16 and so on).
 * Where it is "-" libslm decides, which the test conform_libslm holds against all of the suite: the suite has bytes for small vectors
 * only, and none for integers. IN and OUT are as slm_fpga_vectors' `stream` writes them. OUTPUT 0 integers, 1 F16, 2 BF16, 3 F32. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bits.h"

static void fail(const char *why) {
    fprintf(stderr, "slm_fpga_suite: %s\n", why);
    exit(1);
}

static void *zeroed(size_t size) {
    void *p = calloc(1, size ? size : 1);
    if (!p)
        fail("out of memory");
    return p;
}

static unsigned number(const char *text) {
    char *end;
    unsigned long v = strtoul(text, &end, 10);
    if (*text == '\0' || *end != '\0' || v > 100000)
        fail("bad number");
    return (unsigned)v;
}

static bool taken(const slm_tensor *t) { return t->coding != SLM_CODING_RAW && t->rotation == 0 && t->elements > 0; }

static void list(const slm_reader *reader) {
    const slm_tensor *t;
    for (size_t i = 0; (t = slm_reader_tensor(reader, i)) != NULL; i++) {
        if (!taken(t))
            continue;
        const slm_profile *p = slm_reader_profile(reader, t->profile);
        printf("%zu %" PRIu64 " K=%d TAPS=%" PRIu32 " STEP=%d W=%d P=%d C=%d ADVANCE=%d E=%d B=%d NORM=%d\n", i, t->elements, p->K, p->taps,
               p->step, p->W, p->P, p->C, p->k, p->E, p->B ? p->B : 4, p->norm);
    }
}

/* The suite's bytes of this tensor: they stand behind those of the tensors before it. */
static void read_expected(const slm_reader *reader, size_t tensor, const char *path, size_t element, uint8_t *values, size_t size) {
    uint64_t at = 0;
    for (size_t i = 0; i < tensor; i++) {
        const slm_tensor *t = slm_reader_tensor(reader, i);
        at += t->coding == SLM_CODING_RAW ? t->payload_size : t->elements * element;
    }
    FILE *f = fopen(path, "rb");
    if (!f || fseek(f, (long)at, SEEK_SET) != 0 || fread(values, 1, size, f) != size)
        fail("the suite has no such expected bytes");
    fclose(f);
}

static void words_of_run(const slm_decoder *d, const uint8_t *codes, unsigned output, const uint8_t *values, uint64_t count,
                         uint64_t *words) {
    if (output == FPGA_INT) {
        if (slm_decode_integers(d, codes, 0, count, (int64_t *)words) != SLM_OK)
            fail("decoding integers failed");
        return;
    }
    unsigned bytes = output == FPGA_F32 ? 4 : 2;
    for (uint64_t i = 0; i < count; i++) {
        words[i] = 0;
        for (unsigned b = 0; b < bytes; b++)
            words[i] |= (uint64_t)values[i * bytes + b] << (8 * b);
    }
}

static void export(const slm_reader *reader, size_t tensor, unsigned output, unsigned groups, const char *expected, FILE *in, FILE *out) {
    const slm_tensor *t = slm_reader_tensor(reader, tensor);
    slm_coding coding;
    slm_decoder d;
    slm_error error;
    if (!t || !taken(t) || slm_reader_coding(reader, tensor, &coding) != SLM_OK || slm_decoder_init(&d, &coding, "scalar") != SLM_OK)
        fail("no such tensor for a decoder core");
    const slm_profile *p = &coding.profile;
    unsigned width = fpga_output_width(p, output), lanes = groups * p->C;
    uint64_t bytes = t->runs * t->run_bytes, data_words = (bytes + 63) / 64;
    size_t element = output == FPGA_F32 ? 4 : 2, size = (size_t)(t->elements * element);
    uint8_t *payload = zeroed(data_words * 64), *values = zeroed(size), *line = zeroed(((uint64_t)lanes * width + 7) / 8);
    uint64_t *words = zeroed(t->run_length * sizeof *words);
    if (slm_reader_read(reader, tensor, t->codes_offset, bytes, payload, &error) != SLM_OK)
        fail("reading the codes failed");
    if (output != FPGA_INT && strcmp(expected, "-") == 0) {
        if (slm_reader_decode(reader, tensor, 0, t->elements, fpga_dtype(output), values, &error) != SLM_OK)
            fail("decoding failed");
    } else if (output != FPGA_INT)
        read_expected(reader, tensor, expected, element, values, size);
    fprintf(in, "t %08" PRIx64 " %08" PRIx64 "\n", t->run_length, t->runs);
    for (uint64_t r = 0; r < t->runs; r++) {
        uint16_t scale;
        if (slm_reader_scale(reader, tensor, r, &scale, &error) != SLM_OK)
            fail("reading a scale failed");
        fprintf(in, "s %04x\n", scale);
        words_of_run(&d, payload + r * t->run_bytes, output, values + r * t->run_length * element, t->run_length, words);
        for (uint64_t first = 0; first < t->run_length; first += lanes) {
            uint64_t left = t->run_length - first, count = left < lanes ? left : lanes;
            memset(line, 0, ((uint64_t)lanes * width + 7) / 8);
            for (uint64_t i = 0; i < count; i++)
                fpga_put(line, i * width, width, words[first + i]);
            fpga_hex(out, line, (uint64_t)lanes * width);
            fprintf(out, " %" PRIu64 " %d %d 0\n", count, left <= lanes, left <= lanes && r + 1 == t->runs);
        }
    }
    for (uint64_t i = 0; i < data_words; i++) {
        fputs("d ", in);
        fpga_hex(in, payload + i * 64, 512);
        fputc('\n', in);
    }
    free(payload);
    free(values);
    free(line);
    free(words);
}

int main(int argc, char **argv) {
    slm_reader *reader;
    bool listing = argc == 3 && strcmp(argv[1], "list") == 0;
    if (!listing && (argc != 9 || strcmp(argv[1], "export") != 0))
        fail("usage: list FILE | export FILE TENSOR OUTPUT GROUPS EXPECTED IN OUT");
    if (slm_reader_open_file(&reader, argv[2], NULL, NULL) != SLM_OK)
        fail("cannot open the file");
    if (listing) {
        list(reader);
        slm_reader_close(reader);
        return 0;
    }
    unsigned output = number(argv[4]), groups = number(argv[5]);
    if (output > FPGA_F32 || groups < 1 || groups > 512)
        fail("OUTPUT is 0..3, GROUPS 1..512");
    FILE *in = fopen(argv[7], "w"), *out = fopen(argv[8], "w");
    if (!in || !out)
        fail("cannot write an output file");
    export(reader, number(argv[3]), output, groups, argv[6], in, out);
    if (fclose(in) != 0 || fclose(out) != 0)
        fail("writing failed");
    slm_reader_close(reader);
    return 0;
}
