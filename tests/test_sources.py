"""The same network from every format: equal maps, complete audits, clear refusals."""

import os

import h5py
import numpy as np
import pytest
import tensorflow as tf

from legacy_gbp import InputError, Network, guided_backprop
from legacy_gbp.attribution import method
from legacy_gbp.attribution.target_forms import Layer
from legacy_gbp.graph.trust import reaches_outside
from legacy_gbp.models.frozen_graphs import from_graph_def, frozen_graph
from legacy_gbp.models.live_sessions import live_session
from legacy_gbp.models.meta_graphs import meta_graph
from legacy_gbp.models.pixel_scale import PixelScaled
from legacy_gbp.models.saved_models import saved_model

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


class Overridden(PixelScaled):
    """The same network built under the override map: what every import must equal."""

    def load(self, session, rule):
        from legacy_gbp.models.source import Endpoints
        from legacy_gbp.rules.relu import under_rule

        x_t = v1.placeholder(tf.float32, (None, 6, 6, 2))
        with under_rule(x_t.graph, rule):
            logits_t, _ = build(x_t)
        session.run(v1.global_variables_initializer())
        return Endpoints((x_t,), logits_t, {}, [])


def maps(source, rule, images=IMAGES, target="predicted"):
    with Network(source) as net:
        found = method(rule)(net, images, target)
        assert all(finding.took for finding in net.under(rule).findings)
        return found, len(net.under(rule).findings)


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
IDIOMS: dict = {
    # name: (forward, derivative for positive x, for negative x, value at which it saturates)
    "maximum(x, 0)": (lambda x: tf.maximum(x, 0.0), 0.0),
    "maximum(0, x)": (lambda x: tf.maximum(0.0, x), 0.0),
    "leaky by maximum": (lambda x: tf.maximum(x, 0.25 * x), 0.25),
    "PReLU of Keras": (lambda x: tf.nn.relu(x) + -tf.constant(SLOPE) * tf.nn.relu(-x), SLOPE),
    "PReLU with minus": (lambda x: tf.nn.relu(x) - SLOPE * tf.nn.relu(-x), SLOPE),
    "PReLU by abs": (lambda x: tf.nn.relu(x) + SLOPE * (x - tf.abs(x)) * 0.5, SLOPE),
    "maximum(x, zeros)": (lambda x: tf.maximum(x, tf.zeros(tf.shape(x))), 0.0),
    "maximum(x, cast 0)": (lambda x: tf.maximum(x, tf.cast(0, tf.float32)), 0.0),
    "where": (lambda x: tf.where(x > 0, x, tf.zeros_like(x)), 0.0),
    "where, reversed": (lambda x: tf.where(x < 0, 0.25 * x, x), 0.25),
    "gate": (lambda x: x * tf.cast(x > 0, tf.float32), 0.0),
    "leaky by abs": (lambda x: 0.625 * x + 0.375 * tf.abs(x), 0.25),
    "(x + |x|) / 2": (lambda x: 0.5 * (x + tf.abs(x)), 0.0),
    "PReLU negated": (lambda x: tf.nn.relu(x) + -(SLOPE * tf.nn.relu(-x)), SLOPE),
    "PReLU divided": (lambda x: tf.nn.relu(x) + SLOPE * (x - tf.abs(x)) / 2.0, SLOPE),
    "PReLU of add_n": (lambda x: tf.add_n([tf.nn.relu(x), -SLOPE * tf.nn.relu(-x)]), SLOPE),
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
            assert len(model.findings) == 1 and model.findings[0].took


def test_a_clipped_relu_of_xplique():
    """(relu clipped at 3)^2 at [5, 0, -5, 10]: deconvnet [6, 0, 0, 6], published in Xplique."""
    for clipped in (
        lambda x: tf.minimum(tf.nn.relu(x), 3.0),
        lambda x: tf.clip_by_value(tf.nn.relu(x), 0.0, 3.0),
    ):
        graph_def = graph_of(lambda x, clipped=clipped: clipped(x) ** 2)
        # The square is a nonlinearity without a rule; published maps take its chain rule.
        with Network(from_graph_def(graph_def, "g"), allow_partial=True) as net:
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
            assert [finding.kind for finding in net.under(rule).findings] == [kind]


def test_a_guided_export_is_not_secretly_guided(exported):
    """The override stays in an exported graph; on import it is removed, and named."""
    with tf.Graph().as_default() as graph:
        x_t = v1.placeholder(tf.float32, (None, 4), name="x")
        from legacy_gbp.rules.relu import under_rule

        with under_rule(graph, "guided"):
            tf.identity(tf.nn.relu(x_t) * WEIGHTS, name="y")
        graph_def = graph.as_graph_def()
    source = from_graph_def(graph_def, "g")
    with Network(source) as net:
        found = net.under("gradient").gradient(POINTS[:1], np.ones((1, 4)))
        assert net.under("gradient").endpoints.removed_overrides == ("Relu",)
    np.testing.assert_array_equal(found, [[3, 0, 0, 2]])


def counted(graph_def, rule, **ends):
    with Network(from_graph_def(graph_def, "g", **ends)) as net:
        model = net.under(rule)
        return model.gradient(POINTS, np.ones_like(POINTS)), model.findings


EXPECTED = {
    "gradient": WEIGHTS * (POINTS > 0),
    "guided": np.maximum(WEIGHTS, 0) * (POINTS > 0),
    "deconvnet": np.maximum(WEIGHTS, 0) * np.ones_like(POINTS),
}


def test_a_relu_in_a_function_body_is_inlined():
    """A call alone goes backwards by the chain rule, whatever its ReLUs bear."""
    from tensorflow.python.framework import function

    with tf.Graph().as_default() as graph:
        x_t = v1.placeholder(tf.float32, (None, 4), name="x")

        @function.Defun(tf.float32)
        def inner(t):
            return tf.nn.relu(t)

        @function.Defun(tf.float32)
        def outer(t):
            return inner(t) * WEIGHTS

        tf.identity(outer(x_t), name="y")
        graph_def = graph.as_graph_def()
    for rule in RULES:
        found, audited = counted(graph_def, rule)
        np.testing.assert_array_equal(found, EXPECTED[rule])
        assert [finding.kind for finding in audited] == ["Relu"]


@pytest.mark.skipif(not TF2, reason="tf.function in graphs is of TensorFlow 2")
def test_a_relu_in_a_tf_function_is_inlined_and_refused_where_it_is_not():
    with tf.Graph().as_default() as graph:
        x_t = v1.placeholder(tf.float32, (None, 4), name="x")
        y_t = tf.identity(tf.function(lambda t: tf.nn.relu(t) * WEIGHTS)(x_t), name="y")
        graph_def = graph.as_graph_def()
        from legacy_gbp.rules.audit import audit, check_complete

        findings = audit([x_t], y_t, "guided").findings
        with pytest.raises(InputError, match=r"rule 'guided' missed 1 of 1 .*/Relu \(Relu\)"):
            check_complete(findings, "guided")
    for rule in RULES:
        found, audited = counted(graph_def, rule)
        np.testing.assert_array_equal(found, EXPECTED[rule])
        assert [finding.kind for finding in audited] == ["Relu"]


def looped(x_t):
    """relu(x) doubled three times in a loop, whose body holds a second ReLU."""
    _, y_t = tf.while_loop(
        lambda i, _: i < 3, lambda i, t: (i + 1, tf.nn.relu(t) * 2.0), (tf.constant(0), x_t)
    )
    return y_t * (WEIGHTS / 8)


def test_a_while_loop_of_tensorflow_1_needs_its_meta_graph():
    switch = v1.control_flow_v2_enabled()
    assert not switch or TF2
    with tf.Graph().as_default() as graph, v1.Session() as session:
        x_t = v1.placeholder(tf.float32, (None, 4), name="x")
        scale_t = variable("scale", np.float32(1), False)
        y_t = tf.identity(looped(x_t * scale_t), name="y")
        session.run(v1.global_variables_initializer())
        kinds = {op.type for op in graph.get_operations()}
        v1.train.Saver().save(session, "looped/model")
        frozen = v1.graph_util.convert_variables_to_constants(session, graph.as_graph_def(), ["y"])
        live = live_session(session, x_t, y_t)
    sources = [live, meta_graph("looped/model", output="y")]
    if "Enter" in kinds:
        with pytest.raises(InputError, match=r"while loop of TensorFlow 1.*give the .meta file"):
            from_graph_def(frozen, "g")
    else:
        sources.append(from_graph_def(frozen, "g"))
    for source in sources:
        for rule in RULES:
            with Network(source) as net:
                model = net.under(rule)
                found = model.gradient(POINTS, np.ones_like(POINTS))
                np.testing.assert_array_equal(found, EXPECTED[rule])
                assert [finding.kind for finding in model.findings] == ["Relu"]


@pytest.mark.skipif(not TF2, reason="SavedModels of TensorFlow 2")
def test_a_saved_model_of_tensorflow_2():
    class Module(tf.Module):
        def __init__(self):
            super().__init__()
            self.w = {name: tf.Variable(value) for name, value in arrays().items()}

        @tf.function(input_signature=[tf.TensorSpec((None, 6, 6, 2), tf.float32)])
        def __call__(self, x):
            x = tf.nn.relu(tf.nn.conv2d(x, self.w["c1"], [1, 1, 1, 1], "SAME"))
            x = tf.nn.relu(tf.nn.conv2d(x, self.w["c2"], [1, 2, 2, 1], "SAME") + 0.1)
            x = tf.nn.relu(tf.matmul(tf.reshape(x, (-1, 45)), self.w["d"]))
            return {"p": tf.nn.softmax(tf.matmul(x, self.w["o"]))}

    module = Module()
    tf.saved_model.save(module, "saved")
    for rule in RULES:
        expected, count = maps(Overridden(), rule)
        found, nonlinearities = maps(saved_model("saved"), rule)
        assert np.abs(found - expected).max() < 1e-6 * np.abs(expected).max()
        assert count == nonlinearities
    with pytest.raises(InputError, match="no signature 'other'; choose `signature` of serving"):
        saved_model("saved", signature="other")


@pytest.mark.skipif(not TF2, reason="SavedModels of TensorFlow 2")
def test_a_variable_inside_a_loop_body_is_said():
    class Module(tf.Module):
        def __init__(self):
            super().__init__()
            self.w = tf.Variable(np.ones(4, "f4"))

        @tf.function(input_signature=[tf.TensorSpec((None, 4), tf.float32)])
        def __call__(self, x):
            body = lambda i, t: (i + 1, tf.nn.relu(t) * self.w)  # noqa: E731
            return {"y": tf.while_loop(lambda i, t: i < 2, body, (0, x))[1]}

    tf.saved_model.save(Module(), "looped")
    with pytest.raises(InputError, match=r"reads variable .* inside of its body"):
        saved_model("looped")


def fused(activation, op="_FusedConv2D"):
    graph_def = v1.GraphDef()
    graph_def.versions.producer = 24
    x = graph_def.node.add(op="Placeholder", name="x")
    x.attr["dtype"].type = 1
    weights = np.random.RandomState(3).normal(size=(3, 3, 2, 4)).astype("f4")
    bias = np.array([0.1, -0.2, 0.3, 0.0], "f4")
    if op == "_FusedMatMul":
        weights = weights.reshape(-1, 4)
    for name, value in (("w", weights), ("b", bias)):
        node = graph_def.node.add(op="Const", name=name)
        node.attr["dtype"].type = 1
        node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))
    node = graph_def.node.add(op=op, name="y", input=["x", "w", "b"])
    node.attr["T"].type = 1
    node.attr["num_args"].i = 1
    node.attr["fused_ops"].list.s.extend([b"BiasAdd", activation])
    if op == "_FusedConv2D":
        node.attr["strides"].list.i.extend([1, 1, 1, 1])
        node.attr["padding"].s = b"SAME"
        node.attr["data_format"].s = b"NHWC"
        node.attr["dilations"].list.i.extend([1, 1, 1, 1])
    return graph_def, weights, bias


