"""Whole Keras models: complete audits, and maps of a ReLU written with tf.custom_gradient.

The independent computation is the same Keras model whose ReLUs are replaced by
a layer with a hand-written gradient; no mark, no override, no import.
"""

import contextlib

import numpy as np
import pytest
import tensorflow as tf

from legacy_gbp import InputError, Network, guided_backprop
from legacy_gbp.attribution.target_forms import Layer
from legacy_gbp.models.keras_models import keras_model
from legacy_gbp.models.saved_models import saved_model

TF2 = not tf.__version__.startswith("1.")
keras = tf.keras
ENDINGS = ["h5", "keras"] if TF2 else ["h5"]


@pytest.fixture(autouse=True)
def _in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def rectifier(forward, derivative):
    @tf.custom_gradient
    def guided(x):
        return forward(x), lambda r: tf.maximum(r, 0) * derivative(x)

    return guided


def gate(condition):
    return lambda x: tf.cast(condition(x), x.dtype)


GUIDED = {
    "relu": rectifier(tf.nn.relu, gate(lambda x: x > 0)),
    "relu6": rectifier(tf.nn.relu6, gate(lambda x: (x > 0) & (x < 6))),
    "leaky": rectifier(
        lambda x: tf.nn.leaky_relu(x, 0.25),
        lambda x: tf.where(x > 0, tf.ones_like(x), 0.25 * tf.ones_like(x)),
    ),
}


class Guided(keras.layers.Layer):  # type: ignore[name-defined]
    """A rectifier with the hand-written gradient."""

    def __init__(self, kind, **options):
        super().__init__(**options)
        self.kind = kind

    def call(self, x):
        return GUIDED[self.kind](x)


def by_hand(model, images, unit, session=None):
    """Guided map of a logit: the model rebuilt with Guided layers, the softmax left out."""

    def replaced(layer):
        name, config = type(layer).__name__, layer.get_config()
        if name == "ReLU":
            return Guided("relu6" if config.get("max_value") == 6 else "relu", name=layer.name)
        if name == "LeakyReLU":
            return Guided("leaky", name=layer.name)
        if name == "Activation" and config["activation"] == "relu":
            return Guided("relu", name=layer.name)
        if config.get("activation") == "relu":
            config["activation"] = "linear"
            copy = type(layer).from_config(config)
            return copy
        if config.get("activation") == "softmax":
            config["activation"] = "linear"
        return type(layer).from_config(config)

    clone = keras.models.clone_model(model, clone_function=replaced)
    clone.set_weights(model.get_weights())
    if TF2:
        x = tf.convert_to_tensor(images)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = clone(x, training=False)[:, unit]
        return tape.gradient(y, x).numpy()
    (map_t,) = tf.gradients(clone.outputs[0][:, unit], clone.inputs[0])
    return session.run(map_t, {clone.inputs[0]: images})


def small():
    """Every way to write a rectifier in Keras that clone_model can replace."""
    x = inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, padding="same", name="conv")(x)
    x = keras.layers.Activation("relu", name="act")(x)
    x = keras.layers.Conv2D(5, 3, strides=2, name="conv_b")(x)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.LeakyReLU(0.25, name="leaky")(x)
    x = keras.layers.DepthwiseConv2D(3, name="depth")(x)
    x = keras.layers.ReLU(6.0, name="relu6")(x)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(inputs, keras.layers.Dense(4, activation="softmax", name="out")(x))


APPLICATIONS = {
    "MobileNet": lambda: keras.applications.MobileNet(
        input_shape=(32, 32, 3), weights=None, classes=7, alpha=0.25
    ),
    "ResNet50": lambda: keras.applications.ResNet50(
        input_shape=(32, 32, 3), weights=None, classes=7
    ),
    "DenseNet121": lambda: keras.applications.DenseNet121(
        input_shape=(32, 32, 3), weights=None, classes=7
    ),
    "InceptionV3": lambda: keras.applications.InceptionV3(
        input_shape=(75, 75, 3), weights=None, classes=7
    ),
}


def drawn(weights, rng):
    """Weights of the same size by a fixed seed; biases and moments are positive, not all alike.

    Keras draws its own anew every time, and now and then a ReLU is so close to
    0 that the last bit of the forward pass decides: the maps then differ by 1e-3.
    """
    if weights.ndim > 1:
        depthwise = weights.shape[-1] == 1
        into = np.prod(weights.shape[:2] if depthwise else weights.shape[:-1])
        drawn = rng.normal(size=weights.shape) * np.sqrt(2 / into)
    else:
        drawn = weights + 0.05 * rng.rand(*weights.shape)
    return drawn.astype(weights.dtype)


