"""slm explore: its points, the front, going on with a log, what it refuses."""

import csv
import math
import os
import xml.dom.minidom

import harness
from harness import FAILURE, INVALID, OK, USAGE, Tensor, bf16, weights, write_shards

SMALL = ("--rows", "3", "--columns", "256", "--quick")


class Explore(harness.Case):
    def explore(self, *arguments, **wanted):
        return self.slm("explore", "-o", "p.csv", *SMALL, *arguments, **wanted)

    def points(self):
        with open(self.path("p.csv"), newline="") as file:
            return list(csv.DictReader(file))

    def test_points(self):
        r = self.explore("--sweep", "trellis,K=6/8,k=3/4", "-r", "0", "-r", "4", "--all", stderr="")
        rows = self.points()
        self.assertEqual({(p["profile"], p["rotation"]) for p in rows},
                         {(f"trellis,C=1,P=4,K={K},W=4,step=29,k={k}", h) for K in (6, 8) for k in (3, 4) for h in ("0", "4")})
        self.assertEqual(len(r.out.splitlines()), 2 + 8)
        for p in rows:
            k, K = int(p["profile"][-1]), int(p["profile"].split("K=")[1].split(",")[0])
            size = math.ceil((K + 255 * k) / 8) + 2
            self.assertAlmostEqual(float(p["bits"]), 8 * size / 256, 5)
            self.assertTrue(2.0**-k < float(p["error"]) < 2.5 * 2.0**-k, p)
            self.assertGreater(float(p["confidence"]), 0)
            self.assertGreater(float(p["encode_ns"]), 0)
            self.assertGreater(float(p["decode_ns"]), 0)
        # A larger register errs less, rotation costs cells.
        find = {(p["profile"][-1], p["profile"].split("K=")[1][0], p["rotation"]): p for p in rows}
        for k in "34":
            self.assertLess(float(find[k, "8", "0"]["error"]), float(find[k, "6", "0"]["error"]))
            self.assertGreater(float(find[k, "8", "4"]["cells"]), float(find[k, "8", "0"]["cells"]))

    def test_error_is_encode_s(self):
        """The error is the one slm diff finds in the same rows, coded by slm encode."""
        write_shards(self.path("model"), [[Tensor("a.q_proj.weight", "BF16", [16, 256], bf16(weights(4096)))]], {})
        self.explore("-s", "model", "--rows", "16", "-r", "4", "--sweep", "trellis,K=8,k=3")
        self.slm("encode", "-q", "-p", "trellis,K=8,k=3", "--rotation", "4", "-o", "m.slm", "model")
        stated = self.json("info", "m.slm")["files"][0]["tensors"][0]["error"]
        self.assertAlmostEqual(float(self.points()[0]["error"]), stated, 5)
        self.assertEqual(self.points()[0]["source"], "model:a.q_proj.weight")

    def test_budget(self):
        self.explore("--bits", "3", "--sweep", "trellis,K=6,k=2/3,C=1/2", "--sweep", "block,C=4,K=6,P=2,W=4,B=2/3,E=0/2,norm=0")
        self.assertEqual({p["profile"] for p in self.points()},
                         {"trellis,C=1,P=4,K=6,W=4,step=29,k=3", "block,C=4,P=2,K=6,W=4,step=1,E=2,B=2,norm=0", "block,C=4,P=2,K=6,W=4,step=1,E=0,B=3,norm=0"})

    def test_goes_on(self):
        sweep = ("--sweep", "trellis,K=6/7/8,k=3")
        self.explore(*sweep)
        whole = self.points()
        with open(self.path("p.csv")) as file:
            lines = file.readlines()
        with open(self.path("p.csv"), "w") as file:
            file.writelines(lines[:2] + [lines[2][:30]])  # cut off within its second point
        self.explore(*sweep)
        again = self.points()
        self.assertEqual([p["profile"] for p in again], [p["profile"] for p in whole])
        self.assertEqual(again[0], whole[0])
        self.assertEqual([p["error"] for p in again], [p["error"] for p in whole])
        before = os.stat(self.path("p.csv")).st_size
        self.explore(*sweep)
        self.assertEqual(os.stat(self.path("p.csv")).st_size, before)

    def test_front(self):
        """A point that another beats in everything is not on the front."""
        title = "source,rows,columns,profile,rotation,bits,error,confidence,encode_ns,decode_ns,cells\n"
        name = "trellis,C=1,P=4,K=6,W=4,step=29,k=%d"
        line = '"gaussian",3,256,"' + name + '",0,%s,%s,0.001,%s,1.0,%s\n'
        with open(self.path("p.csv"), "w") as file:
            file.write(title + line % (1, "1.0", "0.5", "100", "50.0") + line % (2, "1.0", "0.6", "100", "50.0") +
                       line % (3, "1.0", "0.6", "50", "50.0") + line % (4, "1.0", "0.6", "104", "40.0") + line % (5, "0.5", "0.9", "100", "50.0"))
        r = self.explore("--sweep", (name % 1).replace("k=1", "k=1/2/3/4/5"), "-r", "0", "--svg", "f.svg")
        self.assertEqual(sorted(int(row.split("k=")[1][0]) for row in r.out.splitlines()[2:]), [1, 3, 4, 5])
        circles = xml.dom.minidom.parse(self.path("f.svg")).getElementsByTagName("circle")
        self.assertEqual(sorted(c.getAttribute("fill") == "white" for c in circles), [False] * 4 + [True])

    def test_sources(self):
        for source in ("gaussian", "laplace", "student4", "outliers", "uneven"):
            self.explore("-s", source, "-r", "0", "--sweep", "trellis,K=8,k=4")
        error = {p["source"]: float(p["error"]) for p in self.points()}
        self.assertLess(error["gaussian"], error["laplace"])
        self.assertLess(error["gaussian"], error["student4"])
        self.assertLess(error["student4"], error["outliers"])

    def test_refusals(self):
        self.slm("explore", "--bits", "4", code=USAGE, stderr="-o is missing")
        self.slm("explore", "-o", "p.csv", code=USAGE, stderr="--bits or --sweep is missing")
        self.explore("--bits", "4", "x", code=USAGE, stderr="operand too many")
        self.explore("--sweep", "slm-9", code=USAGE, stderr="slm-9")
        self.explore("--sweep", "slm-4", "-r", "3", code=USAGE, stderr="4 to 10")
        self.explore("--sweep", "slm-4", "-s", "nowhere", code=FAILURE, stderr="nowhere")
        self.slm("explore", "-o", "no/p.csv", "--sweep", "slm-4", code=FAILURE, stderr="cannot open")
        self.explore("--sweep", "trellis,K=21,k=4", stderr="left out", code=OK)
        write_shards(self.path("model"), [[Tensor("a.q_proj.weight", "BF16", [16, 256], bf16([float("nan")] + weights(4095)))]], {})
        self.explore("--sweep", "trellis,K=8,k=3", "-s", "model", code=INVALID, stderr="NaN")
        self.explore("--sweep", "trellis,K=8,k=3", "-s", "model", "-t", "b*", code=USAGE, stderr="no tensor matches")
        with open(self.path("p.csv"), "w") as file:
            file.write("a,b\n")
        self.explore("--sweep", "slm-4", code=INVALID, stderr="line 1")


if __name__ == "__main__":
    harness.main()
