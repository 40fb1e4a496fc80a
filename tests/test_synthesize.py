"""``legacy-gbp synthesize`` and ``show``: files, truth, resuming, refusals, contact sheets."""

import json
import os
import shutil
import socket
import tracemalloc

import h5py
import numpy as np
import pytest

from legacy_gbp import figures
from legacy_gbp.cli import main, main_all
from legacy_gbp.data.synthetic import files
from legacy_gbp.data.synthetic import shot as shots
from legacy_gbp.data.synthetic.files import Recipe, file_list
from legacy_gbp.exercises.definitions import EX07, EX08
from tests.files import SCHEMA, write_xtcav

FIRST_FILE = "amo86815_mlearn-r070-c0009.h5"
SMALL = ["--runs", "70", "--files", "1", "--shots", "4"]


@pytest.fixture(autouse=True)
def _in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def contents(path):
    read = {}
    with h5py.File(path, "r") as file:
        file.visititems(
            lambda name, item: read.update({name: item[()]} if hasattr(item, "shape") else {})
        )
    return read


def same(first, second):
    assert set(first) == set(second)
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


def temporary(host, process):
    return f".partial-{host}@{process}-0123456789abcdef-x.h5"


def test_the_set_holds_every_file_that_the_exercises_read():
    listed = file_list((69, 70, 71, 72, 73), 5)
    names = {name for _, _, name in listed}
    for part in ("train", "validation", "predict"):
        assert set(getattr(EX07.selection, part)) <= names
    assert len(names) == len(listed) == 6 + 6 + 6 + 5 + 5
    more = {name for _, _, name in file_list((70,), 12)}
    assert len(more) == 13 and more >= {name for _, _, name in file_list((70,), 5)}


def test_both_exercises_read_a_set_made_by_the_command():
    argv = ["synthesize", "set", "--runs", "69,70,71,73", "--shots", "6", "--unusable", "0.1"]
    assert main_all(argv) == 0
    for exercise in (EX07, EX08):
        train = ["train", "--data-dir", "set", "--epochs", "1", "--batch-size", "20"]
        assert main(exercise, train) == 0
        assert main(exercise, ["predict", "--data-dir", "set"]) == 0


def test_a_file_holds_the_original_datasets_and_the_truth(capsys):
    assert main_all(["synthesize", "set", *SMALL]) == 0
    assert capsys.readouterr().out == "-- 2 files in set\n"
    path = os.path.join("set", FIRST_FILE)
    read = contents(path)
    assert set(SCHEMA) <= set(read)
    identifiers = {"evt.nanoseconds", "evt.fiducials", "acq.e1.ampl", "acq.e1.pos", "acq.e2.ampl"}
    assert identifiers | {"acq.e2.pos"} <= set(read)
    for name in ("xtcavimg", "lasing", "acq.enPeaksLabel"):
        assert read[name].dtype == SCHEMA[name]
    shapes = {
        "xtcavimg": (4, 363, 284), "truth/loss_mask": (4, 2, 363, 284),
        "truth/gain_mask": (4, 2, 363, 284), "truth/beam_mask": (4, 363, 284),
        "truth/speckle_mask": (4, 363, 284), "truth/hot_pixel_mask": (363, 284),
        "truth/power": (4, 2, 568), "truth/time": (568,), "truth/class": (4,),
        "truth/amplitude": (4, 2),
    }  # fmt: skip
    for name, shape in shapes.items():
        assert read[name].shape == shape, name
    assert len(np.unique(read["evt.seconds"] * 10**9 + read["evt.nanoseconds"])) == 4
    assert (read["run"] == 70).all() and len(np.unique(read["run.index"])) == 4
    np.testing.assert_allclose(np.diff(read["truth/time"]), 0.9)
    with h5py.File(path, "r") as file:
        assert file["xtcavimg"].chunks == (1, 363, 284) and file["xtcavimg"].compression == "gzip"
        attributes = dict(file["truth"].attrs)
    assert attributes["fs_per_column"] == 1.8 and attributes["MeV_per_row"] == 0.38
    assert json.loads(attributes["options"])["seed"] == 1

    # What is stored is what the functions give.
    _, labels, drawn = files.shots_of_file(70, 9, 4, Recipe())
    np.testing.assert_array_equal(read["truth/class"], labels.true_class)
    for k, shot in enumerate(drawn):
        picture = shots.develop(shot)
        np.testing.assert_array_equal(read["xtcavimg"][k], picture.image)
        for name in ("loss_mask", "gain_mask", "beam_mask", "speckle_mask", "power"):
            np.testing.assert_array_equal(read["truth/" + name][k], getattr(picture, name))


