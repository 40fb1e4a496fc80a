"""The zip archive of a Keras 3 model: three members are read, each within a stated bound.

Nothing is extracted under a name of the archive. A member that inflates to more than
:data:`MOST_TIMES` its size is refused while it is inflated, whatever the archive says of it;
trained weights do not shrink to a half.
"""

import contextlib
import os
import stat
import zipfile
from typing import Any, Iterator, List

from legacy_gbp.errors import LegacyGbpError, ModelError, first_line
from legacy_gbp.models.keras_json import MOST_BYTES, too_long

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
MOST_TIMES, ALWAYS_ALLOWED = 20, 64 << 20
MOST_MEMBERS = 10000
PIECE = 1 << 20
ENCRYPTED = 0x1
REMEDY = "copy it again, or save the model again"


def is_keras_zip(path: str) -> bool:
    """Return whether a file that begins as a zip archive holds the topology of a model.

    Parameters
    ----------
    path : str

    Returns
    -------
    bool
        False for a damaged archive.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return CONFIG in archive.namelist()
    except Exception:  # zipfile raises errors of any kind for damaged archives
        return False


def read_member(path: str, name: str) -> bytes:
    """Return a short member.

    Parameters
    ----------
    path : str
        Of the archive.
    name : str
        :data:`CONFIG` or :data:`METADATA`.

    Returns
    -------
    bytes
        :data:`legacy_gbp.models.keras_json.MOST_BYTES` at most.

    Raises
    ------
    ModelError
        For an archive that is damaged, or a member that is missing, too long, encrypted, a link.
    """
    found = b""
    for piece in _pieces(path, name):
        found += piece
        if len(found) > MOST_BYTES:
            raise too_long(f"{path}: {name}")
    return found


def copy_member(path: str, name: str, target: str) -> None:
    """Write a member to a file.

    Parameters
    ----------
    path : str
        Of the archive.
    name : str
        :data:`WEIGHTS`.
    target : str
        A new file.

    Raises
    ------
    ModelError
        For an archive that is damaged, or a member that is missing, encrypted, a link, or that
        inflates beyond the bound.
    """
    with open(target, "xb") as file:
        for piece in _pieces(path, name):
            file.write(piece)


def _pieces(path: str, name: str) -> Iterator[bytes]:
    """Yield what a member holds."""
    with _zip_errors(path), zipfile.ZipFile(path) as archive:
        info = _only_member(archive, path, name)
        allowed = ALWAYS_ALLOWED + MOST_TIMES * min(info.compress_size, os.path.getsize(path))
        done = 0
        with archive.open(info) as member:
            while True:
                piece = member.read(PIECE)
                if not piece:
                    return
                done += len(piece)
                if done > allowed:
                    raise ModelError(
                        f"{path}: {name} inflates to more than {MOST_TIMES} times its size, as no "
                        "weights do; unpack it and pack it again without compression"
                    )
                yield piece


def _only_member(archive: Any, path: str, name: str) -> Any:
    infos: List[Any] = archive.infolist()
    if len(infos) > MOST_MEMBERS:
        raise ModelError(f"{path}: holds {len(infos)} members, as no model of Keras does; {REMEDY}")
    found = [info for info in infos if info.filename == name]
    if not found:
        raise ModelError(f"{path}: Keras cannot load it (a zip archive without {name}); {REMEDY}")
    if len(found) > 1:
        raise ModelError(f"{path}: holds {name} {len(found)} times; save the model again")
    info = found[0]
    if info.flag_bits & ENCRYPTED:
        raise ModelError(f"{path}: {name} is encrypted; decrypt the archive")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ModelError(
            f"{path}: {name} is compressed by method {info.compress_type}, which is not known "
            "here; unpack it and pack it again without compression"
        )
    if stat.S_ISLNK(info.external_attr >> 16):
        raise ModelError(f"{path}: {name} is a link; pack the file itself")
    return info


@contextlib.contextmanager
def _zip_errors(path: str) -> Iterator[None]:
    """Turn any error of zipfile, which are of many kinds, into one line."""
    try:
        yield
    except (LegacyGbpError, MemoryError):
        raise
    except Exception as error:
        raise ModelError(
            f"{path}: Keras cannot load it (a damaged zip archive: {first_line(error)}); {REMEDY}"
        ) from error
