"""Files that must be refused for a payload: where it lies, its checksums, and the scales, records and padding within it."""

from builder import Build, block_profile, pack_records, paper4, slm, trellis_profile
from cases import refused
from spoilt import U64, spoil
from valid_container import small

# ---- payloads ----


def payload(id, rules, reason, change, status="INDEX"):
    spoil(f"payload-{id}", status, rules, reason, change)


@refused("payload-missing", "INDEX", "PAY-1", "fewer payloads than tensors")
def _():
    build = Build()
    build.raw(b"a", "U8", (0,))
    image = build.image()
    image.set("payloads.count", 0)
    return image


payload("kind-of-tensor", "PAY-4", "a tensor's payload of kind 2", lambda i: i.set("payload 0.kind", 2))
payload("kind-0", "PAY-4", "a tensor's payload of kind 0", lambda i: i.set("payload 1.kind", 0).set("payload 1.flags", 0))
payload("flags-of-tensor", "PAY-4", "a tensor's payload without its flag", lambda i: i.set("payload 0.flags", 0))
payload("kind-1-behind", "PAY-5", "a payload of kind 1 behind the tensors'", lambda i: i.set("payload 3.kind", 1))
payload("kind-0-behind", "PAY-5", "a payload of kind 0 behind the tensors'", lambda i: i.set("payload 3.kind", 0))
payload("side-files-flag", "PAY-6", "side files with a must-understand flag", lambda i: i.set("payload 3.flags", 1))
payload("flag-reserved", "PAY-7", "a reserved flag of side files", lambda i: i.set("payload 3.flags", 2))
payload("unknown-must", "PAY-8 ERR-4", "an unknown kind that must be understood", lambda i: i.set("payload 3.kind", 3).set("payload 3.flags", 1), "FEATURE")
payload("private-must", "PAY-8 PAY-9", "a private kind that must be understood", lambda i: i.set("payload 3.kind", 0x80000000).set("payload 3.flags", 1), "FEATURE")
payload("unknown-flag", "PAY-7", "a reserved flag of an unknown kind", lambda i: i.set("payload 3.kind", 3).set("payload 3.flags", 1 << 31))


@refused("payload-kinds-descend", "INDEX", "PAY-5", "kind 4 before kind 3")
def _():
    build = Build()
    build.payloads = [(4, 0, b"a"), (3, 0, b"b")]
    return build


@refused("side-files-twice", "INDEX", "PAY-6", "two payloads of side files")
def _():
    build = Build()
    build.payloads = [(2, 0, b"a"), (2, 0, b"b")]
    return build


for _d, _what in ((-64, "overlaps the one before"), (64, "leaves a hole"), (1, "is not aligned"), (-1, "is not aligned")):
    payload(f"offset-{_d:+d}", "PAY-10", f"an offset that {_what}", lambda i, d=_d: i.add("payload 2.offset", d))
payload("offset-first", "PAY-10", "the first payload begins in the index", lambda i: i.set("payload 0.offset", 64))
payload("offset-all-ones", "PAY-10 FMT-6", "an offset of 2^64 - 1", lambda i: i.set("payload 1.offset", U64))
payload("offset-same", "PAY-10", "two payloads in one place", lambda i: i.set("payload 2.offset", i.get("payload 1.offset")))
for _d in (-1, 1):
    payload(f"size-of-tensor-{_d:+d}", "PAY-13 RAW-1", "a raw tensor's payload one byte off", lambda i, d=_d: i.add("payload 0.size", d))
    payload(f"size-of-block-{_d:+d}", "PAY-13 RUN-2 BLK-1", "a block-coded tensor's payload one byte off", lambda i, d=_d: i.add("payload 1.size", d))
    payload(f"size-of-trellis-{_d:+d}", "PAY-13 RUN-2 TRE-1", "a trellis-coded tensor's payload one byte off", lambda i, d=_d: i.add("payload 2.size", d))
