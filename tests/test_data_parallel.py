"""The network in training against the plain graph of its table, in double precision."""

import numpy as np
import pytest
import tensorflow as tf

from legacy_gbp.errors import InputError
from legacy_gbp.exercises.definitions import EX07, EX08
from legacy_gbp.exercises.layer_by_layer import UNGUARDED_SQRT
from legacy_gbp.networks.channel_moments import deviations, image_means, image_variances
from legacy_gbp.networks.data_parallel import DataParallelSequential
from legacy_gbp.networks.inference import FoldedSequential
from legacy_gbp.networks.sequential import Sequential

IMAGES = np.random.RandomState(0).rand(5, 64, 47, 1)


def no_pool(net):
    """Layers in another order than the exercises have them."""
    net.conv(3, size=4).batch_norm().max_pool(2, stride=2).relu()
    net.conv(2, size=3).relu().max_pool(3, stride=2)
    net.conv(2, size=2).max_pool(2, stride=2).flatten()
    net.dense(5).relu().dense(4).batch_norm().logits(2, penalty=("l1", 0.5))


def plain(images_t, network):
    net = Sequential(images_t, training=True, seed=1)
    network(net)
    return net.logits_t, net.weights.penalty_ts, net.update_ops


def split_into(shares):
    """Return what builds replicas for shares of the batch, like :func:`plain` the plain graph."""

    def build(images_t, network):
        image_ts = tf.split(images_t, shares)
        net = DataParallelSequential(image_ts, ["/cpu:0"] * len(shares), seed=1)
        network(net)
        return tf.concat(net.logits_ts, axis=0), net.penalty_ts, net.update_ops

    return build


def everything(build, network, arrays):
    """Logits, gradients, penalties and the variables after an update, by name."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        with tf.compat.v1.variable_scope("", reuse=tf.compat.v1.AUTO_REUSE):
            logits_t, penalty_ts, update_ops = build(tf.constant(IMAGES), network)
        weights = tf.compat.v1.trainable_variables()
        gradient_ts = tf.gradients(tf.reduce_sum(logits_t[:, 0] ** 2), weights)
        variables = {v.op.name: v for v in tf.compat.v1.global_variables()}
        feeds = {v.initializer.inputs[1]: arrays(v) for v in variables.values()}
        session.run([v.initializer for v in variables.values()], feeds)
        found = {"logits": logits_t, "penalties": tf.stack(penalty_ts)} if penalty_ts else {}
        found.update((v.op.name + " gradient", t) for v, t in zip(weights, gradient_ts))
        found = session.run({"logits": logits_t, **found})
        session.run(update_ops)
        return {**found, **session.run(variables)}


@pytest.mark.parametrize("network", [EX07.network, EX08.network, no_pool])
@pytest.mark.parametrize("shares", [[5], [2, 3]])
def test_replicas_are_one_network(network, shares):
    """Numbers of both signs, so that half of the channels have gamma < 0."""
    arrays: dict = {}
    rng = np.random.RandomState(1)

    def array_of(variable):
        return arrays.setdefault(variable.op.name, 0.1 * rng.randn(*variable.shape))

    expected = everything(plain, network, array_of)
    assert any((arrays[name] < 0).any() for name in arrays if name.endswith("gamma"))
    found = everything(split_into(shares), network, array_of)
    assert sorted(found) == sorted(expected)
    for name, array in expected.items():
        tolerance = 1e-12 * max(np.abs(array).max(), 1)
        np.testing.assert_allclose(found[name], array, rtol=1e-9, atol=tolerance, err_msg=name)


def test_the_first_weights_are_those_of_the_plain_graph():
    """One seed starts both from the same numbers."""
    started = []
    for build in (plain, split_into([5])):
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            with tf.compat.v1.variable_scope("", reuse=tf.compat.v1.AUTO_REUSE):
                build(tf.constant(IMAGES), EX07.network)
            session.run(tf.compat.v1.global_variables_initializer())
            started.append(session.run({v.op.name: v for v in tf.compat.v1.global_variables()}))
    assert sorted(started[0]) == sorted(started[1])
    for name, array in started[0].items():
        np.testing.assert_array_equal(started[1][name], array, err_msg=name)


def test_a_dead_channel_has_the_gradient_of_the_plain_graph():
    """All its deviations are zero. The gradient of a root is 0/0 there, as in TensorFlow 0.12."""
    rng = np.random.RandomState(2)
    arrays = {"conv1/kernel": rng.randn(4, 4, 1, 2) * [0, 1]}

    def array_of(variable):
        return arrays.setdefault(variable.op.name, 0.1 * rng.randn(*variable.shape))

    def unguarded(images_t, network):
        with images_t.graph.gradient_override_map({"Sqrt": UNGUARDED_SQRT}):
            return split_into([2, 3])(images_t, network)

    expected = everything(plain, EX07.network, array_of)
    found = everything(unguarded, EX07.network, array_of)
    assert sorted(found) == sorted(expected)
    for name, array in expected.items():
        tolerance = 1e-11 * max(np.abs(array).max(), 1)
        np.testing.assert_allclose(found[name], array, rtol=1e-8, atol=tolerance, err_msg=name)
    former = arrays["conv1/batch_norm/running_std"]
    assert found["conv1/batch_norm/running_std"][0] == pytest.approx(0.9 * former[0])


@pytest.mark.parametrize("shape", [(3, 7, 5, 2), (4, 6)])
def test_moments_by_numpy(shape):
    x = np.random.RandomState(3).normal(100, 1, shape)
    axes = tuple(range(1, len(shape) - 1))
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        mean_t = tf.reduce_mean(image_means(tf.constant(x)), 0)
        deviation_t = deviations(tf.constant(x), mean_t)
        means, variances = session.run((image_means(tf.constant(x)), image_variances(deviation_t)))
    np.testing.assert_allclose(means, x.mean(axis=axes), rtol=1e-13)
    mean = x.mean(axis=tuple(range(len(shape) - 1)))
    np.testing.assert_allclose(variances, ((x - mean) ** 2).mean(axis=axes), rtol=1e-12)


def after_relu(net):
    return net.conv(2, size=3).relu().batch_norm()


def after_pooling(net):
    return net.conv(2, size=3).max_pool(2, stride=2).batch_norm()


@pytest.mark.parametrize("layers", [after_relu, after_pooling])
def test_a_batch_norm_that_cannot_be_folded_is_refused(layers):
    """Folded into the convolution it would come before the ReLU, and be another network."""
    arrays = {
        "conv1/kernel": np.ones((3, 3, 1, 2), np.float32),
        **dict.fromkeys(
            [f"conv1/batch_norm/{k}" for k in ("beta", "gamma", "running_mean", "running_std")],
            np.ones(2, np.float32),
        ),
    }
    builders = (
        lambda images_t: FoldedSequential(images_t, arrays),
        lambda images_t: DataParallelSequential([images_t]),
    )
    for build in builders:
        with tf.Graph().as_default(), pytest.raises(InputError, match="directly follow conv"):
            layers(build(tf.zeros((1, 8, 8, 1))))
    with tf.Graph().as_default():
        layers(Sequential(tf.zeros((1, 8, 8, 1))))


def test_every_replica_has_a_device():
    with tf.Graph().as_default(), pytest.raises(InputError, match="2 replicas on 1 devices"):
        DataParallelSequential([tf.zeros((1, 8, 8, 1))] * 2)
