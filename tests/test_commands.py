"""Every command through ``main``, and what it leaves behind."""

import hashlib
import json
import os
import re

import h5py
import numpy as np
import pytest
import tensorflow as tf

from legacy_gbp.cli import main, main_all
from legacy_gbp.exercises.definitions import EX07, EX08, EXERCISES
from tests.files import write_xtcav
from tests.numpy_backward import Numpy2016, assert_map_in_float32, maps_by_hand
from tests.weights import save_checkpoint

PRED = "amo86815_pred-r073-c0121.h5"


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def read(path):
    with h5py.File(path, "r") as file:
        return {name: file[name][()] for name in file}, dict(file.attrs)


def text(values):
    return [value.decode() if isinstance(value, bytes) else value for value in values]


def images_of(columns):
    """The images that a result names by file and row."""
    found = []
    for path, row in zip(text(columns["file"]), columns["row"]):
        with h5py.File(path, "r") as file:
            found.append(file["xtcavimg"][row])
    return np.array(found)[..., None]


def test_train_ex08_writes_best_and_final(data_dir, capsys):
    argv = ["train", "--data-dir", data_dir, "--data", "test", "--batch-size", "4", "--epochs", "1"]
    assert main(EX08, argv) == 0
    out = capsys.readouterr().out
    assert "-- read 8 samples for training, 8 for validation (0 rows left out)" in out
    assert "mloss  oloss" in out
    assert "** saved in tf_saved_2color_model_best\n" in out
    assert "** saved in tf_saved_2color_model_final\n" in out
    assert {name.split(".")[0] for name in os.listdir(".")} == {
        "tf_saved_2color_model_best", "tf_saved_2color_model_final",
    }  # fmt: skip


def test_datadir_names_the_folder(data_dir, monkeypatch, checkpoints, capsys):
    monkeypatch.setenv("DATADIR", data_dir)
    assert main(EX07, ["predict", "--checkpoint", checkpoints["ex07"]]) == 0
    assert "-- read 4 samples for prediction" in capsys.readouterr().out


def test_train_on_named_files(data_dir, capsys):
    files = [os.path.join(data_dir, name) for name in sorted(os.listdir(data_dir))[:3]]
    argv = ["train", "--train-files", *files[:2], "--validation-files", files[2]]
    assert main(EX07, [*argv, "--batch-size", "8", "--checkpoint", "mine/best"]) == 0
    assert "-- read 8 samples for training, 4 for validation" in capsys.readouterr().out
    assert os.path.exists("mine/best.index")


def test_predict_scores_every_shot_of_the_prediction_file(data_dir, checkpoints, capsys):
    argv = ["predict", "--data-dir", data_dir, "--checkpoint", checkpoints["ex07"]]
    assert main(EX07, [*argv, "--batch-size", "3", "--output", "p.h5"]) == 0
    out = capsys.readouterr().out
    columns, attributes = read("p.h5")
    assert columns["logits"].shape == (4, 2) and columns["logits"].dtype == np.float32
    np.testing.assert_array_equal(columns["predicted"], columns["logits"].argmax(axis=1))
    np.testing.assert_array_equal(columns["label"], [0, 1, 0, 1])
    np.testing.assert_array_equal(columns["row"], [0, 1, 2, 3])
    assert text(columns["file"]) == [os.path.join(data_dir, PRED)] * 4
    hits = (columns["predicted"] == columns["label"]).mean()
    assert f"Ran predictions. Accuracy: {hits:.2f} 4 samples\n" in out
    assert f"restored model from {checkpoints['ex07']}\n" in out
    assert len(out.rstrip().split("\n")[-1].split()) == 2  # matrix rows close the page
    assert attributes["exercise"] == "ex07"


def test_predict_without_labels_gives_no_score(checkpoints, capsys):
    write_xtcav("shots.h5", 3, leave_out=["lasing", "acq.enPeaksLabel"])
    assert main(EX08, ["predict", "shots.h5", "--checkpoint", checkpoints["ex08"]]) == 0
    out = capsys.readouterr().out
    assert "Ran predictions. 3 samples, no labels" in out and "Accuracy" not in out
    write_xtcav("labelled.h5", 2)
    files = ["labelled.h5", "shots.h5"]
    assert main(EX08, ["predict", *files, "--checkpoint", checkpoints["ex08"]]) == 0
    out = capsys.readouterr().out
    assert re.search(r"Accuracy: \d\.\d\d 2 samples\n", out) and "3 samples, no labels" in out


