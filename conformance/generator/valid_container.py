"""Valid files: the container and everything in it that is not a coding."""

import struct

from builder import DTYPE_NAMES, Build, block_profile, paper4, slm, source_of_numbers, trellis_profile
from cases import valid

HEADER = b'{"__metadata__":{"format":"pt"},"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}}   '


def small():
    """One raw and one coded tensor, metadata, a source and side files: the file most spoilt ones begin with."""
    build = Build()
    build.raw(b"a", "U8", (3,), b"abc")
    build.coded(b"b", paper4(), (4, 24), 24, per_run=True, scales=(0x3C00, 0x3C80, 0x3D00))
    build.coded(b"c", slm("4"), (2, 32), 32, rotation=4, dtype="BF16")
    build.metadata = [(b"slm.encoder", b"conformance"), (b"note", b"")]
    build.sources = [(b"one.safetensors", HEADER, 1), (b"two.safetensors", b"{}", 2)]
    build.payloads = [(2, 0, zstd_stored(b"not a tar archive"))]
    return build


def zstd_stored(content):
    """A zstd frame of one stored block (RFC 8878): nothing to compress, nothing to depend on."""
    assert len(content) < 65536 + 256
    size = struct.pack("<BI", 0xA0, len(content))  # single segment, content size in four bytes
    return bytes.fromhex("28B52FFD") + size + (len(content) << 3 | 1).to_bytes(3, "little") + content


def ustar(files):
    """A ustar archive with fixed owner, mode and time."""
    out = b""
    for name, content in files:
        head = bytearray(512)
        head[0 : len(name)] = name
        for at, text in ((100, b"0000644\0"), (108, b"0000000\0"), (116, b"0000000\0"), (124, b"%011o\0" % len(content)), (136, b"00000000000\0"), (148, b" " * 8), (156, b"0"), (257, b"ustar\x0000")):
            head[at : at + len(text)] = text
        head[148:156] = b"%06o\0 " % sum(head)
        out += bytes(head) + content + bytes(-len(content) % 512)
    return out + bytes(1024)


@valid("container-smallest", "HDR-1 HDR-2 HDR-3 SEC-1 SEC-5 SEC-6 PAY-11 PRO-1 PAY-3", "no profile, no tensor, no payload: header and four empty sections")
def _():
    return Build()


@valid("container-everything", "FMT-1 FMT-4 SEC-3 TEN-2 PAY-4 PAY-10 PAY-12 PAY-13 SUM-1 SUM-2 SUM-4 RAW-1 ENC-1 ENC-8", "raw, block and trellis tensors, metadata, sources and side files in one file")
def _():
    return small()


@valid("container-minor-1", "HDR-4 EXT-1", "minor version 1: a 1.0 decoder reads it")
def _():
    return small().image().set("header.minor", 1)


@valid("container-minor-65535", "HDR-4 EXT-1", "the largest minor version")
def _():
    return small().image().set("header.minor", 65535)


@valid("container-features-may", "HDR-7 EXT-1 EXT-3", "all may-ignore feature bits set, the private ones too")
def _():
    return small().image().set("header.features_may", 0xFFFFFFFF)


for _align in (6, 7, 12, 16):

    @valid(f"container-align-{_align}", "HDR-9 PAY-10 PAY-11 PAY-14", f"payloads on multiples of 2^{_align} bytes")
    def _(align=_align):
        build = small()
        build.align_log2 = align
        return build


for _chunk in (12, 13, 30):

    @valid(f"container-chunk-{_chunk}", "HDR-10 SUM-2 SUM-3 PAY-12", f"checksum chunks of 2^{_chunk} bytes, payloads around one and two of the smallest chunks")
    def _(chunk=_chunk):
        build = Build(chunk_log2=chunk)
        for size in (4095, 4096, 4097, 8192, 8193, 1, 0):
            build.raw(b"size %d" % size, "U8", (size,))
        return build


@valid("container-section-unknown", "SEC-8 SEC-11 FMT-3", "may-ignore sections of unknown and of private types, with bodies that look like nothing")
def _():
    build = small()
    build.sections = [(7, 0, b"\xff" * 13), (0x7FFFFFFF, 0, b""), (0x80000000, 0, b"private"), (0xFFFFFFFF, 0, bytes(64))]
    return build


@valid("container-sections-64", "SEC-9", "64 sections, the most there may be")
def _():
    build = small()
    build.sections = [(100 + i, 0, bytes([i])) for i in range(58)]
    return build


@valid("container-payload-unknown", "PAY-5 PAY-9", "may-ignore payloads of unknown and private kinds behind the side files, one kind twice")
def _():
    build = small()
    build.payloads += [(3, 0, b"three"), (3, 0, b""), (0x80000001, 0, b"\xff" * 5000)]
    return build


@valid("container-many-tensors", "TEN-1 PAY-2 SUM-3 TEN-8 LIM-3", "2,000 tensors, some empty")
def _():
    build = Build()
    for i in range(2000):
        build.raw(b"layer.%d.weight" % i, "I16", (i % 5,))
    return build


@valid("names", "TEN-7 TEN-8 FMT-5", "names that are empty, long, not ASCII, full of control characters, and two that differ by normalisation only")
def _():
    build = Build()
    names = ["", " ", "größe", "gro\u0308ße", "重み.😀", "\x01\x1b[31m\r\n\t\x7f", "a/../b\\c", "x" * 65535, "\u202eesrever", "\U0010ffff"]
    for i, name in enumerate(names):
        build.raw(name.encode(), "U8", (1,), bytes([i]))
    return build


