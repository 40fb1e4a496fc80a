"""What the bytes of a dataset have passed before they were stored: filters of HDF5."""

import ctypes
import functools
from typing import Any, List

import h5py

NUMBERS = "iufb"  # kinds of NumPy's types


def filters_of(dataset: Any) -> List[int]:
    """Return the filters that a chunk has passed, in their order.

    Parameters
    ----------
    dataset : h5py.Dataset

    Returns
    -------
    list of int
        Such as :data:`SHUFFLE`, :data:`DEFLATE`.
    """
    created = dataset.id.get_create_plist()
    return [int(created.get_filter(number)[0]) for number in range(created.get_nfilters())]


def filter_values(dataset: Any, number: int) -> List[int]:
    """Return what a filter of a dataset was set up with.

    Parameters
    ----------
    dataset : h5py.Dataset
    number : int
        0 for the first.

    Returns
    -------
    list of int
    """
    return [int(value) for value in dataset.id.get_create_plist().get_filter(number)[2]]


@functools.lru_cache(maxsize=None)
def _lzf_decompress() -> Any:
    """Return the function of h5py's LZF filter; None where it is not exported."""
    try:
        found = ctypes.CDLL(h5py.h5z.__file__).lzf_decompress
    except (OSError, AttributeError):
        return None
    found.argtypes = [ctypes.c_char_p, ctypes.c_uint, ctypes.c_void_p, ctypes.c_uint]
    found.restype = ctypes.c_uint
    return found


def has_lzf() -> bool:
    """Return whether :func:`lzf_inflated` can be used.

    Returns
    -------
    bool
    """
    return _lzf_decompress() is not None


def lzf_inflated(content: bytes, most: int) -> bytes:
    """Return what LZF inflates to. HDF5 itself inflates it without bound.

    Parameters
    ----------
    content : bytes
    most : int
        Bytes.

    Returns
    -------
    bytes

    Raises
    ------
    ValueError
        For more than `most` bytes, and for damaged content.
    """
    room = ctypes.create_string_buffer(most)
    count = _lzf_decompress()(content, len(content), room, most)
    if not count:
        raise ValueError(f"LZF inflates to more than {most} bytes, or is damaged")
    return ctypes.string_at(room, count)


def has_plain_numbers(dataset: Any) -> bool:
    """Return whether the stored bytes are those of the NumPy type.

    Parameters
    ----------
    dataset : h5py.Dataset

    Returns
    -------
    bool
        False for texts, references, and numbers that use a part of their bits.
    """
    if dataset.dtype.kind not in NUMBERS:
        return False
    return bool(h5py.h5t.py_create(dataset.dtype, logical=True) == dataset.id.get_type())
