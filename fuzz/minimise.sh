#!/bin/sh
# After run.sh: reduces what a campaign has found to the smallest set of inputs with the same coverage (afl-cmin), into
# build-fuzz/kept/TARGET, and prints the lines that set covers. To keep it: fuzz/corpus.py pack TARGET build-fuzz/kept/TARGET
set -eu
cd "$(dirname "$0")/.."
export AFL_QUIET=1 LLVM_PROFILE_FILE=build-fuzz/profile-%m-%p

printf '%-12s %8s %9s %22s\n' target inputs bytes 'lines of libslm, tools'
for target in "$@"; do
    program=build-fuzz/programs/plain/fuzz_$target
    kept=build-fuzz/kept/$target
    all=build-fuzz/all/$target
    rm -rf "$kept" "$all"
    mkdir -p build-fuzz/kept "$all"
    # Inputs of all processes; names differ by the folder they come from.
    for queue in "build-fuzz/campaign/$target"/*/queue "build-fuzz/seeds/$target"; do
        process=$(basename "$(dirname "$queue")")
        for input in "$queue"/*; do
            if [ -f "$input" ]; then
                cp "$input" "$all/$process-$(basename "$input")"
            fi
        done
    done
    afl-cmin -i "$all" -o "$kept" -m none -t 3000 -- "$program" >build-fuzz/minimise.log 2>&1 || { cat build-fuzz/minimise.log; exit 1; }
    rm -rf "$all"
    rm -f build-fuzz/profile-*
    build-fuzz/programs/lines/fuzz_"$target" "$kept" >/dev/null 2>&1 || true
    llvm-profdata merge -o build-fuzz/lines.profdata build-fuzz/profile-*
    lines=$(llvm-cov report "build-fuzz/programs/lines/fuzz_$target" -instr-profile=build-fuzz/lines.profdata -ignore-filename-regex='(^|/)fuzz/' |
        awk '$1 == "TOTAL" { printf "%d of %d, %s", $8 - $9, $8, $10 }')
    rm -f build-fuzz/profile-* build-fuzz/lines.profdata
    printf '%-12s %8s %9s %22s\n' "$target" "$(find "$kept" -type f | wc -l)" "$(cat "$kept"/* | wc -c)" "$lines"
done
