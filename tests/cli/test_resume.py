"""Encodings that are cut off: no file under the final name, and --resume goes on to the bytes of a run that was not.

By hand, 200 kills at random moments, and what a kill after half a minute loses:
SLM=build/tools/slm SLM_KILLS=200 SLM_LONG=1 python3 tests/cli/test_resume.py Kills Loss
"""

import os
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tarfile
import time
import unittest

import harness
from harness import FAILURE, USAGE, Tensor, bf16, f32, read_file, weights, write_file, write_safetensors, write_shards

sys.path.insert(0, os.path.join(harness.SOURCE, "conformance", "decoder"))
from xxh3 import xxh3_64  # noqa: E402

KILLS = int(os.environ.get("SLM_KILLS", "3" if harness.SHORT else "6"))
PART, JOURNAL = ".slm-out.slm.part", ".slm-out.slm.journal"
# A search that is quick, so that what is tested is what surrounds it: both codings, one scale a row and one a tensor, rotated and not.
# Nothing is left to be chosen, so that all lines of the journal but the first are of what is coded.
OPTIONS = ["-p", "trellis,K=6,k=3", "--profile-for", "*block*=block,C=4,P=2,K=7,W=7,step=1,E=2,B=3", "--include", "*w*", "--rotation", "5"]


class Cut(harness.Case):
    coding = OPTIONS

    def setUp(self):
        super().setUp()
        drawn = weights(1 << 14)
        write_shards(self.path("model"), [
            [Tensor("a.w", "F32", [256, 64], f32(drawn)), Tensor("raw", "U8", [100000]), Tensor("b.w", "BF16", [2, 8192], bf16(drawn))],
            [Tensor("w.block", "F32", [128, 128], f32(drawn[::-1])), Tensor("c.w", "F32", [320, 50], f32(drawn[:16000]))],
        ], {"config.json": b"{}"})
        self.slm("encode", "-q", *self.coding, "-o", "reference.slm", "model", stderr="")
        self.reference = read_file(self.path("reference.slm"))
        self.others = self.files()

    def start(self, *more, seconds="0", source="model", number=signal.SIGINT, quiet=True, **environment):
        return subprocess.Popen([harness.SLM, "encode", *(["-q"] if quiet else []), *self.coding, *more, "-o", "out.slm", source], cwd=self.folder,
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                env=self.environment(SLM_JOURNAL_SECONDS=seconds, **environment),
                                preexec_fn=lambda: signal.signal(number, signal.SIG_DFL))

    def lines(self):
        """Whole lines of the journal so far."""
        try:
            return read_file(self.path(JOURNAL)).count(b"\n")
        except FileNotFoundError:
            return 0

    def ended(self, p, records, number):
        """Ends a run once the journal has that many records and returns what it said; None where it was done before, with its file."""
        deadline = time.monotonic() + 120
        while self.lines() < records and p.poll() is None and time.monotonic() < deadline:
            time.sleep(0.001)
        p.send_signal(number)
        err = p.communicate()[1].decode()
        if os.path.exists(self.path("out.slm")):
            self.assertIn(p.returncode, (0, -number), err)
            self.assertEqual(read_file(self.path("out.slm")), self.reference)
            os.remove(self.path("out.slm"))
            if os.path.exists(self.path(JOURNAL)):  # ended before that was removed: its lines are not the next run's
                os.remove(self.path(JOURNAL))
            return None
        self.assertEqual(p.returncode, -number, err)
        return err

    def cut(self, *more, records=3, number=signal.SIGKILL, **options):
        """An encoding that is ended once the journal has more than that many records; what it said. A run that was done before is run again."""
        for _ in range(50):
            p = self.start(*more, number=signal.SIGINT if number == signal.SIGKILL else number, **options)
            err = self.ended(p, records + 1, number)
            if err is not None:
                return err
        self.fail("50 encodings were done before they could be cut off")

    def resume(self, *more, source="model", stderr=r"resumed: [\d,]+ of 65,152 weights", **options):
        self.slm("encode", *self.coding, "--resume", *more, "-o", "out.slm", source, stderr=stderr, **options)
        self.assertEqual(read_file(self.path("out.slm")), self.reference)
        os.remove(self.path("out.slm"))
        self.assertEqual(self.files(), self.others)


