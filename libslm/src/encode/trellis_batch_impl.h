/* trellis_batch_impl.h: the body of a batch kernel of the trellis search; included for each width of costs by each trellis_batch_avx*.c.
 *
 * The including file defines NAMED(name), VECTOR, LOAD(p) STORE(p, v), SUB(a, b), ADDUS(a, b) MINU(a, b) on unsigned lanes, the first one
 * saturating, ONES, and EQUAL(a, b), LANE_BITS bits for each lane; for 16-bit costs SPLAT, SUBS, ADDS and MULHI as trellis_step_impl.h,
 * too. What differs between the widths is undefined again at the end.
 */
#define AHEAD 128 /* bytes: 2^k places are written in turn, more than a processor follows by itself */

/* `digits` is the smaller of 2^k and BATCH_DIGITS; it and C are constants in most calls. */
static inline __attribute__((always_inline)) VECTOR NAMED(body)(const batch_shape *shape, const unsigned char *costs,
                                                                const unsigned char *from, VECTOR smallest, unsigned char *to,
                                                                const unsigned digits, const unsigned C) {
    const size_t period = (size_t)1 << (shape->K - 2 * shape->k), all = (size_t)1 << shape->k;
    const size_t stride = period * sizeof(VECTOR) + BATCH_GAP;
    const uint16_t *offsets = shape->offsets;
    VECTOR least = ONES;
    for (size_t j = 0; j < period; j++) {
        for (size_t first = 0; first < all; first += digits) {
            VECTOR before[BATCH_DIGITS];
            for (unsigned d = 0; d < digits; d++)
                before[d] = SUB(LOAD(from + batch_place(shape, j * all + first + d)), smallest);
            unsigned char *out = to + j * sizeof(VECTOR);
            for (size_t u = 0; u < all; u++, out += stride) {
                VECTOR best[2] = {ONES, ONES}; /* two, so that one need not wait for the other */
                for (unsigned d = 0; d < digits; d++) {
                    VECTOR sum = before[d];
                    for (unsigned c = 0; c < C; c++)
                        sum = ADDUS(sum, LOAD(costs + (size_t)*offsets++ * BATCH_UNIT));
                    best[d & 1] = MINU(best[d & 1], sum);
                }
                best[0] = MINU(best[0], best[1]);
                if (first != 0)
                    best[0] = MINU(best[0], LOAD(out));
                else
                    _mm_prefetch((const char *)out + AHEAD, _MM_HINT_T0);
                STORE(out, best[0]);
                if (first + digits == all)
                    least = MINU(least, best[0]);
            }
        }
    }
    return least;
}

static void NAMED(step)(const batch_shape *shape, const unsigned char *costs, const unsigned char *from, const unsigned char *smallest,
                        unsigned char *to, unsigned char *least) {
    const unsigned digits = 1u << shape->k, C = shape->C;
    const VECTOR less = LOAD(smallest);
    VECTOR found;
    if (digits >= BATCH_DIGITS)
        found = C == 1   ? NAMED(body)(shape, costs, from, less, to, BATCH_DIGITS, 1)
                : C == 2 ? NAMED(body)(shape, costs, from, less, to, BATCH_DIGITS, 2)
                         : NAMED(body)(shape, costs, from, less, to, BATCH_DIGITS, C);
    else
        found =
            digits == 4 && C == 1 ? NAMED(body)(shape, costs, from, less, to, 4, 1) : NAMED(body)(shape, costs, from, less, to, digits, C);
    STORE(least, found);
}

static void NAMED(find)(const batch_shape *shape, const unsigned char *row, const unsigned char *least, uint32_t *groups) {
    const VECTOR wanted = LOAD(least);
    const unsigned lanes = (unsigned)(sizeof(VECTOR) / NAMED(bytes));
    const uint64_t every = UINT64_MAX >> (64 - lanes * LANE_BITS);
    uint64_t found = 0;
    for (uint32_t g = 0; g < shape->groups && found != every; g++) {
        const uint64_t equal = EQUAL(LOAD(row + batch_place(shape, g)), wanted) & ~found;
        for (unsigned i = 0; equal != 0 && i < lanes; i++)
            if (equal >> (i * LANE_BITS) & 1)
                groups[i] = g;
        found |= equal;
    }
}

#ifdef MULHI
static void squares(const int16_t *targets, const int16_t *entries, unsigned levels, unsigned shift, void *costs) {
    const VECTOR target = LOAD(targets);
    for (unsigned n = 0; n < levels; n++) {
        VECTOR difference = SUBS(target, SPLAT(entries[n]));
        for (unsigned i = 0; i < shift; i++)
            difference = ADDS(difference, difference);
        STORE((VECTOR *)costs + n, MULHI(difference, difference));
    }
}
#endif

#undef AHEAD
#undef NAMED
#undef MULHI
#undef SUB
#undef ADDUS
#undef MINU
#undef EQUAL
#undef LANE_BITS
