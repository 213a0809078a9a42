"""Holds libslm's decoder against the specification's own arithmetic (spec/examples/exact.py), on random legal codings of every shape, and on
broken ones, where the status and the rule named are compared.

    spec_decode.py SOURCE_ROOT DRIVER [CASES [SEED]]
"""

import pathlib
import random
import subprocess
import sys

ROOT = pathlib.Path(sys.argv[1]).resolve()
sys.path.insert(0, str(ROOT / "spec" / "examples"))

import exact  # noqa: E402
from exact import Profile  # noqa: E402

CASES = int(sys.argv[3]) if len(sys.argv) > 3 else 200
RANDOM = random.Random(int(sys.argv[4]) if len(sys.argv) > 4 else 20250101)
FIELDS = "coding K step W P C E B norm k taps".split()


def random_profile():
    while True:
        K = RANDOM.randint(2, 24)
        taps = exact.mask(exact.TABLE_6[K])
        if K <= 12 and RANDOM.random() < 0.5:
            other = RANDOM.randrange(1, 1 << K, 2)
            taps = other if exact.is_maximal(K, other) else taps
        coding = RANDOM.randint(1, 2)
        small = RANDOM.random() < 0.7
        P, C = (RANDOM.randint(1, 6), RANDOM.randint(1, 12)) if small else (RANDOM.randint(1, 16), RANDOM.randint(1, 64))
        p = Profile("", coding, K, RANDOM.choice((1, RANDOM.randint(1, 64))), RANDOM.randint(1, K), P, C,
                    RANDOM.randint(0, 4) if coding == 1 else 0, RANDOM.randint(2, 8) if coding == 1 else 0,
                    RANDOM.randint(0, 1) if coding == 1 else 0, RANDOM.randint(1, min(8, K - 1)) if coding == 2 else 0, taps)
        if legal(p, 0):
            return p


def legal(p, h):
    return (p.norm == 0 or p.W >= 2) and exact.integer_bits(p, h) <= (54 if p.norm else 24) and (p.coding == 2 or exact.record_bits(p) <= 64)


def random_scale(p, h):
    kind = RANDOM.random()
    if p.norm == 0 and exact.integer_bits(p, h) > 16:
        return 1 << RANDOM.randint(0, 6) if kind < 0.2 else RANDOM.randint(1, 0xFE) << 7
    if kind < 0.2:
        return RANDOM.randint(1, 0x7F)  # subnormal
    if kind < 0.4:
        return RANDOM.randint(0x7F00, 0x7F7F)  # overflows
    return RANDOM.randint(0x3000, 0x4200)  # F16's subnormals and overflow among them


