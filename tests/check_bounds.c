/* check_bounds.c: no decoder reads a byte outside a run's codes, or writes one outside its target, whatever the legal profile.
 * Usage: check_bounds [--short|--all]; --short takes a thirteenth of all C, for sanitizers
 *
 * Positions follow from few numbers: the stride R or k, the width R or K of what is read, and C. Eight strides are whole bytes, so nine
 * blocks stand for any number of them if all positions repeat with that period. Therefore:
 *   walk      every legal set of parameters but taps and step, which move no bit: the validator accepts it, and its record fits 64 bits
 *   layouts   for every stride, width and C, every length of up to 24 blocks and every weight of it, then lengths up to the format's
 *             limit: the last byte that the decoder's own expressions name is in the run, and the run's last byte is one of them
 *   pieces    the stretches in which level 2 decodes long runs lie in the run and hold the codes of their weights
 *   decode    the kernels themselves, on runs that end or begin at a page that cannot be read, to targets that end at another one:
 *             every K, E, P, B, and every stride with every C (--all: every K, E, P, B, C); every K, k, C; every coding a vector kernel
 *             of this machine takes; rotations; up to nine blocks and beyond every kernel's group
 */
#define _DEFAULT_SOURCE
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "container/reader_private.h"
#include "decode/bits.h"
#include "slm/decode.h"

#define LONGEST 4096 /* weights of a run that is decoded */

static slm_coding now; /* what is being checked */
static const char *doing = "";
static unsigned step = 1; /* from one C to the next */
static unsigned long long legal, positions, decodings;

static void say_now(const char *what) {
    char text[400];
    const slm_profile *p = &now.profile;
    const int length = snprintf(
        text, sizeof text, "check_bounds: %s: %s: coding %u K=%u W=%u P=%u C=%u E=%u B=%u norm=%u k=%u rotation=%u run of %llu\n", doing,
        what, p->coding, p->K, p->W, p->P, p->C, p->E, p->B, p->norm, p->k, now.rotation, (unsigned long long)now.run_length);
    if (write(2, text, (size_t)length) < 0)
        _exit(2);
}

static void require(bool holds, const char *what) {
    if (!holds) {
        say_now(what);
        exit(1);
    }
}

static void on_fault(int number) {
    (void)number;
    say_now("memory outside codes or target");
    _exit(1);
}

/* ---- Every legal profile ---- */

static unsigned log2_up(unsigned n) {
    unsigned bits = 0;
    while (1u << bits < n)
        bits++;
    return bits;
}

static slm_profile block_profile(unsigned K, unsigned W, unsigned P, unsigned C, unsigned E, unsigned B, unsigned norm) {
    return (slm_profile){.coding = SLM_CODING_BLOCK,
                         .K = (uint8_t)K,
                         .step = 1,
                         .W = (uint8_t)W,
                         .P = (uint8_t)P,
                         .C = (uint8_t)C,
                         .E = (uint8_t)E,
                         .B = (uint8_t)B,
                         .norm = (uint8_t)norm,
                         .taps = slm_lfsr_table6(K)};
}

static slm_profile trellis_profile(unsigned K, unsigned W, unsigned P, unsigned C, unsigned k) {
    return (slm_profile){.coding = SLM_CODING_TRELLIS,
                         .K = (uint8_t)K,
                         .step = 1,
                         .W = (uint8_t)W,
                         .P = (uint8_t)P,
                         .C = (uint8_t)C,
                         .k = (uint8_t)k,
                         .taps = slm_lfsr_table6(K)};
}

static bool accepts(slm_profile profile) {
    now = (slm_coding){.profile = profile, .run_length = 1};
    return slm_profile_check(&profile, NULL) == SLM_OK;
}

/* C is a rule of its own; 1 and 64 stand for what is between them. */
static void count(slm_profile profile, bool with_ends) {
    require(accepts(profile), "legal by the specification, but refused");
    require(profile.coding == SLM_CODING_TRELLIS || slm_profile_record_bits(&profile) <= 64, "a record of more than 64 bits");
    legal += 64;
    if (!with_ends)
        return;
    profile.C = 64;
    require(accepts(profile), "legal by the specification, but refused");
    profile.C = 65;
    require(!accepts(profile), "C is too large, but accepted");
    profile.C = 0;
    require(!accepts(profile), "C is 0, but accepted");
}

