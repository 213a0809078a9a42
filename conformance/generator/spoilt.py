"""Files that must be refused: each breaks one rule of header or index, its checksums made again unless a checksum is what is broken."""

from builder import Build, block_profile, trellis_profile
from cases import refused
from valid_container import small

U64 = (1 << 64) - 1


def spoil(id, status, rules, reason, change, begin=small):
    """A case that begins with a valid file and changes some of its fields; `change` gets the Image."""

    @refused(id, status, rules, reason)
    def _():
        image = begin().image()
        change(image)
        return image


def field(id, status, rule, name, value, reason, begin=small):
    """The commonest: one field, another value."""
    spoil(id, status, rule, reason, lambda image: image.set(name, value), begin)


def whole():
    return small().image().finish()


# ---- header ----

MAGIC_DAMAGE = (
    ("text-mode", b"\x09SLM\r\n\x1a\n", "bit 7 stripped"),
    ("unix-line-end", b"\x89SLM\n\x1a\n\x00", "CR LF became LF"),
    ("dos-line-end", b"\x89SLM\r\r\n\x1a", "LF became CR LF"),
    ("other-format", b"\x89PNG\r\n\x1a\n", "a PNG"),
    ("one-bit", b"\x88SLM\r\n\x1a\n", "one bit"),
)
for _id, _magic, _reason in MAGIC_DAMAGE:

    @refused(f"magic-{_id}", "MAGIC", "HDR-1", f"wrong magic: {_reason}")
    def _(magic=_magic):
        return magic + whole()[8:]


@refused("magic-short-wrong", "MAGIC", "HDR-1", "four bytes that do not begin the magic")
def _():
    return b"abcd"


for _size in (0, 1, 7):

    @refused(f"truncated-{_size}", "TRUNCATED", "HDR-1", f"the first {_size} bytes only")
    def _(size=_size):
        return whole()[:size]


for _size in (8, 9, 10, 12, 63):

    @refused(f"truncated-{_size}", "TRUNCATED", "HDR-2", f"the first {_size} bytes only")
    def _(size=_size):
        return whole()[:size]


def cut(id, place, reason):
    @refused(f"truncated-{id}", "TRUNCATED", "HDR-14", reason)
    def _():
        image = small().image()
        return image.finish()[: place(image)]


cut("header-only", lambda image: 64, "cut behind the header")
for _type, _name in ((1, "profiles"), (2, "tensors"), (3, "metadata"), (4, "sources"), (5, "payloads"), (6, "checksums")):
    cut(f"before-{_name}", lambda image, t=_type: image.places[f"section {t}.type"][0], f"cut before the head of {_name}")
    cut(f"in-head-of-{_name}", lambda image, t=_type: image.places[f"section {t}.size"][0] + 3, f"cut within the head of {_name}")
    cut(f"in-body-of-{_name}", lambda image, t=_type: image.places[f"section {t}.size"][0] + 13, f"cut within the body of {_name}")
cut("before-padding", lambda image: image.end_of_index, "cut behind the index")
for _i in range(4):
    cut(f"before-payload-{_i}", lambda image, i=_i: image.payloads[i][0], f"cut before payload {_i}")
    cut(f"in-payload-{_i}", lambda image, i=_i: image.payloads[i][0] + 1, f"cut within payload {_i}")
cut("last-byte", lambda image: len(image.data) - 1, "the last byte is missing: it is padding")


@refused("unfinished", "MAGIC", "HDR-1 ENC-11", "index and payloads are there, the header is not: an encoder that stopped before its last write")
def _():
    return bytes(64) + whole()[64:]


@refused("trailing-byte", "INDEX", "HDR-15", "one zero byte behind the end")
def _():
    return whole() + b"\0"


@refused("trailing-file", "INDEX", "HDR-15", "two files, one behind the other")
def _():
    return whole() + whole()


for _major in (0, 2, 65535):
    field(f"major-{_major}", "VERSION", "HDR-3", "header.major", _major, f"major version {_major}")


@refused("major-2-damaged-header", "VERSION", "HDR-3 ERR-2", "major version 2 and a header checksum that does not fit: the version is looked at first")
def _():
    image = small().image()
    image.finish()
    return bytes(image.set("header.major", 2).data)


for _bit in (0, 7, 23, 24, 31):
    field(f"feature-must-{_bit}", "FEATURE", "HDR-6" + (" EXT-3" if _bit >= 24 else ""), "header.features_must", 1 << _bit, f"bit {_bit} of features_must")
