#!/bin/sh
# Installs AFL++, builds the harnesses with it and with libFuzzer, fuzzes on all cores and prints what came of it.
#
#     fuzz/run.sh TIME [TARGET...]     TIME in seconds, or with m or h behind it
#
# Everything is below build-fuzz/: plain/ asan/ cmplog/ libfuzzer/ are builds, campaign/ is what AFL++ keeps for each target. It starts from the corpus
# in the repository and from fresh seeds, and leaves the smallest set of inputs with the same coverage in build-fuzz/kept/TARGET.
# SLM_FUZZ_JOBS: processes at once; the number of cores where it is not set. SLM_FUZZ_KINDS: which of
# "asan cmplog libfuzzer" to use beside the plain build; with one process a target the first of them takes its place. Exit status 1 where something was found.
set -eu
cd "$(dirname "$0")/.."

case ${1-} in
    *h) seconds=$((${1%h} * 3600)) ;;
    *m) seconds=$((${1%m} * 60)) ;;
    [0-9]*) seconds=${1%s} ;;
    *)
        sed -n '2,/^set/s/^# \{0,1\}//p' "$0"
        exit 2
        ;;
esac
shift

sh tools/setup.sh fuzz
here=$PWD
all=$(sed -n "s/^  *'\([a-z_]*\)': \[.*/\1/p" fuzz/meson.build)
targets=${*:-$all}
export AFL_QUIET=1

build() { # folder, then meson options
    folder=build-fuzz/$1
    shift
    if [ ! -e "$folder/build.ninja" ]; then
        CC=$compiler meson setup "$folder" -Dfpga=false "$@" >build-fuzz/setup.log 2>&1 || { cat build-fuzz/setup.log; exit 1; }
    fi
    programs=
    for target in $targets; do
        programs="$programs fuzz/fuzz_$target"
    done
    # shellcheck disable=SC2086
    ninja -C "$folder" $programs >build-fuzz/build.log 2>&1 || { cat build-fuzz/build.log; exit 1; }
    mkdir -p "build-fuzz/programs/$(basename "$folder")"
    for target in $targets; do
        cp "$folder/fuzz/fuzz_$target" "build-fuzz/programs/$(basename "$folder")/"
    done
}

mkdir -p build-fuzz
compiler=afl-clang-fast
build plain --buildtype=release -Dfuzzer=engine
(
    export AFL_USE_ASAN=1 AFL_USE_UBSAN=1
    build asan --buildtype=release -Dfuzzer=engine -Db_lundef=false
)
(
    export AFL_LLVM_CMPLOG=1
    build cmplog --buildtype=release -Dfuzzer=engine
)
compiler=clang
sanitize=fuzzer-no-link,address,undefined
build libfuzzer --buildtype=release -Dfuzzer=engine -Db_lundef=false -Dc_args="-fsanitize=$sanitize" -Dc_link_args=-fsanitize=address,undefined
build lines --buildtype=debug -Dc_args='-fprofile-instr-generate -fcoverage-mapping' -Dc_link_args=-fprofile-instr-generate

rm -rf build-fuzz/seeds build-fuzz/campaign build-fuzz/kept
python3 -B fuzz/seeds.py build-fuzz/seeds >/dev/null
for target in $targets; do
    python3 -B fuzz/corpus.py unpack "$target" "build-fuzz/seeds/$target"
done

export SLM_FUZZ_BUILDS="$here/build-fuzz/programs" SLM_FUZZ_SEEDS="$here/build-fuzz/seeds" SLM_FUZZ_OUT="$here/build-fuzz/campaign"
# shellcheck disable=SC2086
sh fuzz/campaign.sh "$seconds" $targets | tee build-fuzz/table.txt

echo
# shellcheck disable=SC2086
sh fuzz/minimise.sh $targets
found=0
for input in build-fuzz/campaign/*/*/crashes/id* build-fuzz/campaign/*/*/hangs/id* build-fuzz/campaign/*/libfuzzer/crashes/*; do
    if [ -e "$input" ]; then
        echo "FOUND $input"
        found=1
    fi
done
exit $found
