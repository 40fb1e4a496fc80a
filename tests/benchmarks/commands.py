"""Whole commands, measured from outside: seconds and peak memory of the process."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections import namedtuple

import numpy as np

from legacy_gbp.data.xtcav_writer import write_shots
from legacy_gbp.exercises.definitions import EXERCISES
from tests.benchmarks import material
from tests.files import write_xtcav
from tests.weights import save_checkpoint

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHOTS_A_FILE = 500
STORED = ("plain", "gzip")

Run = namedtuple("Run", "seconds megabytes")

FIRST_MAP = """
import json, sys, time
marks = [("start", time.perf_counter())]
def mark(what): marks.append((what, time.perf_counter()))
from legacy_gbp.exercises.definitions import EXERCISES
from legacy_gbp.data.xtcav import FileShots
exercise = EXERCISES[sys.argv[1]]
shots = FileShots(sys.argv[3:], exercise.label_dataset, len(exercise.classes), False)
images = shots.read(range(1))
mark("this package, NumPy, h5py, one image")
from legacy_gbp.cli.quiet_tensorflow import load_quietly
load_quietly()
mark("import of TensorFlow")
from legacy_gbp.attribution.network import Network
from legacy_gbp.exercises.checkpoint import XtcavCheckpoint
net = Network(XtcavCheckpoint(exercise, sys.argv[2]))
model = net.under("guided")
mark("checkpoint, graph, gradient, audit")
model.predicted(images)
mark("first run: TensorFlow optimises the graph")
model.predicted(images)
mark("every further map")
print(json.dumps([(what, now - before) for (_, before), (what, now) in zip(marks, marks[1:])]))
"""


def run(*arguments):
    """Seconds and peak memory of a Python process in the checkout."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, *arguments], cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    if status:
        raise RuntimeError(f"{' '.join(arguments)}: exit status {status}")
    return Run(time.perf_counter() - start, usage.ru_maxrss / 1024)


def help_seconds(repeats):
    """Median seconds of ``run_ex07.py --help``."""
    return float(np.median([run("run_ex07.py", "--help").seconds for _ in range(repeats)]))


def first_map(exercise, folder):
    """List of (stage, seconds) from the command to the first map."""
    prefix, files = _material(exercise, folder, "plain", 1)
    environment = {**os.environ, "PYTHONPATH": ROOT}
    command = [sys.executable, "-c", FIRST_MAP, exercise, prefix, *files]
    start = time.perf_counter()
    printed = subprocess.check_output(command, env=environment, cwd=folder)
    total = time.perf_counter() - start
    stages = json.loads(printed.decode().splitlines()[-1])
    return [("start and end of Python", total - sum(s for _, s in stages)), *map(tuple, stages)]


def end_to_end(exercise, folder, stored, files):
    """``gbprop`` over whole files, HDF5 to HDF5; gives a :class:`Run`."""
    prefix, paths = _material(exercise, folder, stored, files)
    output = os.path.join(folder, "maps.h5")
    arguments = ["gbprop", "--checkpoint", prefix, "--only-class", "all", "--pages", "0"]
    found = run(f"run_{exercise}.py", *arguments, "--output", output, *paths)
    os.remove(output)
    return found


def _material(exercise, folder, stored, files):
    """A checkpoint and data files; the shots of all files are the same 500."""
    prefix = os.path.join(folder, f"{exercise}_model")
    if not os.path.exists(prefix + ".index"):
        save_checkpoint(EXERCISES[exercise], prefix)
    paths = [os.path.join(folder, f"{stored}-c{number:04d}.h5") for number in range(files)]
    for path in paths:
        if not os.path.exists(path):
            if path == paths[0]:
                _write(path, stored)
            else:
                shutil.copyfile(paths[0], path)
    os.sync()  # what is still on its way to the disk would be counted
    return prefix, paths


def _write(path, stored):
    images = material.shots(SHOTS_A_FILE)[..., 0]
    if stored == "plain":
        write_xtcav(path, SHOTS_A_FILE, images=images)
    else:
        write_shots(path, ({"xtcavimg": image} for image in images), SHOTS_A_FILE, {})
