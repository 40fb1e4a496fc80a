"""A training that is stopped and goes on gives what one gives that was never stopped."""

import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from legacy_gbp.batch.signals import stop_signals
from legacy_gbp.cli import main
from legacy_gbp.data.batches import Epochs
from legacy_gbp.errors import InputError
from legacy_gbp.exercises.definitions import EX07, EX08
from legacy_gbp.training.resume_file import read_state
from legacy_gbp.training.resume_policy import check_same
from tests.event_files import events, shown
from tests.files import write_xtcav
from tests.test_training import blobs
from tests.trainings import train

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class StopAfter:
    """A log that asks to stop when it has seen so many steps."""

    def __init__(self, steps):
        self.left, self.lines = steps, []

    def log(self, line):
        self.lines.append(line)
        self.left -= bool(re.match(r" {0,4}\d+ +\d+ +\d+ ", line))

    def stop(self):
        return None if self.left > 0 else "enough"


def tensors(prefix):
    import tensorflow as tf

    reader = tf.train.load_checkpoint(prefix)
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def assert_same_checkpoint(one, other):
    ones, others = tensors(one), tensors(other)
    assert set(ones) == set(others)
    for name, array in ones.items():
        np.testing.assert_array_equal(array, others[name], err_msg=name)


@pytest.mark.parametrize("exercise, batch_size", [(EX07, 6), (EX08, 4)])
def test_the_same_bits_as_if_never_stopped(exercise, batch_size, tmp_path):
    """Stopped inside an epoch, at its end, and right after going on."""
    shots, others = blobs(14), blobs(6, 1)
    options = {"epochs": 4, "batch_size": batch_size, "preprocess": "log-mean"}
    whole = train(exercise, shots, others, checkpoint=str(tmp_path / "whole"), log=lambda _: None,
                  final_checkpoint=str(tmp_path / "whole-end"), **options)  # fmt: skip
    record = str(tmp_path / "record.npz")
    lines: list = []
    for number, steps in enumerate((1, 3, 1, 99)):
        part = StopAfter(steps)
        trained = train(exercise, shots, others, checkpoint=str(tmp_path / "parts"),
                        final_checkpoint=str(tmp_path / "parts-end"), log=part.log,
                        stop=part.stop, resume_path=record, resume=number > 0,
                        **options)  # fmt: skip
        lines += part.lines
        assert trained.stopped == (None if steps == 99 else "enough")
        assert os.path.exists(record) == (steps != 99)
    np.testing.assert_array_equal(trained.losses, whole.losses)
    assert trained.accuracies == whole.accuracies
    assert (trained.best_accuracy, trained.best_step) == (whole.best_accuracy, whole.best_step)
    assert_same_checkpoint(str(tmp_path / "parts"), str(tmp_path / "whole"))
    assert_same_checkpoint(str(tmp_path / "parts-end"), str(tmp_path / "whole-end"))
    said = [line for line in lines if line.startswith("-- ")]
    assert said[0] == (f"-- stopped (enough) after step 1 of {trained.total_steps}; "
                       "its state is in "
                       f"{record}, from which a resumed training goes on")  # fmt: skip
    assert said[1].startswith(f"-- going on after step 1 of {trained.total_steps}, from {record}")
    assert len(said) == 6


def test_epochs_can_be_entered_at_any_batch():
    shots = blobs(11)
    whole = [(e, b, list(i)) for e, b, (i, _) in Epochs(shots, 3, 3, np.random.RandomState(5))]
    for done in range(len(whole)):
        epochs = Epochs(shots, 3, 3, np.random.RandomState(5))
        iterator = iter(epochs)
        for _ in range(done):
            epoch, batch, _ = next(iterator)
        place = (epoch, batch + 1) if done else (0, 0)
        rng = np.random.RandomState(0)
        rng.set_state(epochs.rng_state)
        rest = [(e, b, list(i)) for e, b, (i, _) in Epochs(shots, 3, 3, rng, *place)]
        assert rest == whole[done:]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for seed, name in enumerate(("train.h5", "other.h5", "validation.h5")):
        write_xtcav(str(folder / name), 8, seed=seed)
    return folder


