"""gbprop killed without warning, twenty times: no half file, and the same maps in the end.

Run by ``python -m pytest -m slow tests/test_kills.py``.
"""

import os
import random
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest

from legacy_gbp.cli import main, main_all
from legacy_gbp.exercises.definitions import EX07
from tests.files import write_xtcav
from tests.waiting import until

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
KILLS, FILES, SHOTS = 20, 24, 6


def partials(folder):
    """Files in work, and how much of them is written."""
    found = {}
    for name in os.listdir(folder) if os.path.isdir(folder) else ():
        if name.startswith(".partial-"):
            try:
                found[name] = os.stat(os.path.join(folder, name)).st_size
            except OSError:  # renamed meanwhile
                continue
    return found


def state_of(process):
    """A letter: R runs, S sleeps, T is stopped, Z has ended."""
    with open(f"/proc/{process.pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0]


def stop_in_a_write(process, begun_before, size):
    """Stop the process while a file of its own has more than this size; False if it has ended."""

    def writes():
        return any(
            grown > size for name, grown in partials("parts").items() if name not in begun_before
        )

    while True:
        until(lambda: process.poll() is not None or writes(), "no file is begun")
        if process.poll() is not None:
            return False
        process.send_signal(signal.SIGSTOP)
        until(lambda: state_of(process) in "TZ", "the process does not stop")
        if writes():  # not finished meanwhile
            return True
        process.send_signal(signal.SIGCONT)


def columns(path):
    with h5py.File(path, "r") as file:
        return {name: file[name][()] for name in file}


def same(one, other):
    assert sorted(one) == sorted(other)
    for name, column in one.items():
        np.testing.assert_array_equal(column, other[name], err_msg=name)


def finished(folder):
    """Name to time of writing of all results; every one of them is that of an undisturbed run."""
    found = {}
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        if not name.startswith(".partial-"):
            path = os.path.join(folder, name)
            same(columns(path), columns(os.path.join("undisturbed", name)))
            found[name] = os.stat(path).st_mtime_ns
    return found


@pytest.mark.slow
def test_twenty_kills_change_nothing(tmp_path, checkpoints, monkeypatch):
    """Every second kill comes while the file in work grows, the others at any moment."""
    monkeypatch.chdir(tmp_path)
    files = [f"shots{k:02d}.h5" for k in range(FILES)]
    for seed, name in enumerate(files):
        write_xtcav(name, SHOTS, seed=seed)
    argv = ["gbprop", "--checkpoint", checkpoints["ex07"], "--pages", "0", "--batch-size", "2"]
    assert main(EX07, [*argv, *files, "--output-dir", "undisturbed"]) == 0
    command = [sys.executable, "-m", "legacy_gbp", "ex07", *argv, *files, "--output-dir", "parts"]
    moments, killed = random.Random(1), 0
    before: dict = {}
    while killed < KILLS:
        old = partials("parts")
        with open("log", "ab") as log:
            process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": ROOT}, stdout=log)
        if killed % 2:
            stop_in_a_write(process, old, moments.uniform(0, 5e5))
        else:  # from the first import to the middle of a file
            time.sleep(moments.uniform(0.05, 6))
        process.send_signal(signal.SIGKILL)
        code = process.wait()
        now = finished("parts")
        assert {name: now[name] for name in before} == before  # what is finished stays
        print(f"code {code}: {len(now)} of {FILES} files")
        assert code in (-signal.SIGKILL, 0)
        killed += code != 0
        before = now
        if code == 0:  # all done before the last kill: take some away and go on
            for name in list(before)[::2]:
                os.remove(os.path.join("parts", name))
                del before[name]
    with open("log", "ab") as log:
        subprocess.run(command, env={**os.environ, "PYTHONPATH": ROOT}, check=True, stdout=log)
    assert sorted(os.listdir("parts")) == [name[:-3] + "-maps.h5" for name in files]
    assert len(finished("parts")) == FILES
    parts = [os.path.join("parts", name) for name in os.listdir("parts")]
    assert main_all(["merge", *parts, "--output", "killed.h5"]) == 0
    assert main(EX07, [*argv, *files, "--output", "one.h5"]) == 0
    same(columns("killed.h5"), columns("one.h5"))
