"""slm encode --rotation: chosen by what a sample of each tensor loses, or as told."""

import random

import harness
from harness import Tensor, f32, weights, write_safetensors

ROWS, COLUMNS = 8, 1024


def with_outliers(seed):
    """One in 512 at 30 sigma, too rare for segments of 256 to be alike."""
    r = random.Random(seed)
    return [30 * w if r.random() < 1 / 512 else w for w in weights(ROWS * COLUMNS, seed)]


def signs(seed):
    """One or minus one: what one bit a weight can say."""
    r = random.Random(seed)
    return [r.choice((-1.0, 1.0)) for _ in range(ROWS * COLUMNS)]


class Rotation(harness.Case):
    def setUp(self):
        super().setUp()
        self.tensors = {"gauss": weights(ROWS * COLUMNS, 2), "outliers": with_outliers(3), "signs": signs(4)}
        write_safetensors(self.path("m.safetensors"), [Tensor(n, "F32", [ROWS, COLUMNS], f32(v)) for n, v in self.tensors.items()])

    def encode(self, *arguments, **wanted):
        report = self.json("encode", "-f", "-o", "m.slm", *arguments, "m.safetensors", **wanted)
        return {t["name"]: t for t in report["tensors"]}

    def test_by_gain(self):
        tensors = self.encode("-p", "trellis,K=8,k=4")
        self.assertEqual(tensors["gauss"]["rotation"], 8)
        self.assertEqual(tensors["outliers"]["rotation"], 10)
        for t in tensors.values():
            tried = {o["rotation"]: o["sample_error"] for o in t["rotations_tried"]}
            self.assertEqual(list(tried), [8, 0, 9, 10])
            chosen = tried[t["rotation"]]
            for error in tried.values():
                self.assertLess(0.99 * 0.99 * chosen, error)
            # The sample is half the tensor, and the search another one.
            self.assertAlmostEqual(t["error"] / chosen, 1, delta=0.06)
        # What was chosen is what is coded, and it pays.
        fixed = self.encode("-p", "trellis,K=8,k=4", "--rotation", "8")
        self.assertNotIn("rotations_tried", fixed["outliers"])
        self.assertLess(tensors["outliers"]["error"], 0.9 * fixed["outliers"]["error"])
        self.assertEqual(tensors["gauss"]["error"], fixed["gauss"]["error"])

    def test_none_only_where_the_tails_were_seen(self):
        # Rows of 64 have many scales and do better without a rotation, but for one weight that no sample saw.
        usual = weights(4096 * 64, 5)
        unseen = list(usual)
        unseen[64 + 3] = 100.0
        write_safetensors(self.path("m.safetensors"),
                          [Tensor("usual", "F32", [4096, 64], f32(usual)), Tensor("unseen", "F32", [4096, 64], f32(unseen))])
        tensors = self.encode("-p", "trellis,K=8,k=4", "--dry-run")
        self.assertEqual([o["rotation"] for o in tensors["usual"]["rotations_tried"]], [6, 0])
        self.assertEqual(tensors["usual"]["rotation"], 0)
        self.assertNotIn(0, [o["rotation"] for o in tensors["unseen"]["rotations_tried"]])
        self.assertEqual(tensors["unseen"]["rotation"], 6)

    def test_none_where_it_errs_less(self):
        # One bit a weight and a scale: signs come back, but not once they are mixed.
        tensors = self.encode("-p", "trellis,K=8,P=1,W=1,k=1,step=1")
        self.assertEqual(tensors["signs"]["rotation"], 0)
        self.assertLess(tensors["signs"]["error"], 0.1)

    def test_as_told(self):
        for text, wanted in (("none", 0), ("5", 5), ("10", 10)):
            tensors = self.encode("-p", "trellis,K=8,k=3", "--rotation", text)
            self.assertEqual({t["rotation"] for t in tensors.values()}, {wanted})
            self.assertNotIn("rotations_tried", tensors["gauss"])

    def test_scales_stay_plain(self):
        # W = 6 and P = 4: with 9 or 10, scales would have to be powers of two.
        tensors = self.encode("-p", "trellis,K=8,W=6,k=5", "--dry-run")
        self.assertEqual([o["rotation"] for o in tensors["outliers"]["rotations_tried"]], [8, 0])
        # Two bits more, and 8 is too large already: smaller ones are tried.
        tensors = self.encode("-p", "trellis,K=8,W=8,k=5", "--dry-run")
        self.assertEqual([o["rotation"] for o in tensors["outliers"]["rotations_tried"]], [8, 0, 4, 5, 6])

    def test_dry_run_says_what_will_be(self):
        told = self.encode("-p", "trellis,K=8,k=4", "--dry-run")
        done = self.encode("-p", "trellis,K=8,k=4")
        for name, t in told.items():
            self.assertEqual((t["rotation"], t["rotations_tried"]), (done[name]["rotation"], done[name]["rotations_tried"]))
        r = self.slm("encode", "-p", "trellis,K=8,k=4", "--dry-run", "m.safetensors")
        self.assertRegex(r.out, r"outliers .* rotation 10,")

    def test_same_bytes_everywhere(self):
        self.encode("-p", "trellis,K=8,k=4", "-T", "1")
        first = harness.read_file(self.path("m.slm"))
        for threads, cpu in (("3", ""), ("1", "scalar")):
            self.slm("encode", "-q", "-f", "-p", "trellis,K=8,k=4", "-T", threads, "-o", "m.slm", "m.safetensors",
                     env={"SLM_CPU": cpu or None}, stderr="")
            self.assertEqual(harness.read_file(self.path("m.slm")), first)

    def test_block_coding_is_not_rotated(self):
        tensors = self.encode("-p", "block,C=4,P=2,K=8,W=4,step=2,E=1,B=3,norm=0")
        self.assertEqual({t["rotation"] for t in tensors.values()}, {0})
        self.assertNotIn("rotations_tried", tensors["outliers"])


if __name__ == "__main__":
    harness.main()
