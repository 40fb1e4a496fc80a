"""What is in a file, found without following a link."""

from typing import Any, Iterator, List, Optional, Tuple

import h5py

from legacy_gbp.errors import InputError
from legacy_gbp.io.hdf5 import (
    EXTERNAL_LINK,
    FAILURES,
    LINK,
    OBJECT,
    VIRTUAL,
    is_dataset,
    is_group,
    unreadable,
)

MOST_OBJECTS, MOST_LEVELS = 100_000, 64  # of a file of a model


def refuse_foreign_parts(file: Any, path: str) -> None:
    """Refuse a file that does not hold all of its data itself, as a model must.

    Parameters
    ----------
    file : h5py.File
    path : str
        For messages.

    Raises
    ------
    InputError
        For a link, a virtual dataset or a dataset in an external file; for more than
        100,000 objects, and more than 64 groups in each other.
    """
    for name, kind, found in walk(file, path):
        what = {LINK: "a link", EXTERNAL_LINK: "a link to another file"}.get(kind)
        if is_dataset(found):
            created = found.id.get_create_plist()
            if created.get_layout() == VIRTUAL:
                what = "a virtual dataset"
            elif created.get_external_count():
                what = "a dataset in an external file"
        if what or kind not in (OBJECT, LINK, EXTERNAL_LINK):
            raise InputError(
                f"{path}: {name!r} is {what or 'a link of an unknown kind'}, and a model must hold "
                "its data itself; save the model again"
            )


def walk(file: Any, path: str) -> Iterator[Tuple[str, int, Any]]:
    """Yield everything in a file; follow no link, and open no other file.

    Parameters
    ----------
    file : h5py.File
    path : str
        For messages.

    Yields
    ------
    name : str
        Of the object, with the names of its groups. What is no UTF-8 is escaped.
    kind : int
        :data:`OBJECT`, :data:`LINK`, :data:`EXTERNAL_LINK`, or another number.
    found : h5py.Dataset, h5py.Group, h5py.Datatype or None
        None for a link. Groups that have several names are yielded once.

    Raises
    ------
    InputError
        For more than 100,000 objects, for more than 64 groups in each other, and for what
        HDF5 cannot open.
    """
    left: List[Tuple[str, int, Any]] = [("", 0, file)]
    seen, count = {_address(file)}, 0
    while left:
        stem, level, group = left.pop()
        for name, kind in _links_of(group, path, MOST_OBJECTS - count):
            count += 1
            shown = stem + name.decode("utf-8", "backslashreplace")
            if kind != OBJECT:
                yield shown, kind, None
                continue
            try:
                found = group[name]
                address = _address(found)
            except FAILURES as error:
                raise unreadable(path, shown, error) from error
            if is_group(found):
                if address in seen:
                    continue
                if level >= MOST_LEVELS:
                    raise InputError(
                        f"{path}: has more than {MOST_LEVELS} groups in each other; write it again"
                    )
                seen.add(address)
                left.append((shown + "/", level + 1, found))
            yield shown, kind, found


def _address(found: Any) -> Tuple[int, int]:
    """Return what tells an object from all others."""
    info = h5py.h5g.get_objinfo(found.id)
    return info.fileno[0], info.objno[0]


def _links_of(group: Any, path: str, most: int) -> List[Tuple[bytes, int]]:
    """Return name and kind of what a group holds."""
    found: List[Tuple[bytes, int]] = []

    def add(name: bytes, info: Any) -> Optional[bool]:
        found.append((name, int(info.type)))
        return True if len(found) > most else None

    try:
        group.id.links.iterate(add, info=True)
    except FAILURES as error:
        raise unreadable(path, str(group.name), error) from error
    if len(found) > most:
        raise InputError(f"{path}: holds more than {MOST_OBJECTS} objects; write it again")
    return found


def names_in(group: Any, most: int) -> List[str]:
    """Return the first names in a group, without opening what they name.

    Parameters
    ----------
    group : h5py.Group
    most : int
        1 or more.

    Returns
    -------
    list of str
        What is no UTF-8 is escaped.
    """
    found: List[str] = []

    def add(name: bytes) -> Optional[bool]:
        found.append(name.decode("utf-8", "backslashreplace"))
        return True if len(found) >= most else None

    group.id.links.iterate(add)
    return found