field("header-reserved-14", "INDEX", "HDR-8 FMT-2", "header.zero14", 1, "the reserved field at 14")
field("header-reserved-14-top", "INDEX", "HDR-8 FMT-2", "header.zero14", 0x8000, "the reserved field at 14, top bit")
field("header-reserved-48", "INDEX", "HDR-8 FMT-2", "header.zero48", 1 << 63, "the reserved field at 48")
spoil("header-reserved-minor-1", "INDEX", "HDR-8 EXT-2", "the reserved field at 14 in a file of minor version 1", lambda i: i.set("header.minor", 1).set("header.zero14", 1))
for _name, _rule, _values in (("align_log2", "HDR-9", (0, 5, 17, 64, 255)), ("chunk_log2", "HDR-10", (0, 11, 31, 255))):
    for _value in _values:
        field(f"{_name.replace('_', '-')}-{_value}", "LIMIT", _rule, f"header.{_name}", _value, f"{_name} is {_value}")


def small_index_size():
    image = small().image()
    return image.get("header.index_size")


field("index-size-odd", "INDEX", "HDR-11", "header.index_size", small_index_size() + 1, "index_size one too large: no multiple of 8")
field("index-size-limit", "LIMIT", "HDR-12 LIM-1 LIM-2", "header.index_size", (1 << 30) + 8, "index_size beyond its limit")
field("index-size-2p63", "LIMIT", "HDR-12 LIM-2 FMT-6", "header.index_size", 1 << 63, "index_size 2^63: 64 + index_size must not wrap")
field("index-size-wraps", "LIMIT", "HDR-12 FMT-6", "header.index_size", U64 - 7, "64 + index_size wraps to 56")
field("index-size-beyond-file", "INDEX", "HDR-16", "header.index_size", 1 << 20, "the index is larger than the file")
field("file-size-limit", "LIMIT", "HDR-13", "header.file_size", 1 << 62, "file_size 2^62")
field("file-size-all-ones", "LIMIT", "HDR-13", "header.file_size", U64, "file_size 2^64 - 1")
spoil("file-size-plus-1", "TRUNCATED", "HDR-14", "file_size one too large", lambda i: i.add("header.file_size", 1))
spoil("file-size-minus-1", "INDEX", "HDR-15", "file_size one too small", lambda i: i.add("header.file_size", -1))
spoil("file-size-huge", "TRUNCATED", "HDR-14 LIM-2", "file_size 2^61: nothing may be allocated for it", lambda i: i.set("header.file_size", 1 << 61))


@refused("file-size-64", "INDEX", "HDR-16 ERR-2", "a header alone that says it is the whole file, with an index")
def _():
    image = small().image().set("header.file_size", 64)
    image.sum_index().sum_header()
    return bytes(image.data[:64])


@refused("index-larger-by-a-section", "INDEX", "SEC-1 SEC-3", "index_size reaches 64 bytes into what lies behind: zeros are no section")
def _():
    build = small()
    build.align_log2 = 9
    image = build.image().add("header.index_size", 64)
    image.end_of_index += 64
    return image


@refused("index-smaller", "INDEX", "SEC-1 SEC-5", "index_size ends before the last section")
def _():
    image = small().image()
    size = image.end_of_index - image.places["section 6.type"][0]
    image.add("header.index_size", -size)
    image.end_of_index -= size
    return image


# ---- checksums ----


def damaged(id, rule, name, bit, reason, again=lambda image: None):
    """A bit flipped after the checksums were made."""

    @refused(id, "CHECKSUM", rule, reason)
    def _():
        image = small().image()
        image.finish()
        image.flip(name, bit)
        again(image)
        return bytes(image.data)


damaged("sum-of-header", "HDR-5", "header.header_sum", 0, "the header's checksum")
damaged("header-damaged", "HDR-5", "header.minor", 3, "a bit of the minor version")
damaged("header-features-damaged", "HDR-5 ERR-2", "header.features_must", 3, "a feature bit that only damage set: the checksum comes first")
damaged("sum-of-index", "HDR-17", "header.index_sum", 63, "the index's checksum", lambda i: i.sum_header())
damaged("index-damaged", "HDR-17", "tensor 0.name", 0, "a bit of a tensor's name")
damaged("index-padding-damaged", "HDR-17 ERR-2", "tensor 0.padding", 0, "a bit of padding in the index: the checksum comes before the padding's rule")
for _i, _what in enumerate(("raw", "block", "trellis", "side files")):
    damaged(f"payload-{_i}-damaged", "SUM-4 SUM-5 ERR-6", f"payload {_i}", 9, f"a bit of a payload: {_what}")
    damaged(f"payload-{_i}-sum", "SUM-4 ERR-6", "checksums", 64 * _i + 5, f"the checksum of a payload: {_what}", lambda i: i.sum_index().sum_header())


