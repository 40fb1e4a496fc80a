"""Batch normalisation in its forms, and what normalises by the data itself."""

from typing import Any

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
    positive,
    v1,
    variable,
)

MOMENTUM = 0.9


class BatchNorm:
    """The variables of a batch normalisation, and its two computations.

    Parameters
    ----------
    x_t : tf.Tensor
        (N, H, W, C).
    name : str
    resource : bool
    """

    def __init__(self, x_t: Any, name: str, resource: bool = False) -> None:
        shape = (x_t.shape.as_list()[-1],)
        self.x_t = x_t
        self.gamma = positive(name + "/gamma", shape, resource)
        self.beta = variable(name + "/beta", shape, 0.2, resource=resource)
        self.mean = variable(name + "/moving_mean", shape, 0.3, resource=resource)
        self.variance = positive(name + "/moving_variance", shape, resource)

    def by_moving(self) -> Any:
        """Return the normalisation by the moving averages."""
        moving = {"mean": self.mean, "variance": self.variance}
        return v1.nn.fused_batch_norm(self.x_t, self.gamma, self.beta, is_training=False, **moving)[
            0
        ]

    def by_batch(self) -> Any:
        """Return the normalisation by the batch, and the operations that update the averages."""
        y_t, *new = v1.nn.fused_batch_norm(self.x_t, self.gamma, self.beta, is_training=True)
        averages = (self.mean, self.variance)
        steps = [(old - new_t) * (1 - MOMENTUM) for old, new_t in zip(averages, new)]
        return y_t, [v1.assign_sub(old, step_t) for old, step_t in zip(averages, steps)]


def batch_norm_by_hand() -> Built:
    """Reciprocal root, product and sum, three times."""
    x_t = y_t = images()
    for block in ("a", "b", "c"):
        y_t = conv(y_t, 8, block)
        norm = BatchNorm(y_t, block)
        moving = (norm.mean, norm.variance, norm.beta, norm.gamma)
        y_t = tf.nn.relu(tf.nn.batch_normalization(y_t, *moving, 1e-3))
    return Built((x_t,), logits(y_t))


def batch_norm_of_2016() -> Built:
    """``batch_norm_with_global_normalization``."""
    x_t = images()
    y_t = conv(x_t, 8, "conv")
    norm = BatchNorm(y_t, "norm")
    moving = (norm.mean, norm.variance, norm.beta, norm.gamma)
    y_t = v1.nn.batch_norm_with_global_normalization(y_t, *moving, 1e-3, True)
    return Built((x_t,), logits(tf.nn.relu(y_t)))


def batch_norm_of_a_phase() -> Built:
    """A condition chooses batch or averages; a dropout has its own placeholder."""
    x_t = images()
    training_t = v1.placeholder(tf.bool, (), "phase_train")
    keep_t = v1.placeholder(tf.float32, (), "keep_prob")
    norm = BatchNorm(conv(x_t, 8, "conv"), "norm")
    y_t = v1.cond(training_t, lambda: norm.by_batch()[0], norm.by_moving)
    y_t = v1.nn.dropout(tf.nn.relu(y_t), keep_prob=keep_t)
    return Built((x_t,), logits(y_t), {"phase_train": False, "keep_prob": 1.0})


def batch_norm_that_updates_itself() -> Built:
    """The branch of training updates the averages, as with ``updates_collections=None``."""
    x_t = images()
    training_t = v1.placeholder(tf.bool, (), "is_training")
    norm = BatchNorm(conv(x_t, 8, "conv"), "norm")

    def updated() -> Any:
        y_t, updates = norm.by_batch()
        with tf.control_dependencies(updates):
            return tf.identity(y_t)

    y_t = v1.cond(training_t, updated, norm.by_moving)
    return Built((x_t,), logits(tf.nn.relu(y_t)), {"is_training": False})


def batch_norm_of_the_batch() -> Built:
    """Training for ever: by the batch, and the updates before the ReLU."""
    x_t = images()
    y_t, updates = BatchNorm(conv(x_t, 8, "conv"), "norm").by_batch()
    with tf.control_dependencies(updates):
        return Built((x_t,), logits(tf.nn.relu(tf.identity(y_t))))


def resource_variables() -> Built:
    """Variables as resources."""
    x_t = images()
    y_t = BatchNorm(conv(x_t, 8, "conv1", resource=True), "norm", resource=True).by_moving()
    return Built((x_t,), logits(tf.nn.relu(conv(tf.nn.relu(y_t), 8, "conv2", resource=True))))


def local_response() -> Built:
    """AlexNet: local response normalisation, then a convolution in two groups."""
    x_t = images()
    y_t = tf.nn.local_response_normalization(conv_relu(x_t, 8, "conv"), 2, alpha=2e-2, beta=0.75)
    halves = tf.split(y_t, 2, 3)
    groups = [conv(half_t, 4, f"group{number}") for number, half_t in enumerate(halves)]
    return Built((x_t,), logits(tf.nn.relu(tf.concat(groups, 3))))


def unit_length() -> Built:
    """An embedding of length one, as of faces."""
    x_t = images()
    y_t = dense(flatten(conv_relu(x_t, 8, "conv")), 6, "bottleneck")
    return Built((x_t,), tf.nn.l2_normalize(y_t, 1, 1e-10, name="embeddings"))


def standardised() -> Built:
    """Every image is standardised inside of the network."""
    x_t = images()
    centred_t = x_t - tf.reduce_mean(x_t, (1, 2, 3), keepdims=True)
    deviation_t = tf.sqrt(tf.reduce_mean(tf.square(centred_t), (1, 2, 3), keepdims=True))
    return Built((x_t,), logits(conv_relu(centred_t / tf.maximum(deviation_t, 0.01), 8, "conv")))


NETWORKS = {
    "batch_norm_by_hand": ZooNetwork(batch_norm_by_hand),
    "batch_norm_of_2016": ZooNetwork(batch_norm_of_2016),
    "batch_norm_of_a_phase": ZooNetwork(
        batch_norm_of_a_phase, holds=("Switch", "Merge", "AssignSub")
    ),
    "batch_norm_that_updates_itself": ZooNetwork(
        batch_norm_that_updates_itself, holds=("Switch", "Merge", "AssignSub")
    ),
    "batch_norm_of_the_batch": ZooNetwork(
        batch_norm_of_the_batch, holds=("AssignSub",), missed=("FusedBatchNormV3",)
    ),
    "resource_variables": ZooNetwork(resource_variables, holds=("VarHandleOp",)),
    "local_response": ZooNetwork(local_response, missed=("LRN",)),
    "unit_length": ZooNetwork(unit_length, missed=("Square", "Rsqrt")),
    "standardised": ZooNetwork(standardised, missed=("Square", "Sqrt", "RealDiv")),
}
