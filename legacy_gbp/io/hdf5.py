"""The door to HDF5: the only module that imports h5py."""

import contextlib
import ctypes
import functools
import os
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import h5py
import numpy as np

from legacy_gbp.errors import InputError, LegacyGbpError, first_line
from legacy_gbp.io.atomic import atomic_file
from legacy_gbp.io.guarded_file import GuardedFile

VERSION = h5py.__version__
TEXT = h5py.special_dtype(vlen=str)
CHUNKED, CONTIGUOUS, VIRTUAL = h5py.h5d.CHUNKED, h5py.h5d.CONTIGUOUS, h5py.h5d.VIRTUAL
DEFLATE, SHUFFLE, FLETCHER32, SZIP, NBIT, SCALEOFFSET, LZF = (
    h5py.h5z.FILTER_DEFLATE,
    h5py.h5z.FILTER_SHUFFLE,
    h5py.h5z.FILTER_FLETCHER32,
    h5py.h5z.FILTER_SZIP,
    h5py.h5z.FILTER_NBIT,
    h5py.h5z.FILTER_SCALEOFFSET,
    h5py.h5z.FILTER_LZF,
)
# Of every call of h5py; `read_direct_chunk` alone does not keep it (h5py 3.14), and fails
# when another thread writes.
LOCK = h5py._objects.phil
NUMBERS = "iufb"  # kinds of NumPy's types
# Variables of HDF5.
SOURCE_FOLDERS, LINK_FOLDERS = "HDF5_VDS_PREFIX", "HDF5_EXT_PREFIX"
EXTERNAL_FOLDER, ORIGIN = "HDF5_EXTFILE_PREFIX", "${ORIGIN}"
OBJECT, LINK, EXTERNAL_LINK = h5py.h5l.TYPE_HARD, h5py.h5l.TYPE_SOFT, h5py.h5l.TYPE_EXTERNAL
MOST_OBJECTS, MOST_LEVELS = 100_000, 64  # of a file of a model
MOST_MAPPINGS = 100_000  # of a virtual dataset
MOST_ATTRIBUTES, MOST_BYTES_AN_ATTRIBUTE = 10_000, 1 << 26
# What h5py raises for files that are damaged.
FAILURES = (
    OSError, RuntimeError, LookupError, ValueError, TypeError, MemoryError, AttributeError,
    ArithmeticError, NotImplementedError,
)  # fmt: skip


def open_hdf5(path: str, advice: str = "check the name") -> Any:
    """Open a file for reading.

    Parameters
    ----------
    path : str
    advice : str
        What to do where there is no such file.

    Returns
    -------
    h5py.File
        Close it, or use it in a ``with`` statement.

    Raises
    ------
    InputError
        For a file that is missing, unreadable, truncated or of another kind.
    """
    if not os.path.exists(path):
        raise InputError(f"{path}: no such file; {advice}")
    if not os.path.isfile(path):
        raise InputError(f"{path}: is not a file; name an HDF5 file (.h5)")
    if not os.access(path, os.R_OK):
        raise InputError(f"{path}: may not be read by you; change its permissions")
    try:
        return _OpenFile(path, "r")
    except FAILURES as error:
        raise InputError(
            f"{path}: not a whole HDF5 file ({first_line(error)}); copy it again"
        ) from error


class _OpenFile(h5py.File):  # type: ignore[misc]
    """A file; what h5py raises in its with statement becomes an error that names the file."""

    def __exit__(self, *raised: Any) -> None:
        """Close the file."""
        error = raised[1]
        try:
            super().__exit__(*raised)
        except FAILURES as failed:
            error = error or failed
        if isinstance(error, FAILURES) and not isinstance(error, LegacyGbpError):
            raise unreadable(str(self._path), "", error) from error

    def __init__(self, path: str, mode: str) -> None:
        super().__init__(path, mode)
        self._path = path


@contextlib.contextmanager
def create_hdf5(path: str) -> Iterator[Any]:
    """Yield a new file that appears under its name when it is complete.

    Parameters
    ----------
    path : str

    Yields
    ------
    NewFile

    Raises
    ------
    OutputError
        When it cannot be written.
    """
    with atomic_file(path) as target, NewFile(target) as file:
        yield file


class NewFile(h5py.File):  # type: ignore[misc]
    """An HDF5 file in work.

    HDF5 writes through an object of ours: on a full disk it can still close the file.

    Parameters
    ----------
    target : GuardedFile

    Attributes
    ----------
    target : GuardedFile
        Its `check` raises what a write met.
    """

    def __init__(self, target: GuardedFile) -> None:
        super().__init__(target, "w")
        self.target = target


def is_group(found: object) -> bool:
    """Return whether an object of a file is a group.

    Parameters
    ----------
    found : object

    Returns
    -------
    bool
    """
    return isinstance(found, h5py.Group)


def is_dataset(found: object) -> bool:
    """Return whether an object of a file is a dataset.

    Parameters
    ----------
    found : object

    Returns
    -------
    bool
    """
    return isinstance(found, h5py.Dataset)


