"""``python -m tests.fuzz --inputs 10000 --seed 0``: see :mod:`tests.fuzz`."""

import argparse
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from typing import Any, Dict, List, Tuple

from legacy_gbp.cli.quiet_tensorflow import load_quietly
from tests.fuzz import mutators, runner
from tests.fuzz.kinds import KINDS, Kind, command_for

LOADED = (
    "legacy_gbp.attribution.network", "legacy_gbp.attribution.pipeline",
    "legacy_gbp.attribution.published_numbers", "legacy_gbp.cli.work", "legacy_gbp.cli.restore",
    "legacy_gbp.data.truth", "legacy_gbp.figures", "legacy_gbp.metrics.gradient_check",
    "legacy_gbp.models.contents", "legacy_gbp.models.frozen_graphs",
    "legacy_gbp.models.keras_models", "legacy_gbp.models.meta_graphs",
    "legacy_gbp.models.saved_models", "legacy_gbp.results.virtual",
    "legacy_gbp.exercises.checkpoint", "legacy_gbp.training.log",
    "legacy_gbp.training.resume_file",
)  # fmt: skip
VERDICTS = (runner.CLEAN, runner.SAME, runner.OTHER, *runner.FAULTS)
SHARE_STRUCTURED = 0.5
SECONDS_BETWEEN_LINES = 30


def main() -> int:
    """Run the fuzzer; return 1 where it found a fault."""
    options = _options()
    load_quietly()
    import importlib

    for name in LOADED:  # a fork has them; no session is opened before it
        importlib.import_module(name)
    with tempfile.TemporaryDirectory() as work:
        seeds = os.path.join(work, "seeds")
        os.mkdir(seeds)
        words = [sys.executable, "-m", "tests.fuzz.seeds", seeds]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
        return _Fuzzer(options, seeds, os.path.join(work, "input")).run()


def _options() -> Any:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=500, metavar="N")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="number of the first")
    parser.add_argument(
        "--kind",
        metavar="PATTERN",
        default="",
        help="only kinds with this regular expression in the name",
    )
    parser.add_argument("--keep", metavar="DIR", help="copy the files of faults here")
    return parser.parse_args()


