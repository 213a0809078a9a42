"""What is printed: escaped names, colour and progress on terminals alone, reports that are JSON whatever the names."""

import os
import pty
import select
import subprocess
import unittest

import harness
from harness import DIFFERENT, FAILURE, INVALID, QUICK, USAGE, Tensor, f32, weights, write_file, write_safetensors

NASTY = "a\x1b[31mred\nnew line\ttab\x7f\u0085\u202eabc\u2028\u00e9\u4e16"
ESCAPED = "a\\x1B[31mred\\nnew line\\ttab\\x7F\\u{0085}\\u{202E}abc\\u{2028}\u00e9\u4e16"


def on_terminal(args, cwd, env, stdin=b""):
    """Runs a command with stdout and stderr on a terminal; exit code and what appeared there."""
    master, slave = pty.openpty()
    p = subprocess.Popen(args, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=slave, stderr=slave, close_fds=True)
    os.close(slave)
    out = b""
    while True:
        try:
            data = os.read(master, 65536)
        except OSError:
            break
        if not data:
            break
        out += data
    os.close(master)
    return p.wait(), out.decode(errors="replace")


class Escaping(harness.Case):
    def setUp(self):
        super().setUp()
        self.tensors = [Tensor(NASTY, "F32", [64, 64], f32(weights(4096))), Tensor("plain", "U8", [3])]
        write_safetensors(self.path("in.safetensors"), self.tensors)
        self.slm("encode", "-q", *QUICK, "-o", "x.slm", "in.safetensors", stderr="")

    def clean(self, result):
        """Nothing but line ends may be a control character."""
        for byte in (result.out_bytes + result.err_bytes).decode("utf-8", errors="strict"):
            self.assertTrue(byte == "\n" or byte.isprintable(), repr(byte))

    def test_every_command_escapes_names(self):
        write_safetensors(self.path("other.safetensors"), [Tensor("plain", "U8", [3])])
        damaged = bytearray(harness.read_file(self.path("x.slm")))
        damaged[self.json("info", "x.slm")["files"][0]["tensors"][0]["offset"]] ^= 1
        write_file(self.path("bad.slm"), bytes(damaged))
        for args, code in ((["info", "x.slm"], 0), (["info", "-v", "x.slm"], 0), (["verify", "-v", "x.slm"], 0),
                           (["verify", "bad.slm"], INVALID), (["diff", "in.safetensors", "x.slm"], DIFFERENT),
                           (["diff", "in.safetensors", "other.safetensors"], DIFFERENT), (["encode", *QUICK, "--dry-run", "in.safetensors"], 0),
                           (["encode", *QUICK, "-v", "-f", "-o", "x.slm", "in.safetensors"], 0), (["decode", "-v", "-f", "-o", "o.safetensors", "x.slm"], 0),
                           (["decode", "-o", "p.safetensors", "bad.slm"], INVALID)):
            with self.subTest(args):
                self.clean(self.slm(*args, code=code))
        self.assertIn(ESCAPED, self.slm("info", "x.slm").out)
        self.assertIn(ESCAPED, self.slm("verify", "bad.slm", code=INVALID).err)
        self.assertIn(ESCAPED, self.slm("diff", "in.safetensors", "x.slm", code=DIFFERENT).out)

    def test_json_keeps_names(self):
        report = self.json("info", "x.slm")
        self.assertEqual([t["name"] for t in report["files"][0]["tensors"]], [NASTY, "plain"])
        report = self.json("diff", "in.safetensors", "x.slm", code=DIFFERENT)
        self.assertEqual([t["name"] for t in report["tensors"]], [NASTY, "plain"])

    def test_file_names(self):
        name = b"bad\xff\x1b[2J\n.slm"
        write_file(os.path.join(self.folder.encode(), name), b"x" * 100)
        p = subprocess.run([harness.SLM.encode(), b"info", name], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           env=self.environment())
        self.assertEqual(p.returncode, INVALID)
        self.assertRegex(p.stderr.decode(), r"bad\\xFF\\x1B\[2J\\n\.slm: ")
        p = subprocess.run([harness.SLM.encode(), b"info", b"--json", name], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           env=self.environment())
        self.assertIn(rb"bad\\xFF", p.stdout)

    def test_commands_and_options(self):
        self.clean(self.slm("\x1b[2J", code=USAGE, stderr=r'unknown command "\\x1B\[2J"'))
        self.clean(self.slm("info", "--\x1b[2J", code=USAGE, stderr=r"--\\x1B\[2J"))


class Terminal(harness.Case):
    def setUp(self):
        super().setUp()
        write_safetensors(self.path("in.safetensors"), [Tensor("w", "F32", [64, 256], f32(weights(256) * 64))])

    def test_colour_on_a_terminal_only(self):
        self.assertNotIn("\x1b", self.slm("info", "none.slm", code=FAILURE).err)
        code, out = on_terminal([harness.SLM, "info", "none.slm"], self.folder, self.environment())
        self.assertEqual(code, FAILURE)
        self.assertIn("slm: \x1b[1;31merror:\x1b[0m none.slm", out)

    def test_no_color(self):
        for change in ({"NO_COLOR": "1"}, {"TERM": "dumb"}, {"TERM": None}):
            with self.subTest(change):
                _, out = on_terminal([harness.SLM, "info", "none.slm"], self.folder, self.environment(**change))
                self.assertIn("slm: error: none.slm", out)
                self.assertNotIn("\x1b", out)
        _, out = on_terminal([harness.SLM, "info", "none.slm"], self.folder, self.environment(NO_COLOR=""))
        self.assertIn("\x1b[1;31m", out)

    def test_no_color_in_tables(self):
        self.slm("encode", "-q", *QUICK, "-o", "x.slm", "in.safetensors", stderr="")
        for args in (["info", "x.slm"], ["diff", "in.safetensors", "x.slm"], ["verify", "x.slm"]):
            with self.subTest(args):
                _, out = on_terminal([harness.SLM] + args, self.folder, self.environment(NO_COLOR="1"))
                self.assertNotIn("\x1b[1", out)
                self.assertNotIn("\x1b[3", out)

    def test_progress_on_a_terminal_only(self):
        args = [harness.SLM, "encode", *QUICK, "-f", "-o", "x.slm", "in.safetensors"]
        code, out = on_terminal(args, self.folder, self.environment())
        self.assertEqual(code, 0, out)
        self.assertRegex(out, r"\r\x1b\[K\w+ +\d+ %")
        self.assertNotRegex(self.slm(*args[1:]).err, r"\r")
        _, out = on_terminal(args + ["-q"], self.folder, self.environment())
        self.assertEqual(out, "")


if __name__ == "__main__":
    harness.main()
