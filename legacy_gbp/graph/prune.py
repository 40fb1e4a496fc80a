"""Keep what some nodes need, and nothing else: no losses, savers, summaries."""

import tensorflow as tf

from legacy_gbp.errors import InputError
from legacy_gbp.graph.nodes import by_name, called, producer


def prune(graph_def, wanted):
    """The part of a graph that some nodes need.

    Parameters
    ----------
    graph_def : GraphDef
    wanted : sequence of str
        Names of nodes.

    Returns
    -------
    GraphDef
        With the functions that it calls. Colocation constraints are
        dropped: they may name nodes that are gone.
    """
    nodes = by_name(graph_def)
    kept, todo = set(), list(wanted)
    while todo:
        name = todo.pop()
        if name in kept:
            continue
        if name not in nodes:
            raise InputError(f"the graph is broken: it lacks its node {name!r}; export it again")
        kept.add(name)
        todo += [producer(read) for read in nodes[name].input]
    pruned = tf.compat.v1.GraphDef(versions=graph_def.versions)
    for node in graph_def.node:
        if node.name in kept:
            copy = pruned.node.add()
            copy.CopyFrom(node)
            copy.attr.pop("_class", None)
            copy.device = ""
    _keep_called(pruned, graph_def.library)
    return pruned


def _keep_called(pruned, library):
    """Copy the functions that are called, directly or by others; not those of input pipelines."""
    functions = {function.signature.name: function for function in library.function}
    gradients = {note.function_name: note for note in library.gradient}
    todo = [name for node in pruned.node for name in called(node)]
    kept = set()
    while todo:
        name = todo.pop()
        if name in kept or name not in functions:
            continue
        kept.add(name)
        todo += [inner for node in functions[name].node_def for inner in called(node)]
        if name in gradients:
            todo.append(gradients[name].gradient_func)
    pruned.library.function.extend(f for f in library.function if f.signature.name in kept)
    pruned.library.gradient.extend(g for g in library.gradient if g.function_name in kept)
