"""Command-line tests of slm: running the command, making checkpoints, comparing folders. Python 3 standard library only.

A test file is a set of cases (unittest). Each case runs in a folder of its own and says what the command must print and its exit code:

    class Overwriting(harness.Case):
        def test_refused_without_force(self):
            self.slm("encode", "-o", "out.slm", "in.safetensors")
            self.slm("encode", "-o", "out.slm", "in.safetensors", code=harness.USAGE, stderr="exists")

meson passes the command in SLM and the sources' root in SLM_SOURCE; by hand: SLM=build/tools/slm python3 tests/cli/test_diff.py
"""

import json
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

OK, FAILURE, USAGE, INVALID, UNSUPPORTED, DIFFERENT = range(6)

SOURCE = os.environ.get("SLM_SOURCE") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SLM = os.path.abspath(os.environ.get("SLM") or os.path.join(SOURCE, "build", "tools", "slm"))
# Where it does not matter how weights are coded: a search that takes next to no time, at about the named profile's error.
QUICK = ["-p", "trellis,K=10,k=4"]

# In builds with sanitizers meson sets this: some cases of each kind, where all take minutes.
SHORT = "SLM_TEST_SHORT" in os.environ

SAMPLE = os.path.join(SOURCE, "tests", "data", "llama-0.9m")

BITS = {"BOOL": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8,
        "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32, "C64": 64,
        "F64": 64, "I64": 64, "U64": 64}


def f32(values):
    return struct.pack("<%df" % len(values), *values)


def bf16(values):
    return b"".join(struct.pack("<f", v)[2:] for v in values)


def weights(count, seed=1, scale=0.02):
    """Gaussian numbers that are the same everywhere."""
    r = random.Random(seed)
    return [r.gauss(0, scale) for _ in range(count)]


def some(cases):
    """All of a list of cases, or every third where tests are short."""
    return list(cases)[::3 if SHORT else 1]


class Tensor:
    def __init__(self, name, dtype, shape, data=None):
        self.name, self.dtype, self.shape = name, dtype, list(shape)
        count = 1
        for n in shape:
            count *= n
        size = count * BITS[dtype] // 8
        self.data = data if data is not None else bytes(i * 37 % 251 for i in range(size))
        assert len(self.data) == size, (name, len(self.data), size)


def safetensors_header(tensors, metadata=None):
    """The JSON text, padded with spaces to a multiple of 8 as the safetensors library does."""
    header, offset = {}, 0
    if metadata is not None:
        header["__metadata__"] = metadata
    for t in tensors:
        header[t.name] = {"dtype": t.dtype, "shape": t.shape, "data_offsets": [offset, offset + len(t.data)]}
        offset += len(t.data)
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    return text + b" " * (-len(text) % 8)


def write_safetensors(path, tensors, metadata=None, header=None):
    """`header`, where given, replaces the right one: for bad input."""
    if header is None:
        header = safetensors_header(tensors, metadata)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(header)) + header)
        for t in tensors:
            f.write(t.data)


def read_safetensors(path):
    """{name: (dtype, shape, bytes)}"""
    with open(path, "rb") as f:
        data = f.read()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    return {k: (v["dtype"], v["shape"], data[8 + size + v["data_offsets"][0]:8 + size + v["data_offsets"][1]])
            for k, v in header.items() if k != "__metadata__"}


def write_shards(folder, shards, extra=None):
    """A sharded model folder: shards is a list of lists of tensors; `extra` {file name: bytes} beside it."""
    os.makedirs(folder, exist_ok=True)
    weight_map, total = {}, 0
    for i, tensors in enumerate(shards):
        name = "model-%05d-of-%05d.safetensors" % (i + 1, len(shards))
        write_safetensors(os.path.join(folder, name), tensors, {"format": "pt"})
        for t in tensors:
            weight_map[t.name] = name
            total += len(t.data)
    write_file(os.path.join(folder, "model.safetensors.index.json"),
               json.dumps({"metadata": {"total_size": total}, "weight_map": weight_map}, indent=2).encode() + b"\n")
    for name, data in (extra or {}).items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        write_file(path, data)


