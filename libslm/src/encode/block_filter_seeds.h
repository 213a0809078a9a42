/* What is done seed by seed, for AVX2 and above: residuals of those a filter passes, and the rows of a list. */
#ifndef SLM_BLOCK_FILTER_SEEDS_H
#define SLM_BLOCK_FILTER_SEEDS_H

/* The number of the lowest bit, 64 where there is none. */
static ALWAYS_INLINE size_t lowest_bit(uint64_t mask) {
#if defined(__x86_64__)
    return (size_t)_tzcnt_u64(mask);
#else
    return mask != 0 ? (size_t)__builtin_ctzll(mask) : 64;
#endif
}

/* Stores the seeds of a mask's bits; their number. Without a branch while there are few: some entries too many are written and read. */
static ALWAYS_INLINE size_t take(uint64_t mask, const uint16_t *seeds, uint16_t *target) {
    const size_t count = (size_t)__builtin_popcountll(mask);
    for (size_t i = 0;;) {
        for (unsigned j = 0; j < 6; j++) {
            target[i++] = seeds[lowest_bit(mask)];
            mask &= mask - 1;
        }
        if (i >= count) {
            return count;
        }
    }
}

/* Products of two seeds' columns, four each, as floats. */
static ALWAYS_INLINE __m256 products_of_two(const int16_t *first, const int16_t *second, const unsigned pairs, const __m256i *x) {
    __m256i a = _mm256_setzero_si256();
    __m256i b = a;
    for (unsigned j = 0; j < pairs / 2; j++) {
        a = _mm256_add_epi32(a, _mm256_madd_epi16(_mm256_loadu_si256((const __m256i *)(const void *)(first + (size_t)j * 16)), x[j]));
        b = _mm256_add_epi32(b, _mm256_madd_epi16(_mm256_loadu_si256((const __m256i *)(const void *)(second + (size_t)j * 16)), x[j]));
    }
    return _mm256_cvtepi32_ps(_mm256_add_epi32(_mm256_permute2x128_si256(a, b, 0x20), _mm256_permute2x128_si256(a, b, 0x31)));
}

/* Their squares added up over all fours of columns, in four parts each. */
static ALWAYS_INLINE __m256 squares_of_two(const int16_t *basis, size_t stride, const uint16_t *seeds, const unsigned pairs,
                                           const unsigned fours, const __m256i *x) {
    __m256 sum = _mm256_setzero_ps();
    for (unsigned f = 0; f < fours; f++) {
        const __m256 whole =
            products_of_two(basis + seeds[0] * stride + (size_t)f * pairs * 8, basis + seeds[1] * stride + (size_t)f * pairs * 8, pairs, x);
        sum = _mm256_fmadd_ps(whole, whole, sum);
    }
    return sum;
}

