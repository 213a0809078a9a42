#!/bin/sh
# freestanding.sh: level 1 compiles by itself, with plain `cc -c` and freestanding for a microcontroller.
# Arguments: the repository's root, the C compiler. Exit 77 (skipped) where there is no cross compiler.
set -eu

root=$1
shift
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# Level 1 as libslm/README.md lists it.
files=$(grep -o 'libslm/src/decode/[a-z0-9_]*\.c' "$root/libslm/README.md" | sed 's|.*/||' | sort -u)
[ "$(echo "$files" | wc -w)" -ge 10 ] || { echo 'libslm/README.md does not list level 1' >&2 && exit 1; }

compile() {
    for file in $files; do
        "$@" -I"$root/libslm/include" -c "$root/libslm/src/decode/$file" -o "$out/${file%.c}.o"
    done
}

# Nothing but these headers of the language, and our own.
for file in $files; do
    if grep -hE '^#include <' "$root/libslm/src/decode/$file" | grep -vE '<(stddef|stdint|stdbool|string|immintrin|cpuid)\.h>'; then
        echo "$file includes more than level 1 may" >&2
        exit 1
    fi
done

compile "$@"
compile "$@" -std=c11 -O1 -Wall -Wextra -Wconversion -pedantic -Werror

# What is left undefined is the language's own: string.h, and the compiler's support routines.
support=$(nm --defined-only "$("$@" -print-libgcc-file-name)" 2>/dev/null | awk 'NF == 3 { print $3 }' | sort -u)
undefined=$(nm "$out"/*.o | awk '$1 == "U" { print $2 } $2 ~ /^[TDRBC]$/ { print "-" $3 }' | sort -u)
for name in $undefined; do
    case $name in
    -* | memcpy | memset | memcmp | bcmp | memmove | strcmp | strlen | _GLOBAL_OFFSET_TABLE_ | __stack_chk_fail | __*_chk) ;;
    *)
        if ! printf '%s\n' "$undefined" | grep -qxF -e "-$name" && ! printf '%s\n' "$support" | grep -qxF -e "$name"; then
            echo "level 1 needs $name from elsewhere" >&2
            exit 1
        fi
        ;;
    esac
done

if ! command -v arm-none-eabi-gcc >/dev/null; then
    echo 'no arm-none-eabi-gcc (Debian: gcc-arm-none-eabi): not checked for a microcontroller' >&2
    exit 77
fi
compile arm-none-eabi-gcc -ffreestanding -mcpu=cortex-m4 -std=c11 -O2 -Wall -Wextra -Werror
arm-none-eabi-size "$out"/*.o
