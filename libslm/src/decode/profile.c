/* profile.c: the parameters of a coding: their rules, their bytes in a file, the named ones, and the sizes they make. */
#include "slm/profile.h"

#include <string.h>

static const slm_profile named[] = {
    {.coding = SLM_CODING_BLOCK, .K = 16, .step = 1, .W = 16, .P = 3, .C = 8, .E = 4, .B = 4, .norm = 1, .taps = 0x100b, .name = "paper-4"},
    {.coding = SLM_CODING_BLOCK,
     .K = 16,
     .step = 1,
     .W = 16,
     .P = 4,
     .C = 12,
     .E = 4,
     .B = 4,
     .norm = 1,
     .taps = 0x100b,
     .name = "paper-3"},
    /* Taps and steps were chosen by the error they leave: spec/profiles.md. */
    {.coding = SLM_CODING_TRELLIS, .K = 16, .step = 29, .W = 4, .P = 4, .C = 1, .k = 2, .taps = 0xab57, .name = "slm-2"},
    {.coding = SLM_CODING_TRELLIS, .K = 16, .step = 29, .W = 4, .P = 4, .C = 2, .k = 5, .taps = 0xab57, .name = "slm-2.5"},
    {.coding = SLM_CODING_TRELLIS, .K = 16, .step = 29, .W = 4, .P = 4, .C = 1, .k = 3, .taps = 0xab57, .name = "slm-3"},
    {.coding = SLM_CODING_TRELLIS, .K = 16, .step = 29, .W = 4, .P = 4, .C = 2, .k = 7, .taps = 0xab57, .name = "slm-3.5"},
    {.coding = SLM_CODING_TRELLIS, .K = 16, .step = 29, .W = 4, .P = 4, .C = 1, .k = 4, .taps = 0xab57, .name = "slm-4"},
    {.coding = SLM_CODING_TRELLIS, .K = 16, .step = 29, .W = 6, .P = 4, .C = 1, .k = 5, .taps = 0xab57, .name = "slm-5"},
    {.coding = SLM_CODING_TRELLIS, .K = 16, .step = 29, .W = 6, .P = 4, .C = 1, .k = 6, .taps = 0xab57, .name = "slm-6"},
    {.coding = SLM_CODING_TRELLIS, .K = 12, .step = 28, .W = 4, .P = 4, .C = 1, .k = 4, .taps = 0xca5, .name = "slm-4-fast"},
};

const slm_profile *slm_profile_by_index(size_t index) { return index < sizeof named / sizeof named[0] ? &named[index] : NULL; }

const slm_profile *slm_profile_by_name(const char *name) {
    for (size_t i = 0; i < sizeof named / sizeof named[0]; i++)
        if (strcmp(named[i].name, name) == 0)
            return &named[i];
    return NULL;
}

/* The first rule a profile breaks, or NULL. */
static const char *fault(const slm_profile *p) {
    if (p->K < SLM_LFSR_K_MIN || p->K > SLM_LFSR_K_MAX)
        return "[PRO-3] K must lie in 2..24";
    if (p->W < 1 || p->W > p->K)
        return "[PRO-4] W must lie in 1..K";
    if (p->step < 1 || p->step > SLM_STEP_MAX)
        return "[PRO-5] step must lie in 1..64";
    if (p->P < 1 || p->P > SLM_P_MAX)
        return "[PRO-6] P must lie in 1..16";
    if (p->C < 1 || p->C > SLM_C_MAX)
        return "[PRO-7] C must lie in 1..64";
    if ((p->taps & 1) == 0 || p->taps >> p->K != 0)
        return "[PRO-8] taps must have bit 0 and no bit at or above K";
    if (!slm_lfsr_is_maximal(p->K, p->taps))
        return "[PRO-9] the taps' polynomial must be primitive";
    if (p->coding == SLM_CODING_BLOCK) {
        if (p->E > 4)
            return "[PRO-10] E must lie in 0..4";
        if (p->B < 2 || p->B > 8)
            return "[PRO-11] B must lie in 2..8";
        if (p->norm > 1)
            return "[PRO-12] norm must be 0 or 1";
        if (p->norm == 1 && p->W < 2)
            return "[PRO-13] W must be at least 2 where norm is 1";
        if (p->k != 0)
            return "[PRO-14] k must be 0 in block coding";
        if (slm_profile_record_bits(p) > SLM_RECORD_BITS_MAX)
            return "[PRO-15] a record must not exceed 64 bits";
    } else {
        if (p->k < 1 || p->k > 8 || p->k >= p->K)
            return "[PRO-16] k must lie in 1..8 and below K";
        if (p->E != 0 || p->B != 0 || p->norm != 0)
            return "[PRO-17] E, B and norm must be 0 in trellis coding";
    }
    size_t i = 0;
    for (; i < SLM_PROFILE_NAME_SIZE && p->name[i] != 0; i++)
        if (p->name[i] < 0x20 || p->name[i] > 0x7e)
            return "[PRO-19] a profile's name must be printable ASCII";
    for (; i <= SLM_PROFILE_NAME_SIZE; i++)
        if (p->name[i] != 0)
            return "[PRO-19] a profile's name must be followed by zeros";
    if (slm_profile_integer_bits(p, 0) > (p->norm == 1 ? 54 : 24))
        return "[PRO-21] [REC-8] the profile's integers need too many bits";
    return NULL;
}

