"""File by file, shared among tasks, and merged again."""

import contextlib
import json
import os
import shutil
import signal

import h5py
import numpy as np
import pytest

from legacy_gbp.batch.shards import ALL, Shard, shard_from_environment
from legacy_gbp.batch.slurm_step import slurm_step
from legacy_gbp.cli import main, main_all
from legacy_gbp.data import xtcav as data_xtcav
from legacy_gbp.errors import InputError
from legacy_gbp.exercises.definitions import EX07, EX08
from tests.files import write_xtcav
from tests.weights import save_checkpoint

FILES = [f"shots{k}.h5" for k in range(5)]


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def files():
    """Five files; one has no usable shot, one no batch without a rest."""
    for seed, name in enumerate(FILES):
        labels = [-1, -1] if seed == 1 else np.arange(2 + seed % 2) % 2
        write_xtcav(name, len(labels), labels=labels, colours=labels, seed=seed)
    return FILES


def done(command, checkpoint, *argv, exercise=EX07):
    return main(exercise, [command, "--checkpoint", checkpoint, "--batch-size", "2", *argv])


def gbprop(checkpoint, *argv):
    return done("gbprop", checkpoint, "--pages", "0", *argv)


def read(path):
    with h5py.File(path, "r") as file:
        return {name: file[name][()] for name in file}, dict(file.attrs)


def same(one, other):
    assert sorted(one) == sorted(other)
    for name, values in one.items():
        assert values.dtype == other[name].dtype
        np.testing.assert_array_equal(values, other[name], err_msg=name)


def task(monkeypatch, **environment):
    for name, value in environment.items():
        monkeypatch.setenv(name, str(value))