static void walk(void) {
    doing = "walk";
    for (unsigned K = 2; K <= 24; K++)
        for (unsigned W = 1; W <= K; W++)
            for (unsigned P = 1; P <= 16; P++) {
                for (unsigned k = 1; k <= 8 && k < K && W + log2_up(P) <= 24; k++)
                    count(trellis_profile(K, W, P, 1, k), k == 1);
                for (unsigned E = 0; E <= 4; E++)
                    for (unsigned B = 2; B <= 8 && K + E + P * B <= 64; B++)
                        for (unsigned norm = 0; norm <= 1; norm++)
                            if (norm == 0 ? W + log2_up(P) + B - 2 <= 24 : W >= 2)
                                count(block_profile(K, W, P, 1, E, B, norm), E == 0 && B == 2);
            }
}

/* ---- Positions ---- */

static uint64_t run_bytes(const slm_profile *p, uint64_t blocks) { return slm_profile_run_bytes(p, blocks * p->C); }

/* Block i of n blocks, with what decode_scalar.c and slm_decoder_check_run() make of it. */
static void check_block(const slm_profile *p, uint64_t n, uint64_t i, uint64_t bytes) {
    const bool is_block = p->coding == SLM_CODING_BLOCK;
    const unsigned stride = is_block ? slm_profile_record_bits(p) : p->k, width = is_block ? stride : p->K;
    const uint64_t from = bits_byte(i, stride), end = from + (bits_shift(i, stride) + width + 7) / 8;
    require(from < end && end <= bytes, "a block beyond its run");
    require(i < n - 1 || end == bytes, "a run's last byte is no block's");
    positions++;
}

static void check_layout(slm_profile profile) {
    const slm_profile *p = &profile;
    const unsigned C = p->C, stride = p->coding == SLM_CODING_BLOCK ? slm_profile_record_bits(p) : p->k;
    now = (slm_coding){.profile = profile};
    for (now.run_length = 1; now.run_length <= 24 * C; now.run_length++) {
        const uint64_t n = slm_profile_blocks(p, now.run_length), bytes = slm_profile_run_bytes(p, now.run_length);
        require((n - 1) * C < now.run_length && now.run_length <= n * C && bytes > 0, "the number of blocks");
        const uint64_t tail = now.run_length % C;
        for (uint64_t i = 0; i < n && (tail <= 1 || tail == C - 1); i++)
            check_block(p, n, i, bytes);
    }
    /* Longer by q times eight blocks: all moves by q strides' bytes. The last q is the largest that the format allows. */
    const uint64_t most = (uint64_t)INT64_MAX / stride;
    const uint64_t longer[] = {1, 2, 3, 1000, 65537, UINT64_C(1) << 31, UINT64_C(1) << 45, most - 100, most - 2};
    for (size_t j = 0; j < sizeof longer / sizeof longer[0]; j++)
        for (uint64_t n = 1; n <= 8; n++) {
            const uint64_t q = longer[j], blocks = 8 * q + n;
            if (q > (UINT64_MAX / C - n) / 8)
                continue; /* more weights than 64 bits count */
            now.run_length = blocks * C;
            const uint64_t bytes = run_bytes(p, blocks), few = run_bytes(p, n);
            if (bytes == UINT64_MAX) {
                require(few + q * stride > (uint64_t)INT64_MAX, "a run that fits 63 bits is refused");
                require(slm_coding_check(&now, NULL) == SLM_E_PROFILE, "a run beyond 63 bits of bytes is accepted");
                continue;
            }
            require(bytes == few + q * stride && bytes <= (uint64_t)INT64_MAX, "the size of a long run");
            for (uint64_t i = 0; i < n; i++) {
                require(bits_byte(8 * q + i, stride) == bits_byte(i, stride) + q * stride, "a position in a long run");
                check_block(p, blocks, 8 * q + i, bytes);
                check_block(p, blocks, i, bytes);
            }
        }
}

/* A legal block profile whose records have R bits, R in 4..64. */
static slm_profile profile_of_stride(unsigned R, unsigned C) {
    const unsigned K = R - 2 < 24 ? R - 2 : 24, rest = R - K; /* rest = E + P * B */
    return rest < 4 ? block_profile(K, 2, 1, C, rest - 2, 2, 1) : block_profile(K, 2, rest / 4, C, rest % 4, 4, 1);
}