@refused("payload-second-chunk-damaged", "CHECKSUM", "SUM-2 SUM-4", "the last byte of the second of three chunks")
def _():
    build = Build()
    build.raw(b"a", "U8", (4096 * 2 + 1,))
    image = build.image()
    image.finish()
    return bytes(image.flip("payload 0", 8 * 8191 + 7).data)


@refused("sums-swapped", "CHECKSUM", "SUM-4", "the checksums of two chunks changed places")
def _():
    build = Build()
    build.raw(b"a", "U8", (8192,))
    image = build.image()
    image.finish()
    first, second = image.data[image.places["checksums"][0] :][:8], image.data[image.places["checksums"][0] + 8 :][:8]
    image.set("checksums", bytes(second + first)).sum_index().sum_header()
    return bytes(image.data)


@refused("sum-big-endian", "CHECKSUM", "SUM-1 SUM-4 FMT-1", "a checksum stored most significant byte first, as the text form has it")
def _():
    build = Build()
    build.raw(b"a", "U8", (3,))
    image = build.image()
    image.finish()
    image.set("checksums", image.get("checksums")[::-1]).sum_index().sum_header()
    return bytes(image.data)


@refused("damage-in-two-places", "CHECKSUM", "ERR-1 ERR-5 HDR-17", "a damaged index over sound payloads: nothing may be delivered")
def _():
    image = small().image()
    image.finish()
    return bytes(image.flip("tensor 2.shape 0", 3).flip("metadata 0.value", 1).data)


@refused("last-tensor-damaged", "CHECKSUM", "ERR-9 SUM-4", "the last of three tensors is damaged: it must not come out as if it were sound")
def _():
    image = small().image()
    image.finish()
    return bytes(image.flip("payload 2", 8 * 70).data)


@refused("first-fault-first", "PROFILE", "ERR-2 ERR-3 PRO-3", "a bad profile, and behind it a bad tensor and a bad payload: the index is judged in its own order")
def _():
    image = small().image()
    return image.set("profile 0.K", 0).set("tensor 0.zero12", 1).set("payload 0.offset", 0)


# ---- sections ----

spoil("section-type-0", "INDEX", "SEC-3", "a section of type 0", lambda i: i.set("section 1.type", 0).set("section 1.flags", 0))
spoil("section-twice", "INDEX", "SEC-3", "two sections of type 3", lambda i: i.set("section 4.type", 3))
spoil("section-descends", "INDEX", "SEC-3", "the types descend", lambda i: i.set("section 1.type", 2).set("section 2.type", 1))
spoil("section-missing", "INDEX", "SEC-5", "PROFILES is a private section instead", lambda i: None, lambda: without(1))
for _type, _name in ((2, "tensors"), (5, "payloads"), (6, "checksums")):
    spoil(f"section-missing-{_name}", "INDEX", "SEC-5", f"{_name} is missing", lambda i: None, lambda t=_type: without(t))


class Removed:
    """A build without one of its sections."""

    def __init__(self, type):
        self.type = type

    def image(self):
        image = Build().image()
        start = image.places[f"section {self.type}.type"][0]
        size = 24 if self.type != 6 else 16
        del image.data[start : start + size]
        image.data += bytes(-len(image.data) % 64)
        image.end_of_index -= size
        image.add("header.index_size", -size)
        end = image.end_of_index + -image.end_of_index % 64
        del image.data[end:]
        image.set("header.file_size", end)
        image.places["checksums"] = (0, "<0s")
        return image


def without(type):
    return Removed(type)


for _type in (1, 2, 5, 6):
    field(f"section-{_type}-not-must", "INDEX", "SEC-6", f"section {_type}.flags", 0, f"section {_type} without its must-understand flag")
for _type in (3, 4):
    field(f"section-{_type}-must", "INDEX", "SEC-6", f"section {_type}.flags", 1, f"section {_type} with a must-understand flag")
