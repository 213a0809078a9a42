/* cpu.c: what this machine can run. */
#include "kernel.h"

bool slm_cpu_any(void) { return true; }

#if SLM_HAVE_X86
#include <cpuid.h>

/* Whether leaf 7 has all of `needed` and the system saves the registers of `saved` (bits of XCR0). */
static bool has(unsigned needed, unsigned saved) {
    const unsigned basics = bit_FMA | bit_OSXSAVE | bit_AVX | bit_F16C;
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & basics) != basics)
        return false;
    unsigned low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & saved) == saved && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & needed) == needed;
}

bool slm_cpu_avx2(void) { return has(bit_AVX2 | bit_BMI | bit_BMI2, 0x06); }

bool slm_cpu_avx512(void) { return has(bit_AVX2 | bit_BMI | bit_BMI2 | bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL, 0xE6); }

bool slm_cpu_avx512_bytes(void) {
    const unsigned needed = bit_AVX512VBMI | bit_AVX512VNNI | bit_GFNI;
    unsigned a, b, c, d;
    return slm_cpu_avx512() && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (c & needed) == needed;
}
#else
bool slm_cpu_avx2(void) { return false; }
bool slm_cpu_avx512(void) { return false; }
bool slm_cpu_avx512_bytes(void) { return false; }
#endif