@pytest.fixture(scope="module")
def stopped(data, tmp_path_factory):
    """A record and its checkpoint."""
    folder = tmp_path_factory.mktemp("stopped")
    shots = {name: blobs(8, seed) for seed, name in enumerate(("training", "validation"))}
    part = StopAfter(1)
    train(EX07, shots["training"], shots["validation"], checkpoint=str(folder / "best"),
          batch_size=4, log=part.log, stop=part.stop,
          resume_path=str(folder / "record.npz"))  # fmt: skip
    return folder, shots


@pytest.mark.parametrize(
    "change, message",
    [
        ({"seed": 2}, r"had `seed` 1, not 2"),
        ({"batch_size": 2}, r"had `batch_size` 4, not 2"),
        ({"epochs": 9}, r"had `epochs` 3, not 9"),
        ({"preprocess": "log-mean"}, r"had `preprocess` none, not log-mean"),
        ({"exercise": EX08}, r"had exercise ex07, not ex08"),
        ({"train_shots": blobs(9)}, r"had training shots 8, not 9"),
        ({"train_shots": blobs(8, 7)}, r"had checksum of the training shots \w+, not \w+"),
        ({"validation_shots": blobs(7)}, r"had validation shots 8, not 7"),
        ({"checkpoint": "gone"}, r"gone: the best checkpoint of the stopped training is gone"),
    ],
)
def test_another_training_does_not_go_on(change, message, stopped):
    folder, shots = stopped
    options = {
        "exercise": EX07, "train_shots": shots["training"],
        "validation_shots": shots["validation"], "checkpoint": str(folder / "best"),
        "batch_size": 4, **change,
    }  # fmt: skip
    with pytest.raises(InputError, match=message):
        train(**options, resume_path=str(folder / "record.npz"), resume=True, log=lambda _: None)


def test_files_that_differ_are_named():
    with pytest.raises(InputError, match=r"had training files /a/2\.h5, not /a/3\.h5"):
        check_same("r", {"training files": ["/a/1.h5", "/a/2.h5"]},
                          {"training files": ["/a/1.h5", "/a/3.h5"]})  # fmt: skip
    with pytest.raises(InputError, match=r"had training files /a/2\.h5, not none"):
        check_same("r", {"training files": ["/a/1.h5", "/a/2.h5"]},
                          {"training files": ["/a/1.h5"]})  # fmt: skip


