/* check_kernels.c: every decoding kernel of this build against the scalar one, bit for bit, with guard pages round codes and weights. It
 * finds kernels by itself. Usage: check_kernels [KERNEL]. */
#define _DEFAULT_SOURCE
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "amount.h"
#include "random_coding.h"

#define LONGEST 5000

static const slm_dtype dtypes[3] = {SLM_F32, SLM_F16, SLM_BF16};
static unsigned long checked;

static void die(const char *what) {
    fprintf(stderr, "check_kernels: %s\n", what);
    exit(1);
}

/* Pages that end, and begin, at pages that must not be touched. */
typedef struct pages {
    unsigned char *begin;
    size_t size;
} pages;

static pages guarded(size_t size) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    pages p = {NULL, (size + page - 1) / page * page};
    unsigned char *all = mmap(NULL, p.size + 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED || mprotect(all, page, PROT_NONE) != 0 || mprotect(all + page + p.size, page, PROT_NONE) != 0)
        die("no memory");
    p.begin = all + page;
    return p;
}

static pages code_pages, weight_pages;
static unsigned char *expected;

static void fault(const char *kernel, const slm_coding *c, const char *what, uint16_t scale, uint64_t first, uint64_t count,
                  slm_dtype dtype) {
    const slm_profile *p = &c->profile;
    fprintf(stderr,
            "%s: %s: coding %u K=%u step=%u W=%u P=%u C=%u E=%u B=%u norm=%u k=%u taps=%#x; rotation %u, sign seed %#x, run of %llu; "
            "scale %#06x, weights %llu + %llu as %s\n",
            kernel, what, p->coding, p->K, p->step, p->W, p->P, p->C, p->E, p->B, p->norm, p->k, (unsigned)p->taps, c->rotation,
            c->sign_seed, (unsigned long long)c->run_length, scale, (unsigned long long)first, (unsigned long long)count,
            slm_dtype_name(dtype));
    exit(1);
}

/* One call of a kernel against the scalar kernel. The codes stand against the guard page at their end or at their beginning, and so
 * do the weights. */
static void compare(const char *kernel, const slm_coding *coding, const slm_decoder *scalar, const slm_decoder *vector,
                    const unsigned char *codes, uint16_t scale, uint64_t first, uint64_t count, slm_dtype dtype, bool at_end) {
    const size_t size = slm_dtype_bits(dtype) / 8, bytes = (size_t)slm_profile_run_bytes(&coding->profile, coding->run_length);
    const size_t room = (size_t)count * size;
    unsigned char *const in = at_end ? code_pages.begin + code_pages.size - bytes : code_pages.begin;
    unsigned char *const out = at_end ? weight_pages.begin + weight_pages.size - room : weight_pages.begin;
    memcpy(in, codes, bytes);
    memset(weight_pages.begin, 0x5a, room + 64 < weight_pages.size ? room + 64 : weight_pages.size);
    memset(weight_pages.begin + weight_pages.size - room - 64, 0x5a, room + 64);
    const slm_status wanted = slm_decode_run(scalar, codes, scale, first, count, dtype, expected);
    const slm_status got = slm_decode_run(vector, in, scale, first, count, dtype, out);
    if (got != wanted)
        fault(kernel, coding, slm_status_name(got), scale, first, count, dtype);
    if (wanted == SLM_OK && memcmp(out, expected, room) != 0)
        fault(kernel, coding, "other bits than the scalar kernel's", scale, first, count, dtype);
    for (size_t i = 0; i < 64; i++)
        if (*(at_end ? out - 1 - i : out + room + i) != 0x5a)
            fault(kernel, coding, "a write outside the target", scale, first, count, dtype);
    checked += (unsigned long)count;
}

/* A coding on random codes: the whole run, and ranges with every kind of beginning and end. */
static void check_coding(const char *kernel, const slm_coding *coding, uint64_t *random, unsigned rounds) {
    slm_decoder scalar, vector;
    if (slm_decoder_init(&vector, coding, kernel) != SLM_OK || slm_decoder_init(&scalar, coding, "scalar") != SLM_OK)
        return; /* not this kernel's */
    static unsigned char codes[LONGEST * 8 + 16];
    for (unsigned i = 0; i < rounds; i++) {
        random_codes(random, coding, codes);
        const unsigned n = (unsigned)coding->run_length;
        for (unsigned t = 0; t < 3; t++) {
            const uint16_t scale = random_scale(random, &scalar);
            const bool at_end = random_below(random, 2);
            compare(kernel, coding, &scalar, &vector, codes, scale, 0, n, dtypes[t], at_end);
            for (unsigned r = 0; r < 4; r++) {
                const unsigned first = random_below(random, n), most = n - first;
                const unsigned count =
                    random_below(random, 2) ? 1 + random_below(random, most) : random_below(random, most < 70 ? most + 1 : 70);
                compare(kernel, coding, &scalar, &vector, codes, scale, first, count, dtypes[t], !at_end);
            }
        }
        /* A seed 0, or padding that is not zero. */
        const uint64_t bytes = slm_profile_run_bytes(&coding->profile, coding->run_length);
        if (coding->profile.coding == SLM_CODING_BLOCK) {
            const uint64_t block = random_below(random, (unsigned)slm_profile_blocks(&coding->profile, n));
            const unsigned R = slm_profile_record_bits(&coding->profile);
            for (uint64_t bit = block * R; bit < block * R + coding->profile.K; bit++)
                codes[bit / 8] &= (unsigned char)~(1u << bit % 8);
        } else
            codes[bytes - 1] |= 0x80;
        compare(kernel, coding, &scalar, &vector, codes, 0x3c00, 0, n, SLM_F16, i % 2);
        const unsigned first = random_below(random, n);
        compare(kernel, coding, &scalar, &vector, codes, 0x3c00, first, 1 + random_below(random, n - first), SLM_F32, i % 2);
    }
}

