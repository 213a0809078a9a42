/* trellis_search.c: tables and scratch of the trellis search, and its entry point for one run. */
#include <math.h>
#include <string.h>

#include "../container/alloc.h"
#include "trellis_core.h"

#define TABLE_ALIGN 64u
#define K_MAX 20u
#define TABLE_WEIGHTS_MAX (UINT32_C(1) << 22) /* of all seeds' blocks: tables of 25 MB */

/* T of every seed. Entries are linear in the seed over GF(2), so those of a seed are the XOR of those of its bits. */
static slm_status make_values(struct trellis_search *search) {
    const slm_profile *profile = &search->profile;
    const size_t states = (size_t)1 << profile->K, entries = (size_t)profile->C * profile->P;
    const slm_allocator *allocator = &search->allocator;
    search->values = slmi_allocate(allocator, states * profile->C, sizeof *search->values);
    uint32_t *of_bits = slmi_allocate(allocator, (profile->K + 1u) * entries, sizeof *of_bits);
    if (!search->values || !of_bits) {
        slmi_free(allocator, of_bits);
        return SLM_E_MEMORY;
    }
    uint32_t *current = of_bits + profile->K * entries;
    memset(current, 0, entries * sizeof *current);
    for (unsigned b = 0; b < profile->K; b++)
        slm_entries(profile, UINT32_C(1) << b, of_bits + b * entries);
    uint64_t squares[2] = {0, 0}; /* 128 bits, low half first */
    /* In the order of a Gray code one bit changes a seed. */
    uint32_t seed = 0;
    for (size_t i = 0; i < states; i++) {
        if (i) {
            unsigned bit = 0;
            while (!(i >> bit & 1))
                bit++;
            seed ^= UINT32_C(1) << bit;
            for (size_t n = 0; n < entries; n++)
                current[n] ^= of_bits[bit * entries + n];
        }
        for (size_t c = 0; c < profile->C; c++) {
            int32_t sum = 0;
            for (size_t p = 0; p < profile->P; p++)
                sum += (int32_t)(2 * current[c * profile->P + p] + 1) - (INT32_C(1) << profile->W);
            search->values[(size_t)seed * profile->C + c] = sum;
            const uint64_t square = (uint64_t)((int64_t)sum * sum);
            squares[0] += square;
            squares[1] += squares[0] < square;
        }
    }
    slmi_free(allocator, of_bits);
    search->mean_square = (ldexp((double)squares[1], 64) + (double)squares[0]) / (double)(states * profile->C);
    return SLM_OK;
}

/* Whether the squared error expected of a good code, rms^2 * 2^(-2k/C), but never much below that of a scalar quantiser with T's
 * spacing of 2, is at most 2^(16 + 5) on a grid of 2^bits steps a unit. Only products and comparisons: no library's exp2 decides. */
static bool below_target(const struct trellis_search *search, int bits) {
    const double most = ldexp(32.0, 16 - 2 * bits);
    if (most < 0.25)
        return false;
    double ratio = 1;
    for (unsigned c = 0; c < search->profile.C; c++)
        ratio *= search->mean_square / most;
    return ratio <= ldexp(1, 2 * search->profile.k);
}

/* How fine the grid is: see libslm/doc/trellis-search.md, "The grid". */
static void choose_grid(struct trellis_search *search) {
    const slm_profile *profile = &search->profile;
    const int32_t largest = profile->P * ((INT32_C(1) << profile->W) - 1);
    int grid = 0;
    while (((int64_t)largest << (grid + 1)) <= INT16_MAX)
        grid++;
    while (grid <= 0 && largest >> -grid > INT16_MAX - 1)
        grid--;
    /* Squared differences are shifted down by 16 bits; the error a good code leaves should be 8 to 32 after that. */
    int shift = 0;
    while (shift < (int)TRELLIS_SHIFT_MAX && below_target(search, grid + shift + 1))
        shift++;
    while (!below_target(search, grid))
        grid--;
    search->grid = grid;
    search->shape.shift = (unsigned)shift;
    const int32_t top = search->top = (int32_t)ldexp(largest, grid), margin = 8192 >> search->shape.shift;
    search->far = top + margin > INT16_MAX ? INT16_MAX : top + margin;
}

