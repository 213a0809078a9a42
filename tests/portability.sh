#!/bin/sh
# portability.sh [install|all|PART...]: unit and conformance tests on other machines, compilers and instruction sets. Parts:
#   symbols     what the shared library exports, what the static one calls its own
#   cortex-m    level 1 on bare-metal Arm cores
#   s390x arm64 riscv64 armhf i386 i386-clang   everything under qemu-user (i386 as it is)
#   compilers   gcc and clang, -O0 to -O3
#   levels      old x86-64 processors: SLM_CPU=, and qemu's models
# "install" gets Debian's cross compilers and qemu. Builds and foreign libraries go to build-portability/. CI runs the short forms of
# symbols, cortex-m, s390x and levels (tests/meson.build).
set -eu
cd "$(dirname "$0")/.."
work=$PWD/build-portability
mkdir -p "$work"

case ${1-all} in
install)
    sudo=
    [ "$(id -u)" = 0 ] || sudo=sudo
    $sudo apt-get update -qq
    $sudo apt-get install -y -qq --no-install-recommends gcc-s390x-linux-gnu libc6-dev-s390x-cross gcc-aarch64-linux-gnu libc6-dev-arm64-cross \
        gcc-riscv64-linux-gnu libc6-dev-riscv64-cross gcc-arm-linux-gnueabihf libc6-dev-armhf-cross gcc-i686-linux-gnu libc6-dev-i386-cross \
        gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-user qemu-system-arm
    exit
    ;;
esac
[ "${1-all}" != all ] || set -- symbols cortex-m s390x arm64 riscv64 armhf i386 i386-clang compilers levels

native=$work/native
[ -e "$native/build.ninja" ] || meson setup "$native" --werror -Dfpga=false >/dev/null
{ python3 -B tests/programs.py "$native" check_kernels symbols && echo tools/slm conformance/slm-conform conformance/vectors.stamp; } |
    xargs ninja -j2 -C "$native" >"$work/native.log" 2>&1 || { tail -n 40 "$work/native.log" && exit 1; }

# gcc and clang at every level of optimisation: the quick unit tests and the suite through libslm.
compilers() {
    bad=0
    for cc in gcc clang; do
        for level in 0 1 2 3; do
            build=$work/$cc-O$level
            rm -rf "$build"
            names="conform_libslm test_container_parts test_container_roundtrip test_container_rules test_container_sections
                test_container_writer test_decode test_lfsr test_profile test_round check_kernels"
            # shellcheck disable=SC2086
            if CC=$cc meson setup "$build" --werror -Dfpga=false -Dtools=false --optimization "$level" >"$build.log" 2>&1 &&
                python3 -B tests/programs.py "$build" $names | xargs ninja -j2 -C "$build" >"$build.log" 2>&1 &&
                meson test -C "$build" --no-rebuild --num-processes 2 -t 4 $names >"$build.log" 2>&1; then
                echo "$cc -O$level: $(echo "$names" | wc -w) test programs pass"
            else
                tail -n 30 "$build.log"
                bad=1
            fi
        done
    done
    return $bad
}

# The same answers from every instruction set, and no instruction that an old processor lacks: encode and decode by SLM_CPU= on this
# machine, then both and a part of the kernel check on qemu's models of old processors. Haswell's has AVX2.
levels() {
    bad=0
    for level in scalar avx2 avx512; do
        sh tests/levels.sh "$native/tools/slm" all env SLM_CPU=$level || bad=1
    done
    command -v qemu-x86_64 >/dev/null || { echo "skipped: no qemu-x86_64" && return $bad; }
    for model in qemu64 core2duo Nehalem SandyBridge Opteron_G3 Haswell-noTSX; do
        sh tests/levels.sh "$native/tools/slm" all qemu-x86_64 -cpu $model || bad=1
        SLM_TEST_SHORT=1 qemu-x86_64 -cpu $model "$native/tests/check_kernels" >"$work/kernels" 2>"$work/err" || { cat "$work/err" && bad=1; }
        grep -v 'cannot run' "$work/kernels" | sed "s/^/$model, check_kernels: /"
    done
    return $bad
}

failed=
for part; do
    echo "== $part"
    code=0
    case $part in
    symbols) sh tests/symbols.sh "$native/libslm/libslm.so" "$native/libslm/libslm.a" || code=$? ;;
    cortex-m) sh tests/cortex-m/run.sh "$native/conformance/suite" || code=$? ;;
    i386-clang) CC=clang sh tests/foreign.sh i386 "$native" || code=$? ;;
    compilers | levels) $part || code=$? ;;
    *) sh tests/foreign.sh "$part" "$native" || code=$? ;;
    esac
    case $code in
    0) ;;
    77) echo "$part was skipped" ;;
    *) failed="$failed $part" ;;
    esac
done
[ -z "$failed" ] || { echo "failed:$failed" && exit 1; }
