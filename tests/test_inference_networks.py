"""Folding changes how the networks are computed, not what they compute.

The reference is the plain graph, layer by layer in the order of its table.
"""

import contextlib

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from legacy_gbp import EX07, EX08
from legacy_gbp.attribution.network import Network
from legacy_gbp.data.synthetic import files as synthetic
from legacy_gbp.data.synthetic.shot import develop
from legacy_gbp.models.built_network import BuiltNetwork
from legacy_gbp.networks.sequential import Sequential
from legacy_gbp.networks.strided_pool_conv import pooled_conv
from tests.weights import random_arrays

RULES = ("gradient", "guided", "deconvnet")


def shots(count):
    """Synthetic images (count, 363, 284, 1), whole numbers in float32."""
    _, _, drawn = synthetic.shots_of_file(70, 9, count, synthetic.Recipe())
    images = [develop(shot).image for shot in drawn]
    return np.array(images, np.float32)[..., None]


def in_session(build, *arrays):
    """Return the values of the tensors that build(placeholders) returns."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        places = [tf.compat.v1.placeholder(array.dtype, array.shape) for array in arrays]
        return session.run(build(*places), dict(zip(places, arrays)))


def both_ways(x, kernel, bias, size, stride, seed):
    """Value and seeded gradient of a pooled convolution, plain and at the pool's resolution."""

    def plain(x_t):
        y_t = tf.nn.conv2d(x_t, kernel, [1, 1, 1, 1], "SAME") + bias
        return tf.nn.max_pool2d(y_t, [1, size, size, 1], [1, stride, stride, 1], "SAME")

    def here(x_t):
        return pooled_conv(x_t, kernel, bias, size, stride)

    def value_and_gradient(x_t, of):
        y_t = of(x_t)
        # Windows of different numbers weigh differently.
        (gradient_t,) = tf.gradients(y_t, x_t, grad_ys=tf.cos(y_t * seed))
        return y_t, gradient_t

    return [in_session(lambda x_t, of=of: value_and_gradient(x_t, of), x) for of in (plain, here)]


