"""NaN and Inf in the constants of a frozen graph."""

from typing import AbstractSet, Any, Iterator

import numpy as np
import tensorflow as tf

from legacy_gbp.errors import ModelError
from legacy_gbp.io.weights import not_finite


def check_constants(graph_def: Any, variables: AbstractSet[str], where: str) -> None:
    """Refuse weights with NaN or Inf.

    A frozen graph does not say which constants are weights. Nothing that the output needs is
    NaN on purpose. Infinity is: the mask of an attention adds -inf, a padding for a maximum
    consists of it, a clip has it for a bound. Such a constant is a scalar, or its finite
    values are all equal. Where finite values differ it is a weight, and Inf is refused.
    Constants that were variables may hold neither.

    Parameters
    ----------
    graph_def : GraphDef
        Frozen and pruned, so that it holds what the output needs alone.
    variables : set of str
        Constants that were variables.
    where : str
        The file, for the message.

    Raises
    ------
    ModelError
        That names the constant.
    """
    for node in _constants(graph_def):
        tensor = node.attr["value"].tensor
        dtype = tf.as_dtype(tensor.dtype)
        if not (dtype.is_floating or dtype.is_complex):
            continue
        values = tf.make_ndarray(tensor)
        found = not_finite(values)
        if found == "NaN" or (found and (node.name in variables or not _may_be_a_mask(values))):
            kind = "variable" if node.name in variables else "constant"
            raise ModelError(
                f"{where}: {kind} {node.name!r} holds {found}; save the model again from sound "
                "weights"
            )


def _constants(graph_def: Any) -> Iterator[Any]:
    """Yield the constants of the graph and of its functions."""
    for nodes in (graph_def.node, *(f.node_def for f in graph_def.library.function)):
        yield from (node for node in nodes if node.op == "Const")


def _may_be_a_mask(values: np.ndarray) -> bool:
    values = np.asarray(values).astype(np.complex64 if values.dtype.kind == "c" else np.float64)
    finite = values[np.isfinite(values)]
    return values.size == 1 or not finite.size or bool((finite == finite[0]).all())
