/* vectors.c: stimulus and expected response for the benches, written by libslm's scalar decoder as text.
 *
 *     slm_fpga_vectors list                                   names of the profiles
 *     slm_fpga_vectors generics PROFILE [stream]              the profile as VHDL generics, NAME=VALUE (as slm_stream_decoder has them)
 *     slm_fpga_vectors width PROFILE OUTPUT                   bits of a weight at the output
 *     slm_fpga_vectors trellis PROFILE OUTPUT GROUPS POW2 RUNS SEED IN OUT
 *     slm_fpga_vectors block PROFILE OUTPUT POW2 RECORDS SEED IN OUT
 *     slm_fpga_vectors stream PROFILE OUTPUT GROUPS POW2 TENSORS SEED IN OUT
 *     slm_fpga_vectors hadamard H LANES WIDTH RUNS SEED IN OUT
 *     slm_fpga_vectors matrix PROFILE OUTPUT GROUPS POW2 N ROWS IN OUT     an N x N matrix as one tensor; ROWS 1: a run a row, 0: one run
 *
 * OUTPUT 0 integers, 1 F16, 2 BF16, 3 F32; POW2 1 restricts scales to powers of two. Numbers in IN are hexadecimal, vectors most
 * significant digit first; a line of OUT ends with what else the output port must show. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bits.h"
#include "profiles.h"

static void fail(const char *why) {
    fprintf(stderr, "slm_fpga_vectors: %s\n", why);
    exit(1);
}

static void *zeroed(size_t size) {
    void *p = calloc(1, size ? size : 1);
    if (!p)
        fail("out of memory");
    return p;
}

/* One run, random, valid, with its weights as output words of `width` bits in `words`. */
typedef struct run {
    uint64_t weights, bytes;
    uint8_t *codes;
    uint64_t *words;
    uint16_t scale;
} run;

static void free_run(run *r) {
    free(r->codes);
    free(r->words);
}

static run make_run(const slm_profile *p, unsigned output, bool pow2, uint64_t weights, uint64_t *seed) {
    run r = {.weights = weights, .bytes = slm_profile_run_bytes(p, weights)};
    r.codes = zeroed(r.bytes);
    r.words = zeroed(weights * sizeof *r.words);
    r.scale = fpga_scale(seed, pow2 || fpga_needs_pow2(p), output);
    uint64_t blocks = slm_profile_blocks(p, weights);
    if (p->coding == SLM_CODING_TRELLIS) {
        uint64_t bits = p->K + (blocks - 1) * p->k, kind = fpga_random(seed) % 16;
        for (uint64_t i = 0; i < bits; i++)
            fpga_put(r.codes, i, 1, kind == 0 ? 0 : kind == 1 ? 1 : fpga_random(seed) >> 63);
    } else {
        unsigned R = slm_profile_record_bits(p);
        for (uint64_t b = 0; b < blocks; b++) {
            uint64_t record = fpga_random(seed);
            unsigned kind = (unsigned)(fpga_random(seed) % 32), q_at = p->K + p->E, q_bits = (unsigned)p->P * p->B;
            if (kind == 0) /* all coefficients 0 */
                record &= (UINT64_C(1) << q_at) - 1;
            if (kind == 1) /* all coefficients the least */
                for (unsigned i = 0; i < p->P; i++) {
                    uint64_t field = (UINT64_C(1) << p->B) - 1, least = UINT64_C(1) << (p->B - 1);
                    record = (record & ~(field << (q_at + i * p->B))) | least << (q_at + i * p->B);
                }
            if (kind == 2) /* tiny: one coefficient of 1, exponent code 0 */
                record = (record & ((UINT64_C(1) << p->K) - 1)) | UINT64_C(1) << q_at;
            if (q_at + q_bits < 64)
                record &= (UINT64_C(1) << (q_at + q_bits)) - 1;
            if ((record & ((UINT64_C(1) << p->K) - 1)) == 0)
                record |= 1;
            fpga_put(r.codes, b * R, R, record);
        }
    }
    slm_coding coding = {.profile = *p, .run_length = weights};
    slm_decoder d;
    const char *reason = "";
    if (slm_decoder_init(&d, &coding, "scalar") != SLM_OK || slm_coding_check(&coding, &reason) != SLM_OK)
        fail(reason);
    if (output == FPGA_INT) {
        int64_t *t = zeroed(weights * sizeof *t);
        if (slm_decode_integers(&d, r.codes, 0, weights, t) != SLM_OK)
            fail("decoding integers failed");
        memcpy(r.words, t, weights * sizeof *t);
        free(t);
    } else {
        size_t element = output == FPGA_F32 ? 4 : 2;
        uint8_t *values = zeroed(weights * element);
        if (slm_decode_run(&d, r.codes, r.scale, 0, weights, fpga_dtype(output), values) != SLM_OK)
            fail("decoding failed");
        for (uint64_t i = 0; i < weights; i++) {
            uint32_t v = 0;
            uint16_t h = 0;
            memcpy(element == 4 ? (void *)&v : (void *)&h, values + i * element, element);
            r.words[i] = element == 4 ? v : h;
        }
        free(values);
    }
    return r;
}

