#!/bin/sh
# emulated.sh [SIMDE [search [N]]]: the AVX-512 kernels against the scalar one on a processor without AVX-512: their sources with each 512-bit
# intrinsic replaced by SIMDe's function of that name, or emulated.h's where SIMDe 0.7 has none or a slow one. Decoding; or the searches
# of the encoder: an Nth (1000) of a million weights of five profiles each, and runs side by side. SIMDE is the folder that holds simde/, as
# Debian's libsimde-dev installs it in /usr/include. Needs AVX2. Exit 77 (skipped) where one is missing.
set -eu
simde=${1-/usr/include}
part=${2-decode}
cd "$(dirname "$0")/.."
[ -e "$simde/simde/x86/avx512.h" ] || { echo "skipped: no SIMDe in $simde (Debian: libsimde-dev)"; exit 77; }
grep -qw avx2 /proc/cpuinfo || { echo "skipped: no AVX2"; exit 77; }
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
cp -r libslm/src "$out/src"
find "$out/src" -name '*avx512*' | while read -r file; do
    sed -i -e 's/\b_mm512_/simde_mm512_/g' -e 's/\b__m512\([id]\{0,1\}\)\b/simde__m512\1/g' -e 's/\b__mmask/simde__mmask/g' \
        -e 's/#include <immintrin.h>/#include <immintrin.h>\n#include "emulated.h"/' -e '/GCC target("avx512/d' "$file"
done
# What asks for the processor. The decoding kernels stay off where the searches are looked at: emulated they are slow.
if [ "$part" = decode ]; then
    sed -i 's/slm_cpu_avx512_bytes, /slm_cpu_any, /' "$out"/src/decode/*avx512*.c
    programs=check_kernels
else
    sed -i -e 's/slm_cpu_avx512_bytes()/slm_cpu_any()/' -e 's/slm_cpu_avx512\b/slm_cpu_any/' "$out"/src/encode/*.c
    programs="check_trellis_search check_block_search test_trellis_batch"
fi
# gcc: its pragmas are those that the lines above take out.
compile() { # source, object
    gcc -std=c11 -O1 -mavx2 -mf16c -mfma -mbmi -mbmi2 -ffp-contract=off -D_POSIX_C_SOURCE=200809L -D_FILE_OFFSET_BITS=64 -w -Wno-psabi -Werror=implicit-function-declaration \
        -I"$out/src" -I"$out/src/decode" -I"$simde" -Ilibslm/include -Itests -c "$1" -o "$2"
}
for folder in decode container encode; do
    [ "$part" != decode ] || [ $folder = decode ] || continue
    for file in "$out/src/$folder"/*.c; do
        compile "$file" "$out/$(basename "$file").o"
    done
done
for program in $programs; do
    compile "tests/$program.c" "$out/$program.main"
    libraries="-lm"
    [ "$part" = decode ] || libraries="-lxxhash -lm -lpthread -lcmocka"
    # shellcheck disable=SC2086
    gcc "$out"/*.o -x none "$out/$program.main" $libraries -o "$out/$program"
done
if [ "$part" = decode ]; then
    for kernel in avx512-block avx512-trellis; do
        "$out/check_kernels" $kernel
    done
else
    export SLM_TEST_DATA="${SLM_TEST_DATA-tests/data}"
    "$out/check_trellis_search" 0 "${3-1000}"
    "$out/check_block_search" --million 0 "${3-1000}"
    "$out/test_trellis_batch"
fi