@pytest.mark.parametrize("op", ["_FusedConv2D", "_FusedMatMul"])
def test_fused_operations_are_expanded(op):
    graph_def, weights, bias = fused(b"Relu", op)
    images = IMAGES if op == "_FusedConv2D" else IMAGES.reshape(-1, 18)
    with tf.Graph().as_default() as graph, v1.Session() as session:
        x_t = v1.placeholder(tf.float32, (None, *images.shape[1:]))
        from legacy_gbp.rules.relu import under_rule

        with under_rule(graph, "guided"):
            if op == "_FusedConv2D":
                y_t = tf.nn.relu(tf.nn.conv2d(x_t, weights, [1, 1, 1, 1], "SAME") + bias)
            else:
                y_t = tf.nn.relu(tf.matmul(x_t, weights) + bias)
        (map_t,) = tf.gradients(y_t * y_t, x_t)
        expected = session.run(map_t, {x_t: images})
        value = session.run(y_t, {x_t: images})
    with Network(from_graph_def(graph_def, "g")) as net:
        model = net.under("guided")
        np.testing.assert_allclose(model.logits(images), value, rtol=1e-5, atol=1e-6)
        found = model.gradient(images, 2 * value)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
        assert [finding.name for finding in model.findings] == ["y"]
    with pytest.raises(InputError, match=r"g: operation y \(_FusedConv2D\) fuses Magic"):
        from_graph_def(fused(b"Magic")[0], "g")