def test_a_seed_gives_the_same_file_and_twins_share_all_but_the_lasing():
    for folder, options in (("a", []), ("b", []), ("c", ["--seed", "2"]), ("t", ["--off", "both"])):
        assert main_all(["synthesize", folder, *SMALL, *options]) == 0
    one, again, other, twins = (contents(os.path.join(f, FIRST_FILE)) for f in "abct")
    same(one, again)
    # Of another seed every shot is another, noise and all.
    assert ((one["xtcavimg"] != other["xtcavimg"]).mean(axis=(1, 2)) > 0.8).all()
    assert (one["truth/amplitude"] != other["truth/amplitude"]).all()
    lasing = {"xtcavimg", *(f"truth/{x}" for x in ("loss_mask", "gain_mask", "beam_mask", "power"))}
    assert set(one) == set(twins)
    for name in set(one) - lasing:
        np.testing.assert_array_equal(one[name], twins[name], err_msg=name)
    for name in ("loss_mask", "gain_mask", "power"):
        assert not np.count_nonzero(twins["truth/" + name])
    # As of single shots: outside of the masks rounding and shot noise make 2 grey levels at most.
    moved = (one["truth/loss_mask"] | one["truth/gain_mask"]).any(axis=1)
    difference = np.abs(one["xtcavimg"].astype(int) - twins["xtcavimg"])
    assert np.where(moved, 0, difference).max() <= 2
    assert (np.where(moved, difference, 0).max(axis=(1, 2)) > 20).all()


def test_an_interrupted_run_leaves_no_part_and_goes_on(monkeypatch, capsys):
    """Interrupted in its second file, then completed: the same bytes as an undisturbed run."""
    assert main_all(["synthesize", "whole", *SMALL]) == 0
    develop, seen = shots.develop, []

    def interrupted(shot):
        seen.append(shot)
        if len(seen) == 7:
            raise KeyboardInterrupt
        return develop(shot)

    with monkeypatch.context() as patch:
        patch.setattr(shots, "develop", interrupted)
        assert main_all(["synthesize", "set", *SMALL]) == 130
    assert os.listdir("set") == [FIRST_FILE]
    before = os.stat(os.path.join("set", FIRST_FILE)).st_mtime_ns
    # What a killed process leaves behind goes too, what a living one writes stays.
    host = socket.gethostname()
    for process in (2**22 + 1, os.getpid()):
        with open(os.path.join("set", temporary(host, process)), "w"):
            pass
    capsys.readouterr()
    assert main_all(["synthesize", "set", *SMALL]) == 0
    assert os.stat(os.path.join("set", FIRST_FILE)).st_mtime_ns == before
    assert sorted(os.listdir("set")) == [
        temporary(host, os.getpid()), FIRST_FILE, "amo86815_mlearn-r070-c0049.h5",
    ]  # fmt: skip
    for name in os.listdir("whole"):
        same(contents(os.path.join("whole", name)), contents(os.path.join("set", name)))


@pytest.mark.parametrize(
    "options, why",
    [
        (["--shots", "-1"], "--shots: '-1' is not a whole number, 1 or more"),
        (["--shots", "0"], "--shots: '0' is not a whole number, 1 or more"),
        (["--files", "x"], "--files: 'x' is not a whole number, 1 or more"),
        (["--runs", "70,1000"], "--runs: '1000' is not a whole number, 1..999"),
        (["--runs", "70,,71"], "--runs: '' is not a whole number, 1..999"),
        (["--runs", "70,70"], "--runs: '70,70' names a run twice"),
        (["--unusable", "1.1"], "--unusable: '1.1' is not a share, 0..1"),
        (["--flip", "-0.1"], "--flip: '-0.1' is not a share, 0..1"),
        (["--flip", "nan"], "--flip: 'nan' is not a share, 0..1"),
        (["--seed", "-3"], "--seed: '-3' is not a whole number, 0..2147483647"),
        (["--systematics", "maybe"], "--systematics: invalid choice: 'maybe'"),
        (["--confounded", "--independent"], "not allowed with argument"),
    ],
)
def test_impossible_options_are_refused(options, why, capsys):
    with pytest.raises(SystemExit) as left:
        main_all(["synthesize", "set", *options])
    error = capsys.readouterr().err
    assert left.value.code == 2 and why in error and error.count("\n") == 1
    assert not os.path.exists("set")


def refused(argv, capsys):
    assert main_all(argv) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def test_a_folder_with_other_content_is_refused(capsys):
    os.mkdir("set")
    with open("set/notes.txt", "w"):
        pass
    error = refused(["synthesize", "set", *SMALL], capsys)
    assert "set: holds other files (notes.txt); choose an empty or new folder" in error
    assert os.listdir("set") == ["notes.txt"]
    error = refused(["synthesize", "set/notes.txt", *SMALL], capsys)
    assert "set/notes.txt: is a file; give the name of a folder" in error
    error = refused(["synthesize", "set/notes.txt/x", *SMALL], capsys)
    assert "cannot be written" in error


