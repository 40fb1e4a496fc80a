"""The best checkpoint so far of a training that has not ended is never taken for a finished one."""

import json
import os
import shlex
import signal
import socket

import pytest

from legacy_gbp.cli import main, main_all
from legacy_gbp.data.synthetic import cached
from legacy_gbp.errors import InputError
from legacy_gbp.exercises.checkpoint import XtcavCheckpoint
from legacy_gbp.exercises.definitions import EX07, EX08
from legacy_gbp.training.trainer import Trainer
from tests.files import write_xtcav
from tests.test_training import blobs
from tests.trainings import train

PREFIX = "tf_saved_model"
NOTE, STATE = PREFIX + ".unfinished", PREFIX + "_resume.npz"


@pytest.fixture(autouse=True)
def _small_set_and_empty_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(cached, "SHOTS_A_FILE", 5)  # 50 to train on: two steps an epoch
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


class Killed(BaseException):
    """As if by SIGKILL: nothing of ours catches it, and what is on the disk stays."""


def interrupted(monkeypatch, exercise, argv, step, how):
    """Run a command whose training is interrupted in a step."""
    ordinary, done = Trainer.step, []

    def one(self, images, labels):
        done.append(1)
        if len(done) == step:
            how()
        return ordinary(self, images, labels)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "step", one)
        return main(exercise, argv)


def control_c():
    os.kill(os.getpid(), signal.SIGINT)


def kill(monkeypatch, argv, process):
    """Leave what a kill without warning leaves: the note names a process."""

    def die():
        raise Killed

    with pytest.raises(Killed):
        interrupted(monkeypatch, EX07, argv, 3, die)
    with open(NOTE) as file:
        facts = json.load(file)
    assert facts["process"] is None
    facts.update(process)
    with open(NOTE, "w") as file:
        json.dump(facts, file)


def test_control_c_in_the_first_command_and_the_same_again(monkeypatch, capsys):
    """The second command finishes the training: its checkpoint is that of an undisturbed one."""
    from tests.test_resume import assert_same_checkpoint

    assert interrupted(monkeypatch, EX07, ["gbprop"], 3, control_c) == 75
    out, error = capsys.readouterr()
    assert error == "" and "restored model" not in out
    assert out.split("\n")[-2].startswith("-- stopped (SIGINT) after step 3 of 6; its state is in")
    assert {NOTE, STATE, PREFIX + ".index"} <= set(os.listdir("."))
    assert main(EX07, ["gbprop"]) == 0
    out = capsys.readouterr().out
    assert f"-- the training of {PREFIX} was interrupted: going on with it" in out
    assert "-- going on after step 3 of 6" in out and "restored model from" in out
    assert not {NOTE, STATE} & set(os.listdir("."))
    os.makedirs("undisturbed")
    monkeypatch.chdir("undisturbed")
    assert main(EX07, ["gbprop"]) == 0
    assert_same_checkpoint(PREFIX, os.path.join("..", PREFIX))


def test_a_kill_before_the_first_state(monkeypatch, capsys):
    dead = {"process": 2**22 + 1, "host": socket.gethostname()}
    kill(monkeypatch, ["gbprop"], dead)
    assert STATE not in os.listdir(".")
    capsys.readouterr()
    assert main(EX07, ["predict"]) == 0
    out = capsys.readouterr().out
    assert f"-- the training of {PREFIX} was interrupted: no state is left, training anew" in out
    assert "-- going on after" not in out and "Ran predictions" in out
    assert NOTE not in os.listdir(".")


@pytest.mark.parametrize(
    "process", [{"process": 1, "host": socket.gethostname()}, {"process": 7, "host": "elsewhere"}]
)
def test_a_training_that_goes_on_is_left_alone(process, monkeypatch, capsys):
    kill(monkeypatch, ["gbprop"], process)
    capsys.readouterr()
    for command in ("gbprop", "predict"):
        assert main(EX07, [command]) == 2
        out, error = capsys.readouterr()
        where = f"process {process['process']} on {process['host']} is training, or was killed"
        assert where in error and error.count("\n") == 1 and "training anew" not in out


def named_training(data, *more):
    return ["train", "--train-files", str(data / "t.h5"), "--validation-files",
            str(data / "v.h5"), "--batch-size", "4", *more]  # fmt: skip


@pytest.fixture
def data(tmp_path):
    for seed, name in enumerate(("t.h5", "v.h5")):
        write_xtcav(str(tmp_path / name), 8, seed=seed)
    return tmp_path


