"""Opens a .slm file: header, index, payloads and checksums (spec/slm-1.0.md, sections 3 to 12 and 20 to 21).

Written from the specification alone. Every check names the rule it enforces.
"""

import struct

from xxh3 import xxh3_64

MAGIC = bytes.fromhex("89534C4D0D0A1A0A")
RAW, BLOCK, TRELLIS = 0, 1, 2
PROFILES, TENSORS, METADATA, SOURCES, PAYLOADS, CHECKSUMS = 1, 2, 3, 4, 5, 6
SECTION_FLAGS = {PROFILES: 1, TENSORS: 1, METADATA: 0, SOURCES: 0, PAYLOADS: 1, CHECKSUMS: 1}
TENSOR_DATA, SIDE_FILES = 1, 2
UNSUPPORTED = ("VERSION", "FEATURE")

# Section 7.1: number -> (name, bits).
DTYPES = {
    1: ("BOOL", 8), 2: ("F4", 4), 3: ("F6_E2M3", 6), 4: ("F6_E3M2", 6), 5: ("U8", 8), 6: ("I8", 8),
    7: ("F8_E5M2", 8), 8: ("F8_E4M3", 8), 9: ("F8_E8M0", 8), 10: ("F8_E4M3FNUZ", 8), 11: ("F8_E5M2FNUZ", 8),
    12: ("I16", 16), 13: ("U16", 16), 14: ("F16", 16), 15: ("BF16", 16), 16: ("I32", 32), 17: ("U32", 32),
    18: ("F32", 32), 19: ("C64", 64), 20: ("F64", 64), 21: ("I64", 64), 22: ("U64", 64),
}  # fmt: skip
CODABLE = ("F32", "F16", "BF16")

# The prime factors of 2^K - 1 are found by trial division once a K.
_factors = {}


class Refusal(Exception):
    """A file that must not be decoded: status (section 21.1), rule, offset in the file where it is known."""

    def __init__(self, status, rule, text, offset=None):
        super().__init__(status, rule, text, offset)
        self.status, self.rule, self.text, self.offset = status, rule, text, offset

    def __str__(self):
        return f"{self.status} [{self.rule}] {self.text}" + ("" if self.offset is None else f" at byte {self.offset}")


def require(condition, status, rule, text, offset=None):
    if not condition:
        raise Refusal(status, rule, text, offset)


