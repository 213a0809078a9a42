"""Makes the released bundle: bundle.py SOURCE_ROOT SUITE ZSTD OUTPUT, SUITE being the folder with manifest.json and vectors/.

One folder, its files in order of their names, owners and times fixed: the same bytes from the same sources and zstd release.
"""

import io
import subprocess
import sys
import tarfile
from pathlib import Path

TIME = 1767225600  # 2026-01-01


def contents(root, suite):
    """(path in the bundle, file) for everything in it."""
    conformance = root / "conformance"
    yield "LICENSE", root / "LICENSE"
    yield "README.md", conformance / "README.md"
    yield "manifest.schema.json", conformance / "manifest.schema.json"
    yield "manifest.json", suite / "manifest.json"
    for path in [*(suite / "vectors").rglob("*.slm"), *(suite / "expected").iterdir()]:
        yield path.relative_to(suite).as_posix(), path
    for name in ("README.md", "slm_decode.py", "coding.py", "container.py", "xxh3.py"):
        yield f"decoder/{name}", conformance / "decoder" / name
    for name in ("decoder.c", "decoder.py", "decoder.sh"):
        yield f"examples/{name}", conformance / "examples" / name
    for name in ("README.md", "mutants.py"):
        yield f"mutants/{name}", conformance / "mutants" / name
    for name in ("slm-1.0.md", "ERRATA.md", "profiles.md"):
        yield f"spec/{name}", root / "spec" / name


def main():
    root, suite, zstd, output = (Path(argument) for argument in sys.argv[1:])
    folder = output.name.removesuffix(".tar.zst")
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, path in sorted(contents(root, suite)):
            data = path.read_bytes()
            if path.name == "README.md":  # the specification lies within the bundle, not beside it
                data = data.replace(b"](../../spec/", b"](../spec/") if "/" in name else data.replace(b"](../spec/", b"](spec/")
            entry = tarfile.TarInfo(f"{folder}/{name}")
            entry.size, entry.mtime, entry.mode = len(data), TIME, 0o755 if name.startswith(("examples/decoder.", "decoder/slm_")) and data[:2] == b"#!" else 0o644
            tar.addfile(entry, io.BytesIO(data))
    packed = subprocess.run([zstd, "-19", "--single-thread", "--no-progress", "-q", "-c"], input=archive.getvalue(), stdout=subprocess.PIPE, check=True)
    output.write_bytes(packed.stdout)


if __name__ == "__main__":
    main()
