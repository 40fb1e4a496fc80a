"""The door to HDF5: only this module and its neighbours ``hdf5_*`` import h5py."""

import contextlib
import os
from typing import Any, Iterator, Optional, Sequence, Tuple

import h5py
import numpy as np

from legacy_gbp.errors import InputError, LegacyGbpError, first_line
from legacy_gbp.io.atomic import atomic_file
from legacy_gbp.io.guarded_file import GuardedFile

VERSION = h5py.__version__
TEXT = h5py.special_dtype(vlen=str)
CHUNKED, CONTIGUOUS, VIRTUAL = h5py.h5d.CHUNKED, h5py.h5d.CONTIGUOUS, h5py.h5d.VIRTUAL
DEFLATE, SHUFFLE, FLETCHER32, SZIP, NBIT, SCALEOFFSET, LZF = (
    h5py.h5z.FILTER_DEFLATE,
    h5py.h5z.FILTER_SHUFFLE,
    h5py.h5z.FILTER_FLETCHER32,
    h5py.h5z.FILTER_SZIP,
    h5py.h5z.FILTER_NBIT,
    h5py.h5z.FILTER_SCALEOFFSET,
    h5py.h5z.FILTER_LZF,
)
# Of every call of h5py; `read_direct_chunk` alone does not keep it (h5py 3.14), and fails
# when another thread writes.
LOCK = h5py._objects.phil
OBJECT, LINK, EXTERNAL_LINK = h5py.h5l.TYPE_HARD, h5py.h5l.TYPE_SOFT, h5py.h5l.TYPE_EXTERNAL
# What h5py raises for files that are damaged.
FAILURES = (
    OSError, RuntimeError, LookupError, ValueError, TypeError, MemoryError, AttributeError,
    ArithmeticError, NotImplementedError,
)  # fmt: skip


def open_hdf5(path: str, advice: str = "check the name") -> Any:
    """Open a file for reading.

    Parameters
    ----------
    path : str
    advice : str
        What to do where there is no such file.

    Returns
    -------
    h5py.File
        Close it, or use it in a ``with`` statement.

    Raises
    ------
    InputError
        For a file that is missing, unreadable, truncated or of another kind.
    """
    if not os.path.exists(path):
        raise InputError(f"{path}: no such file; {advice}")
    if not os.path.isfile(path):
        raise InputError(f"{path}: is not a file; name an HDF5 file (.h5)")
    if not os.access(path, os.R_OK):
        raise InputError(f"{path}: may not be read by you; change its permissions")
    try:
        return _OpenFile(path, "r")
    except FAILURES as error:
        raise InputError(
            f"{path}: not a whole HDF5 file ({first_line(error)}); copy it again"
        ) from error


class _OpenFile(h5py.File):  # type: ignore[misc]
    """A file; what h5py raises in its with statement becomes an error that names the file."""

    def __exit__(self, *raised: Any) -> None:
        """Close the file."""
        error = raised[1]
        try:
            super().__exit__(*raised)
        except FAILURES as failed:
            error = error or failed
        if isinstance(error, FAILURES) and not isinstance(error, LegacyGbpError):
            raise unreadable(str(self._path), "", error) from error

    def __init__(self, path: str, mode: str) -> None:
        super().__init__(path, mode)
        self._path = path


@contextlib.contextmanager
def create_hdf5(path: str) -> Iterator[Any]:
    """Yield a new file that appears under its name when it is complete.

    Parameters
    ----------
    path : str

    Yields
    ------
    NewFile

    Raises
    ------
    OutputError
        When it cannot be written.
    """
    with atomic_file(path) as target, NewFile(target) as file:
        yield file


class NewFile(h5py.File):  # type: ignore[misc]
    """An HDF5 file in work.

    HDF5 writes through an object of ours: on a full disk it can still close the file.

    Parameters
    ----------
    target : GuardedFile

    Attributes
    ----------
    target : GuardedFile
        Its `check` raises what a write met.
    """

    def __init__(self, target: GuardedFile) -> None:
        super().__init__(target, "w")
        self.target = target


def is_group(found: object) -> bool:
    """Return whether an object of a file is a group.

    Parameters
    ----------
    found : object

    Returns
    -------
    bool
    """
    return isinstance(found, h5py.Group)


def is_dataset(found: object) -> bool:
    """Return whether an object of a file is a dataset.

    Parameters
    ----------
    found : object

    Returns
    -------
    bool
    """
    return isinstance(found, h5py.Dataset)


def layout_of(dataset: Any) -> int:
    """Return how a dataset is stored.

    Parameters
    ----------
    dataset : h5py.Dataset

    Returns
    -------
    int
        :data:`CHUNKED`, :data:`CONTIGUOUS`, :data:`VIRTUAL`, or another number: compact.
    """
    return int(dataset.id.get_create_plist().get_layout())


def unreadable(path: str, dataset: str, error: BaseException) -> InputError:
    """Return the error for a dataset that cannot be read.

    Parameters
    ----------
    path, dataset : str
    error : BaseException

    Returns
    -------
    InputError
    """
    if isinstance(error, MemoryError):
        why, remedy = "there is not enough memory", "run where there is more"
    else:
        why, remedy = first_line(error), "copy the file again"
    place = f"dataset {dataset!r} " if dataset else ""
    return InputError(f"{path}: {place}cannot be read ({why}); {remedy}")


def write_virtual_dataset(
    file: Any,
    name: str,
    row_shape: Sequence[int],
    dtype: np.dtype,
    sources: Sequence[Tuple[str, int]],
) -> None:
    """Write a dataset that shows the rows of the same dataset in other files.

    Parameters
    ----------
    file : h5py.File
    name : str
        Of the dataset, here and in the other files.
    row_shape : sequence of int
    dtype : numpy.dtype
    sources : sequence of (str, int)
        Path, relative to this file, and number of rows; files without rows are left out.
        Where a file is missing later, HDF5 shows NaN or the smallest integer, and
        :func:`legacy_gbp.io.stored_rows.read_all` refuses it.
    """
    total = sum(count for _, count in sources)
    if not total:
        file.create_dataset(name, (0, *row_shape), dtype)
        return
    layout = h5py.VirtualLayout((total, *row_shape), dtype)
    start = 0
    for path, count in sources:
        if count:
            shape = (count, *row_shape)
            layout[start : start + count] = h5py.VirtualSource(path, name, shape, dtype)
        start += count
    file.create_virtual_dataset(name, layout, fillvalue=_impossible_value(dtype))


def _impossible_value(dtype: np.dtype) -> Optional[float]:
    """Return a value that no result has; strings are empty anyway."""
    if dtype.kind == "f":
        return float("nan")
    return int(np.iinfo(dtype).min) if dtype.kind in "iu" else None
