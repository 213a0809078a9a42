#!/bin/sh
# size.sh DIR [JOBS]: yosys over the netlists that netlists.sh left in DIR, for 7-series without BRAM, DSP, LUT RAM and SRL; prints the table of
# LUT cells (LUT1 .. LUT6), flip-flops, carries and wide multiplexers. A latch, memory or DSP is an error. YOSYS names another yosys; MAPPER= (empty) maps by abc instead of abc9.
set -eu
dir=$(realpath "$1") jobs=${2:-1}
yosys=${YOSYS:-yosys}
command -v "${yosys%% *}" >/dev/null || {
    echo "skipped: yosys is not installed (fpga-ref/sim/install-tools.sh installs it)"
    exit 77
}
MAPPER=${MAPPER--abc9}
export dir yosys MAPPER
# shellcheck disable=SC2016
xargs -P "$jobs" -L 1 sh -c '
    $yosys -q -p "read_verilog $dir/$0.v; synth_xilinx -family xc7 ${MAPPER--abc9} -flatten -nodsp -nobram -nolutram -nosrl -noclkbuf -noiopad -top $1; tee -q -o $dir/$0.stat stat -tech xilinx" \
        >"$dir/$0.log" 2>&1 || { echo "yosys failed on $0"; tail -3 "$dir/$0.log"; exit 255; }
' <"$dir/list"
printf '%-28s %9s %8s %8s %8s  %s\n' configuration LUT FF CARRY4 MUXF made
while read -r name top times; do
    if grep -Eq 'LDCE|LDPE|DSP48|RAMB|RAM[0-9]|SRL' "$dir/$name.stat"; then
        echo "$name holds a latch, a memory or a DSP"
        exit 1
    fi
    awk -v name="$name" -v top="$top" -v times="$times" '
        $1 ~ /^LUT[1-6]$/ { lut += $2 }
        $1 ~ /^FD[RSCP]E$/ { ff += $2 }
        $1 == "CARRY4" { carry += $2 }
        $1 ~ /^MUXF[78]$/ { mux += $2 }
        END { printf "%-28s %9d %8d %8d %8d  %s\n", name, lut * times, ff * times, carry * times, mux * times, (times > 1 ? times " x " top : top) }' "$dir/$name.stat"
done <"$dir/list"
