#!/bin/sh
# netlist.sh TOOL ENTITY PROFILE OUTPUT GROUPS POW2 COUNT: the netlist check. ghdl --synth makes Verilog of the entity, Verilator compiles it,
# and the vectors of libslm run through that: simulating the VHDL says nothing about the exported netlist. ENTITY is slm_trellis_decoder,
# slm_block_decoder (the optimised architecture, GROUPS ignored) slm_stream_decoder or
# slm_hadamard. Exit 77 where a tool is missing.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck disable=SC1091
. "$root/sim/common.sh"
need ghdl verilator g++ make
tool=$(realpath "$1") entity=$2 profile=$3 output=$4 groups=$5 pow2=$6 count=$7
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
analyse "$dir"
if [ "$entity" != slm_hadamard ]; then
    form=""
    [ "$entity" = slm_stream_decoder ] && form=stream
    # shellcheck disable=SC2086
    generics="$("$tool" generics "$profile" $form) OUTPUT=$output"
    width=$("$tool" width "$profile" "$output")
fi
case $entity in
slm_trellis_decoder)
    define=DUT_TRELLIS
    "$tool" trellis "$profile" "$output" "$groups" "$pow2" "$count" 5 "$dir/in.txt" "$dir/out.txt"
    generics="$generics GROUPS=$groups POW2=$(truth "$pow2")"
    ;;
slm_block_decoder)
    define=DUT_BLOCK
    "$tool" block "$profile" "$output" "$pow2" "$count" 5 "$dir/in.txt" "$dir/out.txt"
    generics="$generics POW2=$(truth "$pow2")"
    ;;
slm_stream_decoder)
    define=DUT_STREAM
    "$tool" stream "$profile" "$output" "$groups" "$pow2" "$count" 5 "$dir/in.txt" "$dir/out.txt"
    generics="$generics GROUPS=$groups POW2=$(truth "$pow2")"
    ;;
slm_hadamard) # PROFILE is h here, GROUPS the lanes, OUTPUT the width of an element
    define=DUT_HADAMARD
    "$tool" hadamard "$profile" "$groups" "$output" "$count" 5 "$dir/in.txt" "$dir/out.txt"
    generics="H_LOG2=$profile LANES=$groups W=$output"
    width=$((output + 1 + profile))
    ;;
*)
    echo "no netlist check for $entity"
    exit 1
    ;;
esac
# shellcheck disable=SC2086
netlist "$dir" "$entity" $generics
no_latch "$dir" "$entity"
cd "$dir"
verilator --cc --exe --build -O3 -Wno-fatal -Wno-lint --prefix Vdut --top-module "$entity" -CFLAGS "-std=c++17 -O0 -D$define" \
    "$entity.v" "$root/sim/netlist_main.cpp" -o check >log 2>&1 || { cat log; exit 1; }
for stall in 0 35; do
    printf '%s %s OUTPUT=%s stalls %s%%: ' "$entity" "$profile" "$output" "$stall"
    ./obj_dir/check in.txt out.txt "$width" "$stall"
done
