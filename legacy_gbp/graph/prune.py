"""Keep what some nodes need and drop the rest: losses, savers, summaries."""

from typing import Any, Sequence, Set

import tensorflow as tf

from legacy_gbp.errors import ModelError
from legacy_gbp.graph.nodes import by_name, called, producer

# Constraints and shapes that may name, or contradict, what is gone.
DROPPED = ("_class", "_output_shapes")
# Of calls: how the author's session ran them.
RUN_OPTIONS = ("config", "config_proto", "executor_type")


def prune(graph_def: Any, wanted: Sequence[str]) -> Any:
    """Return the part of a graph that some nodes need.

    Parameters
    ----------
    graph_def : GraphDef
    wanted : sequence of str
        Names of nodes.

    Returns
    -------
    GraphDef
        With the functions that it calls. Colocation constraints, devices and recorded
        shapes are dropped: they may name or contradict what is gone. So are the options of
        another session, which calls carry.

    Raises
    ------
    ModelError
        For an input that the graph lacks.
    """
    kept = _needed(graph_def, wanted)
    pruned = tf.compat.v1.GraphDef(versions=graph_def.versions)
    for node in graph_def.node:
        if node.name in kept:
            copy = pruned.node.add()
            copy.CopyFrom(node)
            _keep_shape_of_placeholder(copy)
            for attribute in DROPPED:
                copy.attr.pop(attribute, None)
            _forget_the_session(copy)
    _keep_called(pruned, graph_def.library)
    return pruned


def _keep_shape_of_placeholder(node: Any) -> None:
    """Put the recorded shape into a placeholder of 2016, whose own attribute was empty."""
    if node.op != "Placeholder" or "_output_shapes" not in node.attr:
        return
    recorded = node.attr["_output_shapes"].list.shape
    if len(recorded) == 1 and recorded[0].dim and not node.attr["shape"].shape.dim:
        node.attr["shape"].shape.CopyFrom(recorded[0])


def _forget_the_session(node: Any) -> None:
    """Drop where, and by what options, an operation ran."""
    node.device = ""
    if any(value.HasField("func") for value in node.attr.values()):
        for attribute in RUN_OPTIONS:
            if node.attr[attribute].s if attribute in node.attr else False:
                node.attr[attribute].s = b""


def _needed(graph_def: Any, wanted: Sequence[str]) -> Set[str]:
    nodes = by_name(graph_def)
    kept: Set[str] = set()
    todo = list(wanted)
    while todo:
        name = todo.pop()
        if name in kept:
            continue
        if name not in nodes:
            raise ModelError(f"the graph is broken: it lacks its node {name!r}; export it again")
        kept.add(name)
        todo += [producer(read) for read in nodes[name].input]
    return kept


def _keep_called(pruned: Any, library: Any) -> None:
    """Copy the functions that are called, directly or by others; not those of input pipelines."""
    functions = {function.signature.name: function for function in library.function}
    gradients = {entry.function_name: entry for entry in library.gradient}
    todo = [name for node in pruned.node for name in called(node)]
    kept: Set[str] = set()
    while todo:
        name = todo.pop()
        if name in kept or name not in functions:
            continue
        kept.add(name)
        todo += [inner for node in functions[name].node_def for inner in called(node)]
        if name in gradients:
            todo.append(gradients[name].gradient_func)
    pruned.library.function.extend(f for f in library.function if f.signature.name in kept)
    for function in pruned.library.function:
        for node in function.node_def:
            _forget_the_session(node)
    pruned.library.gradient.extend(g for g in library.gradient if g.function_name in kept)
