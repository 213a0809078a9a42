#!/usr/bin/env python3
"""Makes the conformance vectors from their cases, and the manifest that says what they are.

    generate.py FOLDER            writes the vectors below FOLDER and holds each against ../manifest.json: size and XXH3-64
    generate.py --update FOLDER   writes the vectors and a new manifest, its expected values decoded by ../decoder; what the manifest
                                  says of a file whose size and checksum are still the same is kept, unless --all

Python 3, standard library only. The bytes are the same on every machine.
"""

import argparse
import json
import multiprocessing
import os
import sys
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "decoder")]

import cases  # noqa: E402
import spoilt  # noqa: E402, F401
import spoilt_payloads  # noqa: E402, F401
import spoilt_whole  # noqa: E402, F401
import valid_coding  # noqa: E402, F401
import valid_container  # noqa: E402, F401
from container import BLOCK, RAW, Refusal, open_file  # noqa: E402
from slm_decode import decode  # noqa: E402
from xxh3 import xxh3_64  # noqa: E402

MANIFEST = HERE.parent / "manifest.json"
EXPECTED_BYTES = 8192
NAMED = ("paper-4", "paper-3", "slm-2", "slm-2.5", "slm-3", "slm-3.5", "slm-4", "slm-5", "slm-6", "slm-4-fast")


def digest(data):
    return f"{xxh3_64(data):016x}"


def path_of(case):
    return f"vectors/{case.tier}/{case.id}.slm"


def make(number):
    return cases.ALL[number].make()


def needs(tensors):
    """What a decoder must support to decode these tensors, in words that a partial one declares itself with."""
    words = set()
    for tensor in tensors:
        if tensor.coding == RAW:
            words.add("raw")
            continue
        words.add("block" if tensor.coding == BLOCK else "trellis")
        if tensor.rotation:
            words.add("rotation")
        words.add(tensor.profile.name if is_named(tensor.profile) else "any-profile")
    return sorted(words)


def is_named(profile):
    numbers = (profile.coding, profile.C, profile.P, profile.K, profile.step, profile.W, profile.E, profile.B, profile.norm, profile.k, profile.taps)
    return numbers in (
        (1, 8, 3, 16, 1, 16, 4, 4, 1, 0, 0x100B), (1, 12, 4, 16, 1, 16, 4, 4, 1, 0, 0x100B),
        *((2, C, 4, 16, 29, W, 0, 0, 0, k, 0xAB57) for C, k, W in ((1, 2, 4), (2, 5, 4), (1, 3, 4), (2, 7, 4), (1, 4, 4), (1, 5, 6), (1, 6, 6))),
        (2, 1, 4, 12, 28, 4, 0, 0, 0, 4, 0xCA5),
    ) and profile.name in NAMED  # fmt: skip


def describe(number, known=None):
    """A vector's entry in the manifest, its values by the second decoder, or from its entry so far where the file is the same."""
    case = cases.ALL[number]
    data = case.make()
    entry = {
        "id": case.id, "file": path_of(case), "tier": case.tier, "status": case.status, "rules": list(case.rules), "reason": case.reason,
        "size": len(data), "xxh3": digest(data),
    }  # fmt: skip
    if known and all(known[key] == entry[key] for key in ("size", "xxh3", "status", "rules")):
        return entry | {key: known[key] for key in ("needs", "tensors") if key in known}
    if case.status != "OK":
        expect_refusal(case, data)
        return entry
    entry["needs"] = needs(open_file(data).tensors)
    entry["tensors"] = []
    for dtype in ("F32", "F16", "BF16"):
        for at, (tensor, values) in enumerate(decode(data, dtype)):
            if dtype == "F32":
                # Names may be text that JSON tools show badly: the number identifies a tensor.
                entry["tensors"].append({"dtype": tensor.dtype, "elements": tensor.elements, "coded": tensor.coding != RAW})
            entry["tensors"][at][dtype.lower()] = {"size": len(values), "xxh3": digest(values)}
    return entry


