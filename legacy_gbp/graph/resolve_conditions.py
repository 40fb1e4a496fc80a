"""Conditions whose predicate is constant are resolved: the branch not taken goes.

In TensorFlow 1 ``tf.cond`` is a Switch for every tensor that a branch reads and a Merge for
every result; later it is an If that calls one of two functions. A batch normalisation that
chooses between the moments of the batch and the running ones by a train flag carries both
branches; only one of them says anything about the map.
"""

from typing import Any, Callable, Dict, Optional, Set

import numpy as np
import tensorflow as tf

from legacy_gbp.graph.nodes import by_name, consumers, data_inputs, output_number, producer

SWITCHES, MERGES = ("Switch", "RefSwitch"), ("Merge", "RefMerge")
IFS = ("If", "StatelessIf")
PASSING = ("Identity", "PlaceholderWithDefault", "Cast")
# How predicates are made of a phase, a number or several flags.
FOLDED: Dict[str, Callable[..., Any]] = {
    "LogicalNot": np.logical_not, "LogicalAnd": np.logical_and, "LogicalOr": np.logical_or,
    "Equal": np.equal, "NotEqual": np.not_equal, "Greater": np.greater, "Less": np.less,
    "GreaterEqual": np.greater_equal, "LessEqual": np.less_equal,
}  # fmt: skip
MOST_FOLDED = 32


def resolve_conditions(graph_def: Any) -> None:
    """Resolve every condition with a constant predicate, in place.

    Dead nodes stay, unread: prune the graph afterwards.

    Parameters
    ----------
    graph_def : GraphDef
        Frozen: fixed values are constants.
    """
    nodes = by_name(graph_def)
    taken: Dict[str, bool] = {}
    for node in graph_def.node:
        if node.op in SWITCHES:
            predicate = _constant(nodes, data_inputs(node)[1])
            if predicate is not None:
                taken[node.name] = predicate
    if not taken:
        return
    dead = _dead_nodes(graph_def, taken)
    for node in graph_def.node:
        if node.name in taken:
            _to_identity(node, data_inputs(node)[0])
        elif node.op in MERGES and node.name not in dead:
            live = [name for name in data_inputs(node) if not _is_dead(name, taken, dead)]
            if len(live) == 1:
                _to_identity(node, live[0])
        for place, name in enumerate(node.input):
            if producer(name) in taken and not name.startswith("^"):
                node.input[place] = producer(name)


def resolve_branches(graph_def: Any) -> None:
    """Call the function that an If with a constant predicate takes, in place.

    Parameters
    ----------
    graph_def : GraphDef
    """
    nodes = by_name(graph_def)
    for node in graph_def.node:
        predicate = _constant(nodes, data_inputs(node)[0]) if node.op in IFS else None
        if predicate is not None:
            branch = node.attr["then_branch" if predicate else "else_branch"]
            node.attr["f"].CopyFrom(branch)
            for attribute in list(node.attr):
                if attribute not in ("f", "Tin", "Tout"):
                    del node.attr[attribute]
            node.op = "PartitionedCall" if node.op == "StatelessIf" else "StatefulPartitionedCall"
            del node.input[0]


def _constant(nodes: Dict[str, Any], name: str) -> Optional[bool]:
    """Return the value of a constant predicate; None where it is computed from what is fed."""
    value = _folded(nodes, name, MOST_FOLDED, {})
    return bool(value.item()) if value is not None and value.size == 1 else None


def _folded(
    nodes: Dict[str, Any], name: str, depth: int, known: Dict[str, Optional[np.ndarray]]
) -> Optional[np.ndarray]:
    """Compute a predicate; every node once, for two of its readers may read one node each."""
    if producer(name) not in known:
        known[producer(name)] = _computed(nodes, name, depth, known)
    return known[producer(name)]


def _computed(
    nodes: Dict[str, Any], name: str, depth: int, known: Dict[str, Optional[np.ndarray]]
) -> Optional[np.ndarray]:
    """Return what identities, casts and comparisons make of constants."""
    node = nodes.get(producer(name))
    if node is None or depth == 0:
        return None
    if node.op == "Const":
        value: np.ndarray = tf.make_ndarray(node.attr["value"].tensor)
        return value if value.dtype.kind in "biuf" else None
    if node.op not in (*PASSING, *FOLDED):
        return None
    read = data_inputs(node)[:1] if node.op in PASSING else data_inputs(node)
    inputs = [_folded(nodes, one, depth - 1, known) for one in read]
    if any(one is None for one in inputs):
        return None
    if node.op == "Cast":
        return np.asarray(inputs[0]).astype(tf.as_dtype(node.attr["DstT"].type).as_numpy_dtype)
    return np.asarray(FOLDED[node.op](*inputs) if node.op in FOLDED else inputs[0])


def _is_dead(name: str, taken: Dict[str, bool], dead: Set[str]) -> bool:
    """Whether a tensor or control input is never computed; a Switch has the outputs false, true."""
    switch = producer(name)
    if switch in taken and not name.startswith("^"):
        return output_number(name) != int(taken[switch])
    return switch in dead


def _dead_nodes(graph_def: Any, taken: Dict[str, bool]) -> Set[str]:
    """Return the nodes that read a dead tensor; a Merge is dead when all of its inputs are."""
    dead: Set[str] = set()
    readers = consumers(graph_def)
    todo = list(taken)
    while todo:
        for node in readers[todo.pop()]:
            if node.name in dead:
                continue
            ends = [_is_dead(name, taken, dead) for name in node.input]
            if all(ends) if node.op in MERGES else any(ends):
                dead.add(node.name)
                todo.append(node.name)
    return dead


def _to_identity(node: Any, read: str) -> None:
    """Let a Switch or a Merge pass one tensor on."""
    control = [name for name in node.input if name.startswith("^")]
    dtype = node.attr["T"].type
    node.op = "Identity"
    node.attr.clear()
    node.attr["T"].type = dtype
    del node.input[:]
    node.input.extend([read, *control])
