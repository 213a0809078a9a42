/* The rules of a tensor's description, shared by reader and layout, and the sizes that follow from it. */
#include "tensor.h"

#include <inttypes.h>
#include <stdio.h>

#include "../decode/round.h"
#include "checked.h"
#include "error.h"
#include "utf8.h"

/* Where a fault is reported. */
typedef struct place {
    const slm_tensor *tensor;
    uint64_t offset, number;
    slm_error *error;
} place;

static slm_status fail(const place *at, slm_status status, const char *rule, const char *what) {
    char quoted[SLMI_QUOTED_BYTES];
    slmi_quote(quoted, at->tensor->name, at->tensor->name_length);
    return slmi_fail(at->error, status, rule, at->offset, at->number, "tensor %s: %s", quoted, what);
}

static slm_status count_elements(slm_tensor *tensor, const place *at) {
    if (tensor->rank > SLM_RANK_MAX)
        return fail(at, SLM_E_LIMIT, "TEN-4", "more than 32 dimensions");
    uint64_t product = 1, bits; /* of the dimensions that are not 0 */
    bool empty = false, fits = true;
    for (unsigned i = 0; i < tensor->rank && fits; i++) {
        if (tensor->shape[i] == 0)
            empty = true;
        else
            fits = checked_multiply(product, tensor->shape[i], &product);
    }
    if (!fits || !checked_multiply(product, slm_dtype_bits(tensor->dtype), &bits) || bits >= SLM_FILE_BYTES_MAX)
        return fail(at, SLM_E_LIMIT, "TEN-11", "the dimensions make 2^62 bits or more");
    tensor->elements = empty ? 0 : product;
    bits = empty ? 0 : bits;
    if (bits % 8 != 0)
        return fail(at, SLM_E_INDEX, "TEN-12", "the elements do not fill whole bytes");
    return SLM_OK;
}

static slm_status check_raw(slm_tensor *tensor, const place *at) {
    if (tensor->profile != 0 || tensor->rotation != 0 || tensor->sign_seed != 0 || tensor->run_length != 0 ||
        (tensor->flags & SLM_TENSOR_SCALE_PER_RUN) != 0)
        return fail(at, SLM_E_INDEX, "TEN-13", "a raw tensor with a profile, rotation, sign seed, run length or scales");
    tensor->runs = tensor->scales = tensor->run_bytes = tensor->codes_offset = 0;
    tensor->payload_size = tensor->elements * slm_dtype_bits(tensor->dtype) / 8;
    return SLM_OK;
}

static slm_status check_rotation(const slm_tensor *tensor, const place *at) {
    if (tensor->rotation == 0)
        return tensor->sign_seed == 0 ? SLM_OK : fail(at, SLM_E_PROFILE, "ROT-3", "a sign seed without a rotation");
    if (tensor->rotation < SLM_ROTATION_MIN || tensor->rotation > SLM_ROTATION_MAX)
        return fail(at, SLM_E_PROFILE, "ROT-1", "the rotation is neither 0 nor 4..10");
    if (tensor->run_length % ((uint64_t)1 << tensor->rotation) != 0)
        return fail(at, SLM_E_PROFILE, "ROT-2", "the rotation's segments do not divide the run length");
    if (tensor->sign_seed == 0)
        return fail(at, SLM_E_PROFILE, "ROT-3", "a rotation with sign seed 0");
    return SLM_OK;
}

