"""``selftest`` cannot pass on a model about which its checks say nothing."""

import numpy as np
import pytest
import tensorflow as tf

from legacy_gbp.cli import main_all

v1 = tf.compat.v1


@pytest.fixture(autouse=True)
def _in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(function):
    with tf.Graph().as_default() as graph:
        x_t = v1.placeholder(tf.float32, (None, 6), "x")
        tf.identity(function(x_t), name="y")
        with open("model.pb", "wb") as file:
            file.write(graph.as_graph_def().SerializeToString())
    return ["selftest", "model.pb", "--input", "x", "--output-tensor", "y"]


WEIGHTS = np.random.RandomState(0).normal(size=(6, 4)).astype(np.float32)
VACUOUS = {
    # What the model is: (function of an image in 0..1, the check that must fail).
    "a dead ReLU": (lambda x: tf.nn.relu(tf.matmul(x, WEIGHTS) - 1e6), "the gradient is not zero"),
    "a sure softmax": (
        lambda x: tf.nn.softmax(tf.matmul(tf.nn.relu(x), 1e4 * WEIGHTS)),
        "the output is no saturated softmax",
    ),
    "guided maps of zeros": (
        lambda x: -tf.nn.relu(tf.matmul(x, np.abs(WEIGHTS))), "guided maps are not zero",
    ),
    "a nonlinearity without a rule": (
        lambda x: tf.tanh(tf.matmul(x, WEIGHTS)), "guided reaches every nonlinearity",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", VACUOUS)
def test_a_check_that_says_nothing_fails(name, capsys):
    function, check = VACUOUS[name]
    assert main_all(write(function)) == 2
    captured = capsys.readouterr()
    assert f"FAILED  {check}: " in captured.out
    assert check in captured.err and "do not trust maps made here" in captured.err


def test_a_sound_model_passes_and_a_linear_one_says_what_it_is(capsys):
    assert main_all(write(lambda x: tf.matmul(tf.nn.relu(tf.matmul(x, WEIGHTS)), WEIGHTS.T))) == 0
    assert "1 of 1" in capsys.readouterr().out
    assert main_all(write(lambda x: tf.matmul(x, WEIGHTS))) == 0
    out = capsys.readouterr().out
    assert "guided reaches every nonlinearity: there is none: its maps are the gradient" in out
