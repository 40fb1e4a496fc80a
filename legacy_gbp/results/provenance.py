"""Where a result comes from: everything needed to make it again, as HDF5 attributes."""

import datetime
import json
import os
import platform
from typing import Any, Dict, Mapping, NamedTuple, Sequence

import numpy as np

from legacy_gbp import __version__
from legacy_gbp.io import hdf5
from legacy_gbp.io.checkpoint_files import weights_file
from legacy_gbp.io.digest import sha256_of


class Origin(NamedTuple):
    """What a result is made with.

    Attributes
    ----------
    exercise : str
    options : dict
        Of the command, as given or by default; plain values.
    checkpoint : str
        Prefix.
    preprocess : str
        What was done to the images before the network.
    tensorflow_version : str
    """

    exercise: str
    options: Mapping[str, Any]
    checkpoint: str
    preprocess: str
    tensorflow_version: str


def provenance(origin: Origin, files: Sequence[str]) -> Dict[str, Any]:
    """Return the attributes of a result.

    Parameters
    ----------
    origin : Origin
        The data file of its checkpoint is hashed.
    files : sequence of str
        Data files, in the order they are read.

    Returns
    -------
    dict
    """
    return {
        "exercise": origin.exercise,
        "options": json.dumps(origin.options, sort_keys=True, default=str),
        "checkpoint": os.path.abspath(origin.checkpoint),
        "checkpoint_sha256": sha256_of(weights_file(origin.checkpoint)),
        "data_files": json.dumps([os.path.abspath(path) for path in files]),
        "data_bytes": json.dumps([os.path.getsize(path) for path in files]),
        "preprocess": origin.preprocess,
        **versions(origin.tensorflow_version),
    }


def versions(tensorflow_version: str) -> Dict[str, str]:
    """Return when and by which programs a result is made.

    Parameters
    ----------
    tensorflow_version : str

    Returns
    -------
    dict of str to str
    """
    return {
        "written": datetime.datetime.now(datetime.timezone.utc).isoformat(),
        "legacy_gbp_version": __version__,
        "tensorflow_version": tensorflow_version,
        "numpy_version": np.__version__,
        "h5py_version": hdf5.VERSION,
        "python_version": platform.python_version(),
    }


def identity_of_data(path: str) -> Dict[str, str]:
    """Return the attributes by which a later run recognises a data file.

    Parameters
    ----------
    path : str

    Returns
    -------
    dict of str to str
        Lists of one, as JSON.
    """
    return {
        "data_sha256": json.dumps([sha256_of(path)]),
        "data_mtime_ns": json.dumps([os.stat(path).st_mtime_ns]),
    }
