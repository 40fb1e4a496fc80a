"""Read the bytes of a file, and a protocol buffer message from them."""

import os
import warnings
from typing import Any, Tuple, Type

from google.protobuf import text_format
from google.protobuf.message import DecodeError

from legacy_gbp.errors import InputError, first_line

MOST_BYTES = 2**31 - 1  # of a message; protocol buffers have no larger ones
# Old protobuf libraries raise SystemError for a message that breaks off, and warn of one that
# ends too early. A text may hold numbers and escapes that Python refuses.
BROKEN: Tuple[Type[BaseException], ...] = (
    DecodeError,
    text_format.ParseError,
    ArithmeticError,
    LookupError,
    RuntimeError,
    RuntimeWarning,
    SystemError,
    TypeError,
    ValueError,
)


def read_bytes(path: str) -> bytes:
    """Return the contents of a file.

    Parameters
    ----------
    path : str

    Returns
    -------
    bytes

    Raises
    ------
    InputError
        For a file that is missing, not a regular file, unreadable, or larger than any message.
    """
    if not os.path.exists(path):
        raise InputError(f"{path}: no such file; check the name")
    if not os.path.isfile(path):
        raise InputError(f"{path}: is not a file; give the name of a file")
    try:
        if os.path.getsize(path) > MOST_BYTES:
            raise InputError(
                f"{path}: has {os.path.getsize(path)} bytes, which no protocol buffer has; give "
                "another file"
            )
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        reason = error.strerror or first_line(error)
        raise InputError(f"{path}: cannot be read ({reason}); check its permissions") from error


def parse_bytes(message: Any, data: bytes) -> Any:
    """Fill a message from bytes, all of them.

    Parameters
    ----------
    message : google.protobuf.message.Message
    data : bytes

    Returns
    -------
    google.protobuf.message.Message
        `message`.

    Raises
    ------
    one of BROKEN
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        message.ParseFromString(data)
    return message


def parse_message(message: Any, path: str, kind: str) -> Any:
    """Fill a message from a binary file.

    Parameters
    ----------
    message : google.protobuf.message.Message
    path : str
    kind : str
        What the file should be, for the error.

    Returns
    -------
    google.protobuf.message.Message
        `message`.

    Raises
    ------
    InputError
        For another kind of file, or one that breaks off.
    """
    data = read_bytes(path)
    try:
        return parse_bytes(message, data)
    except BROKEN as error:
        raise InputError(f"{path}: not a {kind}, or cut off; copy it again") from error
