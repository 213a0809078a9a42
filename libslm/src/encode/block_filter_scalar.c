/* The kernels of the search by cells in plain C: they say what the others do. */
#include <math.h>

#include "block_filter.h"

static void products_of(const float *directions, unsigned groups, unsigned rows, const float *x, float *products) {
    for (unsigned g = 0; g < groups; g++, products += DIRECTION_GROUP) {
        for (unsigned i = 0; i < DIRECTION_GROUP; i++) {
            products[i] = 0;
        }
        for (unsigned c = 0; c < rows; c++) {
            for (unsigned i = 0; i < DIRECTION_GROUP; i++) {
                products[i] += directions[(g * rows + c) * DIRECTION_GROUP + i] * x[c];
            }
        }
        for (unsigned i = 0; i < DIRECTION_GROUP; i++) {
            products[i] = fabsf(products[i]);
        }
    }
}

static int low_byte(int16_t pair) { return (int8_t)(pair & 0xff); }

static int high_byte(int16_t pair) { return (int8_t)((pair >> 8) & 0xff); }

static size_t filter(const uint8_t *list, const uint16_t *seeds, size_t groups, unsigned pairs, const filter_target *target, int limit,
                     uint16_t *passed) {
    size_t count = 0;
    for (size_t g = 0; g < groups; g++) {
        int products[FILTER_GROUP] = {0};
        for (unsigned j = 0; j < pairs; j++) {
            const int low = low_byte(target->pairs[j]);
            const int high = high_byte(target->pairs[j]);
            const uint8_t *bytes = list + (g * pairs + j) * 2 * FILTER_GROUP;
            for (unsigned i = 0; i < FILTER_GROUP; i++) {
                products[i] += (bytes[2 * i] - FILTER_OFFSET) * low + (bytes[2 * i + 1] - FILTER_OFFSET) * high;
            }
        }
        for (unsigned i = 0; i < FILTER_GROUP; i++) {
            if (products[i] <= limit && products[i] >= -limit) {
                passed[count++] = seeds[g * FILTER_GROUP + i];
            }
        }
    }
    return count;
}

/* c's part beside a seed's subspace. */
static void part_beside(const int16_t *columns, residual_shape shape, const float *direction, float *part) {
    const float shrink = 1.0F / ((float)RESIDUAL_UNIT * (float)RESIDUAL_UNIT);
    for (unsigned c = 0; c < 2 * FILTER_PAIRS_MAX; c++) {
        part[c] = shape.complement ? 0 : direction[c];
    }
    for (unsigned f = 0; f < shape.fours; f++) {
        for (unsigned k = 0; k < 4; k++) {
            const int16_t *column = columns + (size_t)f * shape.pairs * 8 + 2 * k;
            float product = 0;
            for (unsigned c = 0; c < 2 * shape.pairs; c++) {
                product += (float)column[c / 2 * 8 + c % 2] * direction[c]; /* NOLINT: an index */
            }
            product *= shape.complement ? shrink : -shrink;
            for (unsigned c = 0; c < 2 * shape.pairs; c++) {
                part[c] += (float)column[c / 2 * 8 + c % 2] * product; /* NOLINT: an index */
            }
        }
    }
}

static void rows(const int16_t *basis, residual_shape shape, const filter_rows *how, const uint64_t *found, size_t count, uint8_t *list,
                 filter_bounds *bounds) {
    for (size_t i = 0; i < count; i++) {
        float part[2 * FILTER_PAIRS_MAX];
        float square = 0, norm = 0, off = 0;
        uint8_t *target = list + i / FILTER_GROUP * how->pairs * 2 * FILTER_GROUP + i % FILTER_GROUP * 2;
        part_beside(basis + (size_t)(uint32_t)found[i] * shape.pairs * shape.fours * 8, shape, how->direction, part);
        for (unsigned c = 0; c < 2 * how->pairs; c++) {
            square += part[c] * part[c];
        }
        const float size = sqrtf(square);
        if (!(size > how->least)) {
            continue;
        }
        const float grow = FILTER_UNIT / size;
        for (unsigned c = 0; c < 2 * how->pairs; c++) {
            const float exact = part[c] * grow;
            const int whole = (int)(exact + (exact < 0 ? -0.5F : 0.5F));
            norm += (float)(whole * whole);
            off += ((float)whole - exact) * ((float)whole - exact);
            target[c / 2 * 2 * FILTER_GROUP + c % 2] = (uint8_t)(whole + FILTER_OFFSET);
        }
        norm = sqrtf(norm);
        off = sqrtf(off) + grow * how->wrong;
        bounds->norm = norm > bounds->norm ? norm : bounds->norm;
        bounds->skew = off > bounds->skew ? off : bounds->skew;
    }
}

static size_t residuals(const int16_t *basis, residual_shape shape, uint16_t *passed, size_t count, const filter_target *target,
                        float limit, seed_residual *kept) {
    size_t left = 0;
    for (size_t i = 0; i < count; i++) {
        const int16_t *columns = basis + (size_t)passed[i] * shape.pairs * shape.fours * 8;
        float square = 0;
        for (unsigned f = 0; f < shape.fours; f++) {
            for (unsigned k = 0; k < 4; k++) {
                int32_t product = 0;
                for (unsigned j = 0; j < shape.pairs; j++) {
                    const int16_t *pair = columns + (f * shape.pairs + j) * 8 + 2 * k;
                    product += pair[0] * target->coordinates[2 * j] + pair[1] * target->coordinates[2 * j + 1];
                }
                square += (float)product * (float)product;
            }
        }
        if (shape.complement ? square <= limit : square >= limit) {
            kept[left++] = (seed_residual){square, passed[i]};
        }
    }
    return left;
}

const block_filter_kernel slmi_block_filter_scalar = {products_of, filter, rows, residuals};
