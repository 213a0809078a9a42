#!/bin/sh
# foreign.sh ARCHITECTURE BUILD: builds everything for another machine and runs its tests there under qemu-user. ARCHITECTURE
# is s390x (big-endian), arm64, riscv64, armhf or i386 (which runs as it is). BUILD is a native build with the suite and slm-conform.
#
# The foreign libraries (libc, jansson, libarchive, xxHash, cmocka) are Debian's, unpacked into a folder of their own: nothing is
# installed for another architecture. Of long unit tests a part is run, as with sanitizers.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
arch=$1
native=$(cd "$2" && pwd)
work=${PORTABILITY_DIR-$root/build-portability}
mkdir -p "$work"
failed=0

endian=little
suites=bookworm
case $arch in
s390x) triplet=s390x-linux-gnu family=s390x qemu=qemu-s390x endian=big ;;
arm64) triplet=aarch64-linux-gnu family=aarch64 qemu=qemu-aarch64 ;;
riscv64) triplet=riscv64-linux-gnu family=riscv64 qemu=qemu-riscv64 suites="trixie forky" ;; # in Debian since 13
armhf) triplet=arm-linux-gnueabihf family=arm qemu=qemu-arm ;;
i386) triplet=i686-linux-gnu family=x86 qemu= ;;
*) echo "foreign.sh: no architecture $arch" >&2 && exit 2 ;;
esac
libs=$triplet
[ "$arch" != i386 ] || libs=i386-linux-gnu
for tool in "$triplet-gcc" ${qemu:+"$qemu"}; do
    command -v "$tool" >/dev/null || { echo "skipped: no $tool (sh tests/portability.sh install)" && exit 77; }
done

