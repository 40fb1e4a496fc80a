"""Results as HDF5: columns that grow batch by batch, and where they came from."""

import contextlib
import datetime
import hashlib
import json
import os
import platform

import h5py
import numpy as np

from legacy_gbp.io.atomic import check_room, written_aside

LARGE = 1024  # bytes a row
CACHE_BYTES = 1 << 20  # of a dataset, HDF5's default
MOST_UNWRITTEN = 1 << 25  # bytes


@contextlib.contextmanager
def result_file(path, attributes, compress=False):
    """Open a result file for appending; it appears under its name when whole.

    Parameters
    ----------
    path : str
    attributes : dict
        Written to the root group; see :func:`provenance`.
    compress : bool
        Large rows by gzip: a map of ex07 takes a third of the room, one of ex08
        nine tenths, and several times as long as its computation.

    Yields
    ------
    callable
        ``append(**columns)``: arrays of equal length, one row a shot. The
        first call fixes names, shapes and types.
    """
    with written_aside(path) as partial, h5py.File(partial, "w") as file:
        file.attrs.update(attributes)
        unwritten = 0

        def append(**columns):
            nonlocal unwritten
            unwritten += _append(file, path, columns, compress)
            if unwritten > MOST_UNWRITTEN:
                _forget(file)
                unwritten = 0

        yield append


def _append(file, path, columns, compress):
    """Add rows to every column; gives their bytes."""
    added = 0
    for name, values in columns.items():
        values = np.asarray(values)
        check_room(path, values.nbytes)
        if name not in file:
            _create(file, name, values, compress)
        dataset = file[name]
        start = len(dataset)
        dataset.resize(start + len(values), axis=0)
        dataset[start:] = values
        added += values.nbytes
    return added


def _forget(file):
    """Wait for the disk, and let the system drop its copy of what is written.

    Nobody reads maps again while they are made. Fresh memory for gigabytes of them
    costs five times the processor time of using the same few megabytes again, and a
    batch queue counts it as the job's.
    """
    if hasattr(os, "posix_fadvise"):
        descriptor = file.id.get_vfd_handle()
        os.fdatasync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def _create(file, name, values, compress):
    """An empty column; large rows go straight to the disk, or one by one through gzip."""
    row = values.shape[1:]
    if values.dtype.kind in "UO":
        file.create_dataset(name, (0,), h5py.special_dtype(vlen=str), maxshape=(None,))
        return
    bytes_a_row = values.dtype.itemsize * int(np.prod(row))
    large = bytes_a_row > LARGE
    compress = compress and large
    # A chunk that is larger than HDF5's cache is not copied through it.
    rows = (1 if compress else CACHE_BYTES // bytes_a_row + 1) if large else 1024
    file.create_dataset(
        name,
        (0, *row),
        values.dtype,
        maxshape=(None, *row),
        chunks=(rows, *row),
        compression="gzip" if compress else None,
        compression_opts=1 if compress else None,
        shuffle=compress,
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
