"""Adds up the results in the build folders named and prints one line: N passed, N failed, N skipped."""

import json
import pathlib
import sys

counts = {"passed": 0, "failed": 0, "skipped": 0}
for folder in sys.argv[1:]:
    for line in pathlib.Path(folder, "meson-logs", "testlog.json").read_text().splitlines():
        result = json.loads(line)["result"]
        counts["skipped" if result == "SKIP" else "passed" if result in ("OK", "EXPECTEDFAIL") else "failed"] += 1
print("{passed} passed, {failed} failed, {skipped} skipped".format(**counts))