static slm_status make_table(struct trellis_search *search) {
    trellis_shape *shape = &search->shape;
    const size_t digits = (size_t)1 << shape->k, C = shape->C;
    const size_t count = shape->padded * digits * C;
    search->table_block = slmi_allocate(&search->allocator, count * sizeof *search->table + TABLE_ALIGN, 1);
    if (!search->table_block)
        return SLM_E_MEMORY;
    search->table = (int16_t *)(void *)((unsigned char *)search->table_block +
                                        (TABLE_ALIGN - (uintptr_t)search->table_block % TABLE_ALIGN) % TABLE_ALIGN);
    shape->table = search->table;
    for (size_t g = 0; g < shape->padded; g++) {
        for (size_t d = 0; d < digits; d++) {
            const int32_t *values = trellis_values(search, (uint32_t)((g & (shape->groups - 1)) << shape->k | d));
            for (size_t c = 0; c < C; c++)
                search->table[((g / TRELLIS_LANES * digits + d) * C + c) * TRELLIS_LANES + g % TRELLIS_LANES] =
                    trellis_entry(search, values[c]);
        }
    }
    return SLM_OK;
}

/* The fastest kernel here that needs no more than the one of that name; NULL where none has it. */
static const trellis_kernel *choose_kernel(const char *name) {
    const trellis_kernel *found = NULL, *kernel;
    for (size_t i = 0; (kernel = slmi_trellis_kernel_by_index(i)) != NULL; i++) {
        if (kernel->usable())
            found = kernel;
        if (name && strcmp(name, kernel->name) == 0)
            return found;
    }
    return name ? NULL : found;
}

slm_status slmi_trellis_search_create(trellis_search **search, const slm_profile *profile, const char *kernel,
                                      const slm_allocator *allocator) {
    *search = NULL;
    const trellis_kernel *chosen = choose_kernel(kernel);
    if (profile->coding != SLM_CODING_TRELLIS || profile->K > K_MAX || (uint32_t)profile->C << profile->K > TABLE_WEIGHTS_MAX || !chosen)
        return SLM_E_ARGUMENT;
    const slm_allocator own = slmi_allocator(allocator);
    struct trellis_search *made = slmi_allocate_zeroed(&own, 1, sizeof *made);
    if (!made)
        return SLM_E_MEMORY;
    made->allocator = own;
    made->profile = *profile;
    made->kernel = chosen;
    trellis_shape *shape = &made->shape;
    shape->K = profile->K;
    shape->k = profile->k;
    shape->C = profile->C;
    shape->groups = 1u << (profile->K - profile->k);
    shape->padded = shape->groups < TRELLIS_LANES ? TRELLIS_LANES : shape->groups;
    shape->period = profile->K > 2 * profile->k ? 1u << (profile->K - 2 * profile->k) : 1u;
    shape->period = shape->period < TRELLIS_LANES ? TRELLIS_LANES : shape->period;
    slm_status status = make_values(made);
    if (status == SLM_OK) {
        choose_grid(made);
        status = make_table(made);
    }
    if (status == SLM_OK)
        status = slmi_trellis_batch_make(made, false);
    if (status != SLM_OK) {
        slmi_trellis_search_free(made);
        return status;
    }
    *search = made;
    return SLM_OK;
}

void slmi_trellis_search_free(trellis_search *search) {
    if (!search)
        return;
    const slm_allocator allocator = search->allocator;
    slmi_free(&allocator, search->values);
    slmi_free(&allocator, search->table_block);
    slmi_free(&allocator, search->fast_block);
    slmi_trellis_batch_unmake(search);
    slmi_free(&allocator, search);
}

const char *slmi_trellis_search_kernel(const trellis_search *search) { return search->kernel->name; }
