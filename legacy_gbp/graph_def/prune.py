"""Keep what some nodes need, and nothing else: no losses, savers, summaries."""

import tensorflow as tf

from legacy_gbp.graph_def.nodes import by_name, producer


def prune(graph_def, wanted, fed=()):
    """The part of a graph that some nodes need.

    Parameters
    ----------
    graph_def : GraphDef
    wanted : sequence of str
        Names of nodes.
    fed : sequence of str
        Nodes whose values are fed: what they need is not kept.

    Returns
    -------
    GraphDef
        With the whole library of functions. Colocation constraints are
        dropped: they may name nodes that are gone.
    """
    nodes = by_name(graph_def)
    kept, todo = set(), list(wanted)
    while todo:
        name = todo.pop()
        if name in kept:
            continue
        kept.add(name)
        if name not in fed:
            todo += [producer(read) for read in nodes[name].input]
    pruned = tf.compat.v1.GraphDef(versions=graph_def.versions, library=graph_def.library)
    for node in graph_def.node:
        if node.name in kept:
            copy = pruned.node.add()
            copy.CopyFrom(node)
            copy.attr.pop("_class", None)
            copy.device = ""
            if node.name in fed:
                del copy.input[:]  # a placeholder takes its place
    return pruned
