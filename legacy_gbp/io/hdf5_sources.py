"""The other files that an HDF5 file takes data from: by links, virtual and external datasets."""

import glob
import os
from typing import Any, List

from legacy_gbp.errors import InputError
from legacy_gbp.io.hdf5 import VIRTUAL, is_dataset, is_group, layout_of, open_hdf5
from legacy_gbp.io.hdf5_places import external_parts, source_paths

MOST_OBJECTS = 10_000  # of an HDF5 file; a result has ten


def named_in_hdf5(path: str) -> List[str]:
    """Return the files that an HDF5 file takes data from.

    Parameters
    ----------
    path : str

    Returns
    -------
    list of str
        Those that exist; none where the file cannot be read.
    """
    try:
        names: List[str] = []
        with open_hdf5(path) as file:
            _visit(file, path, names)
    except (OSError, RuntimeError, LookupError, ValueError, TypeError, InputError):
        return []  # whoever reads the file says what is wrong with it
    return [name for name in names if os.path.isfile(name)]


def _visit(group: Any, path: str, names: List[str]) -> None:
    """Collect the files that the objects of a group name."""
    left, visited = [group], 0
    while left and visited < MOST_OBJECTS:
        one = left.pop()
        for name in one:
            visited += 1
            link = one.get(name, getlink=True)
            if hasattr(link, "filename"):
                names += source_paths(path, str(link.filename))
            elif not hasattr(link, "path"):  # a soft link leads to what is visited anyway
                found = one.get(name)
                if is_dataset(found):
                    names += _named_by_dataset(found, path)
                elif is_group(found):
                    left.append(found)


def _named_by_dataset(dataset: Any, path: str) -> List[str]:
    names = [part.path for part in external_parts(dataset, path)]
    names += [os.path.join(os.path.dirname(path), os.path.basename(name)) for name in names]
    if layout_of(dataset) == VIRTUAL:
        for mapped in dataset.virtual_sources():
            for place in source_paths(path, mapped.file_name):
                blocks = place.replace("%%", "%")
                if "%b" in place:
                    blocks = glob.escape(place).replace("%b", "*").replace("%%", "%")
                names += glob.glob(blocks) if "%b" in place else [blocks]
    return names
