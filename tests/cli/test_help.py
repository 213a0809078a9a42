"""The frame of the command: help, usage errors, names of commands, version."""

import os
import re
import subprocess

import harness
from harness import USAGE

COMMANDS = ["encode", "decode", "info", "verify", "diff", "bench", "explore", "version", "help"]


class Help(harness.Case):
    def test_no_command(self):
        p = subprocess.run([harness.SLM], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual((p.returncode, p.stdout), (USAGE, b""))
        self.assertRegex(p.stderr.decode(), r"^Usage: slm COMMAND")

    def test_overview(self):
        overview = self.slm("help", stderr="")
        for command in COMMANDS:
            self.assertRegex(overview.out, r"(?m)^  %s  +\S" % command)
        self.assertRegex(overview.out, r"(?s)Exit codes:.*  5  ")
        for other in (["--help"], ["-h"]):
            self.assertEqual(self.slm(*other, stderr="").out, overview.out)

    def test_every_command_explains_itself(self):
        for command in COMMANDS:
            with self.subTest(command):
                r = self.slm(command, "--help", stdout=r"^Usage: slm %s" % command, stderr="")
                self.assertEqual(self.slm("help", command, stderr="").out, r.out)
                self.assertEqual(self.slm(command, "-h", stderr="").out, r.out)
                self.assertRegex(r.out, r"-h, --help")
                self.assertTrue(r.out.endswith("\n") and not r.out.endswith("\n\n"))
                for line in r.out.splitlines():
                    self.assertLessEqual(len(line), 80, line)
                    self.assertEqual(line, line.rstrip())

    def test_manual_page_has_every_option(self):
        page = harness.read_file(os.path.join(harness.SOURCE, "tools", "man", "slm.1")).decode()
        for command in COMMANDS:
            sections = {s.split("\n")[0]: s for s in re.split(r"\n\.S[hs] ", page)}
            section, common = sections.get("slm " + command, ""), sections["Common options"]
            for name in re.findall(r"(?m)^  .{4}--([a-z-]+)", self.slm("help", command).out):
                with self.subTest(command=command, option=name):
                    self.assertIn("Fl \\-" + name, section + common)

    def test_help_of_several(self):
        r = self.slm("help", "info", "diff")
        self.assertRegex(r.out, r"(?s)^Usage: slm info.*\nUsage: slm diff")

    def test_long_options_may_be_shortened(self):
        self.assertEqual(self.slm("version", "--he").out, self.slm("version", "--help").out)


class UsageErrors(harness.Case):
    def test_unknown_command(self):
        self.slm("encdoe", code=USAGE, stderr=r'unknown command "encdoe"; did you mean "encode"\?')
        self.slm("verfy", code=USAGE, stderr=r'did you mean "verify"\?')
        self.slm("help", "dif", code=USAGE, stderr=r'did you mean "diff"\?')
        r = self.slm("xyzzy", code=USAGE, stderr=r'unknown command "xyzzy" ')
        self.assertNotIn("did you mean", r.err)

    def test_option_before_the_command(self):
        self.slm("-q", "info", code=USAGE, stderr="the command comes first")

    def test_unknown_options(self):
        for command in COMMANDS:
            with self.subTest(command):
                self.slm(command, "--no-such-option", code=USAGE, stderr=r"%s: unknown or ambiguous option --no-such-option" % command)
                self.slm(command, "-Z", code=USAGE, stderr=r"unknown or ambiguous option -Z")
                self.slm(command, "--quiet=3", code=USAGE, stderr=r"option --quiet takes no argument")

    def test_missing_arguments(self):
        self.slm("verify", "-T", code=USAGE, stderr=r"option -T \(--threads\) needs an argument: N")
        self.slm("diff", "--max-error", code=USAGE, stderr=r"option --max-error needs an argument: X")
        self.slm("encode", "-o", code=USAGE, stderr=r"needs an argument")

    def test_bad_numbers(self):
        for text in ("", "x", "-1", "1x", "1025", "99999999999999999999"):
            with self.subTest(text):
                self.slm("verify", "-T", text, "x.slm", code=USAGE, stderr=r"-T needs a whole number from 0 to 1024")
        for text in ("", "x", "-1", "nan", "0.1x"):
            with self.subTest(text):
                self.slm("diff", "--max-error", text, "a", "b", code=USAGE, stderr=r"--max-error needs a number")

    def test_missing_operands(self):
        self.slm("info", code=USAGE, stderr="name a .slm file")
        self.slm("verify", code=USAGE, stderr="name a .slm file")
        self.slm("diff", code=USAGE, stderr="two inputs are needed")
        self.slm("diff", "a", code=USAGE, stderr="two inputs are needed")
        self.slm("diff", "a", "b", "c", code=USAGE, stderr="two inputs are needed")
        self.slm("encode", code=USAGE)
        self.slm("decode", code=USAGE)
        self.slm("version", "x", code=USAGE, stderr="no operand is expected")


class Version(harness.Case):
    def test_text(self):
        r = self.slm("version", stdout=r"^slm \d+\.\d+\.\d+\nformat +1\.0\n", stderr="")
        self.assertRegex(r.out, r"kernels +scalar")
        self.assertEqual(self.slm("--version").out, r.out)

    def test_json(self):
        report = self.json("version")
        self.assertEqual((report["program"], report["command"], report["format"]), ("slm", "version", "1.0"))
        self.assertEqual(report["kernels"][0], {"name": "scalar", "available": True})
        self.assertEqual(set(report["decoding"]), {"paper-4", "paper-3", "slm-2", "slm-2.5", "slm-3", "slm-3.5", "slm-4",
                                                    "slm-5", "slm-6", "slm-4-fast"})
        self.assertIn("jansson", report["libraries"])


if __name__ == "__main__":
    harness.main()
