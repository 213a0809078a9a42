"""Tests of slm-conform: decoders of every kind of wrongness, every report, damaged suites, partial decoders, the examples, the bundle.

Python 3, standard library only. meson passes SLM_CONFORM, SLM_SUITE (a folder), SLM_BUNDLE, EXAMPLE_DECODER and SLM.
"""

import gzip
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import unittest
import xml.etree.ElementTree as xml
from pathlib import Path

CONFORM, SUITE, EXAMPLE = os.environ["SLM_CONFORM"], os.environ["SLM_SUITE"], os.environ["EXAMPLE_DECODER"]
BUNDLE, SLM = os.environ.get("SLM_BUNDLE"), os.environ.get("SLM")
EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
RIGHT = EXAMPLE + " {input} {output} {dtype}"
VALID, INVALID, LIMIT, UNSUPPORTED = "container-everything", "seed-0-first", "sections-65", "section-unknown-must"
MANIFEST = json.loads(Path(SUITE, "manifest.json").read_text(encoding="utf-8"))


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="slm-conform-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def conform(self, decoder, *options, code, suite=SUITE):
        command = [CONFORM, "--suite", str(suite), *options] + (["--decoder", decoder] if decoder else [])
        environment = os.environ | {"TMPDIR": str(self.folder)}
        done = subprocess.run(command, capture_output=True, text=True, timeout=240, env=environment)
        self.assertEqual(done.returncode, code, done.stdout[-2000:] + done.stderr[-2000:])
        self.assertEqual([path.name for path in self.folder.glob("slm-conform-*")], [], "temporary files are left")
        return done

    def outcome(self, decoder, id, *options):
        """The outcome of one run, as the JSON report has it; `dtype` is f32."""
        report = self.folder / "report.json"
        command = [CONFORM, "--suite", SUITE, "--dtype", "f32", "--id", id, "--json", str(report), "--decoder", decoder, *options]
        subprocess.run(command, capture_output=True, timeout=240, check=False)
        [trial] = json.loads(report.read_text(encoding="utf-8"))["trials"]
        return trial["outcome"], trial["detail"]


class Outcomes(Case):
    def test_right(self):
        for id in (VALID, INVALID, LIMIT, UNSUPPORTED):
            self.assertEqual(self.outcome(RIGHT, id, "--exit-codes")[0], "passed")

    def test_crash_is_no_refusal(self):
        for id in (VALID, INVALID):
            self.assertEqual(self.outcome("kill -SEGV $$; : {input} {output}", id), ("crashed", "signal 11"))
            # The shell reports the signal of a child as 128 + n.
            self.assertEqual(self.outcome("sh -c 'kill -ABRT $$' {input} {output}; exit $?", id), ("crashed", "signal 6"))

    def test_hang(self):
        self.assertEqual(self.outcome("sleep 60; : {input} {output}", INVALID, "--timeout", "0.3")[0], "hung")
        # Grandchildren go too: this one would write behind our back.
        late = self.folder / "late"
        self.outcome(f"(sleep 1; touch {late}) & sleep 60; : {{input}} {{output}}", VALID, "--timeout", "0.2")
        subprocess.run(["sleep", "1.2"], check=True)
        self.assertFalse(late.exists())

    def test_interrupted(self):
        """The decoder ends, what it has left in the folder goes, and nothing is judged."""
        begun, late = self.folder / "begun", self.folder / "late"
        decoder = f": >{{output}}.part; mkdir {{output}}.d; touch {{output}}.d/x {begun}; sleep 2; touch {late}; : {{input}}"
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            begun.unlink(missing_ok=True)
            running = subprocess.Popen([CONFORM, "--suite", SUITE, "-j", "2", "--decoder", decoder], stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, env=os.environ | {"TMPDIR": str(self.folder)},
                                       preexec_fn=lambda: signal.signal(number, signal.SIG_DFL))
            while not begun.exists() and running.poll() is None:
                time.sleep(0.01)
            running.send_signal(number)
            out, err = running.communicate(timeout=60)
            self.assertEqual((running.returncode, out, err), (-number, b"", b""))
            self.assertEqual([path.name for path in self.folder.glob("slm-conform-*")], [])
        time.sleep(2.2)
        self.assertFalse(late.exists())

    def test_what_a_hung_decoder_leaves(self):
        self.conform(": >{output}.part; sleep 60; : {input}", "--id", INVALID, "--timeout", "0.3", code=1)

    def test_accepts_everything(self):
        accept = ": >{output}; : {input}"
        self.assertEqual(self.outcome(accept, VALID)[0], "wrong output")
        self.assertEqual(self.outcome(accept, INVALID)[0], "wrong accept")
        self.assertEqual(self.outcome("exit 0; {input} {output}", VALID), ("wrong output", "exit code 0, but no output file"))

    def test_refuses_everything(self):
        refuse = "exit 3; {input} {output}"
        self.assertEqual(self.outcome(refuse, VALID), ("wrong refusal", "exit code 3"))
        self.assertEqual(self.outcome(refuse, INVALID)[0], "passed")
        self.assertEqual(self.outcome(refuse, UNSUPPORTED)[0], "passed")
        self.assertEqual(self.outcome(refuse, UNSUPPORTED, "--exit-codes")[0], "wrong class")
        self.assertEqual(self.outcome("exit 4; {input} {output}", LIMIT, "--exit-codes")[0], "wrong class")

    def test_too_little_and_too_much(self):
        less = RIGHT + " && head -c -1 {output} >{output}.x && mv {output}.x {output}"
        self.assertEqual(self.outcome(less, VALID), ("wrong output", "the output ends within tensor 2"))
        self.assertEqual(self.outcome(RIGHT + " && printf x >>{output}", VALID), ("wrong output", "bytes follow the last tensor"))
        flip = RIGHT + " && printf x | dd of={output} conv=notrunc 2>/dev/null"
        self.assertEqual(self.outcome(flip, VALID), ("wrong output", "tensor 0 differs"))

    def test_not_run(self):
        self.assertEqual(self.outcome("/nowhere/decoder {input} {output}", INVALID)[0], "not run")

    def test_wrong_type(self):
        self.assertEqual(self.outcome(EXAMPLE + " {input} {output} bf16", VALID), ("wrong output", "the output ends within tensor 1"))