static slm_status check_coding(const slm_tensor *tensor, const slm_profile *profile, slmi_codings *codings, const place *at) {
    uint8_t bit = (uint8_t)(tensor->rotation == 0 ? 1U : 1U << (tensor->rotation - 3));
    if ((codings->legal[tensor->profile] & bit) != 0)
        return SLM_OK;
    slm_coding coding = {*profile, tensor->rotation, tensor->sign_seed, tensor->run_length};
    const char *reason = NULL;
    slm_status status = slm_coding_check(&coding, &reason);
    if (status != SLM_OK) {
        char quoted[SLMI_QUOTED_BYTES];
        char what[SLMI_QUOTED_BYTES + 16];
        snprintf(what, sizeof what, "tensor %s", slmi_quote(quoted, tensor->name, tensor->name_length));
        return slmi_fail_reason(at->error, status, reason, at->offset, at->number, what);
    }
    codings->legal[tensor->profile] |= bit;
    return SLM_OK;
}

static slm_status check_coded(slm_tensor *tensor, const slm_profile *profiles, size_t profile_count, slmi_codings *codings,
                              const place *at) {
    if (!slm_dtype_is_codable(tensor->dtype))
        return fail(at, SLM_E_INDEX, "TEN-14", "a coded tensor whose type is not F32, F16 or BF16");
    if (tensor->profile >= profile_count || tensor->profile >= SLM_PROFILES_MAX)
        return fail(at, SLM_E_INDEX, "TEN-15", "no such profile");
    const slm_profile *profile = &profiles[tensor->profile];
    if (profile->coding != (uint8_t)tensor->coding)
        return fail(at, SLM_E_INDEX, "TEN-16", "the profile is for another coding");
    if (tensor->elements == 0)
        return fail(at, SLM_E_INDEX, "TEN-17", "a coded tensor without elements");
    if (tensor->run_length == 0 || tensor->elements % tensor->run_length != 0)
        return fail(at, SLM_E_INDEX, "TEN-18", "the run length does not divide the elements");
    slm_status status = check_rotation(tensor, at);
    if (status == SLM_OK)
        status = check_coding(tensor, profile, codings, at);
    if (status != SLM_OK)
        return status;
    tensor->runs = tensor->elements / tensor->run_length;
    tensor->scales = (tensor->flags & SLM_TENSOR_SCALE_PER_RUN) != 0 ? tensor->runs : 1;
    tensor->run_bytes = slm_profile_run_bytes(profile, tensor->run_length);
    uint64_t codes;
    if (tensor->run_bytes >= SLM_FILE_BYTES_MAX || !checked_round_up(2 * tensor->scales, SLMI_SCALES_ALIGN_LOG2, &tensor->codes_offset) ||
        !checked_multiply(tensor->runs, tensor->run_bytes, &codes) || !checked_add(tensor->codes_offset, codes, &tensor->payload_size) ||
        tensor->payload_size >= SLM_FILE_BYTES_MAX)
        return fail(at, SLM_E_LIMIT, "HDR-13", "2^62 bytes of codes or more");
    return SLM_OK;
}

slm_status slmi_tensor_derive(slm_tensor *tensor, const slm_profile *profiles, size_t profile_count, slmi_codings *codings, uint64_t offset,
                              uint64_t number, slm_error *error) {
    const place at = {tensor, offset, number, error};
    if (slmi_utf8_check((const uint8_t *)tensor->name, tensor->name_length) != tensor->name_length)
        return fail(&at, SLM_E_INDEX, "TEN-7", "the name is not UTF-8 or holds U+0000");
    if (slm_dtype_bits(tensor->dtype) == 0)
        return fail(&at, SLM_E_FEATURE, "TEN-3", "an element type this version does not know");
    slm_status status = count_elements(tensor, &at);
    if (status != SLM_OK)
        return status;
    switch (tensor->coding) {
    case SLM_CODING_RAW: return check_raw(tensor, &at);
    case SLM_CODING_BLOCK:
    case SLM_CODING_TRELLIS: return check_coded(tensor, profiles, profile_count, codings, &at);
    }
    return fail(&at, SLM_E_FEATURE, "TEN-2", "a coding this version does not know");
}

bool slmi_scale_is_legal(uint16_t scale, bool needs_power) {
    return scale_is_valid(scale) && (!needs_power || scale_is_power_of_two(scale));
}
