"""The whole benchmark: contestants in turn, medians, ratios, a table and a figure."""

import argparse
import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile

import numpy as np

from tests.benchmarks import commands, report, workloads
from tests.benchmarks.contestants import Contestant

PARTS = ("maps", "sizes", "original", "commands", "end-to-end", "rounding")
SCALE_FILES = (2, 20)  # 1,000 and 10,000 shots


def main():
    """Measure what was asked for and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--part", action="append", choices=PARTS, help="default: all")
    parser.add_argument("--only", default="", help="workloads whose title holds these words")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--figure", help="draw the comparison into this file")
    options = parser.parse_args()
    parts = options.part or PARTS
    if "rounding" in parts:  # in its own process: a child's peak memory begins at its parent's
        command = [sys.executable, "-m", "tests.benchmarks.rounding"]
        subprocess.check_call(command, cwd=commands.ROOT)
    report.machine()
    with contextlib.ExitStack() as stack:
        ring = _Ring(stack, options.repeats)
        if "maps" in parts or "sizes" in parts:
            report.ceiling(ring.measure(workloads.CEILING)["matrix product"])
        chosen = workloads.COMPARED if "maps" in parts else []
        compared = [(work, ring.measure(work)) for work in chosen if options.only in work.title]
        report.compared(compared)
        sizes = workloads.SIZES if "sizes" in parts else []
        report.sizes([(w, ring.measure(w)) for w in sizes if options.only in w.title])
        original = _original(ring) if "original" in parts else {}
        report.original(original)
        if options.figure:
            report.figure(compared, original, options.figure)
        if "commands" in parts or "end-to-end" in parts:
            _commands(parts, ring)


class _Ring:
    """The contestants' processes, opened when first needed."""

    def __init__(self, stack, repeats):
        self._stack, self._repeats, self._open = stack, repeats, {}

    def measure(self, work):
        """Median seconds of one step for every contestant that is here, in turn, forth and back."""
        names = [name for name in work.contestants if name != "PyTorch" or _has_pytorch()]
        found: dict = {name: [] for name in names}
        for turn in range(self._repeats):
            for name in names[:: -1 if turn % 2 else 1]:
                found[name].append(self._of(name).step(work.task, work.exercise, work.batch))
        print(f".. {work.title}", file=sys.stderr, flush=True)
        return {name: float(np.median(seconds)) for name, seconds in found.items()}

    def _of(self, name):
        if name not in self._open:
            self._open[name] = self._stack.enter_context(Contestant(name))
        return self._open[name]


def _has_pytorch():
    return all(importlib.util.find_spec(name) for name in ("torch", "captum"))


def _original(ring):
    """Exercise to (seconds a map here, list of seconds a map as in 2016)."""
    found = {}
    for exercise in ("ex07", "ex08"):
        command = [sys.executable, "-m", "tests.benchmarks.original", exercise]
        seconds = json.loads(subprocess.check_output(command, cwd=commands.ROOT))
        work = workloads.Workload(f"{exercise} here", "maps", exercise, 16, ("here",))
        found[exercise] = (ring.measure(work)["here"] / 16, seconds)
    return found


def _commands(parts, ring):
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCHMARK_FOLDER")) as folder:
        if "commands" in parts:
            report.start_up(commands.help_seconds(5), commands.first_map("ex07", folder))
        if "end-to-end" not in parts:
            return
        for exercise, batch in (("ex07", 64), ("ex08", 16)):
            for stored in commands.STORED:
                title = f"{exercise} compute only"
                work = workloads.Workload(title, "maps int16", exercise, batch, ("here",))
                before = ring.measure(work)["here"] / batch
                runs = [commands.end_to_end(exercise, folder, stored, n) for n in SCALE_FILES]
                after = ring.measure(work)["here"] / batch
                report.end_to_end(exercise, stored, (before + after) / 2, runs, SCALE_FILES)


if __name__ == "__main__":
    main()
