#!/bin/sh
# emulated.sh [SIMDE]: the AVX-512 kernels against the scalar one on a processor without AVX-512: their sources with each 512-bit intrinsic
# replaced by SIMDe's function of that name, or emulated.h's where SIMDe 0.7 has none or a slow one. SIMDE is the folder that holds simde/,
# as Debian's libsimde-dev installs it in /usr/include. Needs AVX2. Exit 77 (skipped) where one is missing.
set -eu
simde=${1-/usr/include}
cd "$(dirname "$0")/.."
[ -e "$simde/simde/x86/avx512.h" ] || { echo "skipped: no SIMDe in $simde (Debian: libsimde-dev)"; exit 77; }
grep -qw avx2 /proc/cpuinfo || { echo "skipped: no AVX2"; exit 77; }
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
cp libslm/src/decode/*.[ch] tests/emulated.h "$out"
for file in "$out"/*avx512*; do
    sed -i -e 's/\b_mm512_/simde_mm512_/g' -e 's/\b__m512\([id]\{0,1\}\)\b/simde__m512\1/g' -e 's/\b__mmask/simde__mmask/g' \
        -e 's/#include <immintrin.h>/#include <immintrin.h>\n#include "emulated.h"/' -e '/GCC target("avx512/d' \
        -e 's/slm_cpu_avx512_bytes, /slm_cpu_any, /' "$file"
done
# gcc: its pragmas are those that the lines above take out.
for file in "$out"/*.c tests/check_kernels.c; do
    gcc -std=c11 -O1 -mavx2 -mf16c -mfma -mbmi2 -ffp-contract=off -D_POSIX_C_SOURCE=200809L -w -Wno-psabi -Werror=implicit-function-declaration \
        -I"$out" -I"$simde" -Ilibslm/include -Itests -c "$file" -o "$out/$(basename "$file").o"
done
gcc "$out"/*.o -lm -o "$out/check_kernels"
for kernel in avx512-block avx512-trellis; do
    "$out/check_kernels" $kernel
done
