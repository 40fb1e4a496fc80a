"""train as a job of a real Slurm: stopped, put back, on two tasks, a task killed.

Run by ``python -m pytest -m slurm``.
"""

import os
import re
import shlex
import signal
import sys
import time

import pytest

from legacy_gbp.cli import main_all
from tests.files import write_xtcav

pytestmark = pytest.mark.slurm

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TRAIN = [
    "train", "--train-files", "train.h5", "--validation-files", "validation.h5",
    "--batch-size", "8", "--epochs", "8",
]  # fmt: skip
STEPS = 8 * 4  # 32 shots in batches of 8


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch, cluster):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(cluster.env, "PYTHONPATH", ROOT)
    write_xtcav("train.h5", 32, seed=1)
    write_xtcav("validation.h5", 4, seed=2)


def job(*argv, tasks=1):
    """Write a job script as users do."""
    queue = ["slurm", "--partition", "tests", "--time", "0:10", "--cpus", "2", "--name", "train"]
    queue += ["--tasks", str(tasks), "--output", "job.sh"]
    assert main_all(["jobscript", *queue, "ex07", *TRAIN, *argv]) == 0
    return "job.sh"


def losses(log):
    """Step to its loss, of the rows of a log; a step done again must give the same."""
    found: dict = {}
    for step, loss in re.findall(r"^ *\d+ +\d+ +(\d+) +[\d.]+ +([\d.]+)", log, re.M):
        assert found.setdefault(int(step), loss) == loss
    return found


@pytest.fixture(scope="module")
def undisturbed(cluster, tmp_path_factory):
    """Losses of a job that nobody stops."""
    here = os.getcwd()
    os.chdir(str(tmp_path_factory.mktemp("undisturbed")))
    try:
        write_xtcav("train.h5", 32, seed=1)
        write_xtcav("validation.h5", 4, seed=2)
        cluster.env["PYTHONPATH"] = ROOT
        number = cluster.submit(job())
        assert cluster.finished(number) == ["COMPLETED"]
        found = losses(cluster.wait_for_line(f"train-{number}.log", "best validation accuracy"))
    finally:
        os.chdir(here)
    assert sorted(found) == list(range(STEPS))
    return found


def step_row(step):
    return rf"^ +\d+ +\d+ +{step} "


def test_the_end_of_the_time_announces_itself(cluster):
    """By --signal=B:USR1@120: with a limit of two minutes it is due at once."""
    number = cluster.submit(job("--epochs", "9999"))
    log = f"train-{number}.log"
    cluster.wait_for_line(log, step_row(3))
    cluster.call("scontrol", "update", f"JobId={number}", "TimeLimit=2")
    said = cluster.wait_for_line(log, f"^-- job {number} is put back into the queue$")
    assert re.search(r"^-- stopped \(SIGUSR1\) after step \d+ of 39996; its state", said, re.M)
    assert os.path.exists("tf_saved_model_resume.npz")
    cluster.call("scancel", number)
    assert cluster.finished(number) == ["CANCELLED"]


def test_usr1_puts_a_training_back_and_it_goes_on(cluster, undisturbed):
    """The same signal by hand."""
    number = cluster.submit(job())
    log = f"train-{number}.log"
    cluster.wait_for_line(log, step_row(3))
    cluster.call("scancel", "--signal=USR1", "--batch", number)
    said = cluster.wait_for_line(log, f"^-- job {number} is put back into the queue$")
    assert re.search(r"^-- stopped \(SIGUSR1\) after step \d+ of 32; its state is in", said, re.M)
    cluster.start_now(number)
    assert cluster.finished(number) == ["COMPLETED"]
    said = cluster.wait_for_line(log, "best validation accuracy")
    assert re.search(r"^-- going on after step \d+ of 32, from ", said, re.M)
    assert losses(said) == undisturbed and cluster.facts(number)["Restarts"] == "1"


