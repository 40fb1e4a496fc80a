"""Write the files of this folder: networks of layers that only TensorFlow 1.15 has.

Run it from the repository with Python 3.7 and TensorFlow 1.15.5:
``PYTHONPATH=. python tests/reference/zoo/make_zoo.py``. NAME/model-100 is a checkpoint with
its meta graph; NAME/reference.npz holds what the live network computed from drawn images.
"""

import json
import os

import numpy as np
import tensorflow as tf
from tensorflow.contrib import slim

from tests.zoo.live_reference import reference_of
from tests.zoo.parts import Built, dense, drawn, images, logits, v1
from tests.zoo.saved_files import save
from tests.zoo.training_by_feeds import cross_entropy, labels
from tests.zoo.training_by_pipelines import queued_records
from tests.zoo.written_files import FOLDER, NETWORKS, TRAINING

RELU = tf.nn.relu


def known_values(session):
    """Set every variable of floating-point numbers to values that follow from its name.

    Optimisers keep their initial values.
    """
    session.run(v1.global_variables_initializer())
    for variable in v1.global_variables():
        name, shape = variable.op.name, variable.shape.as_list()
        if any(slot in name for slot in ("Adam", "RMSProp", "training", "beta1", "beta2")):
            continue
        if variable.dtype.base_dtype != tf.float32:
            continue
        value = drawn(name, shape, 1.4 / np.sqrt(np.prod(shape[:-1])) if len(shape) > 1 else 0.3)
        if name.endswith(("variance", "gamma")):
            value = 0.5 + np.abs(value)
        variable.load(value.astype(np.float32), session)


def lstm():
    """``dynamic_rnn`` of a ``BasicLSTMCell``."""
    x_t = images(6, 5, name="sequences")
    cell = v1.nn.rnn_cell.BasicLSTMCell(4)
    _, state = v1.nn.dynamic_rnn(cell, RELU(x_t), dtype=tf.float32)
    return Built((x_t,), logits(RELU(dense(state.h, 8, "hidden"))))


def gru_both_ways():
    """``bidirectional_dynamic_rnn`` of two ``GRUCell``."""
    x_t = images(6, 5, name="sequences")
    cells = [v1.nn.rnn_cell.GRUCell(3) for _ in range(2)]
    _, states = v1.nn.bidirectional_dynamic_rnn(*cells, RELU(x_t), dtype=tf.float32)
    return Built((x_t,), logits(RELU(dense(tf.concat(states, 1), 8, "hidden"))))


def relu_cell():
    """``static_rnn`` of a ``BasicRNNCell`` with ReLU."""
    x_t = images(4, 5, name="sequences")
    cell = v1.nn.rnn_cell.BasicRNNCell(4, activation=RELU)
    outputs, _ = v1.nn.static_rnn(cell, tf.unstack(x_t, axis=1), dtype=tf.float32)
    return Built((x_t,), logits(RELU(dense(outputs[-1], 8, "hidden"))))


def layers():
    """``tf.layers``: convolutions, a pool and a batch norm in one dimension, a flag."""
    x_t = images(16, 4, name="sequences")
    training_t = v1.placeholder_with_default(False, (), name="is_training")
    y_t = RELU(v1.layers.conv1d(x_t, 4, 3, strides=2, name="conv1"))
    y_t = v1.layers.max_pooling1d(y_t, 2, 2)
    y_t = v1.layers.conv1d(y_t, 4, 2, dilation_rate=2, name="conv2")
    y_t = RELU(v1.layers.batch_normalization(y_t, training=training_t, name="norm"))
    return Built((x_t,), v1.layers.dense(v1.layers.flatten(y_t), 3, name="logits"))


def dilated():
    """``atrous_conv2d`` and ``convolution`` with a rate."""
    x_t = images(8, 8, 2)
    y_t = RELU(tf.nn.atrous_conv2d(x_t, v1.get_variable("two", (3, 3, 2, 4)), 2, "SAME"))
    kernel = v1.get_variable("three", (3, 3, 4, 4))
    y_t = RELU(tf.nn.convolution(y_t, kernel, "SAME", dilation_rate=[3, 3]))
    return Built((x_t,), logits(y_t))


def slim_phase():
    """The layers of slim with a phase and a dropout to be fed, and Adam."""
    x_t, labels_t = images(12, 12, 3), labels(tf.int32)
    keep_t = v1.placeholder(tf.float32, (), "keep_prob")
    training_t = v1.placeholder(tf.bool, (), "phase_train")
    norm = {"is_training": training_t, "updates_collections": None}
    with slim.arg_scope([slim.conv2d], normalizer_fn=slim.batch_norm, normalizer_params=norm):
        y_t = slim.conv2d(slim.conv2d(x_t, 4, 3, stride=2), 4, 3, stride=2)
    y_t = slim.dropout(slim.flatten(y_t), keep_t)
    y_t = slim.fully_connected(y_t, 3, activation_fn=None, scope="logits")
    v1.train.AdamOptimizer().minimize(cross_entropy(y_t, labels_t))
    tf.nn.softmax(y_t)
    return Built((x_t,), y_t, {"keep_prob": 1.0, "phase_train": False})


def slim_queue():
    """The layers of slim behind a queue; ``create_train_op``."""
    x_t, labels_t = queued_records(12)
    norm = {"is_training": True}
    with slim.arg_scope([slim.conv2d], normalizer_fn=slim.batch_norm, normalizer_params=norm):
        y_t = slim.conv2d(slim.conv2d(x_t, 4, 3, stride=2), 4, 3, stride=2)
    y_t = slim.fully_connected(slim.flatten(y_t), 3, activation_fn=None, scope="logits")
    loss_t = cross_entropy(y_t, labels_t)
    slim.learning.create_train_op(loss_t, v1.train.RMSPropOptimizer(0.01))
    return Built((x_t,), y_t)


def keras_phase():
    """tf.keras with its learning phase, compiled and saved by a Saver."""
    keras = tf.keras.layers
    model = tf.keras.Sequential(
        [
            keras.Conv2D(4, 3, input_shape=(8, 8, 2)),
            keras.BatchNormalization(),
            keras.Activation("relu"),
            keras.Dropout(0.5),
            keras.Flatten(),
            keras.Dense(3),
            keras.Activation("softmax"),
        ]
    )
    model.compile("adam", "categorical_crossentropy", ["accuracy"])
    model._make_train_function()
    return Built((model.input,), model.output.op.inputs[0])


def write(name, missed):
    build, folder = globals()[name], os.path.join(FOLDER, name)
    rules = ("gradient",) if missed else ("gradient", "guided", "deconvnet")
    reference = reference_of(build, rules, initialise=known_values)
    saved = save(build, folder, ["checkpoint"], known_values)
    np.savez_compressed(
        os.path.join(folder, "reference.npz"),
        input=saved.inputs[0],
        output=saved.output,
        feeds=json.dumps(saved.feeds),
        images=reference.images[0],
        seeds=reference.seeds,
        values=reference.output,
        **{rule: maps[0] for rule, maps in reference.maps.items()},
    )
    print(f"{name}: {saved.inputs[0]} to {saved.output}")


if __name__ == "__main__":
    for name, missed in {**NETWORKS, **TRAINING}.items():
        write(name, missed)