class Reports(Case):
    def test_tap(self):
        done = self.conform("exit 3; {input} {output}", "--tap", "--dtype", "f32", "--rule", "HDR-4", code=1)
        lines = done.stdout.splitlines()
        self.assertEqual(lines[0], "TAP version 13")
        count = int(lines[1].removeprefix("1.."))
        numbered = [line for line in lines if line.startswith(("ok ", "not ok "))]
        self.assertEqual([int(line.split(" - ")[0].split()[-1]) for line in numbered], list(range(1, count + 1)))
        self.assertIn("rules: HDR-4", done.stdout)
        self.assertIn("0 of 2 passed, 2 wrong refusal", done.stderr)

    def test_junit(self):
        path = self.folder / "report.xml"
        self.conform("exit 3; {input} {output}", "--junit", str(path), "--rule", "HDR-4", code=1)
        suite = xml.parse(path).getroot()
        cases = suite.findall("testcase")
        self.assertEqual((suite.get("tests"), suite.get("failures"), len(cases)), ("6", "6", 6))
        self.assertTrue(all(case.find("failure") is not None for case in cases))
        self.conform(RIGHT, "--junit", str(path), "--id", INVALID, code=0)
        self.assertEqual(xml.parse(path).getroot().get("failures"), "0")

    def test_json_and_summary(self):
        path = self.folder / "report.json"
        done = self.conform("exit 3; {input} {output}", "--json", str(path), "--dtype", "f16", "--rule", "LFS-4", code=1)
        report = json.loads(path.read_text(encoding="utf-8"))
        self.assertEqual(sum(report["totals"].values()), len(report["trials"]))
        self.assertEqual(report["totals"]["wrong refusal"], 1)
        self.assertRegex(done.stdout, r"rules concerned: LFS-4 \(1\) REC-5 \(1\) TRE-3 \(1\)\n0 of 1 passed, 1 wrong refusal\n$")

    def test_report_that_cannot_be_written(self):
        for option in ("--json", "--junit"):
            self.conform(RIGHT, option, str(self.folder / "none" / "x"), "--id", INVALID, code=1)

    def test_selection(self):
        lines = self.conform(None, "--list", "--tier", "limit", code=0).stdout.splitlines()
        wanted = [vector["id"] for vector in MANIFEST["vectors"] if vector["tier"] == "limit"]
        self.assertEqual([line.split("\t")[0] for line in lines], wanted)
        lines = self.conform(None, "--list", "--rule", "BLK-4", code=0).stdout.splitlines()
        self.assertTrue(lines and all("BLK-4" in line.split("\t")[3].split() for line in lines))
        self.assertIn("1 of 1 passed", self.conform(RIGHT, "--id", INVALID, code=0).stdout)
        self.assertIn("3 of 3 passed", self.conform(RIGHT, "--id", VALID, code=0).stdout)

    def test_fail_fast(self):
        done = self.conform("exit 0; {input} {output}", "--fail-fast", "--tier", "invalid", code=1)
        self.assertIn("0 of 1 passed, 1 wrong accept", done.stdout)
        self.assertIn("stopped at the first failure, after 1 of", done.stderr)


