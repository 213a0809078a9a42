#!/bin/sh
# netlists.sh DIR: Verilog of every configuration of the size tables into DIR, with ghdl; one line a file in DIR/list: name, top, multiplier
# (how many of it make 128 weights a clock). A paper-4 figure is one block decoder, 8 weights a clock, times 16: blocks share nothing.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck disable=SC1091
. "$root/sim/common.sh"
need ghdl
mkdir -p "$1"
out=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
analyse "$work"
: >"$out/list"

# emit NAME TOP TIMES GENERIC...
emit() {
    name=$1 top=$2 times=$3
    shift 3
    netlist "$work" "$top" "$@"
    mv "$work/$top.v" "$out/$name.v"
    echo "$name $top $times" >>"$out/list"
}

for advance in 4 3 2; do
    emit slm${advance}_integers slm_trellis_lanes 1 GROUPS=128 ADVANCE=$advance
    emit slm${advance}_f16_pow2 slm_trellis_windows 1 GROUPS=128 ADVANCE=$advance OUTPUT=1 POW2=true
done
emit slm4_bf16_pow2 slm_trellis_windows 1 GROUPS=128 OUTPUT=2 POW2=true
emit slm4_f32_pow2 slm_trellis_windows 1 GROUPS=128 OUTPUT=3 POW2=true
emit slm4_f16_general slm_trellis_windows 1 GROUPS=128 OUTPUT=1 POW2=false
emit slm4_bf16_general slm_trellis_windows 1 GROUPS=128 OUTPUT=2 POW2=false
emit slm4_decoder_integers slm_trellis_decoder 1 GROUPS=128 OUTPUT=0
emit paper4n0_sums slm_block_decoder 16 NORM=0 OUTPUT=0 SHIFTED=false
emit paper4n0_integers_shifted slm_block_decoder 16 NORM=0 OUTPUT=0 SHIFTED=true
emit paper4n0_f16_pow2 slm_block_decoder 16 NORM=0 OUTPUT=1 POW2=true
emit paper4n0_bf16_pow2 slm_block_decoder 16 NORM=0 OUTPUT=2 POW2=true
emit paper4n1_f16_pow2 slm_block_decoder 16 NORM=1 OUTPUT=1 POW2=true
emit paper4n1_bf16_pow2 slm_block_decoder 16 NORM=1 OUTPUT=2 POW2=true
emit paper4n1_f16_general slm_block_decoder 16 NORM=1 OUTPUT=1 POW2=false
emit slm4_stream_integers slm_stream_decoder 1 OUTPUT=0
emit hadamard_128_16lanes slm_hadamard 1 H_LOG2=7 LANES=16 W=16
