#!/usr/bin/env python3
"""Makes what fuzzing starts from: for each target a folder of small inputs, the .slm ones from the conformance vectors.

    seeds.py FOLDER

Python 3, standard library only. The bytes are the same on every machine.
"""

import gzip
import io
import json
import random
import struct
import sys
import tarfile
import zipfile
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "conformance" / part) for part in ("generator", "decoder")]

import builder  # noqa: E402
import cases  # noqa: E402
import spoilt  # noqa: E402, F401
import spoilt_whole  # noqa: E402, F401
import valid_coding  # noqa: E402, F401
import valid_container  # noqa: E402, F401
from container import Refusal, open_file  # noqa: E402

SLM_BYTES_MAX = 4096


def slm_files():
    """The conformance vectors that are small, and the specification's examples."""
    files = {}
    for case in cases.ALL:
        data = case.make()
        if len(data) <= SLM_BYTES_MAX:
            files[f"{case.tier}-{case.id}".replace("/", "-")] = data
    for path in sorted((ROOT / "spec" / "examples").glob("*.slm")):
        files[path.stem] = path.read_bytes()
    return files


# ---- Profiles and tensors to encode ----


def profile_input(profile, rotation, sign_seed, run_length, codes):
    return profile + struct.pack("<BBHQ", rotation, 0, sign_seed, run_length) + codes


def profiles(files):
    """Every coding of the valid vectors with the codes of its first run; the named profiles with random ones."""
    result = {}
    for name, data in files.items():
        try:
            file = open_file(data)
        except Refusal:
            continue
        for tensor in file.tensors:
            if tensor.coding and tensor.run_length <= 1024:
                p = tensor.profile
                stored = struct.pack("<10BHI16s", p.coding, p.K, p.step, p.W, p.P, p.C, p.E, p.B, p.norm, p.k, 0, p.taps, b"")
                run = data[file.payloads[tensor.number][0] + tensor.codes_offset :][: p.run_bytes(tensor.run_length)]
                value = profile_input(stored, tensor.rotation, tensor.sign_seed, tensor.run_length, run)
                result[f"{name}-{tensor.number}"[-60:]] = value
    numbers = random.Random(1)
    for name, profile in (("paper-4", builder.paper4()), ("paper-3", builder.paper3()), ("slm-4", builder.slm("4")), ("slm-2", builder.slm("2"))):
        for rotation, length in ((0, 50), (5, 96), (8, 512)):
            codes = numbers.randbytes(profile.run_bytes(length))
            result[f"{name}-{rotation}"] = profile_input(profile.store(), rotation, 0x5EED if rotation else 0, length, codes)
    return result


def encodes():
    numbers = random.Random(2)
    result = {}
    for i in range(48):
        head = bytes(numbers.randrange(256) for _ in range(8))
        dtype = head[4] % 3
        deviation = 10 ** numbers.uniform(-6, 3)
        weights = [numbers.gauss(0, deviation) for _ in range(numbers.choice((3, 32, 100, 300)))]
        if i % 8 == 0:
            weights = [0.0] * len(weights)
        if dtype == 0:
            body = struct.pack(f"<{len(weights)}f", *weights)
        elif dtype == 1:
            body = struct.pack(f"<{len(weights)}e", *[max(-60000, min(60000, w)) for w in weights])
        else:
            body = b"".join(struct.pack("<f", w)[2:] for w in weights)
        result[f"tensor-{i:02}"] = head + body
    for i, special in enumerate((b"\x00\x00\x80\x7f", b"\x00\x00\xc0\x7f", b"\x01\x00\x00\x00", b"\xff\xff\x7f\x7f")):
        result[f"special-{i}"] = bytes([i, 0x41, 0x21, 3, 0, 3, 0, i]) + b"\x00\x00\x80\x3f" * 7 + special
    return result


# ---- JSON ----