def test_a_cancelled_training_goes_on_when_submitted_again(cluster, undisturbed):
    script = job()
    number = cluster.submit(script)
    log = f"train-{number}.log"
    cluster.wait_for_line(log, step_row(3))
    cluster.call("scancel", number)
    assert cluster.finished(number) == ["CANCELLED"]
    before = cluster.wait_for_line(log, "is not put back: it was cancelled")
    assert re.search(r"^-- stopped \(SIGTERM\) after step \d+ of 32; its state is in", before, re.M)
    number = cluster.submit(script)
    assert cluster.finished(number) == ["COMPLETED"]
    after = cluster.wait_for_line(f"train-{number}.log", "best validation accuracy")
    assert "-- going on after step" in after
    assert losses(before + after) == undisturbed


def on_two_tasks():
    """A script that starts the training by srun, one task on every node."""
    words = [sys.executable, "-m", "legacy_gbp", "ex07", *TRAIN]
    with open("srun.sh", "w", encoding="utf-8") as file:
        file.write(
            "#!/bin/bash\n#SBATCH --nodes=2 --ntasks=2 --cpus-per-task=2 --output=train-%j.log\n"
            "#SBATCH --open-mode=append\n"
            "exec srun --cpus-per-task=2 " + " ".join(map(shlex.quote, words)) + "\n"
        )
    return "srun.sh"


def test_two_tasks_train_as_one(cluster, undisturbed):
    number = cluster.submit(on_two_tasks())
    assert cluster.finished(number) == ["COMPLETED"]
    found = losses(cluster.wait_for_line(f"train-{number}.log", "best validation accuracy"))
    assert sorted(found) == sorted(undisturbed)
    for step, loss in undisturbed.items():
        assert abs(float(found[step]) - float(loss)) < 0.02, step


def test_usr1_puts_two_tasks_back_and_they_go_on(cluster, undisturbed):
    """What --signal=USR1@120 does to all tasks of srun."""
    number = cluster.submit(job(tasks=2))
    log = f"train-{number}.log"
    cluster.wait_for_line(log, step_row(3))
    cluster.call("scancel", "--signal=USR1", number)
    cluster.wait_for_line(log, f"^-- job {number} is put back into the queue$")
    cluster.start_now(number)
    assert cluster.finished(number) == ["COMPLETED"]
    said = cluster.wait_for_line(log, "best validation accuracy")
    assert re.search(r"^-- stopped \(SIGUSR1\) after step \d+ of 32; its state is in", said, re.M)
    assert re.search(r"^-- going on after step \d+ of 32, from .*tasks 2", said, re.M)
    assert sorted(losses(said)) == sorted(undisturbed)
    assert cluster.facts(number)["Restarts"] == "1"


def process_of(number, task):
    """Process of a task of a job's step, from the environments in /proc."""
    wanted = {f"SLURM_JOB_ID={number}".encode(), f"SLURM_PROCID={task}".encode()}
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{process}/environ", "rb") as file:
                environment = set(file.read().split(b"\0"))
            with open(f"/proc/{process}/cmdline", "rb") as file:
                command = file.read()
        except OSError:  # it has ended meanwhile
            continue
        if wanted <= environment and b"SLURM_STEP_ID=0" in environment and b"legacy_gbp" in command:
            return int(process)
    raise AssertionError(f"no task {task} of job {number}")


def test_a_worker_that_is_killed_does_not_hang_the_others(cluster, undisturbed):
    script = on_two_tasks()
    number = cluster.submit(script)
    log = f"train-{number}.log"
    cluster.wait_for_line(log, step_row(3))
    os.kill(process_of(number, 1), signal.SIGKILL)
    begun = time.monotonic()
    assert cluster.finished(number, within=120) == ["FAILED"]
    print(f"all tasks ended {time.monotonic() - begun:.0f} s after the kill")
    before = cluster.wait_for_line(log, "-- stopped")
    assert "its state is in" in before
    number = cluster.submit(script)
    assert cluster.finished(number) == ["COMPLETED"]
    after = cluster.wait_for_line(f"train-{number}.log", "best validation accuracy")
    assert "-- going on after step" in after
