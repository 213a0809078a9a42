#!/bin/sh
# coverage.sh [LINES BRANCHES]: builds with gcov, runs the unit tests, the suite and the command's tests of failing files, and prints line
# and branch coverage of levels 1 and 2, a file a line. Fails where a total is below LINES or BRANCHES percent, if given. Kernels of
# instruction sets that this machine lacks are left out. Needs gcovr.
set -eu
cd "$(dirname "$0")/.."
command -v gcovr >/dev/null || { echo 'skipped: no gcovr'; exit 77; }
build=./build-coverage
[ -e $build/build.ninja ] || meson setup $build -Dfpga=false -Db_coverage=true --buildtype debugoptimized --optimization 0 >/dev/null
ninja -C $build build.ninja >/dev/null
# What searches for codes is about level 3, and slow without optimisation; check_bounds and check_exhaustive repeat what others run. Of the
# command's tests those in which the system fails, but for memory, which the counting itself needs in the end.
names="$(meson test -C $build --list --suite unit --suite spec 2>/dev/null | sed -n 's|.* / ||p' |
    grep -vxE 'check_(block_search|trellis_search|exhaustive|bounds)|test_(trellis_.*|block_search|scales|encode|hessian|importance)|freestanding|spec_text') conform_libslm"
# shellcheck disable=SC2086
{ python3 -B tests/programs.py $build $names && echo tools/slm tests/libfault_shim.so; } | xargs ninja -j2 -C $build >$build/build.log 2>&1 || { tail -n 40 $build/build.log; exit 1; }
find $build -name '*.gcda' -exec rm {} +
# shellcheck disable=SC2086
meson test -C $build --no-rebuild --num-processes 2 -t 10 $names >$build/tests.log 2>&1 || { grep -E 'FAIL|TIMEOUT' $build/tests.log; exit 1; }
SLM=$build/tools/slm SLM_FAULT_SHIM=$PWD/$build/tests/libfault_shim.so python3 -B tests/cli/test_faults.py Faults.test_files Faults.test_short_and_interrupted Inputs \
    >$build/tests.log 2>&1 || { tail -n 40 $build/tests.log; exit 1; }

set -- "${1-0}" "${2-0}"
without=
grep -qw avx512bw /proc/cpuinfo || without='--exclude .*avx512.* --exclude .*/signs[.]h' # signs.h is theirs alone
grep -qw avx2 /proc/cpuinfo || without='--exclude .*avx.*'
# A vector kernel is a template, compiled anew for each type: gcov counts, in each copy, the branches that its constants decide. Its lines
# count, its branches are left out.
templates='--exclude .*avx.* --exclude .*/decode_any[.]h'
# The shared library's objects are compiled, but not run.
count() {
    gcovr --root . --filter 'libslm/src/(decode|container)/' --exclude-throw-branches --gcov-ignore-parse-errors "$@" $build/libslm/libslm.a.p $build/libslm/libslm.so.1.0.0.p
}
echo "Left out: ${without:-nothing}; of the branches also: $templates"
# shellcheck disable=SC2086
count $without | grep -vE '^(Directory|GCC|-+$)'
# shellcheck disable=SC2086
count $without $templates --branches | grep -vE '^(Directory|GCC|-+$)'
code=0
# shellcheck disable=SC2086
count $without --fail-under-line "$1" -s | grep -E '^lines:' || code=1
# shellcheck disable=SC2086
count $without $templates --fail-under-branch "$2" -s | grep -E '^branches:' || code=1
exit $code
