"""The same network from every format: equal maps, complete audits, clear refusals."""

import numpy as np
import pytest
import tensorflow as tf

from legacy_gbp import InputError, Network, guided_backprop
from legacy_gbp.attribution import method
from legacy_gbp.attribution.target import Layer
from legacy_gbp.sources.frozen_graph import from_graph_def, frozen_graph
from legacy_gbp.sources.live_session import live_session
from legacy_gbp.sources.meta_graph import meta_graph
from legacy_gbp.sources.saved_model import saved_model

RULES = ["gradient", "guided", "deconvnet"]
TF2 = not tf.__version__.startswith("1.")
v1 = tf.compat.v1


@pytest.fixture(autouse=True)
def _in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def arrays(seed=0):
    rng = np.random.RandomState(seed)
    shapes = {"c1": (3, 3, 2, 4), "c2": (3, 3, 4, 5), "d": (5 * 3 * 3, 6), "o": (6, 3)}
    return {name: rng.normal(0, 0.5, shape).astype("f4") for name, shape in shapes.items()}


IMAGES = np.random.RandomState(1).normal(size=(4, 6, 6, 2)).astype("f4")


def variable(name, value, resource):
    return v1.get_variable(name, initializer=value, use_resource=resource)


def build(x_t, resource=False, activation=tf.nn.relu):
    """Two convolutions, two dense layers, a softmax; weights are variables."""
    w = {name: variable(name, value, resource) for name, value in arrays().items()}
    with tf.name_scope("conv1"):
        x_t = activation(tf.nn.conv2d(x_t, w["c1"], [1, 1, 1, 1], "SAME"))
    with tf.name_scope("conv2"):
        x_t = activation(tf.nn.conv2d(x_t, w["c2"], [1, 2, 2, 1], "SAME") + 0.1)
    x_t = tf.reshape(x_t, (-1, 5 * 3 * 3))
    x_t = activation(tf.matmul(x_t, w["d"]))
    logits_t = tf.identity(tf.matmul(x_t, w["o"]), name="logits")
    return logits_t, tf.nn.softmax(logits_t, name="probabilities")


class Overridden:
    """The same network built under the override map: what every import must equal."""

    def load(self, session, rule):
        from legacy_gbp.relu_backprop import under_rule
        from legacy_gbp.sources.endpoints import Endpoints

        x_t = v1.placeholder(tf.float32, (None, 6, 6, 2))
        with under_rule(x_t.graph, rule):
            logits_t, _ = build(x_t)
        session.run(v1.global_variables_initializer())
        return Endpoints((x_t,), logits_t, {}, [])