def check(build, name, seed=0):
    """Save, load as a source, compare with the hand-written gradients."""
    graph = tf.Graph()
    with graph.as_default() if not TF2 else tf.device("/cpu:0"):
        session = None
        if not TF2:
            session = tf.compat.v1.Session(graph=graph).__enter__()
        model = build()
        rng = np.random.RandomState(seed)
        weights = model.get_weights()
        model.set_weights([drawn(w, rng) for w in weights])
        shape = (2, *[int(size) for size in model.inputs[0].shape[1:]])
        images = rng.normal(size=shape).astype("f4")
        expected = by_hand(model, images, 1, session)
        model.save(name)
        if session:
            session.__exit__(None, None, None)
    with Network(keras_model(name)) as net:
        found = guided_backprop(net, images, 1)
        audited = net.under("guided").findings
    assert audited and all(finding.took for finding in audited)
    assert np.abs(expected).max() > 0
    error = np.abs(found - expected).max() / np.abs(expected).max()
    print(f"{name}: {len(audited)} nonlinearities, largest difference {error:.1e}")
    assert error < 1e-5
    return audited


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_small_model(ending):
    audited = check(small, "small." + ending)
    assert [finding.kind for finding in audited] == ["Relu", "LeakyRelu", "Relu6"]


@pytest.mark.slow
@pytest.mark.parametrize("name", APPLICATIONS)
def test_application_models(name):
    check(APPLICATIONS[name], name + ".h5")


def nested():
    inner_in = keras.Input((8, 8, 4))
    inner = keras.Model(inner_in, keras.layers.Conv2D(3, 3, activation="relu")(inner_in))
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 1, activation="relu", name="first")(inputs)
    x = keras.layers.Flatten()(inner(x))
    return keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(x))


def test_a_nested_model_and_functional_activations():
    """Both ReLUs take; the map of a hidden channel is that of the target's definition."""
    graph = tf.Graph()
    with contextlib.ExitStack() as stack:
        if not TF2:
            stack.enter_context(graph.as_default())
            stack.enter_context(tf.compat.v1.Session(graph=graph))
        model = nested()
        kernel, bias = model.get_layer("first").get_weights()
        model.save("nested.h5")
    images = np.random.RandomState(0).normal(size=(2, 8, 8, 3)).astype("f4")
    with Network(keras_model("nested.h5")) as net:
        guided_backprop(net, images, 0)
        audited = net.under("guided").findings
        assert [finding.kind for finding in audited] == ["Relu", "Relu"]
        assert all(finding.took for finding in audited)
        one = guided_backprop(net, images, Layer("first", (2,)))
    # A 1x1 convolution: where channel 2 is active, each pixel's map is the channel's weights.
    active = images @ kernel[0, 0, :, 2] + bias[2] > 0
    assert 0 < active.sum() < active.size
    np.testing.assert_allclose(one, active[..., None] * kernel[0, 0, :, 2], rtol=1e-6, atol=0)


def test_python_code_in_a_model_is_refused_before_keras_sees_it():
    graph = tf.Graph()
    with graph.as_default() if not TF2 else tf.device("/cpu:0"):
        session = None if TF2 else tf.compat.v1.Session(graph=graph)
        inputs = keras.Input((3,))
        outputs = keras.layers.Lambda(lambda x: x * 2.0, output_shape=(3,))(inputs)
        for ending in ENDINGS:
            keras.Model(inputs, keras.layers.Dense(2)(outputs)).save("lambda." + ending)
        if session:
            session.close()
    for ending in ENDINGS:
        with pytest.raises(InputError, match=r"holds a Lambda layer, which is Python code"):
            keras_model("lambda." + ending)


def test_what_is_no_model_is_refused():
    with open("bad.h5", "wb") as file:
        file.write(b"not a model")
    with pytest.raises(InputError, match=r"bad.h5: Keras cannot load it"):
        keras_model("bad.h5")
    with pytest.raises(InputError, match=r"gone.h5: no such file"):
        keras_model("gone.h5")


def lively(model):
    """Small weights above zero: by chance alone a guided map may be zero everywhere."""
    rng = np.random.RandomState(1)
    model.set_weights([rng.uniform(0.02, 0.2, w.shape) for w in model.get_weights()])
    return model


def test_the_same_model_as_a_saved_model():
    """Exported by the Keras of its era; the maps are those of the whole-model file."""
    graph = tf.Graph()
    with graph.as_default() if not TF2 else tf.device("/cpu:0"):
        if TF2:
            model = lively(small())
            model.export("exported", verbose=False)
            model.save("small.h5")
        else:
            with tf.compat.v1.Session(graph=graph).as_default() as session:
                model = small()
                session.run(tf.compat.v1.global_variables_initializer())
                lively(model)
                tf.compat.v1.saved_model.simple_save(
                    session, "exported", {"x": model.inputs[0]}, {"y": model.outputs[0]}
                )
                model.save("small.h5")
                session.close()
    images = np.random.RandomState(0).normal(size=(2, 8, 8, 3)).astype("f4")
    found = []
    for source in (keras_model("small.h5"), saved_model("exported")):
        with Network(source) as net:
            found.append(guided_backprop(net, images, 2))
            assert [f.took for f in net.under("guided").findings] == [True] * 3
    assert np.abs(found[0]).max() > 0
    assert np.abs(found[0] - found[1]).max() < 1e-6 * np.abs(found[0]).max()
