"""What the small networks are made of: variables with known values, and a few layers.

A variable's values follow from its name and shape. Every build of a network, under
whatever rule, has the same.
"""

import zlib
from typing import Any, Callable, Dict, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import tensorflow as tf

v1 = tf.compat.v1


class Built(NamedTuple):
    """A network in the current graph.

    Attributes
    ----------
    input_ts : tuple of tf.Tensor
        What is differentiated with respect to.
    output_t : tf.Tensor
        What is explained.
    feeds : dict of str to value
        Placeholder name to the value for inference.
    """

    input_ts: Tuple[Any, ...]
    output_t: Any
    feeds: Dict[str, Any] = {}  # noqa: RUF012 - never changed


class ZooNetwork(NamedTuple):
    """A row of the table of networks.

    Attributes
    ----------
    build : callable
        ``build() -> Built`` adds the network to the current graph, as it is saved.
    holds : tuple of str
        Kinds of operations for which the network is here; its file must have them.
    missed : tuple of str
        Kinds of operations without a rule: guided and deconvnet are refused.
    tolerance : float
        Of the maps, relative to the largest magnitude.
    build_live : callable, optional
        ``build_live() -> Built``: the network for the reference where `build` does not show
        its ReLUs to the override map.
    loop : bool
        Whether it has a while loop of TensorFlow 1, which a GraphDef cannot differentiate.
    """

    build: Callable[[], Built]
    holds: Tuple[str, ...] = ()
    missed: Tuple[str, ...] = ()
    tolerance: float = 1e-5
    build_live: Optional[Callable[[], Built]] = None
    loop: bool = False


def drawn(name: str, shape: Sequence[int], scale: float = 1.0) -> np.ndarray:
    """Return float32 values of a normal distribution that follow from the name."""
    rng = np.random.RandomState(zlib.crc32(name.encode()))
    return (scale * rng.normal(size=tuple(shape))).astype(np.float32)


def variable(
    name: str,
    shape: Sequence[int],
    scale: Optional[float] = None,
    shift: float = 0.0,
    dtype: Any = tf.float32,
    resource: bool = False,
) -> Any:
    """Return a variable: weights that keep the magnitude, unless a scale is named."""
    if scale is None:
        scale = 1.4 / np.sqrt(np.prod(shape[:-1]))
    value = (shift + drawn(name, shape, scale)).astype(dtype.as_numpy_dtype)
    return v1.get_variable(name, initializer=value, use_resource=resource)


def initial_values(session: Any) -> None:
    """Set the variables of the current graph to their initial values."""
    session.run(v1.global_variables_initializer())


def positive(name: str, shape: Sequence[int], resource: bool = False) -> Any:
    """Return a variable of values from 0.5 upwards, such as a variance."""
    value = np.float32(0.5) + np.abs(drawn(name, shape))
    return v1.get_variable(name, initializer=value, use_resource=resource)


def images(*shape: int, name: str = "images", dtype: Any = tf.float32) -> Any:
    """Return a placeholder of a batch of images, 12x12 with three channels by default."""
    return v1.placeholder(dtype, (None, *(shape or (12, 12, 3))), name)


def conv(
    x_t: Any,
    channels: int,
    name: str,
    size: int = 3,
    stride: int = 1,
    padding: str = "SAME",
    resource: bool = False,
) -> Any:
    """Return a convolution with bias."""
    dtype, depth = x_t.dtype.base_dtype, x_t.shape.as_list()[-1]
    shape = (size, size, depth, channels)
    kernel = variable(name + "_kernel", shape, dtype=dtype, resource=resource)
    bias = variable(name + "_bias", (channels,), 0.3, dtype=dtype, resource=resource)
    y_t = tf.nn.conv2d(x_t, kernel, [1, stride, stride, 1], padding, name=name)
    return tf.nn.bias_add(y_t, bias)


def conv_relu(x_t: Any, channels: int, name: str, size: int = 3, stride: int = 1) -> Any:
    """Return a convolution with bias and ReLU."""
    return tf.nn.relu(conv(x_t, channels, name, size, stride))


def dense(x_t: Any, units: int, name: str) -> Any:
    """Return a product with a matrix, and bias."""
    dtype = x_t.dtype.base_dtype
    weights = variable(name + "_weights", (x_t.shape.as_list()[-1], units), dtype=dtype)
    return tf.matmul(x_t, weights) + variable(name + "_bias", (units,), 0.3, dtype=dtype)


def flatten(x_t: Any) -> Any:
    """Return images as vectors."""
    return tf.reshape(x_t, (-1, int(np.prod(x_t.shape.as_list()[1:]))))


def logits(x_t: Any, units: int = 5, name: str = "logits") -> Any:
    """Return the last layer: a dense one of the flattened features."""
    return tf.identity(dense(flatten(x_t), units, "last"), name=name)