/* `count` output words from weight `first` on as one number of `lanes` words; lanes past the run are 0. */
static void put_words(FILE *f, const run *r, uint64_t first, unsigned lanes, unsigned width) {
    uint8_t *line = zeroed(((uint64_t)lanes * width + 7) / 8);
    for (unsigned i = 0; i < lanes && first + i < r->weights; i++)
        fpga_put(line, (uint64_t)i * width, width, r->words[first + i]);
    fpga_hex(f, line, (uint64_t)lanes * width);
    free(line);
}

/* `width` bits of the run's codes from bit `at`, zeros past the end. */
static void put_codes(FILE *f, const run *r, uint64_t at, uint64_t width) {
    uint8_t *line = zeroed((width + 7) / 8);
    for (uint64_t i = 0; i < width && at + i < 8 * r->bytes; i++)
        fpga_put(line, i, 1, fpga_get(r->codes, at + i, 1));
    fpga_hex(f, line, width);
    free(line);
}

/* IN: word, last, tail, scale. OUT: weights, how many of them count, last. */
static void trellis(const slm_profile *p, unsigned output, unsigned groups, bool pow2, unsigned runs, uint64_t seed, FILE *in, FILE *out) {
    unsigned width = fpga_output_width(p, output), lanes = groups * p->C;
    for (unsigned n = 0; n < runs; n++) {
        run r = make_run(p, output, pow2, 1 + fpga_random(&seed) % (lanes * (n % 4 == 0 ? 9 : 3)), &seed);
        uint64_t seeds = slm_profile_blocks(p, r.weights), bits = p->K + (seeds - 1) * p->k;
        uint64_t word = (uint64_t)groups * p->k, words = (bits + word - 1) / word, beats = (seeds + groups - 1) / groups;
        for (uint64_t i = 0; i < words; i++) {
            put_codes(in, &r, i * word, word);
            fprintf(in, " %d %d %04x\n", i + 1 == words, i + 1 == words && beats < words, r.scale);
        }
        for (uint64_t i = 0; i < beats; i++) {
            put_words(out, &r, i * lanes, lanes, width);
            uint64_t left = r.weights - i * lanes;
            fprintf(out, " %" PRIu64 " %d\n", left < lanes ? left : lanes, i + 1 == beats);
        }
        free_run(&r);
    }
}

/* IN: record, scale. OUT: weights, how many count, whether the seed is 0 (then no weight counts). */
static void block(const slm_profile *p, unsigned output, bool pow2, unsigned records, uint64_t seed, FILE *in, FILE *out) {
    unsigned width = fpga_output_width(p, output), R = slm_profile_record_bits(p);
    for (unsigned n = 0; n < records; n++) {
        run r = make_run(p, output, pow2, p->C, &seed);
        bool bad = fpga_random(&seed) % 64 == 0;
        if (bad)
            fpga_put(r.codes, 0, p->K, 0);
        put_codes(in, &r, 0, R);
        fprintf(in, " %04x\n", r.scale);
        put_words(out, &r, 0, p->C, width);
        fprintf(out, " %d %d\n", bad ? 0 : p->C, bad);
        free_run(&r);
    }
}

