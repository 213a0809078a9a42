#!/usr/bin/env python3
"""Fuzzes each target for a few seconds, from its corpus and from fresh seeds.

    short.py PROGRAM...     programs short_TARGET, made with libFuzzer

SLM_FUZZ_SECONDS: seconds a target, 2 where it is not set. A finding's input is left in the working directory and named. Exit 77 (skipped)
where there are no programs: only clang's sanitizer build makes them.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
import corpus  # noqa: E402
import seeds  # noqa: E402


def fuzz(program, inputs, seconds):
    target = program.name.removeprefix("short_")
    with tempfile.TemporaryDirectory() as folder:
        corpus.unpack(target, folder)
        for name, data in inputs[target].items():
            Path(folder, name).write_bytes(data)
        command = [str(program), f"-max_total_time={seconds}", "-timeout=30", "-rss_limit_mb=4096", "-print_final_stats=1", "-verbosity=0",
                   f"-artifact_prefix={Path.cwd()}/{target}-", folder]  # fmt: skip
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    if result.returncode != 0:
        print(result.stdout[-6000:])
    lines = [line for line in result.stdout.splitlines() if "number_of_executed_units" in line]
    print(f"{target}: {lines[0].split()[-1] if lines else 'no'} executions, {'nothing found' if result.returncode == 0 else 'FOUND'}")
    return result.returncode == 0


def main():
    programs = [Path(name).resolve() for name in sys.argv[1:]]
    if not programs:
        print("skipped: not clang's sanitizer build, or no libFuzzer")
        sys.exit(77)
    inputs = seeds.all_seeds()
    seconds = os.environ.get("SLM_FUZZ_SECONDS", "2")
    results = [fuzz(program, inputs, seconds) for program in programs]
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
