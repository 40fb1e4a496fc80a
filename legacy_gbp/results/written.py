"""Results as HDF5: columns that grow batch by batch, and where they came from."""

import contextlib
import datetime
import hashlib
import json
import os
import platform

import h5py
import numpy as np

from legacy_gbp.aside import check_room, written_aside

COMPRESSED_FROM = 1024  # bytes a row


@contextlib.contextmanager
def result_file(path, attributes):
    """Open a result file for appending; it appears under its name when whole.

    Parameters
    ----------
    path : str
    attributes : dict
        Written to the root group; see :func:`provenance`.

    Yields
    ------
    callable
        ``append(**columns)``: arrays of equal length, one row a shot. The
        first call fixes names, shapes and types.
    """
    with written_aside(path) as partial, h5py.File(partial, "w") as file:
        file.attrs.update(attributes)
        yield lambda **columns: _append(file, path, columns)


def _append(file, path, columns):
    for name, values in columns.items():
        values = np.asarray(values)
        check_room(path, values.nbytes)
        if name not in file:
            _create(file, name, values)
        dataset = file[name]
        start = len(dataset)
        dataset.resize(start + len(values), axis=0)
        dataset[start:] = values


def _create(file, name, values):
    """An empty column; large rows are chunked one by one and compressed."""
    row = values.shape[1:]
    if values.dtype.kind in "UO":
        file.create_dataset(name, (0,), h5py.special_dtype(vlen=str), maxshape=(None,))
        return
    large = values.dtype.itemsize * int(np.prod(row)) > COMPRESSED_FROM
    file.create_dataset(
        name,
        (0, *row),
        values.dtype,
        maxshape=(None, *row),
        chunks=(1, *row) if large else (1024, *row),
        compression="gzip" if large else None,
        compression_opts=1 if large else None,
        shuffle=large,
    )


def provenance(exercise_name, options, checkpoint, files, preprocess_kind):
    """Everything needed to make a result again, as HDF5 attributes.

    Parameters
    ----------
    exercise_name : str
    options : dict
        The options of the command, as given or by default.
    checkpoint : str
        Prefix of the checkpoint; its data file is hashed.
    files : list of str
        Data files, in the order they were read.
    preprocess_kind : str

    Returns
    -------
    dict
    """
    return {
        "exercise": exercise_name,
        "options": json.dumps(options, sort_keys=True),
        "checkpoint": os.path.abspath(checkpoint),
        "checkpoint_sha256": sha256_of(checkpoint + ".data-00000-of-00001"),
        "data_files": json.dumps([os.path.abspath(path) for path in files]),
        "data_bytes": json.dumps([os.path.getsize(path) for path in files]),
        "preprocess": preprocess_kind,
        **versions(),
    }


def versions():
    """When and by what a result was made, as HDF5 attributes."""
    import tensorflow as tf

    import legacy_gbp

    return {
        "written": datetime.datetime.now(datetime.timezone.utc).isoformat(),
        "legacy_gbp_version": legacy_gbp.__version__,
        "tensorflow_version": tf.__version__,
        "numpy_version": np.__version__,
        "h5py_version": h5py.__version__,
        "python_version": platform.python_version(),
    }


def input_facts(path):
    """What tells later whether a data file is still the one that was read."""
    return {
        "data_sha256": json.dumps([sha256_of(path)]),
        "data_mtime_ns": json.dumps([os.stat(path).st_mtime_ns]),
    }


def sha256_of(path):
    """SHA-256 of a file's bytes, in hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()
