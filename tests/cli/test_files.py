"""Outputs: nothing is overwritten unasked, nothing is left behind, nothing is lost; full disks, limits and signals."""

import os
import resource
import signal
import subprocess
import time

import harness
from harness import FAILURE, INVALID, USAGE, Tensor, f32, read_file, tree, weights, write_file, write_safetensors, write_shards

RAW = ["--exclude", "*"]


class Overwriting(harness.Case):
    def setUp(self):
        super().setUp()
        write_safetensors(self.path("in.safetensors"), [Tensor("a", "U8", [1000])])
        self.slm("encode", "-q", *RAW, "-o", "x.slm", "in.safetensors", stderr="")

    def test_refused_without_force(self):
        write_file(self.path("old.slm"), b"old")
        write_file(self.path("old.safetensors"), b"old")
        before = self.files()
        self.slm("encode", *RAW, "-o", "old.slm", "in.safetensors", code=USAGE, stderr=r"old\.slm.*exists")
        self.slm("decode", "-o", "old.safetensors", "x.slm", code=USAGE, stderr=r"old\.safetensors.*exists")
        self.assertEqual(read_file(self.path("old.slm")), b"old")
        self.assertEqual(read_file(self.path("old.safetensors")), b"old")
        self.assertEqual(self.files(), before)

    def test_done_with_force(self):
        write_file(self.path("old.slm"), b"old")
        write_file(self.path("old.safetensors"), b"old")
        self.slm("encode", "-q", "-f", *RAW, "-o", "old.slm", "in.safetensors", stderr="")
        self.assertEqual(read_file(self.path("old.slm")), read_file(self.path("x.slm")))
        self.slm("decode", "-q", "-f", "-o", "old.safetensors", "x.slm", stderr="")
        self.assertEqual(read_file(self.path("old.safetensors")), read_file(self.path("in.safetensors")))

    def test_folder_in_the_way(self):
        self.slm("encode", "-q", *RAW, "-o", "folder.slm", "in.safetensors", stderr="")
        write_shards(self.path("model"), [[Tensor("a", "U8", [8])], [Tensor("b", "U8", [8])]])
        self.slm("encode", "-q", *RAW, "-o", "shards.slm", "model", stderr="")
        os.mkdir(self.path("out"))
        write_file(self.path("out", "precious"), b"x")
        self.slm("decode", "-o", "out", "shards.slm", code=USAGE, stderr="out.*exists")
        self.assertEqual(tree(self.path("out")), {"precious": b"x"})

    def test_force_loses_nothing_in_a_folder(self):
        side = {"sub/x": b"1", "sub/deep/y": b"2", "sub!": b"3", "sub0/z": b"4", "config.json": b"{}"}
        write_shards(self.path("model"), [[Tensor("a", "U8", [8])], [Tensor("b", "U8", [8])]], side)
        self.slm("encode", "-q", *RAW, "-o", "shards.slm", "model", stderr="")
        self.slm("decode", "-q", "-o", "out", "shards.slm", stderr="")
        model = tree(self.path("out"))
        self.assertEqual(set(model), set(tree(self.path("model"))))
        for lost in ("precious", "su", "sub1", "sub/w", "sub/deep/z", "sub0/deep", "config", "model-00003-of-00002.safetensors"):
            name = lost + "/z" if lost.endswith("deep") else lost
            with self.subTest(name):
                os.makedirs(os.path.dirname(self.path("out", name)), exist_ok=True)
                write_file(self.path("out", name), b"precious")
                self.slm("decode", "-f", "-o", "out", "shards.slm", code=USAGE, stderr="'%s'.*would be lost" % lost)
                self.assertEqual(tree(self.path("out")), {**model, name: b"precious"})
                os.remove(self.path("out", name))
                if name != lost:
                    os.rmdir(self.path("out", lost))
        os.remove(self.path("out", "sub", "x"))
        self.slm("decode", "-q", "-f", "-o", "out", "shards.slm", stderr="")
        self.assertEqual(tree(self.path("out")), model)

    def test_input_is_output(self):
        data = read_file(self.path("in.safetensors"))
        os.link(self.path("in.safetensors"), self.path("same.slm"))
        os.symlink("in.safetensors", self.path("link.slm"))
        for output in ("in.safetensors", "./in.safetensors", "same.slm", "link.slm"):
            with self.subTest(output):
                self.slm("encode", "-f", *RAW, "-o", output, "in.safetensors", code=USAGE, stderr="input|same file|reads from")
                self.assertEqual(read_file(self.path("in.safetensors")), data)
        slm = read_file(self.path("x.slm"))
        self.slm("decode", "-f", "-o", "x.slm", "x.slm", code=USAGE)
        self.assertEqual(read_file(self.path("x.slm")), slm)

    def test_missing_output_folder(self):
        before = self.files()
        self.slm("encode", *RAW, "-o", "no/such/x.slm", "in.safetensors", code=FAILURE, stderr="no/such.*No such file")
        self.slm("decode", "-o", "no/such/x.safetensors", "x.slm", code=FAILURE, stderr="no/such.*No such file")
        self.assertEqual(self.files(), before)

    def test_output_folder_is_a_file(self):
        self.slm("encode", *RAW, "-o", "in.safetensors/x.slm", "in.safetensors", code=FAILURE, stderr="Not a directory")


