"""Lays out .slm files, right ones and wrong ones, independent of libslm.

A `Build` describes a file; `image()` lays it out and keeps the place of every field by name, so that a case can spoil one field and
have the checksums above it made again:

    image = build.image()
    image.set("tensor 0.run_length", 7)
    data = image.finish()
"""

import math
import random
import struct
import sys
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "decoder"))
from xxh3 import xxh3_64  # noqa: E402

MAGIC = bytes.fromhex("89534C4D0D0A1A0A")
RAW, BLOCK, TRELLIS = 0, 1, 2
DTYPE_NAMES = (
    "BOOL F4 F6_E2M3 F6_E3M2 U8 I8 F8_E5M2 F8_E4M3 F8_E8M0 F8_E4M3FNUZ F8_E5M2FNUZ I16 U16 F16 BF16 I32 U32 F32 C64 F64 I64 U64"
).split()
DTYPE_BITS = dict(zip(DTYPE_NAMES, (8, 4, 6, 6, 8, 8, 8, 8, 8, 8, 8, 16, 16, 16, 16, 32, 32, 32, 64, 64, 64, 64)))
DTYPE_NUMBERS = {name: number for number, name in enumerate(DTYPE_NAMES, 1)}

# Table 6 of the specification [LFS-5].
TAPS = {
    2: (0, 1), 3: (0, 1), 4: (0, 1), 5: (0, 2), 6: (0, 1), 7: (0, 1), 8: (0, 2, 3, 4), 9: (0, 4), 10: (0, 3), 11: (0, 2),
    12: (0, 1, 2, 8), 13: (0, 1, 2, 5), 14: (0, 1, 2, 12), 15: (0, 1), 16: (0, 1, 3, 12), 17: (0, 3), 18: (0, 7),
    19: (0, 1, 2, 5), 20: (0, 3), 21: (0, 2), 22: (0, 1), 23: (0, 5), 24: (0, 1, 2, 7),
}  # fmt: skip


