/* Block coding of a piece: targets, records, their bits, and what they lose. */
#include <math.h>
#include <string.h>

#include "../decode/rotation.h"
#include "bfloat.h"
#include "encode_internal.h"
#include "rotate.h"

static double divisor_of(const slm_profile *profile) { return profile->norm ? (double)((UINT32_C(1) << (profile->W - 1)) - 1) : 1; }

void slmi_block_piece_measure(const slm_encoder *encoder, encode_worker *worker, uint64_t first, uint64_t count, uint64_t column,
                              weight_stats *stats) {
    double *rotated = worker->rotated + first;
    const float *weights = worker->weights + first;
    for (uint64_t i = 0; i < count; i++) {
        rotated[i] = (double)weights[i];
    }
    if (encoder->coding.rotation != 0) {
        slmi_rotate_weights(&encoder->coding, rotated, count, column);
    }
    for (uint64_t i = 0; i < count; i++) {
        const double magnitude = fabs(rotated[i]);
        stats->squared_norm += rotated[i] * rotated[i];
        stats->maximum = magnitude > stats->maximum ? magnitude : stats->maximum;
    }
    stats->weights += count;
}

/* Sets bits [position, position + width) of codes that are zero there, least significant first. */
static void put_bits(uint8_t *codes, uint64_t position, unsigned width, uint64_t value) {
    uint8_t *byte = codes + position / 8;
    unsigned shift = (unsigned)(position % 8);
    while (width > 0) {
        *byte = (uint8_t)(*byte | (value << shift & 0xff));
        const unsigned taken = 8 - shift < width ? 8 - shift : width;
        value >>= taken;
        width -= taken;
        shift = 0;
        byte++;
    }
}

/* The integers T of a record's first `count` weights. */
static void expand(const slm_profile *profile, uint64_t record, unsigned count, int64_t *integers) {
    uint32_t entries[SLM_C_MAX * SLM_P_MAX];
    const int64_t middle = INT64_C(1) << (profile->W - 1);
    const unsigned exponent = (unsigned)(record >> profile->K) & ((1U << profile->E) - 1);
    slm_entries(profile, (uint32_t)record & ((UINT32_C(1) << profile->K) - 1), entries);
    for (unsigned c = 0; c < count; c++) {
        int64_t sum = 0;
        for (unsigned p = 0; p < profile->P; p++) {
            const int64_t field = (int64_t)(record >> (profile->K + profile->E + p * profile->B)) & ((1 << profile->B) - 1);
            const int64_t q = field - ((field >> (profile->B - 1)) << profile->B);
            sum += q * ((int64_t)entries[c * profile->P + p] - middle);
        }
        integers[c] = sum * (INT64_C(1) << exponent);
    }
}

/* What `integers` lose against the weights. */
static void account(const slm_coding *coding, const importance *of, uint64_t element, const float *weights, int64_t *integers,
                    uint64_t count, uint64_t column, uint16_t scale, search_stats *stats) {
    const double divisor = divisor_of(&coding->profile);
    const double step = bfloat_value(scale);
    *stats = (search_stats){0};
    if (coding->rotation != 0) {
        uint32_t state = slmi_rotation_register(coding->sign_seed, column);
        for (uint64_t first = 0; first < count; first += UINT64_C(1) << coding->rotation) {
            slmi_rotation_transform(integers + first, coding->rotation);
        }
        slmi_rotation_sign(integers, (size_t)count, &state);
    }
    for (uint64_t i = 0; i < count; i++) {
        const double weight = (double)weights[i];
        const double error = fabs(weight - (double)integers[i] * step / divisor);
        stats->squared_norm += weight * weight;
        stats->squared_error += error * error;
        stats->maximum_error = error > stats->maximum_error ? error : stats->maximum_error;
        if (of != NULL) {
            const double counts = of->weights[(element + i) % of->columns];
            stats->weighted_norm += counts * (weight * weight);
            stats->weighted_error += counts * (error * error);
        }
    }
    if (of == NULL) {
        stats->weighted_norm = stats->squared_norm;
        stats->weighted_error = stats->squared_error;
    }
}

/* Blocks of all segments, whole ones or short last ones, in units of T, as the search wants them. */
static size_t make_targets(const slm_profile *profile, encode_worker *worker, piece_shape shape, bool short_last) {
    const double divisor = divisor_of(profile);
    const unsigned rest = (unsigned)(shape.length % profile->C);
    const uint64_t whole = shape.length - rest;
    const uint64_t first = short_last ? whole : 0;
    const uint64_t count = short_last ? rest : whole;
    double *target = worker->targets;
    for (uint64_t s = 0; s < shape.segments; s++) {
        const double scale = bfloat_value(worker->scales[s]);
        const double *source = worker->rotated + s * shape.length + first;
        for (uint64_t i = 0; i < count; i++) {
            *target++ = source[i] * divisor / scale;
        }
    }
    return (size_t)(shape.segments * (short_last ? rest != 0 : whole / profile->C));
}

/* Records of the blocks that make_targets() made targets of. */
static uint64_t search_blocks(const slm_encoder *encoder, encode_worker *worker, piece_shape shape, bool short_last, size_t blocks,
                              uint64_t *records) {
    const block_search *search = short_last ? encoder->short_last : encoder->blocks;
    block_scratch *scratch = short_last ? worker->block_short : worker->block;
    if (encoder->importance != NULL) {
        return slmi_block_weighted_search(encoder, worker, shape, short_last, blocks, records);
    }
    return slmi_block_search_run(search, scratch, worker->targets, blocks, records, NULL);
}

void slmi_block_piece_encode(const slm_encoder *encoder, encode_worker *worker, piece_shape shape, uint64_t column) {
    const slm_profile *profile = &encoder->coding.profile;
    const unsigned record_bits = slm_profile_record_bits(profile);
    const unsigned rest = (unsigned)(shape.length % profile->C);
    const uint64_t whole = shape.length / profile->C;
    const uint64_t code_bytes = slmi_encode_code_bytes(encoder, shape.length);
    uint64_t examined = 0;
    const size_t blocks = make_targets(profile, worker, shape, false);
    if (blocks > 0) {
        examined += search_blocks(encoder, worker, shape, false, blocks, worker->records);
    }
    const uint64_t *last_records = worker->records + blocks;
    if (rest != 0) {
        const size_t short_blocks = make_targets(profile, worker, shape, true);
        examined += search_blocks(encoder, worker, shape, true, short_blocks, worker->records + blocks);
    }
    memset(worker->codes, 0, (size_t)(shape.segments * code_bytes));
    for (uint64_t s = 0; s < shape.segments; s++) {
        uint8_t *codes = worker->codes + s * code_bytes;
        const uint64_t *records = worker->records + s * whole;
        int64_t *integers = worker->integers;
        for (uint64_t b = 0; b < whole; b++) {
            put_bits(codes, b * record_bits, record_bits, records[b]);
            expand(profile, records[b], profile->C, integers + b * profile->C);
        }
        if (rest != 0) {
            put_bits(codes, whole * record_bits, record_bits, last_records[s]);
            expand(profile, last_records[s], rest, integers + whole * profile->C);
        }
        account(&encoder->coding, encoder->importance, worker->element + s * shape.length, worker->weights + s * shape.length, integers,
                shape.length, column, worker->scales[s], &worker->stats[s]);
        worker->stats[s].blocks = whole + (rest != 0);
    }
    worker->stats[0].examined = examined; /* of all segments: the search knows no borders */
}
