"""Files that break one rule and agree with it everywhere else: sizes, offsets and checksums are what the broken value makes of them.

A decoder that lacks the one check accepts these, where in ../generator/spoilt.py another check may happen to refuse the file too.
"""

from builder import Build, block_profile, paper4, slm
from cases import refused, valid
from spoilt import BLOCK_FIELDS, MAGIC_DAMAGE, TRELLIS_FIELDS, spoil
from valid_container import small


def raw_files(*pieces):
    """Raw U8 tensors of these bytes."""
    made = Build()
    for number, piece in enumerate(pieces):
        made.raw(b"%d" % number, "U8", (len(piece),), piece)
    return made


# ---- header ----

for _id, _magic, _reason in MAGIC_DAMAGE:
    spoil(f"magic-{_id}-summed", "MAGIC", "HDR-1", f"wrong magic, the header's checksum made over it: {_reason}", lambda i, m=_magic: i.set("header.magic", m))

for _align in (0, 5, 17):

    @refused(f"align-log2-{_align}-laid-out", "LIMIT", "HDR-9", f"align_log2 is {_align}, and payloads lie as it says")
    def _(align=_align):
        build = raw_files(b"abc")
        build.align_log2 = align
        return build


# ---- sections ----


def with_sections(*sections):
    def build():
        made = small()
        made.sections = list(sections)
        return made

    return build


def nothing(image):
    pass


spoil("section-unknown-twice", "INDEX", "SEC-3", "two sections of one unknown type that may be ignored", nothing, with_sections((7, 0, b"a"), (7, 0, b"b")))
spoil("section-unknown-descends", "INDEX", "SEC-3", "unknown sections of type 9, then 7", lambda i: i.set("section 7.type", 9).set("section 9.type", 7), with_sections((7, 0, b"a"), (9, 0, b"b")))


@refused("section-metadata-twice", "INDEX", "SEC-3", "two METADATA sections, each right by itself")
def _():
    build = Build()
    build.sections = [(3, 0, bytes(8)), (3, 0, bytes(8))]
    return build


def tail(section):
    """Eight zero bytes more in a section's body, behind its last item; they are taken from the padding behind the index."""

    def change(image):
        at = image.places[f"section {section}.size"][0] + 8 + image.get(f"section {section}.size")
        first = image.payloads[0][0]
        del image.data[first - 8 : first]
        image.data[at:at] = bytes(8)
        for name, (offset, layout) in list(image.places.items()):
            if at <= offset < image.end_of_index:
                image.places[name] = (offset + 8, layout)
        image.end_of_index += 8
        image.add("header.index_size", 8).add(f"section {section}.size", 8)

    return change


def roomy():
    made = small()
    made.align_log2 = 12
    return made


for _type, _name, _rule in ((1, "profiles", "PRO-1"), (2, "tensors", "SEC-10"), (3, "metadata", "SEC-10"), (4, "sources", "SEC-10"), (5, "payloads", "PAY-3")):
    spoil(f"{_name}-tail", "INDEX", _rule + ("" if _rule == "SEC-10" else " SEC-10"), f"eight zero bytes behind the last item of {_name}", tail(_type), roomy)

# ---- profiles that no tensor uses: nothing but their own rules can refuse them ----


def alone(profile):
    def build():
        made = Build()
        made.profiles = [profile]
        return made

    return build


for _name, _value, _rules in BLOCK_FIELDS:
    spoil(f"block-profile-alone-{_name}-{_value}", "PROFILE", _rules, f"{_name} is {_value} in a block profile that no tensor uses", lambda i, n=_name, v=_value: i.set(f"profile 0.{n}", v), alone(paper4()))
for _name, _value, _rules in TRELLIS_FIELDS:
    spoil(f"trellis-profile-alone-{_name}-{_value}", "PROFILE", _rules, f"{_name} is {_value} in a trellis profile that no tensor uses", lambda i, n=_name, v=_value: i.set(f"profile 0.{n}", v), alone(slm("4")))


def many_profiles(count):
    build = Build()
    build.profiles = [block_profile(K=2, W=2, P=1, C=1, B=2)] * count
    return build


@valid("profiles-4096", "PRO-22", "4,096 profiles, the most there may be")
def _():
    return many_profiles(4096)


@refused("profiles-4097", "LIMIT", "PRO-22 LIM-1", "4,097 profiles, all there")
def _():
    return many_profiles(4097)


# ---- tensors ----


@refused("tensor-rank-33-laid-out", "LIMIT", "TEN-4", "33 dimensions of 1")
def _():
    build = Build()
    build.raw(b"a", "U8", (1,) * 33, b"x")
    return build


@refused("f4-odd-cut", "INDEX", "TEN-12", "three elements of 4 bits in one byte, as a division that drops the rest would have it")
def _():
    build = Build()
    build.raw(b"a", "F4", (2,))
    return build.image().set("tensor 0.shape 0", 3)


@refused("coded-empty-laid-out", "INDEX", "TEN-17", "a coded tensor without elements, its payload a scale and no run")
def _():
    build = Build()
    build.coded(b"a", paper4(), (8,), runs=[])
    return build.image().set("tensor 0.shape 0", 0)


@refused("run-length-leaves-a-rest", "INDEX", "TEN-18", "run_length 16 of 24 elements, a payload of one run, as a division that drops the rest would have it")
def _():
    build = Build()
    build.coded(b"a", paper4(), (16,))
    return build.image().set("tensor 0.shape 0", 24)


# ---- payloads ----

spoil("payload-overlap-equal", "INDEX", "PAY-10", "two tensors of zeros share their place; every checksum fits, and what is left is zero", lambda i: i.set("payload 1.offset", i.get("payload 0.offset")), lambda: raw_files(bytes(4), bytes(4), b"end"))
spoil("payload-offset-of-empty", "INDEX", "PAY-10", "a payload of no bytes that lies elsewhere", lambda i: i.add("payload 1.offset", 64), lambda: raw_files(b"a", b"", bytes(1)))
spoil("payload-first-sum-of-empty", "INDEX", "PAY-12", "a payload of no bytes with a first_sum one too large", lambda i: i.add("payload 1.first_sum", 1), lambda: raw_files(b"a", b"", b"b"))
spoil("payload-kinds-descend-behind-tensors", "INDEX", "PAY-5", "side files behind a payload of another kind", lambda i: i.set("payload 1.kind", 5), lambda: with_side_files())


def with_side_files():
    made = raw_files(b"a")
    made.payloads = [(3, 0, b"b"), (2, 0, b"c")]
    return made
