"""ReLU and its relatives in unusual places, precisions and company."""

import tensorflow as tf

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
    variable,
)


def relatives() -> Built:
    """Elu, Selu and LeakyRelu; one leak is larger than 1."""
    x_t = images()
    y_t = tf.nn.selu(conv(tf.nn.elu(conv(x_t, 8, "conv1")), 8, "conv2"))
    y_t = tf.nn.leaky_relu(conv(y_t, 8, "conv3"), 0.2)
    return Built((x_t,), logits(tf.nn.leaky_relu(conv(y_t, 8, "conv4"), 1.5)))


def hard_swish() -> Built:
    """MobileNet 3: x times a clipped ReLU of x, divided and multiplied."""
    x_t = images()
    y_t = conv(x_t, 8, "conv1")
    y_t = conv(y_t * tf.nn.relu6(y_t + 3.0) / 6.0, 8, "conv2")
    return Built((x_t,), logits(y_t * (tf.nn.relu6(y_t + 3.0) * (1 / 6.0))))


def rectified_logits() -> Built:
    """The output itself is a ReLU."""
    x_t = images()
    y_t = dense(flatten(conv_relu(x_t, 8, "conv")), 5, "last")
    return Built((x_t,), tf.nn.relu(y_t, name="logits"))


def fake_quantised() -> Built:
    """Training that is aware of quantisation: clipped ReLUs, rounded to 256 values."""
    x_t = images()
    y_t = tf.nn.relu6(conv(x_t, 8, "conv1"))
    limits = (tf.constant(0.0), tf.constant(6.0))
    y_t = tf.quantization.fake_quant_with_min_max_vars(y_t, *limits)
    return Built((x_t,), logits(tf.nn.relu6(conv(y_t, 8, "conv2"))))


def half_precision() -> Built:
    """Everything in float16."""
    x_t = images(dtype=tf.float16)
    return Built((x_t,), logits(conv_relu(conv_relu(x_t, 8, "conv1"), 8, "conv2")))


def largest_of_time() -> Built:
    """The three largest values of every channel of a sequence."""
    x_t = images(20, 4, name="sequences")
    y_t = tf.nn.relu(v1.nn.conv1d(x_t, variable("kernel", (3, 4, 8)), 1, "SAME"))
    y_t = tf.nn.top_k(tf.transpose(y_t, (0, 2, 1)), 3).values
    return Built((x_t,), logits(tf.nn.relu(dense(flatten(y_t), 8, "hidden"))))


NETWORKS = {
    "relatives": ZooNetwork(relatives, holds=("Elu", "Selu", "LeakyRelu")),
    "hard_swish": ZooNetwork(hard_swish, missed=("Relu6",)),
    "rectified_logits": ZooNetwork(rectified_logits),
    "fake_quantised": ZooNetwork(fake_quantised, holds=("FakeQuantWithMinMaxVars", "Relu6")),
    "half_precision": ZooNetwork(half_precision, tolerance=2e-3),
    "largest_of_time": ZooNetwork(largest_of_time, holds=("TopKV2",)),
}