/* A tensor: runs of one length back to back on byte boundaries in 64-byte words. IN: "t RUN_LENGTH RUNS" begins a tensor, then its scales
 * ("s SCALE") and words ("d DATA"). OUT: weights, how many count, last of run, last of tensor, seed 0 seen. */
static void stream(const slm_profile *p, unsigned output, unsigned groups, bool pow2, unsigned tensors, uint64_t seed, FILE *in,
                   FILE *out) {
    unsigned width = fpga_output_width(p, output), lanes = groups * p->C;
    for (unsigned n = 0; n < tensors; n++) {
        uint64_t length = 1 + fpga_random(&seed) % (lanes * (n % 3 == 0 ? 20 : 3)), runs = 1 + fpga_random(&seed) % 12;
        if (n % 5 == 4) { /* tiny runs: many to a word */
            length = 1 + fpga_random(&seed) % 8;
            runs = 40;
        }
        uint64_t run_bytes = slm_profile_run_bytes(p, length), total = run_bytes * runs, words = (total + 63) / 64;
        uint8_t *payload = zeroed(words * 64);
        fprintf(in, "t %08" PRIx64 " %08" PRIx64 "\n", length, runs);
        for (uint64_t i = 0; i < runs; i++) {
            run r = make_run(p, output, pow2, length, &seed);
            bool bad = p->coding == SLM_CODING_BLOCK && fpga_random(&seed) % 8 == 0;
            uint64_t blocks = slm_profile_blocks(p, length), at = fpga_random(&seed) % blocks;
            if (bad)
                fpga_put(r.codes, at * slm_profile_record_bits(p), p->K, 0);
            memcpy(payload + i * run_bytes, r.codes, run_bytes);
            fprintf(in, "s %04x\n", r.scale);
            for (uint64_t first = 0; first < length; first += lanes) {
                uint64_t count = length - first < lanes ? length - first : lanes;
                bool here = bad && at / groups == first / lanes;
                put_words(out, &r, first, lanes, width);
                fprintf(out, " %" PRIu64 " %d %d %d\n", count, first + lanes >= length, first + lanes >= length && i + 1 == runs, here);
            }
            free_run(&r);
        }
        for (uint64_t i = 0; i < words; i++) {
            fputs("d ", in);
            fpga_hex(in, payload + i * 64, 512);
            fputc('\n', in);
        }
        free(payload);
    }
}

/* One tensor of `runs` runs of `length` weights, as stream() writes it. */
static void matrix(const slm_profile *p, unsigned output, unsigned groups, bool pow2, uint64_t length, uint64_t runs, FILE *in, FILE *out) {
    unsigned width = fpga_output_width(p, output), lanes = groups * p->C;
    uint64_t seed = 77, run_bytes = slm_profile_run_bytes(p, length), words = (run_bytes * runs + 63) / 64;
    uint8_t *payload = zeroed(words * 64);
    fprintf(in, "t %08" PRIx64 " %08" PRIx64 "\n", length, runs);
    for (uint64_t i = 0; i < runs; i++) {
        run r = make_run(p, output, pow2, length, &seed);
        memcpy(payload + i * run_bytes, r.codes, run_bytes);
        fprintf(in, "s %04x\n", r.scale);
        for (uint64_t first = 0; first < length; first += lanes) {
            put_words(out, &r, first, lanes, width);
            bool last = first + lanes >= length;
            fprintf(out, " %" PRIu64 " %d %d 0\n", length - first < lanes ? length - first : lanes, last, last && i + 1 == runs);
        }
        free_run(&r);
    }
    for (uint64_t i = 0; i < words; i++) {
        fputs("d ", in);
        fpga_hex(in, payload + i * 64, 512);
        fputc('\n', in);
    }
    free(payload);
}