@pytest.mark.parametrize(
    "kind, function, slope",
    [
        ("Sigmoid", tf.sigmoid, lambda x: np.exp(-x) / (1 + np.exp(-x)) ** 2),
        ("Tanh", tf.tanh, lambda x: 1 / np.cosh(x) ** 2),
        ("Softplus", tf.nn.softplus, lambda x: 1 / (1 + np.exp(-x))),
    ],
)
def test_a_nonlinearity_without_a_rule_is_not_called_guided(kind, function, slope):
    """The gradient is the slope at the positive points, and 0 where the rectifier is off."""
    # Times 1, so that no sigmoid is the final operation: that is stepped over.
    source = from_graph_def(graph_of(lambda x: 1.0 * function(tf.nn.relu(x))), "g")
    with Network(source) as net:
        found = net.under("gradient").gradient(POINTS, np.ones_like(POINTS))
        expected = np.where(POINTS > 0, slope(np.abs(POINTS).astype(float)), 0)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)
        with pytest.raises(InputError, match=f"missed 1 of 2 nonlinearities: {kind} .{kind}.;"):
            net.under("guided")
    with Network(source, allow_partial=True) as net:
        assert [finding.took for finding in net.under("guided").findings] == [True, False]


UNPROVED = {
    # Somebody reads from within the leaky ReLU.
    "Maximum.Mul": lambda x: (
        lambda small: tf.maximum(x, small) + tf.reduce_sum(small, 1, keepdims=True)
    )(0.25 * x),
    "Minimum": lambda x: -tf.minimum(-x, 0.0),
    "Erfc.Mul.Neg": lambda x: x * tf.math.erfc(-x),
}


