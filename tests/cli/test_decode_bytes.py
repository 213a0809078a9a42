"""slm decode --bytes: tensors' bytes alone, in the order of the file."""

import harness
from harness import Tensor


class DecodeBytes(harness.Case):
    def model(self):
        values = harness.f32(harness.weights(64 * 64))
        harness.write_safetensors(self.path("in.safetensors"), [Tensor("ids", "I64", [3]), Tensor("w", "F32", [64, 64], values), Tensor("norm", "F32", [4])])
        self.slm("encode", "-q", *harness.QUICK, "-o", "m.slm", "in.safetensors")
        return harness.read_safetensors(self.path("in.safetensors"))

    def test_order_and_types(self):
        before = self.model()
        self.slm("decode", "-q", "m.slm", "-o", "whole.safetensors")
        decoded = harness.read_safetensors(self.path("whole.safetensors"))
        self.slm("decode", "-q", "--bytes", "m.slm", "-o", "own")
        self.assertEqual(harness.read_file(self.path("own")), b"".join(decoded[name][2] for name in before))
        for dtype, size in (("f32", 4), ("f16", 2), ("bf16", 2)):
            self.slm("decode", "-q", "--bytes", "--dtype", dtype, "m.slm", "-o", dtype)
            data = harness.read_file(self.path(dtype))
            # Raw tensors stay as they are, F32 ones too.
            self.assertEqual(len(data), 24 + 64 * 64 * size + 16)
            self.assertEqual((data[:24], data[-16:]), (before["ids"][2], before["norm"][2]))

    def test_standard_output_and_refusals(self):
        self.model()
        self.slm("decode", "-q", "--bytes", "m.slm", "-o", "here.tar")  # no archive: the bytes
        out = self.slm("decode", "-q", "--bytes", "m.slm", "-o", "-")
        self.assertEqual(out.out_bytes, harness.read_file(self.path("here.tar")))
        self.slm("decode", "--bytes", "m.slm", "-o", "here.tar", code=harness.USAGE, stderr="exists")
        report = self.json("decode", "--bytes", "-f", "m.slm", "-o", "here.tar")
        self.assertEqual((report["output_kind"], report["bytes"]), ("bytes", len(out.out_bytes)))

    def test_everything_is_verified_first(self):
        self.model()
        data = bytearray(harness.read_file(self.path("m.slm")))
        data[-1] ^= 1  # padding behind the last payload, or its last byte
        harness.write_file(self.path("bad.slm"), bytes(data))
        out = self.slm("decode", "--bytes", "bad.slm", "-o", "-", code=harness.INVALID, stderr="SUM-4|PAY-14")
        self.assertEqual(out.out_bytes, b"")
        self.slm("decode", "--bytes", "bad.slm", "-o", "none", code=harness.INVALID)
        self.assertNotIn("none", self.files())


if __name__ == "__main__":
    harness.main()