field("section-flag-1", "INDEX", "SEC-2", "section 1.flags", 3, "a reserved flag of a known section")
field("section-flag-31", "INDEX", "SEC-2", "section 3.flags", 1 << 31, "the last reserved flag")


def with_section(type, flags, body=b"x"):
    def build():
        made = small()
        made.sections = [(type, flags, body)]
        return made

    return build


spoil("section-unknown-must", "FEATURE", "SEC-7 EXT-1", "an unknown section that must be understood", lambda i: None, with_section(7, 1))
spoil("section-private-must", "FEATURE", "SEC-7 SEC-11", "a private section that must be understood", lambda i: None, with_section(0x80000000, 1))
spoil("section-unknown-flag", "INDEX", "SEC-2", "a reserved flag of an unknown section", lambda i: None, with_section(7, 2))
spoil("section-unknown-padding", "INDEX", "SEC-4", "padding behind an unknown section", lambda i: i.byte("section 7.padding", -1, 1), with_section(7, 0))
spoil("section-padding", "INDEX", "SEC-4 FMT-2", "padding behind CHECKSUMS' neighbour", lambda i: i.byte("section 9.padding", 0, 0x80), with_section(9, 0, b"abc"))
spoil("section-size-plus-8", "INDEX", "SEC-1 SEC-10", "CHECKSUMS is 8 bytes too long for the index", lambda i: i.add("section 6.size", 8))
spoil("section-size-huge", "INDEX", "SEC-1 FMT-6 LIM-2", "a section of 2^64 - 1 bytes", lambda i: i.set("section 6.size", U64))
spoil("section-size-wraps", "INDEX", "SEC-1 FMT-6", "a section whose end wraps to its own head", lambda i: i.set("section 3.size", (1 << 64) - 16))
for _type, _name in ((1, "profiles"), (2, "tensors"), (3, "metadata"), (4, "sources"), (5, "payloads")):
    spoil(f"{_name}-size-plus-8", "INDEX", "SEC-10 SEC-1 SEC-3 SEC-4", f"{_name} is 8 bytes longer than its items", lambda i, t=_type: i.add(f"section {t}.size", 8))
    field(f"{_name}-reserved", "INDEX", "SEC-12", f"{_name}.zero", 1, f"the reserved field of {_name}")
    spoil(f"{_name}-count-plus-1", "INDEX", "SEC-10 " + {"profiles": "PRO-1", "payloads": "PAY-3"}.get(_name, ""), f"{_name} counts one too many", lambda i, n=_name: i.add(f"{n}.count", 1))
    spoil(f"{_name}-count-minus-1", "INDEX", "SEC-10 " + {"profiles": "PRO-1", "payloads": "PAY-3", "sources": "SRC-4"}.get(_name, ""), f"{_name} counts one too few", lambda i, n=_name: i.add(f"{n}.count", -1))
for _name, _limit, _rule in (("profiles", 4096, "PRO-22"), ("tensors", 1 << 20, "TEN-1"), ("metadata", 65536, "MET-1"), ("sources", 65536, "SRC-2"), ("payloads", 1114112, "PAY-2")):
    field(f"{_name}-count-limit", "LIMIT", f"{_rule} LIM-1 LIM-2", f"{_name}.count", _limit + 1, f"{_name} counts one more than its limit")
    field(f"{_name}-count-all-ones", "LIMIT", f"{_rule} LIM-2 FMT-6", f"{_name}.count", 0xFFFFFFFF, f"{_name} counts 2^32 - 1")


@refused("sections-65", "LIMIT", "SEC-9", "one section more than there may be")
def _():
    build = small()
    build.sections = [(100 + i, 0, b"") for i in range(59)]
    return build


@refused("section-head-cut", "INDEX", "SEC-1", "eight zero bytes behind the last section: no room for a head")
def _():
    build = Build(align_log2=7)
    image = build.image()
    image.add("header.index_size", 8)
    image.end_of_index += 8
    return image


# ---- profiles ----

