#!/bin/sh
# levels.sh SLM quick|all RUNNER...: run by RUNNER ("qemu-x86_64 -cpu qemu64", "env SLM_CPU=scalar"), `slm` encodes, verifies and decodes as
# it does here, without an instruction that the runner's processor lacks. Codings of every kernel; "all" encodes with named profiles, too,
# which takes an emulator minutes. Exit 77 (skipped) where there is no RUNNER.
set -eu
slm=$(realpath "$1")
amount=$2
shift 2
command -v "$1" >/dev/null || { echo "skipped: no $1 (Debian: qemu-user)"; exit 77; }
cd "$(dirname "$0")/.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
python3 -B -c 'import sys
sys.path.insert(0, "tests/cli")
import harness
from math import exp
alike = harness.f32([exp(-abs(i - j) / 20) for i in range(320) for j in range(320)])
harness.write_safetensors(sys.argv[1], [harness.Tensor("a", "F32", [4, 1024], harness.f32(harness.weights(4096)))])
harness.write_safetensors(sys.argv[2], [harness.Tensor("a", "F32", [16, 320], harness.f32(harness.weights(5120)))])
harness.write_safetensors(sys.argv[3], [harness.Tensor("a", "F32", [320, 320], alike)])' \
    "$out/in.safetensors" "$out/wide.safetensors" "$out/hessian.safetensors"

there() { # RUNNER slm and its arguments, with their exit code; what qemu lacks of the model is no concern here
    code=0
    "$@" 2>"$out/err" || code=$?
    grep -v "TCG doesn't support" "$out/err" >&2 || :
    return $code
}
encoded=0
decoded=0
for profile in slm-2 slm-2.5 slm-3 slm-4 slm-5 paper-4 paper-3 trellis,K=8,k=4 trellis,K=20,W=6,k=8 block,C=4,P=2,K=7,W=7,step=1,E=2,B=3; do
    rm -f "$out"/*.slm "$out"/*.f16
    "$slm" encode -q -p $profile "$out/in.safetensors" -o "$out/here.slm"
    case $amount,$profile in
    *,*K=[78],* | all,slm-[34] | all,paper-*) # for quick, those whose tables an emulator makes in seconds
        there "$@" "$slm" encode -q -p $profile "$out/in.safetensors" -o "$out/there.slm"
        cmp "$out/here.slm" "$out/there.slm"
        encoded=$((encoded + 1))
        ;;
    esac
    "$slm" decode -q --bytes --dtype f16 "$out/here.slm" -o "$out/here.f16"
    there "$@" "$slm" decode -q --bytes --dtype f16 "$out/here.slm" -o "$out/there.f16"
    cmp "$out/here.f16" "$out/there.f16"
    there "$@" "$slm" verify -q "$out/here.slm"
    decoded=$((decoded + 1))
done
feedback="-q -f -p trellis,K=8,k=4 --hessian $out/hessian.safetensors $out/wide.safetensors"
# shellcheck disable=SC2086
"$slm" encode $feedback -o "$out/here.slm"
# shellcheck disable=SC2086
there "$@" "$slm" encode $feedback -o "$out/there.slm"
cmp "$out/here.slm" "$out/there.slm"
encoded=$((encoded + 1))
echo "$*: the same files ($encoded) and weights ($decoded)"
