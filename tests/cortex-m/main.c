/* main.c: level 1 on a bare Cortex-M: reads cases.bin (cases.py) by semihosting, decodes every run in it and compares. No system, no C
 * library but the string functions. Unaligned accesses trap, as they do on a Cortex-M0. */
#include <string.h>

#include "slm/decode.h"

#define CODES_MAX 262144u /* cases.py keeps to these */
#define WEIGHTS_MAX 131072u
#define STACK_WORDS 16384u
#define PAINT 0x51a2b3c4u

typedef struct case_header {
    uint32_t kind; /* 1: a profile that must be refused; 2: a run */
    uint8_t profile[SLM_PROFILE_BYTES];
    uint32_t rotation, sign_seed, run_length, scale, code_bytes;
    uint32_t status; /* what decoding, or parsing, must say */
    char rule[8];    /* kind 1: the rule it must name */
} case_header;

static uint32_t stack[STACK_WORDS];
static uint8_t codes[CODES_MAX], expected[4 * WEIGHTS_MAX];
static uint32_t weights[WEIGHTS_MAX + 2];

/* Arm's semihosting: a request to the debugger, here qemu. */
static uintptr_t request(uintptr_t operation, const void *arguments) {
    register uintptr_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = arguments;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static void say(const char *text) { request(0x04, text); }

static void say_number(uint32_t n) {
    char digits[12] = {0};
    unsigned i = sizeof digits - 1;
    do
        digits[--i] = (char)('0' + n % 10);
    while ((n /= 10) != 0);
    say(digits + i);
}

static void leave(uint32_t code) {
    const uintptr_t arguments[2] = {0x20026, code}; /* application exit */
    request(0x20, arguments);
    for (;;)
        continue;
}

static void fail(const char *what, uint32_t number) {
    say("case ");
    say_number(number);
    say(": ");
    say(what);
    say("\n");
    leave(1);
}

static bool read_bytes(uintptr_t file, void *target, size_t size) {
    const uintptr_t arguments[3] = {file, (uintptr_t)target, size};
    return size == 0 || request(0x06, arguments) == 0;
}

static void check_profile(const case_header *c, uint32_t number) {
    slm_profile profile;
    const char *reason = "";
    if ((uint32_t)slm_profile_parse(&profile, c->profile, &reason) != c->status)
        fail("a bad profile has another status", number);
    if (strncmp(reason + 1, c->rule, strlen(c->rule)) != 0 || reason[1 + strlen(c->rule)] != ']')
        fail("a bad profile is refused by another rule", number);
}

/* The whole run, and parts of it, between words that must stay as they are. */
static uint32_t check_run(const case_header *c, uintptr_t file, uint32_t number) {
    static slm_decoder decoder;
    slm_coding coding = {.rotation = (uint8_t)c->rotation, .sign_seed = (uint16_t)c->sign_seed, .run_length = c->run_length};
    uint32_t made = 0;
    if (c->code_bytes > CODES_MAX || c->run_length > WEIGHTS_MAX || !read_bytes(file, codes, c->code_bytes))
        fail("cases.bin ends early, or has more than fits", number);
    if (slm_profile_parse(&coding.profile, c->profile, NULL) != SLM_OK || slm_decoder_init(&decoder, &coding, NULL) != SLM_OK)
        fail("a good coding is refused", number);
    static const slm_dtype dtypes[3] = {SLM_F32, SLM_F16, SLM_BF16};
    for (unsigned t = 0; t < 3; t++) {
        const uint32_t size = slm_dtype_bits(dtypes[t]) / 8, n = c->run_length;
        if (c->status == SLM_OK && !read_bytes(file, expected, size * n))
            fail("cases.bin ends early", number);
        const uint32_t firsts[3] = {0, n / 3, n - 1}, counts[3] = {n, n - n / 3 - n / 4, 1};
        for (unsigned r = 0; r < (c->status == SLM_OK ? 3u : 1u); r++) {
            unsigned char *const target = (unsigned char *)(weights + 1);
            memset(weights, 0x5a, sizeof weights);
            if ((uint32_t)slm_decode_run(&decoder, codes, (uint16_t)c->scale, firsts[r], counts[r], dtypes[t], target) != c->status)
                fail("decoding has another status", number);
            if (c->status == SLM_OK && memcmp(target, expected + firsts[r] * size, counts[r] * size) != 0)
                fail("other weights", number);
            if (weights[0] != 0x5a5a5a5a || target[counts[r] * size] != 0x5a)
                fail("a write outside the target", number);
            made += c->status == SLM_OK ? counts[r] : 0;
        }
    }
    return made;
}

static void run_all(void) {
    static const char name[] = "cases.bin";
    const uintptr_t open[3] = {(uintptr_t)name, 1, sizeof name - 1}; /* "rb" */
    const uintptr_t file = request(0x01, open);
    if (file == (uintptr_t)-1)
        fail("no cases.bin", 0);
    uint32_t number = 0, total, refused = 0, bad = 0, made = 0;
    if (!read_bytes(file, &total, sizeof total) || total == 0)
        fail("cases.bin is empty", 0);
    for (; number < total; number++) {
        static case_header c;
        if (!read_bytes(file, &c, sizeof c))
            fail("cases.bin ends early", number);
        if (c.kind == 1)
            check_profile(&c, number), refused++;
        else
            made += check_run(&c, file, number), bad += c.status != SLM_OK;
    }
    uint32_t depth = 0;
    while (depth < STACK_WORDS && stack[depth] == PAINT)
        depth++;
    say_number(total - refused - bad);
    say(" runs decoded (");
    say_number(made);
    say(" weights), ");
    say_number(bad);
    say(" bad runs and ");
    say_number(refused);
    say(" bad profiles refused; ");
    say_number(4 * (STACK_WORDS - depth));
    say(" bytes of stack\n");
    leave(0);
}

static void crash(void) {
    say("a fault of the processor\n");
    leave(1);
}

void reset(void);
/* qemu has loaded data and cleared the rest. */
void reset(void) {
    volatile uint32_t here = 0;
    for (volatile uint32_t *p = stack; p + 16 < &here; p++)
        *p = PAINT;
    *(volatile uint32_t *)0xe000ed14 |= 1u << 3; /* CCR.UNALIGN_TRP */
    run_all();
}

__attribute__((used, section(".vectors"))) static const uintptr_t vectors[16] = {(uintptr_t)(stack + STACK_WORDS),
                                                                                 (uintptr_t)reset,
                                                                                 (uintptr_t)crash,
                                                                                 (uintptr_t)crash,
                                                                                 (uintptr_t)crash,
                                                                                 (uintptr_t)crash,
                                                                                 (uintptr_t)crash};
