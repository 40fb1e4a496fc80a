"""What a Keras file holds: topology, version, and the arrays of every layer. No Keras is needed.

What kind of file it is, its first bytes say, and nothing else: HDF5 with a zip archive behind
it is HDF5.
"""

import contextlib
import glob
import os
import tempfile
from typing import Any, Dict, Iterator, List, NamedTuple

from legacy_gbp.errors import InputError, ModelError, shortened
from legacy_gbp.io.hdf5 import is_dataset, is_group, open_hdf5
from legacy_gbp.io.hdf5_filters import NUMBERS
from legacy_gbp.io.stored_rows import read_all
from legacy_gbp.models.keras_arrays import OBJECT, Stored
from legacy_gbp.models.keras_hdf5 import check_tree, hdf5_errors, names_in, text_in
from legacy_gbp.models.keras_json import MOST_BYTES, parse_json
from legacy_gbp.models.keras_zip import (
    CONFIG,
    METADATA,
    WEIGHTS,
    copy_member,
    is_keras_zip,
    read_member,
)

HDF5_MAGIC, ZIP_MAGIC = b"\x89HDF\r\n\x1a\n", b"PK\x03\x04"
JSON = ".json"
# Parts of a layer, in the order in which Keras lists their arrays.
SUBGROUPS = (
    "forward_layer", "backward_layer", "query_dense", "key_dense", "value_dense", "output_dense",
)  # fmt: skip
OBJECT_ROOMS = ("layers", "_layer_checkpoint_dependencies")


class KerasFile(NamedTuple):
    """A file of Keras.

    Attributes
    ----------
    path : str
    is_zip : bool
        HDF5 otherwise, whatever its name.
    topology : dict
        Parsed JSON.
    topology_path : str
        The file that holds the topology.
    version, backend : str
        Of the Keras that wrote it; empty where the file does not say them.
    """

    path: str
    is_zip: bool
    topology: Any
    topology_path: str
    version: str
    backend: str


def is_keras_file(path: str) -> bool:
    """Return whether a file is one of Keras by its first bytes.

    Parameters
    ----------
    path : str

    Returns
    -------
    bool
    """
    if not os.path.isfile(path):
        return False
    magic = _magic(path)
    return is_keras_zip(path) if magic == ZIP_MAGIC else magic == HDF5_MAGIC


def begins_as_zip(path: str) -> bool:
    """Return whether a file is a zip archive by its first bytes: a model of Keras 3.

    Parameters
    ----------
    path : str

    Returns
    -------
    bool
    """
    return os.path.isfile(path) and _magic(path) == ZIP_MAGIC


def read_keras_file(path: str) -> KerasFile:
    """Read all of a file except its arrays.

    Parameters
    ----------
    path : str
        Of any name.

    Returns
    -------
    KerasFile
        With the topology of a JSON file beside it where it holds weights alone.

    Raises
    ------
    InputError
        For a file that is missing, truncated, or of another kind.
    ModelError
        For weights without a topology.
    """
    if not os.path.isfile(path):
        raise InputError(f"{path}: no such file; check the name")
    magic = _magic(path)
    if magic == ZIP_MAGIC:
        return _of_zip(path)
    if magic != HDF5_MAGIC:
        raise ModelError(
            f"{path}: Keras cannot load it (neither HDF5 nor a zip archive); copy it again"
        )
    with hdf5_errors(path), open_hdf5(path) as file:
        check_tree(file, path)
        weights = file["model_weights"] if is_group(file.get("model_weights")) else file
        found = {
            key: text_in(file, key, path) or text_in(weights, key, path)
            for key in ("keras_version", "backend")
        }
        text, topology_path = text_in(file, "model_config", path).encode("utf-8"), path
        if not text:
            topology_path = _json_beside(path, weights)
            found["keras_version"] = ""  # of the arrays: the topology may be of another version
            text = _text_of_file(topology_path)
    topology = parse_json(text, f"{topology_path}: its topology")
    return KerasFile(path, False, topology, topology_path, found["keras_version"], found["backend"])


@contextlib.contextmanager
def hdf5_of(file: KerasFile) -> Iterator[Any]:
    """Yield the HDF5 that holds the arrays, checked.

    Parameters
    ----------
    file : KerasFile

    Yields
    ------
    h5py.File

    Raises
    ------
    InputError
        For data that are missing or damaged.
    """
    with contextlib.ExitStack() as stack:
        path = file.path
        if file.is_zip:
            path = os.path.join(stack.enter_context(tempfile.TemporaryDirectory()), WEIGHTS)
            copy_member(file.path, WEIGHTS, path)
        stack.enter_context(hdf5_errors(file.path))
        opened = stack.enter_context(open_hdf5(path))
        check_tree(opened, file.path)
        yield opened


def arrays_of(file: KerasFile) -> Dict[str, List[Stored]]:
    """Return the arrays of every layer, in their order.

    Parameters
    ----------
    file : KerasFile

    Returns
    -------
    dict of str to list of Stored

    Raises
    ------
    InputError
        For data that are missing or damaged.
    """
    with hdf5_of(file) as opened:
        return _arrays(opened, file.path)


def _magic(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            start = file.read(len(HDF5_MAGIC))
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}); change its permissions"
        ) from error
    return ZIP_MAGIC if start.startswith(ZIP_MAGIC) else start


