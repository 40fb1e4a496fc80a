"""How many maps move because rounding decides between two members of a pool."""

import numpy as np

from legacy_gbp.attribution.network import Network
from legacy_gbp.exercises.definitions import EXERCISES
from legacy_gbp.models.built_network import BuiltNetwork
from tests.benchmarks import material

SHOTS = 128
MOVED = 1e-5  # of the map's largest magnitude

# Two ways to compute the same maps: precision, batch, and whether the graph is plain.
PLAIN, ALONE = ("float32", 16, True), ("float32", 1, True)
FOLDED, EXACT = ("float32", 16, False), ("float64", 16, True)
PAIRS = {
    "folded and plain": (FOLDED, PLAIN),
    "plain at batch 1 and at batch 16": (ALONE, PLAIN),
    "plain in single and in double precision": (PLAIN, EXACT),
    "folded and plain, both in double precision": (("float64", 16, False), EXACT),
}


def moved(exercise, rule):
    """Yield (pair, number of shots whose maps differ, median difference of all)."""
    ways = {way for pair in PAIRS.values() for way in pair}
    maps = {way: _maps(exercise, rule, *way) for way in ways}
    for title, (first, second) in PAIRS.items():
        largest = np.abs(maps[second]).max(axis=(1, 2, 3))
        errors = np.abs(maps[first] - maps[second]).max(axis=(1, 2, 3))
        errors = errors / np.where(largest > 0, largest, 1)  # guided maps may be all zero
        yield title, int((errors > MOVED).sum()), float(np.median(errors))


def _maps(exercise, rule, dtype, batch, plain):
    shots = material.shots(SHOTS).astype(dtype)
    seeds = np.eye(len(EXERCISES[exercise].classes))[material.labels(exercise, SHOTS)]
    source = BuiltNetwork(EXERCISES[exercise].network, material.arrays(exercise), dtype)
    with Network(source, plain=plain) as net:
        model = net.under(rule)
        parts = [slice(start, start + batch) for start in range(0, SHOTS, batch)]
        return np.concatenate([model.gradient(shots[part], seeds[part]) for part in parts])


def main():
    """Print the table."""
    print(f"| maps of {SHOTS} shots off by more than {MOVED} | shots | median |")
    print("|---|---|---|")
    for exercise in ("ex07", "ex08"):
        for rule in ("gradient", "guided"):
            for pair, shots, median in moved(exercise, rule):
                print(f"| {exercise} {rule}, {pair} | {shots} | {median:.0e} |", flush=True)
    print(flush=True)


if __name__ == "__main__":
    main()
