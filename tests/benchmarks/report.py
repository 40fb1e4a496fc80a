"""Tables in Markdown, and the figure."""

import os
import platform

import numpy as np

from tests.benchmarks.commands import SHOTS_A_FILE

MANY = (66_000, 10_000_000)
OPERATIONS = 2 * 2048**3


def machine():
    """What this was measured on."""
    import tensorflow as tf

    print(
        f"{os.cpu_count()} cores, Python {platform.python_version()}, TensorFlow {tf.__version__}"
    )


def ceiling(seconds):
    """Operations a second of a matrix product."""
    print(f"matrix product, single precision: {OPERATIONS / seconds / 1e9:.0f} GFLOP/s\n")


def compared(rows):
    """Milliseconds an image (a step, in training) and ratios to this project."""
    if not rows:
        return
    names = ("here", "plain graph", "plain gradient", "PyTorch")
    print("| milliseconds an image (a step) | " + " | ".join(names) + " | PyTorch / here |")
    print("|---|" + "---|" * (len(names) + 1))
    for work, seconds in rows:
        each = 1 if work.task == "train" else work.batch
        cells = [f"{1e3 * seconds[name] / each:.2f}" if name in seconds else "" for name in names]
        ratio = f"{seconds['PyTorch'] / seconds['here']:.2f}" if "PyTorch" in seconds else ""
        print(f"| {work.title} | " + " | ".join([*cells, ratio]) + " |")
    guided = [s["here"] / s["plain gradient"] for _, s in rows if "plain gradient" in s]
    if guided:
        print(f"\nguided against the plain gradient: median ratio {np.median(guided):.3f}")
    print(flush=True)


def sizes(rows):
    """Cost against the size of the image."""
    if not rows:
        return
    print("| batch of 16 | milliseconds an image | 66,000 shots | 10 million shots |")
    print("|---|---|---|---|")
    for work, seconds in rows:
        each = seconds["here"] / work.batch
        spans = " | ".join(_span(each * number) for number in MANY)
        print(f"| {work.title} | {1e3 * each:.2f} | {spans} |")
    print(flush=True)


def original(found):
    """The way of 2016 beside this project's."""
    for exercise, (here, seconds) in found.items():
        median = np.median(seconds)
        print(
            f"{exercise} as in 2016: {1e3 * median:.0f} ms a map (median of the first "
            f"{len(seconds)}; the first {1e3 * seconds[0]:.0f}, the last {1e3 * seconds[-1]:.0f}); "
            f"here {1e3 * here:.2f} ms: {median / here:.0f} times as fast"
        )
    if found:
        print(flush=True)


def start_up(help_seconds, stages):
    """From the command to the first map."""
    print(f"--help: {help_seconds:.2f} s\n")
    print("| from the command to the first map | seconds |")
    print("|---|---|")
    for stage, seconds in stages:
        print(f"| {stage} | {seconds:.3f} |")
    print(flush=True)


def end_to_end(exercise, stored, compute, runs, files):
    """A whole gbprop; the two lengths tell start-up and rate apart."""
    few, many = (SHOTS_A_FILE * number for number in files)
    rate = (runs[1].seconds - runs[0].seconds) / (many - few)
    start = runs[0].seconds - few * rate
    print(
        f"{exercise} gbprop, {stored} HDF5 to HDF5: {few} shots {runs[0].seconds:.1f} s and "
        f"{runs[0].megabytes:.0f} MB, {many} shots {runs[1].seconds:.1f} s and "
        f"{runs[1].megabytes:.0f} MB; {1e3 * rate:.2f} ms a shot after a start of {start:.1f} s, "
        f"compute alone {1e3 * compute:.2f} ms: {100 * compute / rate:.0f} % of its rate "
        f"({100 * compute * many / runs[1].seconds:.0f} % with the start); "
        + ", ".join(f"{number:,} shots {_span(start + rate * number)}" for number in MANY),
        flush=True,
    )


def figure(rows, found, path):
    """Milliseconds an image of every contestant, on a logarithmic axis."""
    from matplotlib.figure import Figure

    rows = [(work, seconds) for work, seconds in rows if work.task == "maps"]
    drawn = Figure(figsize=(8, 4.5), layout="constrained")
    axes = drawn.add_subplot()
    for number, name in enumerate(("here", "plain graph", "PyTorch")):
        places = [k for k, (_, seconds) in enumerate(rows) if name in seconds]
        heights = [1e3 * rows[k][1][name] / rows[k][0].batch for k in places]
        label = "Captum on PyTorch" if name == "PyTorch" else name
        axes.bar(np.array(places) + 0.27 * (number - 1), heights, 0.25, label=label)
    for exercise, (_, seconds) in found.items():
        places = [k for k, (work, _) in enumerate(rows) if work.exercise == exercise]
        height = 1e3 * np.median(seconds)
        axes.hlines(height, places[0] - 0.45, places[-1] + 0.45, "black", "dashed")
        axes.annotate("as in 2016", (places[0] - 0.45, height), fontsize=8, va="bottom")
    axes.set_xticks(range(len(rows)))
    axes.set_xticklabels([work.title.replace(" maps, ", "\n") for work, _ in rows], fontsize=8)
    axes.set_yscale("log")
    axes.set_ylabel("milliseconds an image")
    axes.set_title("Guided maps on two cores: shorter is faster", fontsize=10)
    axes.legend(fontsize=8)
    drawn.savefig(path, dpi=110)


def _span(seconds):
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
