"""cases.py SUITE CASES [stored]: takes from the conformance suite what concerns level 1, as one file for main.c.

Every run of every coded tensor of the valid files, with its weights as F32, F16 and BF16; every run of the files that are refused for a
record, padding bit or scale; the profiles that must be refused. The expected weights are the suite's, or where it keeps only their
checksum, those of the decoder in Python ("stored": without these, which takes less time).
"""

import json
import os
import re
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "conformance", "decoder"))
import container  # noqa: E402
from coding import Coding, check_scale, decode_tensor  # noqa: E402
from xxh3 import xxh3_64  # noqa: E402

DTYPES = ("f32", "f16", "bf16")
SIZES = {"f32": 4, "f16": 2, "bf16": 2}
CODES_MAX, WEIGHTS_MAX = 262144, 131072  # main.c's


def statuses(root):
    """The numbers of slm_status, from the header."""
    with open(os.path.join(root, "libslm", "include", "slm", "status.h"), encoding="utf-8") as f:
        return {name: int(number) for name, number in re.findall(r"SLM_(?:E_)?(\w+) = (\d+)", f.read())}


def run_case(tensor, number, payload):
    """(header without status, codes, status) of run `number`."""
    size = tensor.profile.run_bytes(tensor.run_length)
    codes = bytes(payload[tensor.codes_offset + number * size:tensor.codes_offset + (number + 1) * size])
    at = 2 * (number if tensor.flags & 1 else 0)
    scale = payload[at] | payload[at + 1] << 8
    status = "OK"
    try:
        check_scale(scale, tensor.profile, tensor.rotation)
        Coding(tensor.profile).integers(codes, tensor.run_length)
    except container.Refusal as refusal:
        status = refusal.status
    assert len(codes) <= CODES_MAX and tensor.run_length <= WEIGHTS_MAX, "a run is too large for the board"
    return (tensor.rotation, tensor.sign_seed, tensor.run_length, scale, len(codes)), codes, status


def profile_bytes(data, number):
    _, index_size = struct.unpack_from("<QQ", data, 24)
    at = container.read_sections(memoryview(data), 64, 64 + index_size)[container.PROFILES].at + 8
    return bytes(data[at + 32 * number:at + 32 * number + 32])


def profile_numbers(data):
    """The number of each tensor's profile, in order: parse_tensor keeps the profile only."""
    _, index_size = struct.unpack_from("<QQ", data, 24)
    bodies = container.read_sections(memoryview(data), 64, 64 + index_size)
    profiles = container.read_profiles(bodies)
    cursor = bodies[container.TENSORS]
    for number in range(cursor.count("TEN-1", 1048576)):
        tensor = container.parse_tensor(cursor, number, profiles)
        yield profiles.index(tensor.profile) if tensor.coding else None


STATUS = statuses(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))


def header(kind, profile, fields, status, rule=""):
    return struct.pack("<I32s5II8s", kind, profile, *fields, STATUS[status], rule.encode())


def stored(suite, vector, dtype):
    """What the suite keeps of a vector's decoded tensors, or None."""
    path = os.path.join(suite, "expected", vector["id"] + "." + dtype)
    if not os.path.exists(path):
        return None
    with open(path, "rb") as f:
        return f.read()


def valid(suite, vector, data, only_stored):
    file = container.open_file(data)
    kept = {dtype: stored(suite, vector, dtype) for dtype in DTYPES}
    if only_stored and None in kept.values():
        return
    at = dict.fromkeys(DTYPES, 0)
    for tensor, number, told in zip(file.tensors, profile_numbers(data), vector["tensors"]):
        payload = file.payload(tensor.number)
        values = {}
        for dtype in DTYPES:
            start, at[dtype] = at[dtype], at[dtype] + told[dtype]["size"]
            values[dtype] = decode_tensor(tensor, payload, dtype.upper()) if kept[dtype] is None else kept[dtype][start:at[dtype]]
            assert "%016x" % xxh3_64(bytes(values[dtype])) == told[dtype]["xxh3"], vector["id"]
        if not tensor.coding:
            continue
        for run in range(tensor.runs):
            fields, codes, status = run_case(tensor, run, payload)
            assert status == "OK"
            yield header(2, profile_bytes(data, number), fields, status) + codes + b"".join(
                values[d][run * tensor.run_length * SIZES[d]:(run + 1) * tensor.run_length * SIZES[d]] for d in DTYPES)


def refused(data):
    """A file that level 1 has a part in refusing: its bad profile, or its bad runs."""
    try:
        file = container.open_file(data)
    except container.Refusal as refusal:
        if refusal.rule.startswith("PRO-") and refusal.rule not in ("PRO-1", "PRO-22"):
            _, index_size = struct.unpack_from("<QQ", data, 24)
            cursor = container.read_sections(memoryview(data), 64, 64 + index_size)[container.PROFILES]
            first = cursor.at + 8
            profile = bytes(data[refusal.offset:refusal.offset + 32]) if refusal.offset else profile_bytes(data, 0)
            assert refusal.offset is None or refusal.offset >= first
            yield header(1, profile, (0,) * 5, refusal.status, refusal.rule)
        return
    for tensor, number in zip(file.tensors, profile_numbers(data)):
        if not tensor.coding:
            continue
        try:
            payload = file.payload(tensor.number)
        except container.Refusal:
            continue
        for run in range(tensor.runs):
            fields, codes, status = run_case(tensor, run, payload)
            if status != "OK":
                yield header(2, profile_bytes(data, number), fields, status) + codes


def main(suite, target, only_stored=""):
    with open(os.path.join(suite, "manifest.json"), encoding="utf-8") as f:
        vectors = json.load(f)["vectors"]
    cases = []
    for vector in vectors:
        with open(os.path.join(suite, vector["file"]), "rb") as f:
            data = f.read()
        cases += valid(suite, vector, data, only_stored == "stored") if vector["tier"] == "valid" else refused(data)
    with open(target, "wb") as f:
        f.write(struct.pack("<I", len(cases)) + b"".join(cases))


main(*sys.argv[1:])
