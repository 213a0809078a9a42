# common.sh: what the scripts of this folder share; sourced, not run. The script has set `root` to fpga-ref.
# shellcheck shell=sh disable=SC2154

# The sources in the order that analysis needs.
rtl_order="slm_pkg slm_spec_pkg slm_pipe slm_adder_tree slm_scale slm_exact_float slm_divided_float slm_to_float slm_converter slm_short_pkg slm_short_scale slm_short_float slm_trellis_lanes slm_trellis_windows slm_trellis_decoder
    slm_block_sums slm_block_lanes slm_block_records
    slm_block_decoder slm_block_decoder_optimised slm_gearbox slm_runs slm_stream_decoder slm_hadamard_stage slm_hadamard"

# need TOOL...: exit 77 (skipped, aloud) where one is missing.
need() {
    for tool in "$@"; do
        command -v "$tool" >/dev/null 2>&1 || {
            echo "skipped: $tool is not installed (fpga-ref/sim/install-tools.sh installs it)"
            exit 77
        }
    done
}

# analyse DIR: the core into a ghdl library in DIR.
analyse() {
    for unit in $rtl_order; do
        [ -f "$root/rtl/$unit.vhd" ] || continue
        ghdl -a --std=08 --workdir="$1" "$root/rtl/$unit.vhd"
    done
}

# as_generics NAME=VALUE...: as ghdl's options.
as_generics() {
    for g in "$@"; do printf -- '-g%s ' "$g"; done
}

truth() { if [ "$1" = 1 ]; then echo true; else echo false; fi; }

# netlist DIR TOP GENERIC...: DIR/TOP.v from the library in DIR. ghdl may fail and leave an empty file: its exit status counts. A latch is
# always a mistake here.
netlist() {
    netlist_dir=$1 netlist_top=$2
    shift 2
    # shellcheck disable=SC2046
    ghdl --synth --std=08 --workdir="$netlist_dir" --out=verilog $(as_generics "$@") "$netlist_top" >"$netlist_dir/$netlist_top.v" 2>"$netlist_dir/synth.log" || {
        cat "$netlist_dir/synth.log"
        echo "ghdl --synth failed for $netlist_top"
        exit 1
    }
    if grep -i latch "$netlist_dir/synth.log"; then
        echo "a latch was inferred in $netlist_top"
        exit 1
    fi
}

# no_latch DIR TOP: yosys finds no latch in the netlist (where yosys is there).
no_latch() {
    netlist_dir=$1 netlist_top=$2
    if command -v yosys >/dev/null 2>&1; then
        # shellcheck disable=SC2016
        yosys -q -p "read_verilog $netlist_dir/$netlist_top.v; hierarchy -check -top $netlist_top; proc; select -assert-none t:\$dlatch t:\$adlatch t:\$dlatchsr t:\$sr"
    fi
}
