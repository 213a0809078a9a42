"""A small writer of .slm files with raw tensors, to make files that the command itself would not write. Follows spec/slm-1.0.md."""

import io
import os
import struct
import sys
import tarfile

import harness

sys.path.insert(0, os.path.join(harness.SOURCE, "conformance", "decoder"))
from xxh3 import xxh3_64  # noqa: E402

PROFILES, TENSORS, METADATA, SOURCES, PAYLOADS, CHECKSUMS = range(1, 7)
DTYPES = ["", "BOOL", "F4", "F6_E2M3", "F6_E3M2", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "I16", "U16",
          "F16", "BF16", "I32", "U32", "F32", "C64", "F64", "I64", "U64"]


def up(n, step):
    return -(-n // step) * step


def pad8(data):
    return data + bytes(up(len(data), 8) - len(data))


def make(tensors, sources=None, metadata=(), side_files=None, sections=(), payloads=(), features=0):
    """`tensors` harness.Tensor; `sources` (name, count, header); `sections` (type, flags, body) and `payloads` (kind, flags, data) beside
    the ones every file has."""
    align, chunk = 64, 4096
    bodies = {PROFILES: struct.pack("<II", 0, 0)}
    records = b""
    for t in tensors:
        name = t.name.encode()
        records += struct.pack("<BBBBHHHHIQQIIQ", 0, DTYPES.index(t.dtype), len(t.shape), 0, 0, 0, 0, len(name), 0, 0, 0, 0, 0,
                               0)[:40] + struct.pack("<%dQ" % len(t.shape), *t.shape) + pad8(name)
    bodies[TENSORS] = struct.pack("<II", len(tensors), 0) + records
    if metadata:
        pairs = [(k.encode(), v.encode()) for k, v in metadata]
        bodies[METADATA] = struct.pack("<II", len(pairs), 0) + b"".join(struct.pack("<II", len(k), len(v)) + pad8(k + v) for k, v in pairs)
    if sources:
        bodies[SOURCES] = struct.pack("<II", len(sources), 0) + b"".join(
            struct.pack("<IHHQ", count, len(name.encode()), 0, len(header)) + pad8(name.encode() + header) for name, count, header in sources)
    everything = [(1, 1, t.data) for t in tensors] + ([(2, 0, side_files)] if side_files is not None else []) + list(payloads)
    sums = [xxh3_64(data[i:i + chunk]) for _, _, data in everything for i in range(0, len(data), chunk)]
    bodies[CHECKSUMS] = struct.pack("<%dQ" % len(sums), *sums)
    bodies[PAYLOADS] = bytes(8 + 32 * len(everything))  # its size is known; filled below
    heads = {t: (1 if t in (PROFILES, TENSORS, PAYLOADS, CHECKSUMS) else 0) for t in bodies}
    for kind, flags, body in sections:
        bodies[kind], heads[kind] = body, flags

    def index():
        return b"".join(struct.pack("<IIQ", t, heads[t], len(bodies[t])) + pad8(bodies[t]) for t in sorted(bodies))

    offset, first, table, data = up(64 + len(index()), align), 0, b"", b""
    begin = offset
    for kind, flags, content in everything:
        table += struct.pack("<QQQII", offset, len(content), first, kind, flags)
        data += content + bytes(up(len(content), align) - len(content))
        offset += up(len(content), align)
        first += -(-len(content) // chunk)
    bodies[PAYLOADS] = struct.pack("<II", len(everything), 0) + table
    text = index()
    header = b"\x89SLM\r\n\x1a\n" + struct.pack("<HHBBHIIQQQQ", 1, 0, 6, 12, 0, features, 0, offset, len(text), xxh3_64(text), 0)
    return header + struct.pack("<Q", xxh3_64(header)) + text + bytes(begin - 64 - len(text)) + data


def zstd_stored(data):
    """A zstd frame of uncompressed blocks (RFC 8878)."""
    frame, size = b"\x28\xb5\x2f\xfd\xa0" + struct.pack("<I", len(data)), 1 << 16
    pieces = [data[i:i + size] for i in range(0, len(data), size)] or [b""]
    for i, piece in enumerate(pieces):
        frame += struct.pack("<I", (i == len(pieces) - 1) | len(piece) << 3)[:3] + piece
    return frame


def side_archive(members):
    """A pax archive in a zstd frame; members are (name, content) or ready TarInfo objects."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
                continue
            info = tarfile.TarInfo(member[0])
            info.size = len(member[1])
            tar.addfile(info, io.BytesIO(member[1]))
    return zstd_stored(out.getvalue())
