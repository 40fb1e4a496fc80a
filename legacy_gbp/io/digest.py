"""SHA-256 of files: of a data file, of all files of a model."""

import hashlib
import os
from typing import List

from legacy_gbp.errors import InputError
from legacy_gbp.io.checkpoint_files import files_of_checkpoint

BLOCK_BYTES = 1 << 20


def sha256_of(*paths: str) -> str:
    """Return the SHA-256 of the bytes of files, one after the other.

    Parameters
    ----------
    *paths : str

    Returns
    -------
    str
        64 hexadecimal digits.

    Raises
    ------
    InputError
        For what is no regular file.
    """
    digest = hashlib.sha256()
    for path in paths:
        if os.path.exists(path) and not os.path.isfile(path):  # a named pipe would be waited for
            raise InputError(f"{path}: is not a file; put the file itself there")
        with open(path, "rb") as file:
            for block in iter(lambda: file.read(BLOCK_BYTES), b""):
                digest.update(block)
    return digest.hexdigest()


def sha256_of_model(path: str) -> str:
    """Return the SHA-256 of a model's files, in the order of their names.

    Parameters
    ----------
    path : str
        A file, a folder, or the prefix of a checkpoint.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    return sha256_of(*sorted(_files_of_model(path)))


def _files_of_model(path: str) -> List[str]:
    if os.path.isfile(path):
        return [path]
    if os.path.isdir(path):
        return [os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names]
    return files_of_checkpoint(path)
