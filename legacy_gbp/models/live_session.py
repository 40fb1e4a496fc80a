"""A live session of the caller: its graph is copied, the session left as it was."""

import tensorflow as tf

from legacy_gbp.errors import InputError
from legacy_gbp.graph.freeze import variables_of
from legacy_gbp.graph.nodes import producer
from legacy_gbp.graph.prune import prune
from legacy_gbp.graph.while_loops import NOTES, meta_of
from legacy_gbp.models.meta_graph import from_meta

WHERE = "the session's graph"


def live_session(session, input=None, output=None, feeds=None, trusted=False):
    """The graph of a session, with the present values of its variables, as a source.

    Parameters
    ----------
    session : tf.compat.v1.Session
        May have run before; its graph may be finalized. No operation is added
        to it, and nothing but its variables is read.
    input, output : str or tf.Tensor, or a sequence of inputs, optional
    feeds : dict of str to value, optional
    trusted : bool
        See :func:`legacy_gbp.models.frozen_graph.frozen_graph`.

    Returns
    -------
    Imported
    """
    loops = session.graph.get_collection(NOTES)
    meta = meta_of(session.graph.as_graph_def(), [loop.to_proto() for loop in loops])
    output = _name(output)
    inputs = None if input is None else [_name(one) for one in _several(input)]
    roots = [producer(output)] if output else [node.name for node in meta.graph_def.node]
    needed = variables_of(prune(meta.graph_def, roots))
    values = _read(session, needed)
    return from_meta(meta, values, WHERE, inputs, output, feeds, trusted)


def variable_values(session, names):
    """Values of variables, by operations added to the session's graph: for a graph of our own."""
    with session.graph.as_default():
        reads = {}
        for name in names:
            op = session.graph.get_operation_by_name(name)
            if op.type == "VarHandleOp":
                dtype = op.get_attr("dtype")
                reads[name] = tf.raw_ops.ReadVariableOp(resource=op.outputs[0], dtype=dtype)
            else:
                reads[name] = op.outputs[0]
        return session.run(reads)


def _read(session, names):
    """Values of variables through operations that are there already."""
    reads = {}
    for name in names:
        op = session.graph.get_operation_by_name(name)
        if op.type != "VarHandleOp":
            reads[name] = op.outputs[0]
            continue
        readers = [user for user in op.outputs[0].consumers() if user.type == "ReadVariableOp"]
        if not readers:
            raise InputError(f"{WHERE}: nothing reads variable {name!r}; freeze the graph instead")
        reads[name] = readers[0].outputs[0]
    try:
        return session.run(reads)
    except tf.errors.FailedPreconditionError as error:
        reason = str(error).splitlines()[0][:120]
        raise InputError(f"{WHERE}: {reason}; initialise or restore it first") from error


def _several(given):
    return given if isinstance(given, (list, tuple)) else [given]


def _name(given):
    return given if given is None or isinstance(given, str) else given.name
