/* trellis_fast.c: tables of the fast trellis search. */
#include "trellis_fast.h"

#include <math.h>

#include "../container/alloc.h"
#include "trellis_core.h"

#define TABLE_ALIGN 64u
#define UNITS 2.0           /* of cost that a good code's mean squared error comes to */
#define ERROR_MAX 25.0      /* of T: the window, 14 on each side, is to hold nearly three of its roots */
#define ERROR_MIN (1.0 / 3) /* that of a scalar quantiser with the spacing of T */

/* The squared error in units of T expected of a good code: the mean square divided by 2^(2k/C), linear between whole powers. */
static double expected_error(const trellis_search *search) {
    const unsigned C = search->profile.C, bits = 2u * search->profile.k, part = bits % C;
    const double error = search->mean_square / ldexp(1 + (double)part / C, (int)(bits / C));
    return error > ERROR_MIN ? error : ERROR_MIN;
}

slm_status slmi_trellis_search_make_fast(trellis_search *search) {
    const slm_profile *profile = &search->profile;
    const double error = expected_error(search);
    const unsigned levels = profile->P * ((1u << profile->W) - 1) + 1;
    if (search->fast || levels > FAST_LEVELS_MAX || search->grid < 0 || error > ERROR_MAX)
        return SLM_OK;
    const trellis_shape *from = &search->shape;
    const unsigned period = profile->K > 2 * profile->k ? 1u << (profile->K - 2 * profile->k) : 1u;
    fast_shape shape = {.k = from->k, .C = from->C, .levels = levels, .groups = from->groups};
    shape.padded = shape.groups < FAST_LANES ? FAST_LANES : shape.groups;
    shape.period = period < FAST_LANES ? FAST_LANES : period;
    const size_t digits = (size_t)1 << shape.k, C = shape.C;
    search->fast_block = slmi_allocate(&search->allocator, shape.padded * digits * C + TABLE_ALIGN, 1);
    if (!search->fast_block)
        return SLM_E_MEMORY;
    uint8_t *table = (uint8_t *)search->fast_block + (TABLE_ALIGN - (uintptr_t)search->fast_block % TABLE_ALIGN) % TABLE_ALIGN;
    for (size_t g = 0; g < shape.padded; g++)
        for (size_t d = 0; d < digits; d++) {
            const int32_t *values = trellis_values(search, (uint32_t)((g & (shape.groups - 1)) << shape.k | d));
            for (size_t c = 0; c < C; c++)
                table[((g / FAST_LANES * digits + d) * C + c) * FAST_LANES + g % FAST_LANES] =
                    (uint8_t)((values[c] + (int32_t)(levels - 1)) / 2);
        }
    shape.permute = levels <= FAST_PERMUTED && slm_cpu_avx512_bytes();
    shape.table = table;
    search->fast_factor = (uint64_t)(ldexp(UNITS / error, 32 - 2 * search->grid) + 0.5);
    search->fast_shape = shape;
    search->fast = true;
    return slmi_trellis_batch_make(search, true);
}

void slmi_trellis_fast_window(const trellis_search *search, int32_t target, fast_window *window) {
    /* The number of the T next to the target, in the window's middle where the numbers' range allows it. */
    const int32_t top = (int32_t)search->fast_shape.levels - 1, half = INT32_C(1) << search->grid;
    const int32_t shifted = target + top * half;
    int32_t nearest = shifted < 0 ? 0 : (shifted + half) >> (search->grid + 1);
    nearest = nearest > top ? top : nearest;
    int32_t first = nearest - (int32_t)FAST_WINDOW / 2;
    const int32_t last_first = top + 1 - (int32_t)FAST_WINDOW;
    first = first > last_first ? last_first : first;
    first = first < 0 ? 0 : first;
    window->first = (uint8_t)first;
    const int64_t nearest_distance = (int64_t)target - (2 * nearest - top) * half;
    for (int32_t i = 0; i <= (int32_t)FAST_WINDOW; i++) {
        const int64_t distance = (int64_t)target - (2 * (first + i) - top) * half;
        const uint64_t more = (uint64_t)(distance * distance - nearest_distance * nearest_distance);
        const uint64_t cost = more >> 30 ? FAST_COST_MAX : (more * search->fast_factor + (UINT64_C(1) << 31)) >> 32;
        window->costs[i] = (uint8_t)(cost > FAST_COST_MAX ? FAST_COST_MAX : cost);
    }
    window->costs[FAST_WINDOW] = FAST_COST_MAX;
}