def layout_of(dataset: Any) -> int:
    """Return how a dataset is stored.

    Parameters
    ----------
    dataset : h5py.Dataset

    Returns
    -------
    int
        :data:`CHUNKED`, :data:`CONTIGUOUS`, :data:`VIRTUAL`, or another number: compact.
    """
    return int(dataset.id.get_create_plist().get_layout())


def filters_of(dataset: Any) -> List[int]:
    """Return the filters that a chunk has passed, in their order.

    Parameters
    ----------
    dataset : h5py.Dataset

    Returns
    -------
    list of int
        Such as :data:`SHUFFLE`, :data:`DEFLATE`.
    """
    created = dataset.id.get_create_plist()
    return [int(created.get_filter(number)[0]) for number in range(created.get_nfilters())]


def filter_values(dataset: Any, number: int) -> List[int]:
    """Return what a filter of a dataset was set up with.

    Parameters
    ----------
    dataset : h5py.Dataset
    number : int
        0 for the first.

    Returns
    -------
    list of int
    """
    return [int(value) for value in dataset.id.get_create_plist().get_filter(number)[2]]


@functools.lru_cache(maxsize=None)
def _lzf_decompress() -> Any:
    """Return the function of h5py's LZF filter; None where it is not exported."""
    try:
        found = ctypes.CDLL(h5py.h5z.__file__).lzf_decompress
    except (OSError, AttributeError):
        return None
    found.argtypes = [ctypes.c_char_p, ctypes.c_uint, ctypes.c_void_p, ctypes.c_uint]
    found.restype = ctypes.c_uint
    return found


def has_lzf() -> bool:
    """Return whether :func:`lzf_inflated` can be used.

    Returns
    -------
    bool
    """
    return _lzf_decompress() is not None


def lzf_inflated(content: bytes, most: int) -> bytes:
    """Return what LZF inflates to. HDF5 itself inflates it without bound.

    Parameters
    ----------
    content : bytes
    most : int
        Bytes.

    Returns
    -------
    bytes

    Raises
    ------
    ValueError
        For more than `most` bytes, and for damaged content.
    """
    room = ctypes.create_string_buffer(most)
    count = _lzf_decompress()(content, len(content), room, most)
    if not count:
        raise ValueError(f"LZF inflates to more than {most} bytes, or is damaged")
    return ctypes.string_at(room, count)


def has_plain_numbers(dataset: Any) -> bool:
    """Return whether the stored bytes are those of the NumPy type.

    Parameters
    ----------
    dataset : h5py.Dataset

    Returns
    -------
    bool
        False for texts, references, and numbers that use a part of their bits.
    """
    if dataset.dtype.kind not in NUMBERS:
        return False
    return bool(h5py.h5t.py_create(dataset.dtype, logical=True) == dataset.id.get_type())


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


def unreadable(path: str, dataset: str, error: BaseException) -> InputError:
    """Return the error for a dataset that cannot be read.

    Parameters
    ----------
    path, dataset : str
    error : BaseException

    Returns
    -------
    InputError
    """
    if isinstance(error, MemoryError):
        why, remedy = "there is not enough memory", "run where there is more"
    else:
        why, remedy = first_line(error), "copy the file again"
    place = f"dataset {dataset!r} " if dataset else ""
    return InputError(f"{path}: {place}cannot be read ({why}); {remedy}")


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


def texts_of(group: Any, attribute: str) -> List[str]:
    """Return a list of texts from an attribute, which h5py hands over as bytes or str.

    Parameters
    ----------
    group : h5py.Group
    attribute : str

    Returns
    -------
    list of str
        Empty where there is no such attribute. What does not fit into an object's header lies
        in several, ``attribute0`` and so on.
    """
    names = [attribute, *(f"{attribute}{number}" for number in range(len(group.attrs)))]
    values = [value for name in names for value in group.attrs.get(name, ())]
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values]


def write_virtual_dataset(
    file: Any,
    name: str,
    row_shape: Sequence[int],
    dtype: np.dtype,
    sources: Sequence[Tuple[str, int]],
) -> None:
    """Write a dataset that shows the rows of the same dataset in other files.

    Parameters
    ----------
    file : h5py.File
    name : str
        Of the dataset, here and in the other files.
    row_shape : sequence of int
    dtype : numpy.dtype
    sources : sequence of (str, int)
        Path, relative to this file, and number of rows; files without rows are left out.
        Where a file is missing later, HDF5 shows NaN or the smallest integer, and
        :func:`legacy_gbp.io.stored_rows.read_all` refuses it.
    """
    total = sum(count for _, count in sources)
    if not total:
        file.create_dataset(name, (0, *row_shape), dtype)
        return
    layout = h5py.VirtualLayout((total, *row_shape), dtype)
    start = 0
    for path, count in sources:
        if count:
            shape = (count, *row_shape)
            layout[start : start + count] = h5py.VirtualSource(path, name, shape, dtype)
        start += count
    file.create_virtual_dataset(name, layout, fillvalue=_impossible_value(dtype))


def _impossible_value(dtype: np.dtype) -> Optional[float]:
    """Return a value that no result has; strings are empty anyway."""
    if dtype.kind == "f":
        return float("nan")
    return int(np.iinfo(dtype).min) if dtype.kind in "iu" else None
