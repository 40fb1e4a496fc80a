"""TF1 checkpoints with their graph: ``model.meta`` beside ``model.index`` and ``model.data-...``.

The weights are read from the checkpoint as arrays and become constants:
nothing of the graph runs before it has been looked at. While loops of
TensorFlow 1 keep the notes about them that only a meta graph has.
"""

import os
import re

import tensorflow as tf

from legacy_gbp.errors import InputError
from legacy_gbp.graph.infer_endpoints import find_ends
from legacy_gbp.graph.nodes import by_name, data_inputs, producer
from legacy_gbp.graph.prune import prune
from legacy_gbp.graph.while_loops import keep_loop_notes, loop_roots
from legacy_gbp.models.imported_graph import Imported, with_open_inputs
from legacy_gbp.models.read_graph_def import BROKEN, read_bytes


def meta_graph(path, input=None, output=None, feeds=None, trusted=False):
    """A checkpoint with its meta graph as a source.

    Parameters
    ----------
    path : str
        The prefix (``model-1200``), one of its files, or a folder, whose latest
        checkpoint is taken.
    input, output, feeds, trusted
        See :func:`legacy_gbp.models.frozen_graph.frozen_graph`.

    Returns
    -------
    Imported
    """
    prefix = checkpoint_prefix(path)
    meta = tf.compat.v1.MetaGraphDef()
    try:
        meta.ParseFromString(read_bytes(prefix + ".meta"))
    except BROKEN as error:
        raise InputError(f"{prefix}.meta: not a meta graph, or cut off; copy it again") from error
    values = Checkpoint(prefix, saved_keys(meta.graph_def))
    return from_meta(meta, values, prefix, input, output, feeds, trusted)


def from_meta(meta, values, where, input=None, output=None, feeds=None, trusted=False):
    """A MetaGraphDef and the values of its variables as a source."""
    graph_def = meta.graph_def
    inputs, output = find_ends(graph_def, input, output, where)
    # What lies before the inputs, such as loops of a preprocessing, is not needed.
    opened = tf.compat.v1.MetaGraphDef()
    opened.CopyFrom(meta)
    opened.graph_def.CopyFrom(with_open_inputs(graph_def, inputs, where))
    needed = prune(opened.graph_def, [producer(output), *loop_roots(opened, producer(output))])
    notes = keep_loop_notes(meta, needed)
    return Imported(needed, inputs, output, where, feeds, trusted, values, notes)


def checkpoint_prefix(path):
    """The prefix of a checkpoint, from the prefix, a file of it, or a folder.

    Raises
    ------
    InputError
        For a prefix without its files; lists the steps that are there.
    """
    if os.path.isdir(path):
        latest = tf.train.latest_checkpoint(path)
        if latest is None:
            raise InputError(f"{path}: holds no checkpoint; name the prefix of one")
        return latest
    prefix = re.sub(r"\.(index|meta|data-\d+-of-\d+)$", "", path)
    old = os.path.isfile(prefix)  # until 2016 a checkpoint was one file
    if not (old or os.path.exists(prefix + ".index")) or not os.path.exists(prefix + ".meta"):
        folder = os.path.dirname(prefix) or "."
        there = []
        if os.path.isdir(folder):
            there = sorted(name[:-5] for name in os.listdir(folder) if name.endswith(".meta"))
        listed = f"; {folder} holds {', '.join(there[:8])}" if there else ""
        raise InputError(f"{prefix}: no checkpoint with .index and .meta here{listed}")
    return prefix


def saved_keys(graph_def):
    """Where the saver of a graph restores its variables from.

    Parameters
    ----------
    graph_def : GraphDef

    Returns
    -------
    dict of str to (str, str)
        Name of a variable to its key in the checkpoint, and its slice as the
        saver writes it: empty, or such as ``10 4 0,5:-`` for part of a variable.
    """
    nodes, found = by_name(graph_def), {}
    for node in graph_def.node:
        if node.op not in ("Assign", "AssignVariableOp") or len(data_inputs(node)) < 2:
            continue
        variable, name = data_inputs(node)[:2]
        while producer(name) in nodes and nodes[producer(name)].op in ("Identity", "Reshape"):
            name = nodes[producer(name)].input[0]
        restore = nodes.get(producer(name))
        if restore is None or restore.op != "RestoreV2":
            continue
        number = int(name.partition(":")[2] or 0)
        parts = [nodes.get(producer(read)) for read in data_inputs(restore)[1:3]]
        if all(part is not None and part.op == "Const" for part in parts):
            keys, slices = (tf.make_ndarray(part.attr["value"].tensor) for part in parts)
            found[producer(variable)] = (keys[number].decode(), slices[number].decode())
    return found


class Checkpoint:
    """The variables of a checkpoint by name, read when asked.

    Parameters
    ----------
    prefix : str
    keys : dict of str to (str, str), optional
        As of :func:`saved_keys`, where they differ from the names.
    """

    def __init__(self, prefix, keys=None):
        self._keys = keys or {}
        try:
            self._reader = tf.train.load_checkpoint(prefix)
            self._names = set(self._reader.get_variable_to_shape_map())
        except (tf.errors.OpError, ValueError, RuntimeError, IndexError) as error:
            reason = str(error).splitlines()[0]
            raise InputError(
                f"{prefix}: not a readable checkpoint ({reason}); copy its .index and .data files "
                "again"
            ) from error

    def __contains__(self, name):
        return self._place(name)[0] in self._names

    def __iter__(self):
        return iter(sorted(self._names))

    def __getitem__(self, name):
        key, part = self._place(name)
        value = self._reader.get_tensor(key)
        return value[_slices(part)] if part else value

    def _place(self, name):
        return self._keys.get(name, (name, ""))


def _slices(text):
    """``10 4 0,5:-``, a shape and (start, length) of every axis, as slices."""
    ranges = [axis.split(",") for axis in text.split(" ")[-1].split(":")]
    return tuple(
        slice(None) if axis == ["-"] else slice(int(axis[0]), int(axis[0]) + int(axis[1]))
        for axis in ranges
    )