@pytest.mark.parametrize("kind", UNPROVED)
def test_what_is_not_proved_to_rectify_is_listed_as_missed(kind):
    source = from_graph_def(graph_of(UNPROVED[kind]), "g")
    with Network(source) as net, pytest.raises(InputError, match=rf"missed 1 of 1 .*\(.*{kind}\)"):
        net.under("guided")


@pytest.mark.skipif(not TF2, reason="functional control flow is of TensorFlow 2")
def test_a_maximum_in_a_branch_is_listed_as_missed():
    v2 = v1.control_flow_v2_enabled()
    v1.enable_control_flow_v2()
    try:
        graph_def = graph_of(
            lambda x: tf.cond(tf.shape(x)[0] > 0, lambda: tf.maximum(x, 0.0), lambda: x)
        )
    finally:
        if not v2:
            v1.disable_control_flow_v2()
    source = from_graph_def(graph_def, "g")
    with Network(source) as net, pytest.raises(InputError, match=r"missed 1 of 1 .*\(Maximum\)"):
        net.under("guided")


def test_residual_sums_are_no_units():
    residual = graph_of(lambda x: tf.nn.relu(x) + 0.1 * x)
    assert [finding.kind for finding in counted(residual, "guided")[1]] == ["Relu"]


def test_an_idiom_passes_infinity_on():
    """Images are finite; 1e30 times a weight of 1e30 is Inf in float32."""
    graph_def = graph_of(lambda x: tf.maximum(x * 1e30, 0.0))
    with Network(from_graph_def(graph_def, "g")) as net:
        value = net.under("deconvnet").logits(np.array([[1, -1e30, 1e30, -2]], np.float32))
    np.testing.assert_array_equal(value, np.array([[1e30, 0, np.inf, 0]], np.float32))


