"""Training: it learns, it is repeatable, its log is the one of 2016."""

import os
import re

import numpy as np
import pytest

from legacy_gbp.data.shots import ArrayShots
from legacy_gbp.errors import InputError
from legacy_gbp.exercises.checkpoint import XtcavCheckpoint
from legacy_gbp.exercises.definitions import EX07, EX08
from legacy_gbp.metrics.classification import accuracy, confusion_matrix
from legacy_gbp.training.log import header, matrix_lines, row, validation_lines
from tests.trainings import train


def blobs(count, seed=0):
    """Shots whose label is written into them: a bright patch or none."""
    rng = np.random.RandomState(seed)
    images = rng.randint(0, 12, (count, 363, 284)).astype(np.int16)
    labels = np.arange(count) % 2
    images[labels == 1, 120:160, 120:160] += 150
    return ArrayShots(images, labels)


def without_seconds(lines):
    """A log without its columns of seconds, which no seed can fix."""
    step = re.compile(r"^( {0,4}\d+ +\d+ +\d+) +\d+\.\d( +-?\d+\.\d{3})( +\d+\.\d)?")
    return [step.sub(r"\1\2", line) for line in lines]


def test_a_seed_gives_one_log_and_data_may_be_in_memory():
    logs: list = [[], []]
    for log in logs:
        train(EX07, blobs(48), blobs(20, 1), seed=4, epochs=3, log=log.append)
    assert without_seconds(logs[0]) == without_seconds(logs[1])
    other: list = []
    train(EX07, blobs(48), blobs(20, 1), seed=5, epochs=3, log=other.append)
    assert without_seconds(other) != without_seconds(logs[0])


def test_an_easy_task_is_learned():
    trained = train(EX07, blobs(48), blobs(20, 1), epochs=8, batch_size=8, log=lambda line: None)
    assert trained.best_accuracy == 1
    assert np.mean(trained.losses[-5:]) < 0.6 * np.mean(trained.losses[:3])
    assert trained.steps == 8 * 6 == len(trained.losses) == trained.total_steps


def test_the_log_has_the_lines_of_2016(tmp_path):
    lines: list = []
    prefix = str(tmp_path / "best")
    train(
        EX07, blobs(48), blobs(20, 1), checkpoint=prefix, epochs=1, batch_size=4, log=lines.append
    )
    columns = "epoch batch step tr.sec loss vl.sec tr.acc vl.acc tr.cmat vl.cmat"
    assert " ".join(lines[0].split()) == columns
    assert lines[1] == "-" * 80
    assert re.match(
        r"^    0     0     0 +\d+\.\d +\d\.\d{3} +\d+\.\d +[\d.]+% +[\d.]+% +\d+ +\d+ +\d+ +\d+"
        r"  \*\* saved in " + re.escape(prefix) + "$",
        lines[2],
    )
    assert re.match(r"^ {50,}\d+ +\d+ +\d+ +\d+$", lines[3])  # second rows of the matrices
    assert re.match(r"^    0     1     1 +\d+\.\d +\d\.\d{3}$", lines[4])
    assert sum(line == "-" * 80 for line in lines) == 2  # steps 0 and 10 of 12


def test_log_lines_by_hand():
    step_row = row(1, 22, 333, 0.94, (0.6931, 1.2))
    assert step_row == "    1    22   333    0.9  0.693  1.200"
    train_matrix = confusion_matrix([0, 0, 1, 1], [0, 1, 1, 1], 2)
    lines = validation_lines(step_row, 1.25, train_matrix, np.array([[30, 10], [0, 40]]), "P")
    assert lines == [
        "-" * 80,
        "    1    22   333    0.9  0.693  1.200    1.2  75.0%  87.5%    1   1   30  10"
        "  ** saved in P",
        " " * len("    1    22   333    0.9  0.693  1.200    1.2  75.0%  87.5%")
        + "    0   2    0  40",
    ]
    assert header(("mloss", "oloss"), 2).split()[4:6] == ["mloss", "oloss"]
    assert len(header(("mloss", "oloss"), 2)) == len(lines[2])


