"""While loops of TensorFlow 1: the contexts without which they cannot be differentiated.

The operations of such a loop (Enter, Merge, Switch, Exit, NextIteration) do
not say that they belong together. The while contexts of a meta graph do.
"""

import contextlib
import threading
from typing import Any, Iterator, List, Sequence

import tensorflow as tf

from legacy_gbp.errors import ModelError, first_line
from legacy_gbp.graph.nodes import by_name, producer
from legacy_gbp.graph.prune import prune
from legacy_gbp.io.protobuf import BROKEN, parse_bytes

COLLECTION = "while_context"
_SWITCH = threading.Lock()


def loop_exits(meta: Any, output: str) -> List[str]:
    """Return the exits of the loops that an output needs: a loop is kept with all its exits.

    Parameters
    ----------
    meta : MetaGraphDef
    output : str
        Name of a node.

    Returns
    -------
    list of str
        Names of nodes.
    """
    needed = by_name(prune(meta.graph_def, [output]))
    return [
        producer(name)
        for context in _contexts(meta)
        if producer(context.pivot_name) in needed
        for name in context.loop_exit_names
    ]


def kept_contexts(meta: Any, graph_def: Any) -> List[Any]:
    """Return the while contexts of a part of a graph.

    Parameters
    ----------
    meta : MetaGraphDef
    graph_def : GraphDef
        The part.

    Returns
    -------
    list of WhileContextDef
        Without the values that the part lacks.
    """
    nodes = by_name(graph_def)
    kept = []
    for context in _contexts(meta):
        if producer(context.pivot_name) not in nodes:
            continue
        values = [name for name in context.values_def.values if producer(name) in nodes]
        del context.values_def.values[:]
        context.values_def.values.extend(values)
        for inner in list(context.values_def.external_values):
            if producer(context.values_def.external_values[inner]) not in nodes:
                del context.values_def.external_values[inner]
        kept.append(context)
    return kept


def with_contexts(graph_def: Any, contexts: Sequence[Any]) -> Any:
    """Return a meta graph of a graph and the contexts of its loops.

    Parameters
    ----------
    graph_def : GraphDef
    contexts : sequence of WhileContextDef

    Returns
    -------
    MetaGraphDef
    """
    meta = tf.compat.v1.MetaGraphDef(graph_def=graph_def)
    stored = meta.collection_def[COLLECTION].bytes_list.value
    stored.extend(context.SerializeToString() for context in contexts)
    return meta


@contextlib.contextmanager
def gradients_of_loops(graph: Any) -> Iterator[None]:
    """Let the gradients of a graph's loops of TensorFlow 1 be built in TensorFlow 2.

    The gradient of a TensorArray asks a switch of the process which control flow it is in.
    The switch is turned for graphs with such loops alone, and turned back before the caller
    goes on.

    Parameters
    ----------
    graph : tf.Graph
    """
    if not any(op.type in ("Enter", "RefEnter") for op in graph.get_operations()):
        yield
        return
    from tensorflow.python.ops import control_flow_util

    with _SWITCH:
        former = control_flow_util.ENABLE_CONTROL_FLOW_V2
        control_flow_util.ENABLE_CONTROL_FLOW_V2 = False
        try:
            yield
        finally:
            control_flow_util.ENABLE_CONTROL_FLOW_V2 = former


def _contexts(meta: Any) -> List[Any]:
    from tensorflow.core.protobuf import control_flow_pb2

    if COLLECTION not in meta.collection_def:
        return []
    stored = meta.collection_def[COLLECTION].bytes_list.value
    try:
        return [parse_bytes(control_flow_pb2.WhileContextDef(), context) for context in stored]
    except BROKEN as error:
        raise ModelError(
            f"the meta graph's description of a while loop is damaged ({first_line(error, 100)}); "
            "copy the .meta file again"
        ) from error
