"""What the original program computed in 2016 from its own checkpoint comes out again.

``reference/`` holds a checkpoint written by the original under TensorFlow
0.12.1 and the maps that it made of two images (``ex07_reference.h5``).
"""

import os

import h5py
import numpy as np
import pytest

from legacy_gbp.cli import main
from legacy_gbp.exercises import EX07
from legacy_gbp.sources.xtcav_checkpoint import XtcavCheckpoint
from tests.conftest import REFERENCE


@pytest.fixture(scope="module")
def reference():
    with h5py.File(os.path.join(REFERENCE, "ex07_reference.h5"), "r") as file:
        return {name: file[name][()] for name in file if name != "variables"}


@pytest.fixture(scope="module")
def reference_data(reference, tmp_path_factory):
    path = str(tmp_path_factory.mktemp("reference") / "shots.h5")
    with h5py.File(path, "w") as file:
        file["xtcavimg"] = reference["images"]
    return path


def relative(found, expected):
    return np.abs(found - expected).max() / np.abs(expected).max()


@pytest.mark.parametrize(
    "options, expected",
    [
        (["--method", "gradient"], "gradient_batch"),
        (["--historical", "--method", "guided"], "guided_layerwise"),
        (["--historical", "--method", "gradient"], "unguided_layerwise"),
    ],
)
def test_gbprop_gives_the_maps_of_2016(
    options, expected, reference, reference_data, historical_checkpoint, tmp_path
):
    output = str(tmp_path / "maps.h5")
    argv = ["gbprop", reference_data, "--checkpoint", historical_checkpoint, "--output", output]
    assert main(EX07, [*argv, "--pages", "0", *options]) == 0
    with h5py.File(output, "r") as file:
        assert file["maps"].dtype == np.float32
        assert relative(file["maps"][()], reference[expected]) < 1e-6
        assert relative(file["logits"][()], reference["logits"]) < 5e-6
        np.testing.assert_array_equal(file["target"][()], reference["logits"].argmax(axis=1))


def test_predict_gives_the_logits_of_2016(
    reference, reference_data, historical_checkpoint, tmp_path
):
    output = str(tmp_path / "predictions.h5")
    argv = ["predict", reference_data, "--checkpoint", historical_checkpoint, "--output", output]
    assert main(EX07, argv) == 0
    with h5py.File(output, "r") as file:
        logits = file["logits"][()]
    assert relative(logits, reference["logits"]) < 5e-6
    softmax = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(softmax, reference["softmax"], atol=1e-6)


def test_the_historical_map_is_not_the_gradient(reference):
    """The workaround drops gamma/(std+eps): a tenth of the length, much the same picture.

    Facts known of the original: 0.11 times the L1 norm, correlation 0.94-0.96.
    """
    plain, unguided = reference["gradient_batch"], reference["unguided_layerwise"]
    assert 0.10 < np.abs(unguided).sum() / np.abs(plain).sum() < 0.12
    for k in range(2):
        assert 0.93 < np.corrcoef(plain[k].ravel(), unguided[k].ravel())[0, 1] < 0.97


def test_variables_of_2016_are_recognised(historical_checkpoint):
    source = XtcavCheckpoint(EX07, historical_checkpoint)
    assert source.original
    assert source.preprocess.kind == "none"
