"""Training on several tasks: processes on this machine, as srun would start them.

MPICH's own launcher takes the place of srun here; tests/slurm has the real one.
"""

import contextlib
import importlib.util
import os
import re
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
import tensorflow as tf

from legacy_gbp.batch import ranks as ranks_module
from legacy_gbp.batch.ranks import Ranks, TaskLost, shares
from legacy_gbp.batch.slurm_step import SlurmStep, slurm_step
from legacy_gbp.errors import LegacyGbpError
from legacy_gbp.exercises.definitions import EX07, EX08
from legacy_gbp.networks.task_sums import TaskSums
from legacy_gbp.training.loss import build_loss, build_share
from legacy_gbp.training.resume_file import read_state
from tests.event_files import shown
from tests.files import write_xtcav
from tests.waiting import until

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SECONDS = 300  # within which every process ends
ENDLESS = ["--epochs", "9999"]
LAUNCHER = os.path.join(sys.prefix, "bin", "mpiexec")
needs_mpi = pytest.mark.skipif(
    importlib.util.find_spec("mpi4py") is None or not os.path.exists(LAUNCHER),
    reason="no MPI in this environment (pip install 'legacy_gbp[mpi]')",
)
# Notes its process and its exit code, which the launcher keeps to itself. The launcher sends
# USR1 when a task dies, which Slurm does not.
TASK = """
export SLURM_PROCID=${PMI_RANK:-$SLURM_PROCID}
trap '' USR1
setsid "$@" > "task$SLURM_PROCID.log" 2>&1 &
echo $! > "task$SLURM_PROCID.pid"
wait $!
echo $? > "task$SLURM_PROCID.code.new"
mv "task$SLURM_PROCID.code.new" "task$SLURM_PROCID.code"
"""
KILLED = 128 + signal.SIGKILL


def environment_of(tasks):
    return {
        **os.environ, "SLURM_JOB_ID": str(os.getpid()), "SLURM_STEP_ID": "0",
        "SLURM_NTASKS": str(tasks), "SLURM_STEP_NUM_TASKS": str(tasks),
        "SLURM_STEP_NUM_NODES": "1", "PYTHONPATH": ROOT,
    }  # fmt: skip


def test_the_step_is_read_from_the_environment():
    of_srun = {
        "SLURM_JOB_ID": "1003", "SLURM_STEP_ID": "2", "SLURM_PROCID": "1", "SLURM_NTASKS": "4",
        "SLURM_STEP_NUM_TASKS": "3", "SLURM_STEP_NUM_NODES": "3",
    }  # fmt: skip
    assert slurm_step(of_srun) == SlurmStep(task=1, tasks=3, local=False)
    one_node = slurm_step({**of_srun, "SLURM_STEP_NUM_NODES": "1"})
    assert one_node is not None and one_node.local


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


@pytest.mark.parametrize("count, tasks", [(8, 2), (8, 3), (3, 3), (50, 7)])
def test_shares_are_those_of_array_split(count, tasks):
    parts = np.array_split(np.arange(count), tasks)
    assert shares(count, tasks) == [len(part) for part in parts]


class Threads:
    """Tasks as threads of this process: the sum of what all of them bring."""

    def __init__(self, tasks):
        self._brought: list = [None] * tasks
        self._barrier = threading.Barrier(tasks, timeout=SECONDS)

    def total(self, task):
        def total(array):
            self._brought[task] = array
            self._barrier.wait()
            result = sum(self._brought[1:], self._brought[0])
            self._barrier.wait()
            return result

        return total


