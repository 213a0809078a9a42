#!/usr/bin/env python3
"""Shows that the conformance suite bites: breaks libslm's decoder in the ways of mutants.py, one at a time, and sees each refused.

    run.py --conform SLM_CONFORM --suite SUITE [--table README.md] [--short] [--only ID ...] [--cc CC]

Each mutant is libslm's levels 1 and 2 with the edits made in a copy, compiled by plain cc -O1 (only what changed is compiled again) with
../examples/decoder.c, and run by slm-conform over the vectors of the rule that it breaks. Exits 1 where a mutant passes these, does not
compile, or where a text to be edited is not there exactly once.
"""

import argparse
import datetime
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import mutants  # noqa: E402

ROOT = HERE.parents[1]
FLAGS = ["-std=c11", "-O1", "-w", "-ffp-contract=off", "-DSLM_BUILDING", "-D_POSIX_C_SOURCE=200809L", "-D_FILE_OFFSET_BITS=64", "-MMD"]


class Failed(Exception):
    pass


def run(command, **more):
    made = subprocess.run([str(word) for word in command], capture_output=True, text=True, errors="replace", **more)
    if made.returncode != 0:
        raise Failed(f"{' '.join(map(str, command[:2]))} ...: {(made.stderr or made.stdout).strip()[:500]}")


class Tree:
    """A copy of libslm's sources and its objects."""

    def __init__(self, folder, cc):
        self.folder, self.cc = folder, cc
        shutil.copytree(ROOT / "libslm" / "src", folder / "src")
        for edit in mutants.BASE:
            self.edit(*edit)
        self.sources = sorted(set(self.level_sources()) - set(mutants.LEFT_OUT))
        self.compile(self.sources)
        self.command(["-c", ROOT / "conformance" / "examples" / "decoder.c", "-o", folder / "example.o"])

    @staticmethod
    def level_sources():
        """The files of levels 1 and 2, as libslm/meson.build lists them."""
        text = (ROOT / "libslm" / "meson.build").read_text(encoding="utf-8")
        for name in ("decode_sources", "container_sources"):
            body = text.split(name + " = files(")[1].split(")")[0]
            yield from (word.strip().strip("'").rpartition("/")[2] for word in body.split(",") if word.strip())

    def path(self, name):
        """Where a source lies: names are unique over the levels' folders."""
        (path,) = (self.folder / "src").glob("*/" + name)
        return path

    def edit(self, name, old, new):
        path = self.path(name)
        text = path.read_text(encoding="utf-8")
        if text.count(old) != 1:
            raise Failed(f"{name} has {text.count(old)} times: {old[:80]!r}")
        path.write_text(text.replace(old, new), encoding="utf-8")

    def command(self, arguments):
        run([*self.cc.split(), *FLAGS, "-I", ROOT / "libslm" / "include", *arguments])

    def object(self, source):
        return self.folder / (source[:-2] + ".o")

    def compile(self, sources):
        for source in sources:
            self.command(["-c", self.path(source), "-o", self.object(source)])

    def depends(self, source, header):
        """Whether the compiler read `header` for it."""
        return f"/{header}" in self.object(source).with_suffix(".d").read_text(encoding="utf-8")

    def link(self):
        target = self.folder / "decoder"
        self.command([self.folder / "example.o", *map(self.object, self.sources), "-o", target, "-pthread"])
        return target

    def mutated(self, edits):
        """The decoder with these edits; call restore() after it."""
        for edit in edits:
            self.edit(*edit)
        self.changed = [source for source in self.sources if any(self.depends(source, name) for name, _, _ in edits)]
        self.compile(self.changed)
        return self.link()

    def keep(self, edits):
        """Remembers what these edits change."""
        names = {name for name, _, _ in edits}
        touched = {source for source in self.sources for name in names if self.depends(source, name)}
        self.kept = {path: path.read_bytes() for path in map(self.path, names)}
        self.kept |= {self.object(source): self.object(source).read_bytes() for source in touched}

    def restore(self):
        for path, data in self.kept.items():
            path.write_bytes(data)