/* Every stride, width and C. */
static void layouts(void) {
    doing = "layouts";
    for (unsigned C = 1; C <= 64; C += step) {
        for (unsigned R = 4; R <= 64; R++) {
            const slm_profile profile = profile_of_stride(R, C);
            require(accepts(profile) && slm_profile_record_bits(&profile) == R, "a profile for a stride");
            check_layout(profile);
        }
        for (unsigned K = 2; K <= 24; K++)
            for (unsigned k = 1; k <= 8 && k < K; k++)
                check_layout(trellis_profile(K, 1, 1, C, k));
    }
}

/* ---- Pieces ---- */

static void check_piece(const slm_tensor *tensor, const slm_profile *p, const slmi_piece *piece, uint64_t weight) {
    const bool is_block = p->coding == SLM_CODING_BLOCK;
    const unsigned stride = is_block ? slm_profile_record_bits(p) : p->k, width = is_block ? stride : p->K;
    const uint64_t segment = UINT64_C(1) << tensor->rotation, length = piece->coding.run_length;
    require(piece->first <= weight && weight < piece->first + piece->count && piece->first + piece->count <= tensor->run_length,
            "a piece without its weight");
    require(piece->first % p->C == 0 && piece->first % segment == 0, "a piece that begins inside a block or segment");
    require(piece->count <= length && length % segment == 0 && piece->size == slm_profile_run_bytes(p, length), "a piece's length");
    require(piece->offset + piece->size <= tensor->run_bytes, "a piece beyond its run");
    const uint64_t index = piece->first / p->C, last = (piece->count - 1) / p->C;
    require(bits_shift(index, stride) == 0 && bits_byte(index, stride) == piece->offset, "where a piece begins");
    require(bits_byte(last, stride) + (bits_shift(last, stride) + width + 7) / 8 <= piece->size, "a piece without its last codes");
    require(piece->has_end == (piece->first + length == tensor->run_length), "whether a piece has the run's end");
    require(piece->has_end || is_block || length > piece->count, "a piece whose last windows' other bits would be taken for padding");
    positions++;
}

/* Runs of about `bytes` bytes, of several lengths, in ranges that cut them in several ways. */
static void check_pieces(slm_profile profile, unsigned rotation, uint64_t bytes, unsigned lengths) {
    const slm_profile *p = &profile;
    const unsigned stride = p->coding == SLM_CODING_BLOCK ? slm_profile_record_bits(p) : p->k;
    const uint64_t segment = UINT64_C(1) << rotation;
    for (unsigned i = 0; i < lengths; i++) {
        const uint64_t length = (bytes * 8 / stride * p->C + i * (p->C + 1u)) / segment * segment + segment;
        now = (slm_coding){.profile = profile, .rotation = (uint8_t)rotation, .sign_seed = rotation != 0, .run_length = length};
        require(i > 0 || slm_coding_check(&now, NULL) == SLM_OK, "a coding for pieces");
        const slm_tensor tensor = {.coding = profile.coding,
                                   .rotation = (uint8_t)rotation,
                                   .sign_seed = now.sign_seed,
                                   .run_length = length,
                                   .run_bytes = slm_profile_run_bytes(p, length)};
        const uint64_t wanted[][2] = {{0, length}, {length / 2, length}, {length - 1, length}, {length / 3, length / 3 + 1}};
        for (size_t j = 0; j < sizeof wanted / sizeof wanted[0]; j++) {
            slmi_piece piece;
            for (uint64_t weight = wanted[j][0]; weight < wanted[j][1]; weight = piece.first + piece.count) {
                slmi_piece_find(&piece, &tensor, p, weight, wanted[j][1]);
                check_piece(&tensor, p, &piece, weight);
            }
        }
    }
}

/* Below and above what is cut, and above the size of a piece. */
static void pieces(void) {
    doing = "pieces";
    static const uint64_t bytes[] = {65500, 65600, 600000};
    for (size_t i = 0; i < sizeof bytes / sizeof bytes[0]; i++)
        for (unsigned C = 1; C <= 64; C += step)
            for (unsigned h = 0; h <= SLM_ROTATION_MAX; h = h == 0 ? SLM_ROTATION_MIN : h + 1) {
                for (unsigned k = 1; k <= 8; k++) {
                    check_pieces(trellis_profile(24, 1, 1, C, k), h, bytes[i], h == 0 ? 17 : 1);
                    check_pieces(trellis_profile(k + 1, 1, 1, C, k), h, bytes[i], h == 0 ? 17 : 1);
                }
                for (unsigned R = 4; R <= 64; R++)
                    check_pieces(profile_of_stride(R, C), h, bytes[i], h == 0 ? 17 : 1);
            }
}

