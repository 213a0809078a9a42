"""Files that other programs may write: headers that do not agree, side files with evil in them, sections and payloads of a later format."""

import io
import os
import shutil
import subprocess
import tarfile
import unittest

import harness
import slm_file
from harness import INVALID, OK, UNSUPPORTED, Tensor, read_file, tree, write_file


class Foreign(harness.Case):
    def write(self, *args, **more):
        write_file(self.path("x.slm"), slm_file.make(*args, **more))

    tensors = [Tensor("a", "U8", [3]), Tensor("b", "I32", [2, 2])]

    def source(self, tensors=None, name="model.safetensors", count=2):
        return [(name, count, harness.safetensors_header(tensors or self.tensors))]


class Sound(Foreign):
    def test_sound_file(self):
        self.write(self.tensors, self.source(), [("key", "value")], slm_file.side_archive([("config.json", b"{}"), ("sub/x", b"y" * 70000)]))
        self.slm("verify", "--strict", "x.slm", stdout="valid", stderr="")
        self.slm("decode", "-q", "-o", "out", "x.slm", stderr="")
        self.assertEqual(set(tree(self.path("out"))), {"model.safetensors", "config.json", "sub/x"})

    def test_no_sources(self):
        self.write(self.tensors)
        self.slm("verify", "--strict", "x.slm", stdout="valid", stderr="")
        self.slm("decode", "-q", "-o", "out.safetensors", "x.slm", stderr="")
        self.slm("diff", "x.slm", "out.safetensors", stdout="2 identical")


class Headers(Foreign):
    def disagrees(self, stderr, **more):
        self.write(self.tensors, self.source(**more))
        self.slm("info", "x.slm")
        self.slm("verify", "x.slm", code=OK, stdout="valid: .*1 warning$", stderr=r"warning: x\.slm: .*%s.*\[ENC-7\]" % stderr)
        self.slm("verify", "--strict", "x.slm", code=INVALID, stdout="invalid")
        report = self.json("verify", "x.slm")["files"][0]
        self.assertEqual([w["rule"] for w in report["warnings"]], ["ENC-7"])
        before = self.files()
        self.slm("decode", "-o", "out.safetensors", "x.slm", code=INVALID)
        self.assertEqual(self.files(), before)

    def test_other_name(self):
        self.disagrees('"z" in the header, "b" in the index', tensors=[self.tensors[0], Tensor("z", "I32", [2, 2])])

    def test_other_dtype(self):
        self.disagrees('"b" is F32 in the header, I32 in the index', tensors=[self.tensors[0], Tensor("b", "F32", [2, 2])])

    def test_other_shape(self):
        self.disagrees('"b" has other shapes', tensors=[self.tensors[0], Tensor("b", "I32", [4])])

    def test_fewer_tensors(self):
        self.disagrees("lists 1 tensors, the index has 2", tensors=[self.tensors[0]])

    def test_no_json(self):
        self.write(self.tensors, [("model.safetensors", 2, b"nonsense")])
        self.slm("verify", "x.slm", code=OK, stderr=r"warning: x\.slm: .*\[ENC-7\]")


