#!/usr/bin/env python3
"""A second decoder of the .slm format, written from spec/slm-1.0.md alone: slow, clear, Python 3 and its standard library.

    slm_decode.py INPUT OUTPUT DTYPE     decodes every tensor, in order, into one file of bytes (the runner's contract)
    slm_decode.py INPUT                  checks the file and lists its tensors

DTYPE is f32, f16 or bf16; raw tensors keep their own type. Exit code: 0, 3 for an invalid file, 4 for one that needs a newer decoder,
1 for anything else.
"""

import math
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from coding import decode_tensor  # noqa: E402
from container import RAW, UNSUPPORTED, Refusal, open_file  # noqa: E402


def decode(data, dtype):
    """Yields (tensor, bytes) for each tensor of a verified file."""
    file = open_file(data)
    for number in range(len(file.tensors), len(file.payloads)):
        file.payload(number)
    file.check_padding()
    for tensor in file.tensors:
        yield tensor, decode_tensor(tensor, file.payload(tensor.number), dtype)


def describe(tensor):
    coding = "raw" if tensor.coding == RAW else f"{tensor.profile.name or 'unnamed profile'}, rotation {tensor.rotation}, runs of {tensor.run_length}"
    # Names come from the file: repr() escapes what a terminal would obey.
    return f"{tensor.name.decode()!r} {tensor.dtype} {list(tensor.shape)} {coding}"


def main(arguments):
    if len(arguments) not in (1, 3) or (len(arguments) == 3 and arguments[2].upper() not in ("F32", "F16", "BF16")):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    try:
        with open(arguments[0], "rb") as stream:
            data = stream.read()
        if len(arguments) == 1:
            for tensor, values in decode(data, "F32"):
                print(describe(tensor), f"{len(values)} bytes" if tensor.coding == RAW else f"{math.prod(tensor.shape)} weights")
            return 0
        pieces = [values for _, values in decode(data, arguments[2].upper())]
        with open(arguments[1], "wb") as stream:
            stream.writelines(pieces)
        return 0
    except Refusal as refusal:
        print(f"{arguments[0]}: {refusal}", file=sys.stderr)
        return 4 if refusal.status in UNSUPPORTED else 3
    except OSError as error:
        print(f"{error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
