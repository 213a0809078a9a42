"""slm diff: figures against hand-made ones, every way in which two models can differ, exit codes."""

import math
import os

import harness
from harness import DIFFERENT, FAILURE, OK, Tensor, bf16, f32, write_safetensors, write_shards


class Diff(harness.Case):
    def write(self, name, *tensors):
        write_safetensors(self.path(name), list(tensors))

    def one(self, a, b, code=DIFFERENT):
        """The only tensor's entry of the report on two files that hold one each."""
        self.write("a.safetensors", a)
        self.write("b.safetensors", b)
        report = self.json("diff", "a.safetensors", "b.safetensors", code=code)
        self.assertEqual(len(report["tensors"]), 1)
        return report["tensors"][0]

    def test_figures(self):
        t = self.one(Tensor("x", "F32", [4], f32([3, 0, 4, 0])), Tensor("x", "F32", [4], f32([3, 0.5, 4, -1])))
        self.assertEqual(t["outcome"], "different")
        self.assertAlmostEqual(t["relative_error"], math.sqrt(1.25) / 5, places=8)
        self.assertEqual((t["maximum_error"], t["maximum_index"], t["different_elements"]), (1.0, 3, 2))
        self.assertAlmostEqual(t["snr_db"], 10 * math.log10(25 / 1.25), places=6)
        self.slm("diff", "a.safetensors", "b.safetensors", code=DIFFERENT, stdout=r"(?m)^x +F32 +\[4\] +- +0\.2236 +1 +13\.01$")

    def test_identical(self):
        t = self.one(Tensor("x", "F32", [2], f32([1, 2])), Tensor("x", "F32", [2], f32([1, 2])), code=OK)
        self.assertEqual((t["outcome"], t["relative_error"], t["snr_db"]), ("identical", 0, "inf"))
        self.slm("diff", "a.safetensors", "b.safetensors", stdout=r"^tensors: 1 identical\n$")
        self.slm("diff", "-v", "a.safetensors", "b.safetensors", stdout=r"(?m)^x .* identical$")

    def test_signed_zero_is_equal_but_not_identical(self):
        t = self.one(Tensor("x", "F32", [2], f32([0.0, 2])), Tensor("x", "F32", [2], f32([-0.0, 2])))
        self.assertEqual((t["outcome"], t["relative_error"]), ("equal", 0))
        self.slm("diff", "--max-error", "0", "a.safetensors", "b.safetensors")

    def test_nan_and_infinity(self):
        inf, nan = math.inf, math.nan
        t = self.one(Tensor("x", "F32", [6], f32([nan, inf, nan, inf, 1, 2])), Tensor("x", "F32", [6], f32([nan, inf, 1, -inf, nan, 3])))
        self.assertEqual((t["nonfinite_mismatches"], t["different_elements"], t["maximum_error"]), (3, 4, 1.0))
        self.assertEqual(t["relative_error"], 0.5)
        self.slm("diff", "--max-error", "1", "a.safetensors", "b.safetensors", code=DIFFERENT, stdout="3 pairs with NaN or infinity")
        t = self.one(Tensor("x", "F32", [2], f32([nan, inf])), Tensor("x", "F32", [2], f32([nan, inf])), code=OK)
        self.assertEqual(t["outcome"], "identical")

    def test_zero_reference(self):
        t = self.one(Tensor("x", "F32", [1], f32([0])), Tensor("x", "F32", [1], f32([1])))
        self.assertEqual((t["relative_error"], t["snr_db"]), ("inf", "-inf"))

    def test_types_of_floats_may_differ(self):
        t = self.one(Tensor("x", "F32", [2], f32([1, 2])), Tensor("x", "BF16", [2], bf16([1, 2])))
        self.assertEqual((t["outcome"], t["a"]["dtype"], t["b"]["dtype"]), ("equal", "F32", "BF16"))
        self.slm("diff", "--max-error", "0", "a.safetensors", "b.safetensors")
        import struct
        t = self.one(Tensor("x", "F64", [2], struct.pack("<dd", 1e300, 1)), Tensor("x", "F64", [2], struct.pack("<dd", 1e300, 2)))
        self.assertEqual(t["relative_error"], 1e-300)
        t = self.one(Tensor("x", "F16", [3], struct.pack("<eee", 1, 6e-8, 65504)), Tensor("x", "F32", [3], f32([1, 2 ** -24, 65504])))
        self.assertEqual(t["outcome"], "equal")

    def test_other_types_are_compared_by_bytes(self):
        t = self.one(Tensor("x", "I32", [2], bytes(8)), Tensor("x", "I32", [2], bytes(7) + b"\1"))
        self.assertEqual((t["outcome"], t["different_elements"]), ("different", 1))
        self.assertNotIn("relative_error", t)
        self.slm("diff", "--max-error", "1", "a.safetensors", "b.safetensors", code=DIFFERENT, stdout="1 of 2 elements differ")
        t = self.one(Tensor("x", "F4", [4], b"\1\2"), Tensor("x", "F4", [4], b"\1\3"))
        self.assertEqual(t["different_elements"], 1)
        t = self.one(Tensor("x", "I32", [2]), Tensor("x", "U32", [2]))
        self.assertEqual(t["outcome"], "dtype")

    def test_shape(self):
        t = self.one(Tensor("x", "F32", [2, 3]), Tensor("x", "F32", [3, 2]))
        self.assertEqual((t["outcome"], t["a"]["shape"], t["b"]["shape"]), ("shape", [2, 3], [3, 2]))
        self.slm("diff", "--max-error", "1", "a.safetensors", "b.safetensors", code=DIFFERENT, stdout=r"shape differs: \[3,2\] in B")

    def test_missing_tensors(self):
        self.write("a.safetensors", Tensor("x", "U8", [1]), Tensor("y", "U8", [1]))
        self.write("b.safetensors", Tensor("y", "U8", [1]), Tensor("z", "U8", [1]))
        r = self.slm("diff", "a.safetensors", "b.safetensors", code=DIFFERENT, stdout=r"1 identical, 1 only in A, 1 only in B")
        self.assertRegex(r.out, r"(?m)^x .* only in A$")
        self.assertRegex(r.out, r"(?m)^z .* only in B$")
        self.slm("diff", "--max-error", "9", "a.safetensors", "b.safetensors", code=DIFFERENT)
        self.slm("diff", "-t", "y", "a.safetensors", "b.safetensors", stdout="^tensors: 1 identical\n$")

    def test_max_error(self):
        self.one(Tensor("x", "F32", [1], f32([1])), Tensor("x", "F32", [1], f32([1.5])))
        self.slm("diff", "--max-error", "0.5", "a.safetensors", "b.safetensors", stdout="; within --max-error 0.5")
        self.slm("diff", "--max-error", "0.49", "a.safetensors", "b.safetensors", code=DIFFERENT, stdout="; NOT within --max-error 0.49")
        self.slm("diff", "-q", "--max-error", "0.49", "a.safetensors", "b.safetensors", code=DIFFERENT, stdout="^$", stderr="")

    def test_order_and_files_do_not_matter(self):
        x, y, z = (Tensor(n, "F32", [2], f32([i, -i])) for i, n in enumerate("xyz"))
        self.write("a.safetensors", x, y, z)
        write_shards(self.path("model"), [[z], [y, x]])
        self.slm("diff", "a.safetensors", "model", stdout="3 identical")
        self.slm("diff", "model", "a.safetensors", stdout="3 identical")
        self.slm("encode", "-q", *harness.QUICK, "-o", "m.slm", "model")
        self.slm("diff", "a.safetensors", "m.slm", stdout="3 identical")

    def test_long_tensors_go_in_pieces(self):
        n = (1 << 18) + 5
        data = f32([1.0]) * n
        t = self.one(Tensor("x", "F32", [n], data), Tensor("x", "F32", [n], data[:-4] + f32([3.0])))
        self.assertEqual((t["maximum_index"], t["different_elements"], t["elements"]), (n - 1, 1, n))

    def test_unreadable(self):
        self.write("a.safetensors", Tensor("x", "U8", [1]))
        self.slm("diff", "a.safetensors", "none.safetensors", code=FAILURE, stderr="none.safetensors.*No such file")
        self.slm("diff", "none.slm", "a.safetensors", code=FAILURE, stderr="none.slm.*No such file")


if __name__ == "__main__":
    harness.main()