class SideFiles(Foreign):
    def refused(self, members, stderr):
        self.write(self.tensors, self.source(), side_files=slm_file.side_archive(members) if not isinstance(members, bytes) else members)
        self.slm("verify", "x.slm", code=OK, stdout="valid: .*1 warning", stderr=stderr)
        self.slm("verify", "--strict", "x.slm", code=INVALID)
        self.slm("info", "x.slm", code=INVALID, stderr=stderr)
        before = self.files()
        self.slm("decode", "-o", "out", "x.slm", code=INVALID)
        self.assertEqual(self.files(), before)
        self.assertFalse(os.path.exists(os.path.join(os.path.dirname(self.folder), "evil")))

    def link(self, kind, name, target):
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, target
        return info

    def test_climbing_name(self):
        self.refused([("../evil", b"x")], r"\.\./evil")

    def test_absolute_name(self):
        self.refused([("/tmp/evil", b"x")], r"/tmp/evil")

    def test_links(self):
        self.refused([self.link(tarfile.SYMTYPE, "evil", "/etc/passwd")], "evil")
        self.refused([self.link(tarfile.SYMTYPE, "d", ".."), ("d/evil", b"x")], '"?d"?')
        self.refused([("a", b"x"), self.link(tarfile.LNKTYPE, "evil", "a")], "evil")

    def test_devices_and_pipes(self):
        self.refused([self.link(tarfile.FIFOTYPE, "evil", "")], "evil")
        self.refused([self.link(tarfile.CHRTYPE, "evil", "")], "evil")

    def test_name_of_a_source(self):
        self.refused([("model.safetensors", b"x")], r"model\.safetensors.*\[SID-7\]")
        self.refused([("./model.safetensors", b"x")], r"model\.safetensors.*\[SID-7\]")

    def test_name_twice(self):
        self.refused([("a", b"x"), ("a", b"y")], "a")

    def test_file_and_folder(self):
        for members in ([("a", b"x"), ("a-", b"x"), ("a/b", b"y")], [("a/b/c", b"x"), ("a/b", b"y")]):
            self.refused(members, "is a file, and the folder of")

    def test_control_characters(self):
        for name in ("a\nb", "\x1b[2J", "a\x7f", "\t"):
            self.refused([(name, b"x")], "a name with control characters")

    def test_deep_folders(self):
        self.refused([("d/" * 65 + "x", b"x")], "nested more than 64 deep")
        self.write(self.tensors, self.source(), side_files=slm_file.side_archive([("d/" * 64 + "x", b"x")]))
        self.slm("decode", "-q", "-o", "out", "x.slm", stderr="")

    @unittest.skipUnless(shutil.which("zstd"), "no zstd")
    def test_bombs(self):
        """65 MiB of zeros in a few KiB; 65,537 files; as many folders."""
        def packed(members):
            out = io.BytesIO()
            with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
                for name, size in members:
                    info = tarfile.TarInfo(name)
                    info.size = size
                    info.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
                    tar.addfile(info, io.BytesIO(bytes(size)))
            return subprocess.run(["zstd", "-1", "-q", "-c"], input=out.getvalue(), stdout=subprocess.PIPE, check=True).stdout
        self.refused(packed([("zeros", 65 << 20)]), "'zeros' is refused: more than 1024 times")
        self.refused(packed([("a%d" % i, 13 << 20) for i in range(5)]), "'a4' is refused: more than 1024 times")
        for form, stderr in (("%x", "more than 65536"), ("%x/", "more than 65536 folders")):
            self.write(self.tensors, self.source(), side_files=packed([(form % i, 0) for i in range(65537)]))
            self.slm("info", "x.slm", code=INVALID, stderr=stderr)

    def test_stated_sizes(self):
        """A size that the archive does not hold."""
        for size in (1 << 33, (1 << 62) + 1):
            info = tarfile.TarInfo("a")
            info.size = size
            head = info.tobuf(tarfile.GNU_FORMAT)
            self.refused(slm_file.zstd_stored(head + bytes(1024)), "side files")

    def test_cut_archive(self):
        whole = slm_file.side_archive([("a", b"x" * 10000)])
        self.refused(whole[:-5000], "side files")

    def test_no_archive(self):
        self.refused(b"nonsense" * 100, "side files")

    def test_no_zstd(self):
        self.refused(b"", "side files")


class Later(Foreign):
    def everywhere(self, code, stderr):
        for command in (["info"], ["verify"], ["decode", "-o", "out.safetensors"], ["diff", "x.slm"]):
            self.slm(*command, "x.slm", code=code, stderr=stderr)

    def test_unknown_sections(self):
        self.write(self.tensors, sections=[(77, 0, b"may be ignored")])
        self.slm("verify", "--strict", "x.slm", stdout="valid")
        self.slm("info", "-v", "x.slm", stdout=r"(?m)^ +77  unknown +may ignore ")
        self.write(self.tensors, sections=[(0x80000001, 0, b"mine")])
        self.slm("info", "-v", "x.slm", stdout=r"2147483649  private +may ignore ")
        self.write(self.tensors, sections=[(77, 1, b"must be understood")])
        self.everywhere(UNSUPPORTED, r"x\.slm: .*0x0000004d.*\[SEC-\d+\]")

    def test_unknown_features(self):
        self.write(self.tensors, features=4)
        self.everywhere(UNSUPPORTED, r"x\.slm: .*\[HDR-6\]")

    def test_unknown_payloads(self):
        self.write(self.tensors, payloads=[(9, 0, b"whatever")])
        self.slm("verify", "--strict", "x.slm", stdout="valid")
        self.slm("info", "-v", "x.slm", stdout=r"kind 9 \(unknown\)")
        self.write(self.tensors, payloads=[(9, 1, b"whatever")])
        self.everywhere(UNSUPPORTED, r"\[PAY-\d+\]")


if __name__ == "__main__":
    harness.main()
