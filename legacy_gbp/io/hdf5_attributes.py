"""Attributes of HDF5 files, within bounds."""

from typing import Any, Dict, Optional, Sequence

import h5py

from legacy_gbp.errors import InputError, LegacyGbpError
from legacy_gbp.io.hdf5 import FAILURES, OBJECT, open_hdf5, unreadable
from legacy_gbp.io.hdf5_places import link_of

MOST_ATTRIBUTES, MOST_BYTES_AN_ATTRIBUTE = 10_000, 1 << 26


def attribute_values(
    file: Any, path: str, group: str, names: Optional[Sequence[str]] = None
) -> Dict[str, Any]:
    """Return attributes of a group of an open file.

    Parameters
    ----------
    file : h5py.File
    path : str
        For messages.
    group : str
    names : sequence of str, optional
        All by default.

    Returns
    -------
    dict
        Without those that are missing; empty where there is no such group.

    Raises
    ------
    InputError
        For what cannot be read, more than 10,000 attributes, and more than 64 MiB in one.
    """
    place = group
    try:
        found = file.get(group)
        if found is None:
            return {}
        if h5py.h5a.get_num_attrs(found.id) > MOST_ATTRIBUTES:
            raise InputError(
                f"{path}: {group!r} has more than {MOST_ATTRIBUTES} attributes; "
                "leave out those that are not needed"
            )
        values: Dict[str, Any] = {}
        for name in found.attrs if names is None else names:
            place = f"{group} attribute {name}"
            if names is not None and name not in found.attrs:
                continue
            if _bytes_of_attribute(found, name) > MOST_BYTES_AN_ATTRIBUTE:
                raise InputError(f"{path}: {place} holds more than 64 MiB; write the file again")
            values[name] = found.attrs[name]
        return values
    except LegacyGbpError:
        raise
    except FAILURES as error:
        raise unreadable(path, place, error) from error


def _bytes_of_attribute(found: Any, name: Any) -> int:
    encoded = name if isinstance(name, bytes) else name.encode("utf-8", "surrogateescape")
    identifier = h5py.h5a.open(found.id, encoded)
    if identifier.get_space().get_simple_extent_type() == h5py.h5s.NULL:
        return 0
    return int(identifier.get_storage_size())


def attributes_of(path: str, group: str) -> Dict[str, Any]:
    """Return the attributes of a group of a file.

    Parameters
    ----------
    path, group : str

    Returns
    -------
    dict
        Empty where there is no such group.

    Raises
    ------
    InputError
        For a file that cannot be read, and a group that is a link.
    """
    with open_hdf5(path) as file:
        link = link_of(file, group)
        if link is not None and link.kind != OBJECT:
            raise InputError(f"{path}: {group!r} is a link; write the file again")
        return attribute_values(file, path, group)
