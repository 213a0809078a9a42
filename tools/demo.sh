#!/bin/sh
# The main job on a real model, from a bare checkout: install what is needed, build, then encode, verify, decode and compare
# tests/data/llama-0.9m, a small trained Llama-architecture model. Everything it makes lies in build/.
set -eu
cd "$(dirname "$0")/.."

sh tools/setup.sh
[ -f build/build.ninja ] || meson setup build -Dtests=false >/dev/null
ninja -C build >/dev/null

slm=build/tools/slm
model=tests/data/llama-0.9m
out=build/demo
rm -rf "$out"
mkdir -p "$out"

run() {
    printf '\n$ %s\n' "$*"
    "$@"
}
run $slm encode "$model" -o "$out/llama-0.9m.slm" -T 0
run $slm verify "$out/llama-0.9m.slm"
run $slm decode "$out/llama-0.9m.slm" -o "$out/llama-0.9m"
# diff exits 5 where the models differ, as a lossy copy must.
status=0
run $slm diff "$model" "$out/llama-0.9m" || status=$?
[ "$status" = 5 ]
