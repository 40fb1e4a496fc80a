"""Read the rows of an HDF5 dataset, and refuse what the file does not hold.

HDF5 itself raises no error, and returns the fill value, where data were never written or lie
in a file that is gone.
"""

import os
from typing import Any, Optional

import numpy as np

from legacy_gbp.io.hdf5 import (
    CHUNKED,
    CONTIGUOUS,
    FAILURES,
    VIRTUAL,
    layout_of,
    unreadable,
)
from legacy_gbp.io.hdf5_places import external_parts
from legacy_gbp.io.stored_chunks import read_chunks
from legacy_gbp.io.virtual_rows import read_virtual
from legacy_gbp.io.wanted_rows import Rows, ask_hdf5

MOST_UNCHECKED = 1 << 28  # bytes
MOST_INFLATION = 2000  # gzip packs 1032 times at most
MOST_VIRTUAL = 1 << 31  # bytes


def read_all(dataset: Any, path: str, name: str, filled: bool = False) -> np.ndarray:
    """Return a dataset, and refuse what is not stored.

    Parameters
    ----------
    dataset : h5py.Dataset
    path, name : str
        Of the file and the dataset, for messages.
    filled : bool
        Accept what was never written: it reads as the fill value.

    Returns
    -------
    array
        Of the dataset's shape and type.

    Raises
    ------
    InputError
        For missing or damaged data.
    """
    if not dataset.shape:
        rows = Rows(dataset, path, name, 0, 0, filled)
        _check_external(rows)
        _check_written(rows)
        return np.asarray(ask_hdf5(rows, ()))
    return read_rows_of(dataset, path, name, 0, dataset.shape[0], filled)


def read_rows_of(
    dataset: Any,
    path: str,
    name: str,
    start: int,
    stop: int,
    filled: bool = False,
    out: Optional[np.ndarray] = None,
) -> np.ndarray:
    """Return adjacent rows of a dataset, and refuse what is not stored.

    Parameters
    ----------
    dataset : h5py.Dataset
        Of one dimension or more.
    path, name : str
        Of the file and the dataset, for messages.
    start, stop : int
        0..N, the rows from `start` to `stop` - 1.
    filled : bool
        Accept what was never written: it reads as the fill value.
    out : (stop - start, ...) array, optional
        Of the dataset's type, contiguous: to be written to and returned.

    Returns
    -------
    (stop - start, ...) array
        Of the dataset's type.

    Raises
    ------
    InputError
        For missing or damaged data.
    """
    rows = Rows(dataset, path, name, int(start), int(max(start, stop)), filled)
    found = _room_for(rows) if out is None else out
    if not found.size:
        return found
    layout = layout_of(dataset)
    if layout == VIRTUAL:
        read_virtual(rows, found, read_rows_of)
    elif layout == CHUNKED:
        read_chunks(rows, found)
    else:
        _read_by_hdf5(rows, found)
    return found


def _room_for(rows: Rows) -> np.ndarray:
    """Return an array for rows; refuse more than the file can hold."""
    dataset = rows.dataset
    count = int(dataset.dtype.itemsize)
    for size in rows.shape:
        count *= int(size)
    if count > MOST_UNCHECKED:
        stored = int(dataset.id.get_storage_size())
        external = sum(part.size for part in external_parts(dataset, rows.path))
        most = MOST_VIRTUAL if layout_of(dataset) == VIRTUAL else stored * MOST_INFLATION + external
        if count > most:
            raise rows.missing(f"declares {count} bytes where {stored} are stored")
    try:
        return np.empty(rows.shape, dataset.dtype)
    except (MemoryError, ValueError, TypeError) as error:
        raise unreadable(rows.path, rows.name, error) from error


def _read_by_hdf5(rows: Rows, found: np.ndarray) -> None:
    """Read contiguous, compact or external data, which HDF5 reads safely where they exist."""
    _check_external(rows)
    _check_written(rows)
    if found.dtype.kind == "O":  # texts
        found[...] = ask_hdf5(rows, slice(rows.start, rows.stop))
        return
    try:
        rows.dataset.read_direct(found, np.s_[rows.start : rows.stop])
    except FAILURES as error:
        raise unreadable(rows.path, rows.name, error) from error


def _check_written(rows: Rows) -> None:
    dataset = rows.dataset
    never = layout_of(dataset) == CONTIGUOUS and not dataset.id.get_storage_size()
    if never and dataset.size and not rows.filled:
        raise rows.missing("holds no data (never written)")


def _check_external(rows: Rows) -> None:
    """Refuse raw data in other files that are gone or too short: HDF5 reads zeros there."""
    dataset = rows.dataset
    left = dataset.size * dataset.dtype.itemsize if dataset.size else 0
    for part in external_parts(dataset, rows.path):
        taken = min(left, part.size)
        if not os.path.isfile(part.path):
            raise rows.missing(f"lies in {part.path}, which is missing")
        holds = os.path.getsize(part.path)
        if taken and holds < part.offset + taken:
            raise rows.missing(
                f"lies in {part.path}, which holds {holds} bytes of {part.offset + taken}"
            )
        left -= taken
