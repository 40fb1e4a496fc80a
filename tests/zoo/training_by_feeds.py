"""Graphs saved while training, whose images are fed: with losses, optimisers, summaries."""

from typing import Any, Sequence

import tensorflow as tf

from tests.zoo.normalisation import BatchNorm
from tests.zoo.parts import (
    Built,
    ZooNetwork,
    conv,
    conv_relu,
    dense,
    flatten,
    images,
    logits,
    v1,
)


def cross_entropy(logits_t: Any, labels_t: Any) -> Any:
    """Return the mean loss of labels that are class numbers."""
    return tf.reduce_mean(
        tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels_t, logits=logits_t)
    )


def labels(dtype: Any = tf.int64) -> Any:
    """Return a placeholder of class numbers."""
    return v1.placeholder(dtype, (None,), "labels")


def strided_norm(x_t: Any, training_t: Any, name: str, updates: Sequence[str]) -> Any:
    """Return a convolution of half resolution, batch normalisation by a phase, and ReLU.

    The updates of the averages are collected under the names in `updates`; in the branch
    of training itself where there is none.
    """
    norm = BatchNorm(conv(x_t, 8, name, stride=2), name)

    def of_batch() -> Any:
        y_t, assigned = norm.by_batch()
        with tf.control_dependencies([] if updates else assigned):
            y_t = tf.identity(y_t)
        for collection in updates:
            v1.add_to_collection(collection, y_t.op)
        return y_t

    return tf.nn.relu(v1.cond(training_t, of_batch, norm.by_moving))


def digits() -> Built:
    """The tutorial on digits: two convolutions, dropout, Adam."""
    x_t = v1.placeholder(tf.float32, (None, 784), "x")
    truth_t = v1.placeholder(tf.float32, (None, 10), "y_")
    keep_t = v1.placeholder(tf.float32, name="keep_prob")
    y_t = tf.reshape(x_t, (-1, 28, 28, 1))
    for name in ("conv1", "conv2"):
        y_t = v1.nn.max_pool2d(conv_relu(y_t, 8, name, 5), 2, 2, "SAME")
    y_t = v1.nn.dropout(tf.nn.relu(dense(flatten(y_t), 32, "hidden")), keep_prob=keep_t)
    y_t = dense(y_t, 10, "last")
    loss_t = tf.reduce_mean(v1.nn.softmax_cross_entropy_with_logits_v2(labels=truth_t, logits=y_t))
    v1.train.AdamOptimizer(1e-4).minimize(loss_t)
    right_t = tf.equal(tf.argmax(y_t, 1), tf.argmax(truth_t, 1))
    tf.reduce_mean(tf.cast(right_t, tf.float32), name="accuracy")
    return Built((x_t,), y_t, {"keep_prob": 1.0})


def softmax_regression() -> Built:
    """The tutorial for beginners: one layer, no names, the loss by logarithm."""
    x_t = v1.placeholder(tf.float32, (None, 784))
    truth_t = v1.placeholder(tf.float32, (None, 10))
    y_t = dense(x_t, 10, "only")
    loss_t = -tf.reduce_sum(truth_t * tf.math.log(tf.nn.softmax(y_t)), 1)
    v1.train.GradientDescentOptimizer(0.5).minimize(tf.reduce_mean(loss_t))
    return Built((x_t,), y_t)


def normalised_layers() -> Built:
    """Batch norms and dropout by a flag with default; decaying momentum; summaries."""
    x_t, labels_t = images(24, 24, 3), labels()
    training_t = v1.placeholder_with_default(False, (), name="is_training")
    v1.placeholder(tf.float32, (), name="learning_rate")
    y_t = x_t
    for name in ("conv1", "conv2", "conv3"):
        y_t = strided_norm(y_t, training_t, name, [v1.GraphKeys.UPDATE_OPS])
    dropped = flatten(y_t)
    y_t = v1.cond(training_t, lambda: v1.nn.dropout(dropped, rate=0.4), lambda: dropped)
    y_t = logits(y_t, 7)
    loss_t = cross_entropy(y_t, labels_t) + v1.losses.get_regularization_loss()
    step = v1.train.get_or_create_global_step()
    optimiser = v1.train.MomentumOptimizer(v1.train.exponential_decay(0.1, step, 100, 0.9), 0.9)
    with tf.control_dependencies(v1.get_collection(v1.GraphKeys.UPDATE_OPS)):
        optimiser.minimize(loss_t, step)
    v1.summary.scalar("loss", loss_t)
    v1.summary.histogram("probabilities", tf.nn.softmax(y_t, name="probabilities"))
    v1.summary.image("images", x_t)
    v1.summary.merge_all()
    return Built((x_t,), y_t)