class _Fuzzer:
    """Mutates, runs and counts."""

    def __init__(self, options: Any, seeds: str, folder: str) -> None:
        self._options, self._seeds, self._folder = options, seeds, folder
        self._kinds = [kind for kind in KINDS if re.search(options.kind, kind.name)]
        self._counts: Dict[str, Counter] = {kind.name: Counter() for kind in self._kinds}
        self._stopped: Counter = Counter()
        self._unforeseen: Dict[str, List[str]] = {}
        self._faults: List[str] = []
        self._references: Dict[Tuple[Kind, Tuple[str, ...]], str] = {}

    def run(self) -> int:
        """Run all inputs, print the table; return 1 where there was a fault."""
        begun = last = time.monotonic()
        weights = [kind.weight for kind in self._kinds]
        for number in range(self._options.first, self._options.first + self._options.inputs):
            rng = random.Random(f"{self._options.seed}/{number}")
            kind = rng.choices(self._kinds, weights)[0]
            self._try(number, rng, kind)
            if time.monotonic() - last > SECONDS_BETWEEN_LINES:
                last = time.monotonic()
                done = number + 1 - self._options.first
                print(f"-- {done} of {self._options.inputs} inputs", flush=True)
        self._print(time.monotonic() - begun)
        return int(bool(self._faults))

    def _try(self, number: int, rng: random.Random, kind: Kind) -> None:
        name = rng.choice(kind.mutated)
        command = command_for(rng, kind, name)
        reference = self._reference(kind, command)
        self._copy(kind)
        how = self._mutate(rng, kind, os.path.join(self._folder, name))
        outcome = self._outcome(command, reference)
        count = self._counts[kind.name]
        count[outcome.verdict] += 1
        title = f"{number} ({kind.name}: {name} by {how}; {' '.join(command)})"
        if outcome.stopped_by:
            self._stopped[outcome.stopped_by] += 1
            print(f"stopped by the supervisor: {title}: {outcome.line}", flush=True)
            self._keep(number, "stopped")
        if outcome.is_unforeseen:
            why = outcome.line.partition("cannot be read (")[2].partition("); it is damaged")[0]
            self._unforeseen.setdefault(why, []).append(title)
            self._keep(number, "unforeseen")
        blind = how in [mutate.__name__ for mutate in mutators.GENERAL]  # to checksums
        is_wrong = outcome.verdict == runner.OTHER and kind.has_checksum and blind
        if outcome.verdict in runner.FAULTS or is_wrong:
            self._faults.append(title)
            print(f"{outcome.verdict}: {title}: {outcome.line}", flush=True)
            self._keep(number, outcome.verdict)

    def _reference(self, kind: Kind, command: Tuple[str, ...]) -> str:
        """Return the digest of the valid files, which the command must accept."""
        key = kind, command
        if key not in self._references:
            self._copy(kind)
            outcome = self._outcome(command, "")
            assert outcome.verdict == runner.OTHER, (kind.name, command, outcome)
            self._references[key] = outcome.digest
        return self._references[key]

    def _copy(self, kind: Kind) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        shutil.copytree(os.path.join(self._seeds, kind.folder), self._folder)

    def _mutate(self, rng: random.Random, kind: Kind, path: str) -> str:
        with open(path, "rb") as file:
            data = file.read()
        other_kind = rng.choice(KINDS)
        other = os.path.join(self._seeds, other_kind.folder, rng.choice(other_kind.mutated))
        with open(other, "rb") as file:
            other_data = file.read()
        mutate: Any = rng.choice(mutators.GENERAL)
        if kind.structured and rng.random() < SHARE_STRUCTURED:
            mutate = rng.choice(kind.structured)
        try:
            changed = mutate(rng, data, other_data)
        except Exception:  # the library that changes the file did not like it
            mutate = mutators.flip_bits
            changed = mutate(rng, data, other_data)
        with open(path, "wb") as file:
            file.write(changed)
        return str(mutate.__name__)

    def _outcome(self, command: Tuple[str, ...], reference: str) -> runner.Outcome:
        here = os.getcwd()
        os.chdir(self._folder)
        try:
            return runner.run(command, reference)
        finally:
            os.chdir(here)

    def _keep(self, number: int, why: str) -> None:
        if self._options.keep:
            place = os.path.join(self._options.keep, f"{number}-{why}")
            shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(self._folder, place)

    def _print(self, seconds: float) -> None:
        width = max(len(kind.name) for kind in self._kinds)
        print(" ".join([" " * width, "  inputs", *(f"{name:>9}" for name in VERDICTS)]))
        total: Counter = Counter()
        for kind in self._kinds:
            count = self._counts[kind.name]
            total.update(count)
            checked = "" if kind.has_checksum else "  no checksum"
            print(self._row(kind.name.ljust(width), count) + checked)
        print(self._row("all".ljust(width), total))
        stopped = ", ".join(f"{name} {count}" for name, count in sorted(self._stopped.items()))
        print(f"of the clean ones stopped by the supervisor: {stopped or 'none'}")
        print(f"of the clean ones caught at the top of the command: {len(self._unforeseen)} places")
        for why, titles in sorted(self._unforeseen.items()):
            print(f"  {len(titles)} x {why}; such as {titles[0]}")
        print(f"-- {sum(total.values())} inputs, {seconds:.0f} s, {len(self._faults)} faults")

    @staticmethod
    def _row(name: str, count: Counter) -> str:
        return " ".join(
            [name, f"{sum(count.values()):8}", *(f"{count[verdict]:9}" for verdict in VERDICTS)]
        )


if __name__ == "__main__":
    raise SystemExit(main())
