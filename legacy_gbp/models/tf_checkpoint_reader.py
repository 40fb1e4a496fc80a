"""The variables of a checkpoint as the arrays that a graph's saver would restore."""

from typing import Any, Dict, Iterator, Mapping, Optional, Tuple

import tensorflow as tf

from legacy_gbp.graph.nodes import by_name, data_inputs, output_number, producer
from legacy_gbp.io.tf_checkpoint import checkpoint_reader, read_tensor

Keys = Dict[str, Tuple[str, str]]


class CheckpointVariables(Mapping[str, Any]):
    """The variables of a checkpoint by name, read when asked.

    Parameters
    ----------
    prefix : str
    keys : dict of str to (str, str), optional
        From :func:`saved_keys`, where the keys differ from the names.

    Raises
    ------
    InputError
        For an unreadable checkpoint.
    """

    def __init__(self, prefix: str, keys: Optional[Keys] = None) -> None:
        self._prefix, self._keys = prefix, keys or {}
        self._reader = checkpoint_reader(prefix)
        self._names = set(self._reader.get_variable_to_shape_map())

    def __contains__(self, name: object) -> bool:
        return self._place(str(name))[0] in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._names))

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, name: str) -> Any:
        key, part = self._place(name)
        value = read_tensor(self._reader, self._prefix, key)
        return value[_slices(part)] if part else value

    def _place(self, name: str) -> Tuple[str, str]:
        return self._keys.get(name, (name, ""))


def saved_keys(graph_def: Any) -> Keys:
    """Return where the saver of a graph restores its variables from.

    Parameters
    ----------
    graph_def : GraphDef

    Returns
    -------
    dict of str to (str, str)
        Name of a variable to its key in the checkpoint, and its slice as the
        saver writes it: empty, or such as ``10 4 0,5:-`` for a part of a variable.
    """
    nodes = by_name(graph_def)
    found: Keys = {}
    for node in graph_def.node:
        if node.op in ("Assign", "AssignVariableOp") and len(data_inputs(node)) >= 2:
            variable, value = data_inputs(node)[:2]
            key = _restored_from(nodes, value)
            if key:
                found[producer(variable)] = key
    return found


def _restored_from(nodes: Dict[str, Any], value: str) -> Optional[Tuple[str, str]]:
    """Key and slice of the restore operation behind a value, if there is one."""
    while producer(value) in nodes and nodes[producer(value)].op in ("Identity", "Reshape"):
        value = nodes[producer(value)].input[0]
    restore = nodes.get(producer(value))
    if restore is None or restore.op != "RestoreV2":
        return None
    named = [nodes.get(producer(read)) for read in data_inputs(restore)[1:3]]
    if not all(node is not None and node.op == "Const" for node in named):
        return None
    keys, slices = (tf.make_ndarray(node.attr["value"].tensor) for node in named if node)
    number = output_number(value)
    return keys[number].decode(), slices[number].decode()


def _slices(written: str) -> Tuple[slice, ...]:
    """Return the slices of ``10 4 0,5:-``: a shape and (start, length) of every axis."""
    ranges = [axis.split(",") for axis in written.split(" ")[-1].split(":")]
    return tuple(
        slice(None) if axis == ["-"] else slice(int(axis[0]), int(axis[0]) + int(axis[1]))
        for axis in ranges
    )
