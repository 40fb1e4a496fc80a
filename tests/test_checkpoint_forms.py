"""Checkpoints as they come: one file of 2016, folders that moved, graphs of a newer TensorFlow."""

import os
import shutil

import h5py
import numpy as np
import pytest
import tensorflow as tf

from legacy_gbp.attribution.network import Network
from legacy_gbp.cli import main, main_all
from legacy_gbp.errors import InputError, ModelError
from legacy_gbp.exercises.definitions import EXERCISES
from legacy_gbp.models.frozen_graphs import from_graph_def
from legacy_gbp.models.meta_graphs import meta_graph
from tests.files import write_xtcav

v1 = tf.compat.v1
X = np.array([[1.0, -2.0, 3.0, 0.5]], np.float32)
SCALE = np.array([3.0, -3.0, 2.0, 1.0], np.float32)
GUIDED = np.maximum(SCALE, 0) * (X > 0)


@pytest.fixture(autouse=True)
def _in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def save(prefix, step=None, version=2, scale=SCALE):
    """y = relu(x) scale, saved by TensorFlow's own saver in a format."""
    with tf.Graph().as_default(), v1.Session() as session:
        x_t = v1.placeholder(tf.float32, (None, 4), "x")
        variable = v1.get_variable("scale", initializer=scale, use_resource=False)
        tf.multiply(tf.nn.relu(x_t), variable, name="y")
        session.run(v1.global_variables_initializer())
        saver = v1.train.Saver(write_version=version, max_to_keep=9)
        return saver.save(session, prefix, step, write_meta_graph=True)


def guided(path):
    with Network(meta_graph(path, "x", "y")) as net:
        return net.under("guided").gradient(X, np.ones_like(X))


def test_a_checkpoint_in_one_file():
    """Format V1, in use until the end of 2016."""
    save("./old", version=1)
    assert sorted(os.listdir(".")) == ["checkpoint", "old", "old.meta"]
    np.testing.assert_array_equal(guided("old"), GUIDED)
    np.testing.assert_array_equal(guided("."), GUIDED)


@pytest.mark.parametrize("name", EXERCISES)
def test_the_exercises_read_a_checkpoint_in_one_file(name, checkpoints, capsys):
    """The same tensors in both formats: the same predictions and maps, by every way in."""
    exercise = EXERCISES[name]
    reader = tf.train.load_checkpoint(checkpoints[name])
    with tf.Graph().as_default(), v1.Session() as session:
        for variable in reader.get_variable_to_shape_map():
            v1.get_variable(variable, initializer=reader.get_tensor(variable), use_resource=False)
        session.run(v1.global_variables_initializer())
        v1.train.Saver(write_version=1).save(session, "./v1", write_meta_graph=False)
    write_xtcav("shots.h5", 3)
    for checkpoint, output in ((checkpoints[name], "new"), ("v1", "old")):
        argv = ["shots.h5", "--checkpoint", checkpoint]
        assert main(exercise, ["predict", *argv, "--output", output + "-p.h5"]) == 0
        more = ["--only-class", "all", "--pages", "0", "--output", output + "-m.h5"]
        assert main(exercise, ["gbprop", *argv, *more]) == 0
        argv = [checkpoint, "--net", name, "--images", "shots.h5:xtcavimg"]
        assert main_all(["explain", *argv, "--output", output + "-e.h5"]) == 0
    for kind, column in (("p", "logits"), ("m", "maps"), ("e", "maps")):
        with h5py.File(f"new-{kind}.h5", "r") as new, h5py.File(f"old-{kind}.h5", "r") as old:
            np.testing.assert_array_equal(old[column][()], new[column][()])


def test_a_folder_that_moved():
    """The `checkpoint` file names the folder of another machine, or is not there."""
    for step, factor in ((5, 1), (40, 2), (7, 3)):
        save(os.path.abspath("run/model"), step, scale=SCALE * factor)
    np.testing.assert_array_equal(guided("run"), 3 * GUIDED)  # saved last
    shutil.move("run", "moved")
    np.testing.assert_array_equal(guided("moved"), 3 * GUIDED)
    os.remove("moved/checkpoint")
    np.testing.assert_array_equal(guided("moved"), 2 * GUIDED)  # of the largest step


def test_a_meta_graph_of_another_step_serves_where_it_is_the_only_one():
    for step in (5, 40):
        save("./model", step, scale=SCALE * step)
    os.remove("model-40.meta")
    np.testing.assert_array_equal(guided("model-40"), 40 * GUIDED)
    shutil.copy("model-5.meta", "other.meta")
    with pytest.raises(InputError, match=r"model-40\.meta: no such file.*model-5\.meta, other"):
        guided("model-40")


def test_what_is_not_there_lists_what_is():
    save("./model", 5)
    with pytest.raises(InputError, match=r"model-6: no checkpoint with \.index here.*model-5"):
        guided("model-6")
    os.mkdir("empty")
    with pytest.raises(InputError, match="empty: holds no checkpoint"):
        guided("empty")


def graph_with_attribute(set_value):
    with tf.Graph().as_default() as graph:
        x_t = v1.placeholder(tf.float32, (None, 4), "x")
        tf.multiply(tf.nn.relu(x_t), SCALE, name="y")
        graph_def = graph.as_graph_def()
    relu = next(node for node in graph_def.node if node.op == "Relu")
    set_value(relu.attr["of_the_future"])
    return graph_def


@pytest.mark.parametrize(
    "set_value",
    [
        lambda value: value.list.SetInParent(),
        lambda value: setattr(value, "b", False),
        lambda value: setattr(value, "i", 0),
        lambda value: setattr(value, "s", b""),
    ],
)
def test_an_attribute_of_the_future_that_says_nothing_is_dropped(set_value):
    source = from_graph_def(graph_with_attribute(set_value), "g", "x", "y")
    with Network(source) as net:
        found = net.under("guided").gradient(X, np.ones_like(X))
    np.testing.assert_array_equal(found, GUIDED)


def test_an_attribute_of_the_future_with_a_value_is_named():
    graph_def = graph_with_attribute(lambda value: setattr(value, "i", 3))
    with pytest.raises(ModelError, match=r"Relu \(Relu\) has the attribute 'of_the_future'"):
        from_graph_def(graph_def, "g", "x", "y")


def test_the_placeholder_of_2016_keeps_its_recorded_shape(historical_checkpoint):
    source = meta_graph(historical_checkpoint, output="xw_plus_b", feeds={"trainflag": False})
    with tf.Graph().as_default():
        endpoints = source.load(None)
        assert endpoints.input_ts[0].shape.as_list() == [None, 363, 284, 1]
