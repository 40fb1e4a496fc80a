"""Frozen graphs: a GraphDef in a binary ``.pb`` or a text ``.pbtxt`` file."""

from typing import Any, Mapping, Optional, Sequence, Union

import tensorflow as tf
from google.protobuf import text_format

from legacy_gbp.errors import ModelError, first_line
from legacy_gbp.graph.freeze import variables_of
from legacy_gbp.graph.infer_endpoints import infer_endpoints
from legacy_gbp.graph.nodes import producer
from legacy_gbp.graph.open_inputs import with_open_inputs
from legacy_gbp.graph.prune import prune
from legacy_gbp.graph.structure import check_structure
from legacy_gbp.io.protobuf import BROKEN, parse_bytes, read_bytes
from legacy_gbp.models.imported_graph import ImportedGraph


def frozen_graph(
    path: str,
    input: Union[str, Sequence[str], None] = None,
    output: Optional[str] = None,
    feeds: Optional[Mapping[str, Any]] = None,
    trusted: bool = False,
) -> ImportedGraph:
    """Open a frozen graph.

    Parameters
    ----------
    path : str
        ``.pb`` or ``.pbtxt``.
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
    ImportedGraph

    Raises
    ------
    InputError
        For a missing or truncated file.
    ModelError
        For a graph with variables, or with several candidates for an endpoint.

    Examples
    --------
    >>> source = frozen_graph("model.pb", input="images")  # doctest: +SKIP
    """
    return from_graph_def(read_graph_def(path), path, input, output, feeds, trusted)


def from_graph_def(
    graph_def: Any,
    where: str,
    input: Union[str, Sequence[str], None] = None,
    output: Optional[str] = None,
    feeds: Optional[Mapping[str, Any]] = None,
    trusted: bool = False,
) -> ImportedGraph:
    """Open a frozen graph in memory.

    Parameters
    ----------
    graph_def : GraphDef
        Without variables.
    where : str
        Its file or name, for messages.
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
    ImportedGraph

    Raises
    ------
    ModelError
        For a graph with variables or v1 loops, or with several candidates for an endpoint.
    """
    check_structure(graph_def, where)
    inputs, output = infer_endpoints(graph_def, input, output, where)
    graph_def, inputs = with_open_inputs(graph_def, inputs, where)
    needed = prune(graph_def, [producer(output)])
    left = variables_of(needed)
    if left:
        raise ModelError(
            f"{where}: variable {left[0]!r} has no value; a graph alone holds no weights: give the "
            ".meta file beside its checkpoint, or freeze the graph"
        )
    loops = [node.name for node in needed.node if node.op in ("Enter", "RefEnter")]
    if loops:
        raise ModelError(
            f"{where}: {loops[0]} is part of a while loop of TensorFlow 1, which a GraphDef alone "
            "cannot differentiate; give the .meta file beside its checkpoint"
        )
    return ImportedGraph(needed, inputs, output, where, feeds, trusted)


def read_graph_def(path: str) -> Any:
    """Read a GraphDef.

    Parameters
    ----------
    path : str
        Text where it ends in ``.pbtxt``, else binary.

    Returns
    -------
    GraphDef

    Raises
    ------
    InputError
        For a missing file.
    ModelError
        For a truncated file, or one that holds something else.
    """
    data = read_bytes(path)
    graph_def = tf.compat.v1.GraphDef()
    try:
        if path.endswith(".pbtxt"):
            text_format.Parse(data.decode("utf-8"), graph_def)
        else:
            parse_bytes(graph_def, data)
    except BROKEN as error:
        if _is_saved_model(data):
            raise ModelError(f"{path}: is a SavedModel; give the folder that holds it") from error
        raise ModelError(
            f"{path}: not a GraphDef, or cut off ({first_line(error, 100)}); copy it again, or "
            "give a .pb or .pbtxt file of a frozen graph"
        ) from error
    if not any(node.op for node in graph_def.node):
        raise ModelError(f"{path}: holds no operation; give a .pb or .pbtxt file of a frozen graph")
    return graph_def


def _is_saved_model(data: bytes) -> bool:
    from tensorflow.core.protobuf import saved_model_pb2

    try:
        return bool(parse_bytes(saved_model_pb2.SavedModel(), data).meta_graphs)
    except BROKEN:
        return False