class Kills(Cut):
    coding = ["-p", "trellis,K=10,k=3", *OPTIONS[2:]]

    def test_random_moments(self):
        """Killed at any moment and gone on with, to the same bytes; every third resumed run is killed as well."""
        moments = random.Random(20261122)
        slow = {"SLM_CPU": "scalar"}  # so that most moments fall into the search
        begin = time.monotonic()
        p = self.start(**slow)
        err = p.communicate()[1].decode()
        self.assertEqual((p.returncode, err), (0, ""))
        whole = time.monotonic() - begin
        os.remove(self.path("out.slm"))
        killed = resumed = 0
        while killed < KILLS:
            p = self.start("--resume", **slow)
            time.sleep(moments.uniform(0, whole))
            p.kill()
            err = p.communicate()[1].decode()
            if p.returncode == 0:  # it was faster
                self.assertEqual(read_file(self.path("out.slm")), self.reference)
                os.remove(self.path("out.slm"))
                continue
            self.assertEqual(p.returncode, -signal.SIGKILL, err)
            killed += 1
            left = set(self.files()) - set(self.others)
            if "out.slm" in left:  # it has its name, and so it is complete
                self.assertEqual(read_file(self.path("out.slm")), self.reference)
                os.remove(self.path("out.slm"))
                left.remove("out.slm")
            self.assertLessEqual(left, {PART, JOURNAL})
            if moments.random() < 1 / 3:
                continue
            r = self.slm("encode", *self.coding, "--resume", "-o", "out.slm", "model", env={"SLM_JOURNAL_SECONDS": "0.05"})
            resumed += "resumed" in r.err
            self.assertEqual(read_file(self.path("out.slm")), self.reference)
            os.remove(self.path("out.slm"))
            self.assertEqual(self.files(), self.others)
        print("%d kills within %.2f s; %d runs went on from what was there" % (killed, whole, resumed), file=sys.stderr)


class Loss(harness.Case):
    @unittest.skipUnless(os.environ.get("SLM_LONG"), "a minute long: SLM_LONG=1")
    def test_seconds_lost(self):
        """With the usual interval, what a kill loses is what was done since the last record."""
        write_safetensors(self.path("in.safetensors"), [Tensor("w", "BF16", [131072, 1024], bf16(weights(1 << 16)) * 2048)])
        p = subprocess.Popen([harness.SLM, "encode", "-q", "-T", "1", "-o", "out.slm", "in.safetensors"], cwd=self.folder)
        begin = time.monotonic()
        time.sleep(38)
        self.assertIsNone(p.poll(), "the machine is too fast for this test")
        p.kill()
        p.wait()
        last = os.stat(self.path(JOURNAL)).st_mtime
        lost = time.time() - last
        self.assertLess(lost, 30)
        r = subprocess.Popen([harness.SLM, "encode", "--resume", "-o", "out.slm", "in.safetensors"], cwd=self.folder, stderr=subprocess.PIPE)
        line = r.stderr.readline().decode()
        r.kill()
        r.communicate()
        done = int(re.search(r"resumed: ([\d,]+) of", line).group(1).replace(",", ""))
        print("killed after %.0f s: %.1f s lost, %d weights kept" % (time.monotonic() - begin, lost, done), file=sys.stderr)
        self.assertGreater(done, 0)


