"""Holds the text of the specification against its example files, its own arithmetic, the headers of libslm, and every place that cites a rule.

    spec_text.py SOURCE_ROOT

Prints each check that fails, and exits 1 if one did. Standard library only.
"""

import pathlib
import re
import subprocess
import sys
from fractions import Fraction

ROOT = pathlib.Path(sys.argv[1]).resolve()
EXAMPLES = ROOT / "spec" / "examples"
sys.path[:0] = [str(EXAMPLES), str(ROOT / "conformance" / "decoder")]
sys.dont_write_bytecode = True

import exact  # noqa: E402
import make_examples  # noqa: E402
from xxh3 import xxh3_64  # noqa: E402

TEXT = (ROOT / "spec" / "slm-1.0.md").read_text(encoding="utf-8")
LINES = TEXT.split("\n")
FLAT = re.sub(r"\s+", " ", TEXT)  # for what may stand across the end of a line
PREFIXES = "FMT HDR SEC PRO TEN MET SRC PAY SUM RAW RUN LFS BLK TRE ROT REC SID LIM ERR ENC EXT".split()
STATUSES = "TRUNCATED MAGIC VERSION FEATURE LIMIT INDEX CHECKSUM RECORD PROFILE SCALE".split()

failures = []


def expect(truth, what):
    if not truth:
        failures.append(what)


def equal(found, wanted, what):
    expect(found == wanted, f"{what}: the text has {found!r}, expected {wanted!r}")


def number(text):
    """The integer in a table cell: 4,096, −65520, 0x100B, 2^30, 2^62 − 1."""
    text = text.replace(",", "").replace("−", "-").strip()
    power = re.fullmatch(r"(\d+)\^(\d+)( - 1)?", text)
    if power:
        return int(power[1]) ** int(power[2]) - (1 if power[3] else 0)
    return int(text, 0)


def tables(heading):
    """The tables between a heading and the next one, each a list of rows of cells."""
    start = next(i for i, line in enumerate(LINES) if line.startswith("#") and line.lstrip("# ") == heading)
    found, rows = [], []
    for line in LINES[start + 1:]:
        if line.startswith("|"):
            rows.append([cell.strip() for cell in line.strip("|").split("|")])
        else:
            if rows:
                found.append(rows)
            rows = []
            if line.startswith("#"):
                break
    return found


def after(mark):
    """The lines of the first fenced block behind a line that begins with `mark`."""
    start = next(i for i, line in enumerate(LINES) if line.startswith(mark))
    first = LINES.index("```", start) + 1
    return LINES[first:LINES.index("```", first)]


# ---- Rules ----

def check_rules():
    defined = re.findall(r"^\*\*\[([A-Z]{3})-(\d+)\]\*\*", TEXT, re.M)
    last = {}
    for prefix, n in defined:
        expect(prefix in PREFIXES, f"[{prefix}-{n}]: an unknown prefix")
        equal(int(n), last.get(prefix, 0) + 1, f"number of the rule after [{prefix}-{last.get(prefix, 0)}]")
        last[prefix] = int(n)
    equal(sorted(last), sorted(PREFIXES), "prefixes in use")
    equal(sorted(set(re.findall(r"\(([A-Z]{3,})[,)]", TEXT)) - set(STATUSES)), [], "statuses named in rules")

    # Every citation in the repository: [XXX-n] with any prefix, and XXX-n with one of ours.
    rules = {f"{prefix}-{n}" for prefix, n in defined}
    citation = re.compile(r"\[([A-Z]{3}-\d+)\]|\b((?:%s)-\d+)\b" % "|".join(PREFIXES))
    for path in tracked():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for i, line in enumerate(text.split("\n")):
            for found in citation.finditer(line):
                cited = found[1] or found[2]
                expect(cited in rules, f"{path.relative_to(ROOT)}:{i + 1} cites {cited}, which is no rule")


def tracked():
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True)
    if listed.returncode == 0:
        paths = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    else:
        paths = [p for p in ROOT.rglob("*") if not any(part.startswith((".", "build")) for part in p.relative_to(ROOT).parts)]
    return [p for p in paths if p.suffix in (".c", ".h", ".md", ".py", ".sh", ".vhd", ".json", ".1", ".txt", ".build") and p.is_file()]


