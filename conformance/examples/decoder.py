#!/usr/bin/env python3
"""The runner's contract in Python: decoder.py INPUT OUTPUT f32|f16|bf16. Copy it, and call your own decoder instead."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "decoder"))
from container import UNSUPPORTED, Refusal  # noqa: E402
from slm_decode import decode  # noqa: E402


def main():
    path, output, dtype = sys.argv[1:]
    try:
        # Yours: the bytes of each tensor in the order of the file, little-endian. Coded ones in `dtype`, raw ones as they are.
        tensors = [values for _, values in decode(Path(path).read_bytes(), dtype.upper())]
    except Refusal as refusal:
        # Which exit code matters only with --exit-codes; without it any from 1 to 125 is a refusal.
        print(refusal, file=sys.stderr)
        return 4 if refusal.status in UNSUPPORTED else 3
    Path(output).write_bytes(b"".join(tensors))
    return 0


if __name__ == "__main__":
    sys.exit(main())