def up(x, a):
    return -(-x // a) * a


def table6(K):
    return sum(1 << j for j in TAPS[K])


@dataclass
class Profile:
    coding: int
    K: int = 16
    step: int = 1
    W: int = 16
    P: int = 3
    C: int = 8
    E: int = 0
    B: int = 0
    norm: int = 0
    k: int = 0
    taps: int = 0
    name: bytes = b""

    def __post_init__(self):
        self.taps = self.taps or table6(self.K)

    @property
    def record_bits(self):
        return self.K + self.E + self.P * self.B

    def blocks(self, n):
        return -(-n // self.C)

    def stream_bits(self, n):
        if self.coding == BLOCK:
            return self.blocks(n) * self.record_bits
        return self.K + (self.blocks(n) - 1) * self.k

    def run_bytes(self, n):
        return -(-self.stream_bits(n) // 8)

    def integer_bits(self, h=0):
        p = (self.P - 1).bit_length()
        if self.coding == TRELLIS:
            return self.W + p + h
        return self.W + self.B - 2 + p + ((2**self.E - 1) + h if h else 0)

    def store(self):
        numbers = (self.coding, self.K, self.step, self.W, self.P, self.C, self.E, self.B, self.norm, self.k)
        return struct.pack("<10BHI16s", *numbers, 0, self.taps, self.name)


def block_profile(**numbers):
    return Profile(BLOCK, **numbers)


def trellis_profile(**numbers):
    return Profile(TRELLIS, **numbers)


def paper4():
    return block_profile(C=8, P=3, E=4, B=4, norm=1, name=b"paper-4")


def paper3():
    return block_profile(C=12, P=4, E=4, B=4, norm=1, name=b"paper-3")


def slm(name):
    """The named trellis profiles: "4" is slm-4."""
    numbers = {
        "2": (1, 2, 4), "2.5": (2, 5, 4), "3": (1, 3, 4), "3.5": (2, 7, 4), "4": (1, 4, 4), "5": (1, 5, 6), "6": (1, 6, 6), "4-fast": (1, 4, 4),
    }  # fmt: skip
    C, k, W = numbers[name]
    register = {"K": 12, "step": 28, "taps": 0xCA5} if name == "4-fast" else {"K": 16, "step": 29, "taps": 0xAB57}
    return trellis_profile(C=C, P=4, W=W, k=k, name=b"slm-" + name.encode(), **register)


def source_of_numbers(seed):
    """The same numbers in every version of Python: only getrandbits is used."""
    return random.Random(seed)


def pack_records(profile, records):
    """Block records (seed, exponent, coefficients) to the bytes of a run [BLK-2]."""
    stream = at = 0
    for seed, exponent, q in records:
        stream |= seed << at | exponent << (at + profile.K)
        for i, value in enumerate(q):
            stream |= (value & (1 << profile.B) - 1) << (at + profile.K + profile.E + i * profile.B)
        at += profile.record_bits
    return stream.to_bytes(-(-at // 8), "little")


def pack_bits(profile, n, stream):
    """A trellis stream, given as one integer, to the bytes of a run [TRE-1]."""
    return (stream & (1 << profile.stream_bits(n)) - 1).to_bytes(profile.run_bytes(n), "little")


def random_record(profile, numbers):
    seed = 0
    while seed == 0:
        seed = numbers.getrandbits(profile.K)
    exponent = numbers.getrandbits(profile.E) if profile.E else 0
    return seed, exponent, [numbers.getrandbits(profile.B) for _ in range(profile.P)]


def random_run(profile, n, numbers):
    if profile.coding == BLOCK:
        return pack_records(profile, [random_record(profile, numbers) for _ in range(profile.blocks(n))])
    return pack_bits(profile, n, numbers.getrandbits(profile.stream_bits(n)))


@dataclass
class Tensor:
    name: bytes
    dtype: str
    shape: tuple
    coding: int = RAW
    data: bytes = b""  # raw: the payload
    profile: int = 0
    rotation: int = 0
    sign_seed: int = 0
    run_length: int = 0
    scales: list = field(default_factory=list)
    scale_per_run: bool = False
    runs: list = field(default_factory=list)  # the bytes of each run
    source_sum: int = None
    error: float = None

    @property
    def payload(self):
        if self.coding == RAW:
            return self.data
        scales = b"".join(struct.pack("<H", scale) for scale in self.scales)
        return scales + bytes(-len(scales) % 64) + b"".join(self.runs)


@dataclass
class Build:
    profiles: list = field(default_factory=list)
    tensors: list = field(default_factory=list)
    metadata: list = None  # pairs of bytes
    sources: list = None  # (name, header, number of tensors)
    payloads: list = field(default_factory=list)  # (kind, flags, bytes) behind the tensors'
    sections: list = field(default_factory=list)  # (type, flags, bytes), put in order of type
    align_log2: int = 6
    chunk_log2: int = 12

    def add_profile(self, profile):
        if profile not in self.profiles:
            self.profiles.append(profile)
        return self.profiles.index(profile)

    def raw(self, name, dtype, shape, data=None):
        size = math.prod(shape) * DTYPE_BITS[dtype] // 8
        if data is None:
            data = source_of_numbers(len(self.tensors) + 1).getrandbits(8 * size).to_bytes(size, "little") if size else b""
        assert len(data) == size
        self.tensors.append(Tensor(name, dtype, tuple(shape), data=data))
        return self.tensors[-1]

    def coded(self, name, profile, shape, run_length=None, dtype="F32", scales=(0x3C00,), runs=None, rotation=0, sign_seed=None, per_run=False, seed=1):
        """A coded tensor; random codes unless the bytes of its runs are given. Scales repeat until there are enough."""
        elements = math.prod(shape)
        n = run_length or elements
        count, numbers = elements // n, source_of_numbers(seed)
        runs = runs if runs is not None else [random_run(profile, n, numbers) for _ in range(count)]
        needed = count if per_run else 1
        all_scales = [scales[i % len(scales)] for i in range(needed)]
        sign_seed = (0x5EED if rotation else 0) if sign_seed is None else sign_seed
        self.tensors.append(
            Tensor(
                name, dtype, tuple(shape), profile.coding, profile=self.add_profile(profile), rotation=rotation, sign_seed=sign_seed,
                run_length=n, scales=all_scales, scale_per_run=per_run, runs=runs,
            )
        )  # fmt: skip
        return self.tensors[-1]

    def image(self):
        return Image(self)


class Image:
    """The bytes of a file in the making, its fields by name."""

    def __init__(self, build):
        self.data = bytearray()
        self.places = {}  # name -> (offset, format)
        self.chunk = 1 << build.chunk_log2
        self.payloads = []  # (offset, size) as laid out, whatever is written over the fields
        self._layout(build)

    # -- laying out --

    def _put(self, name, layout, value):
        self.places[name] = (len(self.data), "<" + layout)
        self.data += struct.pack("<" + layout, value)

    def _bytes(self, name, piece):
        self.places[name] = (len(self.data), f"<{len(piece)}s")
        self.data += piece

    def _pad(self, name, align=8):
        self._bytes(name, bytes(-len(self.data) % align))

    def _layout(self, build):
        self._bytes("header.magic", MAGIC)
        for name, layout, value in (
            ("major", "H", 1), ("minor", "H", 0), ("align_log2", "B", build.align_log2), ("chunk_log2", "B", build.chunk_log2),
            ("zero14", "H", 0), ("features_must", "I", 0), ("features_may", "I", 0), ("file_size", "Q", 0), ("index_size", "Q", 0),
            ("index_sum", "Q", 0), ("zero48", "Q", 0), ("header_sum", "Q", 0),
        ):  # fmt: skip
            self._put("header." + name, layout, value)
        payloads = [(1, 1, tensor.payload) for tensor in build.tensors] + list(build.payloads)
        sections = [
            (1, 1, lambda: self._profiles(build.profiles)),
            (2, 1, lambda: self._tensors(build.tensors)),
            (5, 1, lambda: self._payload_items(payloads)),
            (6, 1, lambda: self._bytes("checksums", bytes(8 * sum(-(-len(piece) // self.chunk) for _, _, piece in payloads)))),
        ]
        if build.metadata is not None:
            sections.append((3, 0, lambda: self._metadata(build.metadata)))
        if build.sources is not None:
            sections.append((4, 0, lambda: self._sources(build.sources)))
        for kind, flags, body in build.sections:
            sections.append((kind, flags, lambda kind=kind, body=body: self._bytes(f"section {kind}.body", body)))
        for kind, flags, body in sorted(sections, key=lambda section: section[0]):
            self._put(f"section {kind}.type", "I", kind)
            self._put(f"section {kind}.flags", "I", flags)
            self._put(f"section {kind}.size", "Q", 0)
            start = len(self.data)
            body()
            self.set(f"section {kind}.size", len(self.data) - start)
            self._pad(f"section {kind}.padding")
        self.end_of_index = len(self.data)
        self.set("header.index_size", self.end_of_index - 64)
        align, first_sum = 1 << build.align_log2, 0
        for number, (_, _, piece) in enumerate(payloads):
            self._pad(f"padding before payload {number}", align)
            self.payloads.append((len(self.data), len(piece)))
            self.set(f"payload {number}.offset", len(self.data))
            self.set(f"payload {number}.first_sum", first_sum)
            self._bytes(f"payload {number}", piece)
            first_sum += -(-len(piece) // self.chunk)
        self._pad("padding at the end", align)
        self.set("header.file_size", len(self.data))

    def _head(self, section, count):
        self._put(f"{section}.count", "I", count)
        self._put(f"{section}.zero", "I", 0)

    def _profiles(self, profiles):
        self._head("profiles", len(profiles))
        names = ("coding", "K", "step", "W", "P", "C", "E", "B", "norm", "k")
        for number, profile in enumerate(profiles):
            start = len(self.data)
            self._bytes(f"profile {number}", profile.store())
            for i, name in enumerate(names):
                self.places[f"profile {number}.{name}"] = (start + i, "<B")
            self.places[f"profile {number}.zero"] = (start + 10, "<H")
            self.places[f"profile {number}.taps"] = (start + 12, "<I")
            self.places[f"profile {number}.name"] = (start + 16, "<16s")

    def _tensors(self, tensors):
        self._head("tensors", len(tensors))
        for number, tensor in enumerate(tensors):
            flags = tensor.scale_per_run | (tensor.source_sum is not None) << 1 | (tensor.error is not None) << 2
            for name, layout, value in (
                ("coding", "B", tensor.coding), ("dtype", "B", DTYPE_NUMBERS[tensor.dtype]), ("rank", "B", len(tensor.shape)),
                ("rotation", "B", tensor.rotation), ("flags", "H", flags), ("profile", "H", tensor.profile),
                ("sign_seed", "H", tensor.sign_seed), ("name_length", "H", len(tensor.name)), ("zero12", "I", 0),
                ("run_length", "Q", tensor.run_length), ("source_sum", "Q", tensor.source_sum or 0), ("error", "f", tensor.error or 0.0),
                ("zero36", "I", 0),
            ):  # fmt: skip
                self._put(f"tensor {number}.{name}", layout, value)
            for axis, dimension in enumerate(tensor.shape):
                self._put(f"tensor {number}.shape {axis}", "Q", dimension)
            self._bytes(f"tensor {number}.name", tensor.name)
            self._pad(f"tensor {number}.padding")

    def _metadata(self, pairs):
        self._head("metadata", len(pairs))
        for number, (key, value) in enumerate(pairs):
            self._put(f"metadata {number}.key_length", "I", len(key))
            self._put(f"metadata {number}.value_length", "I", len(value))
            self._bytes(f"metadata {number}.key", key)
            self._bytes(f"metadata {number}.value", value)
            self._pad(f"metadata {number}.padding")

    def _sources(self, sources):
        self._head("sources", len(sources))
        for number, (name, header, tensors) in enumerate(sources):
            self._put(f"source {number}.tensors", "I", tensors)
            self._put(f"source {number}.name_length", "H", len(name))
            self._put(f"source {number}.zero", "H", 0)
            self._put(f"source {number}.header_size", "Q", len(header))
            self._bytes(f"source {number}.name", name)
            self._bytes(f"source {number}.header", header)
            self._pad(f"source {number}.padding")

    def _payload_items(self, payloads):
        self._head("payloads", len(payloads))
        for number, (kind, flags, piece) in enumerate(payloads):
            self._put(f"payload {number}.offset", "Q", 0)
            self._put(f"payload {number}.size", "Q", len(piece))
            self._put(f"payload {number}.first_sum", "Q", 0)
            self._put(f"payload {number}.kind", "I", kind)
            self._put(f"payload {number}.flags", "I", flags)

    # -- spoiling --

    def get(self, name):
        offset, layout = self.places[name]
        return struct.unpack_from(layout, self.data, offset)[0]

    def set(self, name, value):
        offset, layout = self.places[name]
        struct.pack_into(layout, self.data, offset, value)
        return self

    def add(self, name, difference):
        return self.set(name, self.get(name) + difference)

    def byte(self, name, at, value):
        """Sets one byte of a field; a negative `at` counts from its end."""
        offset, layout = self.places[name]
        size = struct.calcsize(layout)
        assert -size <= at < size, (name, size)
        self.data[offset + at % size] = value
        return self

    def flip(self, name, bit):
        """Inverts one bit, counted as [FMT-4] counts."""
        self.data[self.places[name][0] + bit // 8] ^= 1 << bit % 8
        return self

    # -- finishing --

    def sum_payloads(self):
        at = self.places["checksums"][0]
        for offset, size in self.payloads:
            for start in range(offset, offset + size, self.chunk):
                struct.pack_into("<Q", self.data, at, xxh3_64(bytes(self.data[start : min(start + self.chunk, offset + size)])))
                at += 8
        return self

    def sum_index(self):
        return self.set("header.index_sum", xxh3_64(bytes(self.data[64 : self.end_of_index])))

    def sum_header(self):
        return self.set("header.header_sum", xxh3_64(bytes(self.data[:56])))

    def finish(self):
        """All checksums made over what is there now."""
        self.sum_payloads().sum_index().sum_header()
        return bytes(self.data)
