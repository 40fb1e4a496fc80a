"""Write a result file: columns that grow batch by batch."""

import contextlib
import os
from typing import Any, Callable, Iterator, Mapping

import numpy as np

from legacy_gbp.io.atomic import check_free_space
from legacy_gbp.io.hdf5 import TEXT, create_hdf5

LARGE = 1024  # bytes a row
CACHE_BYTES = 1 << 20  # of a dataset, HDF5's default
MOST_UNWRITTEN = 1 << 25  # bytes
ROWS_A_CHUNK = 1024  # of small rows


@contextlib.contextmanager
def result_file(
    path: str, attributes: Mapping[str, Any], compress: bool = False
) -> Iterator[Callable[..., None]]:
    """Open a result file for appending; it appears under its name when it is complete.

    Parameters
    ----------
    path : str
    attributes : dict
        Of the root group; see :func:`legacy_gbp.results.provenance.provenance`.
    compress : bool
        Large rows by gzip: a map of ex07 takes a third of the room, one of ex08
        nine tenths, and several times as long as its computation.

    Yields
    ------
    callable
        ``append(**columns)``: arrays of equal length, one row a shot. The
        first call fixes names, shapes and types.

    Raises
    ------
    OutputError
        When the file cannot be written.
    """
    with create_hdf5(path) as file:
        for key, value in attributes.items():
            file.attrs[key] = stored_text(value) if isinstance(value, str) else value
        unwritten = 0

        def append(**columns: Any) -> None:
            nonlocal unwritten
            unwritten += _append(file, path, columns, compress)
            if unwritten > MOST_UNWRITTEN:
                _leave_page_cache(file)
                unwritten = 0

        yield append


def _append(file: Any, path: str, columns: Mapping[str, Any], compress: bool) -> int:
    """Add rows to every column; return their bytes."""
    added = 0
    for name, given in columns.items():
        values = np.asarray(given)
        if values.dtype.kind in "UO":
            values = np.array([stored_text(str(text)) for text in values], dtype=object)
        check_free_space(path, values.nbytes)
        if name not in file:
            _create(file, name, values, compress)
        dataset = file[name]
        start = len(dataset)
        dataset.resize(start + len(values), axis=0)
        dataset[start:] = values
        file.target.check()
        added += values.nbytes
    return added


def stored_text(text: str) -> str:
    r"""Return a text as HDF5 stores it, which takes Unicode alone.

    Parameters
    ----------
    text : str
        Such as the name of a file.

    Returns
    -------
    str
        With escapes such as ``\udcff`` in place of bytes that are no UTF-8.
    """
    return text.encode("utf-8", "backslashreplace").decode()


def _leave_page_cache(file: Any) -> None:
    """Wait for the disk, and let the system drop its copy of what is written.

    Nobody reads maps again while they are made. Fresh memory for gigabytes of them
    costs five times the processor time of using the same few megabytes again, and a
    batch queue counts it as the job's.
    """
    if hasattr(os, "posix_fadvise"):
        os.fdatasync(file.target.descriptor)
        os.posix_fadvise(file.target.descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def _create(file: Any, name: str, values: np.ndarray, compress: bool) -> None:
    """Create a column; large rows go straight to the disk, or one by one through gzip."""
    row = values.shape[1:]
    if values.dtype.kind in "UO":
        file.create_dataset(name, (0,), TEXT, maxshape=(None,))
        return
    bytes_a_row = values.dtype.itemsize * int(np.prod(row))
    large = bytes_a_row > LARGE
    compress = compress and large
    # A chunk that is larger than HDF5's cache is not copied through it.
    rows = (1 if compress else CACHE_BYTES // bytes_a_row + 1) if large else ROWS_A_CHUNK
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