DANGEROUS = {
    "WriteFile": lambda x: tf.raw_ops.WriteFile(filename="owned", contents="x"),
    "ReadFile": lambda x: tf.raw_ops.ReadFile(filename="/etc/hostname"),
    "PyFunc": lambda x: v1.py_func(lambda a: a, [x], tf.float32),
}


@pytest.mark.parametrize("kind", DANGEROUS)
def test_a_graph_that_reaches_outside_is_refused(kind):
    def function(x_t):
        with tf.control_dependencies([DANGEROUS[kind](x_t)]):
            return tf.nn.relu(x_t)

    graph_def = graph_of(function)
    with pytest.raises(InputError, match=rf"reach outside of it: {kind} \(.*`trusted`"):
        from_graph_def(graph_def, "g")
    assert from_graph_def(graph_def, "g", trusted=True).output == "y:0"
    assert not os.path.exists("owned")
    beside = graph_of(lambda x: (DANGEROUS[kind](x), tf.nn.relu(x))[1])
    assert from_graph_def(beside, "g", output="y").output == "y:0"  # what does not run may stay


def test_operations_are_told_apart_by_kind():
    for kind in (
        "DatasetToTFRecord", "ExperimentalLMDBDataset", "CacheDatasetV2", "CSVDataset", "PrintV2",
        "DebugIdentityV2", "LoadAndRemapMatrix", "WriteScalarSummary", "CreateSummaryFileWriter",
        "EagerPyFunc", "SaveV2", "TFRecordReaderV2", "ImportEvent",
    ):  # fmt: skip
        assert reaches_outside(kind), kind
    for kind in ("ScalarSummary", "MergeSummary", "ReadVariableOp", "FIFOQueueV2"):
        assert not reaches_outside(kind), kind


def test_integers_are_differentiated_at_their_cast():
    graph_def = graph_of(lambda x: tf.nn.relu(tf.cast(x, tf.float32)) * WEIGHTS, dtype=tf.uint8)
    source = from_graph_def(graph_def, "g")
    with Network(source) as net:
        found = net.under("guided").gradient(np.abs(POINTS), np.ones_like(POINTS))
    np.testing.assert_array_equal(found, np.maximum(WEIGHTS, 0) * (POINTS != 0))


def two_inputs():
    with tf.Graph().as_default() as graph:
        a_t, b_t = (v1.placeholder(tf.float32, (None, 4), name=name) for name in "ab")
        keep_t = v1.placeholder(tf.float32, (), name="keep")
        tf.identity(tf.nn.relu(a_t - b_t) * keep_t, name="y")
        tf.identity(tf.nn.relu(a_t), name="z")
        return graph.as_graph_def()


@pytest.mark.parametrize(
    "ends, why",
    [
        ({}, r"g: 2 tensors could be the input \(a:0, b:0\); name it by `input`"),
        ({"input": ["a", "b"]}, r"g: 2 tensors could be the output \(y:0, z:0\)"),
        ({"input": "aa", "output": "y"}, "g: no input 'aa' in the graph; near names: a"),
        ({"input": "a", "output": "yy"}, "g: no output 'yy' in the graph; near names: y"),
        (
            {"input": ["a", "b"], "output": "y"},
            "placeholder 'keep' needs a value; set `feeds` keep=1",
        ),
        ({"input": "b", "output": "z"}, "output z:0 does not depend on input b:0"),
    ],
)
def test_what_is_in_doubt_is_asked(ends, why):
    with pytest.raises(InputError, match=why):
        from_graph_def(two_inputs(), "g", **ends)