@pytest.mark.parametrize(
    "environment, shard",
    [
        ({}, ALL),
        ({"SLURM_ARRAY_TASK_ID": "0", "SLURM_ARRAY_TASK_MIN": "0", "SLURM_ARRAY_TASK_COUNT": "4"},
         Shard(1, 4)),
        ({"SLURM_ARRAY_TASK_ID": "9", "SLURM_ARRAY_TASK_MIN": "1", "SLURM_ARRAY_TASK_COUNT": "3",
          "SLURM_ARRAY_TASK_STEP": "4"}, Shard(3, 3)),
        ({"SLURM_PROCID": "1", "SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "2"}, Shard(2, 2)),
        ({"SLURM_PROCID": "0", "SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "1"}, ALL),
        ({"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_MIN": "1", "SLURM_ARRAY_TASK_COUNT": "4",
          "SLURM_PROCID": "0", "SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "2"}, Shard(5, 8)),
        ({"LSB_JOBINDEX": "0"}, ALL),
        ({"LSB_JOBINDEX": "2", "LSB_JOBINDEX_END": "4"}, Shard(2, 4)),
        ({"LSB_JOBINDEX": "3", "LSB_JOBINDEX_END": "4", "LSB_JOBINDEX_STEP": "2"}, Shard(2, 2)),
    ],
)  # fmt: skip
def test_arrays_name_the_shard(environment, shard):
    assert shard_from_environment(environment, slurm_step(environment)) == shard


@pytest.mark.parametrize(
    "environment, why",
    [
        ({"SLURM_ARRAY_TASK_ID": "7", "SLURM_ARRAY_TASK_MIN": "1", "SLURM_ARRAY_TASK_COUNT": "3"},
         "SLURM_ARRAY_TASK_ID=7: is not one of 3 from 1 in steps of 1"),
        ({"SLURM_ARRAY_TASK_ID": "7"}, "SLURM_ARRAY_TASK_MIN=None: is not a whole number"),
        ({"LSB_JOBINDEX": "2"}, "LSB_JOBINDEX_END=None: is not a whole number"),
        ({"LSB_JOBINDEX": "5", "LSB_JOBINDEX_END": "4"}, "LSB_JOBINDEX=5: is not one of 4"),
    ],
)  # fmt: skip
def test_a_doubtful_array_is_refused(environment, why):
    with pytest.raises(InputError, match=why + ".*give `shard`"):
        shard_from_environment(environment)


def test_every_file_goes_to_one_shard():
    for count in range(1, 9):
        taken = [name for k in range(count) for name in Shard(k + 1, count).of(FILES)]
        assert sorted(taken) == FILES


@pytest.mark.parametrize("command", ["predict", "gbprop"])
def test_merged_shards_equal_one_process(
    command, files, checkpoints, tmp_path, monkeypatch, capsys
):
    """The order of the parts, the folder and the current folder make no difference."""
    argv = [] if command == "predict" else ["--compare"]
    assert done(command, checkpoints["ex07"], *argv, "--output", "one.h5", *files) == 0
    for k in (3, 1, 2):
        with monkeypatch.context() as patch:
            task(patch, LSB_JOBINDEX=k, LSB_JOBINDEX_END=3)
            assert done(command, checkpoints["ex07"], *argv, "--output-dir", "parts", *files) == 0
    kind = {"predict": "predictions", "gbprop": "maps"}[command]
    parts = [f"parts/shots{k}-{kind}.h5" for k in range(5)]
    assert sorted(os.listdir("parts")) == [os.path.basename(part) for part in parts]
    capsys.readouterr()
    os.mkdir("sub")
    assert main_all(["merge", *parts[::-1], "--output", "sub/all.h5"]) == 0
    assert capsys.readouterr().out == "-- 9 shots of 5 parts in sub/all.h5\n"
    same(read("one.h5")[0], read("sub/all.h5")[0])
    os.mkdir("moved")
    shutil.move("sub", "moved/sub")
    shutil.move("parts", "moved/parts")
    monkeypatch.chdir("/")
    same(read(str(tmp_path / "one.h5"))[0], read(str(tmp_path / "moved/sub/all.h5"))[0])


def test_a_merged_file_says_how_it_was_made(files, checkpoints):
    assert gbprop(checkpoints["ex07"], "--output", "one.h5", *files) == 0
    for shard in ("1/2", "2/2"):
        argv = ["--output-dir", "parts", "--shard", shard, *files]
        assert gbprop(checkpoints["ex07"], *argv) == 0
    parts = [os.path.join("parts", name) for name in os.listdir("parts")]
    assert main_all(["merge", *parts, "--output", "all.h5"]) == 0
    one, merged = read("one.h5")[1], read("all.h5")[1]
    for name in ("exercise", "checkpoint_sha256", "data_files", "data_bytes", "data_shots",
                 "preprocess", "tensorflow_version"):  # fmt: skip
        assert merged[name] == one[name]
    assert json.loads(merged["options"])["method"] == "guided"
    said = json.loads(merged["parts"])
    assert [part["part"] for part in said] == [f"parts/shots{k}-maps.h5" for k in range(5)]
    assert [part["shard"] for part in said] == ["1/2", "2/2", "1/2", "2/2", "1/2"]
    assert [part["written"] for part in said] == [
        read(f"parts/shots{k}-maps.h5")[1]["written"] for k in range(5)
    ]


def test_a_part_that_is_gone_reads_as_nothing_real(files, checkpoints):
    assert gbprop(checkpoints["ex07"], "--output-dir", "parts", *files[2:4]) == 0
    parts = [f"parts/shots{k}-maps.h5" for k in (2, 3)]
    assert main_all(["merge", *parts, "--output", "all.h5"]) == 0
    os.remove(parts[1])
    columns, _ = read("all.h5")
    for name, column in read(parts[0])[0].items():
        np.testing.assert_array_equal(columns[name][:2], column, err_msg=name)
    assert len(columns["maps"]) == 5
    for name in ("maps", "logits"):
        assert np.isnan(columns[name][2:]).all()
    assert columns["row"][2:].tolist() == [np.iinfo(np.int64).min] * 3


@pytest.mark.skipif(h5py.version.hdf5_version_tuple < (1, 14), reason="the README warns of it")
def test_parts_are_looked_for_beside_the_merged_file(files, checkpoints, monkeypatch):
    """Not in the current folder, where others of the same name may lie."""
    for folder, method in (("here", "guided"), ("there", "gradient")):
        parts = os.path.join(folder, "parts")
        argv = ["--output-dir", parts, "--method", method, files[2]]
        assert gbprop(checkpoints["ex07"], *argv) == 0
        merged = os.path.join(folder, "all.h5")
        assert main_all(["merge", parts + "/shots2-maps.h5", "--output", merged]) == 0
    expected = read("there/parts/shots2-maps.h5")[0]["maps"]
    monkeypatch.chdir("here")
    np.testing.assert_array_equal(read("../there/all.h5")[0]["maps"], expected)


def test_results_made_one_by_one_merge_in_the_given_order(files, checkpoints):
    for k in (2, 3):
        assert done("predict", checkpoints["ex07"], files[k], "--output", f"p{k}.h5") == 0
    assert done("predict", checkpoints["ex07"], files[3], files[2], "--output", "one.h5") == 0
    assert main_all(["merge", "p3.h5", "p2.h5", "--output", "all.h5"]) == 0
    same(read("one.h5")[0], read("all.h5")[0])


def test_a_class_without_shots_merges_to_nothing(tmp_path, files):
    neither = save_checkpoint(EX08, tmp_path / "neither", **{"logits/bias": [1e6, 0, 0, 0]})
    argv = ["--pages", "0", "--output-dir", "parts", *files]
    assert done("gbprop", neither, *argv, exercise=EX08) == 0
    parts = [os.path.join("parts", name) for name in os.listdir("parts")]
    assert main_all(["merge", *parts, "--output", "all.h5"]) == 0
    columns, _ = read("all.h5")
    assert columns["maps"].shape == (0, 363, 284, 1) and columns["file"].shape == (0,)


def test_finished_files_are_left_as_they_are(files, checkpoints, capsys):
    assert gbprop(checkpoints["ex07"], "--output-dir", "parts", *files[:3]) == 0
    before = {name: os.stat(f"parts/{name}").st_mtime_ns for name in os.listdir("parts")}
    os.remove("parts/shots2-maps.h5")
    dead = "parts/.partial-elsewhere@1-0123456789abcdef-shots2-maps.h5"
    with open(dead, "w"):
        pass
    os.utime(dead, (0, 0))
    os.utime(files[0], (0, 0))  # copied without its time: the bytes decide
    capsys.readouterr()
    assert gbprop(checkpoints["ex07"], "--output-dir", "parts", *files[:3]) == 0
    out = capsys.readouterr().out
    assert "-- shard 1/1: 3 of 3 files, 2 finished before\n" in out
    assert "-- maps in parts/shots2-maps.h5\n" in out and "shots0-maps" not in out
    after = {name: os.stat(f"parts/{name}").st_mtime_ns for name in os.listdir("parts")}
    assert sorted(after) == sorted(before)
    assert [name for name in after if after[name] != before[name]] == ["shots2-maps.h5"]
    assert gbprop(checkpoints["ex07"], "--output-dir", "parts", *files[:3]) == 0
    assert capsys.readouterr().out.endswith("3 of 3 files, 3 finished before\n")


def test_pages_are_named_after_the_files(files, checkpoints):
    argv = ["--shard", "2/4", "--figure", "page", "--output-dir", "parts", *files[1:]]
    assert done("gbprop", checkpoints["ex07"], *argv) == 0
    assert [name for name in os.listdir(".") if name.endswith("png")] == ["page-shots2-001.png"]


def test_a_shard_without_a_file_says_so(files, checkpoints, capsys):
    argv = ["--shard", "3/4", "--output-dir", "parts", *files[:2]]
    assert gbprop(checkpoints["ex07"], *argv) == 0
    assert capsys.readouterr().out == "-- shard 3/4: no file of 2 is left for it\n"
    assert not os.path.exists("parts")


def refusal(capsys, call, *argv):
    capsys.readouterr()
    assert call(*argv) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "Traceback" not in error
    return error


def test_what_is_not_that_result_is_never_overwritten(files, checkpoints, tmp_path, capsys):
    other = save_checkpoint(EX07, tmp_path / "other")
    argv = ["--output-dir", "parts", files[0]]
    assert gbprop(checkpoints["ex07"], *argv) == 0
    before = os.stat("parts/shots0-maps.h5").st_mtime_ns
    for call, why in (
        ([checkpoints["ex07"], *argv, "--method", "gradient"],
         "made with --method guided, not gradient; remove it or give another --output-dir"),
        ([other, *argv], "made with checkpoint_sha256 "),
        ([checkpoints["ex07"], *argv, "--batch-size", "3"], "made with --batch-size 2, not 3"),
    ):  # fmt: skip
        assert "parts/shots0-maps.h5: " + why in refusal(capsys, gbprop, *call)
    write_xtcav(files[0], 2, seed=7)
    line = refusal(capsys, gbprop, checkpoints["ex07"], *argv)
    assert "made with another shots0.h5" in line
    assert os.stat("parts/shots0-maps.h5").st_mtime_ns == before
    with open("parts/shots0-maps.h5", "r+b") as file:
        file.truncate(1000)
    assert "not a whole HDF5 file" in refusal(capsys, gbprop, checkpoints["ex07"], *argv)


@pytest.mark.parametrize(
    "argv, why",
    [
        (["--output", "m.h5", "--shard", "1/2"], "but this is shard 1/2; give --output"),
        (["--output", "m.h5", "--output-dir", "parts"], "but this is --output-dir"),
        (["--output-dir", "parts", "--limit", "3"], "--limit counts over all files"),
        (["--output-dir", "."], ".: holds the data files; give another --output-dir"),
        (["--output-dir", "shots0.h5"], "shots0.h5: is not a folder"),
        (["sub/shots0.h5", "--output-dir", "parts"], "shots0: two data files of this name"),
    ],
)
def test_refused_together(argv, why, files, checkpoints, capsys):
    os.mkdir("sub")
    shutil.copy("shots0.h5", "sub")
    assert why in refusal(capsys, gbprop, checkpoints["ex07"], "shots0.h5", *argv)
    assert not os.path.exists("parts")


def test_a_window_does_not_decide_what_is_finished(files, checkpoints, monkeypatch, capsys):
    monkeypatch.setattr("legacy_gbp.figures.Window", contextlib.nullcontext)
    argv = [checkpoints["ex07"], files[0], "--show", "--output-dir", "parts"]
    assert "--show may leave a file half done; leave it out" in refusal(capsys, gbprop, *argv)


def test_an_array_does_not_write_one_file(files, checkpoints, monkeypatch, capsys):
    task(monkeypatch, LSB_JOBINDEX=2, LSB_JOBINDEX_END=4)
    argv = [checkpoints["ex07"], "--output", "m.h5", files[0]]
    assert "give --output-dir alone, or --shard 1/1" in refusal(capsys, gbprop, *argv)
    assert gbprop(*argv, "--shard", "1/1") == 0


@pytest.mark.parametrize("text", ["0/2", "3/2", "2", "a/b", "1/0", "1/2/3"])
def test_shards_that_are_none(text, capsys):
    with pytest.raises(SystemExit):
        main(EX07, ["gbprop", "--shard", text])
    assert f"{text!r} is not i/n, such as 2/4" in capsys.readouterr().err


def test_merge_names_what_does_not_fit(files, checkpoints, tmp_path, capsys):
    def made(folder, *argv):
        assert gbprop(checkpoints["ex07"], "--output-dir", folder, *argv) == 0
        return sorted(os.path.join(folder, name) for name in os.listdir(folder))

    def refused(*parts):
        line = refusal(capsys, main_all, ["merge", *parts, "--output", "all.h5"])
        assert not os.path.exists("all.h5")
        return line

    one, two, three = made("parts", *files[:3])
    line = refused(one, three)
    assert f"1 of 3 data files have no part, the first is {tmp_path / files[1]} (shard 1/1)" in line
    assert made("halves", "--shard", "2/2", *files[:3]) == ["halves/shots1-maps.h5"]
    assert f"2 of 3 data files have no part, the first is {tmp_path / files[0]} (shard 1/2)" in (
        refused("halves/shots1-maps.h5")
    )
    shutil.copy(one, "again.h5")
    assert f"{tmp_path / files[0]}: in {one} and in again.h5; give one" in (
        refused(one, two, three, "again.h5")
    )
    (gradient,) = made("gradient", files[3], "--method", "gradient")
    assert f"{gradient}: made with --method gradient, not guided as {one}" in refused(one, gradient)
    (compared,) = made("compared", files[3], "--compare")
    assert "made with --compare True, not False" in refused(one, compared)
    (alone,) = made("alone", files[3])
    assert f"{alone}: one of 1 data files, {one} one of 3 others" in refused(one, two, three, alone)
    assert "shots0.h5: no result of predict or gbprop" in refused("shots0.h5")
    assert "lost.h5: no such file" in refused("lost.h5")
    line = refusal(capsys, main_all, ["merge", one, two, three, "--output", one])
    assert f"{one}: is read by this command; give another --output" in line


@pytest.mark.parametrize(
    "change, why",
    [
        (lambda file: file["row"].__setitem__(1, 0), "row 0 is there twice or out of order"),
        (lambda file: file["row"].resize(1, axis=0), "its columns do not fit together"),
        (lambda file: [file[name].resize(1, axis=0) for name in file], "holds 1 of 2 shots"),
        (lambda file: file["file"].__setitem__(0, "/x.h5"), "holds 1 of 2 shots"),
        (lambda file: file.__delitem__("logits"), "column 'logits' is not that of"),
    ],
)
def test_merge_finds_shots_missing_or_double(change, why, files, checkpoints, capsys):
    argv = ["--output-dir", "parts", files[0], files[2]]
    assert done("predict", checkpoints["ex07"], *argv) == 0
    parts = [os.path.join("parts", name) for name in sorted(os.listdir("parts"))]
    with h5py.File(parts[1], "r+") as file:
        change(file)
    assert why in refusal(capsys, main_all, ["merge", *parts, "--output", "all.h5"])


@pytest.mark.parametrize("command", ["predict", "gbprop"])
@pytest.mark.parametrize("name", ["SIGTERM", "SIGUSR1", "SIGUSR2"])
def test_a_signal_leaves_what_is_finished(name, command, files, checkpoints, monkeypatch, capsys):
    """It comes while the second file is read; that one is begun again."""
    kind = {"predict": "predictions", "gbprop": "maps"}[command]
    read_rows, argv = data_xtcav.read_rows, [*files[2:], "--output-dir", "parts"]

    def signalled(dataset, path, *rest):
        if path == files[3]:
            os.kill(os.getpid(), getattr(signal, name))
        read_rows(dataset, path, *rest)

    with monkeypatch.context() as patch:
        patch.setattr("legacy_gbp.data.shots.read_rows", signalled)
        assert done(command, checkpoints["ex07"], *argv) == 75
    assert f"-- {name}: stopped, 1 files are finished\n" in capsys.readouterr().out
    assert os.listdir("parts") == [f"shots2-{kind}.h5"]
    assert done(command, checkpoints["ex07"], *argv) == 0
    assert "3 of 3 files, 1 finished before" in capsys.readouterr().out
    assert sorted(os.listdir("parts")) == [f"shots{k}-{kind}.h5" for k in (2, 3, 4)]


def test_a_signal_before_anything_is_finished_is_no_success(
    files, checkpoints, monkeypatch, capsys
):
    """Else a queue would begin the same file again and again."""
    read_rows = data_xtcav.read_rows

    def signalled(*args):
        os.kill(os.getpid(), signal.SIGTERM)
        read_rows(*args)

    monkeypatch.setattr("legacy_gbp.data.shots.read_rows", signalled)
    argv = [checkpoints["ex07"], files[3], "--output", "m.h5"]
    assert "SIGTERM came before a file was finished; give more" in refusal(capsys, gbprop, *argv)
    assert not os.path.exists("m.h5")