def check_contents():
    headings = [line.lstrip("# ") for line in LINES if line.startswith("## ") and line[3].isdigit()]
    listed = re.findall(r"^\d+\. \[(.+?)\]\(#(.+?)\)$", TEXT, re.M)
    equal([name for name, _ in listed], [h.split(". ", 1)[1] for h in headings], "contents")
    for (_, anchor), heading in zip(listed, headings):
        equal(anchor, re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-"), f"anchor of {heading}")
    sections = set(re.findall(r"^#+ (\d+(?:\.\d+)?)\.? ", TEXT, re.M))
    for cited in re.findall(r"[Ss]ections? (\d+(?:\.\d+)?)", FLAT):
        expect(cited.rstrip(".") in sections, f"section {cited} is cited and is not there")


# ---- Example files, hex dumps, values ----

def check_examples():
    made = make_examples.make()
    for name, data in made.items():
        expect((EXAMPLES / name).read_bytes() == data, f"examples/{name} is not what make_examples.py makes")
    for name in ("smallest", "model"):
        lines = after(f"<!-- dump {name} -->")
        equal("\n".join(lines) + "\n", (EXAMPLES / f"{name}.dump.txt").read_text(), f"dump of {name}")
        check_dump(name, lines, (EXAMPLES / f"{name}.slm").read_bytes())
    equal("\n".join(after("<!-- values model -->")) + "\n", (EXAMPLES / "model.values.txt").read_text(), "values of model")
    equal("\n".join(after("<!-- weight model -->")) + "\n", (EXAMPLES / "model.weight.txt").read_text(), "a weight of model by hand")
    named = re.findall(r"`([\w.]+\.(?:slm|txt|py))`", (EXAMPLES / "README.md").read_text())
    for name in named:
        expect((EXAMPLES / name).is_file(), f"examples/README.md names {name}, which is not there")


def check_dump(name, lines, data):
    """Every byte of the file, in order, once."""
    at = 0
    for line in lines:
        parts = re.match(r"([0-9a-f]{8})  (?:([0-9a-f]{2}) \* (\d+)|([0-9a-f]{2}(?: [0-9a-f]{2})*))(?:  |$)", line)
        if not parts:
            failures.append(f"dump of {name}: no line of a dump: {line}")
            return
        equal(int(parts[1], 16), at, f"dump of {name}: offset of {line!r}")
        shown = bytes.fromhex(parts[4]) if parts[4] else bytes.fromhex(parts[2]) * int(parts[3])
        expect(data[at:at + len(shown)] == shown, f"dump of {name}: other bytes at {at:#x}")
        at += len(shown)
    equal(at, len(data), f"dump of {name}: its end")


def check_checksums():
    data = bytes((i * i + 7 * i >> 3) & 255 for i in range(5000))
    for size, wanted in XXH3_KNOWN.items():
        expect(xxh3_64(data[:size]) == wanted, f"xxh3.py is wrong for {size} bytes")
    expect(f"0x{xxh3_64(b''):016X}" in TEXT, "XXH3-64 of the empty input")


# From the reference implementation, over the first bytes of the sequence above; a length from each of the algorithm's paths.
XXH3_KNOWN = {
    0: 0x2D06800538D394C2, 1: 0xC44BDFF4074EECDB, 3: 0x5F4299FC161C9CBB, 4: 0x60DAB036A58211F2,
    8: 0x64D2D7AF49D606EE, 9: 0x7F94B2FA4B1BF043, 16: 0xE71CF23611C4AF79, 17: 0xD2B944B526ABD541,
    128: 0xE08FC82E28399DB0, 129: 0x25A9714AA6F536CA, 240: 0xD42EDB10E2C6BFC8, 241: 0x712D30D4B709F6A1,
    1024: 0xE476532B7605E1D2, 1025: 0x152F70F8905B4B4D, 4096: 0x0819FC813C433C2B, 5000: 0x3EDE9DC83A03BA5C,
}


# ---- Figures and tables of the codings ----

def check_lfsr():
    figure = exact.Profile("", 1, 3, 1, 3, 2, 4, 0, 2, 0, 0, 3)
    v = exact.entries(figure, 4)
    expect(f"V = {str(v).replace(' ', '')}" in TEXT, "the K = 3 figure")
    expect("are " + ", ".join(str(x) for x in exact.states(3, 3, 4, 8)) + ", so" in FLAT, "the states of the K = 3 figure")
    table = {}
    for row in tables("14.2 Table 6")[0][2:]:
        for i in range(0, len(row), 4):
            if row[i]:
                taps = tuple(int(j) for j in row[i + 1].split(","))
                table[int(row[i])] = taps
                equal(number(row[i + 2]), exact.mask(taps), f"mask of K = {row[i]}")
                expect(exact.is_maximal(int(row[i]), exact.mask(taps)), f"the polynomial of K = {row[i]} is not primitive")
    equal(table, exact.TABLE_6, "Table 6")
    source = (ROOT / "libslm" / "include" / "slm" / "lfsr.h").read_text()
    equal((constant(source, "SLM_LFSR_K_MIN"), constant(source, "SLM_LFSR_K_MAX")), (min(table), max(table)), "K in lfsr.h")


def check_profiles():
    rows = tables("6.1 Named profiles")[0]
    found = {}
    for name, coding, C, P, K, step, W, E, B, norm, k, taps, rate in rows[2:]:
        name = name.strip("`")
        p = exact.Profile(name, {"block": 1, "trellis": 2}[coding], *map(int, (K, step, W, P, C, E, B, norm, k)), number(taps))
        found[name] = p
        bits = Fraction(exact.record_bits(p) if p.coding == 1 else p.k, p.C)
        equal(Fraction(rate), bits, f"bits a weight of {name}")
    equal(found, exact.NAMED, "named profiles")
    listed = re.findall(r'\.name = "([^"]+)"', (ROOT / "libslm" / "src" / "decode" / "profile.c").read_text())
    equal(list(found), listed, "named profiles of profile.c")


def check_block():
    p = exact.NAMED["paper-4"]
    words = re.search(r"The bytes `([0-9a-f ]+)` are the record 0x([0-9A-F]{8}): seed 0x([0-9A-F]{4}), e = (\d+), q = \((.+?)\)", FLAT)
    record = int.from_bytes(bytes.fromhex(words[1]), "little")
    seed, e, q = exact.split_record(p, record)
    equal((int(words[2], 16), int(words[3], 16), int(words[4]), [number(x) for x in words[5].split(",")]), (record, seed, e, q), "block example")
    v, t = exact.entries(p, seed), exact.block_integers(p, seed, e, q)
    rows = [[int(x) for x in line.split()] for line in after("*Example.* The bytes `e1")[1:]]
    equal(rows, [[c, *v[c], t[c] >> e, t[c]] for c in range(p.C)], "figure of a block")

    # The bit diagram: fields from the top bit of each byte down.
    first = {"seed": 0, "e": p.K, **{f"q{i}": p.K + p.E + i * p.B for i in range(p.P)}}
    byte, left = 0, 8  # the byte looked at, and how many of its bits are not yet named
    for name, high, low in re.findall(r"(\w+) (?:bits )?(\d+)…(\d+)", after("The record of `paper-4` in its four bytes")[2]):
        left -= int(high) - int(low) + 1
        equal(8 * byte + left, first[name] + int(low), f"place of {name} in the diagram of a record")
        if left == 0:
            byte, left = byte + 1, 8
    equal(8 * byte, exact.record_bits(p), "bits in the diagram of a record")


def check_trellis_and_rotation():
    p = exact.NAMED["slm-4"]
    codes = bytes.fromhex(re.search(r"The bytes `([0-9a-f ]+)` are a run of 16 weights", FLAT)[1])
    rows = after("*Example.* The bytes `5e")[1:]
    equal(len(codes), exact.run_bytes(p, 16), "bytes of the example's run")
    for line in rows:
        if "…" in line.split():
            words = line.replace("…", " ").split()
            if not words:
                continue
            j, first, last, seed = int(words[0]), int(words[1]), int(words[2]), int(words[3], 16)
            equal((first, last, seed), (j * p.k, j * p.k + p.K - 1, exact.field(codes, j * p.k, p.K)), f"seed {j} of the figure")
            equal([int(x) for x in words[4:]], exact.entries(p, seed)[0] + exact.seed_integers(p, seed), f"entries of seed {j}")
    t = exact.unrotated(p, codes, 16)
    register = exact.states(16, exact.mask(exact.TABLE_6[16]), 0x5EED, 16)
    turned, d = exact.rotated(t, 4, 0x5EED), exact.signs(0x5EED, 16)
    rows = [line.split() for line in after("*Example.* The run of section 16")[1:]]
    equal([[int(c), int(x, 16), int(s), int(a), int(b)] for c, x, s, a, b in rows], [[c, register[c], d[c], t[c], turned[c]] for c in range(16)], "figure of rotation")


def check_rounding():
    types, examples = tables("18.3 Rounding")
    for name, p, m, M, _, smallest in types[2:]:
        wanted = exact.TYPES[name]
        equal((number(p), number(m), number(M)), wanted[:3], f"type {name}")
        equal(number(smallest.split("^")[1]), wanted[1] - wanted[0] + 1, f"smallest number of {name}")
    expect("| 65504 |" in TEXT and exact.bits_value(0x7BFF, "F16") == 65504, "largest F16")
    for integer, scale, divisor, *results, _ in examples[2:]:
        y = number(integer) * exact.scale_value(int(scale, 16)) / int(divisor)
        for name, bits in zip(("F32", "F16", "BF16"), results):
            equal(bits, f"{exact.round_to(y, name):0{len(bits)}x}", f"{integer} · {scale} / {divisor} in {name}")
    # What [REC-8] promises: 2^b bounds every sum, whatever P, W and B.
    for P in range(1, 17):
        for W in range(1, 25):
            expect(P * (2 ** W - 1) <= 2 ** (W + exact.ceil_log2(P)), f"integer bits, trellis, P {P}, W {W}")
            for B in range(2, 9):
                expect(P * 2 ** (B - 1) * 2 ** (W - 1) <= 2 ** (W + B - 2 + exact.ceil_log2(P)), f"integer bits, block, P {P}, W {W}, B {B}")


# ---- Numbers that libslm's headers have too ----

def constant(source, name):
    words = re.search(rf"#define {name} (.+?)(?:\s*/\*.*)?$", source, re.M)[1].strip()
    shift = re.fullmatch(r"\(\(uint64_t\)1 << (\d+)\)", words)
    return 1 << int(shift[1]) if shift else int(re.sub(r"UINT(?:16|32|64)_C\((.+)\)", r"\1", words), 0)


def check_limits():
    source = "".join((ROOT / "libslm" / "include" / "slm" / name).read_text() for name in ("file.h", "profile.h", "decode.h", "lfsr.h"))
    rows = {what: (low, high) for what, low, high, _ in tables("20. Limits")[0][2:]}
    pairs = {  # largest, and smallest where a constant has it
        "file_size, bytes": ("SLM_FILE_BYTES_MAX", None, -1), "index_size, bytes": ("SLM_INDEX_BYTES_MAX", None, 0),
        "align_log2": ("SLM_ALIGN_LOG2_MAX", "SLM_ALIGN_LOG2_MIN", 0), "chunk_log2": ("SLM_CHUNK_LOG2_MAX", "SLM_CHUNK_LOG2_MIN", 0),
        "profiles": ("SLM_PROFILES_MAX", None, 0), "tensors": ("SLM_TENSORS_MAX", None, 0), "rank": ("SLM_RANK_MAX", None, 0),
        "bytes of a name": ("SLM_NAME_BYTES_MAX", None, 0), "pairs of metadata": ("SLM_METADATA_MAX", None, 0),
        "sources": ("SLM_SOURCES_MAX", None, 0), "payloads": ("SLM_PAYLOADS_MAX", None, 0),
        "K": ("SLM_LFSR_K_MAX", "SLM_LFSR_K_MIN", 0), "step": ("SLM_STEP_MAX", None, 0), "P": ("SLM_P_MAX", None, 0), "C": ("SLM_C_MAX", None, 0),
        "bits of a block record": ("SLM_RECORD_BITS_MAX", None, 0), "rotation, where not 0": ("SLM_ROTATION_MAX", "SLM_ROTATION_MIN", 0),
    }
    for what, (largest, smallest, less) in pairs.items():
        equal(number(rows[what][1]), constant(source, largest) + less, f"limit of {what}")
        if smallest:
            equal(number(rows[what][0]), constant(source, smallest), f"smallest {what}")
    # The rules say the same numbers as the table.
    for what, low, high, rule in tables("20. Limits")[0][2:]:
        cited = re.match(r"\[(.+?)\]", rule)
        if cited and re.fullmatch(r"[\d,^]+(?: − 1)?", high):
            named = high.replace(" − 1", "")
            expect(named in rule_text(cited[1]), f"[{cited[1]}] does not name {high}, the limit of {what}")
        if cited and low not in ("", "0"):
            expect(f"least {low}" in rule_text(cited[1]) or f" {low}," in rule_text(cited[1]), f"[{cited[1]}] does not name {low}, the smallest {what}")
        expect(not (cited and low == "0") or what == "E", f"smallest {what}")
        if cited:
            status = "PROFILE" if "PROFILE" in rule else "LIMIT"
            expect(status in rule_text(cited[1]), f"[{cited[1]}] has not the status {status}")
    equal(number(rows["payloads"][1]), number(rows["tensors"][1]) + number(rows["sources"][1]), "payloads: tensors and 65,536 others")


def rule_text(rule):
    start = TEXT.index(f"**[{rule}]**")
    following = re.search(r"^(\*\*\[|#)", TEXT[start + 2:], re.M)
    return re.sub(r"\s+", " ", TEXT[start:start + 2 + following.start()])


def check_enumerations():
    include = ROOT / "libslm" / "include" / "slm"
    statuses = {int(n): name for name, n in re.findall(r"SLM_E_(\w+) = (\d+)", (include / "status.h").read_text()) if int(n) <= 10}
    equal({int(row[0]): row[1] for row in tables("21.1 Statuses")[0][2:]}, statuses, "statuses and status.h")
    expect(list(statuses.values()) == STATUSES, "statuses of this test")

    dtypes = {name: int(n) for name, n in re.findall(r"SLM_(\w+) = (\d+)", (include / "dtype.h").read_text())}
    rows = tables("7.1 Element types")[0][2:]
    equal({cell[i + 1]: int(cell[i]) for cell in rows for i in (0, 4)}, dtypes, "element types and dtype.h")
    for cell in rows:
        for i in (0, 4):
            bits = re.search(r"\d+", cell[i + 1])
            wanted = 8 if cell[i + 1] == "BOOL" else int(bits[0])
            equal(int(cell[i + 2]), wanted, f"bits of {cell[i + 1]}")

    source = (include / "file.h").read_text()
    sections = {int(n): name for name, n in re.findall(r"SLM_SECTION_(\w+) = (\d+)", source)}
    equal({int(row[0]): row[1] for row in tables("5. Index and sections")[1][2:]}, sections, "sections and file.h")
    expect("0x80000000" in rule_text("SEC-11") and constant(source, "SLM_SECTION_PRIVATE") == 0x80000000, "private sections")
    version = (include / "version.h").read_text()
    equal(tables("4. Header")[0][3][3] + "." + tables("4. Header")[0][4][3], f"{constant(version, 'SLM_FORMAT_MAJOR')}.{constant(version, 'SLM_FORMAT_MINOR')}", "version of the format")


def check_metadata_keys():
    registered = {row[0].strip("`") for row in tables("8. METADATA")[1][2:]}
    for path in (ROOT / "tools").glob("*.c"):
        for key in re.findall(r'"(slm\.[a-z_.]+)"', path.read_text()):
            expect(key in registered, f"{path.name} writes the key {key}, which is not registered")


def check_field_tables():
    """Offsets in field tables add up."""
    sizes = {"u8": 1, "u16": 2, "u32": 4, "u64": 8, "f32": 4}
    for heading, index in (("4. Header", 0), ("5. Index and sections", 0), ("6. PROFILES", 0), ("7. TENSORS", 0), ("8. METADATA", 0), ("9. SOURCES", 0), ("10. PAYLOADS", 0)):
        at = 0
        for row in tables(heading)[index][2:]:
            if not row[0].isdigit():
                break
            equal(int(row[0]), at, f"{heading}: offset of {row[2] or row[3]}")
            kind = re.fullmatch(r"(u8|u16|u32|u64|f32)(?:\[(\d+)\])?", row[1])
            if not kind:
                break
            at += sizes[kind[1]] * int(kind[2] or 1)
        if heading == "4. Header":
            equal(at, 64, "size of the header")
        if heading in ("6. PROFILES", "10. PAYLOADS"):
            equal(at, 32, f"size of an item of {heading}")


CHECKS = (check_rules, check_contents, check_examples, check_checksums, check_lfsr, check_profiles, check_block, check_trellis_and_rotation, check_rounding,
          check_limits, check_enumerations, check_metadata_keys, check_field_tables)
for check in CHECKS:
    try:
        check()
    except Exception as problem:  # a missing table or mark is a failure like any other
        failures.append(f"{check.__name__}: {type(problem).__name__}: {problem}")
for failure in failures:
    print(failure)
print(f"{len(CHECKS)} checks, {len(failures)} failures")
sys.exit(1 if failures else 0)
