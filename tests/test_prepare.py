"""What is done to an image before the network belongs to the source, whoever asks for a map."""

import os

import h5py
import numpy as np
import pytest

from legacy_gbp.attribution.network import Network
from legacy_gbp.cli import main, main_all
from legacy_gbp.exercises.checkpoint import XtcavCheckpoint
from legacy_gbp.exercises.definitions import EX07
from legacy_gbp.metrics.gradient_check import random_images
from legacy_gbp.models.keras_weights import KerasWeights
from legacy_gbp.models.pixel_scale import PixelScaled
from legacy_gbp.networks.vgg19 import vgg19


@pytest.fixture(autouse=True)
def _in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def log_mean(data_dir, tmp_path_factory):
    """Prefix of a checkpoint trained on log-mean images."""
    prefix = str(tmp_path_factory.mktemp("log-mean") / "best")
    argv = ["train", "--data-dir", data_dir, "--checkpoint", prefix, "--epochs", "1"]
    assert main(EX07, [*argv, "--batch-size", "8", "--preprocess", "log-mean"]) == 0
    return prefix


def read(path, name):
    with h5py.File(path, "r") as file:
        return file[name][()], file.attrs["preprocess"]


def test_explain_prepares_as_gbprop_does(log_mean, data_dir, capsys):
    """On raw images the map of a log-mean network is another one (correlation about 0.3)."""
    data = os.path.join(data_dir, "amo86815_pred-r073-c0121.h5")
    argv = [data, "--checkpoint", log_mean, "--output", "gbprop.h5", "--pages", "0"]
    assert main(EX07, ["gbprop", *argv]) == 0
    argv = [log_mean, "--net", "ex07", "--images", data + ":xtcavimg", "--output", "explain.h5"]
    assert main_all(["explain", *argv]) == 0
    assert "-- images are prepared: log-mean\n" in capsys.readouterr().out
    wanted, kind = read("gbprop.h5", "maps")
    found, same_kind = read("explain.h5", "maps")
    assert kind == same_kind == "log-mean"
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6 * np.abs(wanted).max())


def test_a_checkpoint_prepares_by_the_formula(log_mean):
    """log(max(1, I)) less the mean image that is stored with the checkpoint."""
    counts = np.random.RandomState(0).randint(-3, 250, (2, 363, 284, 1)).astype(np.int16)
    source = XtcavCheckpoint(EX07, log_mean)
    by_hand = np.log(np.maximum(counts, 1).astype(np.float32)) - source.preprocess.mean
    np.testing.assert_array_equal(source.prepare(counts), by_hand)
    with Network(source) as net:
        np.testing.assert_array_equal(net.prepare(counts), by_hand)


def test_selftest_asks_on_prepared_images(log_mean):
    """Logarithms of 0..255, not numbers in 0..1, which the logarithm would make equal."""
    source = XtcavCheckpoint(EX07, log_mean)
    with Network(source) as net:
        images = random_images(net, source)
    counts = np.exp(images + source.preprocess.mean)
    assert counts.max() > 250 and counts.min() >= 0.999
    assert counts.std() > 60  # of a uniform draw: 255 / sqrt(12) = 73.6


def test_a_scale_cannot_replace_the_preparation_of_a_checkpoint(log_mean, data_dir, capsys):
    data = os.path.join(data_dir, "amo86815_pred-r073-c0121.h5") + ":xtcavimg"
    argv = ["explain", log_mean, "--net", "ex07", "--images", data]
    assert main_all([*argv, "--scale", "none"]) == 2
    error = capsys.readouterr().err
    assert "--scale none: this checkpoint prepares images as in training (log-mean)" in error
    assert error.count("\n") == 1


def test_scales_by_hand():
    """Of one pixel (R, G, B) = (255, 0, 51): the conventions of Keras, by hand."""
    pixel = np.array([[[[255, 0, 51]]]], np.uint8)
    expected: dict = {
        "none": [255.0, 0, 51],
        "caffe": [51 - 103.939, 0 - 116.779, 255 - 123.68],  # BGR less the mean of ImageNet
        "tf": [1, -1, -0.6],
        "unit": [1, 0, 0.2],
    }
    for scale, wanted in expected.items():
        found = PixelScaled().with_scale(scale).prepare(pixel)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found[0, 0, 0], wanted, rtol=1e-6)


def test_vgg19_is_prepared_as_its_weights_were_trained(tmp_path):
    with h5py.File("w.h5", "w") as file:
        file.attrs["layer_names"] = [b"block1_conv1"]
        group = file.create_group("block1_conv1")
        group.attrs["weight_names"] = [b"kernel"]
        group["kernel"] = np.zeros(1)
    source = KerasWeights(vgg19, "w.h5")
    assert source.preparation == "caffe" and source.pixel_range == (0, 255)
    assert source.with_scale("none").preparation == "none" and source.preparation == "caffe"
