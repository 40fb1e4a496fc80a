"""What a Keras file holds: topology, version, and the arrays of every layer. No Keras is needed."""

import contextlib
import glob
import json
import os
import shutil
import tempfile
import zipfile
from typing import Any, Dict, Iterator, List, NamedTuple

from legacy_gbp.errors import InputError, ModelError, shortened
from legacy_gbp.io.hdf5 import is_dataset, is_group, open_hdf5, texts_of
from legacy_gbp.io.stored_rows import check_stored, read_all
from legacy_gbp.models.keras_arrays import OBJECT, Stored

HDF5_MAGIC, ZIP_MAGIC = b"\x89HDF\r\n\x1a\n", b"PK\x03\x04"
WEIGHTS = "model.weights.h5"
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
    topology : str
        JSON; empty where the file holds weights alone.
    topology_path : str
        The file that holds the topology.
    version, backend : str
        Of the Keras that wrote it; empty where the file does not say them.
    """

    path: str
    is_zip: bool
    topology: str
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
    if magic == ZIP_MAGIC:
        return zipfile.is_zipfile(path) and "config.json" in zipfile.ZipFile(path).namelist()
    return magic == HDF5_MAGIC


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
    check_stored(path)  # Keras would read zeros
    with open_hdf5(path) as file:
        weights = file["model_weights"] if is_group(file.get("model_weights")) else file
        found = {
            key: _text(file.attrs.get(key, weights.attrs.get(key, "")))
            for key in ("keras_version", "backend")
        }
        topology, topology_path = _text(file.attrs.get("model_config", "")), path
        if not topology:
            topology_path = _json_beside(path, weights)
            found["keras_version"] = ""  # of the arrays: the topology may be of another version
            with open(topology_path, encoding="utf-8") as text:
                topology = text.read()
    return KerasFile(path, False, topology, topology_path, found["keras_version"], found["backend"])


@contextlib.contextmanager
def under_a_name_of_its_kind(file: KerasFile) -> Iterator[str]:
    """Yield a path whose ending is that of the kind of the file: Keras goes by the ending.

    Parameters
    ----------
    file : KerasFile

    Yields
    ------
    str
    """
    ending = ".keras" if file.is_zip else ".h5"
    if file.path.endswith(ending):
        yield file.path
        return
    with tempfile.TemporaryDirectory() as folder:
        link = os.path.join(folder, "model" + ending)
        os.symlink(os.path.abspath(file.path), link)
        yield link


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
    if not file.is_zip:
        return _arrays(file.path, file.path)
    with tempfile.TemporaryDirectory() as folder:
        extracted = os.path.join(folder, WEIGHTS)
        with contextlib.ExitStack() as stack:
            archive = stack.enter_context(zipfile.ZipFile(file.path))
            packed = stack.enter_context(archive.open(WEIGHTS))
            shutil.copyfileobj(packed, stack.enter_context(open(extracted, "wb")))
        return _arrays(extracted, file.path)


def _magic(path: str) -> bytes:
    with open(path, "rb") as file:
        start = file.read(len(HDF5_MAGIC))
    return ZIP_MAGIC if start.startswith(ZIP_MAGIC) else start


def _of_zip(path: str) -> KerasFile:
    try:
        with zipfile.ZipFile(path) as archive:
            topology = archive.read("config.json").decode()
            metadata = json.loads(archive.read("metadata.json").decode())
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise ModelError(
            f"{path}: Keras cannot load it (a zip archive without a model: {error}); copy it again"
        ) from error
    return KerasFile(path, True, topology, path, str(metadata.get("keras_version", "")), "")


def _arrays(path: str, where: str) -> Dict[str, List[Stored]]:
    with open_hdf5(path) as file:
        root = file["model_weights"] if is_group(file.get("model_weights")) else file
        names = texts_of(root, "layer_names")
        if names:
            return {
                layer: [
                    Stored(name, read_all(root[layer][name], where, f"{layer}/{name}"))
                    for name in texts_of(root[layer], "weight_names")
                ]
                for layer in names
                if layer in root
            }
        return _arrays_of_objects(file, where)


def _arrays_of_objects(file: Any, where: str) -> Dict[str, List[Stored]]:
    """Read the layout of Keras 3: a group for every layer, ``vars`` in it and below it."""
    rooms = [file[name] for name in OBJECT_ROOMS if is_group(file.get(name))]
    found: Dict[str, List[Stored]] = {}
    for group, name in [(room[name], name) for room in rooms[:1] for name in room]:
        arrays: List[Stored] = []
        layer = _object_name(group, name)
        _collect(group, where, layer, arrays)
        found[layer] = arrays
    return {name: arrays for name, arrays in found.items() if arrays}


def _object_name(group: Any, name: str) -> str:
    """Return the name of a layer, which newer files say; else that of its group, by class."""
    stored = group.get("vars")
    known = "" if stored is None else _text(stored.attrs.get("name"))
    return known or OBJECT + name


def _collect(group: Any, where: str, name: str, arrays: List[Stored]) -> None:
    """Append the arrays of a group and of those inside; their names are paths of layers."""
    stored = group.get("vars")
    if stored is not None:
        for key in sorted((one for one in stored if one.isdigit()), key=int):
            place = f"{stored.name}/{key}"
            arrays.append(Stored(f"{name}/{key}", read_all(stored[key], where, place)))
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
        below = name if room else f"{name}/{_object_name(group[one], one)}"
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
    if not texts_of(weights, "layer_names") and "layers" not in weights:
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


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value or "")
