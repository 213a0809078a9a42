#!/bin/sh
# The runner's contract around a command: decoder.sh INPUT OUTPUT f32|f16|bf16. Copy it, and run your own decoder instead of slm.
set -u
input=$1 output=$2 dtype=$3

# Yours: all tensors' bytes, one behind another, to one file. Where yours writes a file a tensor, put them together in the order of
# the input: cat "$folder"/* >"$output".
"${SLM:-slm}" decode --quiet --threads 1 --bytes --dtype "$dtype" --output "$output" --force "$input"
code=$?

# The runner reads an exit code above 128 as the signal that ended a process, 126 and 127 as a command that cannot be run; 0 is
# "decoded", and any other "refused". With --exit-codes 3 must mean invalid and 4 unsupported: translate here what yours returns.
case $code in
0 | 3 | 4) exit $code ;;
12[6-9] | 1[3-9][0-9] | 2??) exit $code ;;
*)
    echo "unexpected exit code $code" >&2
    exit 1
    ;;
esac
