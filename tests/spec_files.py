"""libslm opens, verifies and decodes the specification's example files to exactly the values listed, and names the broken rule of each
file made from them by a small damage.

    spec_files.py SOURCE_ROOT DRIVER
"""

import pathlib
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(sys.argv[1]).resolve()
EXAMPLES = ROOT / "spec" / "examples"
sys.path.insert(0, str(EXAMPLES))

import make_examples  # noqa: E402
from make_examples import xxh3_64  # noqa: E402

failures = []


def ask(lines):
    answer = subprocess.run([sys.argv[2]], input="\n".join(lines) + "\n", capture_output=True, text=True, encoding="utf-8")
    if answer.returncode != 0:
        failures.append(f"the driver ended with {answer.returncode}: {answer.stderr[-2000:]}")
    return answer.stdout.splitlines()


# ---- The examples themselves ----

def check_examples():
    found = ask([f"check {EXAMPLES / 'smallest.slm'}", f"tensors {EXAMPLES / 'smallest.slm'}", f"check {EXAMPLES / 'model.slm'}", f"tensors {EXAMPLES / 'model.slm'}"])
    expected = ["SLM_OK - 0", "end", "SLM_OK - 0", *tensor_lines(), "end"]
    for got, wanted in zip(found + [""] * len(expected), expected):
        if got != wanted:
            failures.append(f"expected {wanted}\n  got {got}")


def tensor_lines():
    """What the driver says of model.slm, from model.values.txt and the raw tensors' bytes."""
    columns = {}
    for line in (EXAMPLES / "model.values.txt").read_text().splitlines()[1:]:
        name, weight, _, shown, f32, f16, bf16 = line.split()
        lists = columns.setdefault(name, ([], [], []))
        if int(weight) != len(lists[0]) or struct.pack("<f", float.fromhex(shown)) != struct.pack("<I", int(f32, 16)):
            failures.append(f"model.values.txt contradicts itself: {line}")
        for values, bits, format in zip(lists, (f32, f16, bf16), "IHH"):
            values.append(struct.pack("<" + format, int(bits, 16)))
    _, tensors = make_examples.model()
    for t in tensors:
        if t.profile:
            yield t.name + "".join(f" {name}:{b''.join(values).hex()}" for name, values in zip(("F32", "F16", "BF16"), columns[t.name]))
        else:
            yield f"{t.name} {t.dtype}:{bytes(t.payload.data).hex()}"


# ---- Damage: one each, the checksums made right again where the fault lies behind them ----

FULL, _ = make_examples.model()
DATA = bytes(FULL.data)


def place(note, skip=0, nth=0):
    """Where the nth field whose note contains the words begins."""
    found = [offset for offset, _, words in FULL.notes if note in words]
    return found[nth] + skip


def patch(offset, data):
    return DATA[:offset] + data + DATA[offset + len(data):]


def resum(data, payloads=False):
    """Checksums as if the file had been written like this."""
    data = bytearray(data)
    index_size, = struct.unpack_from("<Q", data, 32)
    if payloads:
        sums, items = place("XXH3-64 of payload 0"), place("payload 0: offset")
        for i in range(6):
            offset, size, first, _, _ = struct.unpack_from("<QQQII", data, items + 32 * i)
            if size:
                struct.pack_into("<Q", data, sums + 8 * first, xxh3_64(bytes(data[offset:offset + size])))
    struct.pack_into("<Q", data, 40, xxh3_64(bytes(data[64:64 + index_size])))
    struct.pack_into("<Q", data, 56, xxh3_64(bytes(data[:56])))
    return bytes(data)


def head(offset, format, *values):
    """A field of the header changed, index_sum left as it is."""
    data = bytearray(patch(offset, struct.pack("<" + format, *values)))
    struct.pack_into("<Q", data, 56, xxh3_64(bytes(data[:56])))
    return bytes(data)


def index(offset, format, *values):
    return resum(patch(offset, struct.pack("<" + format, *values)))


def payload(offset, data):
    return resum(patch(offset, data), payloads=True)