static slm_status check(const slm_profile *profile, const char **reason) {
    slm_status status = SLM_OK;
    const char *broken = NULL;
    if (profile->coding != SLM_CODING_BLOCK && profile->coding != SLM_CODING_TRELLIS) {
        status = SLM_E_FEATURE;
        broken = "[PRO-2] coding must be 1 or 2";
    } else if ((broken = fault(profile)) != NULL)
        status = SLM_E_PROFILE;
    if (reason != NULL && broken != NULL)
        *reason = broken;
    return status;
}

slm_status slm_profile_check(const slm_profile *profile, const char **reason) { return check(profile, reason); }

/* Bytes of a profile: coding K step W P C E B norm k, two zeros, taps (u32), name (16). */
slm_status slm_profile_parse(slm_profile *profile, const uint8_t bytes[SLM_PROFILE_BYTES], const char **reason) {
    memset(profile, 0, sizeof *profile);
    profile->coding = bytes[0];
    profile->K = bytes[1];
    profile->step = bytes[2];
    profile->W = bytes[3];
    profile->P = bytes[4];
    profile->C = bytes[5];
    profile->E = bytes[6];
    profile->B = bytes[7];
    profile->norm = bytes[8];
    profile->k = bytes[9];
    profile->taps = (uint32_t)bytes[12] | (uint32_t)bytes[13] << 8 | (uint32_t)bytes[14] << 16 | (uint32_t)bytes[15] << 24;
    memcpy(profile->name, bytes + 16, SLM_PROFILE_NAME_SIZE);
    slm_status status = check(profile, reason);
    if (status == SLM_OK && (bytes[10] != 0 || bytes[11] != 0)) {
        status = SLM_E_PROFILE;
        if (reason != NULL)
            *reason = "[PRO-18] bytes 10 and 11 of a profile must be zero";
    }
    return status;
}

void slm_profile_store(const slm_profile *profile, uint8_t bytes[SLM_PROFILE_BYTES]) {
    const uint8_t fields[12] = {profile->coding, profile->K, profile->step, profile->W, profile->P, profile->C,
                                profile->E,      profile->B, profile->norm, profile->k, 0,          0};
    memcpy(bytes, fields, sizeof fields);
    for (unsigned i = 0; i < 4; i++)
        bytes[12 + i] = (uint8_t)(profile->taps >> (8 * i));
    memcpy(bytes + 16, profile->name, SLM_PROFILE_NAME_SIZE);
}

unsigned slm_profile_record_bits(const slm_profile *profile) {
    return (unsigned)profile->K + profile->E + (unsigned)profile->P * profile->B;
}

uint64_t slm_profile_blocks(const slm_profile *profile, uint64_t run_length) {
    return run_length / profile->C + (run_length % profile->C != 0);
}

uint64_t slm_profile_run_bytes(const slm_profile *profile, uint64_t run_length) {
    const uint64_t blocks = slm_profile_blocks(profile, run_length);
    const int is_block = profile->coding == SLM_CODING_BLOCK;
    /* `steps` strides of `stride` bits and then `last` bits; eight strides are `stride` bytes. */
    const uint64_t steps = blocks == 0 ? 0 : blocks - 1;
    const unsigned stride = is_block ? slm_profile_record_bits(profile) : profile->k;
    const unsigned last = blocks == 0 ? 0 : is_block ? stride : profile->K;
    const uint64_t tail = ((steps % 8) * stride + last + 7) / 8;
    if (steps / 8 > ((uint64_t)INT64_MAX - tail) / stride)
        return UINT64_MAX;
    return steps / 8 * stride + tail;
}

/* ceil(log2(n)), n in 1..16. */
static unsigned ceil_log2(unsigned n) {
    unsigned bits = 0;
    while ((1u << bits) < n)
        bits++;
    return bits;
}

unsigned slm_profile_integer_bits(const slm_profile *profile, unsigned rotation) {
    const unsigned bits = profile->W + ceil_log2(profile->P) + rotation;
    if (profile->coding == SLM_CODING_TRELLIS)
        return bits;
    return bits + profile->B - 2 + (rotation > 0 ? (1u << profile->E) - 1 : 0);
}
