#!/bin/sh
# Installs what the tests need, builds twice and runs every test: once with AddressSanitizer and UndefinedBehaviorSanitizer, once
# as released, because the kernels that users run are the optimised ones. CC chooses the compiler. Ends with a line that counts.
set -eu
cd "$(dirname "$0")/.."

sh tools/setup.sh tests
cc=${CC-gcc}
name=$(basename "$cc")
failed=0

build_and_test() { # folder, what is built (all, or what the tests need), suites to run or leave out, then meson options
    folder=$1 built=$2 suites=$3
    shift 3
    rm -rf "$folder"
    CC=$cc meson setup "$folder" --werror "$@" >/dev/null || { cat "$folder/meson-logs/meson-log.txt"; exit 1; }
    # A log's end is often all there is of it: it belongs to the tests.
    [ "$built" = needed ] || ninja -C "$folder" >"$folder/build.log" 2>&1 || { cat "$folder/build.log"; exit 1; }
    # shellcheck disable=SC2086
    meson test -C "$folder" --print-errorlogs $suites || failed=1
}

# Leaks are looked for where ptrace allows it; UBSan stops at the first finding.
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
sanitize=address,undefined
# What no compiler changes is tested once, in gcc's release build: the hardware, other machines. Of clang it is its sanitizers (unit tests,
# corpora, the fuzzer) and its optimiser (kernels and searches) that can show something new; command, conformance and specification have been
# through gcc's.
if [ "$name" = clang ]; then
    build_and_test "build-$name-sanitize" needed "--suite unit --suite fuzz" --buildtype=debugoptimized -Db_sanitize=$sanitize -Db_lundef=false
    build_and_test "build-$name" all "encodings check_kernels check_exhaustive check_block_search test_decode test_round test_gemv test_importance test_hessian test_block_search test_trellis_search test_trellis_fast test_trellis_batch"
else
    build_and_test "build-$name-sanitize" needed "--no-suite fpga --no-suite portability" --buildtype=debugoptimized -Db_sanitize=$sanitize
    build_and_test "build-$name" all ""
fi

python3 tests/count.py "build-$name-sanitize" "build-$name"
exit $failed