class FullDisk(harness.Case):
    def setUp(self):
        super().setUp()
        write_shards(self.path("model"), [[Tensor("a", "U8", [300000])], [Tensor("b", "U8", [300000])]], {"config.json": b"{}"})
        self.slm("encode", "-q", *RAW, "-o", "x.slm", "model", stderr="")

    def test_file_size_limit(self):
        before = self.files()
        for args in (["encode", *RAW, "-o", "y.slm", "model"], ["decode", "-o", "out", "x.slm"], ["decode", "-o", "out.tar", "x.slm"]):
            with self.subTest(args):
                self.slm(*args, limit=200000, code=FAILURE, stderr="File too large|[Nn]o space")
                self.assertEqual(self.files(), before)

    def test_full_device(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("no /dev/full")
        for args in (["encode", "-q", *RAW, "-o", "-", "model"], ["decode", "-q", "-o", "-", "x.slm"], ["info", "x.slm"], ["verify", "x.slm"],
                     ["verify", "--json", "x.slm"], ["diff", "model", "x.slm"], ["version"], ["help"]):
            with self.subTest(args), open("/dev/full", "wb") as full:
                p = subprocess.run([harness.SLM] + args, cwd=self.folder, stdout=full, stderr=subprocess.PIPE, env=self.environment())
                err = p.stderr.decode()
                if args[0] == "decode" and p.returncode == USAGE:
                    continue  # several files do not go to a stream
                self.assertEqual(p.returncode, FAILURE, err)
                self.assertRegex(err, "No space left on device")

    def test_small_disk(self):
        """A disk of one megabyte, where this user may mount one."""
        disk = self.path("disk")
        os.mkdir(disk)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", disk], stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL) if os.geteuid() == 0 else None
        if mounted is None or mounted.returncode != 0:
            self.skipTest("may not mount a tmpfs")
        try:
            self.slm("encode", *RAW, "-o", "disk/y.slm", "model", code=FAILURE, stderr="No space left")
            self.slm("decode", "-o", "disk/out", "x.slm", code=FAILURE, stderr="No space left")
            self.assertEqual(os.listdir(disk), [])
        finally:
            subprocess.run(["umount", disk], check=True)


class Pipes(harness.Case):
    def test_reader_goes_away(self):
        write_safetensors(self.path("in.safetensors"), [Tensor("tensor.number.%d" % i, "U8", [1]) for i in range(5000)])
        self.slm("encode", "-q", *RAW, "-o", "x.slm", "in.safetensors", stderr="")
        p = subprocess.Popen([harness.SLM, "info", "x.slm"], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             env=self.environment())
        p.stdout.read(10)
        p.stdout.close()
        err = p.stderr.read()
        p.stderr.close()
        self.assertEqual(p.wait(), -signal.SIGPIPE)
        self.assertEqual(err, b"")

    def test_input_from_a_fifo(self):
        write_safetensors(self.path("in.safetensors"), [Tensor("a", "U8", [100000])])
        self.slm("encode", "-q", *RAW, "-o", "x.slm", "in.safetensors", stderr="")
        os.mkfifo(self.path("fifo"))
        p = subprocess.Popen([harness.SLM, "verify", "fifo"], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             env=self.environment())
        write_file(self.path("fifo"), read_file(self.path("x.slm")))
        out, err = p.communicate()
        self.assertEqual((p.returncode, err), (0, b""))
        self.assertRegex(out.decode(), r"^fifo: valid")


class Signals(harness.Case):
    def interrupted(self, number, args, begun):
        """Sends the signal once `begun` says that output is being written."""
        before = self.files()
        # A background job of a shell starts with SIGINT ignored, and slm would keep to that.
        p = subprocess.Popen([harness.SLM] + args, cwd=self.folder, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                             env=self.environment(), preexec_fn=lambda: signal.signal(number, signal.SIG_DFL))
        deadline = time.monotonic() + 60
        while not begun(before) and p.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        if p.poll() is not None:
            self.fail("ended before it could be interrupted: %s" % p.communicate()[1])
        p.send_signal(number)
        _, err = p.communicate(timeout=60)
        self.assertEqual(p.returncode, -number, err)
        self.assertEqual(self.files(), before)

    def more_files(self, before):
        return len(self.files()) > len(before)

    def test_encode(self):
        write_safetensors(self.path("in.safetensors"), [Tensor("w", "F32", [4096, 256], f32(weights(256) * 4096))])
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(number):
                self.interrupted(number, ["encode", "-q", "-o", "x.slm", "in.safetensors"], self.more_files)

    def test_force_keeps_the_old_file(self):
        write_safetensors(self.path("in.safetensors"), [Tensor("w", "F32", [4096, 256], f32(weights(256) * 4096))])
        write_file(self.path("x.slm"), b"old")
        self.interrupted(signal.SIGINT, ["encode", "-q", "-f", "-o", "x.slm", "in.safetensors"], self.more_files)
        self.assertEqual(read_file(self.path("x.slm")), b"old")

    def test_ignored_signals_stay_ignored(self):
        """As under nohup."""
        write_safetensors(self.path("in.safetensors"), [Tensor("w", "F32", [64, 256], f32(weights(256) * 64))])
        before = self.files()
        p = subprocess.Popen([harness.SLM, "encode", "-q", "-o", "x.slm", "in.safetensors"], cwd=self.folder, env=self.environment(),
                             preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        while not self.more_files(before) and p.poll() is None:
            time.sleep(0.002)
        p.send_signal(signal.SIGHUP)
        self.assertEqual(p.wait(timeout=120), 0)


if __name__ == "__main__":
    harness.main()
