"""Bad input: one line of advice on stderr, exit code 2, nothing left behind."""

import os
import shutil

import numpy as np
import pytest

from legacy_gbp.cli import main, main_all
from legacy_gbp.exercises.definitions import EX07, EX08
from tests.files import write_xtcav
from tests.weights import save_checkpoint


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def refused(capsys, exercise, *argv):
    """Run, check the manner of the refusal, and return the line."""
    before = sorted(os.listdir("."))
    try:
        code = main(exercise, list(argv))
    except SystemExit as stop:  # argparse leaves this way
        code = stop.code  # type: ignore[assignment]
    error = capsys.readouterr().err
    assert code == 2
    assert error.count("\n") == 1 and error.endswith("\n") and "Traceback" not in error
    assert sorted(os.listdir(".")) == before
    return error


@pytest.mark.parametrize(
    "argv, advice",
    [
        ([], "required: COMMAND"),
        (["explain"], "invalid choice: 'explain'"),
        (["gbprop", "--method", "lime"], "invalid choice: 'lime'"),
        (["gbprop", "--limit", "0"], "'0' is not a whole number, 1 or more"),
        (["train", "--batch-size", "many"], "'many' is not a whole number, 1 or more"),
        (["train", "--preprocess", "sqrt"], "'sqrt' is unknown; choose none, log-mean"),
        (["train", "--seed", "-1"], "'-1' is not a whole number, 0..2147483647"),
        (["gbprop", "--only-class", "2"], "'2' is not a whole number, 0..1"),
        (["train", "--logdir", __file__], "cannot be written"),
        (["gbprop", "--historical", "--method", "deconvnet"], "--historical knows no deconvnet"),
        (["gbprop", "--historical", "--method", "smoothgrad"], "--historical knows no smoothgrad"),
        (["train", "--data-dir", "nowhere"], "nowhere: no such folder"),
        (["gbprop", "--data-dir", "nowhere"], "no checkpoint (tf_saved_model.index is missing)"),
        (["predict", "lost.h5"], "no checkpoint"),
        (["predict", "--checkpoint", "lost/best"], "lost/best: no checkpoint"),
    ],
)
def test_options_and_names(capsys, argv, advice):
    assert advice in refused(capsys, EX07, *argv)


def test_missing_data_files(capsys, checkpoints, tmp_path):
    line = refused(capsys, EX07, "predict", "--data-dir", ".", "--checkpoint", checkpoints["ex07"])
    assert "amo86815_pred-r073-c0121.h5: no such file" in line
    line = refused(capsys, EX07, "predict", "lost.h5", "--checkpoint", checkpoints["ex07"])
    assert "lost.h5: no such file" in line


def test_a_checkpoint_of_another_network(capsys, checkpoints, data_dir, historical_checkpoint):
    line = refused(
        capsys, EX07, "gbprop", "--data-dir", data_dir, "--checkpoint", checkpoints["ex08"],
        "--output", "m.h5",
    )  # fmt: skip
    assert "has shape (8, 8, 1, 16), but ex07 needs (4, 4, 1, 2)" in line
    line = refused(
        capsys, EX08, "predict", "--data-dir", data_dir, "--checkpoint", historical_checkpoint
    )
    assert "variable 'Variable' has shape (4, 4, 1, 2), but ex08 needs (8, 8, 1, 16)" in line


def test_a_damaged_checkpoint(capsys, checkpoints, data_dir, tmp_path):
    folder = tmp_path / "copy"
    folder.mkdir()
    for suffix in (".index", ".data-00000-of-00001"):
        shutil.copy(checkpoints["ex07"] + suffix, str(folder / ("m" + suffix)))
    data = folder / "m.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:1000])
    argv = ["predict", "--data-dir", data_dir, "--checkpoint", str(folder / "m")]
    assert "not a readable checkpoint" in refused(capsys, EX07, *argv)
    (folder / "m.index").write_bytes(b"nothing")
    assert "not a readable checkpoint" in refused(capsys, EX07, *argv)
    os.remove(str(data))
    assert "m.data-*-of-* is missing" in refused(capsys, EX07, *argv)


def test_a_bad_image_late_in_the_run_leaves_no_half_file(capsys, checkpoints, tmp_path):
    images = np.ones((9, 363, 284))
    images[8] = 1e300  # Inf in float32
    write_xtcav("a.h5", 9, images=images)
    for command in ("predict", "gbprop"):
        line = refused(
            capsys, EX07, command, "a.h5", "--checkpoint", checkpoints["ex07"],
            "--output", "new/folder/out.h5", "--batch-size", "2",
        )  # fmt: skip
        assert "a.h5: dataset 'xtcavimg' row 8 holds NaN, Inf or more than float32" in line


