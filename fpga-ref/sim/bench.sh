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
    sed -n "s/.*\(ok:.*\)/\1/p" log | sed "s/^/$bench $profile $(echo "$*" | grep -o 'OUTPUT=.*\|H_LOG2=.*'): /"
}

# outputs_of PROFILE INDEX: in the short run paper-4, paper-3 and slm-4, -3, -2 take all output types, the others one each, in turn.
outputs_of() {
    case $amount$1 in
    all* | shortslm-[234] | shortpaper-?) echo "0 1 2 3" ;;
    *) echo $(($2 % 4)) ;;
    esac
}
index=0
many=$([ "$amount" = all ] && echo 10 || echo 1)
case $entity in
slm_trellis_decoder)
    ghdl -a --std=08 --workdir="$dir" "$root/tb/slm_trellis_decoder_tb.vhd"
    for profile in $("$tool" list); do
        generics=$("$tool" generics "$profile")
        case $generics in *ADVANCE*) ;; *) continue ;; esac
        [ "$profile" = t-long ] && groups=13 || groups=12
        index=$((index + 1))
        for output in $(outputs_of "$profile" $index); do
            for pow2 in 1 0; do
                # powers of two make no difference to integers; in the short run the named profiles alone go through both
                case $output$pow2$amount$profile in 01* | ?1shortt*) continue ;; esac
                "$tool" trellis "$profile" "$output" "$groups" "$pow2" $((40 * many)) "$output" in.txt out.txt
                # shellcheck disable=SC2086
                run slm_trellis_decoder_tb $generics GROUPS=$groups OUTPUT=$output POW2="$(truth $pow2)" IN_STALL=30 OUT_STALL=30
            done
        done
        # shellcheck disable=SC2086
        run slm_trellis_decoder_tb $generics GROUPS=$groups OUTPUT="$output" POW2="$(truth $pow2)" IN_STALL=0 OUT_STALL=0
    done
    # the width of the paper's word
    profile=slm-4 output=1 pow2=0
    "$tool" trellis $profile $output 128 $pow2 $((10 * many)) 1 in.txt out.txt
    # shellcheck disable=SC2046
    run slm_trellis_decoder_tb $("$tool" generics $profile) GROUPS=128 OUTPUT=$output POW2=false IN_STALL=20 OUT_STALL=20
    # the closing bits of a word's last seed lie in the next word, not beyond it: 7 seeds of 2 bits at least, 6 are refused in words
    for tried in 7 6; do
        # shellcheck disable=SC2046
        ghdl -r --std=08 --workdir="$dir" slm_trellis_decoder $(as_generics $("$tool" generics slm-2) GROUPS=$tried) --stop-time=1ns >log 2>&1 && refused=no || refused=yes
        case $tried$refused in 7no) continue ;; 6yes) grep -q 'GROUPS \* ADVANCE must be at least K - ADVANCE' log && continue ;; esac
        cat log
        echo "FAILED: slm_trellis_decoder with $tried seeds of slm-2: refused? $refused"
        exit 1
    done
    ;;
slm_block_decoder)
    ghdl -a --std=08 --workdir="$dir" "$root/tb/slm_block_decoder_tb.vhd"
    for profile in $("$tool" list); do
        generics=$("$tool" generics "$profile")
        case $generics in *ADVANCE*) continue ;; esac
        index=$((index + 1))
        for output in $(outputs_of "$profile" $index); do
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
        run slm_block_decoder_tb $generics OUTPUT="$output" OPTIMISED=true IN_STALL=0 OUT_STALL=0
        "$tool" block "$profile" 0 0 $((100 * many)) 9 in.txt out.txt
        output=0
        # shellcheck disable=SC2086
        run slm_block_decoder_tb $generics OUTPUT=0 SHIFTED=false IN_STALL=0 OUT_STALL=0
    done
    ;;
slm_stream_decoder)
    ghdl -a --std=08 --workdir="$dir" "$root/tb/slm_stream_decoder_tb.vhd"
    pow2=0
    for profile in $("$tool" list); do
        generics=$("$tool" generics "$profile" stream)
        case $profile in
        slm-4) groups=128 ;;  # the paper's word: 128 weights a clock
        paper-4) groups=16 ;; # the same
        paper-3) groups=14 ;; # 36-bit records: 63 bytes a clock
        *) groups=8 ;;
        esac
        # the short run: two records a clock where they are whole bytes, eight of the others
        case $amount$profile in shortpaper-3 | shortpaper-?n0 | shortb13* | shortb-third) groups=2 ;; esac
        index=$((index + 1))
        outputs=$(outputs_of "$profile" $index)
        [ "$amount" = short ] && case $profile in slm* | paper*) outputs=1 ;; esac # suite.sh takes more of them
        for output in $outputs; do
            tensors=$((5 * many))
            [ "$groups" -gt 16 ] && tensors=$((2 * many))
            "$tool" stream "$profile" "$output" "$groups" 0 "$tensors" "$output" in.txt out.txt
            # shellcheck disable=SC2086
            run slm_stream_decoder_tb $generics GROUPS=$groups OUTPUT="$output" IN_STALL=25 OUT_STALL=25
            # shellcheck disable=SC2086
            [ "$amount" = short ] || run slm_stream_decoder_tb $generics GROUPS=$groups OUTPUT="$output" IN_STALL=0 OUT_STALL=70
        done
    done
    # clocks for a square matrix (512 x 512; the short run 128 x 128): within 40 of one for every 128 weights
    [ "$amount" = all ] && n=512 || n=128
    for profile in paper-4 slm-4; do
        [ $profile = paper-4 ] && rows=1 groups=16 || rows=0 groups=128
        output=0
        "$tool" matrix $profile 0 "$groups" 0 "$n" "$rows" in.txt out.txt
        # shellcheck disable=SC2046
        run slm_stream_decoder_tb $("$tool" generics $profile stream) GROUPS="$groups" OUTPUT=0 IN_STALL=0 OUT_STALL=0 LIMIT="$((n * n / 128 + 40))"
    done
    ;;
slm_hadamard)
    ghdl -a --std=08 --workdir="$dir" "$root/tb/slm_hadamard_tb.vhd"
    profile=hadamard output="" pow2=""
    for h in 4 5 6 7 8 9 10; do
        for lanes in 1 4 16; do
            case $amount$h$lanes in short?1 | short101) continue ;; esac
            "$tool" hadamard $h $lanes 16 $((3 * many)) $h in.txt out.txt
            run slm_hadamard_tb H_LOG2=$h LANES=$lanes W=16 IN_STALL=30 OUT_STALL=30
            run slm_hadamard_tb H_LOG2=$h LANES=$lanes W=16 IN_STALL=0 OUT_STALL=0
        done
    done
    ;;
*)
    echo "no bench for $entity"
    exit 1
    ;;
esac
