#!/usr/bin/env python3
"""Fuzzes each target for a few seconds, from some of its corpus and its seeds.

    short.py PROGRAM...     programs short_TARGET, made with libFuzzer

SLM_FUZZ_SECONDS: seconds a target, 5 where it is not set. SLM_FUZZ_SEED: what inputs and mutations follow from, else random; it is printed.
A finding's input is left in the working directory and printed. Exit 77 (skipped) where there are no programs: only clang's sanitizer build
makes them.
"""

import base64
import lzma
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
import corpus  # noqa: E402
import seeds  # noqa: E402

# The replay runs whole corpora. libFuzzer reads all its inputs before it looks at the clock, many times slower: few leave it time to fuzz.
INPUTS = 16
# A slow machine is no finding; only what never ends is.
LONGEST = 300


def fuzz(program, inputs, seconds, seed):
    target = program.name.removeprefix("short_")
    with tempfile.TemporaryDirectory() as folder:
        everything, given = Path(folder, "all"), Path(folder, "given")
        corpus.unpack(target, everything)
        for name, data in inputs[target].items():
            (everything / name).write_bytes(data)
        files = sorted(everything.iterdir())
        given.mkdir()
        for path in random.Random(seed).sample(files, min(INPUTS, len(files))):
            path.rename(given / path.name)
        artifact = Path.cwd() / f"{target}-finding"
        artifact.unlink(missing_ok=True)
        command = [str(program), f"-seed={seed}", f"-max_total_time={seconds}", f"-timeout={LONGEST}", "-rss_limit_mb=4096",
                   "-print_final_stats=1", "-verbosity=0", f"-exact_artifact_path={artifact}", str(given)]  # fmt: skip
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    if result.returncode != 0:
        print(result.stdout[-6000:])
        if artifact.exists():
            print(f"{artifact} (base64 of xz):\n{base64.b64encode(lzma.compress(artifact.read_bytes())).decode()}")
    lines = [line for line in result.stdout.splitlines() if "number_of_executed_units" in line]
    print(f"{target}: {lines[0].split()[-1] if lines else 'no'} executions, {'nothing found' if result.returncode == 0 else 'FOUND'}")
    return result.returncode == 0


def main():
    programs = [Path(name).resolve() for name in sys.argv[1:]]
    if not programs:
        print("skipped: not clang's sanitizer build, or no libFuzzer")
        sys.exit(77)
    inputs = seeds.all_seeds()
    seconds = os.environ.get("SLM_FUZZ_SECONDS", "5")
    seed = int(os.environ.get("SLM_FUZZ_SEED", random.randrange(1, 1 << 32)))
    print(f"SLM_FUZZ_SEED={seed}")
    results = [fuzz(program, inputs, seconds, seed) for program in programs]
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
