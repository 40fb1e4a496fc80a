"""Read what a result file holds and how it was made, and compare two of them."""

import json
from typing import Any, Dict, NamedTuple, Optional, Tuple

import numpy as np

from legacy_gbp.errors import InputError
from legacy_gbp.io.hdf5 import open_hdf5
from legacy_gbp.io.stored_rows import read_all

# Options that say where things are, not what is in them. The checkpoint has its SHA-256.
PLACES = (
    "checkpoint", "data_dir", "figure", "files", "output", "output_dir", "pages", "requeue",
    "shard", "show",
)  # fmt: skip
LISTS = ("of_files", "data_files", "data_bytes", "data_sha256", "data_mtime_ns", "data_shots")
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
        columns = {name: (file[name].shape, file[name].dtype) for name in file}
        lengths = {shape[0] for shape, _ in columns.values()}
        if len(lengths) > 1 or (columns and not {"file", "row"} <= set(columns)):
            raise InputError(f"{path}: its columns do not fit together; make it again")
        if not columns:
            return ResultInfo(path, facts, columns, np.array([], object), np.array([], np.int64))
        texts = read_all(file["file"], path, "file")
        named = [name.decode() if isinstance(name, bytes) else name for name in texts]
        rows = read_all(file["row"], path, "row")
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
    facts = dict(file.attrs)
    missing = [name for name in NEEDED if name not in facts]
    if missing:
        raise InputError(
            f"{path}: no result of predict or gbprop (no attribute {missing[0]!r}); leave it out"
        )
    for name in ("options", *LISTS):
        if name in facts:
            facts[name] = json.loads(facts[name])
    return facts


def _content(facts: Dict[str, Any]) -> Dict[str, Any]:
    """Return the facts that decide what a result holds, apart from its data files."""
    options = {name: value for name, value in facts["options"].items() if name not in PLACES}
    same = {name: facts[name] for name in ("exercise", "checkpoint_sha256")}
    return {**same, **{f"`{name}`": value for name, value in options.items()}}


def _short(value: Any) -> str:
    shown = str(value)
    return shown[:12] if len(shown) == 64 else shown
