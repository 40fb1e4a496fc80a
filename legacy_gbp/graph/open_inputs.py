"""Inputs that a graph computes become placeholders, such as a picture that it decodes."""

from typing import Any, List, Sequence, Tuple

import tensorflow as tf

from legacy_gbp.errors import ModelError
from legacy_gbp.graph.nodes import by_name, data_inputs, output_number, producer, tensor_name
from legacy_gbp.graph.prune import prune
from legacy_gbp.graph.static_shapes import StaticShapes

PLACEHOLDER = "Placeholder"


def with_open_inputs(graph_def: Any, inputs: Sequence[str], where: str) -> Tuple[Any, List[str]]:
    """Make placeholders of inputs that the graph computes.

    Parameters
    ----------
    graph_def : GraphDef
        Not changed.
    inputs : sequence of str
        Tensors.
    where : str
        The file, for messages.

    Returns
    -------
    graph_def : GraphDef
        What only the inputs need is not pruned yet.
    inputs : list of str
        The placeholders. That of output 1 of an operation is a node of its own.

    Raises
    ------
    ModelError
        For a tensor that the graph does not have, or one of unknown type.
    """
    nodes = by_name(graph_def)
    computed = [name for name in inputs if nodes[producer(name)].op != PLACEHOLDER]
    if not computed:
        return graph_def, [tensor_name(name) for name in inputs]
    shapes = StaticShapes(prune(graph_def, [producer(name) for name in computed]))
    opened = tf.compat.v1.GraphDef()
    opened.CopyFrom(graph_def)
    named = [
        _open(opened, tensor_name(name), shapes, where) if name in computed else tensor_name(name)
        for name in inputs
    ]
    return opened, named


def _open(graph_def: Any, name: str, shapes: StaticShapes, where: str) -> str:
    dtype = shapes.dtype(name)
    if dtype is None or not shapes.has(name):
        raise ModelError(
            f"{where}: input {name} is no tensor of the graph, or this TensorFlow does not know "
            "its operation; name another by `input`"
        )
    shape = tf.TensorShape(shapes.shape(name))
    node = by_name(graph_def)[producer(name)]
    number = output_number(name)
    if number:
        opened = f"{node.name}/output_{number}"
        for reader in graph_def.node:
            reader.input[:] = [opened if read == name else read for read in reader.input]
        node = graph_def.node.add()
    else:
        opened = node.name
        _keep_other_outputs(graph_def, node)
        node.Clear()
    node.op, node.name = PLACEHOLDER, opened
    node.attr["dtype"].type = dtype.as_datatype_enum
    node.attr["shape"].shape.CopyFrom(shape.as_proto())
    return tensor_name(opened)


def _keep_other_outputs(graph_def: Any, node: Any) -> None:
    """Move an operation whose other outputs are read to a name of its own."""
    others = {
        read
        for reader in graph_def.node
        for read in data_inputs(reader)
        if producer(read) == node.name and output_number(read)
    }
    if not others:
        return
    moved = graph_def.node.add()
    moved.CopyFrom(node)
    moved.name = f"{node.name}/outputs"
    for reader in graph_def.node:
        reader.input[:] = [
            f"{moved.name}:{output_number(read)}" if read in others else read
            for read in reader.input
        ]


def with_fed_embeddings(graph_def: Any, embedded: Sequence[str]) -> Any:
    """Let the outputs of embeddings be fed; what is not fed is looked up.

    Parameters
    ----------
    graph_def : GraphDef
        Not changed.
    embedded : sequence of str
        Tensors.

    Returns
    -------
    GraphDef
    """
    if not embedded:
        return graph_def
    shapes = StaticShapes(prune(graph_def, [producer(name) for name in embedded]))
    opened = tf.compat.v1.GraphDef()
    opened.CopyFrom(graph_def)
    for name in embedded:
        node = by_name(opened)[producer(name)]
        lookup = opened.node.add()
        lookup.CopyFrom(node)
        lookup.name = node.name + "/lookup"
        dtype = shapes.dtype(name) or tf.float32
        node.Clear()
        node.op, node.name = "PlaceholderWithDefault", producer(name)
        node.input.append(lookup.name)
        node.attr["dtype"].type = dtype.as_datatype_enum
        node.attr["shape"].shape.CopyFrom(tf.TensorShape(shapes.shape(name)).as_proto())
    return opened