def test_a_damaged_record_is_refused(stopped, tmp_path):
    with open(str(stopped[0] / "record.npz"), "rb") as file:
        whole = file.read()
    path = str(tmp_path / "record.npz")
    with pytest.raises(InputError, match="no stopped training is stored here"):
        read_state(path)
    turned = bytes([whole[len(whole) // 2] ^ 255])
    damages = (b"", b"no archive", whole[:-100], whole[: len(whole) // 2],
               whole[: len(whole) // 2] + turned + whole[len(whole) // 2 + 1 :])  # fmt: skip
    for damaged in damages:
        with open(path, "wb") as file:
            file.write(damaged)
        with pytest.raises(InputError, match="not a readable record of a stopped training"):
            read_state(path)


def test_the_state_of_another_network_is_refused(stopped):
    from legacy_gbp.exercises import preprocess
    from legacy_gbp.training.trainer import Trainer

    stood = read_state(str(stopped[0] / "record.npz"))
    with Trainer(EX08, preprocess.NONE, 1) as trainer, pytest.raises(
        InputError, match="not those of this network"
    ):
        trainer.restore(stood.variables)


def argv(data, *more):
    return ["train", "--train-files", str(data / "train.h5"), "--validation-files",
            str(data / "validation.h5"), "--batch-size", "4", *more]  # fmt: skip


def test_signals_are_kept_and_the_former_handlers_come_back():
    former = signal.getsignal(signal.SIGTERM)
    with stop_signals() as received:
        assert received() is None
        os.kill(os.getpid(), signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGTERM)
        assert received() == "SIGUSR1"
    assert signal.getsignal(signal.SIGTERM) is former


def test_threads_are_those_that_slurm_granted(monkeypatch):
    from legacy_gbp.training.session_config import session_config

    assert session_config().intra_op_parallelism_threads == 0
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "3")
    assert session_config().intra_op_parallelism_threads == 3


def test_no_handler_outside_of_the_main_thread():
    import threading

    seen: list = []

    def work():
        with stop_signals() as received:
            seen.append((received(), signal.getsignal(signal.SIGTERM)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(None, signal.getsignal(signal.SIGTERM))]


def train_and_signal(data, steps, monkeypatch, *more):
    """Run the command in this process; the signal comes inside step `steps`."""
    from legacy_gbp.training.trainer import Trainer

    done: list = []
    ordinary = Trainer.step

    def step(self, images, labels):
        done.append(1)
        if len(done) == steps:
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGTERM)
        return ordinary(self, images, labels)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "step", step)
        return main(EX07, argv(data, *more)), len(done)


def test_what_resume_does(data, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(EX07, argv(data, "--resume", "must")) == 2
    assert (
        "tf_saved_model_resume.npz: no stopped training is stored here" in capsys.readouterr().err
    )
    assert train_and_signal(data, 2, monkeypatch) == (75, 2)
    out, err = capsys.readouterr()
    assert "-- stopped (SIGTERM) after step 2 of 6; its state is in" in out.split("\n")[-2]
    assert err == "" and "best validation accuracy" not in out
    assert train_and_signal(data, 1, monkeypatch, "--resume", "auto") == (75, 1)
    assert "-- going on after step 2 of 6" in capsys.readouterr().out
    monkeypatch.setenv("SLURM_JOB_ID", "77")
    assert train_and_signal(data, 1, monkeypatch) == (75, 1)
    assert "-- stopped (SIGTERM) after step 4 of 6" in capsys.readouterr().out
    monkeypatch.delenv("SLURM_JOB_ID")
    assert main(EX07, argv(data, "--resume", "must", "--seed", "2")) == 2
    assert "had --seed 1, not 2" in capsys.readouterr().err
    assert train_and_signal(data, 99, monkeypatch) == (0, 6)
    out = capsys.readouterr().out
    assert "-- tf_saved_model_resume.npz holds a stopped training, which is replaced" in out
    assert sorted(os.listdir(".")) == [
        "tf_saved_model.data-00000-of-00001", "tf_saved_model.index", "tf_saved_model.meta",
    ]  # fmt: skip


def test_tensorboard_forgets_the_steps_that_are_done_again(data, tmp_path, monkeypatch):
    """Interrupted in its fourth step, the training goes on after the second, the last saved one."""
    from legacy_gbp.training.trainer import Trainer

    monkeypatch.chdir(tmp_path)
    assert main(EX07, argv(data, "--logdir", "whole", "--checkpoint", "whole-best")) == 0
    ordinary, done = Trainer.step, []

    def step(self, images, labels):
        done.append(1)
        if len(done) == 4:
            raise KeyboardInterrupt
        return ordinary(self, images, labels)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "step", step)
        assert main(EX07, argv(data, "--logdir", "logs", "--save-steps", "2")) == 130
    assert [step for step, _ in shown("logs")] == [0, 1, 2]
    assert main(EX07, argv(data, "--logdir", "logs", "--resume", "must")) == 0
    written = [
        event.step for event in events("logs") for value in event.summary.value
        if value.tag == "loss"
    ]  # fmt: skip
    assert written == [0, 1, 2, 2, 3, 4, 5]
    assert len(shown("whole")) == 6
    assert shown("logs") == shown("whole")


@pytest.mark.parametrize(
    "script, said",
    [
        ('case "$1" in show) echo "JobState=RUNNING";; *) echo "$@" > asked;; esac',
         "job 77 is put back into the queue"),
        ('case "$1" in show) echo "JobState=COMPLETING";; *) exit 3;; esac',
         "job 77 is not put back: it was cancelled or its time is over"),
        ('echo "slurm_load: no controller" >&2; exit 1',
         "job 77 could not be put back (slurm_load: no controller); submit it again by hand"),
    ],
)  # fmt: skip
def test_requeue(script, said, data, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SLURM_JOB_ID", "77")
    monkeypatch.setenv("PATH", str(tmp_path) + os.pathsep + os.environ["PATH"])
    (tmp_path / "scontrol").write_text("#!/bin/sh\n" + script + "\n")
    os.chmod(str(tmp_path / "scontrol"), 0o755)
    assert train_and_signal(data, 1, monkeypatch, "--requeue")[0] == 75
    assert capsys.readouterr().out.split("\n")[-2] == "-- " + said
    if os.path.exists("asked"):
        assert (tmp_path / "asked").read_text() == "requeue 77\n"


def test_requeue_outside_of_a_queue(data, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert train_and_signal(data, 1, monkeypatch, "--requeue")[0] == 75
    assert "-- not put back into a queue: SLURM_JOB_ID is not set" in capsys.readouterr().out


KILLS = 20
EPOCHS, STEPS = 30, 180  # a start makes about seven at most: enough is left for every kill


@pytest.mark.slow
def test_twenty_kills_change_nothing(tmp_path):
    """SIGKILL at random moments; every step is saved, so many of them meet a save."""
    for seed, name in enumerate(("train.h5", "validation.h5")):
        write_xtcav(str(tmp_path / name), 24, seed=seed)

    def start(name):
        more = ["--epochs", str(EPOCHS), "--checkpoint", f"{name}/best", "--logdir", f"{name}/logs",
                "--save-steps", "1", "--resume", "auto"]  # fmt: skip
        log = open(str(tmp_path / (name + ".log")), "a", encoding="utf-8")  # noqa: SIM115
        with log:
            return subprocess.Popen(
                [sys.executable, os.path.join(ROOT, "run_ex07.py"), *argv(tmp_path, *more)],
                cwd=str(tmp_path), stdout=log, stderr=log,
            )  # fmt: skip

    def scalars(name):
        return {tag: shown(tmp_path / name / "logs", tag) for tag in ("loss", "tr.acc", "vl.acc")}

    def last_step(name):
        path = tmp_path / (name + ".log")
        rows = re.findall(r"^ +\d+ +\d+ +(\d+) +[\d.]+ ", path.read_text(), re.M)
        return max(map(int, rows), default=-1)

    def wait_for_step(name, step, process):
        deadline = time.monotonic() + 120
        while process.poll() is None and last_step(name) < step:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return time.monotonic()

    whole = start("whole")
    begun = wait_for_step("whole", 0, whole)
    assert whole.wait() == 0 and last_step("whole") == STEPS - 1
    step_time = (time.monotonic() - begun) / STEPS
    rng = np.random.RandomState(7)
    killed = 0
    begun_at = -1
    while True:
        process = start("killed")
        # Of every start a few steps are let go by, then any moment of the next two.
        wait_for_step("killed", begun_at + rng.randint(1, 5), process)
        time.sleep(rng.uniform(0, 2 * step_time))
        if killed < KILLS and process.poll() is None:
            process.kill()
            killed += 1
        code = process.wait()
        begun_at = last_step("killed")
        assert code in (0, -signal.SIGKILL), (tmp_path / "killed.log").read_text()[-2000:]
        if code == 0:
            break
    assert killed == KILLS
    assert scalars("killed") == scalars("whole")
    assert_same_checkpoint(str(tmp_path / "killed" / "best"), str(tmp_path / "whole" / "best"))
    left = sorted(name for name in os.listdir(str(tmp_path / "killed")) if name != "logs")
    assert left == ["best.data-00000-of-00001", "best.index", "best.meta"]
