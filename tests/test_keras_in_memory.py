"""Models in memory are explained as they are, and nothing of the caller's changes.

Expected maps are those of TensorFlow on the model itself: GradientTape, or tf.gradients in
the caller's session, before any map is asked for.
"""

import contextlib

import numpy as np
import pytest
import tensorflow as tf

from legacy_gbp import InputError, Layer, ModelError, Network, explain, grad_cam, gradient, models
from legacy_gbp.models.keras_models import keras_model

TF2 = not tf.__version__.startswith("1.")
v1 = tf.compat.v1
if_tf2 = pytest.mark.skipif(not TF2, reason="functions and modules are of TensorFlow 2")


def libraries():
    yield "tf.keras"
    if TF2:
        yield "tf_keras"


@pytest.fixture(params=libraries())
def keras(request):
    return tf.keras if request.param == "tf.keras" else pytest.importorskip("tf_keras")


@pytest.fixture
def _session():
    """A graph of the test's own and a session that Keras uses; on TensorFlow 2 neither."""
    with contextlib.ExitStack() as stack:
        if not TF2:
            graph = stack.enter_context(tf.Graph().as_default())
            stack.enter_context(v1.Session(graph=graph))
        yield


def lively(model):
    rng = np.random.RandomState(3)
    model.set_weights([rng.uniform(-0.5, 0.6, w.shape).astype("f4") for w in model.get_weights()])
    return model


def expected(model, images, unit, head=0):
    """The gradient of an output by TensorFlow alone."""
    several = isinstance(images, tuple)
    if TF2:
        xs = [tf.constant(one) for one in (images if several else (images,))]
        with tf.GradientTape() as tape:
            for x in xs:
                tape.watch(x)
            found = model(xs if several else xs[0], training=False)
            y = (found if isinstance(found, (list, tuple)) else [found])[head][:, unit]
        maps = [one.numpy() for one in tape.gradient(y, xs)]
    else:
        session = v1.get_default_session()
        map_ts = tf.gradients(model.outputs[head][:, unit], list(model.inputs))
        feeds = dict(zip(model.inputs, images if several else (images,)))
        maps = session.run(map_ts, {**feeds, tf.keras.backend.learning_phase(): 0})
    return tuple(maps) if several else maps[0]


def close(found, wanted):
    assert found.shape == wanted.shape
    assert np.abs(wanted).max() > 0
    assert np.abs(found - wanted).max() < 1e-6 * np.abs(wanted).max()


def functional(keras):
    inputs = keras.Input((6, 5, 2), name="images")
    x = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="conv")(inputs)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.Dropout(0.4)(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(3, name="classes")(x))


def sequential(keras):
    return keras.Sequential(
        [
            keras.layers.InputLayer(input_shape=(6, 5, 2))
            if keras.__name__ == "tf_keras" or not TF2
            else keras.Input((6, 5, 2)),
            keras.layers.Conv2D(3, 3, activation="relu", name="conv"),
            keras.layers.Flatten(),
            keras.layers.Dense(3),
        ]
    )


def nested(keras):
    inputs = keras.Input((6, 5, 2))
    x = sequential(keras)(keras.layers.ReLU()(inputs))
    return keras.Model(inputs, keras.layers.Dense(3)(x))


IMAGES = np.random.RandomState(0).normal(size=(2, 6, 5, 2)).astype("f4")


@pytest.mark.parametrize("build", [functional, sequential, nested])
def test_a_keras_model(build, keras, _session):
    model = lively(build(keras))
    wanted = expected(model, IMAGES, 1)
    with Network(model) as net:
        close(gradient(net, IMAGES, 1), wanted)
    close(explain(model, IMAGES, 1, method="gradient"), wanted)


def test_several_inputs_and_heads(keras, _session):
    left, right = keras.Input((4,), name="left"), keras.Input((3,), name="right")
    x = keras.layers.Concatenate()([left, right])
    x = keras.layers.Dense(5, activation="relu")(x)
    heads = [keras.layers.Dense(2, name="first")(x), keras.layers.Dense(3, name="second")(x)]
    model = lively(keras.Model([left, right], heads))
    rng = np.random.RandomState(1)
    images = tuple(rng.normal(size=(2, size)).astype("f4") for size in (4, 3))
    for number, name in enumerate(("first", "second")):
        wanted = expected(model, images, 1, number)
        found = explain(model, images, 1, method="gradient", output=name)
        for pair in zip(found, wanted):
            close(*pair)
    with pytest.raises(ModelError, match=r"has 2 outputs \(first, second\); name one by `output`"):
        Network(model)


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_layers_by_their_names_and_grad_cam(keras, _session, tmp_path):
    """As for the file of the same model."""
    model = lively(functional(keras))
    with Network(model) as net:
        found = [gradient(net, IMAGES, Layer("conv", (2,))), grad_cam(net, IMAGES, 1, layer="conv")]
    model.save(str(tmp_path / "model.h5"))
    with Network(keras_model(str(tmp_path / "model.h5"))) as net:
        assert np.abs(found[0]).max() > 0
        np.testing.assert_allclose(
            found[0], gradient(net, IMAGES, Layer("conv", (2,))), rtol=1e-6, atol=1e-7
        )
        np.testing.assert_allclose(
            found[1], grad_cam(net, IMAGES, 1, layer="conv"), rtol=1e-5, atol=1e-7
        )


