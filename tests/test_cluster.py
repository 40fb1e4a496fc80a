"""Training on several tasks: two processes on this machine, as srun would start them."""

import itertools
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import types
from typing import Any

import numpy as np
import pytest

from legacy_gbp.batch.rendezvous import Coordinator, join
from legacy_gbp.batch.slurm_step import first_node, slurm_step
from legacy_gbp.errors import LegacyGbpError
from legacy_gbp.exercises.definitions import EX07, EX08
from legacy_gbp.training.resume_file import read_state
from tests.event_files import shown
from tests.files import write_xtcav
from tests.waiting import until

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SECONDS = 300  # within which every process ends
NUMBERS = itertools.count()  # of steps: no two share a port
ENDLESS = ["--epochs", "9999"]


def test_the_step_is_read_from_the_environment():
    of_srun = {
        "SLURM_JOB_ID": "1003", "SLURM_STEP_ID": "2", "SLURM_PROCID": "1", "SLURM_NTASKS": "4",
        "SLURM_STEP_NUM_TASKS": "3", "SLURM_STEP_NODELIST": "sdf[003-004,010]",
        "SLURM_STEP_NUM_NODES": "3", "SLURM_LAUNCH_NODE_IPADDR": "10.0.0.5",
    }  # fmt: skip
    step = slurm_step(of_srun)
    assert step is not None
    assert (step.task, step.tasks, step.name, step.local) == (1, 3, "1003.2", False)
    assert step.addresses == ["sdf003", "10.0.0.5"]
    later = slurm_step({**of_srun, "SLURM_JOB_ID": "1004"})
    assert later is not None and later.port == step.port + 64
    one_node = slurm_step({**of_srun, "SLURM_STEP_NUM_NODES": "1"})
    assert one_node is not None and one_node.local
    assert one_node.addresses == ["127.0.0.1"]


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"SLURM_JOB_ID": "3", "SLURM_NTASKS": "4", "SLURM_PROCID": "0"},  # in the batch script
        {"SLURM_STEP_ID": "0", "SLURM_NTASKS": "1", "SLURM_PROCID": "0"},
        {"SLURM_STEP_ID": "0", "SLURM_NTASKS": "4", "SLURM_STEP_NUM_TASKS": "1",
         "SLURM_PROCID": "0"},
    ],
)  # fmt: skip
def test_one_task_trains_alone(environment):
    assert slurm_step(environment) is None


@pytest.mark.parametrize(
    "nodes, first",
    [("n1", "n1"), ("n1,n2", "n1"), ("n[1-3]", "n1"), ("n[007,9-12],m1", "n007"),
     ("a[2-3]b[5,6]", "a2b5"), ("", "")],
)  # fmt: skip
def test_the_first_node_of_a_list(nodes, first):
    assert first_node(nodes) == first


class Tasks:
    """The tasks of a step, killed at the end if need be."""

    def __init__(self, folder, *argv, tasks=2, name="run_ex07.py", onednn="0"):
        environment = {
            **os.environ, "TF_ENABLE_ONEDNN_OPTS": onednn,
            "SLURM_JOB_ID": str(os.getpid()), "SLURM_STEP_ID": str(next(NUMBERS)),
            "SLURM_NTASKS": str(tasks), "SLURM_STEP_NUM_TASKS": str(tasks),
            "SLURM_STEP_NODELIST": "n1", "SLURM_STEP_NUM_NODES": "1",
        }  # fmt: skip
        self.outputs = [str(folder / f"task{task}.log") for task in range(tasks)]
        self.processes = []
        for task, output in enumerate(self.outputs):
            with open(output, "w", encoding="utf-8") as file:
                self.processes.append(subprocess.Popen(
                    [sys.executable, os.path.join(ROOT, name), "train", *argv],
                    cwd=str(folder), stdout=file, stderr=subprocess.STDOUT,
                    env={**environment, "SLURM_PROCID": str(task)},
                ))  # fmt: skip

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()

    def text(self, task=0):
        with open(self.outputs[task], encoding="utf-8") as file:
            return file.read()

    def wait_for(self, text):
        def has_come():
            assert self.processes[0].poll() is None or text in self.text(), self.text()
            return text in self.text()

        until(has_come, self.text, SECONDS)

    def codes(self):
        return [process.wait(timeout=SECONDS) for process in self.processes]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for seed, name in enumerate(("train.h5", "validation.h5")):
        write_xtcav(str(folder / name), 16, seed=seed)
    return ["--train-files", str(folder / "train.h5"), "--validation-files",
            str(folder / "validation.h5"), "--batch-size", "8"]  # fmt: skip


