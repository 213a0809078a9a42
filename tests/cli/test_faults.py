"""The machine fails: every allocation, every call that reads or writes, interrupted and short ones (fault_shim.c), inputs that vanish;
somebody ends the command in the midst of any of it.

Each run either does its job, to the same bytes, or ends with exit code 1 and a message, or by the signal, and nothing is left behind. Here a few of the faults of
each command; all of them by hand (minutes):
SLM=build/tools/slm SLM_FAULT_SHIM=build/tests/libfault_shim.so SLM_FAULTS=all python3 tests/cli/test_faults.py -v
"""

import errno
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import unittest

import harness
from harness import FAILURE, Tensor, bf16, f32, read_file, tree, weights, write_file, write_safetensors, write_shards

SHIM = os.path.abspath(os.environ.get("SLM_FAULT_SHIM") or "no shim")  # the commands run in a folder of their own
EACH = os.environ.get("SLM_FAULTS", "2" if harness.SHORT else "4")  # faults tried for each command and kind, or "all"
CODING = ["-q", "-T", "2", "-p", "trellis,K=4,k=2", "--profile-for", "*block*=block,C=4,P=1,K=4,W=4,step=1,E=1,B=2", "--include", "*w*"]


def chosen(count):
    """Numbers from 1 to count: all, or some that are spread over them."""
    if EACH == "all":
        return range(1, count + 1)
    each = int(EACH)
    return sorted({1 + i * (count - 1) // max(each - 1, 1) for i in range(each)}) if count > 0 else []


@unittest.skipUnless(os.path.exists(SHIM), "no fault_shim: SLM_FAULT_SHIM")
class Faults(harness.Case):
    def setUp(self):
        super().setUp()
        drawn = weights(1 << 12)
        write_shards(self.path("model"), [
            [Tensor("a.w", "F32", [64, 64], f32(drawn)), Tensor("raw", "U8", [3000])],
            [Tensor("b.block.w", "BF16", [4, 1024], bf16(drawn))],
        ], {"config.json": b"{}", "sub/tokenizer.json": b"[]" * 100})
        with tarfile.open(self.path("model.tar.gz"), "w:gz") as tar:
            tar.add(self.path("model"), "model")
        self.slm("encode", *CODING, "-o", "model.slm", "model", stderr="")
        write_safetensors(self.path("one.safetensors"), [Tensor("a.w", "F32", [64, 64], f32(drawn)), Tensor("raw", "U8", [3000])])
        self.slm("encode", *CODING, "-o", "one.slm", "one.safetensors", stderr="")
        self.before = self.files()

    # What is run, and what it makes.
    COMMANDS = {
        "encode a folder": (["encode", *CODING, "-o", "out", "model"], "out"),
        "encode a file": (["encode", *CODING, "--verify", "-o", "out", "one.safetensors"], "out"),
        "encode an archive": (["encode", *CODING, "-o", "out", "model.tar.gz"], "out"),
        "encode to a pipe": (["encode", *CODING, "-o", "-", "one.safetensors"], None),
        "encode with a report": (["encode", *CODING, "--json", "--resume", "-o", "out", "one.safetensors"], "out"),
        "dry run": (["encode", *CODING, "--dry-run", "--exclude", "*", "model"], None),
        "decode to a folder": (["decode", "-q", "-T", "2", "-o", "out/", "model.slm"], "out"),
        "decode to a tar.zst": (["decode", "-q", "-T", "1", "-o", "out.tar.zst", "model.slm"], "out.tar.zst"),
        "decode to a zip": (["decode", "-q", "-T", "1", "-o", "out.zip", "model.slm"], "out.zip"),
        "decode to a file": (["decode", "-q", "-T", "2", "--dtype", "f16", "-o", "out.safetensors", "one.slm"], "out.safetensors"),
        "decode to a pipe": (["decode", "-q", "-o", "-", "one.slm"], None),
        "decode bytes": (["decode", "-q", "--bytes", "-o", "out.bytes", "model.slm"], "out.bytes"),
        "info": (["info", "-v", "model.slm"], None),
        "info --json": (["info", "--json", "model.slm"], None),
        "verify": (["verify", "-T", "2", "model.slm"], None),
        "verify --json": (["verify", "--json", "model.slm"], None),
        "diff": (["diff", "--max-error", "1", "model", "model.slm"], None),
        "diff archives": (["diff", "--max-error", "1", "--json", "model.tar.gz", "model.slm"], None),
        "version": (["version", "--json"], None),
    }

    # libarchive 3.6 uses what it had no memory for where it writes zstd, zip and files; nothing here can keep it from that.
    LIBARCHIVE_WRITES = ("encode a folder", "encode an archive", "dry run", "decode to a tar.zst", "decode to a zip", "decode to a folder")

    def shimmed(self, args, fault):
        log = os.path.join(self.folder, "log")
        env = self.environment(LD_PRELOAD=SHIM, SLM_FAULT=fault, SLM_FAULT_LOG=log, SLM_JOURNAL_SECONDS="0")
        env["ASAN_OPTIONS"] = env.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0:allocator_may_return_null=1"
        p = subprocess.run([harness.SLM] + args, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           env=env, timeout=300)
        counts = ()
        if os.path.exists(log):
            counts = tuple(int(n) for n in read_file(log).split())
            os.remove(log)
        return harness.Result(p.returncode, p.stdout, p.stderr), counts or (0, 0)  # nothing where a signal came before it was written

    def made(self, output):
        path = self.path(output)
        result = tree(path) if os.path.isdir(path) else read_file(path)
        (shutil.rmtree if os.path.isdir(path) else os.remove)(path)
        return result

    def same_report(self, a, b):
        """Times differ."""
        def plain(text):
            return [line for line in text.splitlines() if "seconds" not in line and "time " not in line]
        return plain(a.out) == plain(b.out) if a.out_bytes[:1] in (b"{", b"t", b"s") else a.out_bytes == b.out_bytes

    def clean(self):
        for name in set(self.files()) - set(self.before):
            path = self.path(name)
            if os.path.isdir(path):
                shutil.rmtree(path, ignore_errors=True)
            elif os.path.exists(path):
                os.remove(path)

    def check(self, name, fault, expected_run, expected_made):
        args, output = self.COMMANDS[name]
        r, _ = self.shimmed(args, fault)
        told = "%s: SLM_FAULT='%s'\n--- stdout\n%s--- stderr\n%s" % (name, fault, r.out[-1000:], r.err[-4000:])
        if "Sanitizer: CHECK failed" in r.err:  # of its own, for want of memory
            self.clean()
            return None
        self.assertNotIn("Sanitizer", r.err, told)
        self.assertNotIn("runtime error", r.err, told)
        if r.code in (-signal.SIGSEGV, -signal.SIGABRT) and name in self.LIBARCHIVE_WRITES and fault.startswith("alloc"):
            self.assertFalse(output is not None and os.path.exists(self.path(output)), told)
            self.clean()
            self.crashes.append(fault)
            return None
        if "gzip decompression failed" not in r.err:  # libarchive does not say that memory was what it had none of
            self.assertIn(r.code, (0, FAILURE), told)
        if "--resume" in args:  # keeps what is finished
            for left in (".slm-out.part", ".slm-out.journal"):
                if r.code != 0 and os.path.exists(self.path(left)):
                    os.remove(self.path(left))
        if output is not None and (r.code == 0 or os.path.exists(self.path(output))):
            self.assertEqual(self.made(output), expected_made, told)  # complete, where only the report of it could not be written
        if r.code == 0:
            self.assertTrue(self.same_report(r, expected_run), told)
        else:
            self.assertRegex(r.err, r"(?m)^slm: error: |^Fatal Internal Error in libarchive: ", told)
        left = set(self.files()) - set(self.before)
        if fault.startswith("allocs") and all(name.startswith(".out.slm-") for name in left):
            self.clean()  # without any memory at all a folder cannot even be listed to be removed
        self.assertEqual(self.files(), self.before, told)
        return r.code

    def every(self, kinds):
        runs = failures = 0
        self.crashes = []
        for name, (args, output) in self.COMMANDS.items():
            good, counts = self.shimmed(args, "count")
            self.assertEqual(good.code, 0, name + good.err)
            made = self.made(output) if output is not None else None
            if all(count == 0 for _, count in kinds(counts)):
                self.skipTest("the shim does not see these calls of this program (a sanitizer linked into it comes first)")
            for fault, count in kinds(counts):
                with self.subTest(name, fault=fault):
                    for n in chosen(count):
                        self.clean()  # of a run that was found wrong
                        code = self.check(name, fault % n, good, made)
                        runs += code is not None
                        failures += code not in (0, None)
        print("%d runs: %d ended with an error, the others did their job; %d more were ended by libarchive" %
              (runs, failures, len(self.crashes)), file=sys.stderr)
        self.assertGreater(failures, 0)

    # Where the thread that handles a signal is when the one that makes files goes on: before it removes a file or a folder, a file in a
    # folder, an empty folder; when all is removed and the process about to end.
    HANDLING = "unlink", "unlinkat", "rmdir", "raise"

    def signals(self, run, removes=True):
        """Faults for run(fault): a signal before every call that it counts."""
        for at in self.HANDLING if removes else self.HANDLING[-1:]:
            fault = "signal %%d %d %s" % (signal.SIGINT, at)
            for n in chosen(run(fault % 0)[1]):
                yield fault % n

    def test_signals(self):
        """What was made is complete, or nothing is left of it."""
        runs = done = 0
        for name, (args, output) in self.COMMANDS.items():
            good, _ = self.shimmed(args, "count")
            made = self.made(output) if output is not None else None

            def run(fault):
                self.clean()
                r, counts = self.shimmed(args, fault)
                self.assertIn(r.code, (0, -signal.SIGINT), r.err)
                if "--resume" in args and r.code != 0 and not os.path.exists(self.path(output)):
                    self.assertEqual(self.shimmed(args, "count")[0].code, 0)
                if output is not None and os.path.exists(self.path(output)):
                    self.assertEqual(self.made(output), made)
                self.assertEqual(self.files(), self.before, r.err)
                return r.code, counts[1]
            for fault in self.signals(run, removes=output is not None):
                with self.subTest(name, fault=fault):
                    runs += 1
                    done += run(fault)[0] == 0
        print("%d runs: %d did their job, the others left nothing" % (runs, done), file=sys.stderr)

    def test_signals_where_a_folder_is_replaced(self):
        """It is the old one or the new one."""
        old = {"config.json": b"old", "sub/tokenizer.json": b"old"}
        new = None

        def run(fault):
            nonlocal new
            shutil.rmtree(self.path("out"), ignore_errors=True)
            for name, content in old.items():
                os.makedirs(os.path.dirname(self.path("out", name)), exist_ok=True)
                write_file(self.path("out", name), content)
            r, counts = self.shimmed(["decode", "-q", "-f", "-o", "out/", "model.slm"], fault)
            made = self.made("out")
            new = new or made
            self.assertIn(r.code, (0, -signal.SIGINT), r.err)
            self.assertIn(made, (old, new))
            self.assertEqual(self.files(), self.before, r.err)
            return r.code, counts[1]
        runs = 0
        for fault in self.signals(run):
            with self.subTest(fault):
                run(fault)
                runs += 1
        self.assertNotEqual(new, old)
        print("%d runs" % runs, file=sys.stderr)

    def test_memory(self):
        self.every(lambda counts: [("alloc %d", counts[0]), ("allocs %d", counts[0])])

    def test_files(self):
        self.every(lambda counts: [("io %%d %d" % number, counts[1]) for number in (errno.EIO, errno.ENOSPC)])

    def test_short_and_interrupted(self):
        for name, (args, output) in self.COMMANDS.items():
            good, _ = self.shimmed(args, "count")
            made = self.made(output) if output is not None else None
            with self.subTest(name):
                code = self.check(name, "short", good, made)
                if name != "decode to a folder":  # libarchive, which writes the side files there, takes an interruption for a failure
                    self.assertEqual(code, 0)


class Inputs(harness.Case):
    """Files that go, shrink or change under the command that reads them, and folders that take no file."""

    def ended(self, p, stderr):
        err = p.communicate(timeout=120)[1].decode()
        self.assertEqual(p.returncode, FAILURE, err)
        self.assertRegex(err, stderr)

    def start(self, *args, stdout=subprocess.DEVNULL):
        return subprocess.Popen([harness.SLM] + list(args), cwd=self.folder, stdout=stdout, stderr=subprocess.PIPE,
                                env=self.environment(SLM_JOURNAL_SECONDS="0"))

    def encoding(self, *args):
        """An encoding that has begun to write."""
        journal = self.path(".slm-out.slm.journal")
        p = self.start("encode", "-q", "-T", "1", "-p", "trellis,K=8,k=3", "-o", "out.slm", *args)
        while p.poll() is None and not (os.path.exists(journal) and read_file(journal).count(b"\n") > 1):
            time.sleep(0.001)
        self.assertIsNone(p.poll(), "it was over too soon")
        return p

    def test_input_shrinks(self):
        drawn = f32(weights(1 << 12)) * 64
        write_safetensors(self.path("in.safetensors"), [Tensor("w", "F32", [4096, 64], drawn)])
        before = self.files()
        p = self.encoding("in.safetensors")
        os.truncate(self.path("in.safetensors"), 5000)
        self.ended(p, "in.safetensors: tensor 'w'.*shorter|tensor 'w': the file became shorter")
        self.assertEqual(self.files(), before)

    def test_shard_goes_or_changes(self):
        drawn = f32(weights(1 << 12)) * 64
        for change in (os.remove, lambda path: os.truncate(path, 100), lambda path: shutil.copy(self.path("other"), path)):
            write_shards(self.path("model"), [[Tensor("a", "F32", [4096, 64], drawn)], [Tensor("b", "U8", [100])]])
            shutil.copy(self.path("model", "model-00002-of-00002.safetensors"), self.path("other"))
            before = self.files()
            p = self.encoding("model")
            change(self.path("model", "model-00002-of-00002.safetensors"))
            self.ended(p, "model-00002-of-00002.safetensors: (cannot open: No such file|the file changed)")
            self.assertLessEqual(set(self.files()), set(before))
            shutil.rmtree(self.path("model"))

    def test_slm_shrinks(self):
        """While its begin is being written to a pipe that nobody empties yet."""
        write_safetensors(self.path("in.safetensors"), [Tensor("r", "U8", [8 << 20])])
        self.slm("encode", "-q", "-o", "x.slm", "in.safetensors")
        p = self.start("decode", "-q", "-T", "1", "-o", "-", "x.slm", stdout=subprocess.PIPE)
        self.assertEqual(len(p.stdout.read(1)), 1)
        os.truncate(self.path("x.slm"), 4096)
        self.ended(p, "tensor 'r'.*cannot read")

    def test_folder_that_takes_no_file(self):
        write_safetensors(self.path("in.safetensors"), [Tensor("r", "U8", [1000])])
        self.slm("encode", "-q", "-o", "x.slm", "in.safetensors")
        os.mkdir(self.path("closed"), 0o555)
        os.chmod(self.folder, 0o755)

        def nobody():
            if os.geteuid() == 0:
                os.setuid(65534)
        for args in (["encode", "-o", "closed/y.slm", "in.safetensors"], ["decode", "-o", "closed/y.safetensors", "x.slm"],
                     ["decode", "-o", "closed/y/", "x.slm"], ["decode", "-o", "closed/y.tar", "x.slm"]):
            p = subprocess.run([harness.SLM] + args, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                               env=self.environment(TMPDIR="/tmp"), preexec_fn=nobody)
            err = p.stderr.decode()
            if "Sanitizer" not in err:  # which may not look for leaks as somebody else
                self.assertEqual(p.returncode, FAILURE, err)
            self.assertRegex(err, "closed/y.*Permission denied")
        self.assertEqual(os.listdir(self.path("closed")), [])


if __name__ == "__main__":
    harness.main()
