#!/bin/sh
# symbols.sh SHARED STATIC: the shared library exports exactly what the public headers declare with SLM_API, both ways; the static one,
# which hides nothing, has no name that does not begin with slm_ or, for its own use, slmi_.
set -eu
library=$(realpath "$1")
archive=$(realpath "$2")
cd "$(dirname "$0")/.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

nm -D --defined-only "$library" | awk '{ print $3 }' | sed 's/@.*//' | LC_ALL=C sort -u >"$out/exported"
# A declaration may go on for several lines: to its first parenthesis.
grep -hv '^#' libslm/include/slm/*.h | sed 's|/\*.*\*/||' | tr '\n' ' ' | grep -oE '\bSLM_API [^(;]*\(' | grep -oE '[A-Za-z0-9_]+ *\($' |
    tr -d ' (' | LC_ALL=C sort -u >"$out/declared"
[ "$(wc -l <"$out/declared")" -ge 20 ] || { echo 'the headers declare hardly anything: is SLM_API still its name?' >&2; exit 1; }
# Nothing public is left without SLM_API.
grep -hE '^[a-z].*\bslm_[a-z0-9_]+\(' libslm/include/slm/*.h | grep -vE '^(static|typedef) ' >"$out/plain" || :
if [ -s "$out/plain" ]; then
    echo 'declared without SLM_API:' >&2
    cat "$out/plain" >&2
    exit 1
fi
diff -u "$out/declared" "$out/exported" >&2 || { echo "declared (-) and exported (+) differ" >&2; exit 1; }
nm -g --defined-only "$archive" | awk 'NF == 3 && $3 !~ /^slmi?_/ { print $3 }' >"$out/foreign"
if [ -s "$out/foreign" ]; then
    echo 'external in the static library, and not the project'"'"'s by name:' >&2
    cat "$out/foreign" >&2
    exit 1
fi
echo "$(wc -l <"$out/exported") functions, all declared and all exported"
