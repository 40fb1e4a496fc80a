"""TF1 checkpoints with their graph: ``model.meta`` beside ``model.index`` and ``model.data-...``.

The weights are read from the checkpoint as arrays and become constants:
nothing of the graph runs before it is checked. While loops of TensorFlow 1 keep
their contexts, which only a meta graph has.
"""

import os
import re
from typing import Any, List, Mapping, Optional, Sequence, Tuple, Union

import tensorflow as tf

from legacy_gbp.errors import InputError, shortened
from legacy_gbp.graph.infer_endpoints import infer_endpoints
from legacy_gbp.graph.nodes import producer
from legacy_gbp.graph.open_inputs import with_open_inputs
from legacy_gbp.graph.prune import prune
from legacy_gbp.graph.structure import check_structure
from legacy_gbp.graph.while_loops import kept_contexts, loop_exits
from legacy_gbp.io.checkpoint_files import (
    INDEX,
    META,
    check_regular,
    latest_named,
    prefix_of,
)
from legacy_gbp.io.protobuf import parse_message
from legacy_gbp.models.imported_graph import ImportedGraph
from legacy_gbp.models.restored_keys import restored_keys
from legacy_gbp.models.tf_checkpoint_reader import CheckpointVariables

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
    meta = parse_message(tf.compat.v1.MetaGraphDef(), meta_file(prefix), "meta graph")
    places = restored_keys(meta.graph_def, meta.saver_def.restore_op_name)
    values = CheckpointVariables(prefix, places)
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
    check_structure(meta.graph_def, where)
    inputs, output = infer_endpoints(meta.graph_def, input, output, where)
    # What lies before the inputs, such as loops of a preprocessing, is not needed.
    opened = tf.compat.v1.MetaGraphDef()
    opened.CopyFrom(meta)
    graph_def, inputs = with_open_inputs(meta.graph_def, inputs, where)
    opened.graph_def.CopyFrom(graph_def)
    needed = prune(opened.graph_def, [producer(output), *loop_exits(opened, producer(output))])
    contexts = kept_contexts(meta, needed)
    return ImportedGraph(needed, inputs, output, where, feeds, trusted, values, contexts)


def checkpoint_prefix(path: str) -> str:
    """Return the prefix of a checkpoint.

    Parameters
    ----------
    path : str
        The prefix, one of its files, or a folder. Of a folder it is the latest checkpoint that
        is there, by its ``checkpoint`` file or by its number: the file may name the folder of
        another machine.

    Returns
    -------
    str

    Raises
    ------
    InputError
        For a prefix without its files; lists the checkpoints that are there.
    """
    if os.path.isdir(path):
        return _latest(path)
    prefix = prefix_of(path)
    check_regular(prefix)
    if os.path.isfile(prefix) or os.path.exists(prefix + INDEX):  # a file alone is of format V1
        return prefix
    there = checkpoints_in(os.path.dirname(prefix) or ".")
    raise InputError(f"{prefix}: no checkpoint with .index here{_listed(prefix, there)}")


def checkpoints_in(folder: str) -> List[str]:
    """Return the prefixes of the checkpoints in a folder.

    Parameters
    ----------
    folder : str

    Returns
    -------
    list of str
        By their step, the last number of their names.
    """
    names = os.listdir(folder) if os.path.isdir(folder) else []
    stems = {name[: -len(INDEX)] for name in names if name.endswith(INDEX)}
    stems |= {name[: -len(META)] for name in names if name.endswith(META)} & set(names)
    return [os.path.join(folder, stem) for stem in sorted(stems, key=_step)]


def _step(stem: str) -> Tuple[int, str]:
    numbers = re.findall(r"\d+", stem)
    return int(numbers[-1]) if numbers else -1, stem


def _latest(folder: str) -> str:
    there = checkpoints_in(folder)
    if not there:
        raise InputError(f"{folder}: holds no checkpoint; name the prefix of one")
    return latest_named(folder, there) or there[-1]


def meta_file(prefix: str) -> str:
    """Return the meta graph of a checkpoint: its own, or the only one beside it.

    Parameters
    ----------
    prefix : str

    Returns
    -------
    str

    Raises
    ------
    InputError
        For none, or several of other checkpoints.
    """
    if os.path.exists(prefix + META):
        return prefix + META
    folder = os.path.dirname(prefix) or "."
    others = sorted(name for name in os.listdir(folder) if name.endswith(META))
    if len(others) != 1:
        found = f"; {folder} holds {shortened(others, MOST_LISTED)}" if others else ""
        raise InputError(
            f"{prefix}{META}: no such file, so the graph is not known{found}; copy it beside the "
            "checkpoint"
        )
    return os.path.join(folder, others[0])


def _listed(prefix: str, there: Sequence[str]) -> str:
    names = [os.path.basename(found) for found in there]
    folder = os.path.dirname(prefix) or "."
    return f"; {folder} holds {shortened(names, MOST_LISTED)}" if names else "; check the name"
