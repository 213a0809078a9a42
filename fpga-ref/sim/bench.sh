#!/bin/sh
# bench.sh TOOL ENTITY [all|short]: replays vectors of libslm into an entity with GHDL: every profile of the entity's coding, all output
# types, random stalls on both sides. TOOL is slm_fpga_vectors. `short` takes fewer vectors. Exit 77 where ghdl is missing.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck disable=SC1091
. "$root/sim/common.sh"
need ghdl
tool=$(realpath "$1") entity=$2 amount=${3:-short}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
analyse "$dir"
ghdl -a --std=08 --workdir="$dir" "$root/tb/slm_tb_pkg.vhd"
cd "$dir"

# run BENCH NAME=VALUE...
run() {
    bench=$1
    shift
    # shellcheck disable=SC2046
    ghdl -r --std=08 --workdir="$dir" "$bench" $(as_generics "$@") -gIN_FILE=in.txt -gOUT_FILE=out.txt --ieee-asserts=disable >log 2>&1 || {
        cat log
        echo "FAILED: $bench $*"
        exit 1
    }
    grep -q 'ok:' log || { cat log; exit 1; }
    sed -n "s/.*\(ok:.*\)/$profile OUTPUT=$output POW2=$pow2 : \1/p" log
}

many=$([ "$amount" = all ] && echo 10 || echo 1)
case $entity in
slm_trellis_decoder)
    ghdl -a --std=08 --workdir="$dir" "$root/tb/slm_trellis_decoder_tb.vhd"
    for profile in $("$tool" list); do
        generics=$("$tool" generics "$profile")
        case $generics in *ADVANCE*) ;; *) continue ;; esac
        [ "$profile" = t-long ] && groups=13 || groups=12
        for output in 0 1 2 3; do
            for pow2 in 1 0; do
                # powers of two make no difference to integers; in the short run the named profiles alone go through both
                case $output$pow2$amount$profile in 01* | ?1shortt*) continue ;; esac
                "$tool" trellis "$profile" "$output" "$groups" "$pow2" $((40 * many)) "$output" in.txt out.txt
                # shellcheck disable=SC2086
                run slm_trellis_decoder_tb $generics GROUPS=$groups OUTPUT=$output POW2="$(truth $pow2)" IN_STALL=30 OUT_STALL=30
            done
        done
        # shellcheck disable=SC2086
        run slm_trellis_decoder_tb $generics GROUPS=$groups OUTPUT=3 POW2="$(truth $pow2)" IN_STALL=0 OUT_STALL=0
    done
    # the width of the paper's word
    profile=slm-4 output=1 pow2=0
    "$tool" trellis $profile $output 128 $pow2 $((10 * many)) 1 in.txt out.txt
    # shellcheck disable=SC2046
    run slm_trellis_decoder_tb $("$tool" generics $profile) GROUPS=128 OUTPUT=$output POW2=false IN_STALL=20 OUT_STALL=20
    ;;
slm_block_decoder)
    ghdl -a --std=08 --workdir="$dir" "$root/tb/slm_block_decoder_tb.vhd"
    for profile in $("$tool" list); do
        generics=$("$tool" generics "$profile")
        case $generics in *ADVANCE*) continue ;; esac
        for output in 0 1 2 3; do
            for pow2 in 1 0; do
                case $output$pow2$amount$profile in 01* | ?1shortb*) continue ;; esac
                # the optimised architecture, and for scales of any kind the plain one (slower to simulate)
                "$tool" block "$profile" "$output" "$pow2" $((100 * many)) "$output" in.txt out.txt
                # shellcheck disable=SC2086
                run slm_block_decoder_tb $generics OUTPUT=$output POW2="$(truth $pow2)" OPTIMISED=true IN_STALL=30 OUT_STALL=30
            done
            "$tool" block "$profile" "$output" "$pow2" $((6 * many)) "$output" in.txt out.txt
            # shellcheck disable=SC2086
            run slm_block_decoder_tb $generics OUTPUT=$output OPTIMISED=false IN_STALL=30 OUT_STALL=30
        done
        # shellcheck disable=SC2086
        run slm_block_decoder_tb $generics OUTPUT=3 OPTIMISED=true IN_STALL=0 OUT_STALL=0
        "$tool" block "$profile" 0 0 $((100 * many)) 9 in.txt out.txt
        output=0
        # shellcheck disable=SC2086
        run slm_block_decoder_tb $generics OUTPUT=0 SHIFTED=false IN_STALL=0 OUT_STALL=0
    done
    ;;
*)
    echo "no bench for $entity"
    exit 1
    ;;
esac
