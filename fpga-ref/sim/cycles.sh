#!/bin/sh
# cycles.sh TOOL: clocks from the first word in to the last weight out for square matrices through slm_stream_decoder's netlist, 128 weights a
# clock, both sides always ready, every weight compared. Exit 77 where a tool is missing.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck disable=SC1091
. "$root/sim/common.sh"
need ghdl verilator g++ make
tool=$(realpath "$1")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
analyse "$dir"
for profile in paper-4 slm-4; do
    [ "$profile" = paper-4 ] && groups=16 || groups=128
    # shellcheck disable=SC2046
    netlist "$dir" slm_stream_decoder $("$tool" generics "$profile" stream) GROUPS="$groups" OUTPUT=0
    (
        cd "$dir"
        rm -rf obj_dir
        verilator --cc --exe --build -O3 -Wno-fatal -Wno-lint --prefix Vdut --top-module slm_stream_decoder -CFLAGS "-std=c++17 -O1 -DDUT_STREAM" \
            slm_stream_decoder.v "$root/sim/netlist_main.cpp" -o check >log 2>&1 || { cat log; exit 1; }
    )
    for n in 512 1024 2048; do
        for rows in 1 0; do
            "$tool" matrix "$profile" 0 "$groups" 0 "$n" "$rows" "$dir/in.txt" "$dir/out.txt"
            printf '%s %sx%s, %s: ' "$profile" "$n" "$n" "$([ $rows = 1 ] && echo "a run a row" || echo "one run")"
            "$dir/obj_dir/check" "$dir/in.txt" "$dir/out.txt" "$("$tool" width "$profile" 0)" 0
        done
    done
done
