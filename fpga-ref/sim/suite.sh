#!/bin/sh
# suite.sh TOOL SUITE [all|short]: replays the conformance suite's own vectors (SUITE is its folder, build/conformance/suite) through
# slm_stream_decoder in GHDL, a tensor a run of the bench, with random stalls on both sides. TOOL is slm_fpga_suite. `short`: the named
# profiles and 12 tensors of others, some output types. `all`: every coded tensor without rotation of at most 8,192 weights, the output types
# in turn, the named profiles in each. Exit 77 where ghdl is missing.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck disable=SC1091
. "$root/sim/common.sh"
need ghdl
tool=$(realpath "$1") suite=$(realpath "$2") amount=${3:-short}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
analyse "$dir"
for unit in slm_tb_pkg slm_stream_decoder_tb; do ghdl -a --std=08 --workdir="$dir" "$root/tb/$unit.vhd"; done
cd "$dir"

# replay ID TENSOR OUTPUT GENERIC...
replay() {
    id=$1 tensor=$2 output=$3
    shift 3
    expected=-
    case $output in 1) type=f16 ;; 2) type=bf16 ;; 3) type=f32 ;; *) type=none ;; esac
    [ -f "$suite/expected/$id.$type" ] && expected=$suite/expected/$id.$type
    "$tool" export "$suite/vectors/valid/$id.slm" "$tensor" "$output" 8 "$expected" in.txt out.txt
    # shellcheck disable=SC2046
    if ! ghdl -r --std=08 --workdir="$dir" slm_stream_decoder_tb $(as_generics "$@") -gGROUPS=8 -gOUTPUT="$output" -gIN_STALL=20 -gOUT_STALL=20 \
        -gIN_FILE=in.txt -gOUT_FILE=out.txt --ieee-asserts=disable >log 2>&1 || ! grep -q 'ok:' log; then
        cat log
        echo "FAILED: $id tensor $tensor OUTPUT=$output $*"
        exit 1
    fi
    echo "$id tensor $tensor OUTPUT=$output:$(sed -n 's/.*ok://p' log)"
    count=$((count + 1))
}

# some ID STEP: every STEP-th tensor of a file, the output types in turn
some() {
    "$tool" list "$suite/vectors/valid/$1.slm" >tensors
    line=0
    while read -r tensor weights generics; do
        line=$((line + 1))
        if [ $((line % $2)) != 0 ] || [ "$weights" -gt 8192 ]; then continue; fi
        # shellcheck disable=SC2086
        replay "$1" "$tensor" $((turn % 4)) $generics
        turn=$((turn + 1))
    done <tensors
}

count=0 turn=0
for file in "$suite"/vectors/valid/named-*.slm; do
    id=$(basename "$file" .slm)
    "$tool" list "$file" >tensors
    read -r tensor weights generics <tensors
    case $amount$id in
    all*) outputs="0 1 2 3" ;;
    *paper-* | *slm-[234]) outputs="0 1" ;;
    *) outputs=$((turn % 4)) turn=$((turn + 1)) ;;
    esac
    for output in $outputs; do
        # shellcheck disable=SC2086
        replay "$id" "$tensor" "$output" $generics
    done
done
if [ "$amount" = all ]; then
    for file in "$suite"/vectors/valid/*.slm; do some "$(basename "$file" .slm)" 1; done
else
    some trellis-every-P-and-C 7
    some block-every-E-and-B 11
    some block-every-K 9
    some rounding-subnormal 4
    some scales-extreme 10
fi
echo "$count tensors replayed"
