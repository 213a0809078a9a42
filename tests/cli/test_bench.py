"""slm bench: that it measures what it says, in both forms. The figures themselves are not looked at."""

import signal
import subprocess
import time

import harness
from harness import USAGE


class Decode(harness.Case):
    def test_report(self):
        report = self.json("bench", "decode", "--quick")
        self.assertEqual((report["command"], report["part"]), ("bench", "decode"))
        version = self.json("version")
        seen = {(k["profile"], k["rotation"], k["kernel"], k["dtype"]) for k in report["kernels"]}
        for profile, kernel in version["decoding"].items():
            for rotation in (0, 7) if profile.startswith("slm-") else (0,):
                for dtype in ("F16", "BF16", "F32"):
                    self.assertIn((profile, rotation, "scalar", dtype), seen)
            self.assertIn((profile, 0, kernel, "F16"), seen)
        for k in report["kernels"]:
            self.assertGreater(k["weights_per_second"], 0)
            self.assertGreater(k["memcpy_bytes_per_second"], 0)
            self.assertGreater(k["times_memcpy"], 0)

        products = {(k["profile"], k["rotation"], k["x"]) for k in report["products"]}
        self.assertLessEqual({("paper-4", 0, "F32"), ("slm-4", 0, "F32"), ("slm-4", 7, "F32"), ("slm-4", 7, "I8")}, products)
        self.assertNotIn(("paper-4", 0, "I8"), products)
        self.assertTrue(all(k["weights_per_second"] > 0 for k in report["products"]))
        files = {(k["profile"], k["rotation"]) for k in report["files"]}
        self.assertLessEqual({("slm-4", 0), ("slm-4", 7), ("paper-4", 0)}, files)
        self.assertTrue(all(k["weights_per_second"] > 0 and k["checked_times_kernel"] > 0 and k["file_times_kernel"] > 0 and k["two_threads"] > 0
                            and k["checksum_cost"] > -1 for k in report["files"]))

    def test_one_profile(self):
        report = self.json("bench", "decode", "--quick", "-p", "paper-3")
        self.assertEqual({k["profile"] for k in report["kernels"]}, {"paper-3"})
        self.slm("bench", "decode", "--quick", "-p", "slm-2", stdout=r"(?m)\Aprofile .*\n(slm-2 .*\n)+\nproducts.*\nprofile .*\n(slm-2 .*\n)+\nfiles.*\nprofile .*\n(slm-2 .*\n)+\Z", stderr="")

    def test_interrupted(self):
        """Nothing stays in the temporary folder."""
        for _ in range(20):
            p = subprocess.Popen([harness.SLM, "bench", "decode", "--quick", "-p", "paper-4"], cwd=self.folder, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.PIPE, env=self.environment(), preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
            while not self.files() and p.poll() is None:
                time.sleep(0.0005)
            p.send_signal(signal.SIGINT)
            err = p.communicate(timeout=60)[1]
            self.assertEqual(self.files(), [])
            if p.returncode != 0:
                break
        self.assertEqual((p.returncode, err), (-signal.SIGINT, b""))

    def test_usage(self):
        self.slm("bench", code=USAGE, stderr="what to measure is missing")
        self.slm("bench", "sleep", code=USAGE, stderr='"sleep" cannot be measured')
        self.slm("bench", "decode", "-p", "slm-9", code=USAGE, stderr='unknown profile "slm-9"')
        self.slm("bench", "decode", "a", "b", code=USAGE, stderr='"b" is an operand too many')


class Encode(harness.Case):
    def test_report(self):
        report = self.json("bench", "encode", "--quick", "-p", "paper-4")
        self.assertEqual((report["command"], report["part"]), ("bench", "encode"))
        self.assertEqual({s["search"] for s in report["searches"]}, {"exact", "paper"})
        for s in report["searches"]:
            self.assertEqual(s["profile"], "paper-4")
            self.assertGreater(s["weights_per_second"], 0)
            self.assertAlmostEqual(s["core_hours_of_8e9_weights"] * s["weights_per_second"] * 3600, 8e9, delta=8e5)
            self.assertGreater(s["examined_per_block"], 1)
            self.assertTrue(0.11 < s["error"] < 0.13)
        self.slm("bench", "encode", "--quick", "-p", "paper-4", stdout=r"(?m)\Aprofile .*\n(paper-4 .*\n)+\Z", stderr="")


class Hessian(harness.Case):
    def test_report(self):
        report = self.json("bench", "hessian", "--quick")
        self.assertEqual((report["command"], report["part"]), ("bench", "hessian"))
        self.assertEqual(report["factorings"][0]["kernel"], "scalar")
        for f in report["factorings"]:
            self.assertEqual(f["columns"], 256)
            self.assertTrue(f["cpu_seconds"] > 0 and f["times_scalar"] > 0 and f["two_threads"] > 0)
        self.slm("bench", "hessian", "--quick", stdout=r"\Acolumns .*\n(256 .*\n)+\Z", stderr="")


if __name__ == "__main__":
    harness.main()
