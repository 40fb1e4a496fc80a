"""While loops of TensorFlow 1: what must be kept so that they can be differentiated.

The operations of such a loop (Enter, Merge, Switch, Exit, NextIteration) do
not say that they belong together; the notes of a meta graph do.
"""

import tensorflow as tf

from legacy_gbp.graph.nodes import by_name, producer
from legacy_gbp.graph.prune import prune

NOTES = "while_context"


def loop_roots(meta, output):
    """Exits of the loops that an output needs: a loop is kept whole or not at all.

    Parameters
    ----------
    meta : MetaGraphDef
    output : str
        Name of a node.

    Returns
    -------
    list of str
    """
    needed = by_name(prune(meta.graph_def, [output]))
    return [
        producer(name)
        for note in _notes(meta)
        if producer(note.pivot_name) in needed
        for name in note.loop_exit_names
    ]


def keep_loop_notes(meta, graph_def):
    """The notes about loops of a part of a graph.

    Parameters
    ----------
    meta : MetaGraphDef
    graph_def : GraphDef
        The part that is kept.

    Returns
    -------
    list of WhileContextDef
    """
    nodes = by_name(graph_def)
    kept = []
    for note in _notes(meta):
        if producer(note.pivot_name) not in nodes:
            continue
        values = [name for name in note.values_def.values if producer(name) in nodes]
        del note.values_def.values[:]
        note.values_def.values.extend(values)
        for inner in list(note.values_def.external_values):
            if producer(note.values_def.external_values[inner]) not in nodes:
                del note.values_def.external_values[inner]
        kept.append(note)
    return kept


def meta_of(graph_def, notes):
    """A MetaGraphDef of a graph and the notes about its loops."""
    meta = tf.compat.v1.MetaGraphDef(graph_def=graph_def)
    meta.collection_def[NOTES].bytes_list.value.extend(note.SerializeToString() for note in notes)
    return meta


def _notes(meta):
    from tensorflow.core.protobuf import control_flow_pb2

    if NOTES not in meta.collection_def:
        return []
    stored = meta.collection_def[NOTES].bytes_list.value
    return [control_flow_pb2.WhileContextDef.FromString(note) for note in stored]