class Partial(Case):
    """A decoder that knows the paper's profiles alone."""

    def test_declined(self):
        words = {"raw", "block", "paper-4", "paper-3"}
        able = [vector["file"] for vector in MANIFEST["vectors"] if vector["tier"] == "valid" and set(vector["needs"]) <= words]
        valid = sum(vector["tier"] == "valid" for vector in MANIFEST["vectors"])
        self.assertTrue(0 < len(able) < valid)
        done = self.conform("exit 4; {input} {output}", "--supports", ",".join(sorted(words)), "--tier", "valid", "--dtype", "f32", code=1)
        self.assertIn(f"0 of {valid} passed, {valid - len(able)} declined, {len(able)} wrong refusal", done.stdout)

    def test_refusing_what_was_not_declared_passes(self):
        done = self.conform("exit 4; {input} {output}", "--supports", "raw", "--id", "named-slm-4", "--dtype", "f16", code=0)
        self.assertIn("0 of 1 passed, 1 declined", done.stdout)

    def test_wrong_bytes_are_never_declined(self):
        self.conform(": >{output}; : {input}", "--supports", "raw", "--id", "named-slm-4", code=1)

    def test_junit_and_tap_skip(self):
        path = self.folder / "report.xml"
        done = self.conform("exit 4; {input} {output}", "--supports", "raw", "--id", "named-slm-4", "--tap", "--junit", str(path), code=0)
        self.assertEqual(done.stdout.count("# SKIP"), 3)
        self.assertEqual(xml.parse(path).getroot().get("skipped"), "3")


class BadUse(Case):
    def test_usage(self):
        for decoder, options in (
            (None, ()), ("decode {input}", ()), (RIGHT, ("--dtype", "f64")), (RIGHT, ("--tier", "good")), (RIGHT, ("--jobs", "0")), (RIGHT, ("--timeout", "-1")),
            (RIGHT, ("--supports", "raw,everything")), (RIGHT, ("--id", "no-such-vector")), (RIGHT, ("more",)), (RIGHT, ("--nothing",)),
        ):  # fmt: skip
            self.conform(decoder, *options, code=2)
        self.assertIn("--decoder", self.conform(None, "--help", code=0).stdout)

    def test_suites_that_are_damaged(self):
        self.conform(RIGHT, suite=self.folder / "none", code=3)
        self.conform(RIGHT, suite=self.folder, code=3)
        copy = self.folder / "copy"
        copy.mkdir()
        manifest = copy / "manifest.json"
        vector = next(vector for vector in MANIFEST["vectors"] if vector["id"] == INVALID)
        for text in ("", "{", "[]", '{"suite": "other"}', json.dumps(MANIFEST | {"version": "2.0"}), json.dumps(MANIFEST | {"vectors": [{"id": "a"}]}),
                     json.dumps(MANIFEST | {"vectors": [vector | {"file": "../../etc/passwd"}]}), json.dumps(MANIFEST | {"vectors": [vector | {"xxh3": "12"}]})):  # fmt: skip
            manifest.write_text(text, encoding="utf-8")
            self.conform(RIGHT, suite=copy, code=3)
        manifest.write_text(json.dumps(MANIFEST | {"vectors": [vector]}), encoding="utf-8")
        self.conform(RIGHT, suite=copy, code=3)  # the file is missing
        file = copy / vector["file"]
        file.parent.mkdir(parents=True)
        data = Path(SUITE, vector["file"]).read_bytes()
        file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        self.assertIn("not the file the manifest describes", self.conform(RIGHT, suite=copy, code=3).stderr)
        file.write_bytes(data)
        self.conform(RIGHT, suite=copy, code=0)

    def test_archives_that_are_damaged(self):
        path = self.folder / "suite.tar"
        path.write_bytes(b"no archive at all" * 100)
        self.conform(RIGHT, suite=path, code=3)
        with tarfile.open(path, "w") as tar:
            tar.add(Path(SUITE, "manifest.json"), "slm-conformance-1.0/manifest.json")
        self.conform(RIGHT, suite=path, code=3)
        path.write_bytes(path.read_bytes()[:1000])
        self.conform(RIGHT, suite=path, code=3)

    def test_damaged_tar_header_passed_over(self):
        path = self.folder / "suite.tar"
        with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
            tar.add(SUITE, "s", recursive=False)
            tar.add(Path(SUITE, "manifest.json"), "s/manifest.json")
        data = bytearray(path.read_bytes())
        data[512] ^= 1  # the manifest's name
        path.write_bytes(data)
        self.assertIn("amaged", self.conform(RIGHT, suite=path, code=3).stderr)

    def test_archives_that_nobody_releases(self):
        path = self.folder / "suite.tar"
        manifest = Path(SUITE, "manifest.json")
        with tarfile.open(path, "w") as tar:
            tar.add(manifest, "s/manifest.json")
            tar.add(manifest, "s/manifest.json")
        self.assertIn("twice", self.conform(RIGHT, suite=path, code=3).stderr)
        with tarfile.open(path, "w") as tar:
            tar.add(manifest, "s/" + "x" * 2000)
        self.assertIn("too long", self.conform(RIGHT, suite=path, code=3).stderr)
        with tarfile.open(path, "w:xz") as tar:
            tar.add(manifest, "s/manifest.json")
        self.conform(RIGHT, suite=path, code=3)
        suite = self.folder / "suite"
        suite.mkdir()
        suite.joinpath("manifest.json").write_bytes(b" " * (1 << 24) + b"{}")
        self.assertIn("larger than any suite's", self.conform(RIGHT, suite=suite, code=3).stderr)

    def test_little_that_would_take_much_memory(self):
        path = self.folder / "suite.tar.gz"
        pieces = b"10000000\n" + b"0\n0\n" * 10000000
        info = tarfile.TarInfo("GNUSparseFile.0/s/f")
        info.size = len(pieces) + -len(pieces) % 512 + 512
        info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "s/f", "GNU.sparse.realsize": "512"}
        path.write_bytes(gzip.compress(info.tobuf(tarfile.PAX_FORMAT) + pieces + bytes(-len(pieces) % 512) + b"x" * 512 + bytes(1024), 1))
        self.assertIn("map of a sparse file", self.conform(RIGHT, suite=path, code=3).stderr)
        suite = self.folder / "suite"
        suite.mkdir()
        suite.joinpath("manifest.json").write_bytes(b'{"suite":[{}' + b",{}" * 1000000 + b"]}")
        self.assertIn("would take more than", self.conform(RIGHT, suite=suite, code=3).stderr)