/* ---- Kernels, between pages that cannot be touched ---- */

typedef struct pages {
    uint8_t *begin, *end;
} pages;

static pages codes_pages, target_pages;

static pages guarded(size_t size) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size = (size + page - 1) / page * page;
    uint8_t *all = mmap(NULL, size + 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED || mprotect(all, page, PROT_NONE) != 0 || mprotect(all + page + size, page, PROT_NONE) != 0) {
        fprintf(stderr, "check_bounds: no memory\n");
        exit(2);
    }
    return (pages){all + page, all + page + size};
}

/* Ones, so that no seed is 0, but in the padding. */
static void put_codes(uint8_t *codes, uint64_t bytes) {
    const slm_profile *p = &now.profile;
    const bool is_block = p->coding == SLM_CODING_BLOCK;
    const unsigned stride = is_block ? slm_profile_record_bits(p) : p->k;
    const uint64_t bits = (slm_profile_blocks(p, now.run_length) - 1) * stride + (is_block ? stride : p->K);
    memset(codes, 0xff, (size_t)bytes);
    if (bits % 8 != 0)
        codes[bytes - 1] = (uint8_t)((1u << bits % 8) - 1);
}

static void decode_range(const slm_decoder *decoder, const uint8_t *codes, uint64_t first, uint64_t weights) {
    const slm_dtype dtype = weights % 2 != 0 ? SLM_F16 : SLM_F32;
    const size_t size = dtype == SLM_F16 ? 2 : 4;
    require(slm_decode_run(decoder, codes, 0x3f80, first, weights, dtype, target_pages.end - weights * size) == SLM_OK,
            "sound codes are refused");
    decodings++;
}

/* The run `now` by one kernel: whole, against either page, and the ranges that begin or end in any block (`ranges`) or in the last. */
static void decode_all(const char *kernel, bool ranges) {
    slm_decoder decoder;
    require(slm_decoder_init(&decoder, &now, kernel) == SLM_OK, kernel);
    const uint64_t length = now.run_length, bytes = slm_profile_run_bytes(&now.profile, length);
    const unsigned C = now.profile.C;
    put_codes(codes_pages.begin, bytes);
    decode_range(&decoder, codes_pages.begin, 0, length);
    uint8_t *const codes = codes_pages.end - bytes;
    put_codes(codes, bytes);
    decode_range(&decoder, codes, 0, length);
    decode_range(&decoder, codes, length - 1, 1);
    require(slm_decoder_check_run(&decoder, codes, NULL) == SLM_OK, "sound codes are refused");
    for (uint64_t first = 0; ranges && first < length; first += C) {
        decode_range(&decoder, codes, first, 1);
        decode_range(&decoder, codes, first, length - first);
    }
}

static void decode_blocks(const char *kernel, slm_profile profile, unsigned blocks) {
    for (unsigned n = 1; n <= blocks; n++)
        for (unsigned tail = 1; tail <= profile.C; tail += profile.C > 1 ? profile.C - 1u : 1u) {
            now = (slm_coding){.profile = profile, .run_length = (uint64_t)(n - 1) * profile.C + tail};
            decode_all(kernel, n == blocks);
        }
}

/* The scalar kernel: every K, E, P, B; for each stride every C, or for each K, E, P, B too. */
static void decode_records(bool all) {
    unsigned next[65] = {0}, shapes[65] = {0};
    for (unsigned pass = 0; pass < 2; pass++)
        for (unsigned K = 2; K <= 24; K++)
            for (unsigned E = 0; E <= 4; E++)
                for (unsigned P = 1; P <= 16; P++)
                    for (unsigned B = 2; B <= 8 && K + E + P * B <= 64; B++) {
                        const unsigned R = K + E + P * B;
                        if (pass == 0) {
                            shapes[R]++;
                            continue;
                        }
                        const unsigned some = all ? 64 : (64 / step + shapes[R] - 1) / shapes[R];
                        for (unsigned i = 0; i < some; i++, next[R]++)
                            decode_blocks("scalar", block_profile(K, K, P, 1 + next[R] * step % 64, E, B, 1), 9);
                    }
    for (unsigned R = 4; R <= 64; R++)
        require(next[R] >= 64 / step, "a stride without every C");
}

