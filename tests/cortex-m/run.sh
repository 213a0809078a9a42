#!/bin/sh
# run.sh SUITE [stored]: level 1 over the conformance suite's runs on bare-metal Arm cores in qemu-system-arm; no system, no library
# but the string functions. "stored": fewer vectors and one core. Exit 77 (skipped) where a tool is missing.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
suite=$1
some=${2-}

for tool in arm-none-eabi-gcc qemu-system-arm; do
    command -v $tool >/dev/null || { echo "skipped: no $tool (Debian: gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm)"; exit 77; }
done
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
python3 -B "$here/cases.py" "$suite" "$out/cases.bin" "$some"

# Level 1 as libslm/README.md lists it.
files=$(grep -o 'libslm/src/decode/[a-z0-9_]*\.c' "$root/libslm/README.md" | sort -u | sed "s|^|$root/|")

# Code for a core and a board that has it, or one that runs a smaller core's code.
run() { # core, board
    # shellcheck disable=SC2086
    arm-none-eabi-gcc -std=c11 -O2 -Wall -Wextra -Werror -ffreestanding -mcpu="$1" -mthumb -mno-unaligned-access -ffunction-sections \
        -nostartfiles --specs=nano.specs -Wl,--gc-sections -I"$root/libslm/include" -T "$here/link.ld" -o "$out/$1.elf" "$here/main.c" $files
    printf '%s on %s, %s bytes of code: ' "$1" "$2" "$(arm-none-eabi-size "$out/$1.elf" | awk 'NR == 2 { print $1 }')"
    (cd "$out" && timeout 600 qemu-system-arm -M "$2" -nographic -monitor none -serial none \
        -semihosting-config enable=on,target=native -kernel "$1.elf" 2>&1)
}

run cortex-m4 mps2-an386
[ -z "$some" ] || exit 0
run cortex-m0 mps2-an386
run cortex-m3 mps2-an385
run cortex-m7 mps2-an500
