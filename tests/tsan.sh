#!/bin/sh
# Builds with ThreadSanitizer and runs what uses threads: readers of one file, the writer, the encoder, and the command on all of them.
# A minute or two; the build folder is the argument, or build-tsan.
set -eu
cd "$(dirname "$0")/.."
build=${1-build-tsan}
[ -d "$build" ] || meson setup "$build" --buildtype=debugoptimized -Db_sanitize=thread >/dev/null
ninja -C "$build" tools/slm tests/test_container_faults tests/test_container_writer tests/test_resume tests/test_hessian
export TSAN_OPTIONS=halt_on_error=1:exitcode=66
"$build/tests/test_container_faults"
"$build/tests/test_container_writer"
"$build/tests/test_resume"
SLM_TEST_SHORT=1 "$build/tests/test_hessian"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
slm=$build/tools/slm
model=tests/data/llama-0.9m
coding="-p trellis,K=6,k=3 --profile-for *down_proj*=block,C=4,P=2,K=7,W=7,step=1,E=2,B=3"
# The options are a list of words.
# shellcheck disable=SC2086
SLM_JOURNAL_SECONDS=0 "$slm" encode -q -T 4 $coding --verify -o "$folder/model.slm" "$model"
"$slm" verify -T 4 "$folder/model.slm"
"$slm" decode -q -T 4 --dtype f32 -o "$folder/model/" "$folder/model.slm"
"$slm" decode -q -T 4 -o "$folder/model.tar.zst" "$folder/model.slm"
"$slm" diff -q --max-error 1 "$model" "$folder/model.slm"
echo "ThreadSanitizer has found nothing"