/* The rotated vector y = H D x by its definition, for runs of some segments each; and, so that H and D are libslm's, a check that the sum
 * of T * y over a run equals the sum of (D H T) * x. IN: x, last beat of the run, sign seed. OUT: y, last. */
static void hadamard(unsigned h, unsigned lanes, unsigned width, unsigned runs, uint64_t seed, FILE *in, FILE *out) {
    unsigned n = 1u << h, wide = width + 1 + h;
    for (unsigned r = 0; r < runs; r++) {
        uint64_t length = n * (1 + fpga_random(&seed) % 3);
        uint16_t sign_seed = (uint16_t)(fpga_random(&seed) % 65535 + 1);
        int64_t *x = zeroed(length * sizeof *x), *y = zeroed(length * sizeof *y), *t = zeroed(length * sizeof *t),
                *rotated = zeroed(length * sizeof *t);
        uint32_t state = sign_seed;
        unsigned kind = (unsigned)(fpga_random(&seed) % 8);
        for (uint64_t i = 0; i < length; i++) {
            uint64_t v = kind == 0 ? UINT64_C(1) << (width - 1) : fpga_random(&seed) & ((UINT64_C(1) << width) - 1);
            x[i] = (int64_t)v - (int64_t)((v >> (width - 1)) << width);
        }
        for (uint64_t c = 0; c < length; c++) {
            state = slm_lfsr_advance(16, slm_lfsr_table6(16), state, 1);
            int64_t signed_x = state >> 15 ? -x[c] : x[c];
            for (unsigned i = 0; i < n; i++)
                y[c / n * n + i] += __builtin_popcount((unsigned)(c % n) & i) & 1 ? -signed_x : signed_x;
        }
        const slm_profile *p = slm_profile_by_name("slm-4");
        slm_coding plain = {.profile = *p, .run_length = length};
        slm_coding with = {.profile = *p, .run_length = length, .rotation = (uint8_t)h, .sign_seed = sign_seed};
        slm_decoder a, b;
        run coded = make_run(p, FPGA_INT, true, length, &seed);
        if (slm_decoder_init(&a, &plain, NULL) != SLM_OK || slm_decoder_init(&b, &with, NULL) != SLM_OK ||
            slm_decode_integers(&a, coded.codes, 0, length, t) != SLM_OK ||
            slm_decode_integers(&b, coded.codes, 0, length, rotated) != SLM_OK)
            fail("decoding integers failed");
        int64_t left = 0, right = 0;
        for (uint64_t i = 0; i < length; i++) {
            left += t[i] * y[i];
            right += rotated[i] * x[i];
        }
        if (left != right)
            fail("the rotation differs from libslm's");
        for (uint64_t first = 0; first < length; first += lanes) {
            uint8_t *line = zeroed(((uint64_t)lanes * wide + 7) / 8);
            for (unsigned i = 0; i < lanes; i++)
                fpga_put(line, (uint64_t)i * width, width, (uint64_t)x[first + i]);
            fpga_hex(in, line, (uint64_t)lanes * width);
            fprintf(in, " %d %04x\n", first + lanes == length, sign_seed);
            memset(line, 0, ((uint64_t)lanes * wide + 7) / 8);
            for (unsigned i = 0; i < lanes; i++)
                fpga_put(line, (uint64_t)i * wide, wide, (uint64_t)y[first + i]);
            fpga_hex(out, line, (uint64_t)lanes * wide);
            fprintf(out, " %d\n", first + lanes == length);
            free(line);
        }
        free(x);
        free(y);
        free(t);
        free(rotated);
        free_run(&coded);
    }
}

static FILE *open_output(const char *path) {
    FILE *f = fopen(path, "w");
    if (!f)
        fail("cannot write an output file");
    return f;
}