def losses(folder, column="loss"):
    points = shown(folder, column)
    assert [step for step, _ in points] == list(range(len(points)))
    return [loss for _, loss in points]


def test_two_tasks_give_the_losses_of_one(data, tmp_path):
    """Without oneDNN, whose gradients of convolutions round worse on TensorFlow 2."""
    more = [*data, "--epochs", "3"]
    with Tasks(tmp_path, *more, "--logdir", "two") as tasks:
        assert tasks.codes() == [0, 0], tasks.text() + tasks.text(1)
        assert tasks.text(1) == ""
    with Tasks(tmp_path, *more, "--logdir", "one", "--checkpoint", "alone", tasks=1) as single:
        assert single.codes() == [0]
    alone = losses(tmp_path / "one")
    assert len(alone) == 6
    np.testing.assert_allclose(losses(tmp_path / "two"), alone, rtol=0, atol=1e-5)
    # Whoever reads the checkpoint sees nothing of the tasks.
    with open(str(tmp_path / "tf_saved_model.meta"), "rb") as file:
        assert b"/job:" not in file.read()


@pytest.mark.slow
@pytest.mark.parametrize("onednn", ["0", "1"])
@pytest.mark.parametrize("exercise", [EX07, EX08])
def test_how_far_two_tasks_depart(exercise, onednn, data, tmp_path):
    """Prints the difference of every loss: rounding alone, but for what oneDNN makes of it.

    oneDNN takes other kernels for half a batch, and training lets that grow.
    """
    found = []
    for number in (1, 2):
        argv = [*data, "--epochs", "3", "--logdir", str(number), "--checkpoint", f"of{number}"]
        name = f"run_{exercise.name}.py"
        with Tasks(tmp_path, *argv, tasks=number, name=name, onednn=onednn) as tasks:
            assert tasks.codes() == [0] * number
        found.append(np.array(losses(tmp_path / str(number), exercise.loss_columns[0])))
    differences = np.abs(found[1] - found[0])
    shown = " ".join(f"{difference:.0e}" for difference in differences)
    print(f"{exercise.name}, TF_ENABLE_ONEDNN_OPTS={onednn}: {shown}")
    assert (differences[: 1 if onednn == "1" else None] < 1e-5).all()


def test_a_worker_that_dies_ends_the_job_and_one_process_goes_on(data, tmp_path):
    """Every step that the log shows is in the state, and no further one."""
    with Tasks(tmp_path, *data, *ENDLESS) as tasks:
        tasks.wait_for("\n    0     1     1")
        tasks.processes[1].kill()
        assert tasks.codes() == [75, -signal.SIGKILL]
        rows = re.findall(r"^ *\d+ +\d+ +(\d+) +[\d.]+ +[\d.]+", tasks.text(), re.M)
        steps = [int(step) for step in rows]
        assert f"-- stopped (task 1 was lost) after step {len(steps)} of 19998" in tasks.text()
    assert steps == list(range(len(steps)))
    state = read_state(str(tmp_path / "tf_saved_model_resume.npz"))
    assert state.variables["global_step"] == len(state.losses) == len(steps)
    assert 2 * state.epoch + state.batch == len(steps)
    with Tasks(tmp_path, *data, *ENDLESS, "--resume", "must", tasks=1) as alone:
        alone.wait_for(f"-- going on after step {len(steps)} of 19998")
        alone.processes[0].terminate()
        assert alone.codes() == [75]


class Run:
    """A session whose run begins, and then fails or does not return."""

    def __init__(self, failure=None):
        self.begun, self.over, self.failure = threading.Event(), threading.Event(), failure

    def run(self, fetches, feeds):
        self.begun.set()
        if self.failure:
            raise self.failure
        self.over.wait(SECONDS)
        return "what comes too late"


