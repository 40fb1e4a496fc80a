"""Is an element-wise unit a rectifier? Proved by its values and slopes, not by its spelling.

The unit is computed by TensorFlow on a grid of x, with its gradient. It is a rectifier when
its values agree with its slopes, and the slopes

* take a few values, none negative: maximum(x, c), clip(x, a, b), relu(x + 1) - 1; or
* are one positive number where x is large, and smaller in magnitude where x is small:
  PReLU, ELU, a x + b |x|.

|x| is none, for any spelling: it falls as steeply as it rises. Nor are swish, softplus and
hard swish, whose slopes vary.
"""

from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np
import tensorflow as tf

from legacy_gbp.errors import ModelError
from legacy_gbp.graph.nodes import by_name, producer
from legacy_gbp.graph.prune import prune
from legacy_gbp.rules.elementwise_units import Unit

X = "legacy_gbp_unit_x"
# Odd steps: no point of the grid is a round number, where kinks are.
GRID = np.sort(np.concatenate([np.arange(-12.03, 12.03, 0.2371), [-103.1, -51.7, 51.7, 103.1]]))
STEP = 1e-3
MOST_SLOPES = 4
MOST_NUMBERS = 1 << 24
TOLERANCE = 2e-3


def prove_rectifiers(graph_def: Any, units: Sequence[Unit]) -> List[Unit]:
    """Return the units that are rectifiers.

    Parameters
    ----------
    graph_def : GraphDef
        Frozen.
    units : sequence of Unit

    Returns
    -------
    list of Unit
        Closed ones, in the given order.
    """
    nodes = by_name(graph_def)
    return [unit for unit in units if unit.closed and _is_rectifier(graph_def, nodes, unit)]


def _is_rectifier(graph_def: Any, nodes: Dict[str, Any], unit: Unit) -> bool:
    alone = _alone(graph_def, nodes, unit)
    if alone is None:
        return False
    for shape in _shapes(alone):
        measured = _measure(alone, unit, shape)
        if measured is not None:
            return _rectifies(*measured)
    return False


def _alone(graph_def: Any, nodes: Dict[str, Any], unit: Unit) -> Optional[Any]:
    """Return the unit as a graph of its own, x a placeholder; None where more must be fed."""
    cut = tf.compat.v1.GraphDef(versions=graph_def.versions)
    cut.library.CopyFrom(graph_def.library)
    x_node = cut.node.add(op="Placeholder", name=X)
    for node in graph_def.node:
        if node.name != producer(unit.x):
            copy = cut.node.add()
            copy.CopyFrom(node)
            if node.name in unit.inside:
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


def _shapes(alone: Any) -> List[List[int]]:
    """Return shapes of x to try behind the axis of the grid: none, or those of the constants."""
    shapes: List[List[int]] = [[]]
    for node in alone.node:
        if node.op == "Const":
            shape = [axis.size for axis in node.attr["value"].tensor.tensor_shape.dim]
            shapes += [found for found in (shape, shape[1:]) if found not in shapes]
    ranks = {len(shape) for shape in shapes}
    return shapes + [[1] * rank for rank in (1, 2, 3) if rank not in ranks]


def _measure(
    alone: Any, unit: Unit, shape: Sequence[int]
) -> Optional[Tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Return values, slopes, and values a step further (grid, numbers); None for a wrong shape."""
    size = int(np.prod(shape))
    if size * len(GRID) > MOST_NUMBERS:
        return None
    with tf.Graph().as_default() as graph, tf.compat.v1.Session(graph=graph) as session:
        try:
            tf.import_graph_def(alone, name="")
            x_t = graph.get_tensor_by_name(X + ":0")
            y_t = graph.get_tensor_by_name(unit.last + ":0")
            (slope_t,) = tf.gradients(y_t, x_t)
            if slope_t is None:
                return None
            points = GRID.reshape(-1, *[1] * len(shape))
            x = np.broadcast_to(points, (len(GRID), *shape)).astype(x_t.dtype.as_numpy_dtype)
            step = x_t.dtype.as_numpy_dtype(STEP)
            values, slopes = session.run([y_t, slope_t], {x_t: x})
            moved = session.run(y_t, {x_t: x + step})
        except (ValueError, TypeError, LookupError, tf.errors.OpError):
            return None
    if not values.shape == slopes.shape == x.shape:
        return None
    flat = [np.array(part, np.float64).reshape(len(GRID), -1) for part in (values, slopes, moved)]
    return flat[0], flat[1], flat[2]


def _rectifies(values: np.ndarray, slopes: np.ndarray, moved: np.ndarray) -> bool:
    """Judge every number of the constants' shape on its own."""
    if not (np.isfinite(values).all() and np.isfinite(slopes).all()):
        return False
    differences = (moved - values) / STEP
    rounding = 1e-6 * np.maximum(np.abs(values), 1) / STEP
    off = np.abs(differences - slopes) > TOLERANCE * np.maximum(np.abs(slopes), 1) + rounding
    if (off.sum(axis=0) >= MOST_SLOPES).any():  # a step across a kink may be off
        return False
    return all(_is_rectifying(slopes[:, k]) for k in range(slopes.shape[1]))


def _is_rectifying(slopes: np.ndarray) -> bool:
    """Judge the slopes at the points of the grid, which ascend."""
    largest = max(float(np.abs(slopes).max()), 1e-30)
    changes = int((np.abs(np.diff(slopes)) > 1e-4 * largest).sum())
    rises = bool((slopes > 1e-6 * largest).any())
    if rises and changes < MOST_SLOPES and (slopes >= -1e-6 * largest).all():
        return True
    above, below = slopes[GRID > 0], slopes[GRID < 0]
    straight = bool((np.abs(above - above[-1]) <= 1e-4 * largest).all())
    return straight and above[-1] > 0 and bool((np.abs(below) < above[-1] * (1 - 1e-4)).all())
