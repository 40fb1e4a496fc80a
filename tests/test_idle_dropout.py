"""Dropout that keeps everything draws no random numbers."""

import numpy as np
import pytest
import tensorflow as tf

from legacy_gbp import Network, guided_backprop
from legacy_gbp.models.frozen_graphs import from_graph_def

v1 = tf.compat.v1
X = np.array([[1.0, -2.0, 3.0], [0.5, 4.0, -1.0]], np.float32)


def before_1_13(x_t, keep_t):
    """tf.nn.dropout of TensorFlow 0.5 to 1.12: x / keep * floor(keep + random)."""
    random_t = v1.random_uniform(tf.shape(x_t), seed=1)
    return x_t / keep_t * tf.floor(keep_t + random_t)


def of_1_13(x_t, keep_t):
    """tf.nn.dropout of TensorFlow 1.13 to 1.15: x / (1 - rate) * (random >= rate)."""
    rate_t = 1 - keep_t
    kept_t = v1.random_uniform(tf.shape(x_t), seed=1) >= rate_t
    return x_t * (1 / (1 - rate_t)) * tf.cast(kept_t, tf.float32)


def of_2(x_t, keep_t):
    """tf.nn.dropout of TensorFlow 2."""
    kept_t = v1.random_uniform(tf.shape(x_t), seed=1) >= 1 - keep_t
    return tf.where(kept_t, x_t, tf.zeros_like(x_t))


def installed(x_t, keep_t):
    return tf.nn.dropout(x_t, rate=1 - keep_t)


def graph_of(dropout):
    with tf.Graph().as_default() as graph:
        x_t = v1.placeholder(tf.float32, (None, 3), name="x")
        keep_t = v1.placeholder(tf.float32, (), name="keep")
        tf.identity(2.0 * dropout(tf.nn.relu(x_t), keep_t), name="y")
        return graph.as_graph_def()


@pytest.mark.parametrize("dropout", [before_1_13, of_1_13, of_2, installed])
@pytest.mark.parametrize("keep", [1.0, 0.5])
def test_random_numbers_are_noticed_where_they_decide(dropout, keep):
    source = from_graph_def(graph_of(dropout), "g", "x", "y", feeds={"keep": keep})
    with Network(source) as net:
        graph = net.under("guided")
        noticed = [notice.name for notice in graph.report.notices if "two runs" in notice.text]
        drawn = [op for op in graph.graph.get_operations() if op.type == "RandomUniform"]
        if keep < 1:
            assert noticed and drawn
            return
        assert not noticed and not drawn
        np.testing.assert_array_equal(net.logits(X), 2 * np.maximum(X, 0))
        expected = 2.0 * (X > 0) * [0, 0, 1]
        np.testing.assert_array_equal(guided_backprop(net, X, 2), expected)


def test_other_products_with_random_numbers_stay():
    """floor(1.5 + random) is 1 or 2; random > 0 may be false."""
    for function in (
        lambda x_t, r_t: x_t * tf.floor(0.5 + r_t),
        lambda x_t, r_t: x_t * tf.cast(r_t > 0.0, tf.float32),
        lambda x_t, r_t: x_t * tf.cast(r_t - 0.5 >= 0.0, tf.float32),
        lambda x_t, r_t: x_t * r_t,
    ):
        with tf.Graph().as_default() as graph:
            x_t = v1.placeholder(tf.float32, (None, 3), name="x")
            tf.identity(function(x_t, v1.random_uniform(tf.shape(x_t))), name="y")
        with Network(from_graph_def(graph.as_graph_def(), "g", "x", "y")) as net:
            kinds = {op.type for op in net.under("gradient").graph.get_operations()}
        assert "RandomUniform" in kinds