static ALWAYS_INLINE size_t residuals_of(const int16_t *basis, const unsigned pairs, const unsigned fours, bool complement,
                                         uint16_t *passed, size_t count, const filter_target *target, float limit, seed_residual *kept) {
    static const unsigned char order[8] = {0, 2, 4, 6, 1, 3, 5, 7}; /* in which sums of pairs come */
    const size_t stride = (size_t)pairs * fours * 8;
    const __m256 limits = _mm256_set1_ps(limit);
    __m256i x[FILTER_PAIRS_MAX / 2];
    size_t left = 0;
    for (unsigned j = 0; j < pairs / 2; j++) {
        int32_t two[2];
        memcpy(two, target->coordinates + (size_t)j * 4, sizeof two);
        x[j] = _mm256_set_m128i(_mm_set1_epi32(two[1]), _mm_set1_epi32(two[0]));
    }
    for (size_t i = count; i < count + SEEDS_BEYOND; i++) {
        passed[i] = 0;
    }
    for (size_t i = 0; i < count; i += 8) {
        for (size_t j = i + SEEDS_AHEAD; j < i + SEEDS_AHEAD + 8; j++) {
            const char *ahead = (const char *)(basis + passed[j] * stride);
            _mm_prefetch(ahead, _MM_HINT_T0);
            if (stride * sizeof(int16_t) > 64) {
                _mm_prefetch(ahead + stride * sizeof(int16_t) - 1, _MM_HINT_T0);
            }
        }
        const __m256 a = squares_of_two(basis, stride, passed + i, pairs, fours, x);
        const __m256 b = squares_of_two(basis, stride, passed + i + 2, pairs, fours, x);
        const __m256 c = squares_of_two(basis, stride, passed + i + 4, pairs, fours, x);
        const __m256 d = squares_of_two(basis, stride, passed + i + 6, pairs, fours, x);
        const __m256 sums = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
        unsigned mask =
            (unsigned)_mm256_movemask_ps(complement ? _mm256_cmp_ps(sums, limits, _CMP_LE_OQ) : _mm256_cmp_ps(sums, limits, _CMP_GE_OQ));
        if (mask != 0) {
            float values[8];
            _mm256_storeu_ps(values, sums);
            for (; mask != 0; mask &= mask - 1) {
                const unsigned lane = (unsigned)__builtin_ctz(mask);
                if (i + order[lane] < count) {
                    kept[left++] = (seed_residual){values[lane], passed[i + order[lane]]};
                }
            }
        }
    }
    return left;
}

static size_t residuals(const int16_t *basis, residual_shape shape, uint16_t *passed, size_t count, const filter_target *target,
                        float limit, seed_residual *kept) {
    if (shape.pairs == 4 && shape.fours == 1) {
        return residuals_of(basis, 4, 1, shape.complement, passed, count, target, limit, kept);
    }
    if (shape.pairs == 6 && shape.fours == 1) {
        return residuals_of(basis, 6, 1, shape.complement, passed, count, target, limit, kept);
    }
    return residuals_of(basis, shape.pairs, shape.fours, shape.complement, passed, count, target, limit, kept);
}

static ALWAYS_INLINE __m256 four_columns(const int16_t *source) {
    return _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(_mm_loadu_si128((const __m128i *)(const void *)source)));
}

static ALWAYS_INLINE float sum_of(__m256 v) {
    __m128 sum = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    sum = _mm_add_ps(sum, _mm_movehl_ps(sum, sum));
    return _mm_cvtss_f32(_mm_add_ss(sum, _mm_movehdup_ps(sum)));
}