static void decode_windows(bool all) {
    for (unsigned K = 2; K <= 24; K++)
        for (unsigned k = 1; k <= 8 && k < K; k++)
            for (unsigned C = 1; C <= 64; C += step)
                for (unsigned P = 1; P <= (all ? 16 : 1); P++)
                    decode_blocks("scalar", trellis_profile(K, 1, P, C, k), 9);
}

/* Lengths up to and beyond a group of any kernel; every length to 150, then round multiples of 64. */
static void decode_lengths(const char *kernel, const slm_profile *profile, unsigned rotation, bool all) {
    const uint64_t segment = UINT64_C(1) << rotation;
    for (uint64_t n = segment; n <= 1400 && n <= 150 + 3 * segment; n += segment) {
        now = (slm_coding){.profile = *profile, .rotation = (uint8_t)rotation, .sign_seed = rotation != 0, .run_length = n};
        decode_all(kernel, all || n % (29 * segment) == 0);
    }
    for (uint64_t n = 192; n <= 1400 && all && rotation == 0; n += n % 64 == 1 ? 62 : 1) {
        now = (slm_coding){.profile = *profile, .run_length = n};
        decode_all(kernel, false);
    }
}

/* A vector kernel: every coding it takes. Those for the paper's profiles take these alone. */
static unsigned long long decode_kernel(const char *kernel, bool all) {
    const unsigned long long before = decodings;
    const slm_profile *named;
    slm_decoder decoder;
    for (size_t i = 0; (named = slm_profile_by_index(i)) != NULL; i++)
        for (unsigned h = 0; h <= SLM_ROTATION_MAX; h = h == 0 ? SLM_ROTATION_MIN : h + 1) {
            now = (slm_coding){.profile = *named, .rotation = (uint8_t)h, .sign_seed = h != 0, .run_length = 1024};
            if (slm_decoder_init(&decoder, &now, kernel) == SLM_OK)
                decode_lengths(kernel, named, h, true);
        }
    for (unsigned K = 2; K <= 24; K++)
        for (unsigned k = 1; k <= 8 && k < K; k++)
            for (unsigned W = 1; W <= K && W <= 9; W++)
                for (unsigned C = 1; C <= 3; C++)
                    for (unsigned P = 1; P <= 9; P++)
                        for (unsigned h = 0; h <= SLM_ROTATION_MAX; h = h == 0 ? SLM_ROTATION_MIN : h + 6) {
                            const slm_profile profile = trellis_profile(K, W, P, C, k);
                            now = (slm_coding){.profile = profile, .rotation = (uint8_t)h, .sign_seed = h != 0, .run_length = 1024};
                            if (!all && ((W != 1 && W != 4 && W != 5 && W != K) || (P != 1 && P != 4 && P != 5 && P != 8)))
                                continue;
                            if (step > 1 && (K % 4 != 0 || k % 3 != 1))
                                continue;
                            if (slm_decoder_init(&decoder, &now, kernel) == SLM_OK)
                                decode_lengths(kernel, &profile, h, all);
                        }
    return decodings - before;
}

int main(int argc, char **argv) {
    const bool all = argc == 2 && strcmp(argv[1], "--all") == 0, few = argc == 2 && strcmp(argv[1], "--short") == 0;
    if (argc > 1 && !all && !few) {
        fprintf(stderr, "usage: check_bounds [--short|--all]\n");
        return 2;
    }
    step = few ? 13 : 1;
    walk();
    printf("%llu legal sets of K, W, P, C, E, B, norm, k\n", legal);
    layouts();
    printf("%llu positions of blocks in runs\n", positions);
    positions = 0;
    pieces();
    printf("%llu pieces of runs\n", positions);

    doing = "decode";
    struct sigaction action = {.sa_handler = on_fault};
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    codes_pages = guarded(LONGEST * 8);
    target_pages = guarded(LONGEST * 4);
    decode_records(all);
    decode_windows(all);
    printf("scalar: %llu decodings between guard pages\n", decodings);
    const char *kernel;
    for (size_t i = 1; (kernel = slm_kernel_name(i)) != NULL; i++) {
        const unsigned long long here = decode_kernel(kernel, all);
        if (here > 0)
            printf("%s: %llu decodings between guard pages\n", kernel, here);
        else
            printf("%s: not on this machine\n", kernel);
    }
    puts("no byte outside a run's codes was read, none outside a target written");
    return 0;
}