class Resuming(Cut):
    def test_goes_on(self):
        self.cut()
        self.resume()
        self.cut(records=1)
        self.cut("--resume", records=5)
        self.resume("-T", "3", "--verify")

    def test_nothing_to_resume(self):
        self.resume(stderr="nothing to resume")

    def test_without_resume(self):
        self.cut()
        self.slm("encode", "-q", *OPTIONS, "-o", "out.slm", "model", stderr=r"warning: out\.slm: .*given up.*--resume")
        self.assertEqual(read_file(self.path("out.slm")), self.reference)
        self.assertEqual(self.files(), sorted(self.others + ["out.slm"]))

    def test_signals(self):
        """Interrupted without --resume nothing is left; with it the work is."""
        self.assertEqual(self.cut(number=signal.SIGINT), "")
        self.assertEqual(self.files(), self.others)
        for number in (signal.SIGINT, signal.SIGTERM):
            err = None
            while err is None:  # done before it was interrupted: once more
                p = self.start("--resume", number=number, quiet=False)
                err = self.ended(p, self.lines() + 2, number)
            self.assertRegex(err, "slm: what is finished is kept; .*--resume")
        self.resume()

    def test_full_disk(self):
        limit = len(self.reference) // 2
        args = ["encode", *OPTIONS, "-o", "out.slm", "model"]
        self.slm(*args, limit=limit, code=FAILURE, stderr="File too large|No space", env={"SLM_JOURNAL_SECONDS": "0"})
        self.assertEqual(self.files(), self.others)
        self.slm(*args, "--resume", limit=limit, code=FAILURE, stderr="kept", env={"SLM_JOURNAL_SECONDS": "0"})
        self.assertEqual(self.files(), sorted(self.others + [PART, JOURNAL]))
        self.resume(stderr="resumed")

    def test_two_at_once(self):
        p = self.start("-T", "1")
        while self.lines() < 2 and p.poll() is None:
            time.sleep(0.001)
        for more in ([], ["--resume"]):
            r = self.slm("encode", *OPTIONS, *more, "-o", "out.slm", "model", code=USAGE, stderr="another slm encode is writing it|exists already")
        err = p.communicate()[1].decode()
        self.assertEqual(p.returncode, 0, err + r.err)
        self.assertEqual(read_file(self.path("out.slm")), self.reference)
        self.assertEqual(self.files(), sorted(self.others + ["out.slm"]))

    def test_name_taken(self):
        """Someone else's file appears under the name: it stays, and with --resume the work does."""
        for more in ([], ["--resume"]):
            taken = False
            while not taken:  # done before the name was taken: once more
                p = self.start(*more, quiet=False)
                while self.lines() < 2 and p.poll() is None:
                    time.sleep(0.001)
                try:
                    with open(self.path("out.slm"), "xb"):
                        taken = True
                except FileExistsError:
                    pass
                err = p.communicate()[1].decode()
                if not taken:
                    self.assertEqual((p.returncode, read_file(self.path("out.slm"))), (0, self.reference), err)
                    os.remove(self.path("out.slm"))
            self.assertEqual(p.returncode, USAGE, err)
            self.assertRegex(err, "out.slm: has appeared meanwhile; -f replaces it")
            self.assertEqual("what is finished is kept" in err, "--resume" in more)
            self.assertEqual(read_file(self.path("out.slm")), b"")
            self.assertEqual(self.files(), sorted(self.others + ["out.slm"] + ([PART, JOURNAL] if more else [])))
            if more:
                self.resume("-f", stderr="resumed: 65,152 of 65,152 weights")
            else:
                os.remove(self.path("out.slm"))

    def test_usage(self):
        self.slm("encode", "--resume", "-o", "-", "model", code=USAGE, stderr="--resume needs a file")
        self.slm("encode", "--resume", "--dry-run", "-o", "out.slm", "model", code=USAGE, stderr="--resume needs a file")
        for text in ("x", "-1", "4000", "nan"):
            self.slm("encode", *OPTIONS, "-o", "out.slm", "model", code=USAGE, stderr="SLM_JOURNAL_SECONDS", env={"SLM_JOURNAL_SECONDS": text})
        self.assertEqual(self.files(), self.others)

    def test_archive_and_stream(self):
        with tarfile.open(self.path("model.tar"), "w") as tar:
            tar.add(self.path("model"), "model")
        self.others = self.files()
        self.cut(source="model.tar")
        self.resume(source="model.tar")
        self.cut(source="model.tar")
        self.resume(source="-", stdin=read_file(self.path("model.tar")))

    def test_inside_the_model(self):
        """What an encoding into the model's own folder leaves is no side file of the next one."""
        expected = self.reference
        self.slm("encode", "-q", *OPTIONS, "-o", "model/out.slm", "model")
        self.assertEqual(read_file(self.path("model", "out.slm")), expected)
        os.remove(self.path("model", "out.slm"))
        self.cut()
        for name in (PART, JOURNAL):
            shutil.move(self.path(name), self.path("model", name))
        self.slm("encode", *OPTIONS, "--resume", "-o", "model/out.slm", "model", stderr="resumed")
        self.assertEqual(read_file(self.path("model", "out.slm")), expected)


def reals(*values):
    return b"".join(b" %x" % struct.unpack("<Q", struct.pack("<d", value)) for value in values)


