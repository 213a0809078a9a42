"""From checkpoints to .slm and back: byte-identical where everything is raw; else different in tensor data alone."""

import io
import json
import os
import shutil
import subprocess
import tarfile
import unittest
import zipfile

import harness
from harness import DIFFERENT, QUICK, Tensor, bf16, f32, read_file, tree, weights, write_file, write_safetensors, write_shards

RAW = ["--exclude", "*"]


def all_dtypes():
    """A tensor of every type, in the order of the types' sizes as the safetensors library writes them; scalars, empty and odd ones too."""
    tensors = [Tensor("t.%s" % dtype, dtype, [3, 8]) for dtype, _ in sorted(harness.BITS.items(), key=lambda item: -item[1])]
    tensors += [Tensor("scalar", "F32", [], f32([1.5])), Tensor("empty", "F32", [0, 7]), Tensor("long", "U8", [1] * 12 + [5])]
    return tensors


class Lossless(harness.Case):
    def round_trip(self, source, target, kind_of="safetensors"):
        self.slm("encode", "-q", *RAW, "-o", "x.slm", source, stderr="")
        self.slm("verify", "-q", "--strict", "x.slm", stdout=r"^$", stderr="")
        self.slm("decode", "-q", "-o", target, "x.slm", stderr="")
        self.slm("diff", "-q", source, "x.slm", stdout=r"^$", stderr="")

    def test_every_dtype(self):
        write_safetensors(self.path("in.safetensors"), all_dtypes(), {"format": "pt", "note": "h\u00e9 \u4e16\u754c"})
        self.round_trip("in.safetensors", "out.safetensors")
        self.assertEqual(read_file(self.path("in.safetensors")), read_file(self.path("out.safetensors")))

    def test_no_tensors(self):
        write_safetensors(self.path("in.safetensors"), [], {"only": "metadata"})
        self.round_trip("in.safetensors", "out.safetensors")
        self.assertEqual(read_file(self.path("in.safetensors")), read_file(self.path("out.safetensors")))

    def test_header_as_it_was_written(self):
        """Spaces, order of keys, escapes: the header comes back to the byte."""
        data = f32(weights(4))
        header = (b'{ "b\\u0065ta" : {"data_offsets":[8,16], "dtype":"F32","shape":[2]},\n  "__metadata__":{"z":"1","a":"2"},'
                  b' "alpha":{"shape":[2,1],"dtype":"F32","data_offsets":[0,8]} }   ')
        write_safetensors(self.path("in.safetensors"), [Tensor("x", "F32", [4], data)], header=header)
        self.round_trip("in.safetensors", "out.safetensors")
        self.assertEqual(read_file(self.path("in.safetensors")), read_file(self.path("out.safetensors")))

    def test_sample_model(self):
        shutil.copytree(harness.SAMPLE, self.path("model"))
        self.round_trip("model", "again")
        self.assertEqual(tree(self.path("model")), tree(self.path("again")))

    def test_shards_and_side_files(self):
        write_shards(self.path("model"), [all_dtypes(), [Tensor("w", "BF16", [64, 64], bf16(weights(4096)))], [Tensor("v", "F16", [7])]],
                     {"config.json": b'{"a": 1}\n', "tokenizer.json": os.urandom(70000), "assets/chat template.jinja": b"{{ x }}",
                      "empty": b"", "\u00fcml\u00e4ut.txt": b"u"})
        self.round_trip("model", "again")
        self.assertEqual(tree(self.path("model")), tree(self.path("again")))
        names = [f["name"] for f in self.json("info", "x.slm")["files"][0]["side_files"]]
        self.assertIn("assets/chat template.jinja", names)
        self.assertIn("model.safetensors.index.json", names)

    def test_standard_streams(self):
        write_safetensors(self.path("in.safetensors"), all_dtypes())
        data = read_file(self.path("in.safetensors"))
        slm = self.slm("encode", "-q", *RAW, "-o", "-", "-", stdin=data, stderr="").out_bytes
        self.slm("verify", "-", stdin=slm, stdout=r"^standard input: valid")
        self.slm("info", "-", stdin=slm, stdout=r"^standard input: slm 1\.0")
        back = self.slm("decode", "-q", "-o", "-", "-", stdin=slm, stderr="").out_bytes
        self.assertEqual(back, data)


