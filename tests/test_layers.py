"""The builder: shapes, names, penalties; the two networks as the tutorial had them."""

import numpy as np
import pytest
import tensorflow as tf

from legacy_gbp.exercises.checkpoint import original_names
from legacy_gbp.exercises.definitions import EX07, EX08
from legacy_gbp.networks.sequential import Sequential


def build(network, training=False, shape=(363, 284)):
    images_t = tf.compat.v1.placeholder(tf.float32, (None, *shape, 1))
    net = Sequential(images_t, training, seed=5)
    network(net)
    return net


def test_ex07_has_the_shapes_of_2016():
    with tf.Graph().as_default():
        net = build(EX07.network)
        variables = {v.op.name: v.shape.as_list() for v in tf.compat.v1.global_variables()}
    shapes = {layer.name: layer.output_t.shape.as_list()[1:] for layer in net.layers}
    assert shapes["pool2"] == [23, 18, 6] and shapes["flatten"] == [2484]
    assert variables["conv1/kernel"] == [4, 4, 1, 2]
    assert variables["dense1/weights"] == [2484, 40]
    assert variables["logits/bias"] == [2]
    assert len(variables) == 6 + 4 * 4
    assert net.weights.penalty_ts == []


def test_ex08_has_the_shapes_of_2016():
    with tf.Graph().as_default():
        net = build(EX08.network)
        variables = {v.op.name: v.shape.as_list() for v in tf.compat.v1.global_variables()}
    shapes = {layer.name: layer.output_t.shape.as_list()[1:] for layer in net.layers}
    assert shapes["pool3"] == [14, 11, 16] and shapes["flatten"] == [2464]
    assert [variables[f"conv{k}/kernel"][0] for k in (1, 2, 3)] == [8, 6, 6]
    assert variables["logits/weights"] == [32, 4]
    assert len(variables) == 7 + 5 * 4
    assert len(net.weights.penalty_ts) == 7


def test_original_names_follow_the_order_of_creation():
    with tf.Graph().as_default():
        names = original_names(build(EX08.network))
    assert names["conv1/kernel"] == "Variable"
    assert names["dense1/weights"] == "Variable_3"
    assert names["logits/bias"] == "Variable_6"
    assert names["conv1/batch_norm/gamma"] == "BatchNorm/gamma"
    assert names["dense2/batch_norm/running_std"] == "BatchNorm_4/running_std"


def test_penalties_are_a_weighted_sum_by_hand():
    """l1 0.5 on w = [1,-2] gives 1.5; l2 0.1 on w = [3], b = [4] gives 0.1 (9+16)/2 = 1.25."""

    def network(net):
        net.flatten()
        net.dense(2, penalty=("l1", 0.5))
        net.logits(1, penalty=("l2", 0.1))

    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        net = build(network, shape=(1, 1))
        values = {"dense1/weights": [[1, -2]], "logits/weights": [[3], [0]], "logits/bias": [4]}
        for variable in tf.compat.v1.global_variables():
            value = np.array(values[variable.op.name], np.float32)
            session.run(variable.initializer, {variable.initial_value: value})
        penalties = session.run(net.weights.penalty_ts)
    np.testing.assert_allclose(penalties, [1.5, 0.45, 0.8], rtol=1e-6)


@pytest.mark.parametrize("exercise", [EX07, EX08])
def test_weights_are_truncated_normal_and_seeded(exercise):
    drawn = []
    for _ in range(2):
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            build(exercise.network)
            session.run(tf.compat.v1.global_variables_initializer())
            drawn.append({v.op.name: session.run(v) for v in tf.compat.v1.trainable_variables()})
    for name, first in drawn[0].items():
        np.testing.assert_array_equal(first, drawn[1][name])
        if name.endswith(("kernel", "weights")):
            assert 0 < np.abs(first).max() <= 2 * 0.03  # truncated at two sigma
    # A normal cut at two sigma has 0.8796 of its standard deviation.
    assert drawn[0]["dense1/weights"].std() == pytest.approx(0.8796 * 0.03, rel=0.01)
