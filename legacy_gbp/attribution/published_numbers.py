"""Graphs small enough to follow by hand, with the numbers that other projects published.

A user's installation, whatever TensorFlow it has, must reproduce these numbers.
"""

from typing import Any, Callable, Dict, List, NamedTuple, Sequence, Tuple

import numpy as np
import tensorflow as tf

from legacy_gbp.attribution import method
from legacy_gbp.attribution.network import Network
from legacy_gbp.models.pixel_scale import PixelScaled
from legacy_gbp.models.source import Endpoints
from legacy_gbp.rules.relu import under_rule

TOLERANCE = 1e-12


class Outcome(NamedTuple):
    """The result of one check.

    Attributes
    ----------
    passed : bool
    figure : str
        What was measured, in words.
    """

    passed: bool
    figure: str


class Formula(PixelScaled):
    """A source: logits as a function of a float64 input of a given shape.

    Parameters
    ----------
    formula : callable
        Takes the input tensor; returns the logits.
    shape : sequence of int
        Of one image.
    """

    def __init__(self, formula: Callable[[Any], Any], shape: Sequence[int]) -> None:
        self._formula, self._shape = formula, shape

    def load(self, session: Any, rule: str = "gradient") -> Endpoints:
        """Build in the current graph, under a rule.

        Parameters
        ----------
        session : tf.compat.v1.Session
            Not used: there are no variables.
        rule : str

        Returns
        -------
        Endpoints
        """
        x_t = tf.compat.v1.placeholder(tf.float64, (None, *self._shape))
        with under_rule(x_t.graph, rule):
            return Endpoints((x_t,), self._formula(x_t), {}, [])


def one_convolution(x_t: Any) -> Any:
    """Build Captum's test network: two filters of ones, a dense layer with negative weights.

    Parameters
    ----------
    x_t : tf.Tensor
        (N, 4, 4, 1).

    Returns
    -------
    tf.Tensor
        (N, 4).
    """
    x_t = tf.nn.conv2d(x_t, tf.ones((3, 3, 1, 2), tf.float64), [1, 1, 1, 1], "VALID")
    x_t = tf.nn.relu(x_t + tf.constant([-50.0, -75.0], tf.float64))
    x_t = tf.reshape(tf.transpose(x_t, (0, 3, 1, 2)), (-1, 8))
    weights = np.repeat([[1.0, 1, 1, 1, 1, -1, -1, -1]], 4, axis=0).T
    return tf.nn.relu(tf.matmul(x_t, tf.constant(weights)))


def two_units(x_t: Any) -> Any:
    """Build the network of keras-vis' tests: W1 = [[-1, 1], [-1, 1]], relu, W2 = [-1, 1].

    Parameters
    ----------
    x_t : tf.Tensor
        (N, 2).

    Returns
    -------
    tf.Tensor
        (N, 1).
    """
    hidden_t = tf.nn.relu(tf.matmul(x_t, tf.constant([[-1.0, 1.0], [-1.0, 1.0]], tf.float64)))
    return tf.matmul(hidden_t, tf.constant([[-1.0], [1.0]], tf.float64))


IMAGE = np.arange(16.0).reshape(1, 4, 4, 1)
ONE_CONVOLUTION: Dict[str, List[List[int]]] = {  # of IMAGE
    "gradient": [[0, 1, 1, 1], [0, 1, 1, 1], [0, 1, 1, 1], [0, 0, 0, 0]],
    "guided": [[0, 1, 1, 1], [1, 3, 3, 2], [1, 3, 3, 2], [1, 2, 2, 1]],
    "deconvnet": [[2, 3, 3, 1], [3, 5, 5, 2], [3, 5, 5, 2], [1, 2, 2, 1]],
}
POINTS = [[0, 0], [1, 0], [0, 1], [1, 1], [-1, 0], [0, -1], [-1, -1]]
TWO_UNITS: Dict[str, List[List[int]]] = {  # of POINTS
    "gradient": [[0, 0]] + [[1, 1]] * 6,
    "guided": [[0, 0]] + [[1, 1]] * 3 + [[0, 0]] * 3,
}
# Name, network, images, rule, expected maps of logit 0.
PUBLISHED: List[Tuple[str, Callable[[Any], Any], Any, str, Any]] = [
    *(
        (f"{rule} of Captum's convolution", one_convolution, IMAGE, rule, expected)
        for rule, expected in ONE_CONVOLUTION.items()
    ),
    *(
        (f"{rule} of keras-vis' two units", two_units, POINTS, rule, expected)
        for rule, expected in TWO_UNITS.items()
    ),
]


def check_published(
    network: Callable[[Any], Any], images: Any, rule: str, expected: Any
) -> Outcome:
    """Compare the maps of logit 0 with published ones.

    Parameters
    ----------
    network : callable
        Takes the input tensor; returns the logits.
    images : (N, ...) array
    rule : str
    expected : array
        Of as many numbers as `images`.

    Returns
    -------
    Outcome
        Passed where the largest error is below 1e-12.
    """
    images = np.asarray(images, float)
    with Network(Formula(network, images.shape[1:])) as net:
        found = np.asarray(method(rule)(net, images, 0))
    error = np.abs(found.reshape(np.shape(expected)) - expected).max()
    return Outcome(bool(error < TOLERANCE), f"largest error {error:.1g}")
