"""What an output was made from, as a text that the output carries.

A command that finds its output made by the same recipe makes it again. It refuses one that
was made by another.
"""

import hashlib
import json
import os
import struct
from typing import Any, Dict, Iterable, Mapping, Optional

from legacy_gbp.errors import InputError

ATTRIBUTE = "recipe"  # of an HDF5 file
KEYWORD = "Recipe"  # of a PNG file
PAGE = ("Source", "legacy_gbp gbprop")  # in a page's texts: a later run may replace it
FILES = "files"
LONGEST = 64  # characters of a value; a digest takes the place of a longer one
# Options that say where things go, or what else is done with them.
PLACES = (
    "data_dir", "figure", "memory_limit", "output", "output_dir", "overwrite", "pages", "requeue",
    "shard", "show", "time_limit", "traceback",
)  # fmt: skip
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
LONGEST_TEXT = 1 << 20  # bytes in a PNG file

Recipe = Dict[str, str]


def recipe_of(options: Mapping[str, Any], files: Iterable[str]) -> Recipe:
    """Return a recipe.

    Parameters
    ----------
    options : dict
        Of a command.
    files : iterable of str
        That it reads; they count by place, size and time.

    Returns
    -------
    dict of str to str
        Option to its value, and ``files`` to a digest.
    """
    known = [
        [os.path.realpath(path), found.st_size, found.st_mtime_ns]
        for path, found in ((path, os.stat(path)) for path in files)
    ]
    recipe = {name: _short(value) for name, value in options.items() if name not in PLACES}
    return {**recipe, FILES: _digest(json.dumps(sorted(known)))}


def as_text(recipe: Recipe) -> str:
    """Return a recipe as it is stored.

    Parameters
    ----------
    recipe : dict of str to str

    Returns
    -------
    str
        ASCII.
    """
    return json.dumps(recipe, sort_keys=True)


def difference(path: str, recipe: Recipe) -> Optional[str]:
    """Say how an output differs from what a recipe makes.

    Parameters
    ----------
    path : str
        An HDF5 or PNG file that exists.
    recipe : dict of str to str

    Returns
    -------
    str or None
        Such as ``"was made with `method` guided, not gradient"``.
    """
    found = _recipe_in(path)
    if found is None:
        return "was not made by this command"
    for name in sorted({*found, *recipe}, key=lambda name: (name == FILES, name)):
        old, new = found.get(name), recipe.get(name)
        if old != new and name == FILES:
            return "was made from other files, or they have changed"
        if old != new:
            return f"was made with `{name}` {_shown(old)}, not {_shown(new)}"
    return None


def _short(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str).strip('"')
    return text if len(text) <= LONGEST else _digest(text)


def _shown(value: Optional[str]) -> str:
    """Return a value as a user knows it; a digest is cut."""
    known = {None: "unknown", "null": "the default", "true": "on", "false": "off"}
    return known.get(value, str(value)[:12] if len(str(value)) == LONGEST else str(value))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _recipe_in(path: str) -> Optional[Recipe]:
    """Return the recipe that a file carries; None where it has none."""
    from legacy_gbp.io.hdf5 import open_hdf5

    try:
        text = text_of_png(path, KEYWORD)
        if text is None:
            with open_hdf5(path) as file:
                text = file.attrs.get(ATTRIBUTE)
        found = json.loads(text)
    except (OSError, RuntimeError, LookupError, ValueError, TypeError, InputError):
        return None
    return found if isinstance(found, dict) else None


def text_of_png(path: str, keyword: str) -> Optional[str]:
    """Return a text that a PNG file carries before its pixels.

    Parameters
    ----------
    path : str
    keyword : str

    Returns
    -------
    str or None
        None where there is none, or the file is no PNG.

    Raises
    ------
    OSError
        When the file cannot be read.
    """
    with open(path, "rb") as file:
        if file.read(len(PNG_MAGIC)) != PNG_MAGIC:
            return None
        while True:
            header = file.read(8)
            length, kind = struct.unpack(">I4s", header) if len(header) == 8 else (0, b"IEND")
            if kind in (b"IDAT", b"IEND"):
                return None
            content = file.read(length) if kind == b"tEXt" and length <= LONGEST_TEXT else b""
            word, _, text = content.partition(b"\0")
            if word.decode("latin-1") == keyword:
                return text.decode("latin-1")
            file.seek(4 + length - len(content), os.SEEK_CUR)
