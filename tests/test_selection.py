"""The files that each exercise reads, as the tutorial chose them."""

import os

import pytest

from legacy_gbp.errors import InputError
from legacy_gbp.exercises.definitions import EX07, EX08


def names(paths):
    return [os.path.basename(path) for path in paths]


def test_ex07_reads_the_named_files(data_dir):
    train = names(EX07.selection.files(data_dir, "train"))
    assert len(train) == 10
    assert train[0] == "amo86815_mlearn-r069-c0011.h5"
    assert train[-1] == "amo86815_mlearn-r070-c0019.h5"
    assert names(EX07.selection.files(data_dir, "validation")) == [
        "amo86815_mlearn-r069-c0031.h5",
        "amo86815_mlearn-r070-c0049.h5",
    ]
    assert names(EX07.selection.files(data_dir, "predict")) == ["amo86815_pred-r073-c0121.h5"]


def test_ex07_small_mode_takes_one_file_of_each_run(data_dir):
    assert names(EX07.selection.files(data_dir, "train", small=True)) == [
        "amo86815_mlearn-r069-c0011.h5",
        "amo86815_mlearn-r070-c0009.h5",
    ]


def test_ex08_validates_on_the_first_of_each_run(data_dir):
    validation = names(EX08.selection.files(data_dir, "validation"))
    assert validation == ["amo86815_mlearn-r070-c0009.h5", "amo86815_mlearn-r071-c0003.h5"]
    assert names(EX08.selection.files(data_dir, "predict")) == validation
    train = names(EX08.selection.files(data_dir, "train"))
    assert len(train) == 7 and not set(train) & set(validation)
    assert names(EX08.selection.files(data_dir, "train", small=True)) == [
        "amo86815_mlearn-r070-c0014.h5",
        "amo86815_mlearn-r071-c0008.h5",
    ]


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(InputError, match=r"r069-c0011.h5: no such file, .* for train"):
        EX07.selection.files(str(tmp_path), "train")
    with pytest.raises(InputError, match=r"no file for predict"):
        EX08.selection.files(str(tmp_path), "predict")
    (tmp_path / "amo86815_mlearn-r070-c0001.h5").touch()
    assert len(EX08.selection.files(str(tmp_path), "predict")) == 1
    with pytest.raises(InputError, match=r"no second file for train"):
        EX08.selection.files(str(tmp_path), "train")
    for exercise in (EX07, EX08):
        with pytest.raises(InputError, match=r"nowhere: no such folder; .*`data_dir`"):
            exercise.selection.files(str(tmp_path / "nowhere"), "predict")
