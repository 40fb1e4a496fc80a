"""Keras files of every generation, with the maps that the Keras which wrote them computes.

    python make_keras_reference.py FOLDER ERA

=========  =====================================================  ==============
ERA        environment                                            library
=========  =====================================================  ==============
k208       Python 3.7, tensorflow 1.15.5, keras 2.0.8             ``keras``
k224       the same, keras 2.2.4                                  ``keras``
k231       the same, keras 2.3.1                                  ``keras``
tf113      Python 3.7, tensorflow 1.13.1                          ``tf.keras``
tf115      Python 3.7, tensorflow 1.15.5                          ``tf.keras``
tfk        Python 3.11, tensorflow 2.21, tf_keras 2.21            ``tf_keras``
k3         Python 3.11, tensorflow 2.21, keras 3                  ``tf.keras``
=========  =====================================================  ==============

Each era writes an MLP, a CNN with batch norm, a small MobileNet and an LSTM on an embedding,
and ERA.npz with, for each, the input, the logits, and the maps of the logit of class 1: the
gradient, and the guided map of the same network with ReLUs whose gradient is written here by
hand. The maps of the LSTM are those of the output of its embedding.
"""

import os
import sys

import numpy as np
import tensorflow as tf

FOLDER, ERA = sys.argv[1:]
if ERA.startswith("k2"):
    import keras
    from keras import backend
elif ERA == "tfk":
    import tf_keras as keras
else:
    keras = tf.keras
    backend = getattr(keras, "backend", None)
L = keras.layers
EAGER = ERA in ("tfk", "k3")
EXTRAS = ERA in ("k224", "tf115")


def guided(forward, gate):
    @tf.custom_gradient
    def rectifier(x):
        def back(r):
            return tf.maximum(r, 0.0) * tf.cast(gate(x), tf.float32)

        return forward(x), back

    return rectifier


RELU = guided(tf.nn.relu, lambda x: x > 0)
RELU6 = guided(tf.nn.relu6, lambda x: tf.logical_and(x > 0, x < 6))


def relu6(x):
    return tf.nn.relu6(x)


def mlp(relu, _, last):
    return keras.models.Sequential(
        [
            L.Dense(7, activation=relu, input_shape=(5,), name="hidden"),
            L.Dropout(0.5),
            L.Dense(6, activation=relu),
            L.Dense(3, activation=last, name="classes"),
        ]
    )


def cnn(relu, _, last):
    x = inputs = L.Input((9, 8, 2))
    x = L.Conv2D(4, 3, padding="same", name="conv")(x)
    x = L.BatchNormalization(name="norm")(x)
    x = L.Activation(relu, name="act")(x)
    x = L.MaxPooling2D(2)(x)
    y = L.Conv2D(4, (1, 3), padding="same", activation=relu)(x)
    x = L.add([x, y])
    x = L.Flatten()(x)
    x = L.Dense(6, activation=relu, name="dense")(x)
    return keras.models.Model(inputs, L.Dense(3, activation=last, name="classes")(x))


def mobilenet(_, six, last):
    """The blocks of keras.applications.MobileNet, narrow."""
    depthwise = getattr(L, "DepthwiseConv2D", None)
    if depthwise is None:  # Keras 2.0
        from keras.applications.mobilenet import DepthwiseConv2D as depthwise

    def rectified(name):
        if six == "relu6" and hasattr(L, "ReLU"):
            return L.ReLU(6.0, name=name)
        return L.Activation(relu6 if six == "relu6" else six, name=name)

    x = inputs = L.Input((12, 12, 3))
    x = L.ZeroPadding2D(((0, 1), (0, 1)), name="conv1_pad")(x)
    x = L.Conv2D(4, 3, strides=2, use_bias=False, name="conv1")(x)
    x = L.BatchNormalization(axis=-1, name="conv1_bn")(x)
    x = rectified("conv1_relu")(x)
    for n in (1, 2):
        x = depthwise(3, padding="same", use_bias=False, name="conv_dw_%d" % n)(x)
        x = L.BatchNormalization(axis=-1, name="conv_dw_%d_bn" % n)(x)
        x = rectified("conv_dw_%d_relu" % n)(x)
        x = L.Conv2D(5, 1, padding="same", use_bias=False, name="conv_pw_%d" % n)(x)
        x = L.BatchNormalization(axis=-1, name="conv_pw_%d_bn" % n)(x)
        x = rectified("conv_pw_%d_relu" % n)(x)
    x = L.GlobalAveragePooling2D()(x)
    x = L.Reshape((1, 1, 5), name="reshape_1")(x)
    x = L.Dropout(0.001, name="dropout")(x)
    x = L.Conv2D(3, 1, padding="same", name="conv_preds")(x)
    x = L.Reshape((3,), name="reshape_2")(x)
    return keras.models.Model(inputs, L.Activation(last, name="act_softmax")(x))


