"""Peak resident memory of `slm encode` and `slm decode` on a 4 GB checkpoint, most of it raw: bench_memory.py SLM [GIGABYTES].

The checkpoint is a sparse file: one large raw tensor, and coded tensors of real-looking size filled with Gaussian weights.
Prints the resident peak beside the limit of 256 MB a thread and exits with 1 above it.
"""

import array
import json
import os
import random
import struct
import subprocess
import sys
import tempfile

LIMIT_MB = 256


def write_checkpoint(path, gigabytes):
    """Returns the size written. Tensor `raw` is I8 (never coded); `coded` is F32, 256 rows of 4,096."""
    rows, columns = 256, 4096
    raw_bytes = int(gigabytes * 1e9)
    coded_bytes = rows * columns * 4
    header = {
        "raw": {"dtype": "I8", "shape": [raw_bytes], "data_offsets": [0, raw_bytes]},
        "coded": {"dtype": "F32", "shape": [rows, columns], "data_offsets": [raw_bytes, raw_bytes + coded_bytes]},
    }
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    source = random.Random(1)
    row = array.array("f", (source.gauss(0, 0.02) for _ in range(columns)))
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.seek(raw_bytes, os.SEEK_CUR)
        for _ in range(rows):
            file.write(row.tobytes())


def peak_megabytes(command):
    """Runs a command and returns its largest resident size."""
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(f"{' '.join(command)}: status {status}")
    return usage.ru_maxrss / 1024


def main():
    slm, gigabytes = sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 4.0
    threads = 2
    worst = 0.0
    with tempfile.TemporaryDirectory(dir=".") as folder:
        source, coded, back = (os.path.join(folder, name) for name in ("a.safetensors", "a.slm", "b.safetensors"))
        write_checkpoint(source, gigabytes)
        for name, command in (
            ("encode", [slm, "encode", source, "-o", coded, "-q", "-T", str(threads), "--profile", "slm-4"]),
            ("decode", [slm, "decode", coded, "-o", back, "-q", "-T", str(threads)]),
        ):
            peak = peak_megabytes(command)
            worst = max(worst, peak / threads)
            print(f"{name}: {peak:7.1f} MB resident, {peak / threads:6.1f} MB a thread (limit {LIMIT_MB}), {gigabytes:g} GB checkpoint")
    return 1 if worst > LIMIT_MB else 0


if __name__ == "__main__":
    sys.exit(main())
