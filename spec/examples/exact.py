"""From codes to weights in exact arithmetic, written from sections 13 to 18 of the specification. Standard library only.

Everything here is plain integers and fractions; a rule's number stands where it is followed. The figures of the specification, the
values of its examples and the test that holds the text against them all come from this file.
"""

from dataclasses import dataclass
from fractions import Fraction

# [LFS-5] Table 6: the tapped bits for each K.
TABLE_6 = {
    2: (0, 1), 3: (0, 1), 4: (0, 1), 5: (0, 2), 6: (0, 1), 7: (0, 1), 8: (0, 2, 3, 4), 9: (0, 4), 10: (0, 3), 11: (0, 2),
    12: (0, 1, 2, 8), 13: (0, 1, 2, 5), 14: (0, 1, 2, 12), 15: (0, 1), 16: (0, 1, 3, 12), 17: (0, 3), 18: (0, 7),
    19: (0, 1, 2, 5), 20: (0, 3), 21: (0, 2), 22: (0, 1), 23: (0, 5), 24: (0, 1, 2, 7),
}


def mask(bits):
    return sum(1 << j for j in bits)


@dataclass(frozen=True)
class Profile:
    name: str
    coding: int  # 1 block, 2 trellis
    K: int
    step: int
    W: int
    P: int
    C: int
    E: int
    B: int
    norm: int
    k: int
    taps: int


def _named(name, coding, C, P, step, W, E, B, norm, k, K=16, taps=mask(TABLE_6[16])):
    return Profile(name, coding, K, step, W, P, C, E, B, norm, k, taps)


NAMED = {p.name: p for p in (
    _named("paper-4", 1, 8, 3, 1, 16, 4, 4, 1, 0),
    _named("paper-3", 1, 12, 4, 1, 16, 4, 4, 1, 0),
    _named("slm-2", 2, 1, 4, 29, 4, 0, 0, 0, 2, taps=0xAB57),
    _named("slm-2.5", 2, 2, 4, 29, 4, 0, 0, 0, 5, taps=0xAB57),
    _named("slm-3", 2, 1, 4, 29, 4, 0, 0, 0, 3, taps=0xAB57),
    _named("slm-3.5", 2, 2, 4, 29, 4, 0, 0, 0, 7, taps=0xAB57),
    _named("slm-4", 2, 1, 4, 29, 4, 0, 0, 0, 4, taps=0xAB57),
    _named("slm-5", 2, 1, 4, 29, 6, 0, 0, 0, 5, taps=0xAB57),
    _named("slm-6", 2, 1, 4, 29, 6, 0, 0, 0, 6, taps=0xAB57),
    _named("slm-4-fast", 2, 1, 4, 28, 4, 0, 0, 0, 4, K=12, taps=0xCA5),
)}