def random_codes(p, n):
    bits = exact.BitWriter()
    blocks = -(-n // p.C)
    if p.coding == 2:
        bits.put(RANDOM.getrandbits(p.K + (blocks - 1) * p.k), p.K + (blocks - 1) * p.k)
    else:
        for _ in range(blocks):
            q = [RANDOM.randint(-(1 << p.B - 1), (1 << p.B - 1) - 1) for _ in range(p.P)]
            if RANDOM.random() < 0.1:
                q = [0] * p.P
            bits.put(exact.join_record(p, RANDOM.randint(1, (1 << p.K) - 1), RANDOM.randint(0, (1 << p.E) - 1), q), exact.record_bits(p))
    return bits


def line(p, h, sign_seed, n, scale, first, count, codes, kernel="default"):
    values = [getattr(p, name) for name in FIELDS] + [h, sign_seed, n, scale, first, count]
    return "run " + " ".join(str(v) for v in values) + f" {kernel}:{codes.hex()}"


def expected(p, h, sign_seed, n, scale, first, count, codes):
    wanted = exact.run_integers(p, codes, n, h, sign_seed)[first:first + count]
    s, d = exact.scale_value(scale), exact.divisor(p)
    columns = [",".join(str(i) for i in wanted)]
    for name, digits in (("F32", 8), ("F16", 4), ("BF16", 4)):
        columns.append(",".join(f"{exact.round_to(i * s / d, name):0{digits}x}" for i in wanted))
    return "SLM_OK " + " ".join(columns)


def make_cases():
    """(line, expected answer or its beginning, exactly?)"""
    for _ in range(CASES):
        p = random_profile()
        h = RANDOM.choice((0, 0, 4, 4, 5, 6, RANDOM.randint(4, 10)))
        if h and not legal(p, h):
            h = 0
        n = RANDOM.randint(1, 60) if h == 0 else RANDOM.randint(1, 3 if h < 7 else 1) << h
        sign_seed = RANDOM.randint(1, 65535) if h else 0
        scale, bits = random_scale(p, h), random_codes(p, n)
        codes = bits.bytes()
        first = RANDOM.choice((0, RANDOM.randrange(n)))
        count = RANDOM.choice((n - first, RANDOM.randint(1, n - first)))
        whole = (p, h, sign_seed, n, scale, first, count, codes)
        wanted = expected(*whole)
        yield line(*whole), wanted, True
        if RANDOM.random() < 0.2:
            yield line(*whole, kernel="scalar"), wanted, True
        yield from broken_codes(p, h, sign_seed, n, scale, first, count, bits)
    yield from broken_profiles()
    yield from fastest_profiles()


def broken_codes(p, h, sign_seed, n, scale, first, count, bits):
    codes = bits.bytes()
    used = bits.size
    if used % 8 and RANDOM.random() < 0.3:  # [RUN-7], [ERR-7]: only where the range reaches the end
        damaged = bytearray(codes)
        damaged[-1] |= 1 << RANDOM.randint(used % 8, 7)
        yield line(p, h, sign_seed, n, scale, 0, n, bytes(damaged)), "SLM_E_RECORD", True
        if first + count < n:
            yield line(p, h, sign_seed, n, scale, first, count, bytes(damaged)), expected(p, h, sign_seed, n, scale, first, count, codes), True
    if p.coding == 1 and RANDOM.random() < 0.3:  # [BLK-4]: only in blocks that are touched
        j = RANDOM.randrange(-(-n // p.C))
        R = exact.record_bits(p)
        value = int.from_bytes(codes, "little") & ~(((1 << p.K) - 1) << j * R)
        damaged = value.to_bytes(len(codes), "little")
        low, high = first, first + count
        if h:
            low, high = low >> h << h, -(-high >> h) << h
        touched = low // p.C <= j <= (high - 1) // p.C
        yield (line(p, h, sign_seed, n, scale, first, count, damaged), "SLM_E_RECORD" if touched else expected(p, h, sign_seed, n, scale, first, count, codes), True)
    for bad in RANDOM.sample((0x0000, 0x8000, 0xBF80, 0x7F80, 0x7FC0, 0xFFFF), 2):  # [RUN-4]
        yield line(p, h, sign_seed, n, bad, first, count, codes), "SLM_E_SCALE", True
    if p.norm == 0:  # [REC-8]
        wide = exact.integer_bits(p, h) > 16
        for odd in (0x3F81, 0x0003):
            yield line(p, h, sign_seed, n, odd, first, count, codes), "SLM_E_SCALE" if wide else "SLM_OK", wide


def broken_profiles():
    block, trellis = exact.NAMED["paper-4"], exact.NAMED["slm-4"]
    small = Profile("", 1, 8, 1, 4, 2, 4, 1, 3, 0, 0, exact.mask(exact.TABLE_6[8]))
    cases = [
        (block, {"coding": 0}, "SLM_E_FEATURE [PRO-2]"), (block, {"coding": 3}, "SLM_E_FEATURE [PRO-2]"),
        (block, {"K": 1}, "PRO-3"), (block, {"K": 25}, "PRO-3"), (block, {"W": 0}, "PRO-4"), (block, {"W": 17}, "PRO-4"),
        (block, {"step": 0}, "PRO-5"), (block, {"step": 65}, "PRO-5"), (block, {"P": 0}, "PRO-6"), (small, {"P": 17}, "PRO-6"),
        (block, {"C": 0}, "PRO-7"), (block, {"C": 65}, "PRO-7"), (block, {"taps": 0x100A}, "PRO-8"), (block, {"taps": 0x1100B}, "PRO-8"),
        (block, {"taps": 0x0001}, "PRO-9"), (block, {"taps": 0x0003}, "PRO-9"), (trellis, {"taps": 0x8001}, "PRO-9"),
        (block, {"E": 5}, "PRO-10"), (block, {"B": 1}, "PRO-11"), (small, {"B": 9}, "PRO-11"), (block, {"norm": 2}, "PRO-12"),
        (small, {"W": 1, "norm": 1}, "PRO-13"), (block, {"k": 1}, "PRO-14"), (block, {"P": 12}, "PRO-15"),
        (trellis, {"k": 0}, "PRO-16"), (trellis, {"k": 9}, "PRO-16"), (trellis, {"E": 1}, "PRO-17"), (trellis, {"B": 2}, "PRO-17"),
        (trellis, {"norm": 1}, "PRO-17"), (block, {"W": 16, "B": 8, "norm": 0}, None), (block, {"norm": 0}, None),
        (Profile("", 1, 24, 1, 24, 1, 1, 0, 3, 0, 0, 0x87), {}, "REC-8"),
        (Profile("", 2, 24, 1, 24, 2, 1, 0, 0, 0, 4, 0x87), {}, "REC-8"),
    ]
    for p, changes, rule in cases:
        q = Profile(**{**p.__dict__, **changes})
        if rule is None:  # legal after all, at the edge of [REC-8]
            yield line(q, 0, 0, 1, 0x3F80, 0, 1, random_codes(q, 1).bytes()), "SLM_OK", False
        else:
            yield line(q, 0, 0, 1, 0x3F80, 0, 1, b"\1"), rule if rule.startswith("SLM") else f"SLM_E_PROFILE *[{rule}]", False
    for h, sign_seed, n, rule in ((3, 1, 8, "ROT-1"), (11, 1, 2048, "ROT-1"), (4, 1, 24, "ROT-2"), (5, 1, 16, "ROT-2"), (4, 0, 16, "ROT-3"), (0, 1, 16, "ROT-3")):
        yield line(trellis, h, sign_seed, n, 0x3F80, 0, 1, b"\1"), f"SLM_E_PROFILE *[{rule}]", False
    wide = Profile("", 2, 24, 1, 16, 4, 1, 0, 0, 0, 4, 0x87)
    yield line(wide, 7, 1, 128, 0x3F80, 0, 1, b"\1"), "SLM_E_PROFILE *[TEN-22]", False
    yield line(wide, 6, 1, 64, 0x3F80, 0, 64, random_codes(wide, 64).bytes()), "SLM_OK", False


def fastest_profiles():
    """The named profiles, which have kernels of their own: longer runs, ranges that begin anywhere."""
    for p in exact.NAMED.values():
        for _ in range(CASES // 60):
            h = RANDOM.choice((0, 7)) if p.coding == 2 else 0
            n = RANDOM.choice((384, 512, RANDOM.randint(1, 700))) if not h else 128 * RANDOM.randint(1, 4)
            sign_seed, scale, codes = (RANDOM.randint(1, 65535) if h else 0), random_scale(p, h), random_codes(p, n).bytes()
            first = RANDOM.choice((0, RANDOM.randrange(n)))
            count = n - first if RANDOM.random() < 0.5 else RANDOM.randint(1, n - first)
            whole = (p, h, sign_seed, n, scale, first, count, codes)
            yield line(*whole), expected(*whole), True


def agrees(found, wanted, exactly):
    if exactly:
        return found == wanted
    status, _, rule = wanted.partition(" *")
    return found.startswith(status) and rule in found


def main():
    cases = list(make_cases())
    answers = subprocess.run([sys.argv[2]], input="\n".join(text for text, _, _ in cases) + "\n", capture_output=True, text=True)
    found = answers.stdout.splitlines()
    wrong = 0
    for (text, wanted, exactly), got in zip(cases, found):
        if not agrees(got, wanted, exactly):
            wrong += 1
            if wrong <= 5:
                print(f"{text[:400]}\n  expected {wanted[:300]}\n  got      {got[:300]}")
    if answers.returncode != 0 or len(found) != len(cases):
        print(f"the driver ended with {answers.returncode} after {len(found)} of {len(cases)} answers\n{answers.stderr[-2000:]}")
        wrong += 1
    print(f"{len(cases)} cases, {wrong} wrong")
    return 1 if wrong else 0


sys.exit(main())