def phase_and_dropout() -> Built:
    """A phase to be fed, whose batch norms update themselves, and a dropout to be fed."""
    x_t, labels_t = images(24, 24, 3), labels(tf.int32)
    keep_t = v1.placeholder(tf.float32, (), "keep_prob")
    training_t = v1.placeholder(tf.bool, (), "phase_train")
    y_t = x_t
    for name in ("conv1", "conv2"):
        y_t = strided_norm(y_t, training_t, name, [])
    y_t = logits(v1.nn.dropout(flatten(y_t), keep_prob=keep_t), 6)
    v1.train.AdamOptimizer().minimize(cross_entropy(y_t, labels_t))
    tf.nn.softmax(y_t)
    return Built((x_t,), y_t, {"keep_prob": 1.0, "phase_train": False})


def averaged_weights() -> Built:
    """Moving averages of the weights after every step; the share of right classes."""
    x_t, labels_t = images(24, 24, 3), labels(tf.int32)
    y_t = logits(conv_relu(x_t, 8, "conv", stride=2), 6, name="softmax_linear")
    trained = v1.train.GradientDescentOptimizer(0.1).minimize(cross_entropy(y_t, labels_t))
    with tf.control_dependencies([trained]):
        v1.train.ExponentialMovingAverage(0.99).apply(v1.trainable_variables())
    v1.nn.in_top_k(y_t, labels_t, 1)
    return Built((x_t,), y_t)


def adversarial() -> Built:
    """A generator, and a discriminator of real and of generated images; the latter's logit."""
    noise_t = v1.placeholder(tf.float32, (None, 10), "z")
    x_t = images(12, 12, 1, name="real")

    def discriminated(t: Any) -> Any:
        with v1.variable_scope("discriminator", reuse=v1.AUTO_REUSE):
            return dense(flatten(tf.nn.leaky_relu(conv(t, 8, "conv", stride=2))), 1, "last")

    with v1.variable_scope("generator"):
        y_t = dense(tf.nn.relu(dense(noise_t, 32, "first")), 144, "second")
        generated_t = tf.nn.tanh(tf.reshape(y_t, (-1, 12, 12, 1)))
    real_t = tf.identity(discriminated(x_t), name="real_logit")
    loss_t = tf.reduce_mean(discriminated(generated_t) - real_t)
    v1.train.AdamOptimizer().minimize(loss_t)
    return Built((x_t,), real_t)


def autoencoder() -> Built:
    """Its code is explained, from which images are made again."""
    x_t = images(12, 12, 1, name="x")
    code_t = dense(flatten(conv_relu(x_t, 8, "conv", stride=2)), 6, "code")
    y_t = dense(tf.nn.relu(dense(code_t, 36, "wider")), 144, "widest")
    again_t = tf.reshape(y_t, (-1, 12, 12, 1), name="reconstruction")
    v1.train.AdamOptimizer().minimize(tf.reduce_mean(tf.square(again_t - x_t)))
    return Built((x_t,), code_t)


GRAPHS = {
    "digits": ZooNetwork(digits, holds=("ApplyAdam", "RandomUniform")),
    "softmax_regression": ZooNetwork(softmax_regression, holds=("ApplyGradientDescent",)),
    "normalised_layers": ZooNetwork(normalised_layers, holds=("ApplyMomentum", "ImageSummary")),
    "phase_and_dropout": ZooNetwork(phase_and_dropout, holds=("AssignSub", "Switch", "ApplyAdam")),
    "averaged_weights": ZooNetwork(averaged_weights, holds=("AssignSub", "InTopKV2")),
    "adversarial": ZooNetwork(adversarial, holds=("Tanh", "ApplyAdam")),
    "autoencoder": ZooNetwork(autoencoder, holds=("ApplyAdam",)),
}
