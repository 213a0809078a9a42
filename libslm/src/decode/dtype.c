/* dtype.c: element types, their sizes and safetensors names, and the exact widening of the codable ones. */
#include "slm/dtype.h"

#include <string.h>

static const struct {
    char name[12];
    uint8_t bits;
} dtypes[] = {
    [SLM_BOOL] = {"BOOL", 8},
    [SLM_F4] = {"F4", 4},
    [SLM_F6_E2M3] = {"F6_E2M3", 6},
    [SLM_F6_E3M2] = {"F6_E3M2", 6},
    [SLM_U8] = {"U8", 8},
    [SLM_I8] = {"I8", 8},
    [SLM_F8_E5M2] = {"F8_E5M2", 8},
    [SLM_F8_E4M3] = {"F8_E4M3", 8},
    [SLM_F8_E8M0] = {"F8_E8M0", 8},
    [SLM_F8_E4M3FNUZ] = {"F8_E4M3FNUZ", 8},
    [SLM_F8_E5M2FNUZ] = {"F8_E5M2FNUZ", 8},
    [SLM_I16] = {"I16", 16},
    [SLM_U16] = {"U16", 16},
    [SLM_F16] = {"F16", 16},
    [SLM_BF16] = {"BF16", 16},
    [SLM_I32] = {"I32", 32},
    [SLM_U32] = {"U32", 32},
    [SLM_F32] = {"F32", 32},
    [SLM_C64] = {"C64", 64},
    [SLM_F64] = {"F64", 64},
    [SLM_I64] = {"I64", 64},
    [SLM_U64] = {"U64", 64},
};

static bool known(slm_dtype dtype) { return (unsigned)dtype >= 1 && (unsigned)dtype < sizeof dtypes / sizeof dtypes[0]; }

unsigned slm_dtype_bits(slm_dtype dtype) { return known(dtype) ? dtypes[dtype].bits : 0; }

const char *slm_dtype_name(slm_dtype dtype) { return known(dtype) ? dtypes[dtype].name : NULL; }

slm_dtype slm_dtype_from_name(const char *name, size_t length) {
    for (unsigned i = 1; i < sizeof dtypes / sizeof dtypes[0]; i++)
        if (strlen(dtypes[i].name) == length && memcmp(dtypes[i].name, name, length) == 0)
            return (slm_dtype)i;
    return (slm_dtype)0;
}

bool slm_dtype_is_codable(slm_dtype dtype) { return dtype == SLM_F32 || dtype == SLM_F16 || dtype == SLM_BF16; }

/* A binary16 as the bits of the binary32 of the same value. */
static uint32_t widen_f16(uint32_t half) {
    uint32_t sign = (half & 0x8000) << 16, exponent = half >> 10 & 31, fraction = half & 0x3ff;
    if (exponent == 31)
        return sign | 0x7f800000 | fraction << 13;
    if (exponent != 0)
        return sign | (exponent + 112) << 23 | fraction << 13;
    if (fraction == 0)
        return sign;
    for (exponent = 113; (fraction & 0x400) == 0; exponent--)
        fraction <<= 1;
    return sign | exponent << 23 | (fraction & 0x3ff) << 13;
}

void slm_widen(slm_dtype dtype, const void *source, size_t count, float *target) {
    const uint8_t *bytes = source;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        if (dtype == SLM_F32)
            bits = (uint32_t)bytes[4 * i] | (uint32_t)bytes[4 * i + 1] << 8 | (uint32_t)bytes[4 * i + 2] << 16 |
                   (uint32_t)bytes[4 * i + 3] << 24;
        else {
            bits = (uint32_t)bytes[2 * i] | (uint32_t)bytes[2 * i + 1] << 8;
            bits = dtype == SLM_BF16 ? bits << 16 : widen_f16(bits);
        }
        memcpy(target + i, &bits, sizeof bits);
    }
}