def conform(arguments, decoder, report, *more):
    """The trials of a run."""
    command = [arguments.conform, "--suite", arguments.suite, "--decoder", f"{decoder} {{input}} {{output}} {{dtype}}", "--exit-codes", "--timeout", "10", "--fail-fast", "--json", report, *more]
    made = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if made.returncode not in (0, 1):
        raise Failed(made.stderr.strip())
    return json.loads(report.read_text(encoding="utf-8"))["trials"]


def kill(tree, arguments, mutant):
    """The first trial that tells the mutant from a decoder; None where there is none."""
    _, rule, _, edits = mutant
    tree.keep(edits)
    try:
        trials = conform(arguments, tree.mutated(edits), tree.folder / "report.json", "--rule", rule)
    finally:
        tree.restore()
    failed = [trial for trial in trials if trial["outcome"] not in ("passed", "declined")]
    return failed[0] if failed else None


def table(rows, count):
    head = f"""# Mutants

Does the suite notice a wrong decoder? `run.py` breaks libslm's decoder in {count} ways ([mutants.py](mutants.py)), one at a time, and runs the vectors
of the rule that is broken. The table names for each mutant the first vector that tells it from a decoder, and how: *wrong output* (other
bytes), *wrong accept* (it takes a file that must be refused), *wrong refusal* (the other way round), *wrong class* (refused with
another exit code), *crashed* or *hung*.

**{len(rows)} of {count} killed**, {datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d}, by `meson compile -C build mutants`, which also writes this file.

Not among them are mutants that no file can tell from a decoder: a check that another check makes superfluous (the limit of index_size, say,
where the index would have to fit a smaller file).

| mutant | what is broken | rule | first vector that kills it | how |
|---|---|---|---|---|
"""
    return head + "".join(f"| {' | '.join(row)} |\n" for row in rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--conform", required=True)
    parser.add_argument("--suite", required=True)
    parser.add_argument("--cc", default=os.environ.get("CC", "cc"))
    parser.add_argument("--short", action="store_true", help="a few mutants, one of each part")
    parser.add_argument("--only", nargs="+", default=(), metavar="ID")
    parser.add_argument("--table", type=Path, help="write the table there where all are killed")
    arguments = parser.parse_args()
    wanted = set(arguments.only or (mutants.SHORT if arguments.short else ()))
    chosen = [mutant for mutant in mutants.MUTANTS if not wanted or mutant[0] in wanted]
    rows, survivors = [], 0
    with tempfile.TemporaryDirectory(prefix="slm-mutants-") as name:
        tree = Tree(Path(name), arguments.cc)
        if not wanted:
            trials = conform(arguments, tree.link(), tree.folder / "report.json")
            if any(trial["outcome"] != "passed" for trial in trials):
                raise Failed(f"the decoder itself does not pass: {trials[-1]}")
            print(f"unchanged: {len(trials)} of {len(trials)} passed", flush=True)
        for mutant in chosen:
            id, rule, what, _ = mutant
            trial = kill(tree, arguments, mutant)
            if trial is None:
                survivors += 1
                print(f"SURVIVES  {id}: {what} [{rule}]", flush=True)
                continue
            rows.append((f"`{id}`", what, rule, f"`{trial['id']}`", trial["outcome"] + ("" if trial["dtype"] == "-" else f", {trial['dtype']}")))
            print(f"killed    {id} [{rule}] by {trial['id']}: {trial['outcome']}", flush=True)
    print(f"{len(rows)} of {len(chosen)} killed")
    if arguments.table and not survivors:
        arguments.table.write_text(table(rows, len(chosen)), encoding="utf-8")
    return 1 if survivors else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as failed:
        sys.exit(f"mutants: {failed}")
