"""Frozen graphs: a GraphDef in a ``.pb`` or ``.pbtxt`` file."""

from legacy_gbp.errors import InputError
from legacy_gbp.graph.freeze import variables_of
from legacy_gbp.graph.infer_endpoints import find_ends
from legacy_gbp.graph.nodes import producer
from legacy_gbp.graph.prune import prune
from legacy_gbp.models.imported_graph import Imported, with_open_inputs
from legacy_gbp.models.read_graph_def import read_graph_def


def frozen_graph(path, input=None, output=None, feeds=None, trusted=False):
    """A frozen graph as a source.

    Parameters
    ----------
    path : str
    input : str or sequence of str, optional
        Input tensors; inferred where the graph has one candidate.
    output : str, optional
        The tensor to explain; inferred likewise, before a softmax.
    feeds : dict of str to value, optional
        Fixed values of other placeholders.
    trusted : bool
        Accept operations that reach outside of the graph.

    Returns
    -------
    Imported
    """
    graph_def = read_graph_def(path)
    return from_graph_def(graph_def, path, input, output, feeds, trusted)


def from_graph_def(graph_def, where, input=None, output=None, feeds=None, trusted=False):
    """A GraphDef without variables as a source; parameters as of :func:`frozen_graph`."""
    inputs, output = find_ends(graph_def, input, output, where)
    graph_def = with_open_inputs(graph_def, inputs, where)
    needed = prune(graph_def, [producer(output)])
    left = variables_of(needed)
    if left:
        raise InputError(
            f"{where}: variable {left[0]!r} has no value; a graph alone holds no weights: give the "
            ".meta file beside its checkpoint, or freeze the graph"
        )
    loops = [node.name for node in needed.node if node.op in ("Enter", "RefEnter")]
    if loops:
        raise InputError(
            f"{where}: {loops[0]} is part of a while loop of TensorFlow 1, which a GraphDef alone "
            "cannot differentiate; give the .meta file beside its checkpoint"
        )
    return Imported(needed, inputs, output, where, feeds, trusted)
