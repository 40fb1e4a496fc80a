"""A live session of the caller: its graph is copied, and the session does not change."""

from typing import Any, Dict, List, Mapping, Optional, Sequence

import tensorflow as tf

from legacy_gbp.errors import ModelError, first_line
from legacy_gbp.graph.freeze import variables_of
from legacy_gbp.graph.nodes import producer
from legacy_gbp.graph.prune import prune
from legacy_gbp.graph.while_loops import COLLECTION, with_contexts
from legacy_gbp.models.imported_graph import ImportedGraph
from legacy_gbp.models.meta_graphs import from_meta

WHERE = "the session's graph"


def live_session(
    session: Any,
    input: Any = None,
    output: Any = None,
    feeds: Optional[Mapping[str, Any]] = None,
    trusted: bool = False,
) -> ImportedGraph:
    """Open the graph of a session, with the present values of its variables.

    Parameters
    ----------
    session : tf.compat.v1.Session
        May have run before; its graph may be finalized. No operation is added
        to it, and nothing except its variables is read.
    input : str, tf.Tensor, or a sequence of them, optional
        Inferred where the graph has one candidate.
    output : str or tf.Tensor, optional
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
        For a variable without a value, or several candidates for an endpoint.

    Examples
    --------
    >>> with Network(live_session(session, x_t, logits_t)) as net:  # doctest: +SKIP
    ...     maps = guided_backprop(net, images)
    """
    loops = session.graph.get_collection(COLLECTION)
    meta = with_contexts(session.graph.as_graph_def(), [loop.to_proto() for loop in loops])
    output = _name(output)
    inputs = None if input is None else [_name(one) for one in _several(input)]
    roots = [producer(output)] if output else [node.name for node in meta.graph_def.node]
    values = read_variables(session, variables_of(prune(meta.graph_def, roots)))
    return from_meta(meta, values, WHERE, inputs, output, feeds, trusted)


def read_variables(session: Any, names: Sequence[str]) -> Dict[str, Any]:
    """Return the values of variables through operations that are there already.

    Parameters
    ----------
    session : tf.compat.v1.Session
        No operation is added to its graph.
    names : sequence of str

    Returns
    -------
    dict of str to array

    Raises
    ------
    ModelError
        For a variable without a value, or that nothing reads.
    """
    reads = {}
    for name in names:
        op = session.graph.get_operation_by_name(name)
        if op.type != "VarHandleOp":
            reads[name] = op.outputs[0]
            continue
        readers = [user for user in op.outputs[0].consumers() if user.type == "ReadVariableOp"]
        if not readers:
            raise ModelError(f"{WHERE}: nothing reads variable {name!r}; freeze the graph instead")
        # In a branch of a condition a reader waits for the predicate, and for the images.
        reads[name] = min(readers, key=lambda op: len(op.control_inputs)).outputs[0]
    try:
        values: Dict[str, Any] = session.run(reads)
    except tf.errors.FailedPreconditionError as error:
        raise ModelError(
            f"{WHERE}: {first_line(error, 120)}; initialise or restore it first"
        ) from error
    return values


def _several(given: Any) -> List[Any]:
    return list(given) if isinstance(given, (list, tuple)) else [given]


def _name(given: Any) -> Any:
    return given if given is None or isinstance(given, str) else given.name
