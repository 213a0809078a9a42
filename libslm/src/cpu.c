/* cpu.c: what this machine can run. */
#include "kernel.h"

bool slm_cpu_any(void) { return true; }

#if SLM_HAVE_X86
#include <cpuid.h>

bool slm_cpu_avx2(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d))
        return false;
    const unsigned needed = bit_FMA | bit_OSXSAVE | bit_AVX | bit_F16C;
    if ((c & needed) != needed)
        return false;
    unsigned low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    if ((low & 6) != 6) /* the system saves the vector registers */
        return false;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_AVX2) != 0 && (b & bit_BMI2) != 0;
}
#else
bool slm_cpu_avx2(void) { return false; }
#endif
