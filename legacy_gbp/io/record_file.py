"""Write the records of TensorFlow (TFRecord), as its event files hold them.

A record is its length (8 bytes), the checksum of the length, the bytes, and their checksum.
TensorFlow's own writer of events says nothing on a full disk (1.15) or raises what is no
error of a file (2.x).
"""

import contextlib
import io
import os
import struct
from typing import List

from legacy_gbp.errors import first_line
from legacy_gbp.io.atomic import unwritable

POLYNOMIAL = 0x82F63B78  # CRC-32C, reversed
MASK = 0xA282EAD8  # TensorFlow's, so that a checksum of checksums differs


class RecordFile:
    """A new file of records; every record is on its way to the disk when it is added.

    Parameters
    ----------
    path : str
        There must be nothing of this name. Missing folders are made.

    Raises
    ------
    OutputError
    """

    def __init__(self, path: str) -> None:
        self._path = path
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0)
        try:
            os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
            self._file = io.FileIO(os.open(path, flags, 0o666), "wb")
        except OSError as error:
            raise unwritable(path, error.strerror or first_line(error)) from error

    def add(self, content: bytes) -> None:
        """Append a record; nothing of it stays where it cannot be written.

        Parameters
        ----------
        content : bytes

        Raises
        ------
        OutputError
        """
        length = struct.pack("<Q", len(content))
        record = length + _checksum(length) + content + _checksum(content)
        end = self._file.tell()
        try:
            while record:
                record = record[self._file.write(record) :]
        except OSError as error:
            self._file.truncate(end)
            raise unwritable(self._path, error.strerror or first_line(error)) from error

    def close(self) -> None:
        """Close the file; one without any record does not stay."""
        empty = self._file.tell() == 0
        self._file.close()
        if empty:
            with contextlib.suppress(OSError):
                os.remove(self._path)


def _table() -> List[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (POLYNOMIAL if byte & 1 else 0)
        table.append(byte)
    return table


TABLE = _table()


def _checksum(content: bytes) -> bytes:
    """Return the masked CRC-32C of bytes."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    rotated = crc >> 15 | crc << 17 & 0xFFFFFFFF
    return struct.pack("<I", (rotated + MASK) & 0xFFFFFFFF)