def alone(exercise, arrays, images, labels):
    """Losses, moments and gradients of one graph over the batch."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        loss = build_loss(exercise, [""], seed=1)
        variables = tf.compat.v1.trainable_variables()
        gradient_ts = tf.gradients(loss.total_t, variables)
        set_variables(session, arrays)
        feeds = {loss.image_ts[0]: images, loss.label_ts[0]: labels}
        total, moments, gradients = session.run((loss.total_t, loss.moment_ts, gradient_ts), feeds)
        return total, moments, {v.op.name: g for v, g in zip(variables, gradients)}


def set_variables(session, arrays):
    variables = tf.compat.v1.global_variables()
    feeds = {v.initializer.inputs[1]: arrays(v) for v in variables}
    session.run([v.initializer for v in variables], feeds)


@pytest.mark.parametrize("exercise", [EX07, EX08])
def test_shares_of_three_tasks_are_one_network(exercise, monkeypatch):
    """In threads, without MPI; numbers of both signs."""
    rng = np.random.RandomState(1)
    arrays: dict = {}
    images = rng.rand(5, 363, 284, 1).astype(np.float32)
    labels = np.eye(len(exercise.classes), dtype=np.float32)[[0, 1, 1, 0, 1]]

    def array_of(variable):
        array = 0.1 * rng.randn(*variable.shape)
        return arrays.setdefault(variable.op.name, array.astype(np.float32))

    total, moments, gradients = alone(exercise, array_of, images, labels)
    threads = Threads(3)
    found: dict = {}
    names: dict = {}

    def work(task, part):
        sums = TaskSums(threads.total(task))
        # Sums wait for each other, so no session may take the threads of another one.
        own_threads = tf.compat.v1.ConfigProto(use_per_session_threads=True)
        with tf.Graph().as_default(), tf.compat.v1.Session(config=own_threads) as session:
            share = build_share(exercise, sums)
            variables = tf.compat.v1.trainable_variables()
            loss_t = tf.add_n([share.loss_t, *(share.penalty_ts if task == 0 else [])])
            gradient_ts = tf.gradients(loss_t, variables)
            set_variables(session, array_of)
            feeds = {
                share.images_t: images[part], share.labels_t: labels[part],
                share.first_t: part[0], share.count_t: len(images),
            }  # fmt: skip
            found[task] = session.run((loss_t, share.moment_ts, gradient_ts), feeds)
            names[task] = [v.op.name for v in variables], sums.names

    parts = np.array_split(np.arange(len(images)), 3)
    workers = [threading.Thread(target=work, args=item) for item in enumerate(parts)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(SECONDS)
    assert names[0] == names[1] == names[2]
    # Two sums a normalisation, and two for its gradient.
    assert len(names[0][1]) == 2 * len(moments)
    assert sum(found[task][0] for task in found) == pytest.approx(total, rel=1e-6)
    for task in found:
        for here, first, there in zip(found[task][1], found[0][1], moments):
            np.testing.assert_array_equal(here, first)
            np.testing.assert_allclose(here, there, rtol=1e-5, atol=1e-6)
    for number, name in enumerate(names[0][0]):
        summed = sum(found[task][2][number].astype(np.float64) for task in found)
        scale = max(np.abs(gradients[name]).max(), 1e-3)
        np.testing.assert_allclose(summed, gradients[name], atol=1e-4 * scale, err_msg=name)


def test_sums_run_one_after_the_other():
    """Or two tasks would wait in two of them for each other, for ever."""
    sums = TaskSums(lambda array: 2 * array)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        x_t = tf.constant([[1.0], [2.0]])
        rows_t = sums.rows(x_t, tf.constant(1), tf.constant(4))
        mean_t = tf.reduce_mean(rows_t, 0)
        y_t = sums.copied(mean_t) * sums.copied(mean_t**2) * x_t
        (gradient_t,) = tf.gradients(y_t, x_t)
        operations = [x_t.graph.get_operation_by_name(name) for name in sums.names]
        assert len(operations) == 3
        for before, after in zip(operations, operations[1:]):
            assert before in after.control_inputs
        np.testing.assert_allclose(session.run(rows_t), [[0], [2], [4], [0]])
        # L = sum_r m^3 (x_r1 + x_r2) over two tasks that bring the same, m the mean of all four
        # rows, here 3/2: dL/dx = m^3 + 3 m^2 (1 + 2 + 1 + 2) / 4.
        np.testing.assert_allclose(session.run(gradient_t), [[13.5], [13.5]])


class Tasks:
    """The tasks of a step, killed at the end if need be."""

    def __init__(self, folder, *argv, tasks=2, name="run_ex07.py", onednn="0", program=None):
        environment = {**environment_of(tasks), "TF_ENABLE_ONEDNN_OPTS": onednn}
        program = program or [os.path.join(ROOT, name), "train", *argv]
        self._folder, self._tasks = folder, tasks
        for path in folder.glob("task*"):
            path.unlink()
        with open(str(folder / "launcher.log"), "w", encoding="utf-8") as file:
            self._launcher = subprocess.Popen(
                [LAUNCHER, "-launcher", "fork", "-rmk", "user", "-disable-auto-cleanup",
                 "-n", str(tasks), "sh", "-c", TASK, "sh", sys.executable, *program],
                cwd=str(folder), stdout=file, stderr=subprocess.STDOUT, env=environment,
            )  # fmt: skip

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for task in range(self._tasks):
            if self._read(task, "pid") and not self._read(task, "code"):
                with contextlib.suppress(ProcessLookupError):
                    self.kill(task, signal.SIGKILL)
        self._launcher.terminate()
        try:
            self._launcher.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self._launcher.kill()
            self._launcher.wait()

    def _read(self, task, kind):
        path = self._folder / f"task{task}.{kind}"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def text(self, task=0):
        return self._read(task, "log")

    def pid(self, task):
        until(lambda: self._read(task, "pid").endswith("\n"), self.everything, SECONDS)
        return int(self._read(task, "pid"))

    def kill(self, task, number):
        os.kill(self.pid(task), number)

    def everything(self):
        launcher = (self._folder / "launcher.log").read_text(encoding="utf-8")
        return "\n".join([launcher, *(self.text(task) for task in range(self._tasks))])

    def wait_for(self, text):
        def has_come():
            assert not self._read(0, "code") or text in self.text(), self.everything()
            return text in self.text()

        until(has_come, self.everything, SECONDS)

    def codes(self):
        def all_ended():
            return all(self._read(task, "code") for task in range(self._tasks))

        until(all_ended, self.everything, SECONDS)
        return [int(self._read(task, "code")) for task in range(self._tasks)]


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


@needs_mpi
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
        assert b"sum_over_tasks" not in file.read()


@needs_mpi
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


@needs_mpi
def test_a_worker_that_dies_ends_the_job_and_one_process_goes_on(data, tmp_path):
    """Every step that the log shows is in the state, and no further one."""
    with Tasks(tmp_path, *data, *ENDLESS) as tasks:
        tasks.wait_for("\n    0     1     1")
        tasks.kill(1, signal.SIGKILL)
        assert tasks.codes() == [75, KILLED]
        rows = re.findall(r"^ *\d+ +\d+ +(\d+) +[\d.]+ +[\d.]+", tasks.text(), re.M)
        steps = [int(step) for step in rows]
        assert f"-- stopped (task 1 was lost) after step {len(steps)} of 19998" in tasks.text()
    assert steps == list(range(len(steps)))
    state = read_state(str(tmp_path / "tf_saved_model_resume.npz"))
    assert state.variables["global_step"] == len(state.losses) == len(steps)
    assert 2 * state.epoch + state.batch == len(steps)
    with Tasks(tmp_path, *data, *ENDLESS, "--resume", "must", tasks=1) as alone:
        alone.wait_for(f"-- going on after step {len(steps)} of 19998")
        alone.kill(0, signal.SIGTERM)
        assert alone.codes() == [75]


@needs_mpi
def test_a_coordinator_that_dies_takes_the_workers_along(data, tmp_path):
    with Tasks(tmp_path, *data, *ENDLESS) as tasks:
        tasks.wait_for("\n    0     1     1")
        tasks.kill(0, signal.SIGKILL)
        assert tasks.codes() == [KILLED, 75]
        assert tasks.text(1) == "task 1: task 0 was lost, so this one ends\n"


@needs_mpi
def test_a_signal_to_all_tasks_stops_them_together(data, tmp_path):
    with Tasks(tmp_path, *data, *ENDLESS) as tasks:
        tasks.wait_for("\n    0     1     1")
        for task in range(2):
            tasks.kill(task, signal.SIGTERM)
        assert tasks.codes() == [75, 75]
        assert "-- stopped (SIGTERM) after step" in tasks.text()


@needs_mpi
def test_a_refusal_ends_all_tasks(data, tmp_path):
    with Tasks(tmp_path, *data, "--batch-size", "1") as tasks:
        assert tasks.codes() == [2, 2]
        assert tasks.text(1) == ""
        assert tasks.text() == (
            "run_ex07.py: a batch of 1 cannot be split between 2 tasks; give a larger --batch-size "
            "or fewer tasks\n"
        )


@needs_mpi
def test_three_tasks_divide_a_batch_that_does_not_divide(data, tmp_path):
    """The one that is not killed and not the first ends too."""
    with Tasks(tmp_path, *data, *ENDLESS, tasks=3) as tasks:
        tasks.wait_for("\n    0     1     1")
        tasks.kill(2, signal.SIGKILL)
        assert tasks.codes() == [75, 75, KILLED]
        # Task 1 may have noticed first, and have ended.
        assert re.search(r"^-- stopped \(task [12] was lost\) after step", tasks.text(), re.M)
        assert re.fullmatch(r"task 1: task [02] was lost, so this one ends\n", tasks.text(1))


def sockets_of(pid):
    """Inodes of the sockets that a process has open."""
    folder, links = f"/proc/{pid}/fd", []
    for name in os.listdir(folder):
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            links.append(os.readlink(os.path.join(folder, name)))
    return {link[8:-1] for link in links if link.startswith("socket:[")}


def ports():
    """Inodes of all TCP and UDP sockets of this machine, with their lines."""
    found: dict = {}
    for kind in ("tcp", "tcp6", "udp", "udp6", "raw", "raw6"):
        path = f"/proc/net/{kind}"
        if os.path.exists(path):
            with open(path, encoding="ascii") as file:
                found.update((line.split()[9], f"{kind} {line}") for line in list(file)[1:])
    return found


def parent_of(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        return int(file.read().rpartition(")")[2].split()[1])


def network_of(pid):
    """Lines of the sockets that a process opened; its parent's are the launcher's."""
    table = ports()
    own = sockets_of(pid) - sockets_of(parent_of(pid))
    return [table[inode] for inode in own if inode in table]


def test_a_server_of_tensorflow_is_seen_by_this_test():
    """What the tasks had before; whoever reaches its port writes files through it."""
    script = (
        "import tensorflow as tf; server = tf.compat.v1.train.Server.create_local_server(); "
        "print('up', flush=True); input()"
    )
    pipe, command = subprocess.PIPE, [sys.executable, "-c", script]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None and process.stdin is not None
        assert process.stdout.readline() == b"up\n"
        assert network_of(process.pid)
        process.stdin.close()


@needs_mpi
def test_no_task_has_a_port(data, tmp_path):
    """Neither listening nor connected: shared memory alone, of which no file is left."""
    with Tasks(tmp_path, *data, *ENDLESS) as tasks:
        tasks.wait_for("\n    0     1     1")
        for task in range(2):
            with open(f"/proc/{tasks.pid(task)}/maps", encoding="utf-8") as file:
                files = [line.strip() for line in file if "/dev/shm/" in line]
            assert all(line.endswith("(deleted)") for line in files)
        assert [network_of(tasks.pid(task)) for task in range(2)] == [[], []]
        tasks.kill(0, signal.SIGTERM)
        assert tasks.codes() == [75, 75]


@needs_mpi
def test_tasks_that_mpi_does_not_know_are_refused(data, tmp_path):
    """As srun starts them without --mpi."""
    done = subprocess.run(
        [sys.executable, os.path.join(ROOT, "run_ex07.py"), "train", *data], cwd=str(tmp_path),
        env={**environment_of(2), "SLURM_PROCID": "1"}, capture_output=True, text=True,
        timeout=SECONDS,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "run_ex07.py: task 1: MPI finds 1 of 2 tasks; start them by srun with SLURM_MPI_TYPE=pmi2 "
        "in its environment\n"
    )


def test_without_mpi_the_remedy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    with pytest.raises(LegacyGbpError, match=r"^task 1 of 2: no MPI here \(.*\); pip install 'leg"):
        Ranks(SlurmStep(1, 2, local=True), lambda: None)


NEVER = """
import os, time
from legacy_gbp.batch.ranks import Ranks
from legacy_gbp.batch.slurm_step import slurm_step
from legacy_gbp.cli.exit_codes import end_process
from legacy_gbp.errors import LegacyGbpError
step = slurm_step()
while step.task and not os.path.exists("end"):
    time.sleep(0.05)
