"""programs.py BUILD NAME...: what ninja has to make for these tests of a build folder, so that no one builds all to run a few."""

import json
import os
import subprocess
import sys

build, names = os.path.abspath(sys.argv[1]), set(sys.argv[2:])
made = {target["id"]: target["filename"] for target in json.loads(subprocess.check_output(["meson", "introspect", "--targets", build]))}
tests = [test for test in json.loads(subprocess.check_output(["meson", "introspect", "--tests", build])) if test["name"] in names]
if names - {test["name"] for test in tests}:
    sys.exit("programs.py: no test %s" % " ".join(sorted(names - {test["name"] for test in tests})))
files = {os.path.relpath(file, build) for test in tests for target in test["depends"] for file in made[target]}
print(*sorted(files), sep="\n")
