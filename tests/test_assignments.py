"""Graphs saved while training: assignments in the forward path, recorded shapes, loops."""

import numpy as np
import pytest
import tensorflow as tf

from legacy_gbp.attribution.network import Network
from legacy_gbp.models.frozen_graphs import from_graph_def
from legacy_gbp.models.live_sessions import live_session
from legacy_gbp.models.meta_graphs import meta_graph

v1 = tf.compat.v1
X = np.array([[1.0, -2.0, 3.0, 0.5], [-1.0, 2.0, 0.25, 4.0]], np.float32)
SCALE = np.array([3.0, -3.0, 2.0, 1.0], np.float32)


@pytest.fixture(autouse=True)
def _in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def counted(x_t, resource):
    """A step counter beside the forward path: y = relu(x) scale."""
    scale = v1.get_variable("scale", initializer=SCALE, use_resource=resource)
    steps = v1.get_variable("steps", initializer=np.float32(7), use_resource=resource)
    with tf.control_dependencies([v1.assign_add(steps, 1.0)]):
        return tf.nn.relu(tf.identity(x_t)) * scale


def averaged(x_t, resource):
    """Updates of a moving average as a control input: y = relu(x - mean) scale, mean 0.5."""
    scale = v1.get_variable("scale", initializer=SCALE, use_resource=resource)
    mean = v1.get_variable("mean", initializer=np.full(4, 0.5, np.float32), use_resource=resource)
    read_t = tf.identity(mean)
    update = v1.assign_sub(mean, (mean - tf.reduce_mean(x_t, 0)) * 0.1)
    with tf.control_dependencies([update]):
        return tf.nn.relu(x_t - read_t) * scale


def assigned(x_t, resource):
    """What an assignment leaves is read: y = relu(x) (scale + 1 - 3)."""
    scale = v1.get_variable("scale", initializer=SCALE, use_resource=resource)
    if resource:
        return tf.nn.relu(x_t) * (scale - 2.0)
    return tf.nn.relu(x_t) * v1.assign_sub(v1.assign_add(scale, np.full(4, 1, "f4")),
                                           np.full(4, 3, "f4"))  # fmt: skip


# Graph: (function, guided map of the sum of the outputs).
GRAPHS = {
    "a counter": (counted, np.maximum(SCALE, 0) * (X > 0)),
    "moving averages": (averaged, np.maximum(SCALE, 0) * (X > 0.5)),
    "an assignment that is read": (assigned, np.maximum(SCALE - 2, 0) * (X > 0)),
}


@pytest.mark.parametrize("resource", [False, True])
@pytest.mark.parametrize("name", GRAPHS)
def test_assignments_do_not_reach_the_map(name, resource):
    function, expected = GRAPHS[name]
    with tf.Graph().as_default(), v1.Session() as session:
        x_t = v1.placeholder(tf.float32, (None, 4), "x")
        y_t = tf.identity(function(x_t, resource), name="y")
        session.run(v1.global_variables_initializer())
        v1.train.Saver().save(session, "saved/model")
        sources = [live_session(session, x_t, y_t)]
    sources.append(meta_graph("saved/model", "x", "y"))
    for source in sources:
        with Network(source) as net:
            found = net.under("guided").gradient(X, np.ones_like(X))
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_frozen_graph_with_an_assignment_to_a_constant_is_mended():
    """TensorFlow refuses it: "was passed float ... incompatible with expected float_ref"."""
    with tf.Graph().as_default() as graph:
        x_t = v1.placeholder(tf.float32, (None, 4), "x")
        steps_t = tf.constant(0.0, name="steps")
        tf.multiply(tf.nn.relu(x_t), SCALE, name="y")
        graph_def = graph.as_graph_def()
    update = graph_def.node.add(op="AssignAdd", name="update", input=["steps", "steps"])
    update.attr["T"].type = steps_t.dtype.as_datatype_enum
    next(node for node in graph_def.node if node.op == "Relu").input.append("^update")
    with pytest.raises(ValueError), tf.Graph().as_default():
        tf.import_graph_def(graph_def, name="")
    with Network(from_graph_def(graph_def, "g", "x", "y")) as net:
        found = net.under("guided").gradient(X, np.ones_like(X))
    np.testing.assert_array_equal(found, np.maximum(SCALE, 0) * (X > 0))


def test_recorded_shapes_that_contradict_the_graph_are_dropped():
    """Batch normalisation of tf.keras saved by a Saver of TF 1.13 to 1.15 has them."""
    with tf.Graph().as_default() as graph:
        x_t = v1.placeholder(tf.float32, (None, 4), "x")
        tf.multiply(tf.nn.relu(x_t), SCALE, name="y")
        graph_def = graph.as_graph_def()
    relu = next(node for node in graph_def.node if node.op == "Relu")
    relu.attr["_output_shapes"].list.shape.add().dim.add(size=17)
    with Network(from_graph_def(graph_def, "g", "x", "y")) as net:
        found = net.under("guided").gradient(X, np.ones_like(X))
    np.testing.assert_array_equal(found, np.maximum(SCALE, 0) * (X > 0))


def test_a_loop_of_tensorflow_1_is_differentiated_and_no_switch_leaks():
    """relu(r) W, row by row of a map_fn: a TensorArray inside of a while loop."""
    v2 = getattr(v1, "control_flow_v2_enabled", lambda: False)()
    if v2:
        v1.disable_control_flow_v2()
    try:
        with tf.Graph().as_default(), v1.Session() as session:
            x_t = v1.placeholder(tf.float32, (None, 4), "x")
            scale = v1.get_variable("scale", initializer=SCALE, use_resource=False)
            y_t = tf.map_fn(lambda row_t: tf.nn.relu(row_t) * scale, x_t)
            tf.reshape(y_t, (-1, 4), name="y")
            session.run(v1.global_variables_initializer())
            v1.train.Saver().save(session, "looped/model")
    finally:
        if v2:
            v1.enable_control_flow_v2()
    expected = {"gradient": SCALE * (X > 0), "guided": np.maximum(SCALE, 0) * (X > 0)}
    with Network(meta_graph("looped/model", "x", "y")) as net:
        for rule, wanted in expected.items():
            found = net.under(rule).gradient(X, np.ones_like(X))
            np.testing.assert_allclose(found, wanted, rtol=1e-6)
    assert getattr(v1, "control_flow_v2_enabled", lambda: False)() == v2