if not step.task:
    try:
        Ranks(step, lambda: None, seconds=0.2)
    except LegacyGbpError as error:
        print(error)
    open("end", "w").close()
end_process(0)
"""


@needs_mpi
def test_a_task_that_never_comes_is_waited_for_in_vain(tmp_path):
    with Tasks(tmp_path, program=["-c", NEVER]) as tasks:
        assert tasks.codes() == [0, 0]
        assert tasks.text() == (
            "task 0: not all 2 tasks came within 0.2 s; see the output of the others\n"
        )


def test_after_a_signal_patience_ends(monkeypatch):
    """Where nothing but Slurm's signal tells that a task is lost."""
    ranks = Ranks.__new__(Ranks)
    ranks.rank, ranks.size, ranks.given_up = 0, 2, None
    ranks._watched, ranks._looked, ranks._signalled = {}, 0.0, 0.0
    monkeypatch.setattr(ranks_module, "SECONDS_BETWEEN_LOOKS", -1)
    signals: list = []
    ranks._received = lambda: signals[0] if signals else None
    ranks.check()
    signals.append("SIGTERM")
    ranks.check()
    monkeypatch.setattr(ranks_module, "PATIENCE_SECONDS", -1)
    with pytest.raises(TaskLost, match=r"^SIGTERM, and no answer of another task"):
        ranks.check()
