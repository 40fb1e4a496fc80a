"""Arrays in ``.npy`` files: of a bounded header, without objects, mapped and not read."""

import os
import struct
import tokenize
import warnings

import numpy as np

from legacy_gbp.errors import InputError, first_line

MAGIC = b"\x93NUMPY"
MOST_HEADER = 10_000  # bytes, NumPy's own limit since 1.24: it evaluates the header as Python
DAMAGED = (
    OSError, ValueError, EOFError, SyntaxError, TypeError, LookupError, AttributeError,
    ArithmeticError, RuntimeError, MemoryError, struct.error, tokenize.TokenError,
)  # fmt: skip


def map_array(path: str, parameter: str) -> np.ndarray:
    """Open an array without reading it.

    Parameters
    ----------
    path : str
        A ``.npy`` file of any name.
    parameter : str
        That names the file, for messages.

    Returns
    -------
    array
        Mapped to the file, read-only.

    Raises
    ------
    InputError
        For a file that is missing, damaged, of another kind, shorter than its header says, or
        with Python objects in it.
    """
    if not os.path.exists(path):
        raise InputError(f"{path}: no such file; check `{parameter}`")
    if not os.path.isfile(path):
        raise InputError(f"{path}: is not a file; check `{parameter}`")
    try:
        _check_header(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sizes beyond 64 bits, refused below
            array: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    except DAMAGED as error:
        raise InputError(
            f"{path}: not a readable array ({first_line(error)}); save it by numpy.save"
        ) from error
    return array


def _check_header(path: str) -> None:
    """Refuse another kind of file, and a header too long to be one of an array of numbers."""
    with open(path, "rb") as file:
        start = file.read(12)
    if start[:2] == b"PK":
        raise ValueError("an archive of several arrays")
    if not start.startswith(MAGIC) or len(start) < 12:
        raise ValueError("no .npy file, or cut off")
    length = struct.unpack("<H" if start[6] == 1 else "<I", start[8 : 10 if start[6] == 1 else 12])
    if length[0] > MOST_HEADER:
        raise ValueError(f"a header of {length[0]} bytes")