def unavailable():
    import tensorflow as tf

    return tf.errors.UnavailableError(None, None, "Socket closed")


def run_on_all(session, events):
    """Run a session as a step of training does, without the graph of one."""
    from legacy_gbp.training.distributed import DistributedTrainer

    trainer: Any = DistributedTrainer.__new__(DistributedTrainer)
    trainer._replica_session = session
    trainer._coordinator = types.SimpleNamespace(events=events)
    return trainer._run_on_all([], {})


def step_of_two():
    return slurm_step({"SLURM_JOB_ID": str(os.getpid()), "SLURM_STEP_ID": str(next(NUMBERS)),
                       "SLURM_PROCID": "0", "SLURM_NTASKS": "2",
                       "SLURM_STEP_NUM_NODES": "1"})  # fmt: skip


@pytest.mark.parametrize("failure", [lambda: None, unavailable], ids=["no answer", "an error"])
def test_a_connection_that_ends_ends_the_step(failure, monkeypatch):
    """On TensorFlow 1.15 a run waits forever for a task that was killed, on 2 it may fail first."""
    from legacy_gbp.training import distributed
    from legacy_gbp.training.trainer import StepLost

    session, step = Run(failure()), step_of_two()

    def work():
        connection, _ = join(step._replace(task=1), seconds=SECONDS)
        connection.send("ready")
        assert session.begun.wait(SECONDS)
        connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    coordinator = Coordinator(step, seconds=SECONDS)
    coordinator.wait_until_ready()
    monkeypatch.setattr(distributed, "SECONDS_UNTIL_LOST", SECONDS)
    try:
        with pytest.raises(StepLost, match=r"^task 1 was lost$"):
            run_on_all(session, coordinator.events)
    finally:
        session.over.set()
        worker.join(SECONDS)
        for connection in coordinator._workers.values():
            connection.close()


def test_an_error_while_all_tasks_live_is_raised(monkeypatch):
    from legacy_gbp.training import distributed

    error = unavailable()
    monkeypatch.setattr(distributed, "SECONDS_UNTIL_LOST", 0.01)
    with pytest.raises(type(error)) as raised:
        run_on_all(Run(error), queue.Queue())
    assert raised.value is error


def test_a_coordinator_that_dies_takes_the_workers_along(data, tmp_path):
    with Tasks(tmp_path, *data, *ENDLESS) as tasks:
        tasks.wait_for("\n    0     1     1")
        tasks.processes[0].kill()
        assert tasks.codes() == [-signal.SIGKILL, 75]
        assert tasks.text(1) == "task 1: task 0 is gone, so this one ends\n"


def test_a_signal_to_all_tasks_stops_them_together(data, tmp_path):
    with Tasks(tmp_path, *data, *ENDLESS) as tasks:
        tasks.wait_for("\n    0     1     1")
        for process in tasks.processes:
            process.terminate()
        assert tasks.codes() == [75, 75]
        assert "-- stopped (SIGTERM) after step" in tasks.text()


def test_a_refusal_ends_all_tasks(data, tmp_path):
    with Tasks(tmp_path, *data, "--batch-size", "1") as tasks:
        assert tasks.codes() == [2, 2]
        assert tasks.text(1) == ""
        assert tasks.text() == (
            "run_ex07.py: a batch of 1 cannot be split between 2 tasks; give a larger --batch-size "
            "or fewer tasks\n"
        )


def test_a_task_that_never_comes_is_named():
    step = slurm_step({"SLURM_JOB_ID": "44", "SLURM_STEP_ID": "1", "SLURM_PROCID": "0",
                       "SLURM_NTASKS": "2", "SLURM_STEP_NUM_NODES": "1"})  # fmt: skip
    assert step is not None
    with pytest.raises(LegacyGbpError, match=r"1 of 2 tasks came within 0\.2 s"):
        Coordinator(step, seconds=0.2)
    with pytest.raises(LegacyGbpError, match=r"task 1: did not find task 0 at 127.0.0.1, port \d+"):
        join(step._replace(task=1), seconds=0.2)