def test_a_graph_for_one_batch_size_takes_any_number_of_images():
    graph_def = graph_of(lambda x: tf.nn.relu(x) * WEIGHTS, shape=(2, 4))
    images = np.concatenate([POINTS, POINTS[:1] + 1])
    with Network(from_graph_def(graph_def, "g")) as net:
        found = guided_backprop(net, images, 0)
    expected = np.maximum(WEIGHTS, 0) * (images > 0) * [1, 0, 0, 0]
    np.testing.assert_array_equal(found, expected)
    why = "the graph does not take these images"
    with Network(from_graph_def(graph_def, "g")) as net, pytest.raises(InputError, match=why):
        guided_backprop(net, images[:, :3], 0)


def test_several_inputs_and_fixed_values():
    source = from_graph_def(two_inputs(), "g", ["a", "b"], "y", feeds={"keep": 2.0})
    with Network(source) as net:
        model = net.under("guided")
        found = model.gradient((POINTS, POINTS * 0 + 1), np.ones_like(POINTS))
    np.testing.assert_array_equal(found[0], 2.0 * (POINTS > 1))
    np.testing.assert_array_equal(found[1], -2.0 * (POINTS > 1))


def test_a_disconnected_input_and_an_operation_without_gradient():
    graph_def = graph_of(lambda x: tf.nn.relu(x) + tf.cast(tf.argmax(x, 1), tf.float32)[:, None])
    with Network(from_graph_def(graph_def, "g"), allow_partial=True) as net:
        graph = net.under("guided")
        found = graph.gradient(POINTS, np.ones_like(POINTS))
    np.testing.assert_array_equal(found, POINTS > 0)
    assert [finding.kind for finding in graph.findings if not finding.took] == ["ArgMax"]
    graph_def = graph_of(lambda x: 1.0 * tf.cast(tf.argmax(tf.nn.relu(x), 1), tf.float32))
    with pytest.raises(InputError, match="does not depend on x:0 by operations that have a"):
        counted(graph_def, "gradient")
    graph_def = graph_of(
        lambda x: tf.raw_ops.ResizeArea(images=tf.reshape(x, (-1, 2, 2, 1)), size=[1, 1])
    )
    with pytest.raises(InputError, match=r"no gradient through the graph.*ResizeArea"):
        counted(graph_def, "gradient")


def test_files_that_are_no_graph():
    for name, content, why in (
        ("text.pb", b"this is not a graph at all, but a letter", "not a GraphDef, or cut off"),
        ("empty.pb", b"", "holds no operation"),
        ("text.pbtxt", b"node {", "not a GraphDef, or cut off"),
    ):
        with open(name, "wb") as file:
            file.write(content)
        with pytest.raises(InputError) as refusal:
            frozen_graph(name)
        assert why in str(refusal.value)
    with pytest.raises(InputError, match=r"gone.pb: no such file"):
        frozen_graph("gone.pb")
    with pytest.raises(InputError, match="is not a file"):
        frozen_graph(".")


def test_truncated_files(exported):
    whole = (exported / "ref" / "frozen.pb").read_bytes()
    for share in (0.2, 0.5, 0.9):
        with open("cut.pb", "wb") as file:
            file.write(whole[: int(len(whole) * share)])
        with pytest.raises(InputError):
            frozen_graph("cut.pb")
    with pytest.raises(InputError, match=r"model-3: no checkpoint .* holds model-1, model-2"):
        meta_graph(str(exported / "ref" / "model-3"))
    with pytest.raises(InputError, match="holds no checkpoint"):
        meta_graph(".")
    with pytest.raises(InputError, match=r"saved_model.pb: no such file"):
        saved_model(".")