def damages():
    """(file, status, rule)"""
    yield b"", "TRUNCATED", "HDR-1"
    for size in (1, 7):
        yield DATA[:size], "TRUNCATED", "HDR-1"
    yield b"\x88", "MAGIC", "HDR-1"
    yield DATA.replace(b"\r\n\x1a\n", b"\n\x1a\n", 1), "MAGIC", "HDR-1"
    for size in (8, 63):
        yield DATA[:size], "TRUNCATED", "HDR-2"
    for size in (64, 65, place("section 5"), len(DATA) - 1):
        yield DATA[:size], "TRUNCATED", "HDR-14"
    yield DATA + b"\0", "INDEX", "HDR-15"
    yield head(8, "H", 2), "VERSION", "HDR-3"
    yield patch(8, b"\2"), "VERSION", "HDR-3"
    yield head(10, "H", 7), "OK", "-"  # [HDR-4]
    yield patch(10, b"\1"), "CHECKSUM", "HDR-5"
    yield head(16, "I", 1), "FEATURE", "HDR-6"
    yield head(16, "I", 1 << 31), "FEATURE", "HDR-6"
    yield head(20, "I", 0xFFFFFFFF), "OK", "-"  # [HDR-7]
    yield head(14, "H", 1), "INDEX", "HDR-8"
    yield head(48, "Q", 1 << 63), "INDEX", "HDR-8"
    for value in (0, 5, 17, 255):
        yield head(12, "B", value), "LIMIT", "HDR-9"
    for value in (11, 31, 255):
        yield head(13, "B", value), "LIMIT", "HDR-10"
    yield head(32, "Q", 1156), "INDEX", "HDR-11"
    yield head(32, "Q", (1 << 30) + 8), "LIMIT", "HDR-12"
    for value in (1 << 62, 1 << 63, (1 << 64) - 1):
        yield head(24, "Q", value), "LIMIT", "HDR-13"
    yield head(24, "Q", (1 << 62) - 1), "TRUNCATED", "HDR-14"
    yield head(24, "Q", len(DATA) - 64), "INDEX", "HDR-15"
    yield head(32, "Q", len(DATA) - 56), "INDEX", "HDR-16"
    yield patch(place("count 5"), b"\6"), "CHECKSUM", "HDR-17"

    profiles, tensors, metadata, sources, payloads, sums = (place(f"section {n}") for n in range(1, 7))
    yield index(tensors + 8, "Q", 1 << 63), "INDEX", "SEC-1"
    yield index(sums + 8, "Q", 48), "INDEX", "SEC-1"
    yield index(tensors + 8, "Q", (1 << 64) - 8), "INDEX", "SEC-1"
    yield index(profiles + 4, "I", 3), "INDEX", "SEC-2"
    yield index(metadata, "I", 2), "INDEX", "SEC-3"
    yield index(profiles, "II", 0, 0), "INDEX", "SEC-3"
    yield index(profiles, "II", 0, 1), "FEATURE", "SEC-7"  # [ERR-4]
    yield index(profiles, "I", 3), "INDEX", ("SEC-3", "SEC-6")
    yield index(sums, "I", 7), "FEATURE", "SEC-7"
    yield index(sums, "I", 0xFFFFFFFF), "FEATURE", "SEC-7"
    yield index(sums, "II", 7, 0), "INDEX", "SEC-5"
    broken = patch(place("coding 1, K 16") + 1, b"\0")  # [ERR-2]: the missing section is the earlier stage
    yield resum(broken[:sums] + struct.pack("<II", 7, 0) + broken[sums + 8:]), "INDEX", "SEC-5"
    yield index(metadata + 4, "I", 1), "INDEX", "SEC-6"
    yield index(payloads + 4, "I", 0), "INDEX", "SEC-6"
    yield index(place("count 5") + 4, "I", 1), "INDEX", "SEC-12"
    yield index(place("count 2") + 4, "I", 1 << 31), "INDEX", "SEC-12"

    profile = place("coding 1, K 16")
    yield index(place("count 2"), "I", 1), "INDEX", "PRO-1"
    yield index(place("count 2"), "I", 3), "INDEX", "PRO-1"
    yield index(place("count 2"), "I", 4097), "LIMIT", "PRO-22"
    yield index(profile, "B", 3), "FEATURE", "PRO-2"
    yield index(profile, "BB", 3, 0), "FEATURE", "PRO-2"  # [ERR-4]
    yield index(profile + 1, "B", 25), "PROFILE", "PRO-3"
    yield index(profile + 10, "H", 1), "PROFILE", "PRO-18"
    yield index(profile + 12, "I", 0x0003), "PROFILE", "PRO-9"
    yield index(profile + 16, "B", 0x1F), "PROFILE", "PRO-19"
    yield index(profile + 31, "B", 0x41), "PROFILE", "PRO-19"
    yield index(profile + 16, "7s", b"slm-2\0\0"), "OK", "-"  # [PRO-20]

    block, trellis, raw, scalar, empty = (place(f"tensor {n}: ") for n in range(5))
    yield index(place("count 5"), "I", (1 << 20) + 1), "LIMIT", "TEN-1"
    yield index(place("count 5"), "I", 4), "INDEX", ("SEC-10", "SRC-4")
    yield index(place("count 5"), "I", 6), "INDEX", "SEC-10"
    yield index(block, "B", 3), "FEATURE", "TEN-2"
    yield index(block, "8B", 255, 255, 255, 255, 255, 255, 255, 255), "FEATURE", ("TEN-2", "TEN-3")
    yield index(raw + 1, "B", 0), "FEATURE", "TEN-3"
    yield index(raw + 1, "B", 23), "FEATURE", "TEN-3"
    yield index(raw + 2, "B", 33), "LIMIT", "TEN-4"
    yield index(raw + 4, "H", 8), "INDEX", "TEN-5"
    yield index(raw + 12, "I", 1), "INDEX", "TEN-6"
    yield index(raw + 36, "I", 1), "INDEX", "TEN-6"
    for name in (b"\xffaw", b"\xc0\x80w", b"r\0w", b"\xed\xa0\x80", b"\xe2\x82w"):
        yield index(raw + 56, "3s", name), "INDEX", "TEN-7"
    yield index(scalar + 1, "BB", 2, 0), "INDEX", "TEN-12"  # F4, one element
    yield index(scalar + 40, "7s", b"trellis"), "INDEX", "TEN-8"
    yield index(raw + 56 + 3, "B", 1), "INDEX", "TEN-9"
    yield index(raw + 40, "QQ", 1 << 40, 1 << 40), "LIMIT", "TEN-11"
    yield index(raw + 40, "QQ", 1 << 63, 2), "LIMIT", "TEN-11"
    yield index(raw + 40, "Q", 1 << 56), "LIMIT", "TEN-11"  # 2^62 bits with the other dimension, 2
    yield index(raw + 40, "Q", (1 << 56) - 1), "INDEX", "PAY-13"
    yield index(empty + 40, "QQ", 1 << 59, 0), "LIMIT", "TEN-11"
    yield index(empty + 40, "QQ", 0, (1 << 59) - 1), "OK", "-"
    for skip, format in ((3, "B"), (6, "H"), (8, "H"), (16, "Q"), (4, "H")):
        yield index(raw + skip, format, 1), "INDEX", "TEN-13"
    yield index(block + 1, "B", 20), "INDEX", "TEN-14"  # F64
    yield index(block + 6, "H", 2), "INDEX", "TEN-15"
    yield index(block + 6, "H", 1), "INDEX", "TEN-16"
    yield index(block + 40, "QQ", 0, 4), "INDEX", "TEN-17"
    for value in (0, 5, 24, 1 << 63):
        yield index(block + 16, "Q", value), "INDEX", "TEN-18"
    yield index(block + 24, "Q", 1), "INDEX", "TEN-19"
    yield index(block + 4, "HHHHI", 2, 0, 0, 5, 0), "OK", "-"
    yield index(block + 32, "I", 1), "INDEX", "TEN-20"
    stated = patch(block + 4, struct.pack("<H", 4))
    for bits in (0x80000000, 0xBF800000, 0x7F800000, 0x7FC00000):
        yield resum(stated[:block + 32] + struct.pack("<I", bits) + stated[block + 36:]), "INDEX", "TEN-20"
    yield resum(stated[:block + 32] + struct.pack("<I", 0x3DF5C28F) + stated[block + 36:]), "OK", "-"
    for h in (1, 3, 11, 255):
        yield index(trellis + 3, "B", h), "PROFILE", "ROT-1"
    yield index(trellis + 3, "B", 5), "PROFILE", "ROT-2"
    yield index(trellis + 8, "H", 0), "PROFILE", "ROT-3"
    yield index(trellis + 3, "B", 0), "PROFILE", "ROT-3"

    wide = place("coding 2, K 16")
    yield index(wide, "10BHI", 2, 24, 5, 24, 1, 1, 0, 0, 0, 4, 0, 0x87), "PROFILE", "TEN-22"
    yield index(wide, "10BHI", 2, 24, 5, 24, 2, 1, 0, 0, 0, 4, 0, 0x87), "PROFILE", "PRO-21"

    pair = place("key_length 11")
    yield index(place("count 2", nth=1), "I", 65537), "LIMIT", "MET-1"
    yield index(pair + 8, "B", 0xFF), "INDEX", "MET-2"
    yield index(pair + 8 + 11, "B", 0), "INDEX", "MET-2"
    yield index(pair, "II", 0, 27), "INDEX", "MET-3"
    yield index(pair + 35, "B", 1), "INDEX", "MET-5"
    yield index(pair, "II", 0xFFFFFFFF, 0xFFFFFFFF), "INDEX", "SEC-10"

    source = place("5 tensors")
    yield index(source - 8, "I", 0), "INDEX", ("SRC-1", "SEC-10")
    yield index(source - 8, "I", 65537), "LIMIT", "SRC-2"
    yield index(source + 6, "H", 1), "INDEX", "SRC-3"
    for count in (4, 6, 0xFFFFFFFF):
        yield index(source, "I", count), "INDEX", "SRC-4"
    for name in (b"../el.safetensors", b"mod\\l.safetensors", b"\xffodel.safetensors", b"mo\0el.safetensors"):
        yield index(source + 16, "17s", name), "INDEX", "SRC-5"
    yield index(source + 8, "Q", 100_000_001), "LIMIT", "SRC-7"
    yield index(source + 16 + 17, "B", 0x20), "OK", "-"  # [SRC-8]

    item = place("payload 0: offset")
    yield index(item - 8, "I", 4), "INDEX", ("PAY-1", "PAY-3")
    yield index(item - 8, "I", 1114113), "LIMIT", "PAY-2"
    yield index(item - 8, "I", 7), "INDEX", "PAY-3"
    yield index(item + 24, "I", 2), "INDEX", "PAY-4"
    yield index(item + 28, "I", 0), "INDEX", "PAY-4"
    yield index(item + 24, "I", 3), "FEATURE", "PAY-8"  # [ERR-4]
    yield index(item + 24, "II", 3, 0), "INDEX", "PAY-4"
    side = item + 32 * 5
    yield index(side + 24, "I", 1), "INDEX", ("PAY-5", "PAY-6")
    yield index(side + 24, "I", 0), "INDEX", "PAY-5"
    yield index(side + 28, "I", 1), "INDEX", "PAY-6"
    yield index(side + 28, "I", 2), "INDEX", ("PAY-7", "PAY-6")
    yield index(side + 24, "II", 3, 2), "INDEX", "PAY-7"
    yield index(side + 24, "II", 3, 1), "FEATURE", "PAY-8"
    yield index(side + 24, "II", 0x80000000, 1), "FEATURE", "PAY-8"
    yield index(side + 24, "II", 3, 0), "OK", "-"  # [PAY-9]
    for value in (0x4C0, 0x540, 0x501, 1 << 63):
        yield index(item, "Q", value), "INDEX", "PAY-10"
    yield index(side + 8, "Q", 1 << 20), "INDEX", ("PAY-10", "PAY-11")
    yield index(side + 8, "Q", (1 << 64) - 1), "INDEX", ("PAY-10", "PAY-11")
    yield index(side + 8, "Q", 64), "INDEX", "PAY-11"
    yield index(item + 32 + 16, "Q", 0), "INDEX", "PAY-12"
    yield index(item + 8, "Q", 71), "INDEX", "PAY-13"
    for offset in (place("zero, up to the first payload"), place("payload 1, trellis") - 1, len(DATA) - 1):
        yield patch(offset, b"\1"), "RECORD", "PAY-14"
    yield resum(DATA[:sums + 8] + struct.pack("<Q", 32) + DATA[sums + 16:]), "INDEX", ("SUM-3", "SEC-1")
    for offset in (place("payload 0, block"), place("payload 2, raw"), place("payload 5, side files") + 136):
        yield patch(offset, bytes([DATA[offset] ^ 0x80])), "CHECKSUM", "SUM-4"

    scale, codes = place("payload 0, block"), place("seed ace1")
    for value in (0x0000, 0x8000, 0xB7C9, 0x7F80, 0x7FC1):
        yield payload(scale, struct.pack("<H", value)), "SCALE", "RUN-4"
    yield payload(scale, struct.pack("<H", 1)), "OK", "-"
    yield payload(scale + 2, b"\1"), "RECORD", "RUN-5"
    yield payload(codes - 1, b"\x80"), "RECORD", "RUN-5"
    yield payload(place("run 0: 76 bits") + 9, b"\x17"), "RECORD", "RUN-7"
    yield payload(place("run 1", nth=-1) + 9, b"\x8f"), "RECORD", "RUN-7"
    yield payload(codes, b"\0\0"), "RECORD", "BLK-4"
    yield payload(codes + 4, b"\0\0"), "RECORD", "BLK-4"
    yield payload(place("run 0: 76 bits"), bytes(10)), "OK", "-"  # [TRE-3]


def check_damages(folder):
    cases = list(damages())
    lines = []
    for i, (data, _, _) in enumerate(cases):
        path = folder / f"{i}.slm"
        path.write_bytes(data)
        lines.append(f"check {path}")
    found = ask(lines)
    for i, (data, status, rule) in enumerate(cases):
        got = found[i].split() if i < len(found) else ["nothing", "-", "0"]
        rules = rule if isinstance(rule, tuple) else (rule,)
        if got[0] != ("SLM_OK" if status == "OK" else "SLM_E_" + status) or got[1] not in rules:
            where = next((f"{at:#x} ({words})" for at, size, words in FULL.notes if data[at:at + size] != DATA[at:at + size] and at >= 64), "the header or the size")
            failures.append(f"case {i}, changed at {where}: expected {status} {' or '.join(rules)}, got {' '.join(got)}")
    return len(cases)


check_examples()
with tempfile.TemporaryDirectory() as folder:
    count = check_damages(pathlib.Path(folder))
for failure in failures:
    print(failure)
print(f"{count} damaged files, {len(failures)} failures")
sys.exit(1 if failures else 0)
