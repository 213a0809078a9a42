/* Runs, whole or cut into pieces. A record and a seed are found by their bit offsets alone, so a stretch of a run that begins on a byte
 * is a run of its own, with the sign sequence advanced to its first weight. */
#include <inttypes.h>
#include <string.h>

#include "../decode/round.h"
#include "error.h"
#include "reader_private.h"
#include "tensor.h"
#include "utf8.h"

#define WHOLE_RUN_BYTES 65536 /* runs up to this are one piece */
#define PIECE_BYTES 262144    /* aim of a piece of a longer run */

static uint64_t common_divisor(uint64_t a, uint64_t b) {
    while (b != 0) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

void slmi_piece_find(slmi_piece *piece, const slm_tensor *tensor, const slm_profile *profile, uint64_t weight, uint64_t end) {
    const bool is_block = tensor->coding == SLM_CODING_BLOCK;
    piece->coding = (slm_coding){*profile, tensor->rotation, tensor->sign_seed, tensor->run_length};
    piece->first = 0;
    piece->count = tensor->run_length;
    piece->offset = 0;
    piece->size = tensor->run_bytes;
    piece->is_run = piece->has_end = true;
    if (tensor->run_bytes <= WHOLE_RUN_BYTES)
        return;
    /* Eight blocks or seeds begin on a byte; segments are kept whole. */
    const uint64_t group = 8 * (uint64_t)profile->C, segment = (uint64_t)1 << tensor->rotation;
    const uint64_t unit = group / common_divisor(group, segment) * segment;
    const uint64_t bits = is_block ? slm_profile_record_bits(profile) : profile->k; /* a block or seed */
    const uint64_t unit_bytes = unit / profile->C * bits / 8;
    const uint64_t units = unit_bytes < PIECE_BYTES ? PIECE_BYTES / unit_bytes : 1; /* NOLINT: R and k are at least 1, and so is it */
    piece->first = weight / unit * unit;
    uint64_t wanted = (end - piece->first + unit - 1) / unit;
    wanted = wanted < units ? wanted : units;
    const uint64_t rest = tensor->run_length - piece->first;
    piece->count = rest / unit < wanted ? rest : wanted * unit;
    /* The last seeds of a trellis piece reach into the bits of those that follow. */
    const uint64_t reach_more = is_block ? 0 : unit;
    piece->coding.run_length = rest - piece->count < reach_more ? rest : piece->count + reach_more;
    piece->offset = piece->first / profile->C * bits / 8;
    piece->size = slm_profile_run_bytes(profile, piece->coding.run_length);
    piece->has_end = piece->coding.run_length == rest;
    piece->is_run = piece->has_end && piece->first == 0;
    if (tensor->rotation != 0)
        piece->coding.sign_seed = (uint16_t)slm_lfsr_advance(16, slm_lfsr_table6(16), tensor->sign_seed, piece->first);
}

slm_status slmi_piece_decoder(const slm_reader *reader, size_t tensor, const slmi_piece *piece, slmi_own_decoder *own,
                              const slm_decoder **decoder, slm_error *error) {
    if (piece->is_run && reader->decoder_of[tensor] != 0) {
        *decoder = &reader->decoders[reader->decoder_of[tensor] - 1];
        return SLM_OK;
    }
    *decoder = &own->decoder;
    if (piece->is_run && own->is_run)
        return SLM_OK;
    slm_status status = slm_decoder_init(&own->decoder, &piece->coding, reader->kernel);
    if (status != SLM_OK)
        return slmi_fail(error, status, "", SLMI_NOWHERE, tensor, "the kernel asked for cannot decode this tensor's coding here");
    own->is_run = piece->is_run;
    return SLM_OK;
}

slm_status slmi_piece_fail(const slm_reader *reader, size_t tensor, uint64_t run, const slmi_piece *piece, uint64_t bit, slm_error *error) {
    const slm_tensor *t = &reader->index.tensors[tensor];
    const slm_profile *profile = &reader->index.profiles[t->profile];
    const uint64_t byte = reader->index.payloads[tensor].offset + t->codes_offset + run * t->run_bytes + piece->offset + bit / 8;
    char quoted[SLMI_QUOTED_BYTES];
    slmi_quote(quoted, t->name, t->name_length);
    if (t->coding == SLM_CODING_BLOCK) {
        const uint64_t bits = slm_profile_record_bits(profile), blocks = slm_profile_blocks(profile, piece->coding.run_length);
        if (bit / bits < blocks)
            return slmi_fail(error, SLM_E_RECORD, "BLK-4", byte, tensor, "tensor %s, run %" PRIu64 ": the seed of block %" PRIu64 " is 0",
                             quoted, run, piece->first / profile->C + bit / bits);
    }
    return slmi_fail(error, SLM_E_RECORD, "RUN-7", byte, tensor, "tensor %s, run %" PRIu64 ": bits behind the last code are not zero",
                     quoted, run);
}

slm_status slmi_scale_check(const slm_reader *reader, size_t tensor, uint64_t number, uint16_t scale, slm_error *error) {
    const slm_tensor *t = &reader->index.tensors[tensor];
    const bool power = scale_needs_power(&reader->index.profiles[t->profile], t->rotation);
    if (slmi_scale_is_legal(scale, power))
        return SLM_OK;
    char quoted[SLMI_QUOTED_BYTES];
    const bool finite = slmi_scale_is_legal(scale, false);
    return slmi_fail(error, SLM_E_SCALE, finite ? "REC-8" : "RUN-4", reader->index.payloads[tensor].offset + 2 * number, tensor,
                     "tensor %s: scale %" PRIu64 ", 0x%04x, %s", slmi_quote(quoted, t->name, t->name_length), number, scale,
                     finite ? "is not a power of two and must be" : "is not positive and finite");
}