BLOCK_FIELDS = (
    ("K", 1, "PRO-3"), ("K", 0, "PRO-3"), ("K", 25, "PRO-3"), ("K", 255, "PRO-3"), ("W", 0, "PRO-4"), ("W", 17, "PRO-4"), ("step", 0, "PRO-5"),
    ("step", 65, "PRO-5"), ("P", 0, "PRO-6"), ("C", 0, "PRO-7"), ("C", 65, "PRO-7"), ("E", 5, "PRO-10"), ("B", 1, "PRO-11"), ("B", 0, "PRO-11"),
    ("B", 9, "PRO-11"), ("norm", 2, "PRO-12"), ("k", 4, "PRO-14"), ("zero", 1, "PRO-18 FMT-2"), ("zero", 0x8000, "PRO-18"),
)  # fmt: skip
for _name, _value, _rules in BLOCK_FIELDS:
    field(f"block-profile-{_name}-{_value}", "PROFILE", _rules, f"profile 0.{_name}", _value, f"{_name} is {_value} in block coding")
TRELLIS_FIELDS = (
    ("P", 17, "PRO-6"), ("k", 0, "PRO-16"), ("k", 9, "PRO-16"), ("E", 1, "PRO-17"), ("B", 2, "PRO-17"), ("norm", 1, "PRO-17"), ("C", 65, "PRO-7"), ("W", 0, "PRO-4"),
    ("step", 0, "PRO-5"), ("K", 25, "PRO-3"),
)  # fmt: skip
for _name, _value, _rules in TRELLIS_FIELDS:
    field(f"trellis-profile-{_name}-{_value}", "PROFILE", _rules, f"profile 1.{_name}", _value, f"{_name} is {_value} in trellis coding")
for _coding in (0, 3, 255):
    field(f"profile-coding-{_coding}", "FEATURE", "PRO-2 ERR-4", "profile 0.coding", _coding, f"coding {_coding} in a profile")
spoil("profile-coding-3-and-bad-K", "FEATURE", "PRO-2 ERR-4", "an unknown coding whose K is 0: the rest means something else there", lambda i: i.set("profile 0.coding", 3).set("profile 0.K", 0))
for _taps, _reason, _rule in (
    (0x1008, "bit 0 of taps is clear", "PRO-8"), (0x1100B, "a tap at K", "PRO-8"), (0, "no taps", "PRO-8"), (1, "x^16 + 1 is not primitive", "PRO-9"),
    (0x1009, "x^16 + x^12 + x^3 + 1 is divisible by x + 1", "PRO-9"), (0xFFFF, "x^16 + … + 1 is irreducible, but of order 17", "PRO-9"), (0x002D ^ 0x2, "not primitive", "PRO-9"),
):  # fmt: skip
    field(f"taps-{_taps:x}", "PROFILE", _rule, "profile 0.taps", _taps, _reason)
field("profile-name-control", "PROFILE", "PRO-19", "profile 0.name", b"paper\n4", "a control character in a profile's name")
field("profile-name-not-ascii", "PROFILE", "PRO-19", "profile 0.name", b"paper\x80", "a byte above 0x7E in a profile's name")
field("profile-name-hole", "PROFILE", "PRO-19", "profile 0.name", b"pap\0er", "a zero within a profile's name")


def with_profile(profile):
    def build():
        made = small()
        made.profiles.insert(0, profile)
        for tensor in made.tensors:
            tensor.profile += tensor.coding != 0
        return made

    return build


def bad_profile(id, rules, reason, profile):
    spoil(id, "PROFILE", rules, reason, lambda image: None, with_profile(profile))


bad_profile("profile-unused-bad", "PRO-23 PRO-9", "a profile that no tensor uses, its taps not primitive", block_profile(K=4, W=4, P=1, C=1, B=2, taps=0b1111))
bad_profile("profile-norm-1-W-1", "PRO-13", "norm 1 with W = 1 would divide by 0", block_profile(K=4, W=1, P=1, C=1, B=2, norm=1))
bad_profile("profile-record-65", "PRO-15", "a record of 65 bits", block_profile(K=24, W=4, P=5, C=1, E=1, B=8))
bad_profile("profile-k-equals-K", "PRO-16", "k = K", trellis_profile(K=4, W=4, P=1, C=1, k=4))
bad_profile("profile-integers-25-block", "PRO-21 REC-8", "norm 0 with integers of 25 bits, block", block_profile(K=20, W=20, P=2, C=1, B=6))
bad_profile("profile-integers-25-trellis", "PRO-21 REC-8", "integers of 25 bits, trellis", trellis_profile(K=24, W=24, P=2, C=1, k=1))
bad_profile("profile-integers-28", "PRO-21 REC-8", "integers of 28 bits, the most a trellis profile could ask for", trellis_profile(K=24, W=24, P=16, C=1, k=1))

# ---- tensors ----