def write_file(path, data):
    with open(path, "wb") as f:
        f.write(data)


def read_file(path):
    with open(path, "rb") as f:
        return f.read()


def tree(folder):
    """{relative path: bytes} of all files below a folder."""
    files = {}
    for at, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(at, name)
            files[os.path.relpath(path, folder)] = read_file(path)
    return files


class Result:
    def __init__(self, code, out, err):
        self.code, self.out_bytes, self.err_bytes = code, out, err
        self.out, self.err = out.decode(errors="replace"), err.decode(errors="replace")


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="slm-cli-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def environment(self, **changes):
        env = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "MALLOC_PERTURB_")}
        env.update({"LC_ALL": "C", "TERM": "xterm", "TMPDIR": self.folder})
        env.setdefault("LSAN_OPTIONS", "print_suppressions=0:suppressions=" + os.path.join(os.path.dirname(os.path.abspath(__file__)), "lsan.supp"))
        for key, value in changes.items():
            if value is None:
                env.pop(key, None)
            else:
                env[key] = value
        return env

    def slm(self, *args, code=OK, stdout=None, stderr=None, stdin=b"", env=None, limit=None, memory=None, cpu=None):
        """Runs slm in the case's folder. `code` is the exit code it must have, or a tuple of those it may have; stdout and stderr are regular expressions to be found in what
        it prints (stderr "" : nothing at all). `limit`: bytes that a file may grow to (RLIMIT_FSIZE); `memory`: bytes of address
        space (RLIMIT_AS); `cpu`: seconds of processor time (RLIMIT_CPU)."""

        def before():
            if memory is not None:
                import resource
                resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
            if limit is not None:
                import resource
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

            if cpu is not None:
                import resource
                resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu))

        p = subprocess.run([SLM] + [str(a) for a in args], cwd=self.folder, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           env=self.environment(**(env or {})), preexec_fn=before, timeout=300)
        r = Result(p.returncode, p.stdout, p.stderr)
        told = "slm %s\n--- stdout\n%s--- stderr\n%s" % (" ".join(map(str, args)), r.out[-4000:], r.err[-4000:])
        self.assertNotIn("Sanitizer", r.err, told)
        self.assertNotIn("runtime error", r.err, told)
        self.assertIn(r.code, code if isinstance(code, tuple) else (code,), told)
        if stdout is not None:
            self.assertRegex(r.out, stdout, told)
        if stderr == "":
            self.assertEqual(r.err, "", told)
        elif stderr is not None:
            self.assertRegex(r.err, stderr, told)
        if r.code not in (OK, DIFFERENT):
            self.assertRegex(r.err, r"^slm: ", "a failure must be told\n" + told)
        return r

    def json(self, *args, code=OK, **more):
        """Runs a command with --json and parses what it prints; duplicate keys are an error."""

        def no_duplicates(pairs):
            keys = [k for k, _ in pairs]
            self.assertEqual(len(keys), len(set(keys)), "duplicate keys: %s" % keys)
            return dict(pairs)

        def no_constant(name):
            self.fail("%s is no JSON" % name)

        r = self.slm(*args, "--json", code=code, **more)
        return json.loads(r.out_bytes.decode("utf-8", errors="strict"), object_pairs_hook=no_duplicates, parse_constant=no_constant)

    def files(self):
        """Everything in the case's folder, to see that nothing was left behind."""
        return sorted(os.path.relpath(os.path.join(at, name), self.folder) for at, folders, names in os.walk(self.folder)
                      for name in names + folders)


def main():
    if not os.path.exists(SLM):
        sys.exit("no slm command at %s: set SLM" % SLM)
    unittest.main(verbosity=2)
