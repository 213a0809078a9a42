#!/usr/bin/env python3
"""What the campaigns on record come to, a target a line: record.py prints the table of README.md from record.csv, to which the record.csv of
each campaign (campaign.sh) is appended. record.py README.md: exit status 1 unless the table is there as printed."""

import csv
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def table():
    targets = {}
    for row in csv.DictReader((HERE / "record.csv").open(newline="")):
        targets.setdefault(row["target"], []).append(row)
    lines = ["| target | processor time | sanitized alone | libFuzzer | executions | edges | crashes | hangs |",
             "|---|---:|---:|---:|---:|---:|---:|---:|"]
    whole = {"cpu_s": 0, "executions": 0, "crashes": 0, "hangs": 0}
    for target, rows in targets.items():
        total = {key: sum(int(row[key]) for row in rows) for key in whole}
        alone = {kind: sum(int(row["cpu_s"]) for row in rows if row["kinds"] == kind) / 60 for kind in ("asan", "libfuzzer")}
        # Sanitized programs have edges of their own.
        best, of = max(((int(row["edges"]), int(row["edges_total"])) for row in rows if row["kinds"] not in alone), default=(0, 0))
        lines.append(f"| `{target}` | {total['cpu_s'] / 60:.0f} min | {alone['asan']:.0f} min | {alone['libfuzzer']:.0f} min "
                     f"| {total['executions']:,} | {best:,} of {of:,} | {total['crashes']} | {total['hangs']} |")
        whole = {key: whole[key] + total[key] for key in whole}
    lines.append(f"| all | {whole['cpu_s'] / 3600:.1f} h | | | {whole['executions']:,} | | {whole['crashes']} | {whole['hangs']} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if len(sys.argv) == 1:
        sys.stdout.write(table())
    elif table() not in Path(sys.argv[1]).read_text():
        sys.exit(f"{sys.argv[1]}: has not the table that record.py prints")