field("tensor-coding-3", "FEATURE", "TEN-2 ERR-4", "tensor 0.coding", 3, "an unknown coding of a tensor")
spoil("tensor-coding-9-rank-200", "FEATURE", "TEN-2 ERR-4", "an unknown coding whose record would break other rules", lambda i: i.set("tensor 0.coding", 9).set("tensor 0.rank", 200))
for _value in (0, 23, 255):
    field(f"tensor-dtype-{_value}", "FEATURE", "TEN-3 ERR-4", "tensor 0.dtype", _value, f"element type {_value}")
field("tensor-rank-33", "LIMIT", "TEN-4", "tensor 0.rank", 33, "rank 33")
field("tensor-rank-plus-1", "INDEX", "SEC-10", "tensor 2.rank", 3, "one dimension more than there is room for")
for _bit in (3, 8, 15):
    spoil(f"tensor-flag-{_bit}", "INDEX", "TEN-5", f"reserved flag {_bit} of a tensor", lambda i, b=_bit: i.flip("tensor 1.flags", b))
field("tensor-reserved-12", "INDEX", "TEN-6 FMT-2", "tensor 1.zero12", 1, "the reserved field at 12")
field("tensor-reserved-36", "INDEX", "TEN-6", "tensor 1.zero36", 1 << 31, "the reserved field at 36")
spoil("tensor-padding", "INDEX", "TEN-9", "padding behind a tensor's name", lambda i: i.byte("tensor 0.padding", -1, 1))
spoil("tensor-name-length-plus-1", "INDEX", "TEN-7 TEN-9", "a name one byte too long: it takes a zero from the padding", lambda i: i.add("tensor 0.name_length", 1))
spoil("tensor-name-length-minus-1", "INDEX", "TEN-9", "a name one byte too short: its last byte becomes padding", lambda i: i.add("tensor 0.name_length", -1), lambda: named(b"abc")())
field("tensor-name-beyond", "INDEX", "SEC-10", "tensor 2.name_length", 65535, "a name that reaches beyond the section")

BAD_TEXT = (
    ("continuation", b"\x80ab"), ("overlong", b"\xc0\xaf!"), ("overlong-3", b"\xe0\x80\xaf"), ("surrogate", b"\xed\xa0\x80"), ("above-10ffff", b"\xf4\x90\x80\x80"),
    ("cut", b"ab\xc3"), ("nul", b"a\0b"), ("latin-1", b"gr\xf6\xdfe"), ("fe", b"\xfe\xff"),
)  # fmt: skip


def named(name):
    def build():
        made = Build()
        made.raw(name, "U8", (1,))
        return made

    return build


for _id, _text in BAD_TEXT:
    spoil(f"name-{_id}", "INDEX", "TEN-7 FMT-5", f"a tensor's name that is no text: {_id}", lambda image: None, named(_text))


@refused("names-equal", "INDEX", "TEN-8", "two tensors of one name")
def _():
    build = Build()
    for name in (b"a", b"b", b"a"):
        build.raw(name, "U8", (1,))
    return build


@refused("names-empty-twice", "INDEX", "TEN-8", "two tensors with the empty name")
def _():
    build = Build()
    for name in (b"", b""):
        build.raw(name, "U8", (1,))
    return build


def shaped(*shape):
    def build():
        made = Build()
        made.raw(b"a", "U8", (1,) * len(shape), b"x")
        return made

    def change(image):
        for axis, dimension in enumerate(shape):
            image.set(f"tensor 0.shape {axis}", dimension)

    return change, build


for _id, _status, _rules, _shape, _reason in (
    ("2p62-bits", "LIMIT", "TEN-11", (1 << 59,), "2^62 bits"),
    ("2p64", "LIMIT", "TEN-11 FMT-6", (1 << 32, 1 << 32), "2^64 elements: the product wraps to 0"),
    ("2p64-minus-1", "LIMIT", "TEN-11 FMT-6", (0x100000001, 0xFFFFFFFF, 1), "dimensions whose product is 2^64 - 1"),
    ("wraps-to-1", "LIMIT", "TEN-11 FMT-6", (641, 6700417, 0xFFFFFFFF, 1), "(2^32 + 1)(2^32 - 1) = 2^64 - 1"),
    ("all-ones", "LIMIT", "TEN-11 FMT-6", (U64, U64), "two dimensions of 2^64 - 1: the product wraps to 1"),
    ("zero-hides", "LIMIT", "TEN-11 FMT-6", (1 << 40, 1 << 40, 0), "huge dimensions beside a 0"),
    ("larger", "INDEX", "PAY-13", (2,), "one element more than the payload has"),
    ("zero", "INDEX", "PAY-13", (0,), "no elements, but a payload"),
    ("2p58", "INDEX", "PAY-13 LIM-2", (1 << 58,), "2^58 bytes that are not there"),
):  # fmt: skip
    _change, _begin = shaped(*_shape)
    spoil(f"shape-{_id}", _status, _rules, _reason, _change, _begin)


