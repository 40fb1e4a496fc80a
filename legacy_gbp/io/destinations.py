"""The one check of destinations: what a command may write over.

An input is never an output. What exists and is of another kind than the command writes there
is never replaced. What exists and was made otherwise is replaced where the user insists.
"""

import contextlib
import os
from typing import Callable, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

from legacy_gbp.errors import OutputError
from legacy_gbp.io.atomic import check_destination, check_replaceable, remove_stale
from legacy_gbp.io.recipes import PAGE, Recipe, difference, text_of_png
from legacy_gbp.io.sources import identity_of

Difference = Callable[[str], Optional[str]]
INDEX_MAGIC = bytes.fromhex("57fb808b247547db")  # the last bytes of a table of LevelDB


class Kind(NamedTuple):
    """What a command writes.

    Attributes
    ----------
    name : str
        For messages.
    fits : callable
        ``fits(path)`` returns whether a file that is not empty is of this kind.
    """

    name: str
    fits: Callable[[str], bool]


def _begins_with(magic: bytes) -> Callable[[str], bool]:
    def fits(path: str) -> bool:
        with open(path, "rb") as file:
            return file.read(len(magic)) == magic

    return fits


def _is_index(path: str) -> bool:
    with open(path, "rb") as file:
        file.seek(max(os.path.getsize(path) - len(INDEX_MAGIC), 0))
        return file.read() == INDEX_MAGIC


def _is_anything(path: str) -> bool:
    return True


def _is_page(path: str) -> bool:
    keyword, text = PAGE
    return text_of_png(path, keyword) == text


HDF5 = Kind("an HDF5 file", _begins_with(b"\x89HDF\r\n\x1a\n"))
PNG = Kind("a PNG picture", _begins_with(b"\x89PNG\r\n\x1a\n"))
DRAWN_PAGE = Kind("a page of this program", _is_page)
SCRIPT = Kind("a script", _begins_with(b"#!"))
ARCHIVE = Kind("a state of a training", _begins_with(b"PK\x03\x04"))
NOTE = Kind("a note of a training", _begins_with(b"{"))
INDEX = Kind("an index of a checkpoint", _is_index)
PART = Kind("a part of a checkpoint", _is_anything)


class Output(NamedTuple):
    """A file that a command will write.

    Attributes
    ----------
    path : str
    option : str
        That names another place, for messages.
    kind : Kind
    differs : callable or None
        ``differs(path)`` says how the file that exists differs from what will be written, or
        returns None. Without it any file of the kind is replaced.
    """

    path: str
    option: str
    kind: Kind
    differs: Optional[Difference] = None


def made_by(recipe: Recipe) -> Difference:
    """Return the comparison of an existing output with a recipe.

    Parameters
    ----------
    recipe : dict of str to str

    Returns
    -------
    callable
        The `differs` of an :class:`Output`.
    """
    return lambda path: difference(path, recipe)


def check_outputs(
    outputs: Sequence[Output], inputs: Iterable[str] = (), overwrite: bool = False
) -> None:
    """Refuse outputs that would destroy something, before any work is done.

    What killed processes left of these outputs is removed.

    Parameters
    ----------
    outputs : sequence of Output
    inputs : iterable of str
        The files that the command reads, see :func:`legacy_gbp.io.sources.files_read`.
    overwrite : bool
        Replace what was made otherwise; never an input, and never another kind of file.

    Raises
    ------
    OutputError
    """
    _check_apart(outputs)
    read: Dict[Tuple[int, int], str] = {}
    for path in inputs:
        identity = identity_of(path)
        if identity is not None:
            read[identity] = path
    folders: Dict[str, List[str]] = {}
    for output in outputs:
        check_replaceable(output.path)
        folder, name = os.path.split(os.path.abspath(output.path))
        if folder not in folders:
            check_destination(output.path)
        folders.setdefault(folder, []).append(name)
        found = identity_of(output.path)
        if found in read:
            raise _refused(output, f"is read by this command{_as(read[found], output.path)}")
        if found is not None and os.path.getsize(output.path):  # an empty file holds nothing
            _check_existing(output, overwrite)
    for folder, names in folders.items():
        with contextlib.suppress(OSError):  # what cannot be removed blocks nothing
            remove_stale(folder, names[0] if len(names) == 1 else "")


def _check_existing(output: Output, overwrite: bool) -> None:
    try:
        fits = output.kind.fits(output.path)
    except OSError as error:
        raise _refused(output, f"exists and cannot be read ({error.strerror})") from error
    if not fits:
        raise _refused(output, f"exists and is not {output.kind.name}", ", or remove it")
    why = output.differs(output.path) if output.differs and not overwrite else None
    if why:
        raise _refused(output, f"exists and {why}", ", or insist by `overwrite`")


def _check_apart(outputs: Sequence[Output]) -> None:
    """Refuse two outputs of one name."""
    seen: List[str] = []
    for output in outputs:
        name = os.path.normcase(os.path.realpath(output.path))
        if name in seen:
            raise _refused(output, "is another output of this command too")
        seen.append(name)


def _as(name: str, path: str) -> str:
    """Return the other name of a file."""
    return "" if os.path.normpath(name) == os.path.normpath(path) else f" as {name}"


def _refused(output: Output, why: str, otherwise: str = "") -> OutputError:
    return OutputError(f"{output.path}: {why}; give another {output.option}{otherwise}")
