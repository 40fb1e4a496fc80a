"""Any model file or folder: which format it is, and its source.

A new format is a file here and a row of FORMATS.
"""

import glob
import importlib
import os
from collections import namedtuple

from legacy_gbp.errors import InputError

Format = namedtuple("Format", "name fits function")
Format.__doc__ = """A row of the table: what it is called, whether a path is one, its reader."""


def _has(path, name):
    return os.path.exists(os.path.join(path, name))


def _is_checkpoint(path):
    stem = path[: -len(".meta")] if path.endswith(".meta") else path
    return os.path.exists(stem + ".meta") or bool(glob.glob(glob.escape(stem) + ".index"))


# The first that fits is taken.
FORMATS = (
    Format("frozen graph", lambda path: path.endswith((".pb", ".pbtxt")),
           "frozen_graph.frozen_graph"),
    Format("SavedModel", lambda path: _has(path, "saved_model.pb"), "saved_model.saved_model"),
    Format("Keras model", lambda path: path.endswith((".h5", ".hdf5", ".keras")),
           "keras_model.keras_model"),
    Format("checkpoint", lambda path: _has(path, "checkpoint") or _is_checkpoint(path),
           "meta_graph.meta_graph"),
)  # fmt: skip


def model_file(path, **options):
    """The source of a model in any format that has a row.

    Parameters
    ----------
    path : str
        A ``.pb``, ``.pbtxt``, ``.h5`` or ``.keras`` file, the folder of a
        SavedModel or of checkpoints, or the prefix of one.
    **options
        ``input``, ``output``, ``feeds``, ``trusted`` of
        :func:`legacy_gbp.models.frozen_graph.frozen_graph`; ``signature`` for a
        SavedModel.

    Returns
    -------
    Imported

    Raises
    ------
    InputError
        For a file of none of these formats.
    """
    row = format_of(path)
    if row.name != "SavedModel" and options.pop("signature", None) is not None:
        raise InputError(f"{path}: is a {row.name}; --signature is for a SavedModel")
    module, _, function = row.function.rpartition(".")
    return getattr(importlib.import_module("legacy_gbp.models." + module), function)(
        path, **options
    )


def format_of(path):
    """The row of FORMATS that fits a path."""
    for row in FORMATS:
        if row.fits(path):
            return row
    if not os.path.exists(path):
        raise InputError(f"{path}: no such file or folder, and no checkpoint of that prefix")
    raise InputError(
        f"{path}: not a model that is known here; give one of "
        f"{', '.join(row.name for row in FORMATS)} (.pb, .pbtxt, .h5, .keras, a folder, a prefix)"
    )