def entry(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


MODEL = {
    "__metadata__": {"format": "pt"},
    "model.embed.weight": entry("BF16", [4, 3], 0, 24),
    "model.norm.weight": entry("F32", [3], 24, 36),
    "größe": entry("I64", [], 36, 44),
    "leer": entry("F8_E4M3", [0, 7], 44, 44),
    "six": entry("F6_E2M3", [4], 44, 47),
}


def safetensors_file(header, data=None):
    text = header if isinstance(header, bytes) else json.dumps(header, ensure_ascii=False).encode()
    size = max((e["data_offsets"][1] for k, e in header.items() if k != "__metadata__"), default=0) if data is None else 0
    return struct.pack("<Q", len(text)) + text + (bytes(range(256)) * (size // 256 + 1))[:size] + (data or b"")


# At the limit to the memory that a text may take: a change or two, and it is refused in one token or another.
COSTLY = b'{"a":[' + b"{}," * 512 + b'"' + b"x" * 600 + b'"]}'


def safetensors_files():
    big = {f"layers.{i}.weight": entry("F16", [2, 2], 8 * i, 8 * i + 8) for i in range(20)}
    return {
        "model": safetensors_file(MODEL),
        "twenty": safetensors_file(big),
        "none": safetensors_file({}),
        "metadata-only": safetensors_file({"__metadata__": {"a": "b", "ä": ""}}),
        "spaces": safetensors_file(json.dumps(MODEL).encode() + b"    ", bytes(47)),
        "escapes": safetensors_file(b'{"a\\u00e9\\n\\ud83d\\ude00":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"x"),
        "hole": safetensors_file({"a": entry("U8", [1], 0, 1), "b": entry("U8", [1], 2, 3)}),
        "overlap": safetensors_file({"a": entry("U8", [2], 0, 2), "b": entry("U8", [1], 1, 2)}),
        "twice": safetensors_file(b'{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{}}', b""),
        "huge": safetensors_file(b'{"a":{"dtype":"F64","shape":[9223372036854775807,3],"data_offsets":[0,18446744073709551616]}}', b""),
        "nul": safetensors_file(b'{"a\\u0000":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}', b""),
        "deep": safetensors_file(b"{" + b'"a":[' * 40 + b"]" * 40 + b"}", b""),
        "numbers": safetensors_file(b'{"a":{"dtype":"F4","shape":[1e1,-2,0.5],"data_offsets":[true,null]}}', b""),
        "costly": safetensors_file(COSTLY, b""),
    }


def importances():
    def vectors(type, code, *named):
        header, data = {}, b""
        for name, values in named:
            packed = struct.pack(f"<{len(values)}{code}", *values)
            header[name] = entry(type, [len(values)], len(data), len(data) + len(packed))
            data += packed
        text = json.dumps(header).encode()
        return struct.pack("<Q", len(text)) + text + data

    def matrix(*named, trailer=b""):
        parts = [struct.pack("<I", len(named))]
        for name, calls, values in named:
            parts.append(struct.pack(f"<I{len(name)}sII{len(values)}f", len(name), name, calls, len(values), *values))
        return b"".join(parts) + trailer

    def hessian(columns, *values):
        data = struct.pack(f"<{len(values)}f", *values)
        return safetensors_file(json.dumps({"layers.0.weight": entry("F32", [columns, columns], 0, len(data))}).encode(), data)

    text = b"wiki.test.raw"
    return {
        "f32": vectors("F32", "f", ("b.weight", (0.5, 0, 3)), ("a.weight", (1,))),
        "f16": vectors("F16", "e", ("a.weight", (1, 2, 3, 4))),
        "bf16": vectors("BF16", "H", ("a.weight", (0x3F80, 0))),
        "negative": vectors("F32", "f", ("a.weight", (1, -1))),
        "nan": vectors("F32", "f", ("a.weight", (float("nan"),))),
        "empty": vectors("F32", "f", ("a.weight", ())),
        "integers": vectors("I32", "i", ("a.weight", (1, 2))),
        "dat": matrix((b"blk.0.attn_q.weight", 7, (1, 2, 3)), (b"output.weight", 7, (0, 4)), (b"other", 0, (1,))),
        "dat-trailer": matrix((b"blk.12.ffn_down.weight", 1, (5,)), trailer=struct.pack("<II", 3, len(text)) + text),
        "dat-twice": matrix((b"blk.1.ffn_up.weight", 1, (5,)), (b"model.layers.1.mlp.up_proj.weight", 1, (5,))),
        "dat-cut": matrix((b"a", 1, (5, 6)))[:-3],
        "dat-infinite": matrix((b"a", 1, (float("inf"),))),
        "gguf": b"GGUF\3\0\0\0" + bytes(16),
        "hessians": hessian(2, 1, 0.5, 0.5, 2),
        "hessian-16": hessian(16, *((1 + i % 3 if i == j else 0.25) for i in range(16) for j in range(16))),
        "hessian-indefinite": hessian(2, 1, 3, 3, 1),
        "hessian-asymmetric": hessian(2, 1, 0.5, -0.5, 1),
        "hessian-nan": hessian(1, float("nan")),
        "hessian-wide": safetensors_file({"w": entry("F32", [1, 2], 0, 8)}),
    }


def shard_indexes():
    def index(where, header=None):
        text = json.dumps({"metadata": {"total_size": 47}, "weight_map": where}, ensure_ascii=False).encode()
        return text + (b"\0" + json.dumps(header, ensure_ascii=False).encode() if header is not None else b"")

    names = [name for name in MODEL if name != "__metadata__"]
    one, two = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
    return {
        "one": index({name: one for name in names}, MODEL),
        "two": index({name: (one, two)[i % 2] for i, name in enumerate(names)}, {n: MODEL[n] for n in names[:1]}),
        "missing": index({"absent": one}, MODEL),
        "outside": index({"a": "../model.safetensors"}),
        "dots": index({"a": "..", "b": "x\\y"}),
        "empty": index({}),
        "numbers": b'{"weight_map":{"a":1}}',
        "twice": b'{"weight_map":{"a":"x","a":"y"}}',
        "costly": COSTLY,
    }


def manifests():
    whole = json.loads((ROOT / "conformance" / "manifest.json").read_text())
    vectors = whole["vectors"]
    result = {}
    for name, chosen in (("valid", vectors[:3]), ("mixed", vectors[::130]), ("none", [])):
        result[name] = json.dumps({**whole, "vectors": chosen}).encode()
    broken = dict(vectors[1], id="../x", needs=[1], tensors=[{}])
    result["broken"] = json.dumps({**whole, "vectors": [broken]}).encode()
    result["costly"] = COSTLY
    return result


def globs():
    pairs = [
        ("*", "model.layers.0.weight"), ("*embed*", "model.embed_tokens.weight"), ("model.layers.[0-9].*", "model.layers.7.mlp"),
        ("[!a-z]?", "Ab"), ("\\*\\?\\[", "*?["), ("*a*a*a*a*b", "aaaaaaaaaaaaaaaa"), ("[[:alpha:]]*", "größe"), ("[[=a=]]", "a"),
        ("[[.hyphen.]]", "-"), ("[", "["), ("[a", "[a"), ("[]a]", "]"), ("a\\", "a\\"), ("?", "\u20ac"), ("", ""), ("*/..", "a/.."),
        ("./a//b/", "/etc/passwd"), ("\u20ac*", "\u20ac/./x"), ("[z-a]", "b"), ("**", ""), ("\udcff", "x"),
    ]  # fmt: skip
    return {f"glob-{i:02}": p.encode(errors="surrogateescape") + b"\0" + n.encode(errors="surrogateescape") for i, (p, n) in enumerate(pairs)}


# ---- Archives ----


def member(name, data=b"", **fields):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, data


def tar(members, form=tarfile.PAX_FORMAT):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    whole = stream.getvalue()
    end = len(whole.rstrip(b"\0"))
    return whole[: -(-end // 512) * 512 + 1024]  # without the padding to 10 KiB


def zipped(members, method):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for info, data in members:
            archive.writestr(zipfile.ZipInfo(info.name), data, method)
    return stream.getvalue()


def encrypted(archive):
    """The same, and each member said to be encrypted: flags of the local headers, and of the directory."""
    data = bytearray(archive)
    for signature, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = -1
        while (at := data.find(signature, at + 1)) >= 0:
            data[at + flags] |= 1
    return bytes(data)


def zstd_frame(data):
    """A frame of stored blocks, and of one byte repeated."""
    blocks = [(False, bytearray())]
    for at in range(0, len(data), 512):
        piece = data[at : at + 512]
        repeated = piece == piece[:1] * len(piece)
        last_repeated, last = blocks[-1]
        if repeated == last_repeated and len(last) < 1 << 16 and (not repeated or last[:1] == piece[:1]):
            last += piece
        else:
            blocks.append((repeated, bytearray(piece)))
    frame = b"\x28\xb5\x2f\xfd\x00\x40"
    for i, (repeated, piece) in enumerate(blocks):
        frame += struct.pack("<I", len(piece) << 3 | repeated << 1 | (i == len(blocks) - 1))[:3] + (piece[:1] if repeated else piece)
    return frame


def hostile():
    """Members that must be refused, or limits that must hold."""
    return {
        "absolute": [member("/etc/x", b"1")],
        "climbs": [member("a/../../x", b"1")],
        "symlink": [member("link", type=tarfile.SYMTYPE, linkname="/etc"), member("link/x", b"1")],
        "hardlink": [member("hard", type=tarfile.LNKTYPE, linkname="../x")],
        "device": [member("null", type=tarfile.CHRTYPE, devmajor=1, devminor=3)],
        "fifo": [member("fifo", type=tarfile.FIFOTYPE)],
        "twice": [member("a", b"1"), member("./a", b"2")],
        "file-as-folder": [member("a", b"1"), member("a/b", b"2")],
        "dot": [member("./", b"1")],
        "setuid": [member("x", b"1", mode=0o6777)],
        "long": [member("d/" * 120 + "x", b"1")],
        "unicode": [member("größe/€.json", b"{}"), member("a\nb", b"")],
    }


def unfolding(members):
    """Small, and large when unpacked: what lies behind the first 128 KiB, which libarchive has in hand before it looks at a header."""
    archive = tar([*members, member("far.bin", bytes(300000)), member("last.json", b"{}")])
    whole = zstd_frame(archive)
    long = member("link", type=tarfile.SYMTYPE, linkname="a" * 700000)
    long[0].name = "b" * 700000
    return {
        "far": whole,
        "far-cut": whole[:-600],
        "far-gz": gzip.compress(archive, mtime=0),
        "headers": zstd_frame(tar([*members, long], tarfile.GNU_FORMAT)),
        "twice-compressed": zstd_frame(gzip.compress(tar(members), mtime=0)),
    }


def side_files():
    plain = [member("config.json", b'{"a": 1}'), member("sub", type=tarfile.DIRTYPE), member("sub/tokenizer.json", b"x" * 700)]
    result = {f"plain-{form}": tar(plain, form) for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)}
    result.update({name: tar(members, tarfile.GNU_FORMAT) for name, members in hostile().items()})
    result.update({f"{name}-pax": tar(members) for name, members in hostile().items() if name in ("long", "unicode", "climbs")})
    result["stored"] = zstd_frame(tar(plain))
    sparse = tar([(info_sparse(), b"x" * 512)], tarfile.PAX_FORMAT)
    result["sparse"] = sparse
    result["empty"] = bytes(1024)
    result.update(unfolding(plain))
    return result


def info_sparse():
    info = tarfile.TarInfo("GNUSparseFile.0/holes")
    info.size = 512
    info.pax_headers = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.name": "holes", "GNU.sparse.size": "1048576",
                        "GNU.sparse.numblocks": "1", "GNU.sparse.map": "4096,512"}  # fmt: skip
    return info


def archives():
    model = safetensors_file(MODEL)
    folder = [member("model/config.json", b"{}"), member("model/model.safetensors", model), member("model/tokenizer.json", b"[]" * 50)]
    index = json.dumps({"weight_map": {"a": "s1.safetensors", "b": "s2.safetensors"}}).encode()
    shards = [
        member("s2.safetensors", safetensors_file({"b": entry("F32", [2], 0, 8)})),
        member("model.safetensors.index.json", index),
        member("s1.safetensors", safetensors_file({"a": entry("U8", [3], 0, 3)})),
        member("notes.txt", b"n"),
    ]
    result = {
        "folder-tar": tar(folder, tarfile.USTAR_FORMAT),
        "shards-tar": tar(shards),
        "folder-gz": gzip.compress(tar(folder), mtime=0),
        "folder-zst": zstd_frame(tar(folder)),
        "folder-zip": zipped(folder, zipfile.ZIP_STORED),
        "shards-zip": zipped(shards, zipfile.ZIP_DEFLATED),
        "two-models": tar([member("a.safetensors", model), member("b.safetensors", model)]),
        "no-model": tar([member("a.txt", b"x")]),
    }
    result.update(unfolding(folder))
    large = safetensors_file({"a": entry("U8", [300000], 0, 300000), "b": entry("F16", [2], 300000, 300004)}, bytes(300004))
    result["far-tensor"] = zstd_frame(tar([member("model.safetensors", large), member("config.json", b"{}")]))
    result["encrypted-zip"] = encrypted(zipped(folder, zipfile.ZIP_STORED))
    result.update({f"file-{name}": data for name, data in safetensors_files().items() if name in ("model", "hole", "none")})
    for name, members in hostile().items():
        result[f"hostile-{name}"] = tar([member("model.safetensors", safetensors_file({"a": entry("U8", [3], 0, 3)})), *members])
    return result


def all_seeds():
    files = slm_files()
    return {
        "open": files,
        "decode": files,
        "kernels": {name: data for name, data in files.items() if not name.startswith(("invalid-header", "invalid-index"))},
        "profile": profiles(files),
        "encode": encodes(),
        "safetensors": safetensors_files(),
        "importance": importances(),
        "shard_index": shard_indexes(),
        "manifest": manifests(),
        "glob": globs(),
        "side_files": side_files(),
        "archive": archives(),
    }


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for target, inputs in all_seeds().items():
        folder = Path(sys.argv[1]) / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in inputs.items():
            (folder / name).write_bytes(data)
        print(f"{target}: {len(inputs)} seeds, {sum(map(len, inputs.values()))} bytes")


if __name__ == "__main__":
    main()