@settings(max_examples=40, deadline=None)
@given(
    height=st.integers(1, 20), width=st.integers(1, 20), channels=st.integers(1, 2),
    kernel=st.integers(1, 6), size=st.integers(1, 4), stride=st.integers(1, 4),
    seed=st.integers(0, 2**16),
)  # fmt: skip
def test_pooled_convolution_of_any_shape(height, width, channels, kernel, size, stride, seed):
    rng = np.random.RandomState(seed)
    x = rng.normal(size=(2, height, width, channels))
    weights, bias = rng.normal(size=(kernel, kernel, channels, 3)), rng.normal(size=3)
    plain, here = both_ways(x, weights, bias, size, stride, 1 + rng.rand())
    for wanted, found in zip(plain, here):
        assert found.shape == wanted.shape
        np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("kernel", "channels", "size", "stride"), [(4, 2, 4, 4), (8, 16, 2, 3)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_equal_pixels_under_a_window_route_as_before(kernel, channels, size, stride, dtype):
    """Flat areas of whole numbers make exact ties: the first member must win, as in the pool."""
    rng = np.random.RandomState(5)
    flat = np.repeat(np.repeat(rng.randint(1, 9, (8, 4, 5, 1)), 16, 1), 16, 2).astype(dtype)
    weights = rng.normal(size=(kernel, kernel, 1, channels)).astype(dtype)
    bias = rng.normal(size=channels).astype(dtype)
    plain, here = both_ways(flat, weights, bias, size, stride, 0.01)
    error = np.abs(here[1] - plain[1]).max() / np.abs(plain[1]).max()
    assert error < (1e-5 if dtype == "float32" else 1e-12)


@contextlib.contextmanager
def plain_and_folded(exercise, dtype):
    arrays = random_arrays(exercise.network)
    source = BuiltNetwork(exercise.network, arrays, dtype)
    with Network(source, plain=True) as plain, Network(source) as folded:
        yield plain, folded


@pytest.mark.parametrize("exercise", [EX07, EX08], ids=lambda e: e.name)
@pytest.mark.parametrize("rule", RULES)
def test_networks_in_double_precision(exercise, rule):
    images = shots(6)
    with plain_and_folded(exercise, "float64") as nets:
        logits = [net.under(rule).logits(images) for net in nets]
        seeds = np.random.RandomState(3).normal(size=logits[0].shape)
        maps = [net.under(rule).gradient(images, seeds) for net in nets]
    for wanted, found in (logits, maps):
        assert np.abs(found - wanted).max() < 1e-12 * np.abs(wanted).max()


@pytest.mark.parametrize("exercise", [EX07, EX08], ids=lambda e: e.name)
@pytest.mark.parametrize("rule", RULES)
def test_networks_in_single_precision(exercise, rule):
    """1e-5 of the map's largest magnitude, except for shots where the last bit decides.

    Two members of a pool that agree except for the last bit may change places by
    rounding. That moves a part of the map by a pixel; it happens to a fifth of
    ex08's shots in the plain graph too, when its batch has another size.
    """
    images = shots(12)
    seeds = np.random.RandomState(3).normal(size=(len(images), len(exercise.classes)))
    with plain_and_folded(exercise, "float32") as nets:
        wanted, found = (net.under(rule).gradient(images, seeds) for net in nets)
    errors = np.abs(found - wanted).max(axis=(1, 2, 3)) / np.abs(wanted).max(axis=(1, 2, 3))
    assert np.median(errors) < 1e-6
    assert (errors > 1e-5).mean() <= (0.4 if exercise is EX08 else 0.1)


def test_the_graph_is_smaller_and_holds_no_variables():
    with plain_and_folded(EX08, "float32") as nets:
        plain, folded = (net.under("guided").graph for net in nets)
    with folded.as_default():
        assert not tf.compat.v1.global_variables()
    assert len(folded.get_operations()) < len(plain.get_operations())
    kinds = [op.type for op in folded.get_operations()]
    assert kinds.count("Relu") == 5 + 5  # five layers, and the rule's five
    assert kinds.count("ReluGrad") == 5


def test_stored_counts_may_be_fed_as_they_are():
    images = shots(4)
    with plain_and_folded(EX07, "float32") as (_, folded):
        model = folded.under("guided")
        for counts in (images.astype(np.int16), images.astype(np.uint8)):
            for found, wanted in zip(model.predicted(counts), model.predicted(images)):
                assert found.dtype == np.float32
                np.testing.assert_array_equal(found, wanted)


def test_the_prediction_needs_one_run_and_is_the_largest_logit():
    images = np.random.RandomState(1).normal(0, 1, (6, 363, 284, 1))
    with plain_and_folded(EX08, "float64") as (_, folded):
        model = folded.under("guided")
        logits, maps = model.predicted(images)
        np.testing.assert_array_equal(logits, model.logits(images))
        seeds = np.eye(4)[logits.argmax(axis=1)]
        np.testing.assert_array_equal(maps, model.gradient(images, seeds))
        assert not np.array_equal(maps, model.gradient(images, np.roll(seeds, 1, axis=1)))


def test_hidden_layers_are_those_of_the_table():
    """A target inside of the network is looked up in the plain graph."""
    arrays = random_arrays(EX07.network)
    images = shots(2)
    with Network(BuiltNetwork(EX07.network, arrays)) as net:
        found = net.under("guided", of="relu1").output(images)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        images_t = tf.constant(images.astype("float32"))
        plain = Sequential(images_t)
        EX07.network(plain)
        variables = tf.compat.v1.global_variables()
        session.run(
            [v.initializer for v in variables],
            {v.initial_value: arrays[v.op.name] for v in variables},
        )
        wanted = session.run({x.name: x.output_t for x in plain.layers}["relu1"])
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6)