def test_a_named_checkpoint_is_refused_with_the_command(data, monkeypatch, capsys):
    argv = named_training(data, "--checkpoint", "mine/best", "--preprocess", "log-threshold")
    assert interrupted(monkeypatch, EX07, argv, 2, control_c) == 75
    capsys.readouterr()
    images = f"{data / 'v.h5'}:xtcavimg"
    for refused in (
        ["ex07", "predict", str(data / "v.h5"), "--checkpoint", "mine/best", "--output", "p.h5"],
        ["ex07", "gbprop", str(data / "v.h5"), "--checkpoint", "mine/best"],
        ["ex07", "gbprop", "--checkpoint", "mine/best.index"],
        ["explain", "mine/best", "--net", "ex07", "--images", images],
        ["explain", "mine/best", "--images", images],
        ["inspect", "mine/best", "--net", "ex07"],
    ):
        assert main_all(refused) == 2
        out, error = capsys.readouterr()
        assert "mine/best: the best checkpoint so far, its training was interrupted" in error
        assert "remove mine/best.unfinished and mine/best_resume.npz to take it as it is" in error
        assert error.count("\n") == 1 and "restored" not in out
    command = error.partition("finish it: ")[2].partition(";")[0]
    program, *words = shlex.split(command)
    assert program == "run_ex07.py" and words[-2:] == ["--resume", "auto"]
    os.makedirs("another")
    monkeypatch.chdir("another")  # the command serves from any folder
    assert main(EX07, words) == 0
    assert "-- going on after step 2 of 6" in capsys.readouterr().out
    monkeypatch.chdir("..")
    assert main(EX07, ["predict", str(data / "v.h5"), "--checkpoint", "mine/best"]) == 0


def test_another_unfinished_training_is_not_replaced(data, monkeypatch, capsys):
    """The first command of a new user may train, but not over somebody's own training."""
    assert interrupted(monkeypatch, EX07, named_training(data), 2, control_c) == 75
    before = {name: os.stat(name).st_mtime_ns for name in os.listdir(".")}
    capsys.readouterr()
    assert main(EX07, ["gbprop"]) == 2
    assert "finish it: run_ex07.py train --train-files" in capsys.readouterr().err
    assert {name: os.stat(name).st_mtime_ns for name in os.listdir(".")} == before


def test_train_without_options_and_the_first_command_are_one_training(monkeypatch, capsys):
    assert interrupted(monkeypatch, EX07, ["train"], 4, control_c) == 75
    capsys.readouterr()
    assert main(EX07, ["predict"]) == 0
    assert "-- going on after step 4 of 6" in capsys.readouterr().out


def test_an_earlier_finished_checkpoint_serves_until_it_is_replaced(data, monkeypatch, capsys):
    assert main(EX07, named_training(data)) == 0
    assert interrupted(monkeypatch, EX07, named_training(data), 1, fail) == 2
    capsys.readouterr()
    assert NOTE not in os.listdir(".")
    assert main(EX07, ["predict", str(data / "v.h5")]) == 0


def fail():
    raise InputError("stopped before the first checkpoint")


def test_the_last_checkpoint_of_ex08_has_no_note(data, monkeypatch):
    assert main(EX08, named_training(data)) == 0
    assert sorted({name.split(".", 1)[1] for name in os.listdir(".")}) == [
        "data-00000-of-00001", "index", "meta",
    ]  # fmt: skip


def test_a_training_from_python(monkeypatch, tmp_path):
    prefix = str(tmp_path / "best")
    seen: list = []

    def stop():
        seen.append(os.path.exists(prefix + ".unfinished"))
        return "enough" if len(seen) > 2 else None

    train(EX07, blobs(8), blobs(8, 1), checkpoint=prefix, batch_size=4, stop=stop,
          log=lambda _: None)  # fmt: skip
    assert seen == [False, True, True]  # before the first step, and after each
    with pytest.raises(
        InputError, match=r"finish the training with `resume`; or remove .*best\.un"
    ):
        XtcavCheckpoint(EX07, prefix)
    os.remove(prefix + ".unfinished")
    XtcavCheckpoint(EX07, prefix)
    train(EX07, blobs(8), blobs(8, 1), checkpoint=prefix, batch_size=4, log=lambda _: None)
    XtcavCheckpoint(EX07, prefix)


def test_a_state_without_a_note_says_the_same(tmp_path):
    prefix = str(tmp_path / "best")
    train(EX07, blobs(8), blobs(8, 1), checkpoint=prefix, batch_size=4, log=lambda _: None)
    open(prefix + "_resume.npz", "wb").close()
    with pytest.raises(InputError, match=r"remove .*best_resume\.npz to take it as it is"):
        XtcavCheckpoint(EX07, prefix)


def test_a_damaged_note_still_counts(tmp_path):
    prefix = str(tmp_path / "best")
    train(EX07, blobs(8), blobs(8, 1), checkpoint=prefix, batch_size=4, log=lambda _: None)
    for content in ("", "[]", '{"host": 3}'):
        with open(prefix + ".unfinished", "w") as file:
            file.write(content)
        with pytest.raises(InputError, match=r"remove .*best\.unfinished to take it as it is"):
            XtcavCheckpoint(EX07, prefix)
