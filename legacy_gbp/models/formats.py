"""Any model file or folder: which format it is, and how to open it.

A new format is a file here and a row of FORMATS.
"""

import glob
import importlib
import os
from typing import Any, Callable, NamedTuple, Tuple

from legacy_gbp.errors import InputError
from legacy_gbp.io.checkpoint_files import INDEX, META
from legacy_gbp.models.imported_graph import ImportedGraph
from legacy_gbp.models.keras_files import is_keras_file


class Format(NamedTuple):
    """A format of model files.

    Attributes
    ----------
    name : str
        For messages.
    fits : callable
        ``fits(path)`` returns whether a path is of this format.
    function : str
        Module of this folder and function that opens it.
    """

    name: str
    fits: Callable[[str], bool]
    function: str


def _has(path: str, name: str) -> bool:
    return os.path.exists(os.path.join(path, name))


def _is_checkpoint(path: str) -> bool:
    stem = path[: -len(META)] if path.endswith(META) else path
    return os.path.exists(stem + META) or os.path.exists(stem + INDEX)


# The first that fits is taken.
FORMATS: Tuple[Format, ...] = (
    Format("frozen graph", lambda path: path.endswith((".pb", ".pbtxt")),
           "frozen_graphs.frozen_graph"),
    Format("SavedModel", lambda path: _has(path, "saved_model.pb"), "saved_models.saved_model"),
    Format("Keras model", lambda path: path.endswith((".h5", ".hdf5", ".keras"))
           or is_keras_file(path), "keras_models.keras_model"),
    Format("checkpoint", lambda path: _has(path, "checkpoint") or _is_checkpoint(path)
           or bool(glob.glob(os.path.join(glob.escape(path), "*" + INDEX))),
           "meta_graphs.meta_graph"),
)  # fmt: skip


def model_file(path: str, **options: Any) -> ImportedGraph:
    """Open a model of any format that has a row.

    Parameters
    ----------
    path : str
        A ``.pb`` or ``.pbtxt`` file, a Keras file of any name, the folder of a
        SavedModel or of checkpoints, or the prefix of a checkpoint.
    **options
        ``input``, ``output``, ``feeds``, ``trusted`` for every format; ``signature``
        for a SavedModel.

    Returns
    -------
    ImportedGraph

    Raises
    ------
    InputError
        For a file of none of these formats.
    ModelError
        For a model that cannot be used.

    Examples
    --------
    >>> source = model_file("model.pb", input="images", output="logits")  # doctest: +SKIP
    """
    row = format_of(path)
    if row.name != "SavedModel" and options.pop("signature", None) is not None:
        raise InputError(f"{path}: is a {row.name}; `signature` is for a SavedModel, leave it out")
    module, _, function = row.function.rpartition(".")
    opener = getattr(importlib.import_module("legacy_gbp.models." + module), function)
    source: ImportedGraph = opener(path, **options)
    return source


def format_of(path: str) -> Format:
    """Return the row of FORMATS that fits a path.

    Parameters
    ----------
    path : str

    Returns
    -------
    Format

    Raises
    ------
    InputError
        That lists the formats.
    """
    for row in FORMATS:
        if row.fits(path):
            return row
    if not os.path.exists(path):
        raise InputError(
            f"{path}: no such file or folder, and no checkpoint of that prefix; check the name"
        )
    raise InputError(
        f"{path}: not a model that is known here; give one of "
        f"{', '.join(row.name for row in FORMATS)} (.pb, .pbtxt, .h5, .keras, a folder, a prefix)"
    )
