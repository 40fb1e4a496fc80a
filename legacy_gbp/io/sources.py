"""The files that a command reads when it is given a path: also those that the path leads to.

An HDF5 file may show data of other files, a checkpoint is several files, a model may be a
folder, and the topology of a Keras model may lie beside its weights.
"""

import contextlib
import glob
import os
from typing import Iterable, List, Optional, Set, Tuple

from legacy_gbp.io.checkpoint_files import prefix_of

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
MOST_FILES = 10_000  # that one path leads to
ENDINGS = (".h5:", ".hdf5:")  # of a file before the name of a dataset


def files_read(paths: Iterable[str]) -> List[str]:
    """Return the files that are read for paths.

    Parameters
    ----------
    paths : iterable of str
        Files, ``FILE.h5:DATASET``, folders, prefixes of checkpoints. What does not exist is
        left out.

    Returns
    -------
    list of str
        Files that exist, each once.
    """
    found: List[str] = []
    seen: Set[Tuple[int, int]] = set()
    left = [one for path in paths for one in _files_of(path)]
    while left and len(found) < MOST_FILES:
        path = left.pop(0)
        identity = identity_of(path)
        if identity is not None and identity not in seen:
            seen.add(identity)
            found.append(path)
            if _is_hdf5(path):
                from legacy_gbp.io.hdf5_sources import named_in_hdf5  # h5py takes its time

                left += named_in_hdf5(path)
    return found


def identity_of(path: str) -> Optional[Tuple[int, int]]:
    """Return what two names of one file have in common.

    Parameters
    ----------
    path : str

    Returns
    -------
    (int, int) or None
        Device and inode, behind all links; None where there is no file.
    """
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def _files_of(path: str) -> List[str]:
    """Return the files of a file with its neighbours, a folder or a prefix."""
    for ending in ENDINGS:
        if ending in path and not os.path.exists(path):
            path = path[: path.rindex(ending) + len(ending) - 1]
    if os.path.isdir(path):
        inside = [
            os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names
        ]
        return inside[:MOST_FILES]
    prefix = prefix_of(path)
    found = [path, prefix, *sorted(glob.glob(glob.escape(prefix) + ".*"))]
    folder = glob.escape(os.path.dirname(path))
    if path.endswith((".h5", ".hdf5", ".keras")):
        found = [path, *sorted(glob.glob(os.path.join(folder, "*.json")))]
    elif os.path.isfile(path):
        found = [path] if prefix == path else found
    return [one for one in found if os.path.isfile(one)]


def _is_hdf5(path: str) -> bool:
    if not os.path.isfile(path):  # a named pipe would be waited for
        return False
    with contextlib.suppress(OSError), open(path, "rb") as file:
        return file.read(len(HDF5_MAGIC)) == HDF5_MAGIC
    return False  # whoever reads the file says what is wrong with it