static unsigned number(const char *text) {
    char *end;
    unsigned long v = strtoul(text, &end, 0);
    if (*text == '\0' || *end != '\0' || v > 1000000000)
        fail("bad number");
    return (unsigned)v;
}

int main(int argc, char **argv) {
    const char *verb = argc > 1 ? argv[1] : "";
    if (strcmp(verb, "list") == 0) {
        const slm_profile *p;
        for (size_t i = 0; (p = fpga_profile_by_index(i)) != NULL; i++)
            printf("%s\n", p->name);
        return 0;
    }
    if (strcmp(verb, "hadamard") == 0 && argc == 9) {
        unsigned h = number(argv[2]), lanes = number(argv[3]), width = number(argv[4]);
        if (h < SLM_ROTATION_MIN || h > SLM_ROTATION_MAX || lanes < 1 || lanes > 1u << h || (1u << h) % lanes != 0 || width < 2 ||
            width > 32)
            fail("H is 4..10, LANES divides 2^H, WIDTH is 2..32");
        FILE *in = open_output(argv[7]), *out = open_output(argv[8]);
        hadamard(h, lanes, width, number(argv[5]), 0x9E3779B97F4A7C15u * (1u + (uint64_t)number(argv[6])), in, out);
        if (fclose(in) != 0 || fclose(out) != 0)
            fail("writing failed");
        return 0;
    }
    const slm_profile *p = argc > 2 ? fpga_profile(argv[2]) : NULL;
    if (!p)
        fail("usage: slm_fpga_vectors list | generics PROFILE | trellis|block|stream|matrix PROFILE ... (see the source's first lines)");
    const char *reason = "";
    if (slm_profile_check(p, &reason) != SLM_OK)
        fail(reason);
    if (strcmp(verb, "generics") == 0) {
        printf("K=%d TAPS=%" PRIu32 " STEP=%d W=%d P=%d C=%d ", p->K, p->taps, p->step, p->W, p->P, p->C);
        if (p->coding == SLM_CODING_TRELLIS)
            printf("ADVANCE=%d\n", p->k);
        else
            printf("E=%d B=%d NORM=%d%s\n", p->E, p->B, p->norm, argc > 3 ? " ADVANCE=0" : "");
        return 0;
    }
    if (strcmp(verb, "width") == 0 && argc == 4 && number(argv[3]) <= FPGA_F32) {
        printf("%u\n", fpga_output_width(p, number(argv[3])));
        return 0;
    }
    bool grouped = strcmp(verb, "block") != 0;
    if (argc != (grouped ? 10 : 9) || strcmp(verb, p->coding == SLM_CODING_BLOCK ? "trellis" : "block") == 0)
        fail("wrong arguments, or a profile of the other coding");
    char **arg = argv + 3;
    unsigned output = number(*arg++), groups = grouped ? number(*arg++) : 1, pow2 = number(*arg++), count = number(*arg++);
    uint64_t seed = 0x9E3779B97F4A7C15u * (1u + (uint64_t)number(*arg++));
    if (output > FPGA_F32 || pow2 > 1 || groups < 1 || groups > 4096)
        fail("OUTPUT is 0..3, POW2 0 or 1, GROUPS 1..4096");
    FILE *in = open_output(arg[0]), *out = open_output(arg[1]);
    if (strcmp(verb, "matrix") == 0 && count >= 1 && count <= 4096) {
        bool rows = number(argv[7]) != 0;
        uint64_t n = count;
        matrix(p, output, groups, pow2, rows ? n : n * n, rows ? n : 1, in, out);
    } else if (strcmp(verb, "trellis") == 0)
        trellis(p, output, groups, pow2, count, seed, in, out);
    else if (strcmp(verb, "block") == 0)
        block(p, output, pow2, count, seed, in, out);
    else if (strcmp(verb, "stream") == 0)
        stream(p, output, groups, pow2, count, seed, in, out);
    else
        fail("unknown verb");
    if (fclose(in) != 0 || fclose(out) != 0)
        fail("writing failed");
    return 0;
}