class Choosing(Cut):
    """What is tried on samples is recorded, too: rotations, profiles, and one scale for a whole tensor."""
    coding = ["-p", "trellis,K=6,k=3", "--scale", "tensor", "--scale-candidates", "3", "--include", "*w"]

    def kept(self):
        """The lines of the journal that an encoding leaves whose disk is too small for its file, and the part."""
        size = len(self.reference) * 3 // 4
        self.slm("encode", *self.coding, "--resume", "-o", "out.slm", "model", limit=size, code=FAILURE, stderr="kept",
                 env={"SLM_JOURNAL_SECONDS": "0"})
        return read_file(self.path(JOURNAL)).split(b"\n")[:-1], read_file(self.path(PART))

    def go_on(self, lines, part):
        """From that journal, whose lines get their sums anew."""
        texts = [line[:line.rindex(b" #")] if b" #" in line else line for line in lines]
        write_file(self.path(JOURNAL), b"".join(text + b" #%016x\n" % xxh3_64(text) for text in texts))
        write_file(self.path(PART), part)
        self.slm("encode", "-q", *self.coding, "--resume", "-o", "out.slm", "model")
        made = read_file(self.path("out.slm"))
        os.remove(self.path("out.slm"))
        self.assertEqual(self.files(), self.others)
        return made

    def test_every_line(self):
        """Cut off after any record, of trials on samples, of scales that are tried, and of codes."""
        lines, part = self.kept()
        trying = [line for line in lines if line.startswith(b"coded ") and int(line.split()[17], 16) > 0]
        self.assertGreater(len([line for line in lines if line.startswith(b"tried ")]), 4)
        self.assertGreater(len(trying), 4)
        for count in harness.some(range(1, len(lines) + 1)):
            with self.subTest(lines=count):
                self.assertEqual(self.go_on(lines[:count], part), self.reference)

    def test_taken_over(self):
        """A trial that is recorded is not made again: one that says otherwise makes another file."""
        lines, part = self.kept()
        known = [line for line in lines if not line.startswith(b"coded ")]
        self.assertTrue(known[1].startswith(b"tried 0 0 "))
        bad = known[:1] + [b"tried 0 0" + reals(1, 1000)] + known[2:]
        self.assertNotEqual(self.go_on(bad, part), self.reference)

    def test_forged(self):
        """What no trial is ends the journal; all behind it is searched anew."""
        lines, part = self.kept()
        for text in (b"tried", b"tried 0 1" + reals(1, 1), b"tried 5 0" + reals(1, 1), b"tried 0 10" + reals(1, 1),
                     b"tried 0 0" + reals(float("nan"), 1), b"tried 0 0" + reals(1, float("inf")), b"tried 0 0" + reals(1, -1),
                     b"tried ffffffffffffffff 0" + reals(1, 1), b"tied 0 0" + reals(1, 1)):
            with self.subTest(text=text):
                self.assertEqual(self.go_on(lines[:1] + [text] + lines[1:], part), self.reference)

    def test_interrupted(self):
        """Interrupted while rotations are chosen: with --resume that is kept."""
        self.coding = ["-p", "trellis,K=10,k=3", "--include", "*w"]
        self.slm("encode", "-q", "-f", *self.coding, "-o", "reference.slm", "model", stderr="")
        self.reference = read_file(self.path("reference.slm"))
        err = None
        while err is None:  # done before it was interrupted: once more
            err = self.ended(self.start("--resume", quiet=False, SLM_CPU="scalar"), 3, signal.SIGINT)
        self.assertRegex(err, "what is finished is kept")
        self.assertGreaterEqual(self.lines(), 3)
        self.resume(stderr=None)

    def test_bits_too_few(self):
        """What cannot be is not kept."""
        self.slm("encode", "--bits", "0.5", "--include", "*w", "--resume", "-o", "out.slm", "model", code=USAGE, stderr="--bits 0.5 cannot be")
        self.assertEqual(self.files(), self.others)


