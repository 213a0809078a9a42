"""XXH3-64 with seed 0 and the default secret, for inputs of any length: rule [SUM-1]. Slow and plain, standard library only."""

MASK = (1 << 64) - 1

P32_1, P32_2, P32_3 = 0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D
P64_1, P64_2, P64_3 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
P64_4, P64_5 = 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5
MX1, MX2 = 0x165667919E3779F9, 0x9FB21C651E98DF25

SECRET = bytes.fromhex(
    "b8fe6c3923a44bbe7c01812cf721ad1c ded46de9839097db7240a4a4b7b3671f cb79e64eccc0e578825ad07dccff7221"
    "b8084674f743248ee03590e6813a264c 3c2852bb91c300cb88d0658b1b532ea3 71644897a20df94e3819ef46a9deacd8"
    "a8fa763fe39c343ff9dcbbc7c70b4f1d 8a51e04bcdb45931c89f7ec9d9787364 eac5ac8334d3ebc3c581a0fffa1363eb"
    "170ddd51b7f0da49d316552629d4689e 2b16be587d47a1fc8ff8b8d17ad031ce 45cb3a8f95160428afd7fbcabb4b407e")

STRIPE = 64                                          # bytes taken in at once, 8 to each of 8 accumulators
STRIPES = (len(SECRET) - STRIPE) // 8                # stripes between two scrambles: the secret moves on 8 bytes a stripe


def read32(data, at):
    return int.from_bytes(data[at:at + 4], "little")


def read64(data, at):
    return int.from_bytes(data[at:at + 8], "little")


def swap(value, size):
    return int.from_bytes(value.to_bytes(size, "little"), "big")


def rotl(value, bits):
    return (value << bits | value >> (64 - bits)) & MASK


def fold(a, b):
    """The 128-bit product, its halves combined."""
    product = a * b
    return (product & MASK) ^ (product >> 64)


def avalanche(h):
    h ^= h >> 37
    h = h * MX1 & MASK
    return h ^ h >> 32


def avalanche_xxh64(h):
    h ^= h >> 33
    h = h * P64_2 & MASK
    h ^= h >> 29
    h = h * P64_3 & MASK
    return h ^ h >> 32


def mix16(data, at, secret):
    return fold(read64(data, at) ^ read64(SECRET, secret), read64(data, at + 8) ^ read64(SECRET, secret + 8))


def up_to_16(data):
    n = len(data)
    if n == 0:
        return avalanche_xxh64(read64(SECRET, 56) ^ read64(SECRET, 64))
    if n <= 3:
        combined = data[0] << 16 | data[n // 2] << 24 | data[n - 1] | n << 8
        return avalanche_xxh64(combined ^ read32(SECRET, 0) ^ read32(SECRET, 4))
    if n <= 8:
        h = read32(data, n - 4) + (read32(data, 0) << 32) ^ read64(SECRET, 8) ^ read64(SECRET, 16)
        h ^= rotl(h, 49) ^ rotl(h, 24)
        h = h * MX2 & MASK
        h ^= (h >> 35) + n
        h = h * MX2 & MASK
        return h ^ h >> 28
    low = read64(data, 0) ^ read64(SECRET, 24) ^ read64(SECRET, 32)
    high = read64(data, n - 8) ^ read64(SECRET, 40) ^ read64(SECRET, 48)
    return avalanche(n + swap(low, 8) + high + fold(low, high) & MASK)


def up_to_240(data):
    n = len(data)
    h = n * P64_1
    if n <= 128:
        for i in range((n - 1) // 32 + 1):
            h += mix16(data, 16 * i, 32 * i) + mix16(data, n - 16 * (i + 1), 32 * i + 16)
        return avalanche(h & MASK)
    for i in range(8):
        h += mix16(data, 16 * i, 16 * i)
    h = avalanche(h & MASK)
    for i in range(8, n // 16):
        h += mix16(data, 16 * i, 16 * (i - 8) + 3)
    h += mix16(data, n - 16, 136 - 17)
    return avalanche(h & MASK)


def accumulate(acc, data, at, secret):
    for i in range(8):
        value = read64(data, at + 8 * i)
        keyed = value ^ read64(SECRET, secret + 8 * i)
        acc[i ^ 1] = acc[i ^ 1] + value & MASK
        acc[i] = acc[i] + (keyed & 0xFFFFFFFF) * (keyed >> 32) & MASK


def scramble(acc):
    for i in range(8):
        acc[i] = (acc[i] ^ acc[i] >> 47 ^ read64(SECRET, len(SECRET) - STRIPE + 8 * i)) * P32_1 & MASK


def long(data):
    n = len(data)
    acc = [P32_3, P64_1, P64_2, P64_3, P64_4, P32_2, P64_5, P32_1]
    for stripe in range((n - 1) // STRIPE):
        accumulate(acc, data, STRIPE * stripe, 8 * (stripe % STRIPES))
        if stripe % STRIPES == STRIPES - 1:
            scramble(acc)
    accumulate(acc, data, n - STRIPE, len(SECRET) - STRIPE - 7)
    h = n * P64_1
    for i in range(4):
        h += fold(acc[2 * i] ^ read64(SECRET, 11 + 16 * i), acc[2 * i + 1] ^ read64(SECRET, 11 + 16 * i + 8))
    return avalanche(h & MASK)


def xxh3_64(data):
    if len(data) <= 16:
        return up_to_16(data)
    return up_to_240(data) if len(data) <= 240 else long(data)