/* The named profiles, at every rotation and at lengths round those a kernel may care for. */
static void check_named(const char *kernel, uint64_t *random) {
    const slm_profile *p;
    for (size_t i = 0; (p = slm_profile_by_index(i)) != NULL; i++)
        for (unsigned h = 3; h <= SLM_ROTATION_MAX; h++) {
            slm_coding coding = {.profile = *p, .rotation = (uint8_t)(h == 3 ? 0 : h), .sign_seed = h == 3 ? 0 : 0x5eed};
            for (unsigned n = 1; n <= (h == 3 ? 150u : 4u); n += h == 3 ? amount(1, 7) : 1) {
                coding.run_length = h == 3 ? n : (uint64_t)n << h;
                check_coding(kernel, &coding, random, h == 3 ? 1 : 3);
            }
            coding.run_length = h == 3 ? 4999 : 4096;
            coding.sign_seed = (uint16_t)(h == 3 ? 0 : 1 + random_below(random, 65535));
            check_coding(kernel, &coding, random, amount(10, 2));
        }
}

static void check_random(const char *kernel, uint64_t *random) {
    for (unsigned i = 0, count = amount(1500, 200); i < count; i++) {
        slm_coding coding;
        random_coding(random, i % 2 ? SLM_CODING_BLOCK : SLM_CODING_TRELLIS, LONGEST, &coding);
        /* More of what kernels are written for. */
        slm_coding usual = coding;
        if (i % 4 < 2) {
            usual.profile.K = (uint8_t)(9 + random_below(random, 8));
            usual.profile.taps = slm_lfsr_table6(usual.profile.K);
            if (coding.profile.coding == SLM_CODING_TRELLIS) {
                usual.profile.W = (uint8_t)(1 + random_below(random, 4));
                usual.profile.C = 1;
            } else if (i % 8 < 4) {
                usual.profile.W = usual.profile.K;
                usual.profile.norm = 1;
                usual.profile.step = 1;
            }
            if (slm_coding_check(&usual, NULL) == SLM_OK)
                coding = usual;
        }
        check_coding(kernel, &coding, random, 1);
    }
}

/* Every seed of paper-4 with every exponent, random coefficients, and scales that make ties: their significands share factors with
 * 32767 = 7 * 31 * 151. */
static void check_paper4(const char *kernel, uint64_t *random) {
    const slm_coding coding = {.profile = *slm_profile_by_name("paper-4"), .run_length = 8 * 65535};
    slm_decoder scalar, vector;
    if (slm_decoder_init(&vector, &coding, kernel) != SLM_OK || slm_decoder_init(&scalar, &coding, "scalar") != SLM_OK)
        return;
    static unsigned char codes[4 * 65535];
    static const uint16_t scales[16] = {0x3c00, 0x3c59, 0x3c17, 0x3a59, 0x3859, 0x3659, 0x3559, 0x4359,
                                        0x0001, 0x0059, 0x7f7f, 0x7b59, 0x3c7f, 0x3d17, 0x3917, 0x3617}; /* 217 = 7 * 31; 151 */
    for (unsigned round = 0; round < 16; round += amount(1, 7)) {
        for (uint32_t seed = 1; seed < 65536; seed++) {
            uint32_t record = seed | ((seed + round) % 16) << 16 | (uint32_t)random_next(random) << 20;
            if (seed % 16 == round) /* the largest sums, and the smallest */
                record = (record & 0xfffff) | (seed % 3 == 0 ? 0x88800000 : seed % 3 == 1 ? 0x77700000 : 0);
            for (unsigned i = 0; i < 4; i++)
                codes[4 * (seed - 1) + i] = (unsigned char)(record >> 8 * i);
        }
        for (unsigned t = 0; t < 3; t++)
            compare(kernel, &coding, &scalar, &vector, codes, scales[round], 0, coding.run_length, dtypes[t], round % 2);
    }
}

