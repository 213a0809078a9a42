"""slm encode --hessian: errors fed back along rows, its files, what it refuses."""

import math
import random
import struct

import harness
from harness import INVALID, UNSUPPORTED, USAGE, Tensor, f32, read_file, weights, write_file, write_safetensors

ROWS, COLUMNS = 32, 128
PROFILE = ("-p", "trellis,K=8,k=4")
NAMES = ("first.weight", "other.weight")


class Hessian(harness.Case):
    def setUp(self):
        super().setUp()
        self.weights = {n: weights(ROWS * COLUMNS, i) for i, n in enumerate(NAMES)}
        self.values = {n: self.matrix(i) for i, n in enumerate(NAMES)}
        write_safetensors(self.path("m.safetensors"), [Tensor(n, "F32", [ROWS, COLUMNS], f32(v)) for n, v in self.weights.items()])
        self.matrices("h.safetensors")

    def matrix(self, seed):
        """Noise and 16 common sources that make as much again."""
        r = random.Random(seed)
        loads = [[r.gauss(0, 0.25) for _ in range(16)] for _ in range(COLUMNS)]
        return [[float(i == j) + sum(a * b for a, b in zip(loads[i], loads[j])) for j in range(COLUMNS)] for i in range(COLUMNS)]

    def matrices(self, path, names=NAMES, change=None):
        values = {n: [list(row) for row in self.values[n]] for n in names}
        if change:
            change(values)
        write_safetensors(self.path(path), [Tensor(n, "F32", [len(v), len(v[0])], f32(sum(v, []))) for n, v in values.items()])

    def encode(self, *arguments, output="m.slm"):
        report = self.json("encode", "-f", *PROFILE, "-o", output, *arguments, "m.safetensors")
        return {t["name"]: t for t in report["tensors"]}

    def cost(self, name, rows):
        """The sum of e H e^T over rows, H with a hundredth of its mean diagonal added."""
        h = self.values[name]
        damping = 0.01 * sum(h[i][i] for i in range(COLUMNS)) / COLUMNS
        total = 0
        for e in rows:
            total += sum(e[i] * (sum(a * b for a, b in zip(h[i], e)) + damping * e[i]) for i in range(COLUMNS))
        return total

    def weighted(self, name, path):
        """The relative error in the Hessian's measure, from what comes out."""
        self.slm("decode", "-q", "-f", "--dtype", "F32", "-o", "back.safetensors", path)
        data = harness.read_safetensors(self.path("back.safetensors"))[name][-1]
        back = struct.unpack("<%df" % (ROWS * COLUMNS), data)
        cut = [range(r * COLUMNS, (r + 1) * COLUMNS) for r in range(ROWS)]
        errors = [[self.weights[name][i] - back[i] for i in row] for row in cut]
        return math.sqrt(self.cost(name, errors) / self.cost(name, [[self.weights[name][i] for i in row] for row in cut]))

    def test_weighted_error(self):
        plain = self.encode(output="plain.slm")
        for rotation in ("auto", "none", "4"):
            told = self.encode("--hessian", "h.safetensors", "--rotation", rotation)
            for name, t in told.items():
                self.assertTrue(t["hessian"])
                self.assertEqual(t["rotation"], {"auto": 7, "none": 0, "4": 4}[rotation])
                self.assertNotIn("rotations_tried", t)
                self.assertAlmostEqual(t["weighted_error"], self.weighted(name, "m.slm"), delta=1e-3 * t["weighted_error"])
                self.assertLess(t["weighted_error"], 0.93 * self.weighted(name, "plain.slm"))
                self.assertGreater(t["error"], plain[name]["error"])
                self.assertNotIn("weighted_error", plain[name])
        metadata = self.json("info", "m.slm")["files"][0]["metadata"]
        self.assertRegex(str(metadata), r"slm\.hessian.*2 tensors, file of XXH3-64 [0-9a-f]{16}")
        r = self.slm("encode", "-f", *PROFILE, "--verify", "--hessian", "h.safetensors", "-o", "m.slm", "m.safetensors")
        self.assertRegex(r.out, r"error feedback: 2 of these tensors; weighted error of all 0\.0")

    def test_same_bytes(self):
        self.encode("--hessian", "h.safetensors", "-T", "1")
        first = read_file(self.path("m.slm"))
        self.slm("encode", "-q", "-f", *PROFILE, "-T", "3", "--hessian", "h.safetensors", "-o", "m.slm", "m.safetensors", env={"SLM_CPU": "scalar"})
        self.assertEqual(read_file(self.path("m.slm")), first)

    def test_some_tensors(self):
        self.matrices("some.safetensors", ["other.weight"])
        report = self.json("encode", "--dry-run", *PROFILE, "--hessian", "some.safetensors", "m.safetensors", stderr="nothing for 1 of 2 coded")
        self.assertEqual([t["name"] for t in report["tensors"] if t["hessian"]], ["other.weight"])

    def test_average_size(self):
        # One whose errors count a thousand times gets the larger profile.
        self.matrices("h.safetensors", change=lambda v: v.update({NAMES[1]: [[1000 * x for x in row] for row in v[NAMES[1]]]}))
        report = self.json("encode", "--dry-run", "--bits", "2.9", "--hessian", "h.safetensors", "m.safetensors")
        bits = {t["name"]: t["bits"] for t in report["tensors"]}
        self.assertGreater(bits[NAMES[1]], bits[NAMES[0]] + 0.4)

    def refused(self, code, stderr, *more):
        before = self.files()
        self.slm("encode", *PROFILE, *more, "--hessian", "bad", "-o", "x.slm", "m.safetensors", code=code, stderr=stderr)
        self.assertEqual(self.files(), before)

    def test_refused(self):
        name = NAMES[1]
        self.slm("encode", *PROFILE, "--hessian", "none", "-o", "x.slm", "m.safetensors", code=harness.FAILURE, stderr="none: cannot open")
        self.slm("encode", *PROFILE, "--hessian", ".", "-o", "x.slm", "m.safetensors", code=INVALID, stderr="no regular file")
        for value in (float("nan"), float("inf")):
            self.matrices("bad", change=lambda v: v[name][3].__setitem__(7, value))
            self.refused(INVALID, r"bad: 'other.weight': element \(3, 7\) is infinite or NaN")
        self.matrices("bad", change=lambda v: v[name][3].__setitem__(7, 1.0))
        self.refused(INVALID, r"'other.weight': the Hessian is not symmetric: elements \(7, 3\) and \(3, 7\) differ")
        self.matrices("bad", change=lambda v: [row.__setitem__(slice(None), [-x for x in row]) for row in v[name]])
        self.refused(INVALID, "'other.weight': the Hessian's diagonal is not positive")
        self.matrices("bad", change=lambda v: (v[name][0].__setitem__(1, 9.0), v[name][1].__setitem__(0, 9.0)))
        self.refused(INVALID, "'other.weight': the Hessian is not positive, with its damping: column 0", "--rotation", "none")
        self.matrices("bad", change=lambda v: v.update({name: [row[:-1] for row in v[name][:-1]]}))
        self.refused(USAGE, "'other.weight' has 128 columns and its Hessian 127")
        self.matrices("bad", change=lambda v: v[name].pop())
        self.refused(INVALID, "bad: 'other.weight': a Hessian is a square matrix of type F32")
        write_safetensors(self.path("bad"), [Tensor(name, "BF16", [2, 2])])
        self.refused(INVALID, "bad: 'other.weight': a Hessian is a square matrix")
        write_safetensors(self.path("bad"), [Tensor(name, "F32", [4])])
        self.refused(INVALID, "bad: 'other.weight': a Hessian is a square matrix")
        write_safetensors(self.path("bad"), [Tensor("x", "F32", [2, 2], f32([1.0, 0.0, 0.0, 1.0]))])
        self.refused(USAGE, "bad: names none of the tensors")
        write_file(self.path("bad"), b"{}")
        self.refused(INVALID, "bad: truncated")
        self.matrices("bad")
        self.refused(USAGE, "--hessian is for trellis coding, and tensor 'first.weight' would have block coding", "-p", "paper-4")
        self.refused(USAGE, "--importance and --hessian exclude each other", "--importance", "bad")

    def test_rows_that_are_no_runs(self):
        write_safetensors(self.path("m.safetensors"), [Tensor("a", "F32", [512, 32], f32(weights(512 * 32)))])
        write_safetensors(self.path("bad"), [Tensor("a", "F32", [32, 32], f32([float(i % 33 == 0) for i in range(1024)]))])
        self.refused(UNSUPPORTED, "'a' is not coded row by row, but in runs of 16384 weights")


if __name__ == "__main__":
    harness.main()
