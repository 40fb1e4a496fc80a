"""A result file as a part of a larger one: what it holds and how it was made."""

import json
from collections import namedtuple

import numpy as np

from legacy_gbp.data.xtcav import open_hdf5
from legacy_gbp.errors import InputError

# Options that say where things lie, not what is in them. The checkpoint has its SHA-256.
PLACES = (
    "checkpoint", "data_dir", "figure", "files", "output", "output_dir", "pages", "requeue",
    "shard", "show",
)  # fmt: skip
LISTS = ("of_files", "data_files", "data_bytes", "data_sha256", "data_mtime_ns", "data_shots")
NEEDED = ("exercise", "options", "checkpoint_sha256", "preprocess", "data_files")

Part = namedtuple("Part", "path facts columns files rows")
Part.__doc__ = """A result file, opened and closed again.

path : str
facts : dict, its attributes, lists and options no longer as JSON
columns : dict of str to (shape, numpy.dtype), by name
files, rows : (n,) arrays, which shot every row is
"""


def read_part(path):
    """Look into a file that ``predict`` or ``gbprop`` wrote.

    Parameters
    ----------
    path : str

    Returns
    -------
    Part

    Raises
    ------
    InputError
        For a missing, truncated or foreign file.
    """
    with open_hdf5(path) as file:
        facts = dict(file.attrs)
        missing = [name for name in NEEDED if name not in facts]
        if missing:
            raise InputError(
                f"{path}: no result of predict or gbprop (no attribute {missing[0]!r}); leave it "
                "out"
            )
        for name in ("options", *LISTS):
            if name in facts:
                facts[name] = json.loads(facts[name])
        columns = {name: (file[name].shape, file[name].dtype) for name in file}
        lengths = {shape[0] for shape, _ in columns.values()}
        if len(lengths) > 1 or (columns and not {"file", "row"} <= set(columns)):
            raise InputError(f"{path}: its columns do not fit together; make it again")
        if not columns:
            return Part(path, facts, columns, np.array([], object), np.array([], np.int64))
        named = [name.decode() if isinstance(name, bytes) else name for name in file["file"][()]]
        return Part(path, facts, columns, np.array(named, object), file["row"][()])


def content(facts):
    """The facts that decide what a result holds, apart from its data files."""
    options = {name: value for name, value in facts["options"].items() if name not in PLACES}
    same = {name: facts[name] for name in ("exercise", "checkpoint_sha256")}
    return {**same, **{"--" + name.replace("_", "-"): v for name, v in options.items()}}


def difference(facts, others):
    """The first thing that two results were not made alike in.

    Returns
    -------
    str or None
        Such as ``"--method guided, not gradient"``: `facts` first.
    """
    mine, theirs = content(facts), content(others)
    for name in sorted({*mine, *theirs}, key=lambda name: (name.startswith("--"), name)):
        if mine.get(name) != theirs.get(name):
            return f"{name} {_short(mine.get(name))}, not {_short(theirs.get(name))}"
    return None


def _short(value):
    text = str(value)
    return text[:12] if len(text) == 64 else text
