"""Is an element-wise unit a rectifier? Proved by its values and slopes, not by its spelling.

The unit is computed by TensorFlow on a grid of x, with its gradient. It is a rectifier when
its values agree with its slopes, and the slopes

* take a few values, none negative: maximum(x, c), clip(x, a, b), relu(x + 1) - 1. What is
  flat above alone, as minimum(x, c), must rise at 0: it cuts what is large. minimum(x, 0)
  is a ReLU upside down; or
* are one positive number where x is large, and smaller in magnitude where x is small:
  PReLU, ELU, a x + b |x|.

|x| is none, for any spelling: it falls as steeply as it rises. Nor are swish, softplus and
hard swish, whose slopes vary.
"""

from typing import Any, Optional, Tuple

import numpy as np
import tensorflow as tf

from legacy_gbp.errors import ModelError
from legacy_gbp.graph.nodes import producer
from legacy_gbp.graph.prune import prune
from legacy_gbp.rules.elementwise_units import Unit

X = "legacy_gbp_unit_x"
# Odd steps: no point of the grid is a round number, where kinks are.
GRID = np.sort(np.concatenate([np.arange(-12.03, 12.03, 0.2371), [-61.7, -29.3, 29.3, 61.7]]))
STEP, HALF_STEP = 1e-3, 2.0**-4  # of single and double, and of half precision
MOST_SLOPES = 4
MOST_NUMBERS, LEAST_POINTS = 1 << 23, 8
TOLERANCE, ROUNDING = 2e-3, 2e-3


def is_rectifier(graph_def: Any, unit: Unit, of_slope_one: bool = False) -> bool:
    """Return whether a unit is a rectifier.

    Parameters
    ----------
    graph_def : GraphDef
        Frozen.
    unit : Unit
    of_slope_one : bool
        Whether its steepest slope must be 1.

    Returns
    -------
    bool
        False for a unit that others read from within.
    """
    alone = _alone(graph_def, unit) if unit.closed else None
    measured = None if alone is None else _measure(alone, unit)
    if measured is None or not _rectifies(*measured):
        return False
    steepest = np.abs(measured[2]).max(axis=0)
    return not of_slope_one or bool((np.abs(steepest - 1) < TOLERANCE).all())


def _alone(graph_def: Any, unit: Unit) -> Optional[Any]:
    """Return the unit as a graph of its own, x a placeholder; None where more must be fed."""
    cut = tf.compat.v1.GraphDef(versions=graph_def.versions)
    cut.library.CopyFrom(graph_def.library)
    x_node = cut.node.add(op="Placeholder", name=X)
    for node in graph_def.node:
        if node.name != producer(unit.x):
            copy = cut.node.add()
            copy.CopyFrom(node)
            _read_placeholder(copy, unit.x, x_node)
    try:
        needed = prune(cut, [unit.last])
    except ModelError:  # what is constant needs the image's shape
        return None
    fed = [node.name for node in needed.node if node.op == "Placeholder" and node.name != X]
    return None if fed or "dtype" not in x_node.attr else needed


def _read_placeholder(node: Any, x: str, x_node: Any) -> None:
    """Let a node read the placeholder in the place of x; give that the type of x."""
    for place, read in enumerate(node.input):
        if read in (x, x + ":0"):
            node.input[place] = X
            for attribute in ("T", "SrcT"):
                if attribute in node.attr:
                    x_node.attr["dtype"].type = node.attr[attribute].type
                    break


def _measure(alone: Any, unit: Unit) -> Optional[Tuple[np.ndarray, ...]]:
    """Return x, values, slopes and difference quotients (grid, numbers); None for what fails."""
    with tf.Graph().as_default() as graph, tf.compat.v1.Session(graph=graph) as session:
        try:
            tf.import_graph_def(alone, name="")
            shape = _shape_of_constants(graph, unit)
            stride = -(-len(GRID) * int(np.prod(shape)) // MOST_NUMBERS)
            if len(GRID) // stride < LEAST_POINTS:
                return None
            x_t = graph.get_tensor_by_name(X + ":0")
            y_t = graph.get_tensor_by_name(unit.last + ":0")
            (slope_t,) = tf.gradients(y_t, x_t)
            points = GRID[::stride].reshape(-1, *[1] * len(shape))
            x = np.broadcast_to(points, (len(points), *shape)).astype(x_t.dtype.as_numpy_dtype)
            step = x_t.dtype.as_numpy_dtype(STEP if x_t.dtype.size > 2 else HALF_STEP)
            values, slopes = session.run([y_t, slope_t], {x_t: x})
            moved = session.run(y_t, {x_t: x + step})
        except (ValueError, TypeError, LookupError, tf.errors.OpError):
            return None
    if not values.shape == slopes.shape == x.shape:
        return None
    x, values, slopes, moved = (
        np.array(part, np.float64).reshape(len(points), -1) for part in (x, values, slopes, moved)
    )
    return x, values, slopes, (moved - values) / float(step)


def _shape_of_constants(graph: Any, unit: Unit) -> Tuple[int, ...]:
    """Return the shape that the constants of a unit spread x to, behind the axis of the grid."""
    found: Tuple[int, ...] = ()
    for name in unit.inside:
        for read_t in graph.get_operation_by_name(name).inputs:
            if read_t.op.name in unit.inside or read_t.op.name == X:
                continue
            if not read_t.shape.is_fully_defined():
                continue  # such as zeros like x
            shape = tuple(read_t.shape.as_list())
            found = np.broadcast(np.empty(found, bool), np.empty(shape, bool)).shape
    # The grid takes the place of the batch where that is an axis of 1.
    return found[1:] if found and found[0] == 1 else found


def _rectifies(
    x: np.ndarray, values: np.ndarray, slopes: np.ndarray, differences: np.ndarray
) -> bool:
    """Judge every number of the constants' shape on its own."""
    if not (np.isfinite(values).all() and np.isfinite(slopes).all()):
        return False
    rounding = ROUNDING * np.maximum(np.abs(values), 1)
    off = np.abs(differences - slopes) > TOLERANCE * np.maximum(np.abs(slopes), 1) + rounding
    if (off.sum(axis=0) >= MOST_SLOPES).any():  # a step across a kink may be off
        return False
    below, above = slopes[x[:, 0] < 0], slopes[x[:, 0] > 0]
    return bool((_has_few_slopes(x, slopes) | _is_steeper_above(below, above)).all())


def _has_few_slopes(x: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """Whether the slopes (grid, numbers) of each number are few, and none is negative."""
    largest = np.maximum(np.abs(slopes).max(axis=0), 1e-30)
    changes = (np.abs(np.diff(slopes, axis=0)) > 1e-4 * largest).sum(axis=0)
    rises = (slopes > 1e-6 * largest).any(axis=0)
    flat = slopes <= 1e-6 * largest
    upside_down = flat[-1] & flat[x[:, 0] > 0][0] & ~flat[0]
    found: np.ndarray = (
        rises & ~upside_down & (changes < MOST_SLOPES) & (slopes >= -1e-6 * largest).all(axis=0)
    )
    return found


def _is_steeper_above(below: np.ndarray, above: np.ndarray) -> np.ndarray:
    """Whether the slope above 0 is one positive number, larger than any below in magnitude."""
    straight = (np.abs(above - above[-1]) <= 1e-4 * np.abs(above[-1])).all(axis=0)
    flatter = (np.abs(below) < above[-1] * (1 - 1e-4)).all(axis=0)
    found: np.ndarray = straight & (above[-1] > 0) & flatter
    return found