static ALWAYS_INLINE void rows_of(const int16_t *basis, const unsigned pairs, const unsigned fours, bool complement, const filter_rows *how,
                                  const uint64_t *found, size_t count, uint8_t *list, filter_bounds *bounds) {
    const size_t stride = (size_t)pairs * fours * 8;
    const __m256 shrink = _mm256_set1_ps((complement ? 1.0F : -1.0F) / ((float)RESIDUAL_UNIT * (float)RESIDUAL_UNIT));
    __m256 x[FILTER_PAIRS_MAX];
    float norm = bounds->norm;
    float skew = bounds->skew;
    for (unsigned j = 0; j < pairs; j++) {
        double two;
        memcpy(&two, how->direction + (size_t)2 * j, sizeof two);
        x[j] = _mm256_castpd_ps(_mm256_set1_pd(two));
    }
    for (size_t i = 0; i < count; i++) {
        const int16_t *columns = basis + (size_t)(uint32_t)found[i] * stride;
        __m256 products[FILTER_FOURS_MAX];
        __m128 quads[FILTER_PAIRS_MAX / 2];
        if (i + 8 < count) {
            _mm_prefetch((const char *)(basis + (size_t)(uint32_t)found[i + 8] * stride), _MM_HINT_T0);
        }
        for (unsigned f = 0; f < fours; f++) {
            __m256 sum = _mm256_setzero_ps();
            for (unsigned j = 0; j < pairs; j++) {
                sum = _mm256_fmadd_ps(four_columns(columns + (size_t)(f * pairs + j) * 8), x[j], sum);
            }
            products[f] = _mm256_mul_ps(_mm256_add_ps(sum, _mm256_permute_ps(sum, 0xB1)), shrink);
        }
        for (unsigned j = 0; j < FILTER_PAIRS_MAX / 2; j++) {
            __m128 twos[2] = {_mm_setzero_ps(), _mm_setzero_ps()};
            for (unsigned k = 0; k < 2 && 2 * j < pairs; k++) {
                __m256 sum = _mm256_setzero_ps();
                for (unsigned f = 0; f < fours; f++) {
                    sum = _mm256_fmadd_ps(four_columns(columns + (size_t)(f * pairs + 2 * j + k) * 8), products[f], sum);
                }
                const __m128 two = _mm_add_ps(_mm256_castps256_ps128(sum), _mm256_extractf128_ps(sum, 1));
                twos[k] = _mm_add_ps(two, _mm_movehl_ps(two, two));
            }
            quads[j] = _mm_movelh_ps(twos[0], twos[1]);
        }
        __m256 low = _mm256_set_m128(quads[1], quads[0]);
        __m256 high = _mm256_set_m128(quads[3], quads[2]);
        if (!complement) {
            low = _mm256_add_ps(low, _mm256_loadu_ps(how->direction));
            high = _mm256_add_ps(high, _mm256_loadu_ps(how->direction + 8));
        }
        const float size = _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(sum_of(_mm256_fmadd_ps(high, high, _mm256_mul_ps(low, low))))));
        if (!(size > how->least)) {
            continue;
        }
        const float grow = FILTER_UNIT / size;
        low = _mm256_mul_ps(low, _mm256_set1_ps(grow));
        high = _mm256_mul_ps(high, _mm256_set1_ps(grow));
        const __m256 low_whole = _mm256_round_ps(low, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
        const __m256 high_whole = _mm256_round_ps(high, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
        low = _mm256_sub_ps(low, low_whole);
        high = _mm256_sub_ps(high, high_whole);
        const float square = sum_of(_mm256_fmadd_ps(high_whole, high_whole, _mm256_mul_ps(low_whole, low_whole)));
        const float off = sum_of(_mm256_fmadd_ps(high, high, _mm256_mul_ps(low, low)));
        const __m128 roots = _mm_sqrt_ps(_mm_setr_ps(square, off, 0, 0));
        const float length = _mm_cvtss_f32(roots);
        const float beside = _mm_cvtss_f32(_mm_movehdup_ps(roots)) + grow * how->wrong;
        norm = length > norm ? length : norm;
        skew = beside > skew ? beside : skew;
        const __m256i words =
            _mm256_permute4x64_epi64(_mm256_packs_epi32(_mm256_cvtps_epi32(low_whole), _mm256_cvtps_epi32(high_whole)), 0xD8);
        __m128i bytes = _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
        bytes = _mm_xor_si128(bytes, _mm_set1_epi8((char)FILTER_OFFSET)); /* adds it modulo 256 */
        uint16_t both[FILTER_PAIRS_MAX];
        memcpy(both, &bytes, sizeof both);
        uint8_t *target = list + i / FILTER_GROUP * how->pairs * 2 * FILTER_GROUP + i % FILTER_GROUP * 2;
        for (unsigned j = 0; j < how->pairs; j++) {
            memcpy(target + (size_t)j * 2 * FILTER_GROUP, &both[j], sizeof both[j]);
        }
    }
    *bounds = (filter_bounds){norm, skew};
}

static void rows(const int16_t *basis, residual_shape shape, const filter_rows *how, const uint64_t *found, size_t count, uint8_t *list,
                 filter_bounds *bounds) {
    if (shape.pairs == 4 && shape.fours == 1) {
        rows_of(basis, 4, 1, shape.complement, how, found, count, list, bounds);
    } else if (shape.pairs == 6 && shape.fours == 1) {
        rows_of(basis, 6, 1, shape.complement, how, found, count, list, bounds);
    } else {
        rows_of(basis, shape.pairs, shape.fours, shape.complement, how, found, count, list, bounds);
    }
}

#endif