def up(x, a):
    return -(-x // a) * a


class Cursor:
    """Takes fields from the bytes [at, end) of the file, each checked to be there."""

    def __init__(self, data, at, end, rule):
        self.data, self.at, self.end, self.rule = data, at, end, rule

    def take(self, size):
        require(size <= self.end - self.at, "INDEX", self.rule, "an item reaches beyond its section", self.at)
        piece = self.data[self.at : self.at + size]
        self.at += size
        return piece

    def unpack(self, layout):
        return struct.unpack("<" + layout, self.take(struct.calcsize("<" + layout)))

    def pad(self, rule):
        """Items are padded to multiples of 8; the index begins at a multiple of 8."""
        require(not any(self.take(-self.at % 8)), "INDEX", rule, "padding is not zero", self.at)

    def count(self, rule, limit):
        number, zero = self.unpack("II")
        require(zero == 0, "INDEX", "SEC-12", "the field behind a section's count is not zero", self.at - 4)
        require(number <= limit, "LIMIT", rule, f"{number} items, at most {limit} are allowed", self.at - 8)
        return number

    def text(self, size, rule):
        start = self.at
        raw = bytes(self.take(size))
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            raise Refusal("INDEX", rule, "text is not UTF-8", start) from None
        require("\0" not in text, "INDEX", rule, "text holds U+0000", start)
        return raw


class Profile:
    def __init__(self, coding, K, step, W, P, C, E, B, norm, k, taps, name):
        self.coding, self.K, self.step, self.W, self.P, self.C = coding, K, step, W, P, C
        self.E, self.B, self.norm, self.k, self.taps, self.name = E, B, norm, k, taps, name

    def integer_bits(self, h):
        """b of [REC-8]."""
        log_p = (self.P - 1).bit_length()
        if self.coding == TRELLIS:
            return self.W + log_p + h
        return self.W + self.B - 2 + log_p + ((2**self.E - 1) + h if h else 0)

    def check_integer_bits(self, h, rule):
        limit = 54 if self.norm else 24
        require(self.integer_bits(h) <= limit, "PROFILE", rule, f"integers of {self.integer_bits(h)} bits, at most {limit} are allowed")

    def run_bytes(self, n):
        blocks = -(-n // self.C)
        if self.coding == BLOCK:
            return -(-blocks * (self.K + self.E + self.P * self.B) // 8)
        return -(-(self.K + (blocks - 1) * self.k) // 8)


class Tensor:
    def __init__(self, name, dtype, shape, elements, bits, coding, flags, profile, rotation, sign_seed, run_length, number):
        self.name, self.dtype, self.shape, self.elements, self.bits, self.coding = name, dtype, shape, elements, bits, coding
        self.flags, self.profile, self.rotation, self.sign_seed = flags, profile, rotation, sign_seed
        self.run_length, self.number = run_length, number

    @property
    def runs(self):
        return self.elements // self.run_length if self.coding else 0

    @property
    def scales(self):
        return self.runs if self.flags & 1 else 1

    @property
    def codes_offset(self):
        return up(2 * self.scales, 64)

    def payload_size(self):
        if self.coding == RAW:
            return self.elements * self.bits // 8
        return self.codes_offset + self.runs * self.profile.run_bytes(self.run_length)


class File:
    def __init__(self, data, chunk):
        self.data, self.chunk = data, chunk
        self.tensors = []
        self.payloads = []  # (offset, size, first_sum, kind)
        self.sums = b""
        self.metadata = {}
        self.sources = []  # (name, header, number of tensors)

    def payload(self, number):
        """The bytes of a payload, every chunk verified [SUM-4]."""
        offset, size, first, _ = self.payloads[number]
        for j in range(-(-size // self.chunk)):
            start = offset + j * self.chunk
            piece = self.data[start : min(start + self.chunk, offset + size)]
            (stated,) = struct.unpack_from("<Q", self.sums, 8 * (first + j))
            require(xxh3_64(bytes(piece)) == stated, "CHECKSUM", "SUM-4", f"chunk {j} of payload {number}", start)
        return self.data[offset : offset + size]

    def check_padding(self):
        """[PAY-14]: everything outside header, index and payloads is zero."""
        (index_size,) = struct.unpack_from("<Q", self.data, 32)
        at = 64 + index_size
        for offset, size, _, _ in self.payloads + [(len(self.data), 0, 0, 0)]:
            require(not any(self.data[at:offset]), "RECORD", "PAY-14", "padding between payloads is not zero", at)
            at = offset + size


def advance(K, taps, state, steps):
    """[LFS-1], `steps` times."""
    for _ in range(steps):
        state = state >> 1 | (bin(state & taps).count("1") & 1) << (K - 1)
    return state


def is_primitive(K, taps):
    """[PRO-9]: x has order 2^K - 1 modulo x^K + sum of alpha_j x^j."""
    polynomial = 1 << K | taps

    def multiply(a, b):
        product = 0
        while b:
            if b & 1:
                product ^= a
            b >>= 1
            a <<= 1
            if a >> K:
                a ^= polynomial
        return product

    def power(exponent):
        result, base = 1, 2
        while exponent:
            if exponent & 1:
                result = multiply(result, base)
            base = multiply(base, base)
            exponent >>= 1
        return result

    order = 2**K - 1
    if K not in _factors:
        rest, divisor, _factors[K] = order, 2, set()
        while rest > 1:
            if rest % divisor == 0:
                _factors[K].add(divisor)
                rest //= divisor
            else:
                divisor += 1
    return power(order) == 1 and all(power(order // p) != 1 for p in _factors[K])


def parse_profile(cursor):
    start = cursor.at
    coding, K, step, W, P, C, E, B, norm, k, zero, taps = cursor.unpack("10BHI")
    name = bytes(cursor.take(16))
    require(coding in (BLOCK, TRELLIS), "FEATURE", "PRO-2", f"coding {coding} is unknown", start)

    def rule(condition, number, text):
        require(condition, "PROFILE", f"PRO-{number}", text, start)

    rule(2 <= K <= 24, 3, f"K is {K}")
    rule(1 <= W <= K, 4, f"W is {W}")
    rule(1 <= step <= 64, 5, f"step is {step}")
    rule(1 <= P <= 16, 6, f"P is {P}")
    rule(1 <= C <= 64, 7, f"C is {C}")
    rule(taps & 1 and not taps >> K, 8, f"taps are {taps:#x}")
    rule(is_primitive(K, taps), 9, f"taps {taps:#x} are not primitive")
    if coding == BLOCK:
        rule(E <= 4, 10, f"E is {E}")
        rule(2 <= B <= 8, 11, f"B is {B}")
        rule(norm <= 1, 12, f"norm is {norm}")
        rule(not norm or W >= 2, 13, "norm 1 with W 1")
        rule(k == 0, 14, f"k is {k}")
        rule(K + E + P * B <= 64, 15, "a record has more than 64 bits")
    else:
        rule(1 <= k <= 8 and k < K, 16, f"k is {k}")
        rule(E == B == norm == 0, 17, "E, B and norm are not zero")
    rule(zero == 0, 18, "a reserved field is not zero")
    text = name.rstrip(b"\0")
    rule(all(0x20 <= byte <= 0x7E for byte in text), 19, "the name is not printable ASCII")
    profile = Profile(coding, K, step, W, P, C, E, B, norm, k, taps, text.decode("ascii"))
    profile.check_integer_bits(0, "PRO-21")
    return profile


def parse_tensor(cursor, number, profiles):
    start = cursor.at
    (coding,) = cursor.unpack("B")
    require(coding in (RAW, BLOCK, TRELLIS), "FEATURE", "TEN-2", f"coding {coding} is unknown", start)
    dtype, rank, rotation, flags, profile, sign_seed, name_length, zero = cursor.unpack("BBBHHHHI")
    run_length, source_sum, error, zero2 = cursor.unpack("QQII")
    require(dtype in DTYPES, "FEATURE", "TEN-3", f"element type {dtype} is unknown", start + 1)
    name_of_dtype, bits = DTYPES[dtype]
    require(rank <= 32, "LIMIT", "TEN-4", f"rank is {rank}", start + 2)
    shape = cursor.unpack(f"{rank}Q")
    name = cursor.text(name_length, "TEN-7")

    def rule(condition, rule_number, text, status="INDEX"):
        require(condition, status, f"TEN-{rule_number}", text, start)

    rule(flags < 8, 5, "a reserved flag is set")
    rule(zero == zero2 == 0, 6, "a reserved field is not zero")
    cursor.pad("TEN-9")
    product = bits
    for dimension in shape:
        product *= dimension or 1
    rule(product < 2**62, 11, "too many elements", "LIMIT")
    elements = 0 if 0 in shape else product // bits
    rule(elements * bits % 8 == 0, 12, "the elements are not whole bytes")
    if coding == RAW:
        rule(not (rotation or profile or sign_seed or run_length or flags & 1), 13, "a raw tensor with fields of a coded one")
        chosen = None
    else:
        rule(name_of_dtype in CODABLE, 14, f"a coded tensor of type {name_of_dtype}")
        rule(profile < len(profiles), 15, f"profile {profile} is not there")
        chosen = profiles[profile]
        rule(chosen.coding == coding, 16, "the profile has another coding")
        rule(elements > 0, 17, "a coded tensor without elements")
        rule(run_length >= 1 and elements % run_length == 0, 18, "run_length does not divide the elements")
        require(rotation == 0 or 4 <= rotation <= 10, "PROFILE", "ROT-1", f"rotation is {rotation}", start + 3)
        require(run_length % 2**rotation == 0, "PROFILE", "ROT-2", "2^rotation does not divide run_length", start + 3)
        require((sign_seed != 0) == (rotation != 0), "PROFILE", "ROT-3", f"sign_seed is {sign_seed}", start + 8)
        chosen.check_integer_bits(rotation, "TEN-22")
    rule(flags & 2 or source_sum == 0, 19, "a source_sum that is not stated is not zero")
    rule(flags & 4 or error == 0, 20, "an error that is not stated is not zero")
    rule(error < 0x7F800000, 20, "error is negative or not finite")
    return Tensor(name, name_of_dtype, shape, elements, bits, coding, flags, chosen, rotation, sign_seed, run_length, number)


def unique(names, rule, text):
    require(len(set(names)) == len(names), "INDEX", rule, text)


def open_file(data):
    """Stages 1 to 11 of [ERR-2]."""
    data = memoryview(data)
    head = bytes(data[:8])
    require(len(head) == 8 or not MAGIC.startswith(head), "TRUNCATED", "HDR-1", "the file ends within the magic")
    require(head == MAGIC, "MAGIC", "HDR-1", "not a .slm file")
    require(len(data) >= 64, "TRUNCATED", "HDR-2", "the file ends within the header")
    major, _, align_log2, chunk_log2, zero, must, _ = struct.unpack_from("<HHBBHII", data, 8)
    file_size, index_size, index_sum, zero2, header_sum = struct.unpack_from("<5Q", data, 24)
    require(major == 1, "VERSION", "HDR-3", f"format version {major}")
    require(xxh3_64(bytes(data[:56])) == header_sum, "CHECKSUM", "HDR-5", "the header is damaged", 56)
    require(must == 0, "FEATURE", "HDR-6", f"features {must:#x} are unknown", 16)
    require(zero == zero2 == 0, "INDEX", "HDR-8", "a reserved field of the header is not zero", 14)
    require(6 <= align_log2 <= 16, "LIMIT", "HDR-9", f"align_log2 is {align_log2}", 12)
    require(12 <= chunk_log2 <= 30, "LIMIT", "HDR-10", f"chunk_log2 is {chunk_log2}", 13)
    require(index_size % 8 == 0, "INDEX", "HDR-11", "index_size is no multiple of 8", 32)
    require(index_size <= 2**30, "LIMIT", "HDR-12", f"index_size is {index_size}", 32)
    require(file_size < 2**62, "LIMIT", "HDR-13", f"file_size is {file_size}", 24)
    require(len(data) >= file_size, "TRUNCATED", "HDR-14", f"{file_size - len(data)} bytes are missing", len(data))
    require(len(data) <= file_size, "INDEX", "HDR-15", f"{len(data) - file_size} bytes follow the end", file_size)
    require(64 + index_size <= file_size, "INDEX", "HDR-16", "the index reaches beyond the file", 32)
    require(xxh3_64(bytes(data[64 : 64 + index_size])) == index_sum, "CHECKSUM", "HDR-17", "the index is damaged", 64)

    bodies = read_sections(data, 64, 64 + index_size)
    file = File(data, 2**chunk_log2)
    read_tensors(file, bodies, read_profiles(bodies))
    read_metadata(file, bodies)
    read_sources(file, bodies)
    read_payloads(file, bodies, 64 + index_size, 2**align_log2)
    return file


def read_sections(data, at, end):
    """[SEC-1] to [SEC-9]: a cursor for each known section that is there."""
    cursor, bodies, last, number = Cursor(data, at, end, "SEC-1"), {}, 0, 0
    while cursor.at < end:
        head = cursor.at
        kind, flags, size = cursor.unpack("IIQ")
        number += 1
        require(number <= 64, "LIMIT", "SEC-9", "more than 64 sections", head)
        require(kind in SECTION_FLAGS or not flags & 1, "FEATURE", "SEC-7", f"section {kind:#x} is unknown", head)
        require(flags < 2, "INDEX", "SEC-2", "a reserved flag of a section is set", head + 4)
        require(kind > last, "INDEX", "SEC-3", "section types do not ascend", head)
        require(SECTION_FLAGS.get(kind, 0) == flags, "INDEX", "SEC-6", f"section {kind} has flags {flags}", head + 4)
        body = cursor.at
        cursor.take(size)
        cursor.pad("SEC-4")
        if kind in SECTION_FLAGS:
            bodies[kind] = Cursor(data, body, body + size, "SEC-10")
        last = kind
    for kind in (PROFILES, TENSORS, PAYLOADS, CHECKSUMS):
        require(kind in bodies, "INDEX", "SEC-5", f"section {kind} is missing")
    return bodies


def finish(cursor):
    require(cursor.at == cursor.end, "INDEX", "SEC-10", "bytes are left behind a section's last item", cursor.at)


def read_profiles(bodies):
    cursor = bodies[PROFILES]
    count = cursor.count("PRO-22", 4096)
    require(cursor.end - cursor.at == 32 * count, "INDEX", "PRO-1", "the section's size does not fit its count", cursor.at)
    return [parse_profile(cursor) for _ in range(count)]


def read_tensors(file, bodies, profiles):
    cursor = bodies[TENSORS]
    for number in range(cursor.count("TEN-1", 1048576)):
        file.tensors.append(parse_tensor(cursor, number, profiles))
    finish(cursor)
    unique([tensor.name for tensor in file.tensors], "TEN-8", "two tensors have one name")


def read_metadata(file, bodies):
    if METADATA not in bodies:
        return
    cursor, keys = bodies[METADATA], []
    for _ in range(cursor.count("MET-1", 65536)):
        key_length, value_length = cursor.unpack("II")
        require(key_length > 0, "INDEX", "MET-3", "an empty key", cursor.at - 8)
        keys.append(cursor.text(key_length, "MET-2"))
        file.metadata[keys[-1]] = cursor.text(value_length, "MET-2")
        cursor.pad("MET-5")
    finish(cursor)
    unique(keys, "MET-4", "two metadata keys are equal")


def read_sources(file, bodies):
    if SOURCES not in bodies:
        return
    cursor = bodies[SOURCES]
    count = cursor.count("SRC-2", 65536)
    require(count >= 1, "INDEX", "SRC-1", "an empty list of sources", cursor.at)
    for _ in range(count):
        start = cursor.at
        tensors, name_length, zero, header_size = cursor.unpack("IHHQ")
        require(zero == 0, "INDEX", "SRC-3", "a reserved field is not zero", start + 6)
        require(header_size <= 100_000_000, "LIMIT", "SRC-7", f"header_size is {header_size}", start + 8)
        name = cursor.text(name_length, "SRC-5")
        require(not set(name) & set(b"/\\") and name not in (b".", b".."), "INDEX", "SRC-5", "not a file name", start)
        file.sources.append((name, bytes(cursor.take(header_size)), tensors))
        cursor.pad("SRC-3")
    finish(cursor)
    require(sum(source[2] for source in file.sources) == len(file.tensors), "INDEX", "SRC-4", "the sources' tensors do not add up")
    unique([source[0] for source in file.sources], "SRC-6", "two sources have one name")


def read_payloads(file, bodies, end_of_index, align):
    cursor, tensors = bodies[PAYLOADS], file.tensors
    count = cursor.count("PAY-2", 1114112)
    require(count >= len(tensors), "INDEX", "PAY-1", "fewer payloads than tensors", cursor.at)
    require(cursor.end - cursor.at == 32 * count, "INDEX", "PAY-3", "the section's size does not fit its count", cursor.at)
    expected_offset, expected_sum, last_kind = up(end_of_index, align), 0, 2
    for number in range(count):
        start = cursor.at
        offset, size, first_sum, kind, flags = cursor.unpack("QQQII")
        known = kind in (TENSOR_DATA, SIDE_FILES)
        require(known or not flags & 1, "FEATURE", "PAY-8", f"payload kind {kind:#x} is unknown", start)  # [ERR-4]
        if number < len(tensors):
            require(kind == TENSOR_DATA and flags == 1, "INDEX", "PAY-4", "not the payload of a tensor", start)
            require(size == tensors[number].payload_size(), "INDEX", "PAY-13", "not the size the tensor needs", start + 8)
        else:
            require(flags < 2, "INDEX", "PAY-7", "a reserved flag of a payload is set", start + 28)
            require(kind >= last_kind, "INDEX", "PAY-5", "payload kinds descend", start + 24)
            if kind == SIDE_FILES:
                seen = any(payload[3] == SIDE_FILES for payload in file.payloads)
                require(flags == 0 and not seen, "INDEX", "PAY-6", "not the only side files, or flagged", start + 24)
            last_kind = kind
        require(offset == expected_offset, "INDEX", "PAY-10", f"offset {offset}, must be {expected_offset}", start)
        require(first_sum == expected_sum, "INDEX", "PAY-12", f"first_sum {first_sum}, must be {expected_sum}", start + 16)
        expected_offset = up(offset + size, align)
        expected_sum += -(-size // file.chunk)
        file.payloads.append((offset, size, first_sum, kind))
    require(len(file.data) == expected_offset, "INDEX", "PAY-11", "file_size is not the end of the last payload", 24)
    cursor = bodies[CHECKSUMS]
    require(cursor.end - cursor.at == 8 * expected_sum, "INDEX", "SUM-3", "not one checksum a chunk", cursor.at)
    file.sums = bytes(cursor.take(8 * expected_sum))