/* Many runs at once, each with its scale, so large that kernels may store past the caches. */
static void check_runs(const char *kernel, uint64_t *random) {
    enum { RUN = 4096, RUNS = 300 };
    static unsigned char codes[RUNS * (RUN + 8)]; /* up to eight bits a weight */
    static uint16_t scales[RUNS];
    const pages wanted = guarded((size_t)RUN * RUNS * 4), got = guarded((size_t)RUN * RUNS * 4);
    const slm_profile *p;
    for (size_t i = 0; (p = slm_profile_by_index(i)) != NULL; i++)
        for (unsigned h = 0; h <= 7; h += amount(7, 8)) {
            const slm_coding coding = {.profile = *p, .rotation = (uint8_t)h, .sign_seed = h == 0 ? 0 : 0x5eed, .run_length = RUN};
            slm_decoder scalar, vector;
            if (slm_decoder_init(&vector, &coding, kernel) != SLM_OK || slm_decoder_init(&scalar, &coding, "scalar") != SLM_OK)
                continue;
            const size_t bytes = (size_t)slm_profile_run_bytes(p, RUN);
            for (size_t r = 0; r < RUNS; r++) {
                random_codes(random, &coding, codes + r * bytes);
                scales[r] = random_scale(random, &scalar);
            }
            for (size_t t = 0; t < 3; t += amount(1, 2)) {
                const size_t size = slm_dtype_bits(dtypes[t]) / 8, all = size * RUN * RUNS;
                unsigned char *const out = got.begin + got.size - all; /* a multiple of 64, as pages are */
                memset(got.begin, 0x5a, got.size);
                if (slm_decode_runs(&scalar, codes, scales, t != 0, RUNS, dtypes[t], wanted.begin) != SLM_OK ||
                    slm_decode_runs(&vector, codes, scales, t != 0, RUNS, dtypes[t], out) != SLM_OK ||
                    memcmp(wanted.begin, out, all) != 0 || (all < got.size && out[-1] != 0x5a))
                    fault(kernel, &coding, "many runs: other bits than the scalar kernel's", scales[0], 0, RUN, dtypes[t]);
                checked += RUN * RUNS;
            }
        }
    munmap(wanted.begin, wanted.size);
    munmap(got.begin, got.size);
}

/* The floating-point environment: the usual one with `change` set in its control register. */
#if defined(__SSE2__)
static const unsigned changes[] = {0x2000, 0x4000, 0x6000, 0x8000, 0x0040, 0x8040}; /* down, up, to zero; flush results, inputs */
static void change_environment(unsigned change) {
    static unsigned usual;
    if (usual == 0)
        usual = _mm_getcsr();
    _mm_setcsr(usual | change);
}
#elif defined(__aarch64__)
static const unsigned changes[] = {0x400000, 0x800000, 0xc00000, 0x1000000,
                                   0x4000000}; /* up, down, to zero; flush; another half precision */
static void change_environment(unsigned change) {
    const uint64_t bits = change;
    __asm__ volatile("msr fpcr, %0" : : "r"(bits));
}
#else
static const unsigned changes[] = {0};
static void change_environment(unsigned change) { (void)change; }
#endif

/* In another floating-point environment the bits are the same. */
static void check_environment(const char *kernel, uint64_t *random) {
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        change_environment(changes[i]);
        const slm_profile *p;
        for (size_t j = 0; (p = slm_profile_by_index(j)) != NULL; j++) {
            const slm_coding coding = {.profile = *p, .run_length = 1000};
            check_coding(kernel, &coding, random, 2);
        }
        change_environment(0);
    }
}

int main(int argc, char **argv) {
    code_pages = guarded(LONGEST * 64);
    weight_pages = guarded(8 * 65535 * 4 + 4096);
    expected = malloc(8 * 65535 * 4 + 64);
    if (expected == NULL)
        die("no memory");
    for (size_t i = 0; slm_kernel_name(i) != NULL; i++) {
        uint64_t random = 6;
        if (argc > 1 && strcmp(argv[1], slm_kernel_name(i)) != 0)
            continue;
        checked = 0;
        if (i > 0)
            check_paper4(slm_kernel_name(i), &random);
        check_named(slm_kernel_name(i), &random);
        check_random(slm_kernel_name(i), &random);
        check_environment(slm_kernel_name(i), &random);
        if (i > 0)
            check_runs(slm_kernel_name(i), &random);
        if (checked > 0)
            printf("%s: %lu weights as the scalar kernel's\n", slm_kernel_name(i), checked);
        else
            printf("%s: cannot run on this machine\n", slm_kernel_name(i));
    }
    free(expected);
    return 0;
}
