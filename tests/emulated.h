/* emulated.h: AVX-512 intrinsics for tests/emulated.sh that SIMDe 0.7 lacks, or does slowly. Each is what its name says, in plain C. */
#ifndef SLM_EMULATED_H
#define SLM_EMULATED_H
#include "simde/x86/avx512.h"
#include "simde/x86/gfni.h"
#include <math.h>
#include <string.h>
#define EMU static inline __attribute__((unused))
EMU simde__m512i simde_mm512_maskz_loadu_epi8(unsigned long long k, const void *p) {
    unsigned char b[64] = {0};
    for (int i = 0; i < 64; i++)
        if (k >> i & 1)
            b[i] = ((const unsigned char *)p)[i];
    return simde_mm512_loadu_si512(b);
}
EMU simde__m512i emu_u16_32(__m256i a) {
    unsigned short s[16];
    unsigned d[16];
    memcpy(s, &a, 32);
    for (int i = 0; i < 16; i++)
        d[i] = s[i];
    return simde_mm512_loadu_si512(d);
}
#define simde_mm512_cvtepu16_epi32 emu_u16_32
EMU __m128i emu_32_8(simde__m512i a) {
    unsigned d[16];
    unsigned char c[16];
    memcpy(d, &a, 64);
    for (int i = 0; i < 16; i++)
        c[i] = (unsigned char)d[i];
    return _mm_loadu_si128((void *)c);
}
#define simde_mm512_cvtepi32_epi8 emu_32_8
EMU __m256i emu_32_16(simde__m512i a) {
    unsigned d[16];
    unsigned short c[16];
    memcpy(d, &a, 64);
    for (int i = 0; i < 16; i++)
        c[i] = (unsigned short)d[i];
    return _mm256_loadu_si256((void *)c);
}
#define simde_mm512_cvtepi32_epi16 emu_32_16
EMU simde__m512 emu_cvt32(simde__m512i a) {
    int d[16];
    float c[16];
    memcpy(d, &a, 64);
    for (int i = 0; i < 16; i++)
        c[i] = (float)d[i];
    return simde_mm512_loadu_ps(c);
}
#define simde_mm512_cvtepi32_ps emu_cvt32
EMU __m256i emu_ph(simde__m512 a) {
    float d[16];
    memcpy(d, &a, 64);
    __m128i l = _mm256_cvtps_ph(_mm256_loadu_ps(d), 0), h = _mm256_cvtps_ph(_mm256_loadu_ps(d + 8), 0);
    return _mm256_set_m128i(h, l);
}
#define simde_mm512_cvtps_ph(a, r) emu_ph(a)
EMU simde__m512i emu_shuf64(simde__m512i a, simde__m512i b, int i) {
    unsigned char x[64], y[64], z[64];
    memcpy(x, &a, 64);
    memcpy(y, &b, 64);
    memcpy(z, x + 16 * (i & 3), 16);
    memcpy(z + 16, x + 16 * (i >> 2 & 3), 16);
    memcpy(z + 32, y + 16 * (i >> 4 & 3), 16);
    memcpy(z + 48, y + 16 * (i >> 6 & 3), 16);
    return simde_mm512_loadu_si512(z);
}
#define simde_mm512_shuffle_i64x2 emu_shuf64
EMU simde__m512i emu_maddubs(simde__m512i a, simde__m512i b) {
    unsigned char x[64];
    signed char y[64];
    short z[32];
    memcpy(x, &a, 64);
    memcpy(y, &b, 64);
    for (int i = 0; i < 32; i++) {
        int s = x[2 * i] * y[2 * i] + x[2 * i + 1] * y[2 * i + 1];
        z[i] = (short)(s > 32767 ? 32767 : s < -32768 ? -32768 : s);
    }
    return simde_mm512_loadu_si512(z);
}
#define simde_mm512_maddubs_epi16 emu_maddubs
EMU void simde_mm512_stream_si512(void *p, simde__m512i a) {
    if ((unsigned long)p % 64)
        __builtin_trap();
    simde_mm512_storeu_si512(p, a);
}
EMU simde__m512i emu_msz16(unsigned m, short v) {
    short z[32];
    for (int i = 0; i < 32; i++)
        z[i] = (m >> i & 1) ? v : 0;
    return simde_mm512_loadu_si512(z);
}
#define simde_mm512_maskz_set1_epi16 emu_msz16
EMU simde__m512i emu_gf(simde__m512i a, simde__m512i m) {
    unsigned char x[64], z[64];
    unsigned long long q[8];
    memcpy(x, &a, 64);
    memcpy(q, &m, 64);
    for (int i = 0; i < 64; i++) {
        unsigned r = 0;
        for (int b = 0; b < 8; b++)
            r |= (unsigned)__builtin_parity((unsigned)((q[i / 8] >> (8 * (7 - b))) & x[i] & 255)) << b;
        z[i] = (unsigned char)r;
    }
    return simde_mm512_loadu_si512(z);
}
#undef simde_mm512_gf2p8affine_epi64_epi8
#define simde_mm512_gf2p8affine_epi64_epi8(a, m, i) emu_gf(a, m)
EMU simde__m512i emu_ms(simde__m512i c, simde__m512i a) {
    unsigned char x[64], z[64];
    unsigned long long q[8];
    memcpy(x, &c, 64);
    memcpy(q, &a, 64);
    for (int i = 0; i < 64; i++) {
        unsigned s = x[i] & 63;
        unsigned long long v = q[i / 8];
        z[i] = (unsigned char)(s ? (v >> s | v << (64 - s)) : v);
    }
    return simde_mm512_loadu_si512(z);
}
#undef simde_mm512_multishift_epi64_epi8
#define simde_mm512_multishift_epi64_epi8 emu_ms
EMU simde__m512i emu_tern(simde__m512i a, simde__m512i b, simde__m512i c, int t) {
    unsigned long long x[8], y[8], w[8], z[8];
    memcpy(x, &a, 64);
    memcpy(y, &b, 64);
    memcpy(w, &c, 64);
    for (int i = 0; i < 8; i++) {
        z[i] = 0;
        for (int k = 0; k < 8; k++)
            if (t >> k & 1)
                z[i] |= ((k & 4) ? x[i] : ~x[i]) & ((k & 2) ? y[i] : ~y[i]) & ((k & 1) ? w[i] : ~w[i]);
    }
    return simde_mm512_loadu_si512(z);
}
#undef simde_mm512_ternarylogic_epi64
#define simde_mm512_ternarylogic_epi64 emu_tern
EMU simde__m512i emu_ms16(simde__m512i s, unsigned m, simde__m512i a, simde__m512i b) {
    short z[32], x[32], y[32];
    memcpy(z, &s, 64);
    memcpy(x, &a, 64);
    memcpy(y, &b, 64);
    for (int i = 0; i < 32; i++)
        if (m >> i & 1)
            z[i] = (short)(x[i] - y[i]);
    return simde_mm512_loadu_si512(z);
}
#define simde_mm512_mask_sub_epi16 emu_ms16
EMU simde__m512i emu_dpb(simde__m512i s, simde__m512i a, simde__m512i b) {
    unsigned char x[64];
    signed char y[64];
    int z[16];
    memcpy(z, &s, 64);
    memcpy(x, &a, 64);
    memcpy(y, &b, 64);
    for (int i = 0; i < 64; i++)
        z[i / 4] = (int)((unsigned)z[i / 4] + (unsigned)(x[i] * y[i]));
    return simde_mm512_loadu_si512(z);
}
#undef simde_mm512_dpbusd_epi32
#define simde_mm512_dpbusd_epi32 emu_dpb
EMU simde__mmask16 emu_mtest(simde__mmask16 k, simde__m512i a, simde__m512i b) {
    unsigned x[16], y[16];
    memcpy(x, &a, 64);
    memcpy(y, &b, 64);
    unsigned r = 0;
    for (int i = 0; i < 16; i++)
        if ((k >> i & 1) && (x[i] & y[i]))
            r |= 1u << i;
    return (simde__mmask16)r;
}
#define simde_mm512_mask_test_epi32_mask emu_mtest
EMU simde__mmask8 emu_testn64(simde__m512i a, simde__m512i b) {
    unsigned long long x[8], y[8];
    memcpy(x, &a, 64);
    memcpy(y, &b, 64);
    unsigned r = 0;
    for (int i = 0; i < 8; i++)
        if (!(x[i] & y[i]))
            r |= 1u << i;
    return (simde__mmask8)r;
}
#define simde_mm512_testn_epi64_mask emu_testn64
EMU simde__m512i emu_mxor64(simde__m512i s, unsigned k, simde__m512i a, simde__m512i b) {
    unsigned long long x[8], y[8], z[8];
    memcpy(z, &s, 64);
    memcpy(x, &a, 64);
    memcpy(y, &b, 64);
    for (int i = 0; i < 8; i++)
        if (k >> i & 1)
            z[i] = x[i] ^ y[i];
    return simde_mm512_loadu_si512(z);
}
#define simde_mm512_mask_xor_epi64 emu_mxor64
EMU simde__m512i emu_shb(simde__m512i a, simde__m512i b) {
    unsigned char x[64], y[64], z[64];
    memcpy(x, &a, 64);
    memcpy(y, &b, 64);
    for (int i = 0; i < 64; i++)
        z[i] = (y[i] & 128) ? 0 : x[(i & 48) + (y[i] & 15)];
    return simde_mm512_loadu_si512(z);
}
#define simde_mm512_shuffle_epi8 emu_shb
EMU simde__m512i emu_setr64(long long a, long long b, long long c, long long d, long long e, long long f, long long g, long long h) {
    long long z[8] = {a, b, c, d, e, f, g, h};
    return simde_mm512_loadu_si512(z);
}
#define simde_mm512_setr_epi64 emu_setr64
EMU void simde_mm512_mask_storeu_epi8(void *p, unsigned long long k, simde__m512i a) {
    unsigned char b[64];
    memcpy(b, &a, 64);
    for (int i = 0; i < 64; i++)
        if (k >> i & 1)
            ((unsigned char *)p)[i] = b[i];
}
EMU unsigned emu_equal16(simde__m512i a, simde__m512i b) {
    unsigned short x[32], y[32];
    unsigned k = 0;
    memcpy(x, &a, 64);
    memcpy(y, &b, 64);
    for (int i = 0; i < 32; i++)
        k |= (unsigned)(x[i] == y[i]) << i;
    return k;
}
#define simde_mm512_cmpeq_epi16_mask emu_equal16
#endif