def test_gbprop_writes_maps_and_where_they_came_from(data_dir, checkpoints, capsys):
    argv = ["gbprop", "--data-dir", data_dir, "--checkpoint", checkpoints["ex07"]]
    assert main(EX07, [*argv, "--output", "maps.h5", "--batch-size", "3", "--compare"]) == 0
    out = capsys.readouterr().out
    columns, attributes = read("maps.h5")
    assert columns["maps"].shape == (4, 363, 284, 1) and columns["maps"].dtype == np.float32
    images = images_of(columns)
    for rule, name in (("guided", "maps"), ("gradient", "maps_gradient")):
        logits, maps = maps_by_hand(EX07, checkpoints["ex07"], images, rule)
        np.testing.assert_allclose(columns["logits"], logits, rtol=1e-5, atol=1e-6)
        assert_map_in_float32(columns[name], maps)
    np.testing.assert_array_equal(columns["target"], columns["logits"].argmax(axis=1))
    np.testing.assert_array_equal(columns["label"], [0, 1, 0, 1])
    options = json.loads(attributes["options"])
    assert options["method"] == "guided" and options["batch_size"] == 3
    with open(checkpoints["ex07"] + ".data-00000-of-00001", "rb") as file:
        assert attributes["checkpoint_sha256"] == hashlib.sha256(file.read()).hexdigest()
    assert json.loads(attributes["data_files"]) == [os.path.join(data_dir, PRED)]
    assert attributes["tensorflow_version"] == tf.__version__
    assert attributes["preprocess"] == "none"
    assert "-- 4 maps of 4 samples" in out and "-- page ex07_gbprop-001.png" in out
    assert sorted(os.listdir(".")) == ["ex07_gbprop-001.png", "maps.h5"]


@pytest.mark.parametrize("method", ["guided", "gradient", "deconvnet", "gradient-x-input"])
def test_gbprop_maps_equal_those_of_the_library(method, data_dir, checkpoints):
    from legacy_gbp import FileShots, Network, XtcavCheckpoint
    from legacy_gbp.attribution import method as method_of

    argv = ["gbprop", "--data-dir", data_dir, "--checkpoint", checkpoints["ex07"]]
    assert main(EX07, [*argv, "--output", "m.h5", "--method", method, "--pages", "0"]) == 0
    shots = FileShots([os.path.join(data_dir, PRED)], "lasing", 2)
    images = shots.read(range(4)).astype(np.float32)
    with Network(XtcavCheckpoint(EX07, checkpoints["ex07"])) as net:
        expected = method_of(method)(net, images)
    np.testing.assert_allclose(read("m.h5")[0]["maps"], expected, atol=1e-6 * abs(expected).max())


def test_compressed_maps_are_the_same_maps_in_less_room(data_dir, checkpoints):
    argv = ["gbprop", "--data-dir", data_dir, "--checkpoint", checkpoints["ex07"], "--pages", "0"]
    assert main(EX07, [*argv, "--output", "plain.h5"]) == 0
    assert main(EX07, [*argv, "--output", "small.h5", "--compress"]) == 0
    np.testing.assert_array_equal(read("small.h5")[0]["maps"], read("plain.h5")[0]["maps"])
    with h5py.File("plain.h5", "r") as plain, h5py.File("small.h5", "r") as small:
        assert plain["maps"].compression is None and small["maps"].compression == "gzip"
        assert small["maps"].id.get_storage_size() < plain["maps"].id.get_storage_size()


@pytest.mark.parametrize("method", ["guided", "deconvnet"])
def test_batches_side_by_side_give_the_bits_of_one_after_the_other(
    method, checkpoints, monkeypatch
):
    """And so does a file whose written part the system forgets after every batch."""
    write_xtcav("many.h5", 11)
    argv = ["gbprop", "many.h5", "--checkpoint", checkpoints["ex07"], "--pages", "0"]
    argv += ["--method", method, "--compare", "--batch-size", "3"]
    with monkeypatch.context() as patched:
        patched.setattr("legacy_gbp.attribution.pipeline.parallel_map", map)
        assert main(EX07, [*argv, "--output", "alone.h5"]) == 0
    monkeypatch.setattr("legacy_gbp.results.writer.MOST_UNWRITTEN", 1)
    assert main(EX07, [*argv, "--output", "together.h5"]) == 0
    (alone, _), (together, _) = read("alone.h5"), read("together.h5")
    assert len(alone["maps"]) == 11 and sorted(alone) == sorted(together)
    for name, column in alone.items():
        np.testing.assert_array_equal(together[name], column, err_msg=name)


