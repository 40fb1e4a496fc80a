"""Names of classes: a line each, a JSON list, or the JSON table of Keras' ImageNet classes."""

import json
import os
from typing import Any, Dict, List

from legacy_gbp.errors import InputError, first_line

IMAGENET = "imagenet"
MOST_CHARACTERS = 1 << 24
KERAS_TABLE = os.path.join("models", "imagenet_class_index.json")


def read_class_names(path: str) -> List[str]:
    """Read the names of classes.

    Parameters
    ----------
    path : str
        A text file with a name a line; JSON of a list, or of a table from the number of a class
        to its name, or to a pair of which the second is the name; or ``imagenet``, the table
        that Keras keeps where it has used it.

    Returns
    -------
    list of str
        By class.

    Raises
    ------
    InputError
        For a missing or unreadable file, and a table that lacks a class.
    """
    if path == IMAGENET and not os.path.exists(path):
        path = _keras_table()
    if os.path.exists(path) and not os.path.isfile(path):
        raise InputError(f"{path}: is not a file; check `labels`")
    try:
        with open(path, encoding="utf-8-sig") as file:
            text = file.read(MOST_CHARACTERS + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path}: cannot be read ({first_line(error)}); give `labels` as a text file with a "
            "name a line, or JSON"
        ) from error
    if len(text) > MOST_CHARACTERS:
        raise InputError(f"{path}: holds more than 16 million characters; check `labels`")
    names = _from_json(path, text) if text.lstrip()[:1] in ("[", "{") else text.splitlines()
    names = [name.strip() for name in names]
    while names and not names[-1]:
        names.pop()
    if not names:
        raise InputError(f"{path}: holds no name of a class; give a name a line")
    return names


def class_number(name: str, names: List[str]) -> int:
    """Return the class of a name.

    Parameters
    ----------
    name : str
        As in the list, or as one of the synonyms between commas; case does not matter.
    names : list of str

    Returns
    -------
    int

    Raises
    ------
    InputError
        For a name of no class, or of several.
    """
    wanted = name.strip().lower()
    found = [number for number, one in enumerate(names) if one.lower() == wanted] or [
        number
        for number, one in enumerate(names)
        if wanted in [part.strip().lower() for part in one.split(",")]
    ]
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(f"target {name!r} names classes {found}; give a number")
    raise InputError(
        f"target {name!r} is no name of a class; `labels` lists {', '.join(names[:5])}"
    )


def _keras_table() -> str:
    home = os.environ.get("KERAS_HOME", os.path.join(os.path.expanduser("~"), ".keras"))
    path = os.path.join(home, KERAS_TABLE)
    if not os.path.exists(path):
        raise InputError(
            f"{path}: Keras has not stored the names of ImageNet here, and nothing is downloaded; "
            "give `labels` as a file with a name a line"
        )
    return path


def _from_json(path: str, text: str) -> List[str]:
    try:
        read: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: no valid JSON ({first_line(error)}); check `labels`") from error
    if isinstance(read, dict):
        read = _by_number(path, read)
    return [str(one[-1]) if isinstance(one, list) and one else str(one) for one in read]


def _by_number(path: str, table: Dict[str, Any]) -> List[Any]:
    try:
        return [table[str(number)] for number in range(len(table))]
    except KeyError as error:
        raise InputError(
            f"{path}: has no class {error.args[0]}; number the classes 0..{len(table) - 1}"
        ) from error
