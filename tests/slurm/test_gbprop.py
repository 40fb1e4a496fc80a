"""gbprop as jobs of a real Slurm: shared, stopped, started again.

Run by ``python -m pytest -m slurm``.
"""

import os
import shlex
import sys

import h5py
import numpy as np
import pytest

from legacy_gbp.cli import main, main_all
from legacy_gbp.exercises.definitions import EX07
from tests.files import write_xtcav
from tests.slurm import gated
from tests.waiting import until

pytestmark = pytest.mark.slurm

SHOTS = (2, 3, 12, 2, 2)
FILES = [f"shots{k}.h5" for k in range(len(SHOTS))]
PARTS = [f"parts/shots{k}-maps.h5" for k in range(len(SHOTS))]
SMALL_BATCHES = ["--batch-size", "1"]  # the third file has several


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch, cluster):
    """Jobs start where they are submitted, and inherit a display that is not there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(cluster.env, "PYTHONPATH", gated.ROOT)
    monkeypatch.setitem(cluster.env, "DISPLAY", ":99")
    for seed, (name, shots) in enumerate(zip(FILES, SHOTS)):
        write_xtcav(name, shots, seed=seed)


def job(checkpoint, *argv, array=()):
    """Write a job script as users do."""
    queue = ["slurm", "--partition", "tests", "--time", "0:10", "--cpus", "2", "--name", "maps"]
    queue += ["--python", gated.interpreter(os.getcwd())]
    queue += [*array, "--output", "job.sh", "ex07", "gbprop"]
    queue += [*FILES, "--checkpoint", checkpoint, "--output-dir", "parts", *argv]
    assert main_all(["jobscript", *queue]) == 0
    return "job.sh"


def without_signal(script):
    """Where the end is moved to now, USR1 and TERM would race for the program."""
    with open(script, encoding="utf-8") as file:
        lines = file.readlines()
    kept = [line for line in lines if "--signal" not in line]
    assert len(kept) == len(lines) - 1
    with open(script, "w", encoding="utf-8") as file:
        file.writelines(kept)


def same_as_one_process(checkpoint, *argv):
    """Merge the parts and compare them with a run over all files.

    Numbers of threads may differ, hence the tolerance: see the README on equal bits.
    """
    assert sorted(os.listdir("parts")) == named(PARTS)
    options = ["--checkpoint", checkpoint, "--output", "one.h5", "--pages", "0", *argv]
    assert main(EX07, ["gbprop", *FILES, *options]) == 0
    assert main_all(["merge", *PARTS, "--output", "all.h5"]) == 0
    with h5py.File("one.h5", "r") as one, h5py.File("all.h5", "r") as merged:
        assert sorted(one) == sorted(merged)
        for name in ("file", "row", "label", "target"):
            np.testing.assert_array_equal(one[name][()], merged[name][()])
        for name in ("logits", "maps"):
            scale = np.abs(one[name][()]).max()
            np.testing.assert_allclose(one[name][()], merged[name][()], atol=1e-5 * scale)


def named(paths):
    return [os.path.basename(path) for path in paths]


def whole(paths):
    """Those files that exist, every one of them with the maps of all its shots."""
    found = [path for path in paths if os.path.exists(path)]
    for path in found:
        with h5py.File(path, "r") as file:
            shots = SHOTS[PARTS.index(path)]
            assert all(len(file[name][()]) == shots for name in file)
    return found


def until_it_waits():
    """Before the third file."""
    until(lambda: os.path.exists(gated.WAITS), "gbprop does not come to the gate")


def test_an_array_of_four_equals_one_process(cluster, checkpoints):
    script = job(checkpoints["ex07"], "--figure", "page", array=["--array", "4"])
    number = cluster.submit(script)
    assert cluster.finished(number) == ["COMPLETED"] * 4
    for task, done in ((1, 2), (2, 1), (3, 1), (4, 1)):
        log = cluster.wait_for_line(f"maps-{number}_{task}.log", "-- maps in")
        assert f"-- shard {task}/4: {done} of 5 files, 0 finished before" in log
        assert log.count("-- maps in") == done
    pages = sorted(name for name in os.listdir(".") if name.endswith(".png"))
    assert {name[:-8] for name in pages} == {f"page-shots{k}" for k in range(5)}
    same_as_one_process(checkpoints["ex07"])


def test_tasks_of_srun_divide_the_files(cluster, checkpoints):
    words = [sys.executable, "-m", "legacy_gbp", "ex07", "gbprop", *FILES, "--pages", "0"]
    words += ["--checkpoint", checkpoints["ex07"], "--output-dir", "parts"]
    with open("srun.sh", "w", encoding="utf-8") as file:
        file.write(
            "#!/bin/bash\n#SBATCH --ntasks=2 --output=maps-%j.log\n"
            "exec srun " + " ".join(map(shlex.quote, words)) + "\n"
        )
    number = cluster.submit("srun.sh")
    assert cluster.finished(number) == ["COMPLETED"]
    log = cluster.wait_for_line(f"maps-{number}.log", "-- maps in")
    assert "-- shard 1/2: 3 of 5 files, 0 finished before" in log
    assert "-- shard 2/2: 2 of 5 files, 0 finished before" in log
    assert log.count("-- maps in") == len(FILES)
    same_as_one_process(checkpoints["ex07"])


def test_a_cancelled_task_goes_on_with_the_first_unfinished_file(cluster, checkpoints):
    """Its log is there while it runs."""
    gated.close_gate()
    script = job(checkpoints["ex07"], *SMALL_BATCHES, "--pages", "0", array=["--array", "1"])
    number = cluster.submit(script)
    log = f"maps-{number}_1.log"
    cluster.wait_for_line(log, "^-- maps in parts/shots1-maps.h5$")
    until_it_waits()
    assert cluster.states(number) == ["RUNNING"]
    cluster.call("scancel", number)
    assert cluster.finished(number) == ["CANCELLED"]
    assert "is not put back: it was cancelled" in cluster.wait_for_line(log, "put back")
    before = {path: os.stat(path).st_mtime_ns for path in whole(PARTS)}
    assert list(before) == PARTS[:2] and sorted(os.listdir("parts")) == named(PARTS[:2])
    gated.open_gate()
    number = cluster.submit(script)
    assert cluster.finished(number) == ["COMPLETED"]
    said = cluster.wait_for_line(f"maps-{number}_1.log", "shots4-maps.h5")
    assert "-- shard 1/1: 5 of 5 files, 2 finished before" in said
    assert {path: os.stat(path).st_mtime_ns for path in before} == before
    same_as_one_process(checkpoints["ex07"], *SMALL_BATCHES)


def test_the_time_limit_leaves_no_half_file(cluster, checkpoints):
    """By TERM alone: a job without the signal that announces the end."""
    gated.close_gate()
    script = job(checkpoints["ex07"], *SMALL_BATCHES, "--pages", "0")
    without_signal(script)
    number = cluster.submit(script)
    log = f"maps-{number}.log"
    until_it_waits()
    cluster.call("scontrol", "update", f"JobId={number}", "EndTime=now")
    assert cluster.finished(number) == ["TIMEOUT"]
    said = cluster.wait_for_line(log, "is not put back: it was cancelled or its time is over")
    assert "-- SIGTERM: stopped, 2 files are finished" in said
    assert whole(PARTS) == PARTS[:2] and sorted(os.listdir("parts")) == named(PARTS[:2])
    gated.open_gate()
    number = cluster.submit(script)
    assert cluster.finished(number) == ["COMPLETED"]
    assert "2 finished before" in cluster.wait_for_line(f"maps-{number}.log", "before")
    same_as_one_process(checkpoints["ex07"], *SMALL_BATCHES)


def test_usr1_puts_the_job_back_and_it_goes_on(cluster, checkpoints):
    """What --signal=B:USR1@120 does before the time is over."""
    gated.close_gate()
    number = cluster.submit(job(checkpoints["ex07"], *SMALL_BATCHES, "--pages", "0"))
    log = f"maps-{number}.log"
    until_it_waits()
    cluster.call("scancel", "--signal=USR1", "--batch", number)
    cluster.wait_for_line(log, f"^-- job {number} is put back into the queue$")
    assert "-- SIGUSR1: stopped, 2 files are finished" in cluster.wait_for_line(log, "SIGUSR1")
    assert whole(PARTS) == PARTS[:2]
    gated.open_gate()
    cluster.start_now(number)
    assert cluster.finished(number) == ["COMPLETED"]
    assert "5 of 5 files, 2 finished before" in cluster.wait_for_line(log, "shots4-maps.h5")
    assert cluster.facts(number)["Restarts"] == "1"
    same_as_one_process(checkpoints["ex07"], *SMALL_BATCHES)


def test_two_jobs_on_the_same_files_do_no_harm(cluster, checkpoints):
    script = job(checkpoints["ex07"], "--pages", "0")
    numbers = [cluster.submit(script), cluster.submit(script)]
    assert [cluster.finished(number) for number in numbers] == [["COMPLETED"]] * 2
    same_as_one_process(checkpoints["ex07"])
