"""Adds up the results in the build folders named: a line for each test that failed, then one line: N passed, N failed, N skipped."""

import json
import pathlib
import sys

counts = {"passed": 0, "failed": 0, "skipped": 0}
for folder in sys.argv[1:]:
    for line in pathlib.Path(folder, "meson-logs", "testlog.json").read_text().splitlines():
        test = json.loads(line)
        kind = "skipped" if test["result"] == "SKIP" else "passed" if test["result"] in ("OK", "EXPECTEDFAIL") else "failed"
        counts[kind] += 1
        if kind == "failed":
            print(f"{test['result']} after {test['duration']:.0f} s: {test['name']}, of {folder}")
print("{passed} passed, {failed} failed, {skipped} skipped".format(**counts))
