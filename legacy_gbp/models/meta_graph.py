"""TF1 checkpoints with their graph: ``model.meta`` beside ``model.index`` and ``model.data-...``.

The weights are read from the checkpoint as arrays and become constants:
nothing of the graph runs before it is checked. While loops of TensorFlow 1 keep
their contexts, which only a meta graph has.
"""

import os
from typing import Any, Mapping, Optional, Sequence, Union

import tensorflow as tf

from legacy_gbp.errors import InputError, shortened
from legacy_gbp.graph.infer_endpoints import infer_endpoints
from legacy_gbp.graph.nodes import producer
from legacy_gbp.graph.prune import prune
from legacy_gbp.graph.while_loops import kept_contexts, loop_exits
from legacy_gbp.io.checkpoint_files import INDEX, META, prefix_of
from legacy_gbp.io.protobuf import parse_message
from legacy_gbp.models.imported_graph import ImportedGraph, with_open_inputs
from legacy_gbp.models.tf_checkpoint_reader import CheckpointVariables, saved_keys

MOST_LISTED = 8


def meta_graph(
    path: str,
    input: Union[str, Sequence[str], None] = None,
    output: Optional[str] = None,
    feeds: Optional[Mapping[str, Any]] = None,
    trusted: bool = False,
) -> ImportedGraph:
    """Open a checkpoint with its meta graph.

    Parameters
    ----------
    path : str
        The prefix (``model-1200``), one of its files, or a folder, whose latest
        checkpoint is taken.
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
        For missing or truncated files.
    ModelError
        For a graph with several candidates for an endpoint.

    Examples
    --------
    >>> source = meta_graph("run1/model-1200", feeds={"keep_prob": 1.0})  # doctest: +SKIP
    """
    prefix = checkpoint_prefix(path)
    meta = parse_message(tf.compat.v1.MetaGraphDef(), prefix + META, "meta graph")
    values = CheckpointVariables(prefix, saved_keys(meta.graph_def))
    return from_meta(meta, values, prefix, input, output, feeds, trusted)


def from_meta(
    meta: Any,
    values: Mapping[str, Any],
    where: str,
    input: Union[str, Sequence[str], None] = None,
    output: Optional[str] = None,
    feeds: Optional[Mapping[str, Any]] = None,
    trusted: bool = False,
) -> ImportedGraph:
    """Open a meta graph in memory.

    Parameters
    ----------
    meta : MetaGraphDef
    values : mapping of str to array
        Its variables.
    where : str
        The file, for messages.
    input : str or sequence of str, optional
    output : str, optional
    feeds : dict of str to value, optional
    trusted : bool

    Returns
    -------
    ImportedGraph

    Raises
    ------
    ModelError
    """
    inputs, output = infer_endpoints(meta.graph_def, input, output, where)
    # What lies before the inputs, such as loops of a preprocessing, is not needed.
    opened = tf.compat.v1.MetaGraphDef()
    opened.CopyFrom(meta)
    opened.graph_def.CopyFrom(with_open_inputs(meta.graph_def, inputs, where))
    needed = prune(opened.graph_def, [producer(output), *loop_exits(opened, producer(output))])
    contexts = kept_contexts(meta, needed)
    return ImportedGraph(needed, inputs, output, where, feeds, trusted, values, contexts)


def checkpoint_prefix(path: str) -> str:
    """Return the prefix of a checkpoint that has a meta graph.

    Parameters
    ----------
    path : str
        The prefix, one of its files, or a folder.

    Returns
    -------
    str

    Raises
    ------
    InputError
        For a prefix without its files; lists the steps that are there.
    """
    if os.path.isdir(path):
        latest: Optional[str] = tf.train.latest_checkpoint(path)
        if latest is None:
            raise InputError(f"{path}: holds no checkpoint; name the prefix of one")
        return latest
    prefix = prefix_of(path)
    v1_file = os.path.isfile(prefix)  # until 2016 a checkpoint was one file
    if (v1_file or os.path.exists(prefix + INDEX)) and os.path.exists(prefix + META):
        return prefix
    folder = os.path.dirname(prefix) or "."
    there = []
    if os.path.isdir(folder):
        there = sorted(name[: -len(META)] for name in os.listdir(folder) if name.endswith(META))
    listed = f"; {folder} holds {shortened(there, MOST_LISTED)}" if there else ""
    raise InputError(f"{prefix}: no checkpoint with .index and .meta here{listed}")
