"""Valid files: profiles over their whole range, runs, scales, rotation and rounding."""

import struct

from builder import (
    TAPS, Build, block_profile, pack_bits, pack_records, paper3, paper4, random_record, slm, source_of_numbers, table6, trellis_profile,
)  # fmt: skip
from cases import valid

ONE = 0x3F80  # the scale 1


def legal(profile, h=0):
    return profile.integer_bits(h) <= (54 if profile.norm else 24)


def scales_for(profile, h=0):
    """Any scale, or powers of two where [REC-8] asks for them."""
    return (0x3C55, 0x3B80, 0x3D7F) if profile.norm or profile.integer_bits(h) <= 16 else (0x3C00, 0x3B80, 0x0040)


def coded(build, name, profile, rows=3, n=37, h=0, **more):
    assert legal(profile, h), (name, profile.integer_bits(h))
    if h:
        n = -(-n // 2**h) * 2**h
    build.coded(name.encode(), profile, (rows, n), n, rotation=h, scales=scales_for(profile, h), per_run=True, seed=len(build.tensors) + 1, **more)


def sweep(id, rules, reason, tensors):
    """One file with a tensor for each (name, profile)."""

    @valid(id, rules, reason)
    def _():
        build = Build()
        for name, profile in tensors:
            coded(build, name, profile)
        return build


def first_seed_for(state, K=16):
    """The seed whose first entry (step 1, W = K) is `state`: one step backwards."""
    taps = table6(K)
    rest = (state << 1) & (1 << K) - 1
    newest = state >> (K - 1)
    lowest = newest ^ bin(rest & taps).count("1") & 1
    return rest | lowest


NAMED = (("paper-4", paper4()), ("paper-3", paper3()), *((f"slm-{n}", slm(n)) for n in ("2", "2.5", "3", "3.5", "4", "5", "6", "4-fast")))
for _name, _profile in NAMED:

    @valid(f"named-{_name}", "LFS-1 LFS-2 LFS-3 REC-1 REC-2 REC-3 REC-4 REC-9 " + ("BLK-1 BLK-2 BLK-3 BLK-5 BLK-6" if _profile.coding == 1 else "TRE-1 TRE-2 TRE-4 TRE-5"), f"{_name}: random codes in rows, and one run over the whole tensor")
    def _(profile=_profile):
        build = Build()
        coded(build, "rows", profile, 8, 256)
        build.coded(b"flat", profile, (8, 256), dtype="BF16", seed=99, scales=(0x3C00,))
        return build


for _name, _make in (("block", lambda K: block_profile(K=K, W=min(K, 23), P=2, C=3, E=1, B=2)), ("trellis", lambda K: trellis_profile(K=K, W=max(1, K // 2), P=2, C=1, k=1))):
    sweep(f"{_name}-every-K", "PRO-3 PRO-8 PRO-9 LFS-1 LFS-5 REC-6", f"{_name} coding with every K and its taps of Table 6", [(f"K={K}", _make(K)) for K in TAPS if K > 1])
    sweep(f"{_name}-every-step", "PRO-5 LFS-2", f"{_name} coding with every step", [
        (f"step={step}", block_profile(K=13, W=5, P=3, C=4, B=3, step=step) if _name == "block" else trellis_profile(K=13, W=5, P=3, C=2, k=3, step=step)) for step in range(1, 65)])  # fmt: skip
    sweep(f"{_name}-every-P-and-C", "PRO-6 PRO-7 LFS-3", f"{_name} coding with P from 1 to 16 and C to 64, runs shorter than a block among them", [
        (f"P={P} C={C}", block_profile(K=12, W=6, P=P, C=C, B=2 + P % 2) if _name == "block" else trellis_profile(K=12, W=6, P=P, C=C, k=5))
        for P, C in [(P, 1 + (7 * P) % 64) for P in range(1, 17)] + [(1, 1), (1, 64), (16, 1), (16, 64), (2, 37), (2, 38)]])  # fmt: skip

for _K in (3, 16, 24):
    sweep(f"block-every-W-K-{_K}", "PRO-4 BLK-5 PRO-21", f"block coding, K = {_K}, W from 1 to K",
          [(f"W={W}", block_profile(K=_K, W=W, P=1, C=4, B=2)) for W in range(1, _K + 1)])  # fmt: skip
    sweep(f"block-norm-1-every-W-K-{_K}", "PRO-12 PRO-13 REC-2", f"norm 1, K = {_K}, W from 2 to K",
          [(f"W={W}", block_profile(K=_K, W=W, P=3, C=4, B=4, E=3, norm=1)) for W in range(2, _K + 1)])  # fmt: skip
    sweep(f"trellis-every-W-K-{_K}", "PRO-4 TRE-4", f"trellis coding, K = {_K}, W from 1 to K",
          [(f"W={W}", trellis_profile(K=_K, W=W, P=1, C=1, k=2)) for W in range(1, _K + 1)])  # fmt: skip

sweep("block-every-E-and-B", "PRO-10 PRO-11 BLK-2 BLK-3", "E from 0 to 4 with B from 2 to 8", [
    (f"E={E} B={B}", block_profile(K=10, W=6, P=2, C=4, E=E, B=B)) for E in range(5) for B in range(2, 9)])  # fmt: skip
sweep("block-record-64-bits", "PRO-15 BLK-1", "records of 64 bits, and of 1 bit less than whole bytes", [
    ("64", block_profile(K=24, W=8, P=9, C=5, E=4, B=4)), ("63", block_profile(K=24, W=8, P=13, C=5, B=3)), ("57", block_profile(K=24, W=6, P=16, C=64, E=1, B=2)),
    ("5", block_profile(K=3, W=2, P=1, C=1, B=2)), ("largest T", block_profile(K=24, W=24, P=5, C=2, E=0, B=8, norm=1))])  # fmt: skip
sweep("trellis-every-k", "PRO-16 TRE-1 TRE-2", "k from 1 to 8, with C = 1, 2 and 3", [
    (f"k={k} C={C}", trellis_profile(K=K, W=4, P=3, C=C, k=k)) for k in range(1, 9) for C, K in ((1, 16), (2, k + 1 if k > 2 else 4), (3, 24))])  # fmt: skip
sweep("taps-not-of-table-6", "PRO-8 PRO-9", "primitive polynomials other than Table 6's", [
    ("reversed 16", block_profile(W=16, P=1, C=3, B=3, taps=0xA011)),
    ("K=4", trellis_profile(K=4, W=4, P=2, C=1, k=2, taps=0b1001)), ("K=7", block_profile(K=7, W=7, P=2, C=4, B=3, taps=0b0001001)),
])  # fmt: skip


@valid("block-all-seeds-K-5", "BLK-4 LFS-2", "all 31 seeds of K = 5 with every coefficient of 3 bits")
def _():
    profile, build = block_profile(K=5, W=5, P=1, C=4, E=1, B=3), Build()
    records = [(seed, seed & 1, [q]) for seed in range(1, 32) for q in range(8)]
    build.coded(b"all", profile, (len(records) * 4,), runs=[pack_records(profile, records)], scales=(ONE,))
    return build


@valid("block-all-seeds-K-16", "BLK-4 LFS-1 REC-9", "all 65,535 seeds of K = 16, one weight each, norm 1")
def _():
    profile, build = block_profile(P=1, C=1, E=2, B=4, norm=1), Build()
    records = [(seed, seed & 3, [(seed >> 2 & 7) - 8]) for seed in range(1, 65536)]
    build.coded(b"all", profile, (65535,), runs=[pack_records(profile, records)], scales=(0x3C11,))
    return build


@valid("trellis-all-seeds-K-16", "TRE-2 TRE-3 TRE-4", "all 65,536 seeds of a register of 16 bits: a maximal sequence, one new bit a seed, and the seed 0")
def _():
    profile, build = trellis_profile(P=4, step=5, W=4, C=1, k=1), Build()
    state, stream, taps = 1, 0, table6(16)
    bits = []
    for _ in range(65535 + 16):
        bits.append(state & 1)
        state = state >> 1 | (bin(state & taps).count("1") & 1) << 15
    stream = int("".join(map(str, reversed([0] * 16 + bits))), 2)
    n = 65535 + 16 + 1
    build.coded(b"all", profile, (n,), runs=[pack_bits(profile, n, stream)], scales=(0x3C00,))
    return build


@valid("trellis-seed-0", "TRE-3 LFS-4 REC-5", "streams of nothing but zeros, and of nothing but ones; an odd P never gives 0, an even one may")
def _():
    build = Build()
    for P in (1, 2, 3, 4):
        profile = trellis_profile(P=P, W=3, C=1, k=4)
        size = profile.run_bytes(20)
        build.coded(b"%d" % P, profile, (2, 20), 20, runs=[bytes(size), pack_bits(profile, 20, (1 << 8 * size) - 1)], scales=(0x3D00,))
    return build


@valid("block-zero", "BLK-5 REC-5", "blocks whose coefficients are all 0 are +0 whatever seed and exponent; so are sums that cancel")
def _():
    profile, build = paper4(), Build()
    records = [(1, 0, [0, 0, 0]), (65535, 15, [0, 0, 0]), (0x8000, 7, [0, 0, 0])]
    build.coded(b"zero", profile, (24,), runs=[pack_records(profile, records)], scales=(0x7F7F,))
    small = block_profile(K=4, W=1, P=2, C=4, B=2)
    build.coded(b"cancel", small, (16,), runs=[pack_records(small, [(s, 0, [1, -1]) for s in (3, 5, 9, 15)])])
    return build


@valid("runs-short", "RUN-1 RUN-6 RUN-8 RUN-7 TEN-18 PRO-7", "short last blocks and runs shorter than a block: run lengths 1 to 20, rows and whole tensors")
def _():
    build = Build()
    for n in range(1, 21):
        coded(build, f"block {n}", paper4(), 3, n)
        coded(build, f"trellis {n}", trellis_profile(P=4, step=5, W=4, C=7, k=5), 3, n)
    return build


@valid("runs-surplus-bits", "RUN-8 ENC-5", "the surplus weights of a short last block have codes that would be large; they are not part of the tensor")
def _():
    profile, build = paper4(), Build()
    build.coded(b"a", profile, (2, 3), 3, runs=[pack_records(profile, [(0x1234, 15, [7, -8, 7])]), pack_records(profile, [(0xFFFF, 15, [-8, -8, -8])])])
    return build


@valid("scales", "RUN-2 RUN-3 RUN-4 RUN-5 RUN-9 TEN-5", "one scale a tensor and one a run, in numbers that end before, at and behind 64 bytes")
def _():
    build = Build()
    for runs in (1, 31, 32, 33, 64, 65):
        build.coded(b"per run %d" % runs, slm("2"), (runs, 9), 9, per_run=True, scales=tuple(0x3C00 + i for i in range(runs)), seed=runs)
        build.coded(b"one %d" % runs, slm("2"), (runs, 9), 9, scales=(0x3C00 + runs,), seed=runs)
    return build


@valid("scales-extreme", "RUN-4 RUN-9 REC-10 REC-11", "the smallest and largest subnormal, normal and finite scales, with one and many bits set")
def _():
    build = Build()
    for scale in (0x0001, 0x0002, 0x0040, 0x007F, 0x0080, 0x00FF, 0x7F00, 0x7F7F):
        for name, profile in (("block", block_profile(K=8, W=4, P=2, C=4, E=4, B=3)), ("norm 1", paper4()), ("trellis", slm("4"))):
            build.coded(b"%s %04x" % (name.encode(), scale), profile, (40,), scales=(scale,), seed=scale)
    return build


@valid("scales-power-of-two", "REC-8", "integers of 17 to 24 bits with norm 0: every scale a power of two, subnormal ones too")
def _():
    build = Build()
    for B in (3, 8):
        for W in (16, 17, 18):
            profile = block_profile(K=18, W=W, P=1, C=2, E=4, B=B)
            if legal(profile):
                build.coded(b"W=%d B=%d" % (W, B), profile, (6, 10), 10, per_run=True, scales=(0x3F80, 0x0080, 0x0001, 0x0040, 0x7F00, 0x4000), seed=W + B)
    return build


for _h in range(4, 11):

    @valid(f"rotation-{_h}", "ROT-1 ROT-2 ROT-4 ROT-5 ROT-6 TEN-22", f"rotation over 2^{_h} weights, one and three segments a run, several sign seeds; trellis and block coding")
    def _(h=_h):
        build = Build()
        for seed, segments in ((0x5EED, 1), (1, 3), (0xFFFF, 1)):
            coded(build, f"trellis {seed:04x}", slm("4"), 2, segments << h, h, sign_seed=seed)
            coded(build, f"block {seed:04x}", block_profile(K=13, step=3, W=3, P=5, C=8, E=1, B=2), 1, segments << h, h, sign_seed=seed)
        coded(build, "norm 1", block_profile(K=13, W=13, P=3, C=8, E=4, B=4, norm=1), 1, 1 << h, h, sign_seed=2)
        return build


@valid("rotation-signs-period", "ROT-6", "a run longer than the 65,535 signs of a period")
def _():
    build = Build()
    coded(build, "long", trellis_profile(K=4, W=2, P=2, C=16, k=1), 1, 4104 * 16, 4, sign_seed=77)
    return build


def integers_run(values, e=0):
    """A run of one-weight blocks whose T are `values` << e (at most 15 bits and sign): K = W = 16, q = 1 or -1."""
    profile = block_profile(P=1, C=1, E=4, B=2)
    records = []
    for value in values:
        q, v = (1, value + 32768) if value != -32768 else (-1, 0)
        records.append((first_seed_for(v), e, [q]))
    return profile, pack_records(profile, records)


@valid("rounding-f16", "REC-7 REC-9", "halfway cases of F16 to even both ways, and their neighbours, positive and negative")
def _():
    build = Build()
    values = []
    for base in (2048, 2050, 4096 + 4, 8192 + 16, 16384 + 16):
        half = 1 if base < 4096 else 2 if base < 8192 else 4 if base < 16384 else 8
        for around in (half - 1, half, half + 1, 3 * half - 1, 3 * half, 3 * half + 1):
            values += [base + around, -base - around]
    for name, scale in ((b"1", 0x3F80), (b"2^-9", 0x3B00), (b"2^-24: subnormal", 0x3380), (b"2^-30: below", 0x3080), (b"2^-40", 0x2B80)):
        profile, run = integers_run(values)
        build.coded(name, profile, (len(values),), runs=[run], scales=(scale,))
    return build


@valid("rounding-bf16", "REC-9 REC-11", "halfway cases of BF16 both ways and their neighbours, down to subnormals and to nothing")
def _():
    build = Build()
    values = []
    for base in (256, 258, 512 + 4, 1024 + 8, 16384 + 128):
        half = 1 << base.bit_length() - 9
        for around in (half - 1, half, half + 1, 3 * half - 1, 3 * half, 3 * half + 1):
            values += [base + around, -base - around]
    values += [1, 2, 3, -1, -2, -3]
    for scale in (0x3F80, 0x0001, 0x0002, 0x0080, 0x0100):
        profile, run = integers_run(values)
        build.coded(b"%04x" % scale, profile, (len(values),), runs=[run], scales=(scale,))
    return build


@valid("rounding-overflow", "REC-10", "the largest finite values of F16, BF16 and F32, and what rounds to infinity, both signs")
def _():
    build = Build()
    values = []
    for value in (32752, 32759, 32760, 32761, 32767, 32640, 32641, 32703, 32704, 32705, 16384, 16383):
        values += [value, -value]
    for name, e, scale in ((b"F16", 1, ONE), (b"F16 halves", 0, ONE), (b"BF16 and F32", 15, 0x7180), (b"F32", 0, 0x7880), (b"F32 largest", 0, 0x7800), (b"beyond", 15, 0x7F00)):
        profile, run = integers_run(values, e)
        build.coded(name, profile, (len(values),), runs=[run], scales=(scale,))
    return build


@valid("rounding-subnormal", "REC-11", "results from the smallest normals of each type down to less than half the smallest subnormal: -0 and +0 among them")
def _():
    build = Build()
    values = [1, 2, 3, 4, 5, 6, 7, 8, 9, 1023, 1024, 1025, 2047, 2048]
    values += [-value for value in values]
    for name, scale in ((b"F16 2^-14", 0x3880), (b"F16 2^-25", 0x3300), (b"F16 2^-26", 0x3280), (b"F32 2^-126", 0x0080), (b"2^-133", 0x0001)):
        profile, run = integers_run(values)
        build.coded(name, profile, (len(values),), runs=[run], scales=(scale,))
    norm = block_profile(P=1, C=1, E=4, B=4, norm=1)
    numbers = source_of_numbers(31)
    for scale in (0x0001, 0x0003, 0x007F, 0x0081):
        records = [random_record(norm, numbers) for _ in range(200)]
        records = [(seed, e % 4, q) for seed, e, q in records]
        build.coded(b"norm 1, %04x" % scale, norm, (200,), runs=[pack_records(norm, records)], scales=(scale,))
    return build


@valid("rounding-once", "REC-7 REC-9", "norm 1: weights where rounding to F32 first and to F16 or BF16 then, or multiplying by float(1/32767), gives another result")
def _():
    build, profile = Build(), block_profile(P=1, C=1, E=0, B=4, norm=1)
    for scale in (0x3F80, 0x3FA3, 0x3C9D):
        records = twice_rounded(0x80 | scale & 0x7F)
        build.coded(b"%04x" % scale, profile, (len(records),), runs=[pack_records(profile, records)], scales=(scale,))
    return build


def to_f16(numerator, denominator):
    """numerator / denominator to 11 significant bits, half to even (both positive; the exponent is left alone)."""
    shift = numerator.bit_length() - denominator.bit_length() - 12
    top, bottom = (numerator, denominator << shift) if shift > 0 else (numerator << -shift, denominator)
    while top // bottom >= 1 << 11:
        bottom <<= 1
        shift += 1
    r, rest = divmod(top, bottom)
    r += 2 * rest > bottom or (2 * rest == bottom and r & 1)
    return r << shift if shift >= 0 else r / (1 << -shift)


def twice_rounded(mantissa, count=60):
    """Records whose weights differ when rounded to F32 first, then F16; and some where the float product differs."""
    found, product = [], []
    reciprocal = struct.unpack("<f", struct.pack("<f", 1 / 32767))[0]
    for value in range(1, 32768):
        for q in (1, 3, 5, 7):
            exact = value * q * mantissa / 32767  # double: exact enough to be rounded to F32
            single = struct.unpack("<f", struct.pack("<f", exact))[0]
            ratio = single.as_integer_ratio()
            record = (first_seed_for(value + 32768), 0, [q])
            if to_f16(*ratio) != to_f16(value * q * mantissa, 32767):
                found.append(record)
            elif struct.unpack("<f", struct.pack("<f", value * q * mantissa * reciprocal))[0] != single and len(product) < count:
                product.append(record)
            if len(found) >= count and len(product) >= count:
                return found[:count] + product
    assert found and product
    return found[:count] + product


@valid("rounding-f32", "REC-9", "halfway cases of F32: rotated blocks whose integers have more than 24 bits, divisor 1 (norm 1 with W = 2)")
def _():
    profile, build = block_profile(K=8, W=2, P=16, C=1, E=4, B=2, norm=1), Build()
    for seed in (5, 6):
        build.coded(b"%d" % seed, profile, (16 * 24,), rotation=4, scales=(0x3F80,), seed=seed)
    wide = block_profile(K=16, W=2, P=5, C=1, E=4, B=8, norm=1)
    for scale in (0x3F80, 0x3FFF, 0x0100):
        build.coded(b"wide %04x" % scale, wide, (1024,), rotation=10, scales=(scale,), seed=scale)
    return build


@valid("output-types", "REC-4 TEN-14 ENC-4", "coded tensors that were F32, F16 and BF16: each decodes to all three types")
def _():
    build = Build()
    for dtype in ("F32", "F16", "BF16"):
        for name, profile in NAMED:
            build.coded(f"{name} {dtype}".encode(), profile, (4, 48), 48, dtype=dtype, per_run=True, scales=(0x3B55, 0x3C01, 0x3A33), seed=7)
    return build


@valid("many-runs", "RUN-6 REC-6", "600 runs of 5 weights: bytes that belong to no weight between them")
def _():
    build = Build()
    coded(build, "block", paper3(), 600, 5)
    coded(build, "trellis", slm("3"), 600, 5)
    return build
