"""Small files that claim to be large: read within 64 MiB of address space above the file's own size, to a message and an exit code. And
files of many small things: read in a time that grows with their number, not with its square."""

import gzip
import json
import os
import resource
import struct
import subprocess
import tarfile
import unittest
import zipfile

import harness
import slm_file
from harness import FAILURE, INVALID, UNSUPPORTED, Tensor, safetensors_header, write_file
from slm_file import xxh3_64

ROOM = 64 << 20
REFUSED = (FAILURE, INVALID, UNSUPPORTED)


def tar(members):
    """An archive of (name, content)."""
    pieces = []
    for name, content in members:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        pieces += [info.tobuf(tarfile.PAX_FORMAT), content, bytes(-len(content) % 512)]
    return b"".join(pieces) + bytes(1024)


def safetensors(name):
    header = safetensors_header([Tensor(name, "U8", [1])])
    return struct.pack("<Q", len(header)) + header + b"x"


def zstd(data):
    return subprocess.run(["zstd", "-qc"], input=data, stdout=subprocess.PIPE, check=True).stdout


class Bombs(harness.Case):
    def setUp(self):
        super().setUp()

        def room():
            resource.setrlimit(resource.RLIMIT_AS, (ROOM, ROOM))
        p = subprocess.run([harness.SLM, "version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=room)
        if p.returncode != 0:
            self.skipTest("this program needs more address space than that (sanitizers do)")

    def within(self, args, path, code=REFUSED, stderr="slm: error: "):
        """Runs slm with 64 MiB of address space beyond the size of the file at `path`."""
        size = os.path.getsize(self.path(path))
        before = self.files()
        r = self.slm(*args, code=code, stderr=stderr, memory=ROOM + size)
        self.assertEqual(self.files(), before)
        return r

    def header(self, text, size=None):
        write_file(self.path("in.safetensors"), struct.pack("<Q", len(text) if size is None else size) + text)
        return self.within(["encode", "-T", "1", "-o", "out.slm", "in.safetensors"], "in.safetensors")

    # What costs jansson most for each byte, and what is longest or deepest.
    TEXTS = {
        "objects": (b'{"a":[{}', b",{}", b"]}"),
        "arrays": (b'{"a":[[]', b",[]", b"]}"),
        "integers": (b'{"a":[1', b",1", b"]}"),
        "reals": (b'{"a":[1.5', b",1.5", b"]}"),
        "strings": (b'{"a":[""', b',""', b"]}"),
        "one string": (b'{"a":"', b"xxxx", b'"}'),
        "digits": (b'{"a":[1', b"1111", b"]}"),
        "nested arrays": (b'{"a":', b"[[[[", b""),
        "nested objects": (b"", b'{"a":', b""),
        "spaces": (b"{", b"    ", b"}x"),
        "shape": (b'{"a":{"dtype":"U8","data_offsets":[0,0],"shape":[0', b",1", b"]}}"),
        "dtype": (b'{"a":{"shape":[0],"data_offsets":[0,0],"dtype":"', b"UUUU", b'"}}'),
    }

    def test_safetensors_headers(self):
        for name, (begin, middle, end) in self.TEXTS.items():
            for size in (100 << 10, 4 << 20):
                with self.subTest(name, size=size):
                    self.header(begin + middle * (size // len(middle)) + end)

    def test_many_keys(self):
        for form in ('"%x":0', '"%x":{}', '"%x":{"dtype":"U8","shape":[0],"data_offsets":[0,1]}'):
            with self.subTest(form):
                self.header(("{" + ",".join(form % i for i in range(60000)) + "}").encode())
        with self.subTest("metadata"):
            self.header(('{"__metadata__":{' + ",".join('"%x":""' % i for i in range(200000)) + ',"a b":1}}').encode())

    def test_largest_header(self):
        """100,000,000 bytes, the most there can be."""
        for begin, middle, end in (self.TEXTS["objects"], self.TEXTS["nested arrays"], self.TEXTS["one string"]):
            with self.subTest(begin):
                left = 100000000 - len(begin) - len(end)
                text = begin + middle * (left // len(middle)) + end
                self.header(text + b" " * (100000000 - len(text)))

    def test_header_that_is_not_there(self):
        for size in (2, 99999999, 100000000, 1 << 32, (1 << 64) - 1):
            self.header(b"{", size=size)

    def test_shard_index(self):
        os.mkdir(self.path("model"))
        for name, (begin, middle, end) in self.TEXTS.items():
            with self.subTest(name):
                write_file(self.path("model", "model.safetensors.index.json"), b'{"weight_map":' + begin + middle * ((4 << 20) // len(middle)) + end + b"}")
                self.within(["encode", "-o", "out.slm", "model"], "model/model.safetensors.index.json")

    def archive(self, members, stderr):
        """An archive of next to no size: what is in it compresses well."""
        write_file(self.path("in.tar.gz"), gzip.compress(tar(members), 6))
        self.assertLess(os.path.getsize(self.path("in.tar.gz")), 2 << 20)
        self.within(["encode", "-T", "1", "-o", "out.slm", "in.tar.gz"], "in.tar.gz", INVALID, stderr)

    LONG = "/".join(["m"] + ["d" * 250] * 15)

    def test_headers_in_an_archive(self):
        size = 25000000
        header = struct.pack("<Q", size) + b"{" + b" " * (size - 2) + b"}"
        for count in (1, 4):
            with self.subTest(count):
                self.archive([("m/%d.safetensors" % i, header) for i in range(count)], "names, safetensors headers and shard index of more than")

    def test_index_in_an_archive(self):
        members = [("m/model.safetensors.index.json", b'{"weight_map":{' + b" " * 20000000 + b"}}")]
        self.archive(members, "names, safetensors headers and shard index of more than")

    def test_names_in_an_archive(self):
        self.archive([("%s/f%d" % (self.LONG, i), b"") for i in range(12000)], "names, safetensors headers and shard index of more than")

    def test_faults_in_an_archive(self):
        self.archive([("m/f%d.safetensors" % i, b"") for i in range(40000)], "several safetensors files")

    def test_names_of_side_files(self):
        names = [("%s/f%d" % (self.LONG, i), b"") for i in range(12000)]
        write_file(self.path("x.slm"), slm_file.make([Tensor("a", "U8", [3])], side_files=zstd(tar(names))))
        for command in (["info"], ["decode", "-T", "1", "-o", "out"]):
            self.within(command + ["x.slm"], "x.slm", INVALID, "side files: names of more than")

    def test_sparse_maps(self):
        """libarchive reads the map of a sparse file as a part of its header, and holds 48 bytes for each 4 of it."""
        for count in (200000, 10000000):
            pieces = b"%d\n" % count + b"0\n0\n" * count
            info = tarfile.TarInfo("GNUSparseFile.0/m/f")
            info.size = len(pieces) + -len(pieces) % 512 + 512
            info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "m/f", "GNU.sparse.realsize": "512"}
            packed = zstd(info.tobuf(tarfile.PAX_FORMAT) + pieces + bytes(-len(pieces) % 512) + b"x" * 512 + bytes(1024))
            self.assertLess(len(packed), 1 << 14)
            wanted = "map of a sparse file, of more than" if count > 1000000 else None
            write_file(self.path("in.tar.zst"), packed)
            self.within(["encode", "-T", "1", "-o", "out.slm", "in.tar.zst"], "in.tar.zst", INVALID, wanted)
            write_file(self.path("x.slm"), slm_file.make([Tensor("a", "U8", [3])], side_files=packed))
            self.within(["info", "x.slm"], "x.slm", INVALID, wanted)

    def test_zip_windows(self):
        """A member compressed with LZMA says how much memory it takes to read: up to 4 GiB."""
        for method, code in ((zipfile.ZIP_LZMA, UNSUPPORTED), (zipfile.ZIP_DEFLATED, INVALID)):
            with zipfile.ZipFile(self.path("in.zip"), "w", method) as z:
                z.writestr("m/model.safetensors", safetensors("a") + b"x")
            self.within(["encode", "-T", "1", "-o", "out.slm", "in.zip"], "in.zip", code,
                        r"compressed in a way that is not read in a zip \(lzma\)" if code == UNSUPPORTED else None)  # fmt: skip

    def test_compressed_twice(self):
        """A kilobyte may then be a terabyte."""
        plain = tar([("m/model.safetensors", safetensors("a"))])
        for packed in (gzip.compress(gzip.compress(plain)), zstd(zstd(plain)), gzip.compress(zstd(plain))):
            write_file(self.path("in.tar.gz"), packed)
            self.within(["encode", "-T", "1", "-o", "out.slm", "in.tar.gz"], "in.tar.gz", INVALID, "compressed more than once")
        write_file(self.path("x.slm"), slm_file.make([Tensor("a", "U8", [3])], side_files=zstd(zstd(tar([("f", b"")])))))
        self.within(["info", "x.slm"], "x.slm", INVALID, "compressed more than once")

    def test_slm_index(self):
        """Every number of an index in turn is the largest, and one that is merely large; the checksums are right."""
        tensors = [Tensor("a", "U8", [3]), Tensor("b", "I32", [2, 2])]
        good = slm_file.make(tensors, [("model.safetensors", 2, safetensors_header(tensors))], [("key", "value")])
        size = struct.unpack("<Q", good[32:40])[0]
        for at in range(64, 64 + size, 4):
            for value in (b"\xff\xff\xff\xff", b"\x00\x00\x10\x00"):
                data = bytearray(good)
                data[at:at + 4] = value
                data[40:48] = struct.pack("<Q", xxh3_64(bytes(data[64:64 + size])))
                data[56:64] = struct.pack("<Q", xxh3_64(bytes(data[:56])))
                write_file(self.path("x.slm"), data)
                r = self.slm("info", "-v", "x.slm", code=(0,) + REFUSED, memory=ROOM)
                if r.code == 0:
                    self.slm("verify", "-T", "1", "x.slm", code=(0,) + REFUSED, memory=ROOM)

    def test_slm_sizes(self):
        """A header that states a large index in a file that has the bytes: they are zeros, and sparse."""
        good = slm_file.make([Tensor("a", "U8", [3])])
        for index in (1 << 20, 1 << 26, 1 << 30, (1 << 30) + 8, 1 << 62):
            for filled in (False, True):
                data = bytearray(good)
                total = 64 + (min(index, 1 << 30) if filled else 1024)
                data[24:32] = struct.pack("<Q", total)
                data[32:40] = struct.pack("<Q", index)
                data[56:64] = struct.pack("<Q", xxh3_64(bytes(data[:56])))
                with open(self.path("x.slm"), "wb") as f:
                    f.write(data[:64])
                    f.truncate(total)
                for command in ("info", "verify"):
                    self.slm(command, "x.slm", code=REFUSED, memory=ROOM + min(total, 1 << 27))


class Crowds(harness.Case):
    """With the square of the number each of these would take longer than it may."""
    COUNT = 20000 if harness.SHORT else 60000
    SECONDS = 10

    def test_shards(self):
        names = [("t%05d" % i, "s%05d.safetensors" % i) for i in range(self.COUNT)]
        members = [("m/" + shard, safetensors(tensor)) for tensor, shard in names]
        members.append(("m/model.safetensors.index.json", json.dumps({"weight_map": dict(names)}).encode()))
        write_file(self.path("in.tar.gz"), gzip.compress(tar(members), 1))
        self.slm("encode", "-o", "out.slm", "in.tar.gz", cpu=self.SECONDS)
        self.slm("info", "out.slm", stdout="s%05d" % (self.COUNT - 1), cpu=self.SECONDS)
        self.slm("verify", "out.slm", stdout="valid", cpu=self.SECONDS)

    def test_side_files_of_an_archive(self):
        """m/other.safetensors belongs to no model, and is looked for again among all of them."""
        members = [("m/model.safetensors", safetensors("t")), ("m/other.safetensors", safetensors("u"))]
        for count, code, stderr in ((self.COUNT, 0, "kept as a side file"), (4 * self.COUNT, UNSUPPORTED, "65536 are the most")):
            if harness.SHORT and code != 0:
                continue
            with self.subTest(count):
                write_file(self.path("in.tar.gz"), gzip.compress(tar(members + [("m/f%d" % i, b"") for i in range(count)]), 1))
                self.slm("encode", "-f", "-o", "out.slm", "in.tar.gz", code=code, stderr=stderr, cpu=self.SECONDS)

    @unittest.skipIf(harness.SHORT, "too many for sanitizers")
    def test_folders(self):
        """The same one all the time: nothing of it is kept, but for its number."""
        folder = tarfile.TarInfo("m")
        folder.type = tarfile.DIRTYPE
        packed = zstd(folder.tobuf(tarfile.PAX_FORMAT) * ((1 << 20) + 1))
        self.assertLess(len(packed), 1 << 17)
        write_file(self.path("in.tar.zst"), packed)
        self.slm("encode", "-o", "out.slm", "in.tar.zst", code=UNSUPPORTED, stderr="more than 1048576 files and folders", cpu=self.SECONDS)

    def test_sources_and_side_files(self):
        """No side file may have the name of a source."""
        sources = [("s%05d" % i, 0, b"{}") for i in range(self.COUNT)]
        names = [("f%05d" % i, b"") for i in range(self.COUNT)]
        write_file(self.path("x.slm"), slm_file.make([], sources, side_files=zstd(tar(names))))
        self.slm("info", "x.slm", cpu=self.SECONDS)
        write_file(self.path("x.slm"), slm_file.make([], sources[:100], side_files=zstd(tar([("a", b""), ("s00099", b"")]))))
        self.slm("info", "x.slm", code=INVALID, stderr="name of a source")


if __name__ == "__main__":
    harness.main()
