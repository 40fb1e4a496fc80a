"""The three backward rules on graphs small enough to follow by hand."""

import importlib

import numpy as np
import pytest
import tensorflow as tf

from legacy_gbp.attribution.network import Network
from legacy_gbp.errors import InputError
from legacy_gbp.models.pixel_scale import PixelScaled
from legacy_gbp.models.source import Endpoints
from legacy_gbp.rules import relu as relu_backprop

RULES = ["gradient", "guided", "deconvnet"]


class Formula(PixelScaled):
    """A source: logits as a function of a vector input."""

    def __init__(self, formula, features):
        self.formula, self.features = formula, features

    def load(self, session, rule):
        x_t = tf.compat.v1.placeholder(tf.float64, (None, self.features))
        with relu_backprop.under_rule(x_t.graph, rule):
            return Endpoints((x_t,), self.formula(x_t), {}, [])


def maps(formula, images, rule, allow_partial=False):
    images = np.asarray(images, np.float64)
    with Network(Formula(formula, images.shape[1]), allow_partial=allow_partial) as net:
        model = net.under(rule)
        return model.gradient(images, np.ones_like(model.logits(images)))


def test_one_relu_by_hand():
    """y = w relu(x): the gradient arriving at the ReLU is w."""
    x, w = [[2, 2, -2, -2]], np.array([3.0, -3.0, 3.0, -3.0])
    expected = {
        "gradient": [3, -3, 0, 0],
        "deconvnet": [3, 0, 3, 0],
        "guided": [3, 0, 0, 0],
    }
    for rule in RULES:
        found = maps(lambda x_t: tf.nn.relu(x_t) * w, x, rule)
        np.testing.assert_array_equal(found, [expected[rule]])


def two_units(x_t):
    hidden_t = tf.nn.relu(tf.matmul(x_t, tf.constant([[-1.0, 1.0], [-1.0, 1.0]], tf.float64)))
    return tf.matmul(hidden_t, tf.constant([[-1.0], [1.0]], tf.float64))


POINTS = [[0, 0], [1, 0], [0, 1], [1, 1], [-1, 0], [0, -1], [-1, -1]]


def test_two_units_of_keras_vis():
    """W1 = [[-1,1],[-1,1]], relu, W2 = [-1,1]: numbers published in keras-vis' tests."""
    plain = [[0, 0]] + [[1, 1]] * 6
    guided = [[0, 0]] + [[1, 1]] * 3 + [[0, 0]] * 3
    np.testing.assert_array_equal(maps(two_units, POINTS, "gradient"), plain)
    np.testing.assert_array_equal(maps(two_units, POINTS, "guided"), guided)


@pytest.mark.parametrize(
    "formula, rule, expected",
    [
        (lambda x: -(tf.nn.relu(x) ** 2), "gradient", [-10, 0, 0, -20]),
        (lambda x: -(tf.nn.relu(x) ** 2), "guided", [0, 0, 0, 0]),
        (lambda x: 10 * tf.nn.relu(x), "gradient", [10, 0, 0, 10]),
        (lambda x: 10 * tf.nn.relu(x), "deconvnet", [10, 10, 10, 10]),
        (lambda x: tf.nn.relu(x) ** 2, "deconvnet", [10, 0, 0, 20]),
    ],
)
def test_scalars_of_xplique(formula, rule, expected):
    """x = [5, 0, -5, 10]: numbers published in Xplique's tests; the square has no rule."""
    found = maps(formula, [[5, 0, -5, 10]], rule, allow_partial=True)
    np.testing.assert_array_equal(found, [expected])


def test_two_inputs_of_deepexplain():
    """y = relu(relu(x1 - 1) - relu(x2)): numbers published in DeepExplain's tests."""

    def y(x_t):
        inner_t = tf.nn.relu(x_t[:, :1] - 1) - tf.nn.relu(x_t[:, 1:])
        return tf.nn.relu(inner_t)

    x = [[-10, -5], [3, 1]]
    np.testing.assert_array_equal(np.abs(maps(y, x, "gradient")), [[0, 0], [1, 1]])
    np.testing.assert_array_equal(maps(y, x, "guided"), [[0, 0], [1, 0]])
    np.testing.assert_array_equal(maps(y, x, "deconvnet"), [[1, 0], [1, 0]])


def test_seeds_choose_the_place():
    """A 3x3 convolution of ones, seeded at [1, 1] alone, reaches the 3x3 corner."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        x_t = tf.compat.v1.placeholder(tf.float32, (None, 4, 4, 1))
        y_t = tf.nn.conv2d(x_t, tf.ones((3, 3, 1, 1)), [1, 1, 1, 1], "SAME")
        seed_t, (map_t,) = relu_backprop.seeded_gradient(y_t, [x_t])
        seed = np.zeros((1, 4, 4, 1))
        seed[0, 1, 1] = 1
        found = session.run(map_t, {x_t: np.ones((1, 4, 4, 1)), seed_t: seed})
    expected = np.zeros((4, 4))
    expected[:3, :3] = 1
    np.testing.assert_array_equal(found[0, :, :, 0], expected)


def test_the_operation_carries_the_rule():
    with Network(Formula(two_units, 2)) as net:
        for rule, name in (("gradient", b""), ("guided", b"LegacyGbpGuidedRelu")):
            relu_op = net.under(rule).graph.get_operation_by_name("Relu")
            assert relu_op.node_def.attr["_gradient_op_type"].s == name


def test_an_unknown_rule_is_refused():
    with pytest.raises(InputError, match="rule 'lrp' is unknown; choose gradient, guided"):
        maps(two_units, POINTS, "lrp")


def test_guided_relu_belongs_to_the_user():
    """A user's own `GuidedRelu` and `DeconvnetRelu` are theirs, and ours do not call them."""

    def of_the_user(op, grad_t):
        raise AssertionError("ours was asked for")

    for name in ("GuidedRelu", "DeconvnetRelu"):
        tf.RegisterGradient(name)(of_the_user)
    np.testing.assert_array_equal(
        maps(two_units, POINTS, "guided"), [[0, 0]] + [[1, 1]] * 3 + [[0, 0]] * 3
    )


def test_the_module_can_be_loaded_twice():
    again = importlib.reload(relu_backprop)
    with tf.Graph().as_default() as graph, tf.compat.v1.Session() as session:
        x_t = tf.compat.v1.placeholder(tf.float64, (None, 2))
        with again.under_rule(graph, "guided"):
            y_t = two_units(x_t)
        (map_t,) = tf.gradients(y_t, x_t)
        found = session.run(map_t, {x_t: np.array(POINTS, np.float64)})
    np.testing.assert_array_equal(found, [[0, 0]] + [[1, 1]] * 3 + [[0, 0]] * 3)


def test_the_callers_graph_is_untouched():
    with tf.Graph().as_default() as graph:
        tf.constant(1.0)
        before = graph.as_graph_def()
        maps(two_units, POINTS, "guided")
        assert tf.compat.v1.get_default_graph() is graph
        assert graph.as_graph_def() == before