def test_gbprop_of_ex08_shows_the_asked_class(data_dir, tmp_path, capsys):
    both = save_checkpoint(EX08, tmp_path / "both", **{"logits/bias": [0, 0, 0, 1e6]})
    neither = save_checkpoint(EX08, tmp_path / "neither", **{"logits/bias": [1e6, 0, 0, 0]})
    argv = ["gbprop", "--data-dir", data_dir, "--output", "m.h5", "--pages", "0", "--overwrite"]
    argv += ["--checkpoint"]
    assert main(EX08, [*argv, both, "--batch-size", "3", "--limit", "5"]) == 0
    assert set(read("m.h5")[0]["target"]) == {3}
    assert len(read("m.h5")[0]["maps"]) == 5
    assert main(EX08, [*argv, neither, "--only-class", "all", "--limit", "2"]) == 0
    assert set(read("m.h5")[0]["target"]) == {0}
    assert main(EX08, [*argv, neither, "--only-class", "0", "--limit", "2"]) == 0
    assert len(read("m.h5")[0]["maps"]) == 2
    capsys.readouterr()
    assert main(EX08, [*argv, neither]) == 0
    assert "no shot is predicted as the shown class" in capsys.readouterr().out
    columns, _ = read("m.h5")
    assert columns["maps"].shape == (0, 363, 284, 1) and columns["logits"].shape == (0, 4)


@pytest.mark.parametrize("kind", ["log-mean", "log-threshold"])
def test_preprocessing_is_applied_again(kind, data_dir):
    argv = ["train", "--data-dir", data_dir, "--epochs", "1", "--batch-size", "8"]
    assert main(EX07, [*argv, "--preprocess", kind]) == 0
    assert main(EX07, ["gbprop", "--data-dir", data_dir, "--output", "m.h5"]) == 0
    columns, attributes = read("m.h5")
    assert attributes["preprocess"] == kind

    from legacy_gbp import FileShots, Network, XtcavCheckpoint
    from legacy_gbp.exercises import preprocess

    source = XtcavCheckpoint(EX07, "tf_saved_model")
    shots = FileShots([os.path.join(data_dir, PRED)], "lasing", 2)
    with Network(source) as net:
        logits = net.logits(preprocess.apply(source.preprocess, shots.read(range(4))))
    np.testing.assert_allclose(columns["logits"], logits, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", sorted(EXERCISES))
def test_historical_maps_equal_the_walk_of_2016_by_hand(name, data_dir, checkpoints):
    """Guided and, beside it, unguided, for an exercise and its trained checkpoint."""
    exercise = EXERCISES[name]
    argv = ["gbprop", "--data-dir", data_dir, "--checkpoint", checkpoints[name], "--pages", "0"]
    argv += ["--historical", "--output", "m.h5", "--limit", "2", "--compare"]
    assert main(exercise, [*argv, "--only-class", "all"]) == 0
    columns, _ = read("m.h5")
    assert set(columns) == {"file", "row", "label", "logits", "target", "maps", "maps_unguided"}
    images = images_of(columns)
    assert len(images) == 2
    for rule, column in (("guided", "maps"), ("gradient", "maps_unguided")):
        logits, maps = maps_by_hand(exercise, checkpoints[name], images, rule, Numpy2016)
        np.testing.assert_allclose(columns["logits"], logits, rtol=1e-5, atol=1e-6)
        assert_map_in_float32(columns[column], maps)


def test_one_command_ends_in_a_picture(monkeypatch, tmp_path, capsys):
    """No folder, no checkpoint: the shots are made, the network trained, the page drawn."""
    from legacy_gbp.data.synthetic import cached

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(cached, "SHOTS_A_FILE", 3)
    assert main(EX07, ["gbprop"]) == 0
    out = capsys.readouterr().out
    folder = str(tmp_path / "cache" / "legacy_gbp")
    assert f"-- no --data-dir and no DATADIR: making, once, 57 synthetic shots in {folder}" in out
    assert "-- no checkpoint tf_saved_model yet: training one (run_ex07.py train)" in out
    assert os.path.exists("ex07_gbprop-001.png")
    assert main(EX07, ["predict"]) == 0
    out = capsys.readouterr().out
    assert "DATADIR: using 57 synthetic shots" in out and "training one" not in out


def test_legacy_gbp_holds_every_tool(data_dir, checkpoints, capsys):
    argv = ["ex07", "predict", "--data-dir", data_dir, "--checkpoint", checkpoints["ex07"]]
    assert main_all(argv) == 0
    assert "Ran predictions" in capsys.readouterr().out
    argv = ["synthesize", "out", "--runs", "69", "--files", "2", "--shots", "1"]
    assert main_all(argv) == 0
    assert len(os.listdir("out")) == 3
    assert main_all(["show", "out/amo86815_mlearn-r069-c0011.h5", "--index", "0"]) == 0
