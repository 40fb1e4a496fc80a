"""The index of a checkpoint, written by hand: it can say what no saver writes."""

import struct
from typing import Dict

MAGIC = 0xDB4775248B80FB57
TABLE = []
for number in range(256):
    for _ in range(8):
        number = (number >> 1) ^ (0x82F63B78 if number & 1 else 0)
    TABLE.append(number)


def crc32c(data: bytes) -> int:
    """Return the Castagnoli checksum.

    Parameters
    ----------
    data : bytes

    Returns
    -------
    int
    """
    crc = 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def masked(crc: int) -> int:
    """Return a checksum as TensorFlow stores it.

    Parameters
    ----------
    crc : int

    Returns
    -------
    int
    """
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def _varint(number: int) -> bytes:
    written = b""
    while number > 127:
        written += bytes([number & 127 | 128])
        number >>= 7
    return written + bytes([number])


def _block(entries: Dict[bytes, bytes]) -> bytes:
    data, restarts = b"", []
    for key in sorted(entries):
        restarts.append(len(data))
        data += b"\0" + _varint(len(key)) + _varint(len(entries[key])) + key + entries[key]
    restarts = restarts or [0]
    data += struct.pack(f"<{len(restarts)}I", *restarts) + struct.pack("<I", len(restarts))
    return data


def write_index(path: str, entries: Dict[bytes, bytes]) -> None:
    """Write the table of an index.

    Parameters
    ----------
    path : str
    entries : dict of bytes to bytes
        Serialised BundleEntryProto by key; a BundleHeaderProto has the empty key.
    """
    data, handles = b"", []

    def append(block: bytes) -> None:
        nonlocal data
        handles.append(_varint(len(data)) + _varint(len(block)))
        data += block + b"\0" + struct.pack("<I", masked(crc32c(block + b"\0")))

    append(_block(entries))
    append(_block({}))
    append(_block({max(entries) + b"~": handles[0]}))
    footer = (handles[1] + handles[2]).ljust(40, b"\0") + struct.pack("<Q", MAGIC)
    with open(path, "wb") as file:
        file.write(data + footer)
