"""The variables of a SavedModel, read from its checkpoint ``variables/variables`` as arrays."""

import os
from typing import Any, Dict, Iterator, Mapping

from legacy_gbp.errors import InputError
from legacy_gbp.graph.freeze import VARIABLES
from legacy_gbp.io.checkpoint_files import INDEX
from legacy_gbp.io.protobuf import BROKEN
from legacy_gbp.models.restored_keys import Place, restored_keys
from legacy_gbp.models.tf_checkpoint_reader import CheckpointVariables

PREFIX = os.path.join("variables", "variables")
OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"  # the key that TensorFlow 2 keeps names under
VALUE = "VARIABLE_VALUE"


def saved_variables(path: str, meta: Any, needed: Any) -> Mapping[str, Any]:
    """Return the variables that a part of a SavedModel's graph needs.

    The saver in the graph says which key is which variable. Where it cannot be read, a variable
    has the key of its name, or the key that the objects of TensorFlow 2 record for its name.

    Parameters
    ----------
    path : str
        The folder of the SavedModel.
    meta : MetaGraphDef
    needed : GraphDef
        Its functions inlined.

    Returns
    -------
    mapping of str to array
        By the names of `needed`, read when asked; without those that have no value.

    Raises
    ------
    InputError
        For missing or unreadable files, and for links out of the folder.
    """
    variables = [node for node in needed.node if node.op in VARIABLES]
    if not variables:
        return {}
    prefix = os.path.join(path, PREFIX)
    _check_files(path, prefix)
    places = restored_keys(meta.graph_def, meta.saver_def.restore_op_name)
    # Handles of one shared name are one variable.
    shared = {_identity(node): places[node.name] for node in _variables_in(meta, places)}
    for node in variables:
        if node.name not in places and _identity(node) in shared:
            places[node.name] = shared[_identity(node)]
    values = CheckpointVariables(prefix, places)
    left = [node for node in variables if node.name not in places and node.name not in values]
    if left and isinstance(values.get(OBJECT_GRAPH), bytes):
        recorded = _keys_of_objects(values[OBJECT_GRAPH], prefix)
        for node in left:
            if _identity(node) in recorded:
                places[node.name] = Place(recorded[_identity(node)], "")
        values = CheckpointVariables(prefix, places)
    return values


def _variables_in(meta: Any, names: Mapping[str, Any]) -> Iterator[Any]:
    for node in meta.graph_def.node:
        if node.op in VARIABLES and node.name in names:
            yield node


def _identity(node: Any) -> str:
    """Return the name of the memory of a variable."""
    shared: bytes = node.attr["shared_name"].s
    return shared.decode("utf-8", "replace") or str(node.name)


def _keys_of_objects(stored: Any, prefix: str) -> Dict[str, str]:
    """Return the keys of variables by the names that their program gave to them, if unique."""
    from tensorflow.core.protobuf import trackable_object_graph_pb2

    try:
        objects = trackable_object_graph_pb2.TrackableObjectGraph.FromString(stored)
    except BROKEN as error:
        raise InputError(
            f"{prefix}: its object graph cannot be read; export the model again"
        ) from error
    found: Dict[str, str] = {}
    several = set()
    for entry in objects.nodes:
        for attribute in entry.attributes:
            name, key = attribute.full_name, attribute.checkpoint_key
            if attribute.name == VALUE and found.setdefault(name, key) != key:
                several.add(name)
    return {name: key for name, key in found.items() if name not in several}


def _check_files(path: str, prefix: str) -> None:
    """Refuse a checkpoint that is not there, lies outside of the folder, or is no file."""
    if not os.path.exists(prefix + INDEX):
        raise InputError(f"{prefix}{INDEX}: no such file; copy the model's folder again")
    inside = os.path.join(os.path.realpath(path), "")
    for name in sorted(os.listdir(os.path.dirname(prefix))):
        file = os.path.join(os.path.dirname(prefix), name)
        if not os.path.realpath(file).startswith(inside):
            raise InputError(
                f"{file}: is a link out of the model's folder; put the file itself there if you "
                "trust it"
            )
        if not os.path.isfile(file) and not os.path.isdir(file):
            raise InputError(f"{file}: is not a file; copy the model's folder again")