# A root folder with the development packages and all they need, and (libc-bin) the locale C.UTF-8 in this byte order.
sysroot=$work/root-$arch
if [ ! -e "$sysroot/complete" ]; then
    get() {
        apt-get -qq -o APT::Architecture="$arch" -o APT::Architectures::="$arch" -o Dir::State="$sysroot/apt/state" \
            -o Dir::State::status="$sysroot/apt/status" -o Dir::Cache="$sysroot/apt" -o Dir::State::Lists="$sysroot/apt/lists" \
            -o Dir::Etc::SourceParts=- -o Dir::Etc::SourceList="$sysroot/apt/sources.list" -o APT::Sandbox::User="$(id -un)" \
            -o APT::Install-Recommends=false -o Debug::NoLocking=1 "$@"
    }
    fetch() { # suite
        rm -rf "$sysroot"
        mkdir -p "$sysroot/apt/lists/partial" "$sysroot/apt/archives/partial" "$sysroot/apt/state"
        : >"$sysroot/apt/status"
        echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian $1 main" >"$sysroot/apt/sources.list"
        get update && get -d -y install libc-bin libc6-dev libjansson-dev libarchive-dev libxxhash-dev libcmocka-dev libzstd-dev
    }
    fetched=
    for suite in $suites; do # a mirror can be between two states of one of them
        [ -n "$fetched" ] || ! fetch "$suite" >/dev/null || fetched=$suite
    done
    [ -n "$fetched" ] || { echo "skipped: Debian's packages for $arch can't be fetched" && exit 77; }
    echo "$arch: libraries of Debian's $fetched"
    for package in "$sysroot"/apt/archives/*.deb; do
        dpkg -x "$package" "$sysroot"
    done
    [ -e "$sysroot/lib" ] || ln -s usr/lib "$sysroot/lib"
    find "$sysroot" -type l -lname '/*' | while read -r link; do # within the folder
        ln -sfn "$sysroot$(readlink "$link")" "$link"
    done
    rm -rf "$sysroot/apt"
    : >"$sysroot/complete"
fi

# i386 runs on this machine's processor, with its own loader and libraries; the others under qemu.
link="'--sysroot=$sysroot'"
# Later libraries want their libc, which is there when they run; the cross compiler links with Debian 12's.
[ "$suites" = bookworm ] || link="$link, '-Wl,--allow-shlib-undefined'"
run=
if [ -n "$qemu" ]; then
    run="$qemu -L $sysroot"
else
    link="$link, '-Wl,--dynamic-linker=$sysroot/lib/ld-linux.so.2', '-Wl,--disable-new-dtags', '-Wl,-rpath,$sysroot/lib/$libs:$sysroot/usr/lib/$libs'"
fi
compiler="'$triplet-gcc'"
[ "${CC-gcc}" != clang ] || compiler="'clang', '--target=$triplet'"
{
    echo "[binaries]"
    echo "c = [$compiler]"
    echo "ar = '$triplet-ar'"
    echo "strip = '$triplet-strip'"
    echo "pkgconfig = 'pkg-config'"
    [ -z "$qemu" ] || echo "exe_wrapper = ['$qemu', '-L', '$sysroot']"
    echo "[properties]"
    echo "sys_root = '$sysroot'"
    echo "pkg_config_libdir = ['$sysroot/usr/lib/$libs/pkgconfig']"
    echo "[built-in options]"
    echo "c_args = ['--sysroot=$sysroot']"
    echo "c_link_args = [$link]"
    echo "[host_machine]"
    echo "system = 'linux'"
    echo "cpu_family = '$family'"
    echo "cpu = '$family'"
    echo "endian = '$endian'"
} >"$work/$arch.cross"

# -O2: gcc 12 for arm64 stops with an internal error at -O3 (test_trellis_search.c).
build=$work/$arch-${CC-gcc}
log=$work/$arch-${CC-gcc}.log
rm -rf "$build"
meson setup "$build" --cross-file "$work/$arch.cross" --werror -Dfpga=false --optimization 2 >"$log" 2>&1 || { tail -n 40 "$log" && exit 1; }
# Unit tests: all but freestanding, which is about compilers.
names=$(meson test -C "$build" --list --suite unit 2>/dev/null | sed -n 's|.* / ||p' | grep -vx freestanding)
# shellcheck disable=SC2086
if ! { python3 -B "$root/tests/programs.py" "$build" $names && echo tools/slm conformance/example_decoder; } | xargs ninja -j2 -C "$build" >"$log" 2>&1; then
    tail -n 40 "$log"
    exit 1
fi

say() { echo "$arch ${CC-gcc}: $*"; }

# shellcheck disable=SC2086
if meson test -C "$build" --no-rebuild --num-processes 2 -t 40 $names >"$log" 2>&1; then
    say "$(echo "$names" | wc -w) unit test programs pass ($(grep -hcE '^\[       OK \]' "$build/meson-logs/testlog.txt") cases)"
else
    grep -E 'FAIL|TIMEOUT|ERROR' "$log" || tail -n 40 "$log"
    failed=1
fi

# The whole suite, through the library (level 2) and the command; slm-conform itself is a native one.
conform() { # name, command
    if "$native/conformance/slm-conform" --suite "$native/conformance/suite" --exit-codes -j 2 --timeout 600 --decoder "$2" >"$log" 2>&1; then
        say "conformance, $1: $(tail -n 1 "$log")"
    else
        tail -n 20 "$log"
        failed=1
    fi
}
conform libslm "$run $build/conformance/example_decoder {input} {output} {dtype}"
conform slm "$run $build/tools/slm decode -q --bytes --dtype {dtype} -o {output} {input}"

# The encoder's bytes are this machine's, for every named profile.
data=$work/$arch-data
rm -rf "$data"
mkdir -p "$data"
python3 -B - "$root" "$data/in.safetensors" <<'EOT'
import sys
sys.path.insert(0, sys.argv[1] + "/tests/cli")
import harness
harness.write_safetensors(sys.argv[2], [
    harness.Tensor("a", "F32", [4, 512], harness.f32(harness.weights(2048))),
    harness.Tensor("b", "BF16", [3, 256], harness.bf16(harness.weights(768, seed=2, scale=3e-5))),
    harness.Tensor("c", "I32", [5])])
EOT
same=0
set -f # '*' is an argument
for options in slm-4 slm-3 slm-2 paper-4 paper-3 "slm-4 --rotation none" "paper-4 --search paper"; do
    options="--profile-for *=$options"
    # shellcheck disable=SC2086
    if "$native/tools/slm" encode -q -f $options -o "$data/here.slm" "$data/in.safetensors" &&
        $run "$build/tools/slm" encode -q -f $options -o "$data/there.slm" "$data/in.safetensors" && cmp "$data/here.slm" "$data/there.slm"; then
        same=$((same + 1))
    else
        echo "$arch: encode $options gives other bytes"
        failed=1
    fi
done
set +f
say "encode: $same of 7 files are the native ones, byte for byte"

# The command, from end to end.
printf '#!/bin/sh\nexec %s %s "$@"\n' "$run" "$build/tools/slm" >"$work/$arch-slm"
chmod +x "$work/$arch-slm"
for name in decode_bytes diff; do
    if SLM=$work/$arch-slm python3 -B "$root/tests/cli/test_$name.py" >"$log" 2>&1; then
        say "tests/cli/test_$name.py: $(grep -E '^Ran ' "$log")"
    else
        tail -n 40 "$log"
        failed=1
    fi
done
exit $failed
