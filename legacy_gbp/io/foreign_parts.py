"""Which other files an HDF5 file shows data of: followed before they are read, and named.

An HDF5 file may refer to others in three ways.

================  ====================================================================
External storage  Bytes of any file are the numbers of a dataset, so that a file of keys
                  can be an image. Refused outside of the folder of the file.
External links    A dataset of another HDF5 file has a name here. Followed.
Virtual datasets  The same, row by row; beamlines and ``merge`` write such files. Followed.
================  ====================================================================

Files in another folder, after symbolic links, are listed for the user. FIFOs, devices and
sockets are refused: to open one may wait forever.
"""

import os
import stat
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Set, Tuple

from legacy_gbp.errors import InputError, LegacyGbpError, shortened
from legacy_gbp.io.console import print_line
from legacy_gbp.io.hdf5 import (
    EXTERNAL_LINK,
    FAILURES,
    LINK,
    OBJECT,
    is_dataset,
    is_group,
    open_hdf5,
    unreadable,
)
from legacy_gbp.io.hdf5_places import (
    LINK_FOLDERS,
    block_names,
    external_parts,
    link_of,
    row_mapping,
    source_paths,
    virtual_parts,
)

MOST_LINKS = 16  # one after another, as HDF5 has it
MOST_NESTED = 8  # virtual datasets of virtual datasets
MOST_FILES = 100_000
COPY = "copy the data into the file, such as by h5repack"


class ForeignParts(NamedTuple):
    """Where the data of a file lie.

    Attributes
    ----------
    files : list of str
        All other files that it refers to and that exist.
    elsewhere : list of str
        Those in other folders, real paths.
    """

    files: List[str]
    elsewhere: List[str]


def foreign_parts(file: Any, path: str, names: Iterable[str]) -> ForeignParts:
    """Follow the links and mappings of datasets of an open file.

    Parameters
    ----------
    file : h5py.File
    path : str
        Of the file.
    names : iterable of str
        Datasets or groups; they need not exist.

    Returns
    -------
    ForeignParts
        Files that are missing are left out.

    Raises
    ------
    InputError
        For external storage outside of the folder of the file that refers to it, for a part
        that is no regular file, and for parts that refer to each other in a circle.
    """
    search = _Search(path)
    for name in names:
        try:
            search.follow(file, path, name)
        except LegacyGbpError:
            raise
        except FAILURES as error:
            raise unreadable(path, name, error) from error
    return ForeignParts(list(search.files), list(search.elsewhere))


def name_foreign_parts(path: str, found: ForeignParts) -> None:
    """Print one line that names the files of other folders, where there are any.

    Parameters
    ----------
    path : str
        Of the file that refers to them.
    found : ForeignParts
    """
    if found.elsewhere:
        print_line(f"-- {path}: data are read from {shortened(found.elsewhere)}")


