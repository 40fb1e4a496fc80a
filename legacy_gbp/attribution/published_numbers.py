"""Graphs small enough to follow by hand, with the numbers that other projects published.

Each check gives (passed, figure). A user's installation, whatever TensorFlow
it has, must give these numbers.
"""

import numpy as np
import tensorflow as tf

from legacy_gbp.attribution import method
from legacy_gbp.attribution.network import Network
from legacy_gbp.models.source import Endpoints
from legacy_gbp.rules.relu import under_rule


class Formula:
    """A source: logits as a function of an input of a given shape."""

    def __init__(self, formula, shape):
        self._formula, self._shape = formula, shape

    def load(self, session, rule="gradient"):
        """Build in the current graph, under a rule."""
        x_t = tf.compat.v1.placeholder(tf.float64, (None, *self._shape))
        with under_rule(x_t.graph, rule):
            return Endpoints((x_t,), self._formula(x_t), {}, [])


def one_convolution(x_t):
    """Captum's test network: two filters of ones, a dense layer with two negative weights."""
    x_t = tf.nn.conv2d(x_t, tf.ones((3, 3, 1, 2), tf.float64), [1, 1, 1, 1], "VALID")
    x_t = tf.nn.relu(x_t + tf.constant([-50.0, -75.0], tf.float64))
    x_t = tf.reshape(tf.transpose(x_t, (0, 3, 1, 2)), (-1, 8))
    weights = np.repeat([[1.0, 1, 1, 1, 1, -1, -1, -1]], 4, axis=0).T
    return tf.nn.relu(tf.matmul(x_t, tf.constant(weights)))


def two_units(x_t):
    """The network of keras-vis' tests: W1 = [[-1, 1], [-1, 1]], relu, W2 = [-1, 1]."""
    hidden_t = tf.nn.relu(tf.matmul(x_t, tf.constant([[-1.0, 1.0], [-1.0, 1.0]], tf.float64)))
    return tf.matmul(hidden_t, tf.constant([[-1.0], [1.0]], tf.float64))


ONE_CONVOLUTION = {  # of arange(16) as a 4x4 image
    "gradient": [[0, 1, 1, 1], [0, 1, 1, 1], [0, 1, 1, 1], [0, 0, 0, 0]],
    "guided": [[0, 1, 1, 1], [1, 3, 3, 2], [1, 3, 3, 2], [1, 2, 2, 1]],
    "deconvnet": [[2, 3, 3, 1], [3, 5, 5, 2], [3, 5, 5, 2], [1, 2, 2, 1]],
}
POINTS = [[0, 0], [1, 0], [0, 1], [1, 1], [-1, 0], [0, -1], [-1, -1]]
TWO_UNITS = {
    "gradient": [[0, 0]] + [[1, 1]] * 6,
    "guided": [[0, 0]] + [[1, 1]] * 3 + [[0, 0]] * 3,
}


def _check(formula, images, rule, expected):
    images = np.asarray(images, float)
    with Network(Formula(formula, images.shape[1:])) as net:
        found = method(rule)(net, images, 0)
    error = np.abs(found.reshape(np.shape(expected)) - expected).max()
    return error < 1e-12, f"largest error {error:.1g}"


def _row(formula, images, rule, expected):
    return lambda: _check(formula, images, rule, expected)


CHECKS = {
    f"{rule} of Captum's convolution": _row(
        one_convolution, np.arange(16.0).reshape(1, 4, 4, 1), rule, expected
    )
    for rule, expected in ONE_CONVOLUTION.items()
}
CHECKS.update(
    {
        f"{rule} of keras-vis' two units": _row(two_units, POINTS, rule, expected)
        for rule, expected in TWO_UNITS.items()
    }
)
