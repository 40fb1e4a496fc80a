"""Dropout that keeps everything becomes an identity: its random numbers decide nothing.

``keep_prob=1`` leaves a graph that draws random numbers in 0..1 for every image, and compares
them with 0, or rounds their sum with 1 down. In front of that the values are multiplied by 1.
"""

from typing import Any, Dict, List, Optional

import tensorflow as tf

from legacy_gbp.graph.flag_values import SUMS
from legacy_gbp.graph.nodes import by_name, data_inputs, producer

PASSING = ("Identity", "Cast", "StopGradient")
MOST_STEPS = 8  # from a mask back to its random numbers, from a number to its constants
UNIFORM = ("RandomUniform", "StatelessRandomUniform", "StatelessRandomUniformV2")


def make_idle_dropout_identity(graph_def: Any) -> None:
    """Replace dropout that keeps everything by an identity.

    Parameters
    ----------
    graph_def : GraphDef
        Changed in place. Its switches are constants already.
    """
    nodes = by_name(graph_def)
    for node in graph_def.node:
        inputs = data_inputs(node)
        kept: Optional[str] = None
        if node.op == "Mul":
            masks = [_keeps_everything(nodes, name) for name in inputs]
            kept = inputs[1 - masks.index(True)] if True in masks else None
        elif node.op in ("Select", "SelectV2") and _keeps_everything(nodes, inputs[0]):
            kept = inputs[1]
        if kept is not None:
            dtype = node.attr["T"].type
            controls = [name for name in node.input if name.startswith("^")]
            node.op = "Identity"
            node.attr.clear()
            node.attr["T"].type = dtype
            node.input[:] = [kept, *controls]


def _keeps_everything(nodes: Dict[str, Any], name: str) -> bool:
    """Whether a tensor is the mask of a dropout, and 1 everywhere."""
    node = _behind(nodes, name)
    if node is None:
        return False
    inputs = data_inputs(node)
    if node.op == "Floor":
        total = _behind(nodes, inputs[0])
        return total is not None and total.op in SUMS and _sums_to_one_or_more(nodes, total)
    if node.op == "GreaterEqual":
        least = _value(nodes, inputs[1])
        return least is not None and least <= 0 and _is_uniform(nodes, inputs[0])
    return False


def _sums_to_one_or_more(nodes: Dict[str, Any], total: Any) -> bool:
    """Whether a share of 1 and random numbers in 0..1 are added."""
    first, second = data_inputs(total)
    for share, random in ((first, second), (second, first)):
        value = _value(nodes, share)
        if value is not None and value >= 1 and _is_uniform(nodes, random):
            return True
    return False


def _is_uniform(nodes: Dict[str, Any], name: str, steps: int = MOST_STEPS) -> bool:
    """Whether a tensor holds random numbers in 0..1, as ``tf.random_uniform`` scales them."""
    node = _behind(nodes, name)
    if node is None or not steps:
        return False
    if node.op in UNIFORM:
        return True
    inputs = data_inputs(node)
    if node.op in SUMS and len(inputs) == 2:
        return _value(nodes, inputs[1]) == 0 and _is_uniform(nodes, inputs[0], steps - 1)
    if node.op == "Mul":
        return _value(nodes, inputs[1]) == 1 and _is_uniform(nodes, inputs[0], steps - 1)
    return False


def _behind(nodes: Dict[str, Any], name: str) -> Optional[Any]:
    node = nodes.get(producer(name))
    while node is not None and node.op in PASSING:
        node = nodes.get(producer(data_inputs(node)[0]))
    return node


def _value(nodes: Dict[str, Any], name: str, steps: int = MOST_STEPS) -> Optional[float]:
    """Return the value of a constant number, or of a difference or sum of such."""
    node = _behind(nodes, name)
    if node is None or not steps:
        return None
    if node.op == "Const":
        value = tf.make_ndarray(node.attr["value"].tensor)
        return float(value.ravel()[0]) if value.size == 1 and value.dtype.kind in "fiu" else None
    if node.op not in ("Sub", *SUMS):
        return None
    parts: List[float] = []
    for read in data_inputs(node):
        part = _value(nodes, read, steps - 1)
        if part is None:
            return None
        parts.append(part)
    return parts[0] - parts[1] if node.op == "Sub" else parts[0] + parts[1]
