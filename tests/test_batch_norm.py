"""Batch normalisation: the formula of 2016, and the gradient that 2016 did not get."""

import numpy as np
import pytest
import tensorflow as tf

from legacy_gbp.exercises import layer_by_layer
from legacy_gbp.networks.batch_norm import EPSILON, batch_norm

GAMMA, BETA = [1.5, -2.0, 0.5], [0.1, 0.2, 0.3]
RUNNING = ([0.5, -1.0, 2.0], [2.0, 0.25, 0.0])


def run(x, training, normalise=batch_norm, seed=None):
    """Output, gradient for the seeds, and the running moments after one update."""
    x = np.asarray(x, np.float64)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        x_t = tf.compat.v1.placeholder(tf.float64, (None, *x.shape[1:]))
        y_t, update_ops = normalise(x_t, training)
        beta, gamma, mean, std = tf.compat.v1.global_variables()
        seed_t = tf.constant(np.ones_like(x) if seed is None else seed)
        (gradient_t,) = tf.gradients(y_t, x_t, grad_ys=seed_t)
        for variable, value in zip((beta, gamma, mean, std), (BETA, GAMMA, *RUNNING)):
            session.run(variable.initializer, {variable.initial_value: np.array(value)})
        y, gradient = session.run((y_t, gradient_t), {x_t: x})
        session.run(update_ops, {x_t: x})
        return y, gradient, session.run((mean, std))


IMAGES = np.random.RandomState(0).normal(1, 2, (4, 5, 6, 3))


@pytest.mark.parametrize(
    "x",
    [IMAGES[:1], np.repeat(IMAGES[:1], 2, axis=0), IMAGES[:1, 0, 0], np.zeros((1, 3)),
     np.zeros((2, 4, 4, 3))],
    ids=["one image", "two identical", "one row of a dense layer", "zeros", "a dead map"],
)  # fmt: skip
def test_at_inference_the_gradient_is_the_factor(x):
    """y = gamma (x - mean) / (std + eps) + beta, one number a channel, gammas of both signs."""
    factor = np.array(GAMMA) / (np.array(RUNNING[1]) + EPSILON)
    y, gradient, moments = run(x, training=False)
    np.testing.assert_allclose(y, (x - RUNNING[0]) * factor + BETA, rtol=1e-12)
    np.testing.assert_allclose(gradient, np.broadcast_to(factor, x.shape), rtol=1e-14)
    np.testing.assert_array_equal(moments, RUNNING)


def test_in_training_the_batch_normalises_and_moves_the_running_moments():
    axes = (0, 1, 2)
    mean, std = IMAGES.mean(axis=axes), IMAGES.std(axis=axes)
    y, _, moments = run(IMAGES, training=True)
    np.testing.assert_allclose(y, (IMAGES - mean) / (std + EPSILON) * GAMMA + BETA, rtol=1e-10)
    np.testing.assert_allclose(moments[0], 0.9 * np.array(RUNNING[0]) + 0.1 * mean, rtol=1e-12)
    np.testing.assert_allclose(moments[1], 0.9 * np.array(RUNNING[1]) + 0.1 * std, rtol=1e-12)


def test_in_training_the_gradient_equals_central_differences():
    x, seed = IMAGES[:2, :2, :2], np.random.RandomState(1).normal(size=(2, 2, 2, 3))
    _, gradient, _ = run(x, training=True, seed=seed)
    for place in range(0, x.size, 5):
        moved = [x.copy(), x.copy()]
        moved[0].flat[place] += 1e-5
        moved[1].flat[place] -= 1e-5
        up, down = ((run(m, training=True)[0] * seed).sum() for m in moved)
        assert abs((up - down) / 2e-5 - gradient.flat[place]) < 1e-7


def test_in_training_the_gradient_of_a_dead_channel_is_that_of_its_mean():
    """The gradient of a root at zero is 0/0 unless it is guarded.

    TensorFlow 1.15 and later guard it themselves; the unguarded rule is put
    back here, as in TensorFlow 0.12. With S the sum over the n places of a channel,
    d = x - S(x) / n and s = sqrt(S(d^2) / n), for which ds/dx_i = d_i / (n s), the chain rule
    through y = gamma d / (s + eps) + beta and the seeds g gives

    gamma (g - S(g) / n) / (s + eps) - gamma d S(g d) / (n s (s + eps)^2);

    the last term is 0 where d is: nothing moves the deviation of a dead channel.
    """
    x = IMAGES.copy()
    x[..., 1] = 7
    seeds = np.random.RandomState(2).normal(size=x.shape)
    axes = (0, 1, 2)
    d, s = x - x.mean(axis=axes), x.std(axis=axes)
    assert s[1] == 0
    first = GAMMA * (seeds - seeds.mean(axis=axes)) / (s + EPSILON)
    slope = (seeds * d).mean(axis=axes) / np.where(s, s * (s + EPSILON) ** 2, 1)

    def unguarded(x_t, training):
        with x_t.graph.gradient_override_map({"Sqrt": "LegacyGbpUnguardedSqrt"}):
            return batch_norm(x_t, training)

    _, gradient, moments = run(x, training=True, normalise=unguarded, seed=seeds)
    np.testing.assert_allclose(gradient, first - GAMMA * d * slope, rtol=1e-9, atol=1e-9)
    assert moments[1][1] == pytest.approx(0.9 * RUNNING[1][1])


def test_the_historical_one_gives_the_same_values_and_the_nan():
    x = IMAGES[:1, 0, 0]  # one image in a dense layer: no variance
    y, gradient, _ = run(x, training=False)
    then, lost, _ = run(x, training=False, normalise=layer_by_layer.historical_batch_norm)
    np.testing.assert_allclose(then, y, rtol=1e-12)
    assert np.isnan(lost).all()
    _, lost, _ = run(IMAGES, training=False, normalise=layer_by_layer.historical_batch_norm)
    np.testing.assert_allclose(lost, np.broadcast_to(gradient, IMAGES.shape), rtol=1e-12)