def test_ex08_adds_its_penalties_and_prints_both_losses():
    """At the start the total exceeds the cross entropy by the sum of 0.005 w^2 terms."""
    images = np.random.RandomState(0).randint(0, 99, (8, 363, 284)).astype(np.int16)
    shots = ArrayShots(images, np.arange(8) % 4)
    trained = train(EX08, shots, shots, epochs=1, batch_size=8, log=lambda line: None)
    cross_entropy, total = trained.losses[0]
    weights = 8 * 8 * 16 + 2 * 6 * 6 * 16 * 16 + 2464 * 48 + 48 * 32
    expected = (0.01 * weights + 0.002 * 32 * 4) * 0.5 * (0.8796 * 0.03) ** 2
    assert total - cross_entropy == pytest.approx(expected, rel=0.02)


def test_preprocessing_travels_with_the_checkpoint(tmp_path):
    prefix = str(tmp_path / "best")
    shots = blobs(8)
    train(
        EX07, shots, shots, checkpoint=prefix, epochs=1, batch_size=8, preprocess="log-mean",
        log=lambda line: None,
    )  # fmt: skip
    stored = XtcavCheckpoint(EX07, prefix).preprocess
    assert stored.kind == "log-mean"
    expected = np.log(np.maximum(shots.read(range(8)), 1)).mean(axis=0)
    np.testing.assert_allclose(stored.mean, expected, atol=1e-6)
    assert sorted(os.listdir(str(tmp_path))) == [
        "best.data-00000-of-00001", "best.index", "best.meta",
    ]  # fmt: skip


def test_scalars_for_tensorboard(tmp_path):
    import tensorflow as tf

    shots = blobs(8)
    train(EX07, shots, shots, epochs=2, batch_size=4, logdir=str(tmp_path), log=lambda line: None)
    (name,) = os.listdir(str(tmp_path))
    scalars: dict = {}
    for event in tf.compat.v1.train.summary_iterator(str(tmp_path / name)):
        for value in event.summary.value:
            scalars.setdefault(value.tag, []).append(event.step)
    assert scalars == {"loss": [0, 1, 2, 3], "tr.acc": [0], "vl.acc": [0]}


def test_too_few_shots_are_refused():
    with pytest.raises(InputError, match="8 usable training shots do not fill a batch of 24"):
        train(EX07, blobs(8), blobs(8))


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path):
    images = np.full((8, 363, 284), 3e38, np.float32)
    with pytest.raises(InputError, match=r"the loss is .* at step 0"):
        train(EX07, ArrayShots(images, np.arange(8) % 2), blobs(4), batch_size=8,
              checkpoint=str(tmp_path / "best"), log=lambda line: None)  # fmt: skip
    assert os.listdir(str(tmp_path)) == []


def test_validation_that_is_not_finite_is_refused():
    images = np.full((4, 363, 284), np.nan, np.float32)
    with pytest.raises(InputError, match="array of images: row 0 holds NaN"):
        train(EX07, blobs(8), ArrayShots(images, [0, 1, 0, 1]), batch_size=8, log=lambda _: None)


def test_labels_and_preprocessing_must_exist():
    shots = ArrayShots(np.zeros((3, 363, 284)), [0, 1, 2])
    with pytest.raises(InputError, match=r"label 2: ex07 has classes 0\.\.1"):
        train(EX07, shots, shots, batch_size=1)
    with pytest.raises(InputError, match="preprocessing 'sqrt' is unknown; choose none"):
        train(EX07, blobs(8), blobs(8), batch_size=8, preprocess="sqrt")


def test_large_matrices_stay_readable():
    assert matrix_lines(np.array([[1234, 5678], [0, 12]])) == [" 1234 5678", "   0  12"]


def test_confusion_matrix_by_hand():
    matrix = confusion_matrix([0, 0, 1, 2, 2, 2], [0, 2, 1, 2, 2, 0], 3)
    np.testing.assert_array_equal(matrix, [[1, 0, 1], [0, 1, 0], [1, 0, 2]])
    assert accuracy(matrix) == 4 / 6
    assert np.isnan(accuracy(np.zeros((2, 2), int)))