def maps(source, rule, images=IMAGES, target="predicted"):
    with Network(source) as net:
        found = method(rule)(net, images, target)
        assert all(finding.took for finding in net.under(rule).audit)
        return found, len(net.under(rule).audit)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Folder with the network as a frozen graph, checkpoint, SavedModel; both kinds of variable."""
    folder = tmp_path_factory.mktemp("exported")
    for kind, resource in (("ref", False), ("resource", True)):
        with tf.Graph().as_default() as graph, v1.Session() as session:
            x_t = v1.placeholder(tf.float32, (None, 6, 6, 2), name="images")
            logits_t, probabilities_t = build(x_t, resource)
            label_t = v1.placeholder(tf.int64, (None,), name="labels")
            loss_t = v1.losses.sparse_softmax_cross_entropy(label_t, logits_t)
            v1.train.MomentumOptimizer(0.1, 0.9).minimize(loss_t)
            session.run(v1.global_variables_initializer())
            saver = v1.train.Saver()
            for step in (1, 2):
                saver.save(session, str(folder / kind / "model"), global_step=step)
            v1.saved_model.simple_save(
                session, str(folder / kind / "saved"), {"x": x_t}, {"p": probabilities_t}
            )
            frozen = v1.graph_util.convert_variables_to_constants(
                session, graph.as_graph_def(), ["probabilities"]
            )
        tf.io.write_graph(frozen, str(folder / kind), "frozen.pb", as_text=False)
        tf.io.write_graph(frozen, str(folder / kind), "frozen.pbtxt", as_text=True)
    return folder


FORMATS = {
    "pb": lambda f: frozen_graph(str(f / "frozen.pb")),
    "pbtxt": lambda f: frozen_graph(str(f / "frozen.pbtxt")),
    "checkpoint": lambda f: meta_graph(str(f / "model-1"), output="logits"),
    "latest checkpoint": lambda f: meta_graph(str(f), "images", "logits:0"),
    "SavedModel": lambda f: saved_model(str(f / "saved")),
}


@pytest.mark.parametrize("kind", ["ref", "resource"])
@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_maps_of_the_built_network(name, kind, exported):
    source = FORMATS[name](exported / kind)
    for rule in RULES:
        expected, count = maps(Overridden(), rule)
        found, nonlinearities = maps(source, rule)
        assert np.abs(found - expected).max() < 1e-6 * np.abs(expected).max()
        assert count == nonlinearities == 3


def test_a_live_session_is_left_as_it_was():
    for resource in (False, True):
        with tf.Graph().as_default() as graph, v1.Session() as session:
            x_t = v1.placeholder(tf.float32, (None, 6, 6, 2), name="images")
            logits_t, _ = build(x_t, resource)
            session.run(v1.global_variables_initializer())
            before = session.run(logits_t, {x_t: IMAGES})
            graph.finalize()
            version = graph.version
            for rule in RULES:
                found, _ = maps(live_session(session, x_t, logits_t), rule)
                expected, _ = maps(Overridden(), rule)
                assert np.abs(found - expected).max() < 1e-6 * np.abs(expected).max()
            assert graph.version == version and v1.get_default_graph() is graph
            np.testing.assert_array_equal(session.run(logits_t, {x_t: IMAGES}), before)


def test_a_session_without_values_is_refused():
    with tf.Graph().as_default(), v1.Session() as session:
        x_t = v1.placeholder(tf.float32, (None, 6, 6, 2), name="images")
        logits_t, _ = build(x_t)
        with pytest.raises(InputError, match="initialise or restore it first"):
            live_session(session, x_t, logits_t)


def test_layers_are_found_by_scope_operation_and_tensor(exported):
    source = frozen_graph(str(exported / "ref" / "frozen.pb"))
    with Network(source) as net:
        whole = guided_backprop(net, IMAGES, Layer("conv2"))
        for name in ("conv2/Relu", "conv2/Relu:0"):
            np.testing.assert_array_equal(guided_backprop(net, IMAGES, Layer(name)), whole)
        with pytest.raises(InputError, match="no layer 'conv3' in the graph; near names: conv"):
            guided_backprop(net, IMAGES, Layer("conv3"))


def graph_of(function, dtype=tf.float32, shape=(None, 4)):
    with tf.Graph().as_default() as graph:
        x_t = v1.placeholder(dtype, shape, name="x")
        tf.identity(function(x_t), name="y")
        return graph.as_graph_def()


POINTS = np.array([[5.0, 0.0, -5.0, 10.0], [0.5, -0.5, 2.0, -2.0]], np.float32)
SLOPE = np.array([0.1, 0.2, 0.3, 0.4], np.float32)
IDIOMS = {
    # name: (forward, derivative for positive x, for negative x, value at which it saturates)
    "maximum(x, 0)": (lambda x: tf.maximum(x, 0.0), 0.0),
    "maximum(0, x)": (lambda x: tf.maximum(0.0, x), 0.0),
    "leaky by maximum": (lambda x: tf.maximum(x, 0.25 * x), 0.25),
    "PReLU of Keras": (lambda x: tf.nn.relu(x) + -tf.constant(SLOPE) * tf.nn.relu(-x), SLOPE),
    "PReLU with minus": (lambda x: tf.nn.relu(x) - SLOPE * tf.nn.relu(-x), SLOPE),
    "PReLU by abs": (lambda x: tf.nn.relu(x) + SLOPE * (x - tf.abs(x)) * 0.5, SLOPE),
    "PReLU by minimum": (lambda x: tf.maximum(0.0, x) + SLOPE * tf.minimum(0.0, x), SLOPE),
}
WEIGHTS = np.array([3.0, -3.0, -2.0, 2.0], np.float32)


@pytest.mark.parametrize("name", IDIOMS)
def test_idioms_go_backwards_as_a_whole(name):
    """y = w f(x): R = w arrives; guided max(R, 0) f'(x), deconvnet max(R, 0), plain R f'(x)."""
    forward, slope = IDIOMS[name]
    graph_def = graph_of(lambda x: forward(x) * WEIGHTS)
    derivative = np.where(POINTS > 0, 1, slope * np.ones(4, np.float32))
    expected = {
        "gradient": WEIGHTS * derivative,
        "guided": np.maximum(WEIGHTS, 0) * derivative,
        "deconvnet": np.maximum(WEIGHTS, 0) * np.ones_like(POINTS),
    }
    away = POINTS != 0  # at exactly 0 the written-out operations differ from each other
    for rule in RULES:
        with Network(from_graph_def(graph_def, "g")) as net:
            model = net.under(rule)
            found = model.gradient(POINTS, np.ones_like(POINTS))
            value = model.logits(POINTS)
        np.testing.assert_allclose(found[away], expected[rule][away], rtol=1e-6)
        np.testing.assert_allclose(value, np.where(POINTS > 0, POINTS, slope * POINTS) * WEIGHTS,
                                   rtol=1e-6)  # fmt: skip
        if rule != "gradient":
            assert len(model.audit) == 1 and model.audit[0].took


def test_a_clipped_relu_of_xplique():
    """(relu clipped at 3)^2 at [5, 0, -5, 10]: deconvnet [6, 0, 0, 6], published in Xplique."""
    for clipped in (
        lambda x: tf.minimum(tf.nn.relu(x), 3.0),
        lambda x: tf.clip_by_value(tf.nn.relu(x), 0.0, 3.0),
    ):
        graph_def = graph_of(lambda x, clipped=clipped: clipped(x) ** 2)
        with Network(from_graph_def(graph_def, "g")) as net:
            x = POINTS[:1]
            found = net.under("deconvnet").gradient(x, np.ones_like(x))
            np.testing.assert_array_equal(found, [[6, 0, 0, 6]])
            x = np.array([[5.0, 0.0, -5.0, 2.0]], np.float32)
            found = net.under("guided").gradient(x, np.ones_like(x))
            np.testing.assert_array_equal(found, [[0, 0, 0, 4]])


ACTIVATIONS = {
    "Relu": (tf.nn.relu, lambda x: x > 0),
    "Relu6": (tf.nn.relu6, lambda x: (x > 0) & (x < 6)),
    "LeakyRelu": (lambda x: tf.nn.leaky_relu(x, 0.25), lambda x: np.where(x > 0, 1, 0.25)),
    "Elu": (tf.nn.elu, lambda x: np.where(x > 0, 1, np.exp(np.minimum(x, 0)))),
    "Selu": (
        tf.nn.selu,
        lambda x: (
            1.0507009873554805 * np.where(x > 0, 1, 1.6732632423543772 * np.exp(np.minimum(x, 0)))
        ),
    ),
}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("kind", ACTIVATIONS)
def test_relatives_in_every_precision(kind, dtype):
    """Guided is max(R, 0) times the derivative; deconvnet passes max(R, 0)."""
    activation, derivative = ACTIVATIONS[kind]
    dtype = tf.as_dtype(dtype)
    graph_def = graph_of(lambda x: activation(x) * tf.cast(WEIGHTS, dtype), dtype)
    x = np.array([[5.0, 7.0, -5.0, 10.0], [0.5, -0.5, 2.0, -2.0]])
    expected = {
        "gradient": WEIGHTS * derivative(x),
        "guided": np.maximum(WEIGHTS, 0) * derivative(x),
        "deconvnet": np.maximum(WEIGHTS, 0) * np.ones_like(x),
    }
    tolerance = {"float16": 2e-3, "bfloat16": 2e-2, "float32": 1e-6, "float64": 1e-12}[dtype.name]
    images = x.astype(dtype.as_numpy_dtype)
    with Network(from_graph_def(graph_def, "g")) as net:
        for rule in RULES:
            found = net.under(rule).gradient(images, np.ones_like(images)).astype(float)
            np.testing.assert_allclose(found, expected[rule], rtol=tolerance, atol=tolerance)
            assert [finding.kind for finding in net.under(rule).audit] == [kind]


def test_a_guided_export_is_not_secretly_guided(exported):
    """The mark stays in an exported graph; on import it is stripped, and said."""
    with tf.Graph().as_default() as graph:
        x_t = v1.placeholder(tf.float32, (None, 4), name="x")
        from legacy_gbp.relu_backprop import under_rule

        with under_rule(graph, "guided"):
            tf.identity(tf.nn.relu(x_t) * WEIGHTS, name="y")
        graph_def = graph.as_graph_def()
    source = from_graph_def(graph_def, "g")
    assert source.stripped == ["Relu"]
    with Network(source) as net:
        found = net.under("gradient").gradient(POINTS[:1], np.ones((1, 4)))
    np.testing.assert_array_equal(found, [[3, 0, 0, 2]])