def test_a_file_made_with_other_options_is_refused(capsys):
    assert main_all(["synthesize", "set", *SMALL]) == 0
    before = contents(os.path.join("set", FIRST_FILE))
    error = refused(["synthesize", "set", *SMALL, "--seed", "2"], capsys)
    assert f"set/{FIRST_FILE}: exists and was made with other options (seed 1, not 2)" in error
    same(before, contents(os.path.join("set", FIRST_FILE)))
    write_xtcav(os.path.join("set", FIRST_FILE))
    error = refused(["synthesize", "set", *SMALL], capsys)
    assert "exists and was not written as a synthetic file" in error
    with open(os.path.join("set", FIRST_FILE), "w") as file:
        file.write("x")
    assert "not a whole HDF5 file" in refused(["synthesize", "set", *SMALL], capsys)
    with open(os.path.join("set", FIRST_FILE)) as file:
        assert file.read() == "x"


def test_a_full_disk_is_said_and_nothing_is_left(monkeypatch, capsys):
    full = shutil.disk_usage(".")._replace(free=1_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: full)
    error = refused(["synthesize", "set", *SMALL], capsys)
    assert "1.0 MB free on the disk" in error and not os.path.exists("set")


def test_memory_does_not_grow_with_the_shots():
    """Peak of all arrays: some ten full frames, whether for 6 shots or for 60."""
    peaks = []
    for count in (6, 60):
        tracemalloc.start()
        files.write_set(f"set{count}", file_list((72,), 1), count, Recipe())
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.05 + 60 * 1000 and peaks[1] < 60e6


def test_show_draws_a_contact_sheet_with_and_without_truth(monkeypatch, capsys):
    """Which shots; what the sheet shows of them is tested with the figures."""
    drawn, draw = [], figures.contact_sheet

    def contact_sheet(title, shots):
        drawn.append((title, shots))
        return draw(title, shots)

    monkeypatch.setattr(figures, "contact_sheet", contact_sheet)
    assert main_all(["synthesize", "set", *SMALL]) == 0
    path = os.path.join("set", FIRST_FILE)
    assert main_all(["show", path, "--index", "3:0:-2"]) == 0
    name = FIRST_FILE.replace(".h5", ".png")
    assert f"-- 2 shots in {name}" in capsys.readouterr().out
    read, (title, shown) = contents(path), drawn[0]
    assert title == FIRST_FILE and shown.rows.tolist() == [3, 1]
    np.testing.assert_array_equal(shown.images, read["xtcavimg"][[3, 1]])
    for field in ("loss_mask", "gain_mask", "power"):
        np.testing.assert_array_equal(getattr(shown.truth, field), read["truth/" + field][[3, 1]])
    images = write_xtcav("measured.h5", shots=9)
    assert main_all(["show", "measured.h5", "--index", "-1", "--output", "out/m.png"]) == 0
    assert "-- 1 shots in out/m.png" in capsys.readouterr().out
    _, shown = drawn[1]
    assert shown.rows.tolist() == [8] and shown.truth is None
    np.testing.assert_array_equal(shown.images, images[8:])
    for path in (name, "out/m.png"):
        with open(path, "rb") as file:
            assert file.read(8) == b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize(
    "index, why",
    [
        ("9:12", "m.h5: --index 9:12 takes no shot; the file holds 4, 0 to 3"),
        ("4", "m.h5: --index 4:5 takes no shot; the file holds 4, 0 to 3"),
    ],
)
def test_show_refuses_rows_that_are_not_there(index, why, capsys):
    write_xtcav("m.h5")
    assert why in refused(["show", "m.h5", "--index", index], capsys)
    assert not os.path.exists("m.png")


def test_show_refuses_what_it_cannot_read_or_draw(capsys):
    assert "nothing.h5: no such file" in refused(["show", "nothing.h5"], capsys)
    write_xtcav("many.h5", shots=70, images=np.zeros((70, 363, 284), np.int16))
    error = refused(["show", "many.h5", "--index", ":"], capsys)
    assert "many.h5: --index : takes 70 shots; 64 at most, such as 0:64" in error
    for index in ("a", "1:2:3:4", "1:2:0", ""):
        with pytest.raises(SystemExit):
            main_all(["show", "many.h5", "--index", index])
        assert "is not an index such as 7, 0:16 or 0:100:10" in capsys.readouterr().err
    assert main_all(["show", "many.h5", "--index", "20:0:-9", "--output", "down.png"]) == 0
