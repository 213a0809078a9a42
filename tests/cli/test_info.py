"""slm info and slm verify on sound files: what they show, text and JSON."""

import harness
from harness import INVALID, Tensor, bf16, f32, read_file, weights, write_file, write_safetensors, write_shards


class Info(harness.Case):
    def setUp(self):
        super().setUp()
        self.shards = [[Tensor("layer.q.weight", "BF16", [32, 128], bf16(weights(4096))), Tensor("ids", "I64", [5])],
                       [Tensor("layer.k.weight", "F32", [64, 64], f32(weights(4096, 2))), Tensor("scalar", "F16", [])]]
        write_shards(self.path("model"), self.shards, {"config.json": b'{"model": 1}\n'})
        self.slm("encode", "-q", "--profile", "slm-4", "--profile-for", "*k*=slm-2", "--rotation", "6", "-o", "x.slm", "model", stderr="")

    def test_text(self):
        r = self.slm("info", "x.slm", stderr="")
        self.assertRegex(r.out, r"^x\.slm: slm 1\.0, [\d.]+ KiB \([\d,]+ bytes\)\n")
        self.assertRegex(r.out, r"(?m)^  weights +8,198 in 4 tensors, [\d.]+ bits a weight with everything$")
        self.assertRegex(r.out, r"(?m)^  coded +8,192 in 2 tensors, [\d.]+ bits a weight, ")
        self.assertRegex(r.out, r"(?m)^  \d  slm-4 +trellis K=16 step=29 W=4 P=4 C=1 k=4, 4\.000 bits a weight\n +x\^16 \+ x\^15 \+ x\^13 \+ x\^11 \+ x\^9 \+ x\^8 \+ x\^6 \+ x\^4 \+ x\^2 \+ x \+ 1$")
        self.assertRegex(r.out, r"(?m)^  layer\.q\.weight +BF16 +\[32,128\] +slm-4 +6 +32 +\d\.\d{3} +[\d,]+ +0\.0\d+$")
        self.assertRegex(r.out, r"(?m)^  layer\.k\.weight +F32 +\[64,64\] +slm-2 +6 +64 +\d\.\d{3} +[\d,]+ +0\.\d+$")
        self.assertRegex(r.out, r"(?m)^  ids +I64 +\[5\] +raw +- +- +64\.000 +40 +-$")
        self.assertRegex(r.out, r"(?m)^  scalar +F16 +\[\] +raw")
        self.assertRegex(r.out, r"(?m)^  model-00001-of-00002\.safetensors: 2 tensors, header of \d+ bytes$")
        self.assertRegex(r.out, r"(?m)^  config\.json: 13 bytes$")

    def test_verbose(self):
        r = self.slm("info", "-v", "x.slm", stderr="")
        self.assertRegex(r.out, r"(?m)^ +1  profiles +must understand  offset \d+, \d+ bytes$")
        self.assertRegex(r.out, r"(?m)^  kind 2 \(side files\)  offset \d+, \d+ bytes$")

    def test_some_tensors(self):
        r = self.slm("info", "-t", "*.q.*", "-t", "i?s", "x.slm")
        self.assertIn("layer.q.weight", r.out)
        self.assertIn("  ids ", r.out)
        self.assertNotIn("layer.k.weight", r.out)

    def test_json(self):
        info = self.json("info", "x.slm")["files"][0]
        self.assertEqual((info["path"], info["status"], info["format"], info["bytes"]),
                         ("x.slm", "SLM_OK", "1.0", len(read_file(self.path("x.slm")))))
        self.assertEqual((info["weights"], info["coded_tensors"], info["coded_weights"]), (8198, 2, 8192))
        self.assertEqual({p["name"]: p["polynomial"] for p in info["profiles"]},
                         dict.fromkeys(("slm-4", "slm-2"), "x^16 + x^15 + x^13 + x^11 + x^9 + x^8 + x^6 + x^4 + x^2 + x + 1"))
        self.assertEqual([s["name"] for s in info["sources"]], ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"])
        self.assertEqual({t["name"]: (t["dtype"], t["shape"], t["coding"]) for t in info["tensors"]},
                         {"layer.q.weight": ("BF16", [32, 128], "trellis"), "ids": ("I64", [5], "raw"),
                          "layer.k.weight": ("F32", [64, 64], "trellis"), "scalar": ("F16", [], "raw")})
        for t in info["tensors"]:
            self.assertEqual(t["offset"] % info["alignment"], 0)
        coded = sum(t["bytes"] for t in info["tensors"] if t["coding"] != "raw")
        self.assertEqual(coded, info["coded_bytes"])
        self.assertAlmostEqual(info["coded_bits_per_weight"], 8 * coded / 8192)

    def test_several_files(self):
        write_file(self.path("bad.slm"), b"\x89SLM")
        r = self.slm("info", "x.slm", "bad.slm", "x.slm", code=INVALID)
        self.assertEqual(r.out.count("x.slm: slm 1.0"), 2)
        files = self.json("info", "x.slm", "bad.slm", code=INVALID)["files"]
        self.assertEqual([f["status"] for f in files], ["SLM_OK", "SLM_E_TRUNCATED"])


class Verify(harness.Case):
    def test_valid(self):
        write_safetensors(self.path("in.safetensors"), [Tensor("w", "F32", [16, 256], f32(weights(4096))), Tensor("r", "U8", [100])])
        self.slm("encode", "-q", *harness.QUICK, "-o", "x.slm", "in.safetensors", stderr="")
        self.slm("verify", "x.slm", stdout=r"^x\.slm: valid: 2 tensors, [\d.]+ KiB\n$", stderr="")
        self.slm("verify", "-q", "x.slm", stdout="^$", stderr="")
        for threads in ("0", "1", "3", "1024"):
            self.slm("verify", "-T", threads, "x.slm", stdout="valid", stderr="")
        report = self.json("verify", "x.slm")["files"][0]
        self.assertEqual((report["verdict"], report["faults"], report["warnings"], report["tensors"]), ("valid", [], [], 2))

    def test_codings_of_the_paper(self):
        write_safetensors(self.path("in.safetensors"), [Tensor("w", "F32", [48, 96], f32(weights(4608)))])
        for profile, low, high in (("paper-4", 0.10, 0.13), ("paper-3", 0.19, 0.24)):
            with self.subTest(profile):
                self.slm("encode", "-q", "-f", "--profile", profile, "--search", "paper", "-o", "x.slm", "in.safetensors", stderr="")
                self.slm("verify", "x.slm", stdout="valid", stderr="")
                tensor = self.json("info", "x.slm")["files"][0]["tensors"][0]
                self.assertEqual((tensor["coding"], tensor["runs"], tensor["scales"], tensor["rotation"]), ("block", 1, 1, 0))
                self.assertTrue(low < tensor["error"] < high, tensor["error"])
                self.slm("diff", "--max-error", str(high), "in.safetensors", "x.slm")


if __name__ == "__main__":
    harness.main()