def test_output_must_not_be_an_input_or_a_folder(capsys, checkpoints, tmp_path):
    write_xtcav("a.h5", 2)
    argv = ["predict", "a.h5", "--checkpoint", checkpoints["ex07"], "--output"]
    assert "a.h5: is read by this command" in refused(capsys, EX07, *argv, "./a.h5")
    os.mkdir("folder")
    assert "folder: is a folder" in refused(capsys, EX07, *argv, "folder")
    assert "a.h5/out.h5: cannot be written" in refused(capsys, EX07, *argv, "a.h5/out.h5")
    os.symlink("a.h5", "link.h5")
    assert "link.h5: is read by this command" in refused(capsys, EX07, *argv, "link.h5")
    index = checkpoints["ex07"] + ".index"
    assert "is read by this command" in refused(capsys, EX07, *argv, index)
    os.mkfifo("pipe")
    assert "pipe: is a device" in refused(capsys, EX07, *argv, "pipe")
    assert "an empty name" in refused(capsys, EX07, *argv, "")


def test_labels_out_of_range_and_unusable_rows(capsys, tmp_path):
    write_xtcav("a.h5", 3, labels=[0, 1, 1], colours=[0, 4, 1], images=np.zeros((3, 363, 284)))
    line = refused(capsys, EX08, "train", "--train-files", "a.h5", "--validation-files", "a.h5")
    assert "a.h5: dataset 'acq.enPeaksLabel' row 1 is 4; labels lie in 0..3" in line
    write_xtcav("b.h5", 2, colours=[-1, -1], images=np.zeros((2, 363, 284)))
    line = refused(capsys, EX08, "train", "--train-files", "b.h5", "--validation-files", "a.h5")
    assert "b.h5: no usable row" in line


def test_what_is_not_finite_is_not_written(capsys, tmp_path):
    """Weights that overflow are named with the first image that they spoil."""
    write_xtcav("a.h5", 2)
    huge = {"logits/bias": [3e38, 0], "logits/weights": np.full((10, 2), 3e38)}
    bad_logits = save_checkpoint(EX07, "logits/model", **huge)
    for command in ("predict", "gbprop"):
        argv = [command, "a.h5", "--checkpoint", bad_logits, "--output", "m.h5"]
        assert "a.h5 row 0: NaN or Inf in the logits" in refused(capsys, EX07, *argv)


@pytest.mark.parametrize(
    "argv, advice",
    [
        (["synthesize", "out", "--shots", "-3"], "'-3' is not a whole number"),
        (["synthesize", "out", "--unusable", "1.5"], "'1.5' is not a share, 0..1"),
        (["synthesize", "a.txt"], "a.txt"),
    ],
)
def test_synthesize(capsys, argv, advice, tmp_path):
    (tmp_path / "a.txt").write_text("in the way")
    try:
        code = main_all(argv)
    except SystemExit as stop:
        code = stop.code  # type: ignore[assignment]
    error = capsys.readouterr().err
    assert code == 2 and advice in error and error.count("\n") == 1
    assert os.listdir(".") == ["a.txt"]


def test_a_full_disk_is_seen_before_hdf5_breaks(capsys, checkpoints, monkeypatch):
    """HDF5 cannot close a file on a full disk; the room is checked before every write."""
    full = shutil.disk_usage(".")._replace(free=1_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: full)
    write_xtcav("a.h5", 2)
    line = refused(
        capsys, EX07, "gbprop", "a.h5", "--checkpoint", checkpoints["ex07"], "--output", "m.h5"
    )
    assert "m.h5: cannot be written (1.0 MB free on the disk); choose another place" in line


def test_best_and_final_must_differ(capsys, data_dir):
    name = "tf_saved_2color_model_final"
    line = refused(capsys, EX08, "train", "--data-dir", data_dir, "--checkpoint", name)
    assert f"{name}: is the best checkpoint too" in line


def test_places_are_checked_before_training(capsys, monkeypatch):
    """On the synthetic set a command may train first; it must not do so in vain."""
    monkeypatch.setenv("XDG_CACHE_HOME", "file")
    open("file", "w").close()
    for option in ("--output", "--figure"):
        assert "file/x" in refused(capsys, EX07, "gbprop", option, "file/x")
    monkeypatch.setenv("MPLBACKEND", "agg")
    assert "--show: matplotlib's backend 'agg'" in refused(capsys, EX07, "gbprop", "--show")


def test_an_interrupted_write_leaves_nothing(tmp_path):
    from legacy_gbp.io.hdf5 import create_hdf5

    path = str(tmp_path / "a.h5")
    with pytest.raises(KeyboardInterrupt), create_hdf5(path):
        raise KeyboardInterrupt
    assert os.listdir(str(tmp_path)) == []