@refused("f4-odd", "INDEX", "TEN-12", "three elements of 4 bits")
def _():
    build = Build()
    build.raw(b"a", "F4", (4,))
    return build.image().set("tensor 0.shape 0", 3)


@refused("f6-not-whole", "INDEX", "TEN-12", "five elements of 6 bits")
def _():
    build = Build()
    build.raw(b"a", "F6_E2M3", (4,))
    return build.image().set("tensor 0.shape 0", 5)


for _name, _value in (("rotation", 4), ("profile", 1), ("sign_seed", 1), ("run_length", 3), ("flags", 1)):
    field(f"raw-with-{_name.replace('_', '-')}", "INDEX", "TEN-13", f"tensor 0.{_name}", _value, f"a raw tensor with {_name} {_value}")
for _value, _what in ((5, "U8"), (20, "F64"), (2, "F4"), (8, "F8_E4M3")):
    field(f"coded-{_what.replace('_', '-')}", "INDEX", "TEN-14", "tensor 1.dtype", _value, f"a coded tensor of type {_what}")
field("coded-profile-2", "INDEX", "TEN-15", "tensor 1.profile", 2, "a profile that is not there")
field("coded-profile-65535", "INDEX", "TEN-15", "tensor 1.profile", 65535, "a profile far beyond the last")
field("coded-profile-other", "INDEX", "TEN-16", "tensor 1.profile", 1, "a block-coded tensor with a trellis profile")
field("coded-coding-other", "INDEX", "TEN-16", "tensor 2.coding", 1, "block coding with a trellis profile")
field("coded-empty", "INDEX", "TEN-17", "tensor 1.shape 0", 0, "a coded tensor without elements")
field("run-length-0", "INDEX", "TEN-18", "tensor 1.run_length", 0, "run_length 0")
field("run-length-does-not-divide", "INDEX", "TEN-18", "tensor 1.run_length", 25, "run_length 25 of 96")
field("run-length-larger", "INDEX", "TEN-18", "tensor 1.run_length", 192, "run_length twice the elements")
field("run-length-all-ones", "INDEX", "TEN-18 FMT-6", "tensor 1.run_length", U64, "run_length 2^64 - 1")
field("run-length-other-divisor", "INDEX", "PAY-13 RUN-2", "tensor 1.run_length", 12, "another divisor: the payload has another size")
field("source-sum-not-stated", "INDEX", "TEN-19", "tensor 1.source_sum", 1, "a source_sum without its flag")
field("error-not-stated", "INDEX", "TEN-20", "tensor 1.error", 0.5, "an error without its flag")
for _id, _value in (("negative", -0.5), ("minus-zero", -0.0), ("infinite", float("inf")), ("nan", float("nan"))):
    spoil(f"error-{_id}", "INDEX", "TEN-20", f"a stated error that is {_id}", lambda i, v=_value: i.flip("tensor 1.flags", 2).set("tensor 1.error", v))
for _h in (1, 3, 11, 255):
    field(f"rotation-{_h}-illegal", "PROFILE", "ROT-1", "tensor 2.rotation", _h, f"rotation {_h}")
spoil("rotation-does-not-divide", "PROFILE", "ROT-2", "2^6 does not divide runs of 32", lambda i: i.set("tensor 2.rotation", 6))
field("sign-seed-0", "PROFILE", "ROT-3", "tensor 2.sign_seed", 0, "a rotated tensor with sign seed 0")
field("sign-seed-without-rotation", "PROFILE", "ROT-3", "tensor 1.sign_seed", 1, "a sign seed without rotation")


@refused("rotation-integers", "PROFILE", "TEN-22 REC-8", "a legal profile whose integers become too wide by rotation")
def _():
    build = Build()
    build.coded(b"a", trellis_profile(K=20, W=20, P=2, C=1, k=1), (16,))
    return build.image().set("tensor 0.rotation", 4).set("tensor 0.sign_seed", 1)


