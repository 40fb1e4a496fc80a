"""Where a dataset leads to: external files, virtual datasets, links."""

import os
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

import h5py

from legacy_gbp.errors import InputError
from legacy_gbp.io.hdf5 import EXTERNAL_LINK, LINK, VIRTUAL

# Variables of HDF5.
SOURCE_FOLDERS, LINK_FOLDERS = "HDF5_VDS_PREFIX", "HDF5_EXT_PREFIX"
EXTERNAL_FOLDER, ORIGIN = "HDF5_EXTFILE_PREFIX", "${ORIGIN}"
MOST_MAPPINGS = 100_000  # of a virtual dataset


class ExternalPart(NamedTuple):
    """A stretch of a dataset in a file that is not HDF5.

    Attributes
    ----------
    path : str
    offset, size : int
        Bytes.
    """

    path: str
    offset: int
    size: int


def external_parts(dataset: Any, path: str) -> List[ExternalPart]:
    """Return where the bytes of a dataset lie outside of its file.

    Parameters
    ----------
    dataset : h5py.Dataset
    path : str
        Of its file.

    Returns
    -------
    list of ExternalPart
        Empty where they lie in the file. Names are relative to the current folder.
    """
    folder = os.environ.get(EXTERNAL_FOLDER, "")
    if folder.startswith(ORIGIN):
        folder = os.path.dirname(os.path.abspath(path)) + folder[len(ORIGIN) :]
    return [
        ExternalPart(os.path.join(folder, os.fsdecode(name)), int(offset), int(size))
        for name, offset, size in dataset.external or ()
    ]


def virtual_parts(dataset: Any, path: str) -> Dict[str, List[str]]:
    """Return which datasets of which files a virtual dataset shows.

    Parameters
    ----------
    dataset : h5py.Dataset
    path : str
        Of its file, for messages.

    Returns
    -------
    dict of str to list of str
        Names of datasets by the name of the file, as the mapping has it; ``.`` is the file
        itself. Empty for other datasets.

    Raises
    ------
    InputError
        For more than 100,000 mappings.
    """
    created = dataset.id.get_create_plist()
    if created.get_layout() != VIRTUAL:
        return {}
    count = created.get_virtual_count()
    if count > MOST_MAPPINGS:
        raise InputError(
            f"{path}: dataset {dataset.name!r} is made of {count} parts; {MOST_MAPPINGS} at most"
        )
    found: Dict[str, Dict[str, None]] = {}
    for number in range(count):
        names = found.setdefault(created.get_virtual_filename(number), {})
        names[created.get_virtual_dsetname(number)] = None
    return {name: list(names) for name, names in found.items()}


class Link(NamedTuple):
    """What a name in a group is.

    Attributes
    ----------
    kind : int
        :data:`OBJECT`, :data:`LINK`, :data:`EXTERNAL_LINK`, or another number.
    name : str
        Of what a link leads to.
    path : str
        Of the file that an external link leads to.
    """

    kind: int
    name: str = ""
    path: str = ""


def link_of(group: Any, name: str) -> Optional[Link]:
    """Return what a name in a group is, without opening it.

    Parameters
    ----------
    group : h5py.Group
    name : str

    Returns
    -------
    Link or None
        None where there is no such name.
    """
    links, encoded = group.id.links, name.encode("utf-8", "surrogateescape")
    if not links.exists(encoded):
        return None
    kind = int(links.get_info(encoded).type)
    if kind == LINK:
        return Link(kind, os.fsdecode(links.get_val(encoded)))
    if kind == EXTERNAL_LINK:
        path, target = links.get_val(encoded)
        return Link(kind, os.fsdecode(target), os.fsdecode(path))
    return Link(kind)


class MappedRows(NamedTuple):
    """Adjacent rows of a virtual dataset, and where they lie.

    Attributes
    ----------
    start, number : int
        Rows here.
    path, dataset : str
        File, as the mapping names it (``.`` is the file itself), and dataset.
    source_start : int
        First row there.
    """

    start: int
    number: int
    path: str
    dataset: str
    source_start: int


