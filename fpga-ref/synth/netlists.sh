#!/bin/sh
# netlists.sh TOOL DIR [ONLY]: Verilog of every configuration of the size tables into DIR, with ghdl; one line a file in DIR/list: name, top,
# multiplier (how many of it make 128 weights a clock). TOOL is slm_fpga_vectors, which knows the profiles; ONLY is a regular expression that
# names must match. A block profile's figure is one block decoder, C weights a clock, times 128 / C: blocks share nothing. A trellis profile's
# is one of 128 weights a clock; with WEIGHTS=32 in the environment four of 32, which yosys maps in far less time, and which is a little
# more in sum, for each has its own scale and its own ends.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck disable=SC1091
. "$root/sim/common.sh"
need ghdl
tool=$(realpath "$1") only=${3:-.} weights=${WEIGHTS:-128}
mkdir -p "$2"
out=$(realpath "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
analyse "$work"
: >"$out/list"

# emit NAME TOP TIMES GENERIC...
emit() {
    name=$1 top=$2 times=$3
    shift 3
    echo "$name" | grep -Eq "$only" || return 0
    netlist "$work" "$top" "$@"
    mv "$work/$top.v" "$out/$name.v"
    echo "$name $top $times" >>"$out/list"
}

# trellis PROFILE NAME GENERIC...: integers by the lanes alone, with no handshake and no word held.
trellis() {
    profile=$1 name=$2
    shift 2
    generics=$("$tool" generics "$profile")
    each=${generics#* C=}
    set -- GROUPS=$((weights / ${each%% *})) "$@"
    # shellcheck disable=SC2086
    case $name in
    integers) emit "${profile}_$name" slm_trellis_lanes $((128 / weights)) $generics "$@" ;;
    decoder_*) emit "${profile}_$name" slm_trellis_decoder $((128 / weights)) $generics "$@" ;;
    *) emit "${profile}_$name" slm_trellis_windows $((128 / weights)) $generics "$@" ;;
    esac
}
# block PROFILE NAME GENERIC...
block() {
    profile=$1 name=$2
    shift 2
    generics=$("$tool" generics "$profile")
    each=${generics#* C=}
    # shellcheck disable=SC2086
    emit "${profile}_$name" slm_block_decoder $((128 / ${each%% *})) $generics "$@"
}

for p in $("$tool" list | grep '^slm-'); do
    trellis "$p" integers
    trellis "$p" f16_pow2 OUTPUT=1 POW2=true
done
trellis slm-4 bf16_pow2 OUTPUT=2 POW2=true
trellis slm-4 f32_pow2 OUTPUT=3 POW2=true
trellis slm-4 f16_general OUTPUT=1 POW2=false
trellis slm-4 bf16_general OUTPUT=2 POW2=false
trellis slm-4 decoder_integers OUTPUT=0
block paper-4n0 sums OUTPUT=0 SHIFTED=false
block paper-4n0 integers_shifted OUTPUT=0 SHIFTED=true
block paper-4n0 f16_pow2 OUTPUT=1 POW2=true
block paper-4n0 bf16_pow2 OUTPUT=2 POW2=true
block paper-4n0 f32_pow2 OUTPUT=3 POW2=true
block paper-4 f16_pow2 OUTPUT=1 POW2=true
block paper-4 bf16_pow2 OUTPUT=2 POW2=true
block paper-4 f16_general OUTPUT=1 POW2=false
# shellcheck disable=SC2046
emit slm-4_stream_integers slm_stream_decoder 1 $("$tool" generics slm-4 stream) GROUPS=128 OUTPUT=0
emit hadamard_128_16lanes slm_hadamard 1 H_LOG2=7 LANES=16 W=16
