"""Read what a result file holds and how it was made, and compare two of them."""

import json
from typing import Any, Dict, NamedTuple, Optional, Tuple

import numpy as np

from legacy_gbp.errors import InputError, first_line
from legacy_gbp.io.foreign_parts import foreign_parts, name_foreign_parts
from legacy_gbp.io.hdf5 import is_dataset, open_hdf5
from legacy_gbp.io.hdf5_attributes import attribute_values
from legacy_gbp.io.hdf5_places import names_in
from legacy_gbp.io.stored_rows import read_all
from legacy_gbp.results.writer import stored_text

# Options that say where things are, not what is in them. The checkpoint has its SHA-256.
PLACES = (
    "checkpoint", "data_dir", "figure", "files", "output", "output_dir", "overwrite", "pages",
    "requeue", "shard", "show",
)  # fmt: skip
LISTS = ("of_files", "data_files", "data_bytes", "data_sha256", "data_mtime_ns", "data_shots")
NUMBERS = ("data_bytes", "data_mtime_ns", "data_shots")  # the others are texts
MOST_COLUMNS = 1000
NEEDED = ("exercise", "options", "checkpoint_sha256", "preprocess", "data_files")


class ResultInfo(NamedTuple):
    """A result file, opened and closed again.

    Attributes
    ----------
    path : str
    facts : dict
        Its attributes; lists and options no longer as JSON.
    columns : dict of str to (shape, numpy.dtype)
        By name.
    files, rows : (n,) array
        Which shot every row is.
    """

    path: str
    facts: Dict[str, Any]
    columns: Dict[str, Tuple[Tuple[int, ...], np.dtype]]
    files: np.ndarray
    rows: np.ndarray


def read_result(path: str) -> ResultInfo:
    """Read the facts of a file that ``predict`` or ``gbprop`` wrote.

    Parameters
    ----------
    path : str

    Returns
    -------
    ResultInfo

    Raises
    ------
    InputError
        For a missing, truncated or foreign file.
    """
    with open_hdf5(path) as file:
        facts = _facts(file, path)
        names = names_in(file, MOST_COLUMNS)
        name_foreign_parts(path, foreign_parts(file, path, names))
        columns = {}
        for name in names:
            column = file[name]
            if not is_dataset(column) or not column.shape:
                raise InputError(f"{path}: column {name!r} has no rows; make it again")
            columns[name] = (column.shape, column.dtype)
        lengths = {shape[0] for shape, _ in columns.values()}
        if len(lengths) > 1 or (columns and not {"file", "row"} <= set(columns)):
            raise InputError(f"{path}: its columns do not fit together; make it again")
        if not columns:
            return ResultInfo(path, facts, columns, np.array([], object), np.array([], np.int64))
        for name, (shape, _) in columns.items():
            if len(shape) == 1:  # small: damage shows now, not to who reads the merged file
                read_all(file[name], path, name)
        texts = read_all(file["file"], path, "file")
        known = {stored_text(name): name for name in facts["data_files"] if isinstance(name, str)}
        named = [name.decode() if isinstance(name, bytes) else name for name in texts.tolist()]
        named = [known.get(name, name) for name in named]
        rows = read_all(file["row"], path, "row")
        if not all(isinstance(name, str) for name in named) or rows.dtype.kind not in "iu":
            raise InputError(f"{path}: 'file' and 'row' name no shots; make it again")
        if rows.ndim > 1:
            raise InputError(f"{path}: 'row' has shape {rows.shape}; make it again")
        return ResultInfo(path, facts, columns, np.array(named, object), rows)


def difference(facts: Dict[str, Any], others: Dict[str, Any]) -> Optional[str]:
    """Return the first thing that two results were not made alike in.

    Parameters
    ----------
    facts, others : dict
        Attributes; only what decides the content is compared.

    Returns
    -------
    str or None
        Such as ``"`method` guided, not gradient"``: `facts` first.
    """
    mine, theirs = _content(facts), _content(others)
    for name in sorted({*mine, *theirs}, key=lambda name: (name.startswith("`"), name)):
        if mine.get(name) != theirs.get(name):
            return f"{name} {_short(mine.get(name))}, not {_short(theirs.get(name))}"
    return None


def _facts(file: Any, path: str) -> Dict[str, Any]:
    facts = attribute_values(file, path, "/")
    missing = [name for name in NEEDED if name not in facts]
    if missing:
        raise InputError(
            f"{path}: no result of predict or gbprop (no attribute {missing[0]!r}); leave it out"
        )
    for name in ("options", *LISTS):
        if name in facts:
            facts[name] = _parsed(path, name, facts[name])
    for name in ("exercise", "checkpoint_sha256", "shard"):
        if not isinstance(facts.get(name, ""), str):
            raise InputError(f"{path}: attribute {name!r} is no text; make it again")
    return facts


def _parsed(path: str, name: str, text: Any) -> Any:
    """Return what an attribute holds as JSON: a table of options, or a list of texts or numbers."""
    try:
        value = json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(
            f"{path}: attribute {name!r} is no valid JSON ({first_line(error)}); make it again"
        ) from error
    if name == "options":
        fits = isinstance(value, dict)
    else:
        kind = int if name in NUMBERS else str
        fits = isinstance(value, list) and all(isinstance(one, kind) for one in value)
    if not fits:
        raise InputError(f"{path}: attribute {name!r} is {str(text)[:40]!r}; make it again")
    return value


def _content(facts: Dict[str, Any]) -> Dict[str, Any]:
    """Return the facts that decide what a result holds, apart from its data files."""
    options = {name: value for name, value in facts["options"].items() if name not in PLACES}
    same = {name: facts[name] for name in ("exercise", "checkpoint_sha256")}
    return {**same, **{f"`{name}`": value for name, value in options.items()}}


def _short(value: Any) -> str:
    shown = str(value)
    return shown[:12] if len(shown) == 64 else shown