class Examples(Case):
    """The wrappers people copy, over one file of each tier and each type."""

    def all_tiers(self, decoder):
        for id in (VALID, INVALID, LIMIT, UNSUPPORTED):
            self.assertIn("passed\n", self.conform(decoder, "--exit-codes", "--id", id, code=0).stdout)

    def test_c(self):
        self.all_tiers(RIGHT)

    def test_python(self):
        self.all_tiers(f"{sys.executable} -B {EXAMPLES / 'decoder.py'} {{input}} {{output}} {{dtype}}")

    @unittest.skipUnless(SLM, "built without the command")
    def test_shell(self):
        self.all_tiers(f"SLM={SLM} {EXAMPLES / 'decoder.sh'} {{input}} {{output}} {{dtype}}")

    def test_they_are_short(self):
        for name in ("decoder.c", "decoder.py", "decoder.sh"):
            self.assertLess(len((EXAMPLES / name).read_text(encoding="utf-8").splitlines()), 45, name)


@unittest.skipUnless(BUNDLE, "built without zstd")
class Bundle(Case):
    def test_read_in_place(self):
        self.assertIn("passed\n", self.conform(RIGHT, "--exit-codes", "--rule", "ROT-6", code=0, suite=BUNDLE).stdout)

    def test_contents(self):
        plain = self.folder / "bundle.tar"
        with plain.open("wb") as stream:
            subprocess.run(["zstd", "-dcq", BUNDLE], stdout=stream, check=True)
        with tarfile.open(plain) as tar:
            members = tar.getmembers()
            names = [member.name for member in members]
            self.assertEqual(names, sorted(names))
            self.assertEqual({name.split("/")[0] for name in names}, {"slm-conformance-1.0"})
            self.assertEqual({(member.uid, member.gid, member.mtime) for member in members}, {(0, 0, members[0].mtime)})
            tar.extractall(self.folder)
        root = self.folder / "slm-conformance-1.0"
        for vector in MANIFEST["vectors"]:
            self.assertTrue((root / vector["file"]).is_file(), vector["file"])
        for path in root.rglob("*.md"):
            for link in re.findall(r"\]\(([^)#:]+)[#)]", path.read_text(encoding="utf-8")):
                if path.parent.name != "spec":
                    self.assertTrue((path.parent / link).exists(), f"{path}: {link}")
        small = next(vector for vector in MANIFEST["vectors"] if vector["id"] == VALID)
        for dtype in ("f32", "f16", "bf16"):
            size = sum(tensor[dtype]["size"] for tensor in small["tensors"])
            self.assertEqual((root / "expected" / f"{VALID}.{dtype}").stat().st_size, size)
        # What the README says works in the unpacked folder: the runner, and the decoder where no compiler is.
        decoder = f"{sys.executable} -B {root / 'decoder' / 'slm_decode.py'} {{input}} {{output}} {{dtype}}"
        self.conform(decoder, "--id", VALID, code=0, suite=root)
        for name in ("README.md", "LICENSE", "manifest.schema.json", "spec/slm-1.0.md", "examples/decoder.c", "decoder/README.md"):
            self.assertTrue((root / name).is_file(), name)


if __name__ == "__main__":
    unittest.main(verbosity=1)
