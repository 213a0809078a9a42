#!/bin/sh
# clang-format and shellcheck find nothing to say. Exit 77 (skipped) where one is not installed.
set -eu
cd "$(dirname "$0")/.."
for tool in clang-format shellcheck git; do
    command -v $tool >/dev/null || { echo "skipped: $tool is not installed"; exit 77; }
done
git rev-parse --is-inside-work-tree >/dev/null 2>&1 || { echo "skipped: not a git checkout"; exit 77; }

git ls-files -z '*.c' '*.h' | xargs -0 clang-format --dry-run -Werror
git ls-files -z '*.sh' .ci/run | xargs -0 shellcheck
