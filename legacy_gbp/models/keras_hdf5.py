"""The HDF5 of a Keras file: what Keras writes is accepted, and checked before it is read.

A file of Keras holds groups and arrays of numbers. It holds no links to other names or files,
no data in other files, no object under two names.
"""

import contextlib
from typing import Any, Iterator, List, Set

import numpy as np

from legacy_gbp.errors import LegacyGbpError, ModelError, first_line
from legacy_gbp.io.hdf5 import VIRTUAL, is_dataset, is_group, layout_of
from legacy_gbp.io.hdf5_places import external_parts
from legacy_gbp.models.keras_json import MOST_BYTES, NO_KERAS_FILE

HARD_LINK = 0  # H5L_TYPE_HARD
MOST_OBJECTS = 200000
MOST_LEVELS = 100
MOST_TIMES, ALWAYS_ALLOWED = 100, 64 << 20
BFLOAT16 = "bfloat16"


def check_tree(file: Any, where: str) -> None:
    """Refuse a file that reaches outside of itself, or that declares more than it holds.

    Parameters
    ----------
    file : h5py.File
    where : str
        The file, for messages.

    Raises
    ------
    ModelError
        That names the object.
    """
    seen: Set[int] = set()
    pending = [(file, "", 0)]
    declared = stored = 0
    while pending:
        group, place, level = pending.pop()
        for name in _names(group, place, where):
            here = f"{place}/{name}"
            link = group.id.links.get_info(name.encode("utf-8"))
            if link.type != HARD_LINK:
                raise ModelError(
                    f"{where}: {here!r} is a link to another name or file, as Keras writes none; "
                    "save the model again"
                )
            if link.u in seen:
                raise ModelError(
                    f"{where}: {here!r} is a second name of an object, as Keras writes none; save "
                    "the model again"
                )
            seen.add(link.u)
            if len(seen) > MOST_OBJECTS or level >= MOST_LEVELS:
                raise ModelError(
                    f"{where}: holds more than {MOST_OBJECTS} objects or {MOST_LEVELS} levels, as "
                    "no model does; save the model again"
                )
            found = group[name]
            if is_group(found):
                pending.append((found, here, level + 1))
            elif is_dataset(found):
                sizes = _checked_sizes(found, here, where)
                declared, stored = declared + sizes[0], stored + sizes[1]
    if declared > ALWAYS_ALLOWED + MOST_TIMES * stored:
        raise _inflated(where, "its arrays", declared, stored)


def names_in(group: Any, attribute: str, where: str) -> List[str]:
    """Return a list of names from an attribute.

    Parameters
    ----------
    group : h5py.Group
    attribute : str
    where : str
        The file, for messages.

    Returns
    -------
    list of str
        Empty where there is no such attribute. What does not fit into an object's header lies
        in several, ``attribute0`` and so on.

    Raises
    ------
    ModelError
        For an attribute of another kind.
    """
    names = [attribute, *(f"{attribute}{number}" for number in range(len(group.attrs)))]
    found: List[str] = []
    for name in names:
        if name not in group.attrs:
            continue
        values = np.asarray(_attribute(group, name, where))
        if values.ndim > 1 or (values.size and values.dtype.kind not in "SUO"):
            raise ModelError(
                f"{where}: attribute {name!r} of {group.name!r} is no list of names; "
                f"{NO_KERAS_FILE}"
            )
        found += [text_of(value, f"{where}: attribute {name!r}") for value in values.ravel()]
    return found


def text_in(group: Any, attribute: str, where: str) -> str:
    """Return a text from an attribute.

    Parameters
    ----------
    group : h5py.Group
    attribute : str
    where : str
        The file, for messages.

    Returns
    -------
    str
        Empty where there is no such attribute.

    Raises
    ------
    ModelError
        For an attribute of another kind, or longer than
        :data:`legacy_gbp.models.keras_json.MOST_BYTES`.
    """
    if attribute not in group.attrs:
        return ""
    value = _attribute(group, attribute, where)
    if isinstance(value, np.ndarray) and value.shape == ():
        value = value[()]
    return text_of(value, f"{where}: attribute {attribute!r}")


def text_of(value: Any, where: str) -> str:
    """Return a text that h5py hands over as bytes or str.

    Parameters
    ----------
    value : object
    where : str
        For the message.

    Returns
    -------
    str

    Raises
    ------
    ModelError
        For another object, and for bytes that are not UTF-8.
    """
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ModelError(
                f"{where} is no text in UTF-8 (byte {error.start}); {NO_KERAS_FILE}"
            ) from error
    if not isinstance(value, str) or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise ModelError(f"{where} is no text; {NO_KERAS_FILE}")
    return str(value)


@contextlib.contextmanager
def hdf5_errors(where: str) -> Iterator[None]:
    """Turn any error of h5py, which are of many kinds, into one line.

    Parameters
    ----------
    where : str
        The file.
    """
    try:
        yield
    except (LegacyGbpError, MemoryError):
        raise
    except Exception as error:
        raise ModelError(
            f"{where}: its HDF5 cannot be read ({first_line(error)}); copy it again, or save the "
            "model again"
        ) from error


def _names(group: Any, place: str, where: str) -> List[str]:
    names = list(group)
    for name in names:
        text_of(name, f"{where}: a name in {place or '/'!r}")
    return names


def _attribute(group: Any, name: str, where: str) -> Any:
    stored = group.attrs.get_id(name)
    if stored.get_space().get_simple_extent_npoints() * stored.dtype.itemsize > MOST_BYTES:
        raise ModelError(
            f"{where}: attribute {name!r} has more than {MOST_BYTES >> 20} MiB; save the model "
            "again"
        )
    return group.attrs[name]


def _checked_sizes(dataset: Any, place: str, where: str) -> Any:
    """Return the bytes that a dataset declares, and those that it holds."""
    if external_parts(dataset, where):
        raise ModelError(
            f"{where}: {place!r} lies in another file, where Keras puts nothing; save the model "
            "again"
        )
    if layout_of(dataset) == VIRTUAL:
        raise ModelError(
            f"{where}: {place!r} is a virtual dataset, as Keras writes none; save the model again"
        )
    if dataset.shape is None:
        return 0, 0
    declared = dataset.dtype.itemsize
    for size in dataset.shape:
        declared *= int(size)
    stored = int(dataset.id.get_storage_size())
    if declared > ALWAYS_ALLOWED + MOST_TIMES * stored:
        raise _inflated(where, repr(place), declared, stored)
    return declared, stored


def _inflated(where: str, what: str, declared: int, stored: int) -> ModelError:
    return ModelError(
        f"{where}: {what} declare {declared} bytes and hold {stored}, as no weights do; copy it "
        "again, or save the model again"
    )
