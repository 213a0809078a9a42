"""slm encode --importance: errors weighed by column, its files, what it refuses."""

import math
import random
import struct

import harness
from harness import INVALID, UNSUPPORTED, USAGE, Tensor, f32, read_file, weights, write_file, write_safetensors

ROWS, COLUMNS = 16, 256
PROFILE = ("-p", "trellis,K=8,k=4")
NAMES = {"model.layers.0.self_attn.q_proj.weight": "blk.0.attn_q.weight", "model.layers.10.mlp.down_proj.weight": "blk.10.ffn_down.weight",
         "other.weight": "other.weight"}


def matrix(vectors, trailer=b""):
    """llama.cpp's importance matrix: sums over the calls, here three."""
    data = struct.pack("<i", len(vectors))
    for name, values in vectors.items():
        data += struct.pack("<i", len(name)) + name.encode() + struct.pack("<ii", 3, len(values)) + f32([3 * v for v in values])
    return data + trailer


class Importance(harness.Case):
    def setUp(self):
        super().setUp()
        r = random.Random(1)
        self.weights = {n: weights(ROWS * COLUMNS, i) for i, n in enumerate(NAMES)}
        # Powers of two, so that three times them is exact.
        self.values = {n: [2.0 ** r.randrange(-6, 6) for _ in range(COLUMNS)] for n in NAMES}
        write_safetensors(self.path("m.safetensors"), [Tensor(n, "F32", [ROWS, COLUMNS], f32(v)) for n, v in self.weights.items()])
        self.vectors("i.safetensors")

    def vectors(self, path, names=NAMES, dtype="F32", change=None):
        values = {n: list(self.values[n]) for n in names}
        if change:
            change(values)
        write_safetensors(self.path(path), [Tensor(n, dtype, [len(v)], f32(v)) for n, v in values.items()])

    def encode(self, *arguments, output="m.slm"):
        report = self.json("encode", "-f", *PROFILE, "-o", output, *arguments, "m.safetensors")
        return {t["name"]: t for t in report["tensors"]}

    def weighted(self, name, path):
        """The relative weighted error, from what comes out."""
        self.slm("decode", "-q", "-f", "--dtype", "F32", "-o", "back.safetensors", path)
        data = harness.read_safetensors(self.path("back.safetensors"))[name][-1]
        error = norm = 0
        for i, (w, v) in enumerate(zip(self.weights[name], struct.unpack("<%df" % (ROWS * COLUMNS), data))):
            error += self.values[name][i % COLUMNS] * (w - v) ** 2
            norm += self.values[name][i % COLUMNS] * w**2
        return math.sqrt(error / norm)

    def test_weighted_error(self):
        plain = self.encode(output="plain.slm")
        told = self.encode("--importance", "i.safetensors")
        for name, t in told.items():
            self.assertTrue(t["importance"])
            self.assertAlmostEqual(t["weighted_error"], self.weighted(name, "m.slm"), delta=1e-4 * t["weighted_error"])
            self.assertLess(t["weighted_error"], 0.8 * self.weighted(name, "plain.slm"))
            self.assertGreater(t["error"], plain[name]["error"])
            self.assertNotIn("weighted_error", plain[name])
            # A rotation would spread the errors again.
            self.assertEqual(t["rotation"], 0)
            self.assertIn(8, [o["rotation"] for o in t["rotations_tried"]])
        metadata = self.json("info", "m.slm")["files"][0]["metadata"]
        self.assertRegex(str(metadata), r"slm\.importance.*3 tensors, file of XXH3-64 [0-9a-f]{16}")
        self.assertNotIn("slm.importance", str(self.json("info", "plain.slm")["files"][0]["metadata"]))
        r = self.slm("encode", "-f", *PROFILE, "--verify", "--importance", "i.safetensors", "-o", "m.slm", "m.safetensors")
        self.assertRegex(r.out, r"weighed by importance: 3 of these tensors; weighted error of all 0\.0")

    def test_matrix_of_llama_cpp(self):
        self.encode("--importance", "i.safetensors")
        first = self.json("decode", "-f", "-o", "a.safetensors", "m.slm") and read_file(self.path("a.safetensors"))
        vectors = {NAMES[n]: v for n, v in self.values.items()}
        vectors["blk.0.attn_k.weight"] = [1.0, 2.0]  # of a tensor that is not there
        for trailer in (b"", struct.pack("<ii", 7, 4) + b"text"):
            write_file(self.path("i.dat"), matrix(vectors, trailer))
            self.encode("--importance", "i.dat", "-T", "3")
            self.slm("decode", "-q", "-f", "-o", "b.safetensors", "m.slm")
            self.assertEqual(read_file(self.path("b.safetensors")), first)

    def test_same_bytes(self):
        self.encode("--importance", "i.safetensors", "-T", "1")
        first = read_file(self.path("m.slm"))
        self.slm("encode", "-q", "-f", *PROFILE, "-T", "3", "--importance", "i.safetensors", "-o", "m.slm", "m.safetensors",
                 env={"SLM_CPU": "scalar"})
        self.assertEqual(read_file(self.path("m.slm")), first)

    def test_block_coding(self):
        coding = ("-p", "block,C=4,P=2,K=6,W=4,step=2,E=1,B=3,norm=0")
        plain = self.encode(*coding, output="plain.slm")
        told = self.encode(*coding, "--importance", "i.safetensors")
        for name, t in told.items():
            self.assertAlmostEqual(t["weighted_error"], self.weighted(name, "m.slm"), delta=1e-4 * t["weighted_error"])
            self.assertLess(t["weighted_error"], 0.95 * self.weighted(name, "plain.slm"))
            self.assertGreater(t["error"], plain[name]["error"])

    def test_some_tensors(self):
        self.vectors("some.safetensors", ["other.weight"])
        report = self.json("encode", "--dry-run", *PROFILE, "--importance", "some.safetensors", "m.safetensors", stderr="nothing for 2 of 3 coded")
        self.assertEqual([t["name"] for t in report["tensors"] if t["importance"]], ["other.weight"])
        # Equal numbers change nothing.
        self.encode(output="plain.slm")
        write_safetensors(self.path("equal.safetensors"), [Tensor("other.weight", "F32", [COLUMNS], f32([5.0] * COLUMNS))])
        self.encode("--importance", "equal.safetensors")
        for path in ("plain.slm", "m.slm"):
            self.slm("decode", "-q", "-o", path + ".safetensors", path)
        self.assertEqual(read_file(self.path("plain.slm.safetensors")), read_file(self.path("m.slm.safetensors")))

    def refused(self, code, stderr, *more):
        before = self.files()
        self.slm("encode", *PROFILE, *more, "--importance", "bad", "-o", "x.slm", "m.safetensors", code=code, stderr=stderr)
        self.assertEqual(self.files(), before)

    def test_refused(self):
        name = "other.weight"
        self.slm("encode", *PROFILE, "--importance", "none", "-o", "x.slm", "m.safetensors", code=harness.FAILURE, stderr="none: cannot open")
        for value in (-1.0, float("nan"), float("inf")):
            self.vectors("bad", change=lambda v: v[name].__setitem__(7, value))
            self.refused(INVALID, "bad: 'other.weight': element 7 is negative, infinite or NaN")
        self.vectors("bad", change=lambda v: v[name].append(1.0))
        self.refused(USAGE, "'other.weight' has 256 columns and its importance 257")
        write_safetensors(self.path("bad"), [Tensor("x", "F32", [COLUMNS], f32(self.values[name]))])
        self.refused(USAGE, "bad: names none of the tensors")
        write_safetensors(self.path("bad"), [Tensor(name, "I32", [COLUMNS])])
        self.refused(INVALID, "bad: 'other.weight': an importance is a vector")
        write_file(self.path("bad"), b"GGUF\3\0\0\0")
        self.refused(UNSUPPORTED, "bad: .*--output-format dat")
        self.vectors("bad")
        self.refused(USAGE, "--importance is for the exact search", "--search", "paper", "-p", "paper-4")
        good = matrix({NAMES[n]: v for n, v in self.values.items()})
        self.assertTrue(good)
        for cut in (0, 3, 4, 7, 8, 30, 40, 100, len(good) - 1):
            write_file(self.path("bad"), good[:cut])
            self.refused(INVALID, "bad: neither a safetensors file nor")
        write_file(self.path("bad"), good + b"1")
        self.refused(INVALID, "bad: neither a safetensors file nor")
        write_file(self.path("bad"), matrix({"other.weight": self.values[name]}) + b"\0" * 8 + b"1")
        self.refused(INVALID, "bad: neither")
        for number in (-1, 0, 1 << 30):
            write_file(self.path("bad"), struct.pack("<i", number) + good[4:])
            self.refused(INVALID, "bad: neither a safetensors file nor")
        one = matrix({name: self.values[name]})
        write_file(self.path("bad"), struct.pack("<i", 2) + one[4:] + one[4:])
        self.refused(INVALID, "bad: 'other.weight' is there twice")


if __name__ == "__main__":
    harness.main()