payload("size-huge", "PAY-13 FMT-6 LIM-2", "a payload of 2^64 - 1 bytes", lambda i: i.set("payload 1.size", U64))
payload("side-files-size-huge", "PAY-11 PAY-10 FMT-6 SUM-3", "side files of 2^63 bytes", lambda i: i.set("payload 3.size", 1 << 63))
payload("side-files-size-wraps", "PAY-11 FMT-6 SUM-3", "side files whose end wraps", lambda i: i.set("payload 3.size", U64 - 100))
payload("side-files-size-larger", "PAY-11", "side files that reach behind the end of the file", lambda i: i.add("payload 3.size", 64))
payload("first-sum-plus-1", "PAY-12", "a first_sum one too large", lambda i: i.add("payload 2.first_sum", 1))
payload("first-sum-not-0", "PAY-12", "the first first_sum is not 0", lambda i: i.set("payload 0.first_sum", 1))
payload("first-sum-all-ones", "PAY-12 FMT-6", "a first_sum of 2^64 - 1", lambda i: i.set("payload 3.first_sum", U64))


@refused("file-longer-than-payloads", "INDEX", "PAY-11", "64 zero bytes behind the last payload, counted in file_size")
def _():
    image = small().image()
    image.data += bytes(64)
    return image.add("header.file_size", 64)


@refused("file-shorter-than-padding", "INDEX", "PAY-11", "the padding behind the last payload is missing, also in file_size")
def _():
    image = small().image()
    size = image.places["padding at the end"][0]
    del image.data[size:]
    return image.set("header.file_size", size)


@refused("checksums-too-many", "INDEX", "SUM-3", "one checksum more than chunks")
def _():
    build = Build()
    build.raw(b"a", "U8", (1,))
    build.align_log2 = 8
    image = build.image()
    at = image.places["checksums"][0]
    image.data[at + 8 : at + 8] = bytes(8)
    for place in [name for name, (offset, _) in image.places.items() if offset >= at + 8]:
        offset, layout = image.places[place]
        image.places[place] = (offset + 8, layout)
    image.end_of_index += 8
    image.add("header.index_size", 8).add("section 6.size", 8)
    gap = image.payloads[0][0] + 8 - (image.payloads[0][0])
    del image.data[image.end_of_index : image.end_of_index + gap]
    return image


@refused("checksums-too-few", "INDEX", "SUM-3", "a payload of two chunks with one checksum: the section is shorter, the chunk size larger than said")
def _():
    build = Build(chunk_log2=13)
    build.raw(b"a", "U8", (8192,))
    return build.image().set("header.chunk_log2", 12)


for _i in range(3):
    spoil(f"padding-before-payload-{_i + 1}", "RECORD", "PAY-14 ERR-8", "a nonzero byte between payloads", lambda i, n=_i + 1: i.byte(f"padding before payload {n}", -1, 1))
spoil("padding-before-payload-0", "RECORD", "PAY-14 ERR-8", "a nonzero byte between index and payloads", lambda i: i.byte("padding before payload 0", 0, 0x80), lambda: aligned_small())
spoil("padding-at-the-end", "RECORD", "PAY-14 ERR-8", "a nonzero byte behind the last payload", lambda i: i.byte("padding at the end", -1, 1))


def aligned_small():
    build = small()
    build.align_log2 = 12
    return build


# ---- scales, records, padding within coded tensors ----


def coded_file(profile, n=24, **more):
    def build():
        made = Build()
        made.coded(b"a", profile, (2, n), n, per_run=True, **more)
        return made

    return build


def scale_case(id, scale, rule, reason, profile):
    spoil(f"scale-{id}", "SCALE", rule, reason, lambda image: image.byte("payload 0", 2, scale & 0xFF).byte("payload 0", 3, scale >> 8), coded_file(profile))


for _id, _scale, _reason in (("zero", 0, "scale 0 in the second run"), ("minus-zero", 0x8000, "scale -0"), ("negative", 0xBF80, "scale -1"), ("infinite", 0x7F80, "scale infinity"), ("nan", 0x7FC0, "scale NaN"), ("all-ones", 0xFFFF, "scale 0xFFFF")):
    scale_case(f"{_id}-block", _scale, "RUN-4 ERR-7", _reason, paper4())
    scale_case(f"{_id}-trellis", _scale, "RUN-4 ERR-7", _reason, slm("4"))