class Archives(harness.Case):
    def setUp(self):
        super().setUp()
        self.shards = [[Tensor("a", "BF16", [64, 64], bf16(weights(4096)))], all_dtypes()]
        write_shards(self.path("model"), self.shards, {"config.json": b"{}", "sub/vocab.txt": b"a\nb\n" * 1000})

    def check(self, archive):
        self.slm("encode", "-q", *RAW, "-o", "x.slm", archive, stderr="")
        self.slm("verify", "-q", "--strict", "x.slm", stderr="")
        self.slm("decode", "-q", "-o", "again", "x.slm", stderr="")
        self.assertEqual(tree(self.path("model")), tree(self.path("again")))
        self.slm("diff", "-q", archive, "x.slm", stderr="")
        self.slm("diff", "-q", "x.slm", archive, stderr="")
        self.slm("diff", "-q", archive, archive, code=harness.USAGE, stderr="at most one side")

    def tar(self, name, mode, inside="model"):
        with tarfile.open(self.path(name), mode, format=tarfile.PAX_FORMAT) as tar:
            tar.add(self.path("model"), inside)

    def test_tar(self):
        self.tar("m.tar", "w")
        self.check("m.tar")

    def test_tar_without_folder(self):
        self.tar("m.tar", "w", ".")
        self.check("m.tar")

    def test_tar_that_begins_as_zip_does(self):
        self.tar("m.tar", "w", "PK")
        self.check("m.tar")

    def test_tar_gz(self):
        self.tar("m.tar.gz", "w:gz")
        self.check("m.tar.gz")

    def test_tar_zst(self):
        if shutil.which("zstd") is None:
            self.skipTest("no zstd")
        self.tar("m.tar", "w")
        subprocess.run(["zstd", "-q", "--rm", "m.tar"], cwd=self.folder, check=True)
        self.check("m.tar.zst")

    def test_zip(self):
        for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2):
            with zipfile.ZipFile(self.path("m.zip"), "w", method) as z:
                for name, data in tree(self.path("model")).items():
                    z.writestr("model/" + name, data)
            self.check("m.zip")
            os.remove(self.path("x.slm"))
            shutil.rmtree(self.path("again"))

    def test_stream(self):
        self.tar("m.tar.gz", "w:gz")
        slm = self.slm("encode", "-q", *RAW, "-o", "-", "-", stdin=read_file(self.path("m.tar.gz")), stderr="").out_bytes
        write_file(self.path("x.slm"), slm)
        self.slm("decode", "-q", "-o", "again", "x.slm", stderr="")
        self.assertEqual(tree(self.path("model")), tree(self.path("again")))

    def unpacked(self, name):
        files = {}
        if name.endswith(".zip"):
            with zipfile.ZipFile(self.path(name)) as z:
                return {i.filename: z.read(i) for i in z.infolist() if not i.is_dir()}
        data = read_file(self.path(name))
        if name.endswith(".zst"):
            data = subprocess.run(["zstd", "-dcq"], input=data, stdout=subprocess.PIPE, check=True).stdout
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            for member in tar:
                if member.isfile():
                    files[member.name] = tar.extractfile(member).read()
        return files

    def test_decoding_to_archives(self):
        self.slm("encode", "-q", *RAW, "-o", "x.slm", "model", stderr="")
        for name in ("out.tar", "out.tar.gz", "out.zip") + (("out.tar.zst",) if shutil.which("zstd") else ()):
            with self.subTest(name):
                self.slm("decode", "-q", "-o", name, "x.slm", stderr="")
                files = self.unpacked(name)
                top = os.path.commonprefix([n.split("/")[0] + "/" for n in files]) if all("/" in n for n in files) else ""
                if not top.endswith("/"):
                    top = ""
                self.assertEqual({n[len(top):]: d for n, d in files.items()}, tree(self.path("model")))