def lstm(relu, _, last):
    model = keras.models.Sequential()
    if EAGER:
        model.add(L.InputLayer(input_shape=(6,)) if ERA == "tfk" else L.Input((6,)))
        model.add(L.Embedding(11, 4, name="embedding"))
    else:
        model.add(L.Embedding(11, 4, input_length=6, name="embedding"))
    model.add(L.LSTM(5, return_sequences=True))
    model.add(L.LSTM(4))
    model.add(L.Dense(3, activation=last, name="classes"))
    return model


def bidirectional(relu, _, last):
    """With what is not in every file: masks, a GRU, an LSTM in both directions, a nested model."""
    inner_in = L.Input((4,))
    inner = L.Dense(4, activation=relu, name="inner_dense")(L.BatchNormalization()(inner_in))
    nested = keras.models.Model(inner_in, inner, name="nested")
    tokens = L.Input((6,), name="tokens")
    x = L.Embedding(11, 4, name="embedding")(tokens)
    x = L.TimeDistributed(nested)(x)
    x = L.Bidirectional(L.LSTM(3, return_sequences=True))(x)
    x = L.GRU(4)(x)
    return keras.models.Model(tokens, L.Dense(3, activation=last, name="classes")(x))


def heads(relu, _, last):
    """Two outputs, and a nested model that is called twice."""
    inner_in = L.Input((4,))
    x = L.BatchNormalization(name="inner_norm")(inner_in)
    nested = keras.models.Model(inner_in, L.Dense(4, activation=relu, name="inner")(x))
    inputs = L.Input((4,), name="images")
    x = nested(nested(inputs))
    return keras.models.Model(
        inputs, [L.Dense(3, activation=last, name="classes")(x), L.Dense(2, name="other")(x)]
    )


def draw(model, rng):
    """Weights of the size that keeps signals alive; variances stay positive."""
    drawn = []
    for weights in model.get_weights():
        if weights.ndim > 1:
            depthwise = weights.ndim == 4 and weights.shape[-1] == 1
            into = np.prod(weights.shape[:2] if depthwise else weights.shape[:-1])
            value = rng.normal(size=weights.shape) * np.sqrt(2.0 / into)
        else:
            value = weights + 0.1 * rng.rand(*weights.shape)
        drawn.append(value.astype("f4"))
    return drawn


def maps(model, images):
    """Logits, and the gradient of that of class 1 by the input, or by the embedding's output."""
    names = [layer.name for layer in model.layers]
    if not EAGER:
        wrt_t = model.inputs[0]
        if "embedding" in names:
            wrt_t = model.get_layer("embedding").output
        logits_t = model.outputs[0]
        (map_t,) = tf.gradients(logits_t[:, 1], wrt_t)
        if map_t is None:  # of rows that a table was asked for
            raise SystemExit("no gradient")
        session = backend.get_session()
        feeds = {model.inputs[0]: images, backend.learning_phase(): 0}
        return session.run([logits_t, map_t], feeds)
    x = tf.convert_to_tensor(images)
    rest = model
    if "embedding" in names:
        layer = model.get_layer("embedding")
        x = tf.convert_to_tensor(layer(x))
        rest = keras.models.Sequential([one for one in model.layers if one is not layer][-3:])
    with tf.GradientTape() as tape:
        tape.watch(x)
        logits = rest(x, training=False)
        unit = logits[:, 1]
    return np.asarray(logits), tape.gradient(unit, x).numpy()


def main():
    results = {}
    builders = [mlp, cnn, mobilenet, lstm] + ([bidirectional, heads] if EXTRAS else [])
    for number, build in enumerate(builders):
        rng = np.random.RandomState(number)
        model = build("relu", "relu6", "softmax")
        model.set_weights(draw(model, rng))
        for ending in {"k3": ("h5", "keras"), "tfk": ("h5", "keras")}.get(ERA, ("h5",)):
            path = os.path.join(FOLDER, "%s_%s.%s" % (ERA, build.__name__, ending))
            if ending == "h5":
                model.save(path, include_optimizer=False)
            elif ERA == "k3" or build in (cnn, lstm):
                model.save(path)
        plain = build("relu", "relu6", "linear")
        plain.set_weights(model.get_weights())
        by_hand = build(RELU, RELU6, "linear")
        by_hand.set_weights(model.get_weights())
        shape = tuple(int(size) for size in model.inputs[0].shape[1:])
        images = rng.normal(size=(3,) + shape).astype("f4")
        if build in (lstm, bidirectional):
            images = rng.randint(0, 11, (3,) + shape).astype("i4")
        logits, gradient = maps(plain, images)
        found = {"images": images, "logits": logits, "gradient": gradient}
        if build not in (lstm, bidirectional):
            found["guided"] = maps(by_hand, images)[1]
        assert all(abs(value).max() > 0 for value in found.values())
        results.update({build.__name__ + "_" + key: value for key, value in found.items()})
    np.savez_compressed(os.path.join(FOLDER, ERA + ".npz"), **results)


main()
