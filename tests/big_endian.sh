#!/bin/sh
# big_endian.sh SLM-CONFORM SUITE: levels 1 and 2, built for s390x, over the suite's valid files under qemu: the part of foreign.sh that
# needs nothing but a cross compiler. Exit 77 (skipped) where it or qemu is missing.
set -eu
conform=$(realpath "$1")
suite=$(realpath "$2")
cd "$(dirname "$0")/.."
for tool in s390x-linux-gnu-gcc qemu-s390x; do
    command -v $tool >/dev/null || { echo "skipped: no $tool (Debian: gcc-s390x-linux-gnu libc6-dev-s390x-cross qemu-user)"; exit 77; }
done
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
# xxHash from its header alone (container/hash.c); the other headers of /usr/include are another machine's.
cp /usr/include/xxhash.h "$out"
[ ! -e /usr/include/xxh3.h ] || cp /usr/include/xxh3.h "$out"
s390x-linux-gnu-gcc -static -std=c11 -O2 -ffp-contract=off -D_POSIX_C_SOURCE=200809L -I"$out" -Ilibslm/include -Ilibslm/src \
    -o "$out/decoder" conformance/examples/decoder.c libslm/src/decode/*.c libslm/src/container/*.c -pthread
"$conform" --suite "$suite" --tier valid --dtype f32,f16 -j 2 --decoder "qemu-s390x $out/decoder {input} {output} {dtype}"
