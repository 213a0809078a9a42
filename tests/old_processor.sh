#!/bin/sh
# old_processor.sh SLM: on qemu's model of the first x86-64 processors `slm` encodes, verifies and decodes as it does here, without an
# instruction that they lack. Codings of every kernel. Exit 77 (skipped) where there is no qemu-x86_64.
set -eu
slm=$(realpath "$1")
cd "$(dirname "$0")/.."
command -v qemu-x86_64 >/dev/null || { echo 'skipped: no qemu-x86_64 (Debian: qemu-user)'; exit 77; }
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
python3 -B -c 'import sys
sys.path.insert(0, "tests/cli")
import harness
harness.write_safetensors(sys.argv[1], [harness.Tensor("a", "F32", [4, 1024], harness.f32(harness.weights(4096)))])' "$out/in.safetensors"

old() { # a command of slm, with its exit code; what qemu lacks of the model is no concern here
    code=0
    qemu-x86_64 -cpu qemu64 "$slm" "$@" 2>"$out/err" || code=$?
    grep -v "TCG doesn't support" "$out/err" >&2 || :
    return $code
}
encode() { # file, how slm is run
    file=$1
    shift
    "$@" encode -q -p "$profile" "$out/in.safetensors" -o "$file"
}
for profile in slm-2 slm-2.5 slm-3 slm-4 slm-5 paper-4 trellis,K=8,k=4 trellis,K=20,W=6,k=8 block,C=4,P=2,K=7,W=7,step=1,E=2,B=3; do
    rm -f "$out"/*.slm "$out"/*.f16
    encode "$out/new.slm" "$slm"
    case $profile in
    *K=[78],*) # its tables do not take qemu a minute
        encode "$out/old.slm" old
        cmp "$out/new.slm" "$out/old.slm"
        ;;
    esac
    "$slm" decode -q --bytes --dtype f16 "$out/new.slm" -o "$out/new.f16"
    old decode -q --bytes --dtype f16 "$out/new.slm" -o "$out/old.f16"
    cmp "$out/new.f16" "$out/old.f16"
    old verify -q "$out/new.slm"
done
echo 'the same files and weights'