class Coded(harness.Case):
    def setUp(self):
        super().setUp()
        self.tensors = [Tensor("model.embed_tokens.weight", "BF16", [64, 64], bf16(weights(4096, 2))),
                        Tensor("model.layers.0.mlp.up_proj.weight", "BF16", [32, 128], bf16(weights(4096, 3))),
                        Tensor("model.norm.weight", "F32", [128], f32(weights(128, 4, 1.0))),
                        Tensor("odd.weight", "F32", [63, 67], f32(weights(63 * 67, 5)))]
        write_safetensors(self.path("in.safetensors"), self.tensors, {"format": "pt"})

    def test_what_is_coded(self):
        self.slm("encode", "-q", "-o", "x.slm", "in.safetensors", stderr="")
        tensors = {t["name"]: t for t in self.json("info", "x.slm")["files"][0]["tensors"]}
        self.assertEqual({n: t["coding"] for n, t in tensors.items()},
                         {"model.embed_tokens.weight": "raw", "model.layers.0.mlp.up_proj.weight": "trellis", "model.norm.weight": "raw",
                          "odd.weight": "trellis"})
        up = tensors["model.layers.0.mlp.up_proj.weight"]
        self.assertEqual((up["runs"], up["run_length"], up["scales"]), (32, 128, 32))
        self.assertEqual(tensors["odd.weight"]["rotation"], 0)
        self.assertTrue(0.03 < up["error"] < 0.09, up["error"])

    def test_only_data_differs(self):
        self.slm("encode", "-q", *QUICK, "-o", "x.slm", "in.safetensors", stderr="")
        self.slm("verify", "-q", "--strict", "x.slm", stderr="")
        self.slm("decode", "-q", "-o", "out.safetensors", "x.slm", stderr="")
        a, b = read_file(self.path("in.safetensors")), read_file(self.path("out.safetensors"))
        begin = 8 + int.from_bytes(a[:8], "little")
        self.assertEqual(a[:begin], b[:begin])
        self.assertEqual(len(a), len(b))
        self.slm("diff", "in.safetensors", "out.safetensors", code=DIFFERENT, stdout=r"tensors: 2 identical, 2 different")
        self.slm("diff", "--max-error", "0.09", "in.safetensors", "out.safetensors", stdout="within --max-error 0.09")
        self.slm("diff", "-q", "x.slm", "out.safetensors", stdout="^$", stderr="")

    def test_same_bytes_with_any_threads(self):
        for threads in ("1", "2", "5"):
            self.slm("encode", "-q", *QUICK, "-T", threads, "-o", "x%s.slm" % threads, "in.safetensors", stderr="")
        self.assertEqual(read_file(self.path("x1.slm")), read_file(self.path("x2.slm")))
        self.assertEqual(read_file(self.path("x1.slm")), read_file(self.path("x5.slm")))

    def test_profiles_by_pattern(self):
        self.slm("encode", "-q", "--profile", "slm-3", "--profile-for", "*up_proj*=slm-2", "-o", "x.slm", "in.safetensors", stderr="")
        info = self.json("info", "x.slm")["files"][0]
        profiles = {t["name"]: info["profiles"][t["profile"]]["name"] for t in info["tensors"] if t["coding"] != "raw"}
        self.assertEqual(profiles, {"model.layers.0.mlp.up_proj.weight": "slm-2", "odd.weight": "slm-3"})

    def test_include_and_exclude(self):
        self.slm("encode", "-q", *QUICK, "--include", "model.*", "--exclude", "*up_proj*", "-o", "x.slm", "in.safetensors", stderr="")
        coded = [t["name"] for t in self.json("info", "x.slm")["files"][0]["tensors"] if t["coding"] != "raw"]
        self.assertEqual([n for n in coded if "up_proj" in n], [])

    def test_dry_run_writes_nothing(self):
        before = self.files()
        r = self.slm("encode", *QUICK, "--dry-run", "-o", "x.slm", "in.safetensors")
        self.assertEqual(self.files(), before)
        self.assertRegex(r.out + r.err, r"up_proj")
        self.assertRegex(r.out + r.err, r"raw")
        self.json("encode", *QUICK, "--dry-run", "-o", "x.slm", "in.safetensors")
        self.assertEqual(self.files(), before)

    def test_verify_option(self):
        self.slm("encode", "-q", *QUICK, "--verify", "-o", "x.slm", "in.safetensors", stderr="")

    def test_another_dtype(self):
        self.slm("encode", "-q", *QUICK, "-o", "x.slm", "in.safetensors", stderr="")
        self.slm("decode", "-q", "--dtype", "F32", "-o", "out.safetensors", "x.slm", stderr="")
        types = {n: t[0] for n, t in harness.read_safetensors(self.path("out.safetensors")).items()}
        self.assertEqual(set(types.values()), {"F32"})
        self.slm("diff", "--max-error", "0.09", "in.safetensors", "out.safetensors")

    def test_nonfinite_stays_raw_and_is_named(self):
        values = weights(4096)
        values[77] = float("nan")
        write_safetensors(self.path("nan.safetensors"), [Tensor("bad.weight", "F32", [64, 64], f32(values))])
        r = self.slm("encode", *QUICK, "-o", "x.slm", "nan.safetensors")
        self.assertRegex(r.err + r.out, r"bad\.weight")
        self.assertRegex(r.err + r.out, r"NaN|infinit|not finite")
        self.slm("diff", "-q", "nan.safetensors", "x.slm", stderr="")

    def test_reports(self):
        report = self.json("encode", *QUICK, "-o", "x.slm", "in.safetensors")
        self.assertEqual(report["command"], "encode")
        report = self.json("decode", "-o", "out.safetensors", "x.slm")
        self.assertEqual(report["command"], "decode")


class Sample(harness.Case):
    def test_sample_model(self):
        coded = "model.layers.0.self_attn.[kv]_proj.weight"
        self.slm("encode", "-q", *QUICK, "--verify", "--include", coded, "-o", "x.slm", harness.SAMPLE, stderr="")
        self.slm("verify", "x.slm", stdout=r"x\.slm: valid: \d+ tensors")
        self.slm("decode", "-q", "-o", "model", "x.slm", stderr="")
        report = self.json("diff", harness.SAMPLE, "model", code=DIFFERENT)
        different = [t for t in report["tensors"] if t["outcome"] == "different"]
        self.assertEqual(len(different), 2)
        for t in different:
            self.assertTrue(0.04 < t["relative_error"] < 0.09, t)
        self.assertEqual(read_file(os.path.join(harness.SAMPLE, "config.json")), read_file(self.path("model", "config.json")))


if __name__ == "__main__":
    harness.main()
