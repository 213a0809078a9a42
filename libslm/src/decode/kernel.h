/* kernel.h: what a decoding kernel is, and the prepared decoder it works on.
 *
 * To add one: write a file with a `const slm_kernel`, and give it one line in the table of decode.c. The kernel check finds it by
 * itself. A kernel's result is, bit for bit, the scalar kernel's; what it cannot do so it passes on to slm_scalar_decode().
 */
#ifndef SLM_KERNEL_H
#define SLM_KERNEL_H

#include <stdbool.h>

#include "slm/decode.h"

/* Vector kernels for x86-64 set their target by themselves, so every file compiles without flags. */
#if defined(__x86_64__) && defined(__GNUC__)
#define SLM_HAVE_X86 1
#else
#define SLM_HAVE_X86 0
#endif

/* Those for 64-bit Arm need nothing that such a processor may lack. Big-endian ones would number lanes otherwise. */
#if defined(__aarch64__) && defined(__ARM_NEON) && defined(__GNUC__) && !defined(__AARCH64EB__)
#define SLM_HAVE_NEON 1
#else
#define SLM_HAVE_NEON 0
#endif

#define SLM_KERNEL_STORE 384 /* bytes a kernel has for what it prepares */

/* Instruction sets: those of x86-64 in order, then that of Arm. */
typedef enum slm_level { SLM_LEVEL_SCALAR, SLM_LEVEL_AVX2, SLM_LEVEL_AVX512, SLM_LEVEL_NEON } slm_level;

typedef struct slm_kernel slm_kernel;

/* What stands in an slm_decoder. */
typedef struct decoder_state {
    slm_coding coding;
    const slm_kernel *kernel;
    uint64_t run_bytes;
    uint32_t divisor;        /* of a value: 2^(W-1) - 1, or 1 */
    unsigned stride;         /* bits from one record or seed to the next: R or k */
    bool power_of_two;       /* scales must be powers of two */
    unsigned nibbles;        /* of a register: ceil(K / 4) */
    uint32_t next[6][16][4]; /* next[i][x][j]: what nibble i, being x, contributes to the state after (j + 1) * step steps */
    union {
        uint64_t align;
        unsigned char bytes[SLM_KERNEL_STORE];
    } store;
} decoder_state;

struct slm_kernel {
    const char *name;
    slm_level level;
    bool (*runs_here)(void);                    /* does this machine have what it needs? */
    bool (*supports)(const slm_coding *coding); /* for a coding that was checked, where it runs: it is compiled for the kernel, too */
    void (*prepare)(decoder_state *state);      /* fills state->store; may be NULL */
    /* Weights [first, first + count) of a run. Range, scale and dtype were checked; count > 0. Seeds 0 are the kernel's to find,
     * padding is not. `stream`: the output is large and may go past the caches; the caller waits for such stores. */
    slm_status (*decode)(const decoder_state *state, const uint8_t *codes, uint16_t scale, uint64_t first, uint64_t count, slm_dtype dtype,
                         bool stream, void *target);
    /* Trellis coding without rotation where T, or T / 2 where every T is even, fits 8 bits: these integers. `first` is a multiple of 64.
     * May be NULL. */
    void (*integers)(const decoder_state *state, const uint8_t *codes, uint64_t first, size_t count, int8_t *target);
};

slm_status slm_scalar_decode(const decoder_state *state, const uint8_t *codes, uint16_t scale, uint64_t first, uint64_t count,
                             slm_dtype dtype, void *target);
slm_status slm_scalar_integers(const decoder_state *state, const uint8_t *codes, uint64_t first, uint64_t count, int64_t *target);

/* cpu.c */
bool slm_cpu_any(void);
bool slm_cpu_avx2(void);         /* with F16C, FMA, BMI and BMI2 */
bool slm_cpu_avx512(void);       /* F, BW, DQ and VL, with all of AVX2 */
bool slm_cpu_avx512_bytes(void); /* that, and VBMI, VNNI and GFNI */

extern const slm_kernel slm_kernel_scalar;
#if SLM_HAVE_X86
extern const slm_kernel slm_kernel_avx2_any;
extern const slm_kernel slm_kernel_avx2_block;
extern const slm_kernel slm_kernel_avx2_trellis;
extern const slm_kernel slm_kernel_avx512_block;
extern const slm_kernel slm_kernel_avx512_trellis;
#endif
#if SLM_HAVE_NEON
extern const slm_kernel slm_kernel_neon_any;
extern const slm_kernel slm_kernel_neon_block;
extern const slm_kernel slm_kernel_neon_trellis;
#endif

#endif
