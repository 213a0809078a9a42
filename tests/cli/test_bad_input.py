"""Bad input: each kind has a message of its own that says what and where, an exit code, and leaves no file behind."""

import json
import os
import struct

import harness
from harness import FAILURE, INVALID, UNSUPPORTED, USAGE, Tensor, f32, read_file, weights, write_file, write_safetensors, write_shards


class Bad(harness.Case):
    messages = {}

    def encode(self, source, code, stderr):
        """Must fail, say so in words nobody else uses, and leave nothing."""
        before = self.files()
        r = self.slm("encode", "-q", "--exclude", "*", "-o", "out.slm", source, code=code, stderr=stderr)
        self.assertEqual(self.files(), before, "something was left behind")
        self.assertIn(source.rstrip("/").split("/")[0] if source != "-" else "standard input", r.err)
        return r

    def st(self, header, data=b"", name="in.safetensors", size=None):
        if not isinstance(header, bytes):
            header = json.dumps(header).encode()
        write_file(self.path(name), struct.pack("<Q", len(header) if size is None else size) + header + data)
        return name


class Safetensors(Bad):
    def test_empty_file(self):
        write_file(self.path("in.safetensors"), b"")
        self.encode("in.safetensors", INVALID, "empty|too short|truncated|ends")

    def test_missing_file(self):
        self.encode("no.safetensors", FAILURE, "No such file")

    def test_header_length_cut(self):
        write_file(self.path("in.safetensors"), b"\x10\0\0")
        self.encode("in.safetensors", INVALID, "in.safetensors")

    def test_truncated_header(self):
        self.encode(self.st(b'{"a":', size=100), INVALID, "header")

    def test_oversized_header(self):
        self.encode(self.st(b"{}", size=100000001), INVALID, "header.*100.?000.?00")
        self.encode(self.st(b"{}", size=2**64 - 1), INVALID, "header")

    def test_header_is_no_json(self):
        self.encode(self.st(b'{"a": }'), INVALID, "header")

    def test_header_is_no_object(self):
        self.encode(self.st(b"[1, 2]"), INVALID, "header")

    def test_duplicate_key(self):
        t = b'"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}'
        self.encode(self.st(b"{" + t + b"," + t + b"}", b"x"), INVALID, "duplicate|twice")

    def test_unknown_dtype(self):
        self.encode(self.st({"a": {"dtype": "F7", "shape": [1], "data_offsets": [0, 1]}}, b"x"), UNSUPPORTED, '"?a"?.*F7|F7.*"?a"?')

    def test_overlapping_offsets(self):
        self.encode(self.st({"a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}, "b": {"dtype": "U8", "shape": [4],
                             "data_offsets": [2, 6]}}, b"x" * 6), INVALID, "overlap|begin|follow|offset")

    def test_hole(self):
        self.encode(self.st({"a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}, "b": {"dtype": "U8", "shape": [4],
                             "data_offsets": [6, 10]}}, b"x" * 10), INVALID, "hole|gap|begin|offset")

    def test_size_differs_from_shape(self):
        self.encode(self.st({"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}}, b"x" * 8), INVALID, "a.*(shape|size|bytes)")

    def test_shape_overflow(self):
        self.encode(self.st({"a": {"dtype": "F32", "shape": [2**32, 2**32, 16], "data_offsets": [0, 8]}}, b"x" * 8), INVALID,
                    "large|overflow|shape|many")

    def test_negative_numbers(self):
        self.encode(self.st({"a": {"dtype": "U8", "shape": [-1], "data_offsets": [0, 1]}}, b"x"), INVALID, "a")

    def test_data_cut(self):
        self.encode(self.st({"a": {"dtype": "U8", "shape": [8], "data_offsets": [0, 8]}}, b"x" * 7), INVALID, "in.safetensors")

    def test_trailing_bytes(self):
        self.encode(self.st({"a": {"dtype": "U8", "shape": [8], "data_offsets": [0, 8]}}, b"x" * 9), INVALID, "in.safetensors")

    def test_half_a_byte(self):
        self.encode(self.st({"a": {"dtype": "F4", "shape": [3], "data_offsets": [0, 2]}}, b"xx"), INVALID, "whole|bits|byte")


class Folders(Bad):
    def setUp(self):
        super().setUp()
        self.a, self.b = Tensor("a", "U8", [8]), Tensor("b", "U8", [8])
        write_shards(self.path("model"), [[self.a], [self.b]])
        self.index = self.path("model", "model.safetensors.index.json")

    def shard(self, number):
        return "model-%05d-of-00002.safetensors" % number

    def test_folder_without_a_model(self):
        os.mkdir(self.path("nothing"))
        write_file(self.path("nothing", "config.json"), b"{}")
        self.encode("nothing", INVALID, "no model|safetensors")

    def test_missing_shard(self):
        os.remove(self.path("model", self.shard(2)))
        self.encode("model", INVALID, self.shard(2))

    def test_index_names_a_tensor_twice(self):
        write_file(self.index, ('{"metadata":{},"weight_map":{"a":"%s","b":"%s","a":"%s"}}' % (self.shard(1), self.shard(2), self.shard(2)))
                   .encode())
        self.encode("model", INVALID, "(twice|duplicate).*a")

    def test_tensor_in_two_shards(self):
        write_safetensors(self.path("model", self.shard(2)), [self.a, self.b])
        self.encode("model", INVALID, "a.*(twice|two|both|also|index)|(twice|both).*a")

    def test_tensor_of_the_index_is_missing(self):
        write_file(self.index, ('{"metadata":{},"weight_map":{"a":"%s","b":"%s","c":"%s"}}' % (self.shard(1), self.shard(2), self.shard(2)))
                   .encode())
        self.encode("model", INVALID, "c")

    def test_index_is_no_json(self):
        write_file(self.index, b"{")
        self.encode("model", INVALID, "index")

    def test_index_leaves_the_folder(self):
        write_file(self.index, b'{"metadata":{},"weight_map":{"a":"../x.safetensors"}}')
        self.encode("model", INVALID, r"\.\./x")

    def test_truncated_shard(self):
        data = read_file(self.path("model", self.shard(1)))
        write_file(self.path("model", self.shard(1)), data[:-1])
        self.encode("model", INVALID, self.shard(1))

    def test_cut_archive(self):
        import tarfile
        with tarfile.open(self.path("m.tar.gz"), "w:gz") as tar:
            tar.add(self.path("model"), "model")
        write_file(self.path("cut.tar.gz"), read_file(self.path("m.tar.gz"))[:-40])
        self.encode("cut.tar.gz", INVALID, "cut.tar.gz")

    def test_not_an_archive(self):
        write_file(self.path("noise.tar"), bytes(range(256)) * 40)
        self.encode("noise.tar", INVALID, "noise.tar")


class Slm(Bad):
    def setUp(self):
        super().setUp()
        write_safetensors(self.path("in.safetensors"), [Tensor("w", "F32", [16, 256], f32(weights(4096))), Tensor("r", "U8", [100])])
        self.slm("encode", "-q", *harness.QUICK, "-o", "good.slm", "in.safetensors")
        self.good = read_file(self.path("good.slm"))

    def damaged(self, data, code, stderr):
        write_file(self.path("bad.slm"), data)
        before = self.files()
        for command in (["info", "bad.slm"], ["verify", "bad.slm"], ["decode", "-o", "out.safetensors", "bad.slm"],
                        ["diff", "in.safetensors", "bad.slm"]):
            self.slm(*command, code=code, stderr=r"bad\.slm.*(%s)" % stderr)
        self.assertEqual(self.files(), before)

    def test_empty(self):
        self.damaged(b"", INVALID, r"TRUNCATED|ends before|empty|HDR")

    def test_other_file(self):
        self.damaged(b"hello, world\n" * 10, INVALID, r"HDR-1")

    def test_text_mode_transfer(self):
        self.damaged(self.good.replace(b"\r\n", b"\n", 1), INVALID, r"HDR-1")

    def test_cut_anywhere(self):
        for size in (1, 7, 8, 63, 64, 100, len(self.good) - 1):
            with self.subTest(size):
                self.damaged(self.good[:size], INVALID, r"\[(HDR|SEC|PAY)-\d+\]")

    def test_trailing_byte(self):
        self.damaged(self.good + b"\0", INVALID, r"HDR-1[45]")

    def test_header_bit(self):
        data = bytearray(self.good)
        data[24] ^= 1
        self.damaged(bytes(data), INVALID, r"HDR-5")

    def test_later_version(self):
        data = bytearray(self.good)
        data[8] = 2
        self.damaged(bytes(data), UNSUPPORTED, r"HDR-3")

    def test_payload_bit(self):
        tensor = self.json("info", "good.slm")["files"][0]["tensors"][0]
        data = bytearray(self.good)
        data[tensor["offset"] + 200] ^= 4
        write_file(self.path("bad.slm"), bytes(data))
        self.slm("info", "bad.slm")
        self.slm("verify", "bad.slm", code=INVALID, stdout=r"bad\.slm: invalid: .*1 faulty payload\n",
                 stderr=r'error: bad\.slm: .*\[SUM-\d+\] \(tensor "w", byte \d+\)')
        report = self.json("verify", "bad.slm", code=INVALID)["files"][0]
        self.assertEqual((report["verdict"], report["faulty_payloads"], report["faults"][0]["tensor"]), ("invalid", 1, "w"))
        self.assertEqual(report["faults"][0]["status"], "SLM_E_CHECKSUM")
        before = self.files()
        self.slm("decode", "-o", "out.safetensors", "bad.slm", code=INVALID, stderr='"?w"?')
        self.assertEqual(self.files(), before)

    def test_every_faulty_payload_is_told(self):
        info = self.json("info", "good.slm")["files"][0]
        data = bytearray(self.good)
        for tensor in info["tensors"]:
            data[tensor["offset"]] ^= 1
        write_file(self.path("bad.slm"), bytes(data))
        r = self.slm("verify", "-T", "3", "bad.slm", code=INVALID, stdout="2 faulty payloads")
        self.assertLess(r.err.index('"w"'), r.err.index('"r"'))

    def test_safetensors_named_instead(self):
        self.slm("verify", "in.safetensors", code=INVALID, stderr="seems to be a safetensors file")

    def test_folder_named_instead(self):
        os.mkdir(self.path("folder"))
        self.slm("verify", "folder", code=USAGE, stderr="is a folder")

    def test_several_files(self):
        write_file(self.path("bad.slm"), self.good[:-1])
        r = self.slm("verify", "good.slm", "bad.slm", "none.slm", "good.slm", code=FAILURE)
        self.assertEqual(r.out.count(": valid"), 2)
        self.slm("verify", "good.slm", "bad.slm", code=INVALID)


if __name__ == "__main__":
    harness.main()
