"""Read the bytes of a file, and a protocol buffer message from them."""

import os
from typing import Any, Tuple, Type

from google.protobuf import text_format
from google.protobuf.message import DecodeError

from legacy_gbp.errors import InputError, first_line

# Old protobuf libraries raise SystemError for a message that breaks off.
BROKEN: Tuple[Type[BaseException], ...] = (
    DecodeError,
    text_format.ParseError,
    UnicodeDecodeError,
    RuntimeError,
    SystemError,
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
        For a file that is missing, not a regular file, or unreadable.
    """
    if not os.path.exists(path):
        raise InputError(f"{path}: no such file; check the name")
    if not os.path.isfile(path):
        raise InputError(f"{path}: is not a file; give the name of a file")
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        reason = error.strerror or first_line(error)
        raise InputError(f"{path}: cannot be read ({reason}); check its permissions") from error


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
        message.ParseFromString(data)
    except BROKEN as error:
        raise InputError(f"{path}: not a {kind}, or cut off; copy it again") from error
    return message