@valid("raw-dtypes", "TEN-3 RAW-1 RAW-3 TEN-12", "every element type, 24 elements each")
def _():
    build = Build()
    for name in DTYPE_NAMES:
        build.raw(name.encode(), name, (2, 3, 4))
    return build


@valid("raw-sub-byte", "TEN-12 RAW-3", "types of 4 and 6 bits whose total is whole bytes, down to the smallest")
def _():
    build = Build()
    for i, (dtype, shape) in enumerate((("F4", (2,)), ("F4", (0,)), ("F6_E2M3", (4,)), ("F6_E3M2", (2, 2)), ("F4", (7, 2)))):
        build.raw(b"%d" % i, dtype, shape)
    return build


@valid("raw-special-values", "RAW-2 ENC-2", "-0, infinities, NaN payloads and a BOOL of 2 come back bit for bit")
def _():
    build = Build()
    floats = (0x80000000, 0x7F800000, 0xFF800000, 0x7FC00000, 0x7F800001, 0xFFFFFFFF)
    build.raw(b"f32", "F32", (6,), struct.pack("<6I", *floats))
    build.raw(b"f16", "F16", (4,), struct.pack("<4H", 0x8000, 0x7C00, 0x7C01, 0xFFFF))
    build.raw(b"bool", "BOOL", (3,), bytes([0, 1, 2]))
    return build


@valid("shapes", "TEN-4 TEN-10 TEN-11 RAW-1", "scalars, empty tensors, rank 32, and a dimension that is huge beside a 0")
def _():
    build = Build()
    for i, shape in enumerate(((), (1,), (0,), (0, 5), (5, 0, 2), (1,) * 32, (2, 1, 3), (0, 1 << 50))):
        build.raw(b"%d" % i, "F32", shape)
    return build


@valid("shapes-coded", "TEN-10 TEN-18 ENC-3", "a coded scalar, a coded vector, rank 32")
def _():
    build = Build()
    build.coded(b"scalar", paper4(), (), 1)
    build.coded(b"vector", slm("4"), (37,))
    build.coded(b"deep", slm("3"), (1,) * 30 + (3, 8), 8)
    return build


@valid("metadata", "MET-2 MET-6", "registered and other keys, empty values, values of other people's keys")
def _():
    build = small()
    build.metadata = [(b"slm.encoder", "\u00e9".encode()), (b"slm.unknown", b"?"), (b"a", b""), (b"b" * 300, b"c" * 3000), ("ключ".encode(), b"\n")]
    return build


@valid("metadata-empty", "MET-1", "a METADATA section without items")
def _():
    build = small()
    build.metadata = []
    return build


@valid("sources", "SRC-4 SRC-5 SRC-8 SRC-9 ENC-6 ENC-7", "a source without tensors, one without name, headers that are no JSON")
def _():
    build = Build()
    for i in range(3):
        build.raw(b"%d" % i, "U8", (2,))
    build.sources = [(b"", b"\xff\x00 not JSON", 0), (b"..a", b"", 2), ("ü.safetensors".encode(), HEADER, 1)]
    return build


@valid("side-files", "SID-1 PAY-6 SID-2", "an archive of two small files in a stored zstd frame")
def _():
    build = small()
    build.payloads = [(2, 0, zstd_stored(ustar([(b"config.json", b"{}\n"), (b"sub/notes.txt", b"hello\n")])))]
    return build


@valid("side-files-hostile", "SID-2 SID-3 SID-4 SID-5 SID-6 SID-7 SID-8", "side files with an absolute path, '..', a path twice and a name of a source: tensors decode all the same; extracting must be refused")
def _():
    build = small()
    build.payloads = [(2, 0, zstd_stored(ustar([(b"/etc/evil", b"x"), (b"../evil", b"x"), (b"a", b"1"), (b"a", b"2"), (b"one.safetensors", b"x")])))]
    return build


@valid("side-files-garbage", "SID-2", "side files that are no zstd frame at all: tensors decode all the same")
def _():
    build = small()
    build.payloads = [(2, 0, b"garbage")]
    return build


@valid("profiles", "PRO-19 PRO-20 PRO-23 ENC-9", "equal profiles, one that no tensor uses, a name of 16 bytes, and a name that lies")
def _():
    build = Build()
    build.profiles = [paper4(), paper4(), trellis_profile(K=5, W=3, P=2, C=1, k=2, name=b"unused"), block_profile(K=8, W=4, P=2, C=4, B=3, name=b"sixteen bytes ok")]
    build.coded(b"a", block_profile(K=9, W=9, P=1, C=2, B=5, name=b"paper-4"), (10,))
    build.coded(b"b", build.profiles[3], (10,))
    build.coded(b"c", paper4(), (16,)).profile = 1
    return build


@valid("informative", "TEN-19 TEN-20 TEN-21 FMT-3 ENC-10", "source_sum and error stated for raw and coded tensors; both may be anything")
def _():
    build = small()
    build.tensors[0].source_sum, build.tensors[0].error = 0, 0.0
    build.tensors[1].source_sum, build.tensors[1].error = (1 << 64) - 1, 0.119
    build.tensors[2].source_sum, build.tensors[2].error = 12345, 3.4e38
    return build


@valid("chunks", "SUM-2 SUM-4 SUM-5 PAY-12", "payloads of many chunks, coded tensors whose runs cross them")
def _():
    build = Build()
    build.raw(b"raw", "U8", (70000,), source_of_numbers(5).getrandbits(560000).to_bytes(70000, "little"))
    build.coded(b"rows", slm("4"), (12, 1000), 1000, per_run=True, scales=(0x3C01, 0x3C02, 0x3C03))
    build.coded(b"flat", paper4(), (24, 1001), dtype="F16")
    return build
