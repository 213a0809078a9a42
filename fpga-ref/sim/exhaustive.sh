#!/bin/sh
# exhaustive.sh TOOL LIBRARY CHECK [COUNT [JOBS]]: every case there is, through the exported netlist, against libslm. TOOL is slm_fpga_vectors,
# LIBRARY libslm.a; CHECK is windows (slm-4: every window at every position of a 512-bit word; to F16 and BF16 every T at every position with
# every power of two), sums (paper-4: all 2^28 seeds and coefficients), convert (paper-4:
# every sum and exponent code to F16 and BF16, norm 0 and 1), records (paper-4: 10^8 random whole records), all, or slice (a little of it). COUNT takes that many
# cases a check instead of all; JOBS runs as many processes side by side. With BUILD_ONLY=DIR set the programs are left in DIR, linked
# statically, and not run. Exit 77 where a tool is missing.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck disable=SC1091
. "$root/sim/common.sh"
need ghdl verilator g++ make
tool=$(realpath "$1") library=$(realpath "$2") check=$3 count=${4:-0} jobs=${5:-1}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
analyse "$dir"

# one NAME TOP MACROS GENERIC...
one() {
    name=$1 top=$2 macros=$3
    shift 3
    netlist "$dir" "$top" "$@"
    # the clocks of a part without handshake: the width of its `ce`
    macros="$macros -DLATENCY=$(($(sed -n 's/.*input *\[\([0-9]*\):0\] ce\>.*/\1/p' "$dir/$top.v" | tail -1) + 1))"
    (
        cd "$dir"
        verilator --cc --exe --build -O3 --x-assign fast -Wno-fatal -Wno-lint --prefix Vdut --top-module "$top" --Mdir "obj_$name" \
            -CFLAGS "-std=c++17 -O2 -I$root/../libslm/include $macros" ${BUILD_ONLY:+-LDFLAGS -static} \
            "$top.v" "$root/sim/exhaustive_main.cpp" "$library" -o "check_$name" >log 2>&1 || { cat log; exit 1; }
    )
    if [ -n "${BUILD_ONLY:-}" ]; then
        cp "$dir/obj_$name/check_$name" "$BUILD_ONLY/"
        return
    fi
    start=$(date +%s)
    part=0 running=""
    while [ "$part" -lt "$jobs" ]; do
        "$dir/obj_$name/check_$name" "$part" "$jobs" "$count" >"$dir/out_$part" 2>&1 &
        running="$running $!"
        part=$((part + 1))
    done
    for process in $running; do wait "$process" || { cat "$dir"/out_*; exit 1; }; done
    cases=$(cat "$dir"/out_* | awk '/^ok:/ { n += $2 } END { print n }')
    rm "$dir"/out_*
    echo "$name: ok, $cases cases, $(($(date +%s) - start)) s"
}

slm4=$("$tool" generics slm-4) paper4=$("$tool" generics paper-4)
without_exponent() { for g in "$@"; do case $g in E=* | NORM=*) ;; *) echo "$g" ;; esac done; }
windows() {
    # shellcheck disable=SC2086
    one windows slm_trellis_decoder -DCHECK_WINDOWS $slm4 GROUPS=128 OUTPUT=0
    for output in 1 2; do
        # shellcheck disable=SC2086
        one windows_pow2_$output slm_trellis_decoder "-DCHECK_WINDOWS -DOUTPUT=$output" $slm4 GROUPS=128 OUTPUT=$output POW2=true
    done
}
# shellcheck disable=SC2046,SC2086
sums() { one sums slm_block_sums "-DCHECK_SUMS" $(without_exponent $paper4); }
convert() {
    for output in 1 2; do
        one convert_norm1_$output slm_converter "-DCHECK_CONVERT -DNORM=1 -DOUTPUT=$output -DSCALES=0x3B80,0x3C55,0x3F80,0x3400,0x0001,0x7F7F" IN_W=21 E=4 OUTPUT=$output DIVIDE=15 POW2=false
        one convert_norm0_$output slm_converter "-DCHECK_CONVERT -DNORM=0 -DOUTPUT=$output" IN_W=21 E=4 OUTPUT=$output DIVIDE=0 POW2=true
    done
}
records() {
    for output in 1 2; do
        # shellcheck disable=SC2086
        one records_norm1_$output slm_block_decoder "-DCHECK_RECORDS -DNORM=1 -DOUTPUT=$output" ${paper4%NORM=*} NORM=1 OUTPUT=$output POW2=false
        # shellcheck disable=SC2086
        one records_norm0_$output slm_block_decoder "-DCHECK_RECORDS -DNORM=0 -DOUTPUT=$output" ${paper4%NORM=*} NORM=0 OUTPUT=$output POW2=true
    done
}
case $check in
all)
    windows
    sums
    convert
    records
    ;;
windows | sums | convert | records) "$check" ;;
slice) # what runs with the other tests: one converter, a part of its cases unless COUNT says otherwise
    [ "$count" -gt 0 ] || count=300000
    one convert_norm0_1 slm_converter "-DCHECK_CONVERT -DNORM=0 -DOUTPUT=1" IN_W=21 E=4 OUTPUT=1 DIVIDE=0 POW2=true
    ;;
*)
    echo "unknown check $check"
    exit 1
    ;;
esac