def _of_zip(path: str) -> KerasFile:
    topology = parse_json(read_member(path, CONFIG), f"{path}: its {CONFIG}")
    metadata = parse_json(read_member(path, METADATA), f"{path}: its {METADATA}")
    version = metadata.get("keras_version") if isinstance(metadata, dict) else None
    return KerasFile(path, True, topology, path, version if isinstance(version, str) else "", "")


def _text_of_file(path: str) -> bytes:
    """Return what a JSON file holds; what exceeds the bound is cut, and refused by its length."""
    try:
        with open(path, "rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}); change its permissions"
        ) from error


def _arrays(file: Any, where: str) -> Dict[str, List[Stored]]:
    root = file["model_weights"] if is_group(file.get("model_weights")) else file
    names = names_in(root, "layer_names", where)
    if not names:
        return _arrays_of_objects(file, where)
    return {
        layer: [
            Stored(name, _array(root[layer], name, where, f"{layer}/{name}"))
            for name in names_in(root[layer], "weight_names", where)
        ]
        for layer in names
        if layer in root
    }


def _array(group: Any, name: str, where: str, place: str) -> Any:
    """Return an array of numbers."""
    found: Any = group.get(name) if is_group(group) else None
    if not is_dataset(found):
        raise ModelError(
            f"{where}: holds no array {place!r}, which it lists; copy it again, or save the model "
            "again"
        )
    if found.shape is None or found.dtype.kind not in NUMBERS:
        raise ModelError(
            f"{where}: {place!r} holds no numbers ({found.dtype}); save the model again"
        )
    return read_all(found, where, place)


def _arrays_of_objects(file: Any, where: str) -> Dict[str, List[Stored]]:
    """Read the layout of Keras 3: a group for every layer, ``vars`` in it and below it."""
    rooms = [file[name] for name in OBJECT_ROOMS if is_group(file.get(name))]
    found: Dict[str, List[Stored]] = {}
    for group, name in [(room[name], name) for room in rooms[:1] for name in room]:
        arrays: List[Stored] = []
        layer = _object_name(group, name, where)
        _collect(group, where, layer, arrays)
        found[layer] = arrays
    return {name: arrays for name, arrays in found.items() if arrays}


def _object_name(group: Any, name: str, where: str) -> str:
    """Return the name of a layer, which newer files say; else that of its group, by class."""
    stored = group.get("vars") if is_group(group) else None
    known = "" if stored is None else text_in(stored, "name", where)
    return known or OBJECT + name


def _collect(group: Any, where: str, name: str, arrays: List[Stored]) -> None:
    """Append the arrays of a group and of those inside; their names are paths of layers."""
    stored = group.get("vars")
    if is_group(stored):
        for key in sorted((one for one in stored if one.isdigit()), key=int):
            place = f"{stored.name}/{key}"
            arrays.append(Stored(f"{name}/{key}", _array(stored, key, where, place)))
    inside = [
        one
        for one in group
        if one not in ("vars", "seed_generator")
        and is_group(group[one])
        and _has_arrays(group[one])
    ]
    unknown = [one for one in inside if one.lstrip("_") not in SUBGROUPS]
    if len(inside) > 1 and unknown and group.name.split("/")[-1] not in (*OBJECT_ROOMS, "cells"):
        raise ModelError(
            f"{where}: {group.name} holds {', '.join(inside)}, whose order is not known here; save "
            "the model as .h5"
        )
    for one in sorted(inside, key=_place_of_subgroup):
        room = one in OBJECT_ROOMS or group.name.split("/")[-1] not in OBJECT_ROOMS
        below = name if room else f"{name}/{_object_name(group[one], one, where)}"
        _collect(group[one], where, below, arrays)


def _place_of_subgroup(name: str) -> Any:
    plain = name.lstrip("_")
    known = SUBGROUPS.index(plain) if plain in SUBGROUPS else len(SUBGROUPS)
    number = name.rpartition("_")[2]
    return known, int(number) if number.isdigit() else 0, name


def _has_arrays(group: Any) -> bool:
    """Return whether an object is a dataset, or a group with one anywhere in it."""
    if not is_group(group):
        return is_dataset(group)
    return any(_has_arrays(group[one]) for one in group)


def _json_beside(path: str, weights: Any) -> str:
    """Return the JSON file that holds the topology of a file of weights."""
    if not names_in(weights, "layer_names", path) and "layers" not in weights:
        holds = ", ".join(sorted(weights)[:5]) or "nothing"
        raise ModelError(
            f"{path}: Keras cannot load it (no topology and no layers; it holds {holds}); give a "
            "file of `model.save`"
        )
    folder, stem = os.path.dirname(path), os.path.splitext(os.path.basename(path))[0]
    stems = [stem, *(stem.replace(part, "") for part in ("_weights", ".weights", "-weights"))]
    stems += [stem.replace("weights", "model"), stem.replace("weights", "architecture")]
    stems += ["model", "architecture"]
    for name in stems:
        if name and os.path.isfile(os.path.join(folder, name + JSON)):
            return os.path.join(folder, name + JSON)
    others = sorted(glob.glob(os.path.join(glob.escape(folder or "."), "*" + JSON)))
    if len(others) == 1:
        return others[0]
    found = f"; {shortened([os.path.basename(one) for one in others])} are there" if others else ""
    raise ModelError(
        f"{path}: holds weights alone, and the topology is missing; put the JSON of "
        f"`model.to_json()` beside it as {stem}{JSON}{found}"
    )