WIDE = block_profile(K=16, W=16, P=1, C=4, B=4)
for _scale in (0x3F81, 0x3FC0, 0x0003, 0x0081, 0x7F7F):
    scale_case(f"{_scale:04x}-not-a-power", _scale, "REC-8", "integers of 18 bits, norm 0, and a scale that is no power of two", WIDE)


@refused("scale-not-a-power-rotated", "SCALE", "REC-8", "rotation brings the integers to 17 bits")
def _():
    build = Build()
    build.coded(b"a", trellis_profile(W=9, P=2, C=1, k=2), (128,), rotation=7, scales=(0x3F81,))
    return build


@refused("seed-0-first", "RECORD", "BLK-4 ERR-7", "seed 0 in the first block")
def _():
    build, profile = Build(), paper4()
    build.coded(b"a", profile, (24,), runs=[pack_records(profile, [(0, 1, [1, 2, 3]), (1, 1, [1, 2, 3]), (2, 1, [1, 2, 3])])])
    return build


@refused("seed-0-zero-block", "RECORD", "BLK-4", "seed 0 with coefficients that are all 0")
def _():
    build, profile = Build(), paper4()
    build.coded(b"a", profile, (24,), runs=[pack_records(profile, [(5, 1, [1, 2, 3]), (0, 0, [0, 0, 0]), (2, 1, [1, 2, 3])])])
    return build


@refused("seed-0-short-last", "RECORD", "BLK-4 RUN-8", "seed 0 in a short last block, in the last of 7 runs")
def _():
    build, profile = Build(), paper4()
    records = [(5, 1, [1, 2, 3]), (6, 2, [1, -2, 3])]
    runs = [pack_records(profile, records)] * 6 + [pack_records(profile, [records[0], (0, 3, [1, 1, 1])])]
    build.coded(b"a", profile, (7, 9), 9, runs=runs)
    return build


@refused("seed-0-36-bits", "RECORD", "BLK-4 BLK-2", "seed 0 in a record that begins in the middle of a byte")
def _():
    build, profile = Build(), block_profile(C=12, P=4, E=4, B=4, norm=1)
    build.coded(b"a", profile, (24,), runs=[pack_records(profile, [(65535, 15, [-1, -1, -1, -1]), (0, 15, [-1, -1, -1, -1])])])
    return build


@refused("seed-0-small-K", "RECORD", "BLK-4", "seed 0 where K is 3")
def _():
    build, profile = Build(), block_profile(K=3, W=3, P=1, C=2, E=1, B=2)
    build.coded(b"a", profile, (8,), runs=[pack_records(profile, [(1, 1, [1]), (7, 1, [-1]), (4, 0, [1]), (0, 1, [-2])])])
    return build


def run_padding(id, profile, n, reason):
    for which in (0, 1):

        def change(image, which=which):
            size = profile.run_bytes(n)
            offset = 64 + which * size  # behind one line of scales
            image.data[image.payloads[0][0] + offset + size - 1] |= 0x80

        spoil(f"run-padding-{id}-{which}", "RECORD", "RUN-7 ERR-8", f"{reason}, run {which}", change, coded_file(profile, n))


run_padding("block", block_profile(C=12, P=4, E=4, B=4, norm=1), 24 + 12, "the last padding bit behind three records of 36 bits")
run_padding("trellis", slm("3"), 4, "the last padding bit behind a stream of 25 bits")
run_padding("one-bit", trellis_profile(K=16, W=4, P=4, C=1, k=1), 8, "the only padding bit behind a stream of 23 bits")


@refused("run-padding-first-bit", "RECORD", "RUN-7", "the first padding bit, directly behind the last code")
def _():
    build, profile = Build(), slm("3")
    run = bytearray(profile.run_bytes(4))
    run[25 // 8] |= 1 << 25 % 8
    build.coded(b"a", profile, (4,), runs=[bytes(run)])
    return build


spoil("scale-padding", "RECORD", "RUN-5 ERR-8", "a nonzero byte behind the scales", lambda i: i.byte("payload 0", 4, 1), coded_file(paper4()))
spoil("scale-padding-last", "RECORD", "RUN-5 ERR-8", "the last byte before the codes", lambda i: i.byte("payload 0", 63, 0x80), coded_file(slm("4")))