class Refusals(Cut):
    def setUp(self):
        super().setUp()
        self.cut()
        self.left = self.files()

    def refused(self, stderr, *more, source="model"):
        before = {name: read_file(self.path(name)) for name in (PART, JOURNAL)}
        self.slm("encode", *OPTIONS, "--resume", *more, "-o", "out.slm", source, code=USAGE, stderr="out.slm: cannot resume: .*(%s)" % stderr)
        self.assertEqual(self.files(), self.left)
        for name, data in before.items():
            self.assertEqual(read_file(self.path(name)), data)

    def test_other_options(self):
        self.refused(r'--profile was "trellis,.*" and is "slm-4" now', "-p", "slm-4")
        self.refused("--scale", "--scale", "tensor")
        self.refused("--rotation", "--rotation", "none")
        self.refused("--exclude", "--exclude", "x")
        self.refused("--include", "--include", "x")
        self.refused("--profile-for", "--profile-for", "x=slm-4")
        self.refused("side files", "--no-side-files")
        self.resume()

    def test_other_input(self):
        shard = self.path("model", "model-00001-of-00002.safetensors")
        data = bytearray(read_file(shard))
        good = bytes(data)
        at = data.index(b'"pt"') + 2  # metadata
        data[at] ^= 1
        write_file(shard, data)
        self.refused(r"header of the input's file 'model-00001-of-00002\.safetensors'")
        data[at] ^= 1
        data[-1] ^= 1  # of a coded tensor
        write_file(shard, data)
        self.refused(r"weights in the input's file 'model-00001-of-00002\.safetensors'")
        write_file(shard, good)
        write_file(self.path("model", "config.json"), b"[]")
        self.refused("side files")
        write_file(self.path("model", "config.json"), b"{}")
        os.utime(shard)  # another date is no other input
        self.resume()

    def test_other_scale_candidates(self):
        self.refused("--scale-candidates was 1 and is 2 now", "--scale-candidates", "2")
        self.resume()

    def test_other_program(self):
        lines = read_file(self.path(JOURNAL)).split(b"\n")
        first = lines[0][:-18].replace(b'"slm 1.', b'"slm 0.')
        lines[0] = first + b" #%016x" % xxh3_64(first)
        write_file(self.path(JOURNAL), b"\n".join(lines))
        self.refused(r"begun by slm 0\.\S+, and this is slm 1\.")


class Weighing(Cut):
    """Importances, told by their content, an average size, the search: options like the others, though the plan may come to the same."""

    def begin(self, *more):
        """An encoding with these options instead of OPTIONS' profiles, cut off; what a run that is not cut off makes."""
        self.options = [*more, "--include", "*w*"]
        self.slm("encode", "-q", *self.options, "-o", "out.slm", "model", stderr="")
        self.expected = read_file(self.path("out.slm"))
        os.remove(self.path("out.slm"))
        self.slm("encode", *self.options, "--resume", "-o", "out.slm", "model", limit=len(self.expected) // 2, code=FAILURE, stderr="kept",
                 env={"SLM_JOURNAL_SECONDS": "0"})
        self.left = self.files()
        self.assertIn(JOURNAL, self.left)

    def refused(self, stderr, options):
        before = {name: read_file(self.path(name)) for name in (PART, JOURNAL)}
        self.slm("encode", *options, "--include", "*w*", "--resume", "-o", "out.slm", "model", code=USAGE,
                 stderr="out.slm: cannot resume: %s$" % stderr)
        self.assertEqual(self.files(), self.left)
        self.assertEqual(before, {name: read_file(self.path(name)) for name in before})

    def goes_on(self, stderr="resumed"):
        self.slm("encode", *self.options, "--resume", "-o", "out.slm", "model", stderr=stderr)
        self.assertEqual(read_file(self.path("out.slm")), self.expected)

    def importances(self, name, change=0):
        write_safetensors(self.path(name), [Tensor(tensor, "F32", [n], f32([1 + i % 3 for i in range(n - 1)] + [4 + change]))
                                            for tensor, n in (("a.w", 64), ("b.w", 8192), ("w.block", 128), ("c.w", 50))])

    def test_importance(self):
        for name, change in (("i", 0), ("same", 0), ("other", 1)):
            self.importances(name, change)
        coding = ["-p", "trellis,K=6,k=3"]
        self.begin(*coding, "--importance", "i")
        self.refused('--importance was "[0-9a-f]{16}" and is null now', coding)
        self.refused('--importance was "[0-9a-f]{16}" and is "[0-9a-f]{16}" now', [*coding, "--importance", "other"])
        self.importances("i", 1)
        self.refused('--importance was "[0-9a-f]{16}" and is "[0-9a-f]{16}" now', [*coding, "--importance", "i"])
        self.options[self.options.index("i")] = "same"  # another name is no other content
        self.goes_on()

    def test_importance_added(self):
        self.importances("i")
        self.begin("-p", "trellis,K=6,k=3")
        self.refused('--importance was null and is "[0-9a-f]{16}" now', ["-p", "trellis,K=6,k=3", "--importance", "i"])
        self.goes_on()

    @unittest.skipIf(harness.SHORT, "tables of every named profile")
    def test_bits(self):
        shutil.rmtree(self.path("model"))
        drawn = weights(1 << 11)  # little: it is coded once for each named profile
        write_shards(self.path("model"), [[Tensor(name, "F32", [16, 128], f32(drawn)) for name in ("a.w", "b.w")], [Tensor("raw", "U8", [100000])]])
        self.begin("--bits", "2.5", "--search", "fast", "--rotation", "none")
        fast = ["--search", "fast", "--rotation", "none"]
        self.refused(r"--bits was 2\.5 and is 2\.4 now", ["--bits", "2.4", *fast])
        self.refused(r"--(profile|bits) was .* and is .* now", ["-p", "slm-2", *fast])
        self.refused('--search was "fast" and is "exact" now', ["--bits", "2.5", "--rotation", "none"])
        self.goes_on()


