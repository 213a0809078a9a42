"""The decoder against the specification's worked example: every listed weight in each output type. Exits 1 at a difference."""

import pathlib
import sys

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from slm_decode import decode  # noqa: E402

EXAMPLES = HERE.parents[1] / "spec" / "examples"


def main():
    data = (EXAMPLES / "model.slm").read_bytes()
    listed = [line.split() for line in (EXAMPLES / "model.values.txt").read_text().splitlines() if not line.startswith("#")]
    failed = 0
    for dtype, column, size in (("F32", 4, 4), ("F16", 5, 2), ("BF16", 6, 2)):
        values = {tensor.name.decode(): piece for tensor, piece in decode(data, dtype)}
        for row in listed:
            at = int(row[1]) * size
            found = int.from_bytes(values[row[0]][at : at + size], "little")
            if found != int(row[column], 16):
                print(f"{dtype} {row[0]} {row[1]}: decoded {found:0{2 * size}x}, the example says {row[column]}")
                failed += 1
    print(f"{3 * len(listed) - failed} weights equal, {failed} different")
    return 1 if failed or not listed else 0


if __name__ == "__main__":
    sys.exit(main())
