#!/bin/sh
# Installs the Debian packages that building (and, with "tests", testing; with "static", static analysis and coverage; with "fuzz", fuzzing) needs. Does nothing where they are there already.
set -eu

packages="gcc libc6-dev meson ninja-build pkg-config libxxhash-dev libarchive-dev libjansson-dev libzstd-dev"
if [ "${1-}" = tests ]; then
    packages="$packages g++ clang libclang-rt-14-dev clang-format shellcheck libcmocka-dev python3 zstd zip gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm gcc-s390x-linux-gnu libc6-dev-s390x-cross qemu-user ghdl yosys verilator libsimde-dev"
fi
if [ "${1-}" = static ]; then
    packages="$packages clang clang-tidy cppcheck valgrind gcovr libcmocka-dev python3"
fi
if [ "${1-}" = fuzz ]; then
    packages="$packages afl++ clang llvm libclang-rt-14-dev libcmocka-dev python3 zstd"
fi

missing=
for package in $packages; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

sudo=
if [ "$(id -u)" != 0 ]; then
    sudo=sudo
fi
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -qq
# The names are a list of words.
# shellcheck disable=SC2086
$sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null