@pytest.mark.parametrize("name", ["^x", "x:1", "x:foo", "x:"])
@pytest.mark.parametrize("end", ["input", "output", "feeds"])
def test_what_names_no_tensor_is_refused(end, name):
    given = {"input": name, "output": name.replace("x", "y"), "feeds": {name: 1.0}}
    ends = {"output": "y", end: given[end]}
    with pytest.raises(InputError):
        counted(graph_of(lambda x: tf.nn.relu(x) * WEIGHTS), "guided", **ends)


def a_call(noinline=False):
    from tensorflow.python.framework import function

    @function.Defun(tf.float32, noinline=noinline)
    def inner(t):
        return tf.nn.relu(t) * WEIGHTS

    return graph_of(lambda x: inner(x))


def test_a_function_that_asks_not_to_be_inlined_is_inlined():
    """As the swish of TensorFlow 1 does."""
    for rule in RULES:
        found, audited = counted(a_call(noinline=True), rule)
        np.testing.assert_array_equal(found, EXPECTED[rule])
        assert [finding.kind for finding in audited] == ["Relu"]


def test_unknown_operations_beside_and_inside_a_function():
    beside, inside, untyped = a_call(), a_call(), graph_of(tf.nn.relu)
    next(node for node in beside.node if node.op == "Identity").op = "MyOp"
    next(node for node in inside.library.function[0].node_def if node.op == "Relu").op = "MyOp"
    untyped.node[0].attr["dtype"].type = 99
    for graph_def in (beside, inside):
        with pytest.raises(InputError, match=r"may reach outside of it: MyOp \(.*`trusted`"):
            from_graph_def(graph_def, "g", "x", "y")
        with pytest.raises(InputError, match=r"cannot inline the functions of the graph.*MyOp"):
            from_graph_def(graph_def, "g", "x", "y", trusted=True)
    with pytest.raises(InputError, match="has the type 99 as its attribute dtype"):
        from_graph_def(untyped, "g")


@pytest.mark.skipif(not TF2, reason="tf.function in graphs is of TensorFlow 2")
def test_a_loop_in_a_tf_function_stays_one_that_has_a_gradient():
    graph_def = graph_of(lambda x: tf.function(looped)(x))
    for rule in RULES:
        found, audited = counted(graph_def, rule)
        np.testing.assert_array_equal(found, EXPECTED[rule])
        assert [finding.kind for finding in audited] == ["Relu"]


def test_what_lies_before_the_input_does_not_matter():
    """Input pipelines read files and loop over images; none of it runs."""
    with tf.Graph().as_default() as graph:
        names = v1.placeholder(tf.string, (None,), name="names")

        def decoded(t):
            text = tf.strings.length(tf.io.read_file(t))
            return tf.cast(text, tf.float32) * tf.ones(4)

        dataset = tf.data.Dataset.from_tensor_slices(names).map(decoded).batch(2)
        image_t = v1.data.make_initializable_iterator(dataset).get_next()
        loop_t = tf.while_loop(lambda t: tf.reduce_sum(t) < 0, lambda t: t + 1, [image_t])
        x_t = v1.placeholder_with_default(tf.reshape(loop_t, (-1, 4)), (None, 4), name="x")
        scaled_t = tf.identity(x_t, name="scaled")
        scale_t = variable("scale", WEIGHTS, False)
        tf.identity(tf.nn.relu(scaled_t) * scale_t, name="y")
        with v1.Session() as session:
            session.run(v1.global_variables_initializer())
            v1.train.Saver().save(session, "piped/model")
            frozen = v1.graph_util.convert_variables_to_constants(
                session, graph.as_graph_def(), ["y"]
            )
    for name in ("x", "scaled"):
        for source in (
            from_graph_def(frozen, "g", name, "y"),
            meta_graph("piped/model", name, "y"),
        ):
            with Network(source) as net:
                found = net.under("guided").gradient(POINTS, np.ones_like(POINTS))
            np.testing.assert_array_equal(found, EXPECTED["guided"])


def test_a_broken_graph_is_said_to_be():
    graph_def = graph_of(tf.nn.relu)
    next(node for node in graph_def.node if node.op == "Relu").input[0] = "gone"
    with pytest.raises(InputError, match="broken: it lacks its node 'gone'"):
        from_graph_def(graph_def, "g", "x", "y")