def small(entry):
    """Whether what a vector decodes to is given as plain files too, for people to compare with."""
    return entry["tier"] == "valid" and sum(tensor["f32"]["size"] for tensor in entry["tensors"]) <= EXPECTED_BYTES


def expected(job):
    """Decodes a small vector to plain files, one an output type, held against the manifest. Returns whether they agree."""
    folder, entry = job
    data, right = (folder / entry["file"]).read_bytes(), True
    for dtype in ("f32", "f16", "bf16"):
        pieces = [values for _, values in decode(data, dtype.upper())]
        right = right and [digest(piece) for piece in pieces] == [tensor[dtype]["xxh3"] for tensor in entry["tensors"]]
        (folder / "expected" / f"{entry['id']}.{dtype}").write_bytes(b"".join(pieces))
    return right


def expect_refusal(case, data):
    try:
        for _ in decode(data, "F16"):
            pass
    except Refusal as refusal:
        assert refusal.status == case.status, (case.id, refusal)
        assert refusal.rule in case.rules, (case.id, refusal, case.rules)
        return
    raise AssertionError(f"{case.id} was not refused")


def update(pool, known):
    entries = pool.starmap(describe, [(number, known.get(case.id)) for number, case in enumerate(cases.ALL)], chunksize=1)
    manifest = {"suite": "slm-conformance", "version": "1.0", "format": "1.0", "vectors": entries}
    MANIFEST.write_text(dump(manifest), encoding="utf-8")
    return manifest


def dump(manifest):
    """One line a vector, so that a change reads well in a diff."""
    head = {key: value for key, value in manifest.items() if key != "vectors"}
    lines = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in manifest["vectors"])
    return json.dumps(head, ensure_ascii=False)[:-1] + ', "vectors": [\n' + lines + "\n]}\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--update", action="store_true", help="write a new manifest")
    parser.add_argument("--all", action="store_true", help="with --update: decode every file again")
    parser.add_argument("--install", action="store_true", help="FOLDER is below MESON_INSTALL_DESTDIR_PREFIX")
    parser.add_argument("--stamp", type=Path, help="touch this file when the vectors are what the manifest says")
    arguments = parser.parse_args()
    if arguments.install:
        arguments.folder = Path(os.environ["MESON_INSTALL_DESTDIR_PREFIX"]) / arguments.folder
    with multiprocessing.Pool() as pool:
        if arguments.update:
            before = json.loads(MANIFEST.read_text(encoding="utf-8"))["vectors"]
            update(pool, {} if arguments.all else {entry["id"]: entry for entry in before})
        manifest = json.loads(MANIFEST.read_text(encoding="utf-8"))
        entries = {entry["id"]: entry for entry in manifest["vectors"]}
        wrong, total = 0, 0
        for tier in cases.TIERS:
            (arguments.folder / "vectors" / tier).mkdir(parents=True, exist_ok=True)
        for case, data in zip(cases.ALL, pool.imap(make, range(len(cases.ALL)), chunksize=4)):
            entry = entries.pop(case.id, None)
            if entry is None or entry["size"] != len(data) or entry["xxh3"] != digest(data) or entry["file"] != path_of(case):
                print(f"{case.id}: not what the manifest says")
                wrong += 1
            (arguments.folder / path_of(case)).write_bytes(data)
            total += len(data)
        (arguments.folder / "expected").mkdir(exist_ok=True)
        jobs = [(arguments.folder, entry) for entry in manifest["vectors"] if small(entry)] if not wrong else []
        for (_, entry), right in zip(jobs, pool.imap(expected, jobs)):
            if not right:
                print(f"{entry['id']}: decodes to something else than the manifest says")
                wrong += 1
    for id in entries:
        print(f"{id}: in the manifest, but no case")
        wrong += 1
    (arguments.folder / "manifest.json").write_text(MANIFEST.read_text(encoding="utf-8"), encoding="utf-8")
    print(f"{len(cases.ALL)} vectors, {total} bytes, {wrong} wrong")
    if arguments.stamp and not wrong:
        arguments.stamp.touch()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