@refused("rotation-integers-norm-1", "PROFILE", "TEN-22 REC-8", "norm 1: 24 + 8 - 2 + 3 + 15 + 10 = 58 bits")
def _():
    build = Build()
    build.coded(b"a", block_profile(K=24, W=24, P=4, C=1, E=4, B=8, norm=1), (1024,))
    return build.image().set("tensor 0.rotation", 10).set("tensor 0.sign_seed", 1)


# ---- metadata and sources ----


def with_metadata(*pairs):
    def build():
        made = Build()
        made.metadata = list(pairs)
        return made

    return build


def with_sources(*sources):
    def build():
        made = Build()
        made.raw(b"a", "U8", (1,))
        made.sources = list(sources)
        return made

    return build


def unchanged(image):
    pass


spoil("metadata-key-empty", "INDEX", "MET-3", "a key of no bytes", unchanged, with_metadata((b"", b"value")))
spoil("metadata-keys-equal", "INDEX", "MET-4", "two equal keys", unchanged, with_metadata((b"a", b"1"), (b"b", b""), (b"a", b"2")))
for _id, _text in BAD_TEXT[:4] + BAD_TEXT[6:7]:
    spoil(f"metadata-key-{_id}", "INDEX", "MET-2 FMT-5", f"a key that is no text: {_id}", unchanged, with_metadata((_text, b"")))
    spoil(f"metadata-value-{_id}", "INDEX", "MET-2 FMT-5", f"a value that is no text: {_id}", unchanged, with_metadata((b"a", _text)))
spoil("metadata-padding", "INDEX", "MET-5", "padding behind a value", lambda i: i.byte("metadata 0.padding", -1, 1), with_metadata((b"a", b"b")))
spoil("metadata-value-beyond", "INDEX", "SEC-10", "a value longer than the section", lambda i: i.set("metadata 0.value_length", 1000), with_metadata((b"a", b"b")))
spoil("metadata-lengths-wrap", "INDEX", "SEC-10 FMT-6", "lengths whose sum wraps in 32 bits", lambda i: i.set("metadata 0.key_length", 0xFFFFFFFF).set("metadata 0.value_length", 3), with_metadata((b"a", b"b")))
spoil("sources-empty", "INDEX", "SRC-1", "a SOURCES section without sources", unchanged, lambda: sources_of_nothing())


def sources_of_nothing():
    build = Build()
    build.sources = []
    return build


field("source-reserved", "INDEX", "SRC-3", "source 0.zero", 1, "the reserved field of a source")
spoil("source-padding", "INDEX", "SRC-3", "padding behind a header", lambda i: i.byte("source 0.padding", -1, 1), with_sources((b"a", b"{}", 1)))
spoil("source-tensors-plus-1", "INDEX", "SRC-4", "sources own more tensors than there are", lambda i: i.add("source 1.tensors", 1))
spoil("source-tensors-minus-1", "INDEX", "SRC-4", "a tensor that belongs to no source", lambda i: i.add("source 1.tensors", -1))
spoil("source-tensors-wrap", "INDEX", "SRC-4 FMT-6", "numbers of tensors whose sum wraps in 32 bits", lambda i: i.set("source 0.tensors", 0xFFFFFFFF).set("source 1.tensors", 4))
for _id, _name in (("slash", b"a/b"), ("backslash", b"a\\b"), ("dot", b"."), ("dot-dot", b".."), ("absolute", b"/a"), ("nul", b"a\0"), ("latin-1", b"\xfc")):
    spoil(f"source-name-{_id}", "INDEX", "SRC-5", f"a source's name: {_id}", unchanged, with_sources((_name, b"{}", 1)))
spoil("source-names-equal", "INDEX", "SRC-6", "two sources of one name", unchanged, with_sources((b"a", b"{}", 1), (b"a", b"{}", 0)))
spoil("source-header-limit", "LIMIT", "SRC-7 LIM-2", "a header of 100,000,001 bytes that are not there", lambda i: i.set("source 0.header_size", 100_000_001))
spoil("source-header-beyond", "INDEX", "SEC-10", "a header longer than the section", lambda i: i.add("source 1.header_size", 8))
spoil("source-header-all-ones", "LIMIT", "SRC-7 FMT-6", "a header of 2^64 - 1 bytes", lambda i: i.set("source 0.header_size", U64))