def test_values_are_those_of_the_call(keras, _session):
    model = lively(functional(keras))
    before = explain(model, IMAGES, 1, method="gradient")
    model.set_weights([2 * one for one in model.get_weights()])
    wanted = expected(model, IMAGES, 1)
    close(explain(model, IMAGES, 1, method="gradient"), wanted)
    assert np.abs(wanted - before).max() > 0.1 * np.abs(wanted).max()


def registered():
    from tensorflow.python.framework import ops

    registry = getattr(ops, "gradient_registry", None) or ops._gradient_registry
    return set(registry.list())


def test_nothing_of_the_callers_changes(keras, _session):
    model = lively(functional(keras))
    explain(model, IMAGES)  # what is registered at import is registered
    graph, session = v1.get_default_graph(), v1.get_default_session()

    def state():
        return (
            len(graph.get_operations()),
            v1.get_default_graph() is graph,
            v1.get_default_session() is session,
            tf.executing_eagerly(),
            len(v1.global_variables()),
            registered(),
            [one.tolist() for one in model.get_weights()],
            [layer.name for layer in model.layers],
            len(model.losses),
            keras.backend.floatx(),
            keras.backend.image_data_format(),
            [np.asarray(one).tolist() for one in np.random.get_state()],
        )

    before = state()
    explain(model, IMAGES, method="guided")
    explain(model, IMAGES, method="gradient", target=2)
    assert state() == before
    if not TF2:
        graph.finalize()
        explain(model, IMAGES)


def test_integers_that_an_embedding_reads(keras, _session):
    """The map is that of the embedding's output; other methods take the rows, too."""
    inputs = keras.Input((5,), dtype="int32")
    embedding = keras.layers.Embedding(9, 4, name="embedding")
    hidden = keras.layers.Flatten()(embedding(inputs))
    dense = keras.layers.Dense(3, name="classes")
    model = lively(keras.Model(inputs, dense(hidden)))
    tokens = np.random.RandomState(2).randint(0, 9, (2, 5))
    kernel = dense.get_weights()[0]
    wanted = np.broadcast_to(kernel[:, 1].reshape(1, 5, 4), (2, 5, 4))  # of a linear network
    rows = embedding.get_weights()[0][tokens]
    close(explain(model, tokens, 1, method="gradient"), wanted)
    close(explain(model, rows, 1, method="gradient"), wanted)
    close(explain(model, tokens, 1, method="gradient-x-input"), wanted * rows)
    close(explain(model, tokens.astype("uint8"), 1, method="integrated"), wanted * rows)
    with Network(model) as net:
        np.testing.assert_allclose(net.logits(tokens), net.logits(rows), rtol=1e-6)


def test_integers_beside_numbers(keras, _session):
    tokens_in, numbers_in = keras.Input((5,), name="tokens"), keras.Input((3,), name="numbers")
    rows = keras.layers.Embedding(9, 4)(tokens_in)
    x = keras.layers.Concatenate()([keras.layers.Flatten()(rows), numbers_in])
    dense = keras.layers.Dense(2)
    model = lively(keras.Model([tokens_in, numbers_in], dense(x)))
    rng = np.random.RandomState(2)
    images = rng.randint(0, 9, (2, 5)), rng.normal(size=(2, 3)).astype("f4")
    kernel = dense.get_weights()[0][:, 1]
    of_rows, of_numbers = explain(model, images, 1, method="gradient")
    close(of_rows, np.broadcast_to(kernel[:20].reshape(1, 5, 4), (2, 5, 4)))
    close(of_numbers, np.broadcast_to(kernel[20:], (2, 3)))


def test_a_dropout_that_is_off_draws_nothing(keras, _session):
    """Keras 3 draws the masks of an LSTM all the same, and assigns to a variable."""
    inputs = keras.Input((4, 3))
    x = keras.layers.LSTM(3, dropout=0.5, name="lstm")(inputs)
    model = lively(keras.Model(inputs, keras.layers.Dense(2)(x)))
    images = np.random.RandomState(0).normal(size=(2, 4, 3)).astype("f4")
    wanted = expected(model, images, 1)
    before = [one.tolist() for one in map(np.asarray, model.get_weights())]
    with Network(model) as net:
        close(gradient(net, images, 1), wanted)
        types = {op.type for op in net.under("gradient").graph.get_operations()}
    if TF2:
        assert not [kind for kind in types if "Random" in kind or "Assign" in kind]
    assert [one.tolist() for one in map(np.asarray, model.get_weights())] == before


