"""Control inputs, assignments, conditions, loops of TensorFlow 1, functions."""

import contextlib
from typing import Any, Callable, Iterator

import numpy as np
import tensorflow as tf

from tests.zoo.parts import Built, ZooNetwork, conv, conv_relu, images, logits, v1, variable


@contextlib.contextmanager
def control_flow_of_tensorflow_1() -> Iterator[None]:
    """Build conditions and loops as Switch, Merge, Enter and Exit, as before TensorFlow 2."""
    enabled = getattr(v1, "control_flow_v2_enabled", lambda: False)()
    if enabled:
        v1.disable_control_flow_v2()
    try:
        yield
    finally:
        if enabled:
            v1.enable_control_flow_v2()


def counter(name: str) -> Any:
    """Return a variable of one whole number."""
    return v1.get_variable(name, initializer=np.int32(4), trainable=False, use_resource=False)


def counted_relus() -> Built:
    """A counter before one ReLU, a check for NaN before the other."""
    x_t = images()
    y_t = conv(x_t, 8, "conv1")
    with tf.control_dependencies([v1.assign_add(counter("calls"), 1)]):
        y_t = tf.nn.relu(y_t)
    with tf.control_dependencies([tf.debugging.check_numerics(y_t, "not finite")]):
        y_t = conv_relu(y_t, 8, "conv2")
    return Built((x_t,), logits(y_t))


def counted_output() -> Built:
    """The output waits until a step is counted."""
    x_t = images()
    y_t = logits(conv_relu(x_t, 8, "conv"))
    with tf.control_dependencies([v1.assign_add(counter("global_step"), 1)]):
        return Built((x_t,), tf.identity(y_t, name="counted"))


def asserted() -> Built:
    """An assertion about the input before the first layer."""
    x_t = images()
    with tf.control_dependencies([v1.assert_positive(tf.shape(x_t)[0])]):
        return Built((x_t,), logits(conv_relu(tf.identity(x_t), 8, "conv")))


def condition() -> Built:
    """A flag with a default chooses between two ReLUs."""
    x_t = images()
    flag_t = v1.placeholder_with_default(True, (), name="flag")
    y_t = conv(x_t, 8, "conv")
    y_t = v1.cond(flag_t, lambda: tf.nn.relu(y_t), lambda: tf.nn.relu(y_t) * 0.5)
    return Built((x_t,), logits(y_t))


def mapped() -> Built:
    """A ReLU in ``map_fn``: a loop over the batch."""
    x_t = images(10, name="vectors")
    weights = variable("weights", (10, 8))
    y_t = tf.map_fn(lambda row_t: tf.nn.relu(tf.matmul(row_t[None], weights))[0], x_t)
    return Built((x_t,), logits(tf.reshape(y_t, (-1, 8))))


def _function(call: Callable[..., Any]) -> Built:
    x_t = images()
    kernel = variable("kernel", (3, 3, 3, 8))
    y_t = call(lambda y_t, w_t: tf.nn.relu(tf.nn.conv2d(y_t, w_t, [1, 1, 1, 1], "SAME")))(
        x_t, tf.identity(kernel)
    )
    y_t.set_shape((None, 12, 12, 8))
    return Built((x_t,), logits(conv_relu(y_t, 8, "conv")))


def function() -> Built:
    """A layer in a ``tf.function``."""
    return _function(tf.function)


def without_function() -> Built:
    """The same layer in the graph itself, where the override map reaches it."""
    return _function(lambda body: body)


NETWORKS = {
    "counted_relus": ZooNetwork(counted_relus, holds=("AssignAdd", "CheckNumerics")),
    "counted_output": ZooNetwork(counted_output, holds=("AssignAdd",)),
    "asserted": ZooNetwork(asserted, holds=("Assert",)),
    "condition": ZooNetwork(condition, holds=("Switch", "Merge")),
    "mapped": ZooNetwork(mapped, holds=("Enter", "TensorArrayV3"), loop=True),
    "function": ZooNetwork(function, build_live=without_function),
}
