"""A file for Keras 3, written here from what was checked.

Keras decides by the ending and by the last bytes of a file what it is, and opens it again. It
is handed a file that holds the topology that was read here, and the arrays that were read
here, and nothing else: no other members, links, training state.
"""

import contextlib
import json
import os
import tempfile
import zipfile
from typing import Any, Dict, Iterator, List, Set, Tuple

import numpy as np

from legacy_gbp.io.hdf5 import create_hdf5, is_dataset, is_group
from legacy_gbp.io.stored_rows import read_all
from legacy_gbp.models.keras_files import KerasFile, hdf5_of
from legacy_gbp.models.keras_hdf5 import BFLOAT16, names_in, text_in
from legacy_gbp.models.keras_layers import parameters_of
from legacy_gbp.models.keras_trust import LAYERS, is_unused, layers_in
from legacy_gbp.models.keras_zeros import NAME
from legacy_gbp.models.keras_zip import CONFIG, METADATA, WEIGHTS

LISTS = ("layer_names", "weight_names")
TEXTS = ("name", "dtype", "backend", "keras_version")
ATTRIBUTE_BYTES = 60000  # HDF5 takes 64 kB


@contextlib.contextmanager
def copied_for_keras(file: KerasFile, library: Any) -> Iterator[Tuple[str, int]]:
    """Yield a file for ``load_model`` of Keras 3, and the number of values in its arrays.

    Parameters
    ----------
    file : KerasFile
        Its topology has been checked.
    library : module
        Keras 3. It finds the initialiser :data:`legacy_gbp.models.keras_zeros.NAME`.

    Yields
    ------
    path : str
    values : int

    Raises
    ------
    InputError
        For data that are missing or damaged.
    """
    topology = json.dumps(_without_training(file.topology, library))
    with tempfile.TemporaryDirectory() as folder:
        weights = os.path.join(folder, WEIGHTS)
        with hdf5_of(file) as source:
            if not file.is_zip:
                path = os.path.join(folder, "model.h5")
                values = _write(source["model_weights"], path, file.path, "model_weights", topology)
                yield path, values
                return
            values = _write(source, weights, file.path)
        path = os.path.join(folder, "model.keras")
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(METADATA, json.dumps({"keras_version": file.version}))
            archive.writestr(CONFIG, topology)
            archive.write(weights, WEIGHTS)
        os.remove(weights)
        yield path, values


def _without_training(topology: Any, library: Any) -> Any:
    """Return a topology without what is never made, with the initialiser of ours."""

    def kept(value: Any) -> Any:
        if isinstance(value, list):
            return [kept(one) for one in value]
        if not isinstance(value, dict):
            return value
        return {key: kept(one) for key, one in value.items() if not is_unused(key)}

    found = kept(topology)
    base = library.layers.Layer
    taken: Dict[str, Set[str]] = {}
    for kind, config in layers_in(found):
        made = getattr(library.layers, kind, None) if kind in LAYERS else None
        if made is None:
            continue
        if kind not in taken:
            taken[kind] = {key for key in parameters_of(made, base) if key.endswith("_initializer")}
        config.update(dict.fromkeys(taken[kind], NAME))
    return found


def _write(source: Any, path: str, where: str, room: str = "", topology: str = "") -> int:
    """Copy groups and arrays to a new file; return the number of values."""
    values = 0
    with create_hdf5(path) as target:
        if topology:
            target.attrs["model_config"] = topology.encode("utf-8")
        root = target.create_group(room) if room else target
        pending: List[Tuple[Any, Any]] = [(source, root)]
        while pending:
            group, copy = pending.pop()
            _copy_attributes(group, copy, where)
            for name in group:
                found = group[name]
                if is_group(found):
                    pending.append((found, copy.create_group(name)))
                elif is_dataset(found) and found.shape is not None:
                    array = _array(found, where)
                    values += array.size
                    copy.create_dataset(name, data=array)
                    _copy_attributes(found, copy[name], where)
    return values


def _array(dataset: Any, where: str) -> np.ndarray:
    if dataset.dtype.kind == "V" and text_in(dataset, "dtype", where) == BFLOAT16:
        found: np.ndarray = dataset[()]
        return found
    return read_all(dataset, where, dataset.name)


def _copy_attributes(found: Any, copy: Any, where: str) -> None:
    for key in TEXTS:
        text = text_in(found, key, where)
        if text:
            copy.attrs[key] = text
    for key in LISTS:
        names = [name.encode("utf-8") for name in names_in(found, key, where)]
        if not names and key not in found.attrs:
            continue
        longest = max([len(name) for name in names] or [1])
        most = max(ATTRIBUTE_BYTES // longest, 1)
        parts = [names[start : start + most] for start in range(0, len(names), most)] or [names]
        for number, part in enumerate(parts):
            copy.attrs[key if len(parts) == 1 else f"{key}{number}"] = np.array(part, "S")