class _Search:
    """One search through a file and all that it refers to."""

    def __init__(self, path: str) -> None:
        self.files: Dict[str, None] = {}
        self.elsewhere: Dict[str, None] = {}
        self._path, self._folders = path, _folders_of(path)
        self._done: Set[Tuple[str, str]] = set()
        self._open: List[Tuple[str, str]] = []  # virtual datasets that contain each other

    def follow(self, file: Any, path: str, name: str, links: int = 0) -> None:
        """Walk to an object as HDF5 does, and check every file on the path before it is opened."""
        place: Any = file
        names = [part for part in name.split("/") if part not in ("", ".")]
        while names:
            part = names.pop(0)
            link = link_of(place, part) if is_group(place) else None
            if link is None:
                return
            if link.kind == OBJECT:
                place = place[part]
                continue
            links += 1
            if links > MOST_LINKS:
                raise InputError(
                    f"{path}: {name!r} is a link to a link, {MOST_LINKS} times and more; {COPY}"
                )
            if link.kind == LINK:
                if link.name.startswith("/"):
                    place = file
                names = [one for one in link.name.split("/") if one not in ("", ".")] + names
            elif link.kind == EXTERNAL_LINK:
                rest = "/".join([link.name, *names])
                self._follow_link(place, path, name, link.path, rest, links)
                return
            else:
                raise InputError(f"{path}: {name!r} is a link of an unknown kind; {COPY}")
        if is_dataset(place):
            self._check(file, path, (place.name or name).strip("/"), place)

    def _follow_link(
        self, group: Any, path: str, name: str, target: str, rest: str, links: int
    ) -> None:
        candidates = self._candidates(path, name, source_paths(path, target, LINK_FOLDERS))
        for found in candidates:  # versions of HDF5 differ in their order
            self._add(found)
            with _opened(path, name, found) as other:
                self.follow(other, found, rest, links)

    def _check(self, file: Any, path: str, name: str, dataset: Any) -> None:
        here = (os.path.realpath(path), name)
        if here in self._open or len(self._open) > MOST_NESTED:
            raise InputError(
                f"{path}: dataset {name!r} takes its data from itself, or through more than "
                f"{MOST_NESTED} files; {COPY}"
            )
        if here in self._done:
            return
        self._done.add(here)
        self._check_external(path, name, dataset)
        parts = virtual_parts(dataset, path)
        if not parts:
            return
        by_rows = row_mapping(dataset) is not None
        self._open.append(here)
        for target, sources in parts.items():
            if target == ".":
                for source in sources:
                    self.follow(file, path, source)
                continue
            for one in block_names(path, target):
                candidates = self._candidates(path, name, source_paths(path, one))
                for found in candidates[:1] if by_rows else candidates:
                    self._add(found)
                    with _opened(path, name, found) as other:
                        for source in sources:
                            self.follow(other, found, source)
        self._open.pop()

    def _check_external(self, path: str, name: str, dataset: Any) -> None:
        folders = _folders_of(path)
        for part in external_parts(dataset, path):
            if not self._candidates(path, name, [part.path]):
                continue  # missing: an error of whoever reads it
            if not _is_below(os.path.realpath(part.path), folders):
                raise InputError(
                    f"{path}: dataset {name!r} shows the bytes of {os.path.realpath(part.path)}, "
                    "which is outside of the folder of the file; put it there, or write the data "
                    "into the HDF5 file"
                )
            self.files[part.path] = None

    def _candidates(self, path: str, name: str, paths: Iterable[str]) -> List[str]:
        """Return the files of a list that exist, each once; refuse what is no file."""
        found: Dict[str, str] = {}
        for one in paths:
            mode = _mode(one)
            if mode is None or stat.S_ISDIR(mode):
                continue
            if not stat.S_ISREG(mode):
                raise InputError(
                    f"{path}: {name!r} leads to {one}, a FIFO, socket or device and no regular "
                    f"file; {COPY}"
                )
            found.setdefault(os.path.realpath(one), one)
        return list(found.values())

    def _add(self, path: str) -> None:
        self.files[path] = None
        real = os.path.realpath(path)
        if not _is_below(real, self._folders):
            self.elsewhere[real] = None
        if len(self.files) > MOST_FILES:
            raise InputError(f"{self._path}: refers to more than {MOST_FILES} files; {COPY}")


def _opened(path: str, name: str, found: str) -> Any:
    try:
        return open_hdf5(found)
    except InputError as error:
        raise InputError(f"{path}: {name!r} leads to {error}") from error


def _mode(path: str) -> Optional[int]:
    try:
        return os.stat(path).st_mode
    except (OSError, ValueError):
        return None


def _folders_of(path: str) -> List[str]:
    """Return the folder of a file, and that of the file that a symbolic link leads to."""
    named = os.path.realpath(os.path.dirname(os.path.abspath(path)))
    return [named, os.path.dirname(os.path.realpath(path))]


def _is_below(real: str, folders: Iterable[str]) -> bool:
    return any(os.path.commonpath([folder, real]) == folder for folder in folders)