class Damage(Cut):
    """Whatever part and journal have become, the file is the right one."""

    def setUp(self):
        super().setUp()
        self.cut("-T", "1", records=6)  # with more threads a tensor can be one record
        self.saved = {name: read_file(self.path(name)) for name in (PART, JOURNAL)}

    def damaged(self, name, data, **more):
        for other, saved in self.saved.items():
            write_file(self.path(other), data if other == name else saved)
        self.resume(**more)

    def test_journal(self):
        journal, moments = self.saved[JOURNAL], random.Random(7)
        ends = [i + 1 for i, byte in enumerate(journal) if byte == 10]
        for size in harness.some([0, 1, ends[0] - 1, ends[0], ends[0] + 1, ends[1], ends[2] - 1, ends[2] + 40]):
            with self.subTest(cut=size):
                self.damaged(JOURNAL, journal[:size], stderr=None)
        for _ in harness.some(range(4)):
            data = bytearray(journal)
            at = moments.randrange(len(data))
            data[at] ^= 1 << moments.randrange(8)
            with self.subTest(flipped=at):
                self.damaged(JOURNAL, bytes(data), stderr=None)
        lines = journal.split(b"\n")
        self.damaged(JOURNAL, b"\n".join([lines[0]] + lines[2:]), stderr="warning: .*records do not fit")  # one missing
        self.damaged(JOURNAL, b"\n".join([lines[0]] + lines[1:3] * 2 + lines[3:]), stderr="warning: .*records do not fit")  # twice
        self.damaged(JOURNAL, b"\n".join([lines[0], b""]), stderr=None)
        for field, value in harness.some([(1, b"ffffffffffffffff"), (1, b"1"), (4, b"0"), (5, b"ffffffffffffffff"), (6, b"ffffffffffffffff"), (8, b"0")]):
            words = lines[1][:-18].split(b" ")
            words[field] = value
            text = b" ".join(words)
            forged = [lines[0], text + b" #%016x" % xxh3_64(text), b""]
            with self.subTest(field=field, value=value):
                for other, saved in self.saved.items():
                    write_file(self.path(other), b"\n".join(forged) if other == JOURNAL else saved)
                r = self.slm("encode", *OPTIONS, "--resume", "-o", "out.slm", "model", code=(0, USAGE))  # a forged state can be refused
                if r.code == 0:
                    self.assertEqual(read_file(self.path("out.slm")), self.reference)
                    os.remove(self.path("out.slm"))

    def test_part(self):
        part = self.saved[PART]
        self.damaged(PART, bytes(len(part)), stderr="warning: .*records do not fit")
        self.damaged(PART, b"", stderr="warning: .*records do not fit")
        self.damaged(PART, part[:len(part) // 2], stderr=None)
        self.damaged(PART, part + bytes(1 << 20), stderr="resumed")


if __name__ == "__main__":
    harness.main()
