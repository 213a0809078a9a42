#!/bin/sh
# ice40.sh TOOL: one lane group on an iCE40 (HX8K, ct256), integers out: slm-4, 4 weights a clock, and paper-4 with norm 0, one block's 8 sums a
# clock. yosys, then nextpnr-ice40 with unconstrained pins and the seed 1; prints cells and the frequency that nextpnr reports. The pins
# are shift registers' ends, because a block has more ports than the package. Exit 77 where a tool is missing.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck disable=SC1091
. "$root/sim/common.sh"
need ghdl yosys nextpnr-ice40
tool=$(realpath "$1")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
analyse "$dir"

# wrap TOP INPUT INPUT_BITS OUTPUT OUTPUT_BITS CE_BITS: the part between two shift registers, in Verilog
wrap() {
    cat >"$dir/wrap.v" <<WRAP
module wrap(input clk, input ce, input d, input shift, output q);
    reg [$3 - 1:0] in;
    reg [$5 - 1:0] out;
    wire [$5 - 1:0] result;
    always @(posedge clk) begin
        in <= {in, d};
        out <= shift ? {1'b0, out[$5 - 1:1]} : result;
    end
    assign q = out[0];
    $1 part(.clk(clk), .ce({$6{ce}}), $2, .$4(result));
endmodule
WRAP
}

# place NAME TOP
place() {
    yosys -q -p "read_verilog $dir/$2.v $dir/wrap.v; synth_ice40 -top wrap -json $dir/$1.json; tee -q -o $dir/$1.stat stat" >"$dir/$1.log" 2>&1 || {
        tail -5 "$dir/$1.log"
        exit 1
    }
    nextpnr-ice40 --hx8k --package ct256 --seed 1 --json "$dir/$1.json" --asc "$dir/$1.asc" >"$dir/$1.pnr" 2>&1 || {
        tail -5 "$dir/$1.pnr"
        exit 1
    }
    awk -v name="$1" '
        FNR == NR && $1 == "SB_LUT4" { lut = $2 }
        FNR == NR && $1 ~ /^SB_DFF/ { ff += $2 }
        FNR != NR && /Max frequency for clock/ { line = $0 }
        END { sub(/.*: /, "", line); sub(/ MHz.*/, "", line); printf "%-24s %6d SB_LUT4 %6d SB_DFF %8.1f MHz\n", name, lut, ff, line }' \
        "$dir/$1.stat" "$dir/$1.pnr"
}

# The clocks of a part without handshake: the width of its `ce`.
stages() { echo $(($(sed -n 's/.*input *\[\([0-9]*\):0\] ce\>.*/\1/p' "$dir/$1.v" | tail -1) + 1)); }
# The width of a port of the top module, which comes last in the file.
bits() { echo $(($(sed -n "s/.*\[\([0-9]*\):0\] $2\>[,;)]*\$/\1/p" "$dir/$1.v" | tail -1) + 1)); }

# shellcheck disable=SC2046
netlist "$dir" slm_trellis_lanes $("$tool" generics slm-4) GROUPS=4
wrap slm_trellis_lanes ".window(in)" "$(bits slm_trellis_lanes window)" integers "$(bits slm_trellis_lanes integers)" "$(stages slm_trellis_lanes)"
place slm-4_4_weights slm_trellis_lanes
generics=""
for g in $("$tool" generics paper-4n0); do
    case $g in E=* | NORM=*) ;; *) generics="$generics $g" ;; esac
done
# shellcheck disable=SC2086
netlist "$dir" slm_block_sums $generics
seed=$(bits slm_block_sums seed) q=$(bits slm_block_sums q)
wrap slm_block_sums ".seed(in[$((seed - 1)):0]), .q(in[$((seed + q - 1)):$seed])" $((seed + q)) sums "$(bits slm_block_sums sums)" "$(stages slm_block_sums)"
place paper-4n0_8_sums slm_block_sums
