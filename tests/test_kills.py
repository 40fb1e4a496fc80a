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

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
KILLS, FILES, SHOTS = 20, 24, 6
WAIT_AT_MOST = 60  # seconds for a process to begin its first file


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


def wait_until(is_so, process):
    """True when it became so while the process ran."""
    end = time.monotonic() + WAIT_AT_MOST
    while process.poll() is None and time.monotonic() < end:
        if is_so():
            return True
        time.sleep(0.002)
    return False


def whole(folder):
    """Name to time of writing of all results; every one of them is readable."""
    found = {}
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        if not name.startswith(".partial-"):
            path = os.path.join(folder, name)
            with h5py.File(path, "r") as file:
                assert len(file["maps"]) == len(file["file"]) == SHOTS, path
                assert np.isfinite(file["maps"][()]).all(), path
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
    command = [sys.executable, "-m", "legacy_gbp", "ex07", *argv, *files, "--output-dir", "parts"]
    moments, killed, in_a_write = random.Random(1), 0, 0
    before: dict = {}
    while killed < KILLS:
        begun = time.monotonic()
        with open("log", "ab") as log:
            process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": ROOT}, stdout=log)
        if killed % 2:
            old = partials("parts")
            grown = moments.uniform(0, 5e5)
            wait_until(
                lambda old=old, grown=grown: any(
                    size > grown for name, size in partials("parts").items() if name not in old
                ),
                process,
            )
        else:  # from the first import to the middle of a file
            time.sleep(moments.uniform(0.05, 6))
        in_a_write += bool(partials("parts"))
        process.send_signal(signal.SIGKILL)
        code = process.wait()
        now = whole("parts")
        assert {name: now[name] for name in before} == before  # what is finished stays
        print(f"{time.monotonic() - begun:.1f} s, code {code}: {len(now)} of {FILES} files")
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
    parts = [os.path.join("parts", name) for name in os.listdir("parts")]
    assert main_all(["merge", *parts, "--output", "killed.h5"]) == 0
    assert main(EX07, [*argv, *files, "--output", "undisturbed.h5"]) == 0
    with h5py.File("killed.h5", "r") as one, h5py.File("undisturbed.h5", "r") as other:
        assert sorted(one) == sorted(other)
        for name in one:
            np.testing.assert_array_equal(one[name][()], other[name][()], err_msg=name)
    print(f"{killed} kills, {in_a_write} of them with a file in work")
    assert in_a_write >= KILLS // 2
