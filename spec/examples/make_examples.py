#!/usr/bin/env python3
"""Makes the worked examples of the specification (section 26): files, annotated hex dumps, and the values they decode to.

    make_examples.py [FOLDER]     writes into FOLDER (default: where this script lies); the same bytes every time

Standard library only and independent of libslm: the container is laid out here, field by field with a note for the dump; the arithmetic
is exact.py, the checksums are the xxh3.py of the decoder in conformance/decoder/.
"""

import pathlib
import struct
import sys
import tarfile
from fractions import Fraction

from exact import (NAMED, TYPES, BitWriter, block_integers, divisor, entries, field, join_record, record_bits, round_to, run_bytes, run_integers,
                   scale_value, split_record)

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "conformance" / "decoder"))
from xxh3 import xxh3_64  # noqa: E402

ALIGN_LOG2, CHUNK_LOG2 = 6, 12
DTYPES = {"U8": (5, 8), "BF16": (15, 16), "F32": (18, 32), "I64": (21, 64)}


def up(x, a):
    return -(-x // a) * a


class Piece:
    """Bytes, and notes on spans of them."""

    def __init__(self):
        self.data = bytearray()
        self.notes = []  # (offset, size, note)

    def raw(self, data, note):
        if data:
            self.notes.append((len(self.data), len(data), note))
        self.data += data

    def put(self, format, note, *values):
        self.raw(struct.pack("<" + format, *values), note)

    def pad(self, multiple, note="zero"):
        self.raw(bytes(-len(self.data) % multiple), note)

    def add(self, piece):
        self.notes += [(len(self.data) + offset, size, note) for offset, size, note in piece.notes]
        self.data += piece.data


def dump(piece):
    """Lines of the form  OFFSET  BYTES  NOTE: at most 16 bytes a line, long runs of one byte as 'XX * COUNT'."""
    lines = []
    for offset, size, note in piece.notes:
        data, at = piece.data[offset:offset + size], 0
        while at < size:
            same = next((i for i in range(at, size) if data[i] != data[at]), size) - at
            if same > 16:
                shown, used = f"{data[at]:02x} * {same}", same
            else:
                used = min(16, size - at)
                shown = " ".join(f"{b:02x}" for b in data[at:at + used])
            text = "".join(chr(b) if 32 <= b < 127 else "." for b in data[at:at + used]) if note.startswith("text") else ""
            lines.append(f"{offset + at:08x}  {shown:<47}  {note if at == 0 else ''}{' ' if text and at == 0 else ''}{text}".rstrip())
            at += used
    return "\n".join(lines) + "\n"


# ---- Payloads ----

class Tensor:
    def __init__(self, name, dtype, shape, payload, profile=None, number=0, rotation=0, sign_seed=0, run_length=0, scales=(), codes=()):
        self.name, self.dtype, self.shape, self.payload = name, dtype, shape, payload
        self.profile, self.number, self.rotation, self.sign_seed = profile, number, rotation, sign_seed
        self.run_length, self.scales, self.codes = run_length, scales, codes


def raw_tensor(name, dtype, shape, data, note):
    payload = Piece()
    payload.raw(data, note)
    return Tensor(name, dtype, shape, payload)


def block_tensor(name, dtype, shape, p, number, run_length, scale, runs):
    """runs: for each run a list of (seed, e, q); one scale for the tensor."""
    payload = Piece()
    payload.put("H", f"scale {scale:04x} = {scale_value(scale)}", scale)
    payload.pad(64, "zero, up to the codes")
    codes = []
    for records in runs:
        bits = BitWriter()
        for record in records:
            bits.put(join_record(p, *record), p.K + p.E + p.P * p.B)
        codes.append(bits.bytes())
        assert len(codes[-1]) == run_bytes(p, run_length)
        for i, (seed, e, q) in enumerate(records):  # a record of the example's profile is 4 bytes
            payload.raw(codes[-1][4 * i:4 * i + 4], f"seed {seed:04x}, e {e}, q {' '.join(str(x) for x in q)}")
    return Tensor(name, dtype, shape, payload, p, number, 0, 0, run_length, (scale,), codes)


def trellis_tensor(name, dtype, shape, p, number, run_length, rotation, sign_seed, scales, codes):
    payload = Piece()
    for r, scale in enumerate(scales):
        payload.put("H", f"scale of run {r}: {scale:04x} = {scale_value(scale)}", scale)
    payload.pad(64, "zero, up to the codes")
    for r, run in enumerate(codes):
        assert len(run) == run_bytes(p, run_length)
        payload.raw(run, f"run {r}: {p.K + (run_length - 1) * p.k} bits, then zeros" if r == 0 else f"run {r}")
    return Tensor(name, dtype, shape, payload, p, number, rotation, sign_seed, run_length, scales, codes)


def zstd_store(data):
    """A zstd frame (RFC 8878) of raw and run-length blocks alone: what a reader must expand, without a compressor."""
    assert 256 <= len(data) < 256 + 65536
    piece = Piece()
    piece.raw(bytes.fromhex("28b52ffd"), "zstd frame: magic")
    piece.put("BH", f"single segment, content size {len(data)}", 0x60, len(data) - 256)
    blocks, at = [], 0
    while at < len(data):
        same = next((i for i in range(at, len(data)) if data[i] != data[at]), len(data)) - at
        if same >= 16 or not blocks or blocks[-1][0] == 1:
            kind = 1 if same >= 16 else 0
            blocks.append([kind, data[at:at + same]])
        else:
            blocks[-1][1] += data[at:at + same]
        at += same
    for i, (kind, content) in enumerate(blocks):
        head = (i == len(blocks) - 1) | kind << 1 | len(content) << 3
        words = f"{'last block' if i == len(blocks) - 1 else 'block'}: {len(content)} {'equal bytes' if kind else 'bytes as they are'}"
        piece.raw(head.to_bytes(3, "little"), words)
        piece.raw(content[:1] if kind else content, "" if kind else "text")
    return piece


def pax_archive(files):
    archive = b""
    for name, data in files:
        info = tarfile.TarInfo(name)
        info.size, info.mode, info.mtime = len(data), 0o644, 0
        archive += info.tobuf(tarfile.PAX_FORMAT) + data + bytes(-len(data) % 512)
    return archive + bytes(1024)


# ---- Container ----

def section(index, number, name, flags, body):
    index.put("II", f"section {number} {name}, flags {flags}", number, flags)
    index.put("Q", f"size of its body {len(body.data)}", len(body.data))
    index.add(body)
    index.pad(8)


def profile_body(profiles):
    body = Piece()
    body.put("II", f"count {len(profiles)}", len(profiles), 0)
    for p in profiles:
        body.put("10B", f"coding {p.coding}, K {p.K}, step {p.step}, W {p.W}, P {p.P}, C {p.C}, E {p.E}, B {p.B}, norm {p.norm}, k {p.k}",
                 p.coding, p.K, p.step, p.W, p.P, p.C, p.E, p.B, p.norm, p.k)
        body.put("HI", f"zero, taps {p.taps:04x}", 0, p.taps)
        body.raw(p.name.encode().ljust(16, b"\0"), "text")
    return body


def tensor_body(tensors):
    body = Piece()
    body.put("II", f"count {len(tensors)}", len(tensors), 0)
    for i, t in enumerate(tensors):
        name = t.name.encode()
        coding = t.profile.coding if t.profile else 0
        flags = 1 if len(t.scales) > 1 else 0
        body.put("4B", f"tensor {i}: coding {coding}, dtype {t.dtype}, rank {len(t.shape)}, rotation {t.rotation}",
                 coding, DTYPES[t.dtype][0], len(t.shape), t.rotation)
        body.put("HH", f"flags {flags}, profile {t.number}", flags, t.number)
        body.put("HHI", f"sign_seed {t.sign_seed:04x}, name_length {len(name)}, zero", t.sign_seed, len(name), 0)
        body.put("Q", f"run_length {t.run_length}", t.run_length)
        body.put("QII", "source_sum and error not stated, zero", 0, 0, 0)
        for d in t.shape:
            body.put("Q", f"dimension {d}", d)
        body.raw(name, "text")
        body.pad(8)
    return body


def metadata_body(items):
    body = Piece()
    body.put("II", f"count {len(items)}", len(items), 0)
    for key, value in items:
        body.put("II", f"key_length {len(key)}, value_length {len(value)}", len(key), len(value))
        body.raw(key.encode(), "text")
        body.raw(value.encode(), "text")
        body.pad(8)
    return body


def source_body(sources):
    body = Piece()
    body.put("II", f"count {len(sources)}", len(sources), 0)
    for tensors, name, header in sources:
        body.put("IHH", f"{tensors} tensors, name_length {len(name)}, zero", tensors, len(name), 0)
        body.put("Q", f"header_size {len(header)}", len(header))
        body.raw(name.encode(), "text")
        body.raw(header, "text")
        body.pad(8)
    return body


def payload_body(places):
    body = Piece()
    body.put("II", f"count {len(places)}", len(places), 0)
    for i, (offset, size, first_sum, kind) in enumerate(places):
        body.put("QQ", f"payload {i}: offset {offset:#x}, size {size}", offset, size)
        body.put("QII", f"first_sum {first_sum}, kind {kind}, flags {int(kind == 1)}", first_sum, kind, int(kind == 1))
    return body


def safetensors_header(tensors):
    """As a writer of safetensors would make it: data offsets in order, spaces up to a multiple of 8."""
    parts, at = [], 0
    for t in tensors:
        elements = 1
        for d in t.shape:
            elements *= d
        size = elements * DTYPES[t.dtype][1] // 8
        shape = ",".join(str(d) for d in t.shape)
        parts.append(f'"{t.name}":{{"dtype":"{t.dtype}","shape":[{shape}],"data_offsets":[{at},{at + size}]}}')
        at += size
    text = ("{" + ",".join(parts) + "}").encode()
    return text + b" " * (-len(text) % 8)


def make_file(profiles, tensors, metadata=(), sources=(), side_files=None):
    align, chunk = 1 << ALIGN_LOG2, 1 << CHUNK_LOG2
    payloads = [(t.payload, 1, f"payload {i}, {t.name}") for i, t in enumerate(tensors)]
    if side_files is not None:
        payloads.append((side_files, 2, f"payload {len(tensors)}, side files"))

    sums = Piece()
    first_sums = []
    for i, (payload, _, _) in enumerate(payloads):
        first_sums.append(len(sums.data) // 8)
        for at in range(0, len(payload.data), chunk):
            sums.put("Q", f"XXH3-64 of payload {i}, chunk {at // chunk}", xxh3_64(bytes(payload.data[at:at + chunk])))

    def make_index(places):
        index = Piece()
        section(index, 1, "PROFILES", 1, profile_body(profiles))
        section(index, 2, "TENSORS", 1, tensor_body(tensors))
        if metadata:
            section(index, 3, "METADATA", 0, metadata_body(metadata))
        if sources:
            section(index, 4, "SOURCES", 0, source_body(sources))
        section(index, 5, "PAYLOADS", 1, payload_body(places))
        section(index, 6, "CHECKSUMS", 1, sums)
        return index

    index_size = len(make_index([(0, 0, 0, kind) for _, kind, _ in payloads]).data)
    places, end = [], up(64 + index_size, align)
    for (payload, kind, _), first_sum in zip(payloads, first_sums):
        places.append((end, len(payload.data), first_sum, kind))
        end = up(end + len(payload.data), align)
    index = make_index(places)

    file = Piece()
    file.raw(b"\x89SLM\r\n\x1a\n", "magic")
    file.put("HH", "major 1, minor 0", 1, 0)
    file.put("BBH", f"align_log2 {ALIGN_LOG2}, chunk_log2 {CHUNK_LOG2}, zero", ALIGN_LOG2, CHUNK_LOG2, 0)
    file.put("II", "features_must, features_may", 0, 0)
    file.put("Q", f"file_size {end}", end)
    file.put("Q", f"index_size {index_size}", index_size)
    file.put("Q", "index_sum", xxh3_64(bytes(index.data)))
    file.put("Q", "zero", 0)
    file.put("Q", "header_sum", xxh3_64(bytes(file.data)))
    file.add(index)
    file.pad(align, "zero, up to the first payload" if places else "zero, up to the end")
    for (payload, _, words), (offset, _, _, _) in zip(payloads, places):
        assert len(file.data) == offset
        first = len(file.notes)
        file.add(payload)
        if len(file.notes) > first:
            offset, size, note = file.notes[first]
            file.notes[first] = (offset, size, f"{words}: {note}")
        file.pad(align)
    assert len(file.data) == end
    return file


# ---- The examples ----

def smallest():
    return make_file([], [])


def model():
    profiles = [NAMED["paper-4"], NAMED["slm-4"]]
    tensors = [
        # Block coding: one run of 12 weights is a block of 8 and a short one of 4; a run longer than a row.
        block_tensor("block", "BF16", (3, 4), profiles[0], 0, 12, 0x37C9, [[(0xACE1, 8, (3, -5, 7)), (0x0001, 0, (-8, 0, 1))]]),
        # Trellis coding, rotated, a scale a row. Run 1 begins with seed 0.
        trellis_tensor("trellis", "F32", (2, 16), profiles[1], 1, 16, 4, 0x5EED, (0x3A11, 0x3A9C),
                       [bytes.fromhex("5eed1e5eedbabecafe07"), bytes.fromhex("0000d1ce00ff1234560f")]),
        # Raw: minus zero and a NaN keep their bits; a scalar; an empty tensor, whose payload has no bytes.
        raw_tensor("raw", "F32", (2, 2), struct.pack("<4I", 0x3F800000, 0x80000000, 0x7F800000, 0x7FC0BEEF), "1, -0, infinity, a NaN"),
        raw_tensor("größe", "I64", (), struct.pack("<q", 42), "42"),
        raw_tensor("leer", "U8", (0, 3), b"", ""),
    ]
    header = safetensors_header(tensors)
    metadata = [("slm.encoder", "make_examples.py"), ("slm.search", "by hand")]
    side = zstd_store(pax_archive([("config.json", b'{"model_type": "example"}\n')]))
    return make_file(profiles, tensors, metadata, [(len(tensors), "model.safetensors", header)], side), tensors


def values(tensors):
    """One line a weight of each coded tensor."""
    lines = ["# tensor weight integer F32 F32-bits F16-bits BF16-bits"]
    for t in tensors:
        if not t.profile:
            continue
        for r, codes in enumerate(t.codes):
            integers = run_integers(t.profile, codes, t.run_length, t.rotation, t.sign_seed)
            scale = scale_value(t.scales[r if len(t.scales) > 1 else 0])
            for i, integer in enumerate(integers):
                y = integer * scale / divisor(t.profile)
                f32 = round_to(y, "F32")
                shown = struct.unpack("<f", struct.pack("<I", f32))[0].hex()
                lines.append(f"{t.name} {r * t.run_length + i} {integer} {shown} {f32:08x} {round_to(y, 'F16'):04x} {round_to(y, 'BF16'):04x}")
    return "\n".join(lines) + "\n"


def by_hand():
    """One weight of a block from its bytes to its bits, step by step."""
    file, tensors = model()
    t, weight = tensors[0], 8
    p, codes, scale = t.profile, t.codes[0], t.scales[0]
    j, c = divmod(weight, p.C)
    at = j * record_bits(p)
    record = field(codes, at, record_bits(p))
    place = bytes(file.data).index(codes) + at // 8
    seed, e, q = split_record(p, record)
    row, middle, integer = entries(p, seed)[c], 1 << p.W - 1, block_integers(p, seed, e, q)[c]
    y = integer * scale_value(scale) / divisor(p)
    g = max(g for g in range(-200, 200) if Fraction(2) ** g <= abs(y))
    sum_of = " + ".join(f"({a}) * ({v - middle})" for a, v in zip(q, row))
    steps = [
        (f"weight {weight}: weight {c} of block {j} of run 0", "[BLK-6]"),
        (f"record: {record_bits(p)} bits at bit {at} of the run, byte {place:#x} of the file: 0x{record:08X}", "[BLK-1] [FMT-4]"),
        (f"seed 0x{seed:04X}, e = {e}, q = ({', '.join(str(a) for a in q)})", "[BLK-2] [BLK-3]"),
        (f"entries {', '.join(str(v) for v in row)}", "[LFS-1] [LFS-2] [LFS-3]"),
        (f"T = ({sum_of}) * 2^{e} = {integer}", "[BLK-5]"),
        (f"scale {scale:04x} = {scale_value(scale)}, D = {divisor(p)}", "[RUN-9] [REC-2]"),
        (f"y = {integer} * {scale_value(scale)} / {divisor(p)} = {y}, g = {g}", "[REC-3]"),
    ]
    for name, (precision, m, _, _) in TYPES.items():
        unit = max(g, m) - precision + 1
        ratio = abs(y) / Fraction(2) ** unit
        whole, rest = divmod(ratio.numerator, ratio.denominator)
        bits = f"{round_to(y, name):0{TYPES[name][3] // 4}x}"
        steps.append((f"{name}: u = 2^{unit}, a/u = {whole} + {rest}/{ratio.denominator}, r = {round(ratio)}, bits {bits}", "[REC-9]"))
    return "".join(f"{text:<84}  {rules}\n" for text, rules in steps)


def make():
    """{file name: bytes} of everything."""
    small = smallest()
    full, tensors = model()
    return {
        "smallest.slm": bytes(small.data),
        "smallest.dump.txt": dump(small).encode(),
        "model.slm": bytes(full.data),
        "model.dump.txt": dump(full).encode(),
        "model.values.txt": values(tensors).encode(),
        "model.weight.txt": by_hand().encode(),
    }


def main(arguments):
    folder = pathlib.Path(arguments[1]) if len(arguments) > 1 else pathlib.Path(__file__).resolve().parent
    for name, data in make().items():
        (folder / name).write_bytes(data)


if __name__ == "__main__":
    main(sys.argv)
