"""slm encode --bits: a profile for each tensor within an average, the best there is by the samples."""

import itertools

import harness
from harness import USAGE, Tensor, f32, weights, write_safetensors

PROFILES = ["slm-2", "slm-2.5", "slm-3", "slm-3.5", "slm-4", "slm-5", "slm-6"]
# Rows, columns, standard deviation: the larger ones gain most by a bit.
SHAPES = {"a": (8, 512, 0.01), "b": (12, 512, 0.02), "c": (8, 512, 0.08), "d": (8, 512, 0.3)}


class Budget(harness.Case):
    def setUp(self):
        super().setUp()
        self.values = {n: weights(rows * columns, i, scale) for i, (n, (rows, columns, scale)) in enumerate(SHAPES.items())}
        write_safetensors(self.path("m.safetensors"), [Tensor(n, "F32", SHAPES[n][:2], f32(v)) for n, v in self.values.items()])

    def plan(self, *arguments, **more):
        return self.json("encode", "--dry-run", *arguments, "m.safetensors", **more)

    def test_within_and_near(self):
        for bits in (2.2, 3.5, 7):
            report = self.plan("--bits", bits)
            self.assertEqual(report["bits_wanted"], bits)
            self.assertLessEqual(report["coded_bits"], bits)
            self.assertGreater(report["coded_bits"], min(bits, 6.05) - 0.5)
            for t in report["tensors"]:
                self.assertIn(t["profile"], PROFILES)
            order = [PROFILES.index(t["profile"]) for t in report["tensors"]]
            self.assertEqual(order, sorted(order))  # by standard deviation

    def test_is_the_best(self):
        """Of all ways to give the tensors profiles within the size that was used, none has less error, by the errors of the whole tensors."""
        tried = {}
        for profile in PROFILES:
            report = self.json("encode", "-f", "--search", "fast", "-p", profile, "-o", "m.slm", "m.safetensors")
            for t in report["tensors"]:
                norm = sum(w * w for w in self.values[t["name"]])
                tried[t["name"], profile] = (t["bytes"], t["error"] ** 2 * norm)
        for bits in (3, 3.5):
            chosen = {t["name"]: t["profile"] for t in self.plan("--bits", bits)["tensors"]}
            size = sum(tried[n, p][0] for n, p in chosen.items())
            error = sum(tried[n, p][1] for n, p in chosen.items())
            for choice in itertools.product(PROFILES, repeat=len(SHAPES)):
                other = [tried[n, p] for n, p in zip(SHAPES, choice)]
                if sum(o[0] for o in other) <= size:
                    self.assertGreater(sum(o[1] for o in other), error * 0.97, (bits, choice, chosen))

    def test_plan_is_what_is_done(self):
        told = self.plan("--bits", "2.4")
        first = None
        for more in (("-T", "1"), ("-T", "3")):
            done = self.json("encode", "-f", "--bits", "2.4", "--verify", "--search", "fast", *more, "-o", "m.slm", "m.safetensors")
            self.assertEqual([(t["profile"], t["rotation"], t["bytes"]) for t in done["tensors"]],
                             [(t["profile"], t["rotation"], t["bytes"]) for t in told["tensors"]])
            self.assertEqual(done["coded_bits"], told["coded_bits"])
            data = harness.read_file(self.path("m.slm"))
            self.assertEqual(data, first or data)
            first = data

    def test_named_tensors_count(self):
        report = self.plan("--bits", "3", "--profile-for", "d=paper-4")
        profiles = {t["name"]: t["profile"] for t in report["tensors"]}
        self.assertEqual(profiles["d"], "paper-4")
        self.assertLessEqual(report["coded_bits"], 3)
        self.assertLess(PROFILES.index(profiles["c"]), PROFILES.index("slm-4"))

    def test_importance_moves_bits(self):
        plain = {t["name"]: t["profile"] for t in self.plan("--bits", "3.5", "--rotation", "none")["tensors"]}
        # As if a's inputs were a thousand times as large as the others'.
        write_safetensors(self.path("i.safetensors"),
                          [Tensor(n, "F32", [columns], f32([(1e6 if n == "a" else 1.0) * (1 + c % 2) for c in range(columns)]))
                           for n, (rows, columns, scale) in SHAPES.items()])
        told = {t["name"]: t["profile"] for t in self.plan("--bits", "3.5", "--rotation", "none", "--importance", "i.safetensors")["tensors"]}
        self.assertEqual(told["a"], "slm-6")
        self.assertLess(PROFILES.index(plain["a"]), PROFILES.index("slm-4"))

    def test_rotation_as_told(self):
        self.assertEqual({t["rotation"] for t in self.plan("--bits", "4", "--rotation", "none")["tensors"]}, {0})
        for t in self.plan("--bits", "5.5", "--rotation", "9")["tensors"]:
            self.assertEqual(t["rotation"], 8 if t["profile"] in ("slm-5", "slm-6") else 9)

    def test_refused(self):
        self.slm("encode", "--dry-run", "--bits", "2", "m.safetensors", code=USAGE, stderr=r"--bits 2 cannot be: the smallest profiles make 2\.1\d+ bits")
        self.slm("encode", "--dry-run", "--bits", "3", "-p", "slm-4", "m.safetensors", code=USAGE, stderr="exclude each other")
        for text in ("0", "x", "17", "nan", "-3", ""):
            self.slm("encode", "--dry-run", "--bits", text, "m.safetensors", code=USAGE, stderr="--bits")
        self.slm("encode", "--dry-run", "--bits", "3", "--search", "paper", "m.safetensors", code=USAGE, stderr="paper")


if __name__ == "__main__":
    harness.main()
