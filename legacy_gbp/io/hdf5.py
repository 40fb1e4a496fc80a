"""The door to HDF5: the only module that imports h5py."""

import contextlib
import os
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import h5py
import numpy as np

from legacy_gbp.errors import InputError, first_line
from legacy_gbp.io.atomic import atomic_write

VERSION = h5py.__version__
TEXT = h5py.special_dtype(vlen=str)


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
        return h5py.File(path, "r")
    except OSError as error:
        raise InputError(
            f"{path}: not a whole HDF5 file ({first_line(error)}); copy it again"
        ) from error


@contextlib.contextmanager
def create_hdf5(path: str) -> Iterator[Any]:
    """Yield a new file that appears under its name when it is complete.

    Parameters
    ----------
    path : str

    Yields
    ------
    h5py.File

    Raises
    ------
    OutputError
        When it cannot be written.
    """
    with atomic_write(path) as partial, h5py.File(partial, "w") as file:
        yield file


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
    return InputError(
        f"{path}: dataset {dataset!r} cannot be read ({first_line(error)}); copy the file again"
    )


def attributes_of(path: str, group: str) -> Dict[str, Any]:
    """Return the attributes of a group of a file.

    Parameters
    ----------
    path, group : str

    Returns
    -------
    dict
        Empty where there is no such group.
    """
    with open_hdf5(path) as file:
        return dict(file[group].attrs) if group in file else {}


def texts_of(group: Any, attribute: str) -> List[str]:
    """Return a list of texts from an attribute, which h5py hands over as bytes or str.

    Parameters
    ----------
    group : h5py.Group
    attribute : str

    Returns
    -------
    list of str
        Empty where there is no such attribute.
    """
    values = group.attrs.get(attribute, ())
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values]


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
        Where a file is missing later, HDF5 shows NaN or the smallest integer.
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