def row_mapping(dataset: Any) -> Optional[List[MappedRows]]:
    """Return which rows of a virtual dataset lie where.

    Parameters
    ----------
    dataset : h5py.Dataset

    Returns
    -------
    list of MappedRows or None
        None where a mapping takes other pieces than complete rows.
    """
    found = []
    for mapped in dataset.virtual_sources():
        here = _selected_rows(mapped.vspace, dataset.shape)
        if here is None or "%" in mapped.file_name + mapped.dset_name:
            return None
        extent = tuple(mapped.src_space.get_simple_extent_dims())
        there: Optional[Tuple[int, int]] = (0, here[1])
        if mapped.src_space.get_select_type() != h5py.h5s.SEL_ALL:
            there = _selected_rows(mapped.src_space, extent)
        elif extent and extent != (here[1], *dataset.shape[1:]):
            return None
        if there is None or there[1] != here[1] or extent[1:] not in ((), dataset.shape[1:]):
            return None
        found.append(MappedRows(*here, mapped.file_name, mapped.dset_name, there[0]))
    return found


def _selected_rows(space: Any, shape: Sequence[int]) -> Optional[Tuple[int, int]]:
    """Return first row and number of rows of a selection of complete, adjacent rows."""
    if space.get_select_type() == h5py.h5s.SEL_ALL:
        return 0, shape[0]
    if space.get_select_type() != h5py.h5s.SEL_HYPERSLABS or not space.is_regular_hyperslab():
        return None
    start, stride, count, block = space.get_regular_hyperslab()
    sizes = [number * length for number, length in zip(count, block)]
    dense = all(step == length or number == 1 for step, number, length in zip(stride, count, block))
    if not dense or start[0] + sizes[0] > shape[0]:
        return None
    if any(start[1:]) or tuple(sizes[1:]) != tuple(shape[1:]):
        return None
    return int(start[0]), int(sizes[0])


def source_paths(path: str, name: str, variable: str = SOURCE_FOLDERS) -> List[str]:
    """Return where HDF5 looks for a file that a virtual dataset or an external link names.

    HDF5 1.10.4 takes the one in the current folder where there are several, later versions
    the one beside the file; we take the one beside the file.

    Parameters
    ----------
    path : str
        Of the file with the virtual dataset.
    name : str
        As the mapping has it.
    variable : str
        Of the environment, with folders: :data:`SOURCE_FOLDERS` or :data:`LINK_FOLDERS`.

    Returns
    -------
    list of str
        In the order of preference.
    """
    if name == ".":
        return [path]
    folders = [folder for folder in os.environ.get(variable, "").split(":") if folder]
    folders += [os.path.dirname(os.path.abspath(path)), os.path.dirname(os.path.realpath(path))]
    named = [os.path.join(folder, name) for folder in folders]  # an absolute name wins
    named += [os.path.abspath(name)]
    return named + [os.path.join(folder, os.path.basename(name)) for folder in folders]


def block_names(path: str, name: str) -> List[str]:
    """Return the file names of a mapping; ``%b`` counts files from 0.

    Parameters
    ----------
    path : str
        Of the file with the virtual dataset.
    name : str
        As the mapping has it.

    Returns
    -------
    list of str
        The first, and the others as far as they exist.
    """
    if "%b" not in name:
        return [name.replace("%%", "%")]
    names: List[str] = []
    for number in range(MOST_MAPPINGS):
        one = name.replace("%b", str(number)).replace("%%", "%")
        if number and not any(map(os.path.isfile, source_paths(path, one))):
            break
        names.append(one)
    return names


def lost_link(file: Any, name: str) -> Optional[str]:
    """Say where a link leads that leads nowhere.

    Parameters
    ----------
    file : h5py.File
    name : str
        Of an object, which may lie in groups.

    Returns
    -------
    str or None
        Such as ``"a link to '/data' in other.h5"``; None where no link is broken.
    """
    parts = name.strip("/").split("/")
    for number in range(1, len(parts) + 1):
        stem = "/".join(parts[:number])
        try:
            link = file.get(stem, getlink=True)
            if link is None or file.get(stem) is not None:
                continue
        except (KeyError, OSError, RuntimeError):
            return None
        if isinstance(link, h5py.ExternalLink):
            return f"a link to {link.path!r} in {link.filename}"
        if isinstance(link, h5py.SoftLink):
            return f"a link to {link.path!r}"
    return None


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