def test_the_shape_of_an_integer_input_may_be_asked_for():
    graph_def = graph_of(
        lambda x: tf.reshape(tf.nn.relu(tf.cast(x, tf.float32)) * WEIGHTS, tf.shape(x)), tf.uint8
    )
    with Network(from_graph_def(graph_def, "g")) as net:
        found = net.under("guided").gradient(np.abs(POINTS), np.ones_like(POINTS))
    np.testing.assert_array_equal(found, np.maximum(WEIGHTS, 0) * (POINTS != 0))


def test_variables_in_parts_under_other_keys_and_in_a_checkpoint_of_2015():
    parts = v1.fixed_size_partitioner(2)
    for folder, resource, version in (
        ("parts", False, v1.train.SaverDef.V2),
        ("resources", True, v1.train.SaverDef.V2),
        ("old", False, v1.train.SaverDef.V1),
    ):
        with tf.Graph().as_default(), v1.Session() as session:
            x_t = v1.placeholder(tf.float32, (None, 4), name="x")
            partitioner = None if folder == "old" else parts
            w_t = v1.get_variable(
                "w", (4,), initializer=v1.zeros_initializer(), partitioner=partitioner,
                use_resource=resource,
            )  # fmt: skip
            scale_t = v1.get_variable("scale", (), use_resource=resource)
            tf.identity(tf.nn.relu(x_t) * tf.convert_to_tensor(w_t) * scale_t, name="y")
            pieces = [w_t] if partitioner is None else list(w_t)
            size = 4 // len(pieces)
            for number, piece in enumerate(pieces):
                piece.load(WEIGHTS[number * size : (number + 1) * size], session)
            scale_t.load(1.0, session)
            saved = {"w": w_t, "elsewhere/scale": scale_t}
            os.mkdir(folder)
            saver = v1.train.Saver(saved, write_version=version)
            saver.save(session, folder + "/model")
        if folder == "old":
            assert not os.path.exists("old/model.index")
        for rule in RULES:
            with Network(meta_graph(folder + "/model", output="y")) as net:
                found = net.under(rule).gradient(POINTS, np.ones_like(POINTS))
            np.testing.assert_array_equal(found, EXPECTED[rule])


def test_a_saved_model_with_a_pipeline_and_summaries_beside():
    with tf.Graph().as_default(), v1.Session() as session:
        x_t = v1.placeholder(tf.float32, (None, 4), name="Placeholder_x")
        train_t = v1.placeholder(tf.bool, (), name="Placeholder_train")
        v1.data.make_one_shot_iterator(tf.data.Dataset.from_tensors(POINTS)).get_next()
        w_t = variable("w", WEIGHTS, True) * 1.0
        y_t = tf.cond(train_t, lambda: x_t * 5, lambda: tf.nn.relu(x_t) * w_t)
        v1.summary.scalar("loss", tf.reduce_sum(y_t))
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, "piped", {"x": x_t, "train": train_t}, {"y": y_t})
    source = saved_model("piped", input="x", feeds={"train": False})
    with Network(source) as net:
        found = net.under("guided").gradient(POINTS, np.ones_like(POINTS))
    np.testing.assert_array_equal(found, EXPECTED["guided"])
    with pytest.raises(InputError, match="no input 'xx:0' in the graph"):
        saved_model("piped", input="xx")


def test_images_that_are_no_numbers_are_refused():
    from legacy_gbp.data.images import image_set

    np.save("words.npy", np.array([["a", "b"]]))
    np.save("complex.npy", np.ones((2, 4), complex))
    with h5py.File("odd.h5", "w") as file:
        file["scalar"], file["words"] = 1.0, np.array([[b"a", b"b"]])
    for spec, why in (
        ("words.npy", "give real numbers"),
        ("complex.npy", "give real numbers"),
        ("odd.h5:scalar", r"give \(N, ...\), N images"),
        ("odd.h5:words", "give real numbers"),
    ):
        with pytest.raises(InputError, match=why):
            image_set([spec], None)
