#!/bin/sh
# encodings.sh STATIC: no instruction in the library that compilers are known to encode wrongly, whatever the processor here can run:
# vgf2p8affineqb with a broadcast operand (clang before LLVM 20: decode_avx512_trellis.c).
set -eu
objdump -d --no-show-raw-insn "$1" >"$1.listing"
trap 'rm -f "$1.listing"' EXIT
grep -q 'gf2p8affineqb' "$1.listing" || { echo 'no vgf2p8affineqb at all: is the AVX-512 kernel in the library?' >&2; exit 1; }
if grep 'gf2p8affine.*{1to' "$1.listing" >&2; then
    echo 'a broadcast operand, whose address clang may have encoded wrongly' >&2
    exit 1
fi
echo "$(grep -c 'gf2p8affineqb' "$1.listing") times vgf2p8affineqb, its operands in registers or whole"