def test_a_session(_session):
    with tf.Graph().as_default(), v1.Session() as session:
        x_t = v1.placeholder(tf.float32, (None, 3))
        logits_t = tf.matmul(x_t, tf.constant([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
        with Network((session, x_t, logits_t)) as net:
            found = gradient(net, np.ones((2, 3), "f4"), 1)
    np.testing.assert_array_equal(found, [[2, 4, 6]] * 2)


@pytest.mark.skipif(TF2, reason="Keras keeps a session on TensorFlow 1")
def test_a_keras_model_of_the_session_that_keras_keeps():
    """No default session is open; a model that never ran has no values yet."""
    keras = tf.keras
    with tf.Graph().as_default():
        model = functional(keras)
        with pytest.raises(ModelError, match=r"no values yet, .*; call `get_weights\(\)` first"):
            Network(model)
        lively(model)
        (map_t,) = tf.gradients(model.outputs[0][:, 1], model.inputs[0])
        session = keras.backend.get_session()
        wanted = session.run(map_t, {model.inputs[0]: IMAGES, keras.backend.learning_phase(): 0})
        close(explain(model, IMAGES, 1, method="gradient"), wanted)
        assert keras.backend.get_session() is session


@if_tf2
def test_functions_modules_and_saved_models(tmp_path):
    class Linear(tf.Module):
        def __init__(self):
            self.kernel = tf.Variable([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])

        @tf.function(input_signature=[tf.TensorSpec((None, 3), tf.float32, name="x")])
        def __call__(self, x):
            return tf.nn.relu(x) @ self.kernel

    module = Linear()
    images = np.array([[1, -1, 2]], "f4")
    wanted = [[2, 0, 6]]
    tf.saved_model.save(module, str(tmp_path / "module"))
    plain = tf.function(lambda x: tf.nn.relu(x) @ module.kernel)
    loaded = tf.saved_model.load(str(tmp_path / "module"))
    assert not hasattr(loaded, "load")
    for model in (
        module,
        module.__call__,
        module.__call__.get_concrete_function(),
        plain.get_concrete_function(tf.TensorSpec((None, 3), tf.float32)),
        loaded,
        loaded.signatures["serving_default"],
    ):
        with Network(model) as net:
            np.testing.assert_array_equal(gradient(net, images, 1), wanted)
    for model in (plain, lambda x: tf.nn.relu(x) @ module.kernel):  # traced for these images
        np.testing.assert_array_equal(explain(model, images, 1, method="gradient"), wanted)
        with pytest.raises(ModelError, match=r"give `model.get_concrete_function\(tf.TensorSpec"):
            Network(model)
    module.kernel.assign(2 * module.kernel)
    np.testing.assert_array_equal(explain(module, images, 1, method="gradient"), [[4, 0, 12]])


@if_tf2
def test_a_model_whose_layers_are_code(keras):
    class Mine(keras.Model):  # type: ignore[name-defined]
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(2)

        def call(self, x):
            return self.dense(tf.nn.relu(x))

    model = Mine()
    model(np.ones((1, 3), "f4"))
    kernel = model.dense.get_weights()[0]
    found = explain(model, np.ones((2, 3), "f4"), 1, method="gradient")
    np.testing.assert_allclose(found, [kernel[:, 1]] * 2, rtol=1e-6)
    with pytest.raises(ModelError, match=r"its layers are Python code; give a tf.function of it"):
        Network(model)


@if_tf2
def test_a_caller_in_graph_mode(keras):
    model = lively(functional(keras))
    wanted = expected(model, IMAGES, 1)
    with tf.Graph().as_default() as graph:
        close(explain(model, IMAGES, 1, method="gradient"), wanted)
        assert not graph.get_operations()


@pytest.mark.parametrize("model", [3, None, {"a": 1}, np.ones(3), (1, 2, 3)])
def test_what_is_no_model(model):
    with pytest.raises(InputError, match=r"is no model that is known here; give a source of"):
        Network(model)


def test_a_name_is_no_model():
    with pytest.raises(InputError, match=r"'m.h5' is a name; open a file by `models.model_file`"):
        Network("m.h5")
    with pytest.raises(InputError, match=r"method 'guidde' is unknown; choose one of gradient,"):
        explain(None, IMAGES, method="guidde")
    assert models.as_source is not None
