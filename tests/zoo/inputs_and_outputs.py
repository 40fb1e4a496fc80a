"""Inputs of several kinds, and outputs of several shapes."""

import tensorflow as tf

from tests.zoo.parts import Built, ZooNetwork, conv_relu, dense, flatten, images, logits, v1


def two_inputs() -> Built:
    """Images, and a vector of numbers for each."""
    x_t, numbers_t = images(), images(7, name="numbers")
    both = [flatten(conv_relu(x_t, 8, "conv", stride=2))]
    both.append(tf.nn.relu(dense(numbers_t, 6, "numbers")))
    y_t = tf.nn.relu(dense(tf.concat(both, 1), 9, "joint"))
    return Built((x_t, numbers_t), logits(y_t))


def classified() -> Built:
    """Probabilities and the class beyond the logits."""
    x_t = images()
    y_t = logits(conv_relu(x_t, 8, "conv"))
    tf.argmax(tf.nn.softmax(y_t, name="probabilities"), 1, name="class")
    return Built((x_t,), y_t)


def log_classified() -> Built:
    """Logarithms of probabilities beyond the logits."""
    x_t = images()
    y_t = logits(conv_relu(x_t, 8, "conv"))
    tf.nn.log_softmax(y_t)
    return Built((x_t,), y_t)


def softmax_by_hand() -> Built:
    """The output is a softmax of single operations."""
    x_t = images()
    y_t = dense(flatten(conv_relu(x_t, 8, "conv")), 5, "last")
    y_t = tf.exp(y_t - tf.reduce_max(y_t, 1, keepdims=True))
    return Built((x_t,), tf.identity(y_t / tf.reduce_sum(y_t, 1, keepdims=True), name="prob"))


def reshaped() -> Built:
    """Logits whose shape is computed: the graph does not know its rank."""
    x_t = images()
    y_t = dense(tf.reduce_mean(conv_relu(x_t, 8, "conv"), (1, 2)), 5, "last")
    return Built((x_t,), tf.reshape(y_t, tf.stack([tf.shape(x_t)[0], 5]), name="logits"))


def regression() -> Built:
    """One number for each image."""
    x_t = images()
    return Built((x_t,), logits(conv_relu(x_t, 8, "conv"), units=1, name="steering"))


def defaulted_input() -> Built:
    """The input has a default."""
    x_t = v1.placeholder_with_default(tf.zeros((1, 12, 12, 3)), (None, 12, 12, 3), name="images")
    return Built((x_t,), logits(conv_relu(x_t, 8, "conv")))


def pictures_of_bytes() -> Built:
    """uint8 in the file; explained at the floating-point numbers made of them."""
    pictures_t = images(name="pictures", dtype=tf.uint8)
    x_t = tf.image.convert_image_dtype(pictures_t, tf.float32)
    return Built((x_t,), logits(conv_relu(x_t - 0.5, 8, "conv")))


NETWORKS = {
    "two_inputs": ZooNetwork(two_inputs),
    "classified": ZooNetwork(classified),
    "log_classified": ZooNetwork(log_classified),
    "softmax_by_hand": ZooNetwork(softmax_by_hand, missed=("Exp", "RealDiv")),
    "reshaped": ZooNetwork(reshaped),
    "regression": ZooNetwork(regression),
    "defaulted_input": ZooNetwork(defaulted_input, holds=("PlaceholderWithDefault",)),
    "pictures_of_bytes": ZooNetwork(pictures_of_bytes),
}