def ceil_div(a, b):
    return -(-a // b)


def ceil_log2(n):
    return (n - 1).bit_length()


# ---- Bits [FMT-4] ----

def field(data, bit, size):
    return int.from_bytes(data, "little") >> bit & (1 << size) - 1


class BitWriter:
    def __init__(self):
        self.value = self.size = 0

    def put(self, value, size):
        assert 0 <= value < 1 << size
        self.value |= value << self.size
        self.size += size

    def bytes(self):
        return self.value.to_bytes(ceil_div(self.size, 8), "little")


# ---- LFSR (section 14) ----

def step(K, taps, x):
    """[LFS-1]"""
    return x >> 1 | (x & taps).bit_count() % 2 << K - 1


def states(K, taps, x, count):
    """The `count` states after x."""
    found = []
    for _ in range(count):
        x = step(K, taps, x)
        found.append(x)
    return found


def entries(p, seed):
    """[LFS-2], [LFS-3]: V, row by row."""
    flat = [x >> p.K - p.W for x in states(p.K, p.taps, seed, p.C * p.P * p.step)[p.step - 1::p.step]]
    return [flat[c * p.P:(c + 1) * p.P] for c in range(p.C)]


def is_maximal(K, taps):
    """[PRO-9] in the form of section 6: L steps lead from 1 to 1, L/q steps do not for any prime q that divides L."""
    if not taps & 1 or taps >> K:
        return False

    def advance(count):  # from state 1; the step's matrix as its columns, squared again and again
        columns = [step(K, taps, 1 << j) for j in range(K)]

        def apply(x):
            y = 0
            for j in range(K):
                if x >> j & 1:
                    y ^= columns[j]
            return y

        x = 1
        while count:
            if count & 1:
                x = apply(x)
            columns = [apply(column) for column in columns]
            count >>= 1
        return x

    order = (1 << K) - 1
    primes, rest = [], order
    for q in range(2, 1 << K // 2 + 1):
        if rest % q == 0:
            primes.append(q)
            while rest % q == 0:
                rest //= q
    if rest > 1:
        primes.append(rest)
    return advance(order) == 1 and all(advance(order // q) != 1 for q in primes if order // q)


# ---- The two codings (sections 15, 16) ----

def record_bits(p):
    return p.K + p.E + p.P * p.B


def run_bytes(p, n):
    blocks = ceil_div(n, p.C)
    return ceil_div(blocks * record_bits(p) if p.coding == 1 else p.K + (blocks - 1) * p.k, 8)  # [BLK-1], [TRE-1]


def split_record(p, record):
    """[BLK-2], [BLK-3]: seed, exponent code, coefficients."""
    q = [record >> p.K + p.E + i * p.B & (1 << p.B) - 1 for i in range(p.P)]
    return record & (1 << p.K) - 1, record >> p.K & (1 << p.E) - 1, [x - (x >> p.B - 1 << p.B) for x in q]


def join_record(p, seed, e, q):
    return seed | e << p.K | sum((x & (1 << p.B) - 1) << p.K + p.E + i * p.B for i, x in enumerate(q))


def block_integers(p, seed, e, q):
    """[BLK-5]"""
    return [sum(x * (v - (1 << p.W - 1)) for x, v in zip(q, row)) << e for row in entries(p, seed)]


def seed_integers(p, seed):
    """[TRE-4]"""
    return [sum(2 * v + 1 - (1 << p.W) for v in row) for row in entries(p, seed)]


def unrotated(p, codes, n):
    """T of the n weights of a run. ValueError for seed 0 [BLK-4] and for padding [RUN-7]."""
    blocks = ceil_div(n, p.C)
    integers = []
    for j in range(blocks):
        if p.coding == 1:
            seed, e, q = split_record(p, field(codes, j * record_bits(p), record_bits(p)))
            if seed == 0:
                raise ValueError("seed 0")
            integers += block_integers(p, seed, e, q)
        else:
            integers += seed_integers(p, field(codes, j * p.k, p.K))
    used = blocks * record_bits(p) if p.coding == 1 else p.K + (blocks - 1) * p.k
    if int.from_bytes(codes, "little") >> used:
        raise ValueError("padding")
    return integers[:n]  # [RUN-8]


# ---- Rotation (section 17) ----

def signs(sign_seed, n):
    """[ROT-6]"""
    return [-1 if x >> 15 else 1 for x in states(16, mask(TABLE_6[16]), sign_seed, n)]


def rotated(T, h, sign_seed):
    """[ROT-4], [ROT-5]"""
    N, d = 1 << h, signs(sign_seed, len(T))
    return [d[c] * sum((-1) ** (c % N & j).bit_count() * T[c // N * N + j] for j in range(N)) for c in range(len(T))]


def run_integers(p, codes, n, h=0, sign_seed=0):
    """[REC-1]"""
    T = unrotated(p, codes, n)
    return rotated(T, h, sign_seed) if h else T


# ---- Reconstruction (section 18) ----

def scale_value(bits):
    """[RUN-4], [RUN-9]"""
    if not 1 <= bits <= 0x7F7F:
        raise ValueError("scale")
    x, f = bits >> 7, bits & 127
    return Fraction(f, 2 ** 133) if x == 0 else Fraction(128 + f) * Fraction(2) ** (x - 134)


def integer_bits(p, h):
    """b of [REC-8]"""
    if p.coding == 2:
        return p.W + ceil_log2(p.P) + h
    return p.W + p.B - 2 + ceil_log2(p.P) + ((1 << p.E) - 1 + h if h else 0)


def divisor(p):
    """[REC-2]"""
    return (1 << p.W - 1) - 1 if p.norm else 1


# name: p, m, M, stored bits
TYPES = {"F32": (24, -126, 127, 32), "F16": (11, -14, 15, 16), "BF16": (8, -126, 127, 16)}


def round_to(y, name):
    """[REC-5], [REC-9] to [REC-11]: the bits of the rational y in a type."""
    precision, m, M, size = TYPES[name]
    if y == 0:
        return 0
    sign = 1 << size - 1 if y < 0 else 0
    y = abs(y)
    g = y.numerator.bit_length() - y.denominator.bit_length()
    if Fraction(2) ** g > y:
        g -= 1
    assert Fraction(2) ** g <= y < Fraction(2) ** (g + 1)
    u = Fraction(2) ** (max(g, m) - precision + 1)
    r = round(y / u)  # Python rounds a Fraction's halves to even
    infinity = (M - m + 2) << precision - 1
    if r * u >= Fraction(2) ** (M + 1):
        return sign | infinity
    # Exponent field and fraction in one integer: r below 2^(precision-1) is subnormal, and a carry goes where it should.
    return sign | r + ((max(g, m) - m) << precision - 1)


def bits_value(bits, name):
    """The rational that finite bits stand for."""
    precision, m, M, size = TYPES[name]
    magnitude = bits & (1 << size - 1) - 1
    x, f = magnitude >> precision - 1, magnitude & (1 << precision - 1) - 1
    value = Fraction(f if x == 0 else f + (1 << precision - 1)) * Fraction(2) ** (max(x, 1) - 1 + m - precision + 1)
    return -value if bits >> size - 1 else value
