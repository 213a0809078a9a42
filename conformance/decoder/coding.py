"""From codes to weights: LFSR, block and trellis coding, rotation, one rounding (spec/slm-1.0.md, sections 13 to 18).

Written from the specification alone: exact integers, nothing approximated, one weight like the other.
"""

from container import BLOCK, Refusal, advance, require

# [LFS-5] for K = 16: the register of the sign sequence [ROT-6].
SIGN_K, SIGN_TAPS = 16, 1 << 0 | 1 << 1 | 1 << 3 | 1 << 12

# [REC-9]: p, m, M, and the field widths of the encoded result.
FORMATS = {"F32": (24, -126, 127, 4), "F16": (11, -14, 15, 2), "BF16": (8, -126, 127, 2)}


def bits_of(run, at, size):
    """[FMT-4]; `run` is the integer made of the run's bytes, least significant first."""
    return run >> at & (1 << size) - 1


def signed(value, size):
    """[BLK-3]."""
    return value - (1 << size) if value >> (size - 1) else value


class Coding:
    """What a profile makes of a seed. The matrix of a seed, and the state `step` steps on, are computed once."""

    def __init__(self, profile):
        self.profile = profile
        self.matrices, self.next = {}, {}

    def matrix(self, seed):
        """[LFS-2], [LFS-3]: V[c][p]."""
        if seed not in self.matrices:
            p, state, rows = self.profile, seed, []
            for _ in range(p.C):
                row = []
                for _ in range(p.P):
                    if state not in self.next:
                        self.next[state] = advance(p.K, p.taps, state, p.step)
                    state = self.next[state]
                    row.append(state >> (p.K - p.W))
                rows.append(row)
            self.matrices[seed] = rows
        return self.matrices[seed]

    def block(self, run, number):
        """[BLK-1] to [BLK-5]: the C integers of record `number`."""
        p = self.profile
        record = bits_of(run, number * (p.K + p.E + p.P * p.B), p.K + p.E + p.P * p.B)
        seed, exponent = bits_of(record, 0, p.K), bits_of(record, p.K, p.E)
        q = [signed(bits_of(record, p.K + p.E + i * p.B, p.B), p.B) for i in range(p.P)]
        if seed == 0:
            raise Refusal("RECORD", "BLK-4", f"seed 0 in block {number} of a run")
        half = 1 << (p.W - 1)
        return [sum(qp * (v - half) for qp, v in zip(q, row)) << exponent for row in self.matrix(seed)]

    def seed(self, run, number):
        """[TRE-2] to [TRE-4]."""
        p = self.profile
        seed = bits_of(run, number * p.k, p.K)
        return [sum(2 * v + 1 - (1 << p.W) for v in row) for row in self.matrix(seed)]

    def integers(self, codes, length):
        """T of a whole run [BLK-6], [TRE-5], its padding checked [RUN-7]."""
        p, run, blocks = self.profile, int.from_bytes(codes, "little"), -(-length // self.profile.C)
        if p.coding == BLOCK:
            used, decode = blocks * (p.K + p.E + p.P * p.B), self.block
        else:
            used, decode = p.K + (blocks - 1) * p.k, self.seed
        require(run >> used == 0, "RECORD", "RUN-7", "padding bits of a run are not zero")
        # Shifting one huge integer for each block would be quadratic: blocks are read from pieces of the run.
        integers, piece_blocks = [], 64
        stride = used // blocks if p.coding == BLOCK else p.k
        for first in range(0, blocks, piece_blocks):
            start = first * stride
            piece = int.from_bytes(codes[start // 8 : start // 8 + (piece_blocks * stride + p.K) // 8 + 9], "little") >> start % 8
            for number in range(min(piece_blocks, blocks - first)):
                integers += decode(piece, number)
        return integers[:length]


def signs(seed, length):
    """[ROT-6]."""
    result, state = [], seed
    for _ in range(length):
        state = advance(SIGN_K, SIGN_TAPS, state, 1)
        result.append(-1 if state >> 15 else 1)
    return result


def rotate(integers, h, d):
    """[ROT-4], [ROT-5] by the definition's sum, arranged as butterflies."""
    size, result = 1 << h, []
    for start in range(0, len(integers), size):
        segment = integers[start : start + size]
        for level in range(h):
            bit = 1 << level
            segment = [segment[i & ~bit] + (-segment[i] if i & bit else segment[i | bit]) for i in range(size)]
        result += segment
    return [sign * value for sign, value in zip(d, result)]


def scale_value(bits):
    """[RUN-9]: the scale as (integer, power of two)."""
    exponent, fraction = bits >> 7, bits & 0x7F
    return (fraction, -133) if exponent == 0 else (128 + fraction, exponent - 134)


def check_scale(bits, profile, rotation):
    require(0x0001 <= bits <= 0x7F7F, "SCALE", "RUN-4", f"scale {bits:#06x} is not positive and finite")
    if not profile.norm and profile.integer_bits(rotation) > 16:
        mantissa, _ = scale_value(bits)
        require(mantissa & (mantissa - 1) == 0, "SCALE", "REC-8", f"scale {bits:#06x} is not a power of two")


def round_once(numerator, power, divisor, dtype):
    """numerator * 2^power / divisor as the bits of `dtype`: [REC-9] to [REC-11]."""
    p, m, M, size = FORMATS[dtype]
    if numerator == 0:
        return 0
    sign = 1 << (8 * size - 1) if numerator < 0 else 0
    top, bottom = abs(numerator) << max(power, 0), divisor << max(-power, 0)
    g = top.bit_length() - bottom.bit_length()
    if (top << max(-g, 0)) < (bottom << max(g, 0)):
        g -= 1  # the largest integer with 2^g <= top / bottom
    exponent = max(g, m) - p + 1  # u = 2^exponent
    top, bottom = top << max(-exponent, 0), bottom << max(exponent, 0)
    r, rest = divmod(top, bottom)
    if 2 * rest > bottom or (2 * rest == bottom and r & 1):
        r += 1
    if r == 1 << p:
        r, exponent = r >> 1, exponent + 1
    if r >> (p - 1) == 0:
        return sign | r  # subnormal or zero
    biased = exponent + p - 1 - m + 1
    if biased > M - m + 1:
        return sign | (M - m + 2) << (p - 1)
    return sign | biased << (p - 1) | (r & (1 << (p - 1)) - 1)


def decode_tensor(tensor, payload, dtype):
    """The bytes of a tensor: a raw one's own [RAW-2], a coded one's in `dtype` ("F32", "F16", "BF16")."""
    if not tensor.coding:
        return bytes(payload)
    profile, n = tensor.profile, tensor.run_length
    coding, run_bytes = Coding(profile), profile.run_bytes(n)
    require(not any(payload[2 * tensor.scales : tensor.codes_offset]), "RECORD", "RUN-5", "padding behind the scales is not zero")
    d = signs(tensor.sign_seed, n) if tensor.rotation else None
    divisor = (1 << (profile.W - 1)) - 1 if profile.norm else 1
    size, result, rounded = FORMATS[dtype][3], bytearray(), {}
    for run in range(tensor.runs):
        at = 2 * (run if tensor.flags & 1 else 0)
        scale = payload[at] | payload[at + 1] << 8
        check_scale(scale, profile, tensor.rotation)
        start = tensor.codes_offset + run * run_bytes
        integers = coding.integers(bytes(payload[start : start + run_bytes]), n)
        if tensor.rotation:
            integers = rotate(integers, tensor.rotation, d)
        mantissa, power = scale_value(scale)
        for integer in integers:
            key = (integer, scale)
            if key not in rounded:
                rounded[key] = round_once(integer * mantissa, power, divisor, dtype).to_bytes(size, "little")
            result += rounded[key]
    return bytes(result)
