"""Maps of a network while it is built: the override map of TensorFlow, rules by formula.

Nothing of the package takes part.
"""

from typing import Any, Callable, Dict, List, NamedTuple, Sequence

import numpy as np
import tensorflow as tf

from tests.zoo.control_flow import control_flow_of_tensorflow_1
from tests.zoo.parts import Built, initial_values, v1

RULES = ("gradient", "guided", "deconvnet")
BATCH = 3


def _slope_of_elu(op: Any) -> Any:
    y_t = op.outputs[0]
    return tf.where(y_t > 0, tf.ones_like(y_t), y_t + 1)


def _slope_of_selu(op: Any) -> Any:
    """Above 0 the scale, below it the scale times alpha exp(x): the value plus both."""
    scale, alpha = 1.0507009873554805, 1.6732632423543772
    y_t = op.outputs[0]
    return tf.where(y_t > 0, scale * tf.ones_like(y_t), y_t + scale * alpha)


def _slope_of_leaky(op: Any) -> Any:
    x_t = op.inputs[0]
    return tf.where(x_t > 0, tf.ones_like(x_t), op.get_attr("alpha") * tf.ones_like(x_t))


def _between(op: Any, most: float) -> Any:
    y_t = op.outputs[0]
    return tf.cast((y_t > 0) & (y_t < most), y_t.dtype)


SLOPES: Dict[str, Callable[[Any], Any]] = {
    "Relu": lambda op: _between(op, float("inf")),
    "Relu6": lambda op: _between(op, 6.0),
    "LeakyRelu": _slope_of_leaky,
    "Elu": _slope_of_elu,
    "Selu": _slope_of_selu,
}


def _positive(r_t: Any) -> Any:
    return tf.where(r_t > 0, r_t, tf.zeros_like(r_t))


tf.RegisterGradient("ZooGuided")(lambda op, r_t: _positive(r_t) * SLOPES[op.type](op))
tf.RegisterGradient("ZooDeconvnet")(lambda op, r_t: _positive(r_t))
OVERRIDES: Dict[str, Dict[str, str]] = {
    "gradient": {},
    "guided": dict.fromkeys(SLOPES, "ZooGuided"),
    "deconvnet": dict.fromkeys(SLOPES, "ZooDeconvnet"),
}


class Reference(NamedTuple):
    """What a network computes.

    Attributes
    ----------
    images : list of array
        One for each input, drawn.
    seeds : array
        Like the output, drawn.
    output : array
    maps : dict of str to list of array
        Rule to one map for each input.
    """

    images: List[np.ndarray]
    seeds: np.ndarray
    output: np.ndarray
    maps: Dict[str, List[np.ndarray]]


def reference_of(
    build: Callable[[], Built],
    rules: Sequence[str] = RULES,
    unknown: int = BATCH,
    initialise: Callable[[Any], None] = initial_values,
) -> Reference:
    """Return the maps of a network of known variables, for drawn images and seeds.

    Parameters
    ----------
    build : callable
        ``build() -> Built``.
    rules : sequence of str
        Rows of OVERRIDES; the gradient first.
    unknown : int
        Length of the axes that the inputs leave open.
    initialise : callable
        ``initialise(session)`` sets the variables.

    Returns
    -------
    Reference
    """
    rng = np.random.RandomState(7)
    images: List[Any] = []
    seeds: Any = None
    output: Any = None
    maps: Dict[str, Any] = {}
    for rule in rules:
        config = v1.ConfigProto(allow_soft_placement=True)
        with control_flow_of_tensorflow_1(), tf.Graph().as_default() as graph, v1.Session(
            config=config
        ) as session:
            with graph.gradient_override_map(OVERRIDES[rule]):
                built = build()
            initialise(session)
            if not images:
                images = [_drawn_like(input_t, unknown, rng) for input_t in built.input_ts]
            fed = dict(zip(built.input_ts, images))
            fed.update({graph.get_tensor_by_name(k + ":0"): v for k, v in built.feeds.items()})
            if output is None:
                output = session.run(built.output_t, fed)
                seeds = rng.normal(size=output.shape).astype(output.dtype)
            map_ts = tf.gradients(built.output_t, list(built.input_ts), tf.constant(seeds))
            maps[rule] = session.run(map_ts, fed)
    return Reference(images, seeds, output, maps)


def _drawn_like(input_t: Any, unknown: int, rng: np.random.RandomState) -> np.ndarray:
    shape = [unknown if length is None else length for length in input_t.shape.as_list()]
    return rng.normal(size=shape).astype(input_t.dtype.as_numpy_dtype)
