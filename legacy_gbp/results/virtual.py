"""Many result files seen as one: HDF5 virtual datasets, no row is copied.

Parts are named relative to the merged file, so that a folder that holds both
can be moved (HDF5 1.10.4 looks for them in the current folder first). Where a
part is missing later, HDF5 gives its fill value and no error: here NaN, or the
smallest integer, never a number that could be a result.
"""

import datetime
import json
import os

import h5py
import numpy as np

from legacy_gbp.io.atomic import written_aside
from legacy_gbp.results.reader import LISTS, PLACES


def write_merged(path, parts):
    """Write the virtual file.

    Parameters
    ----------
    path : str
    parts : list of Part
        In the order of their rows; their columns are alike, but parts without
        any shot may have none.
    """
    folder = os.path.realpath(os.path.dirname(os.path.abspath(path)))
    names = [os.path.relpath(os.path.realpath(part.path), folder) for part in parts]
    with written_aside(path) as partial, h5py.File(partial, "w") as file:
        file.attrs.update(_facts(parts, names))
        for column in sorted({name for part in parts for name in part.columns}):
            _present(file, column, [(n, p) for n, p in zip(names, parts) if p.columns])


def _present(file, column, named):
    (_, *row), dtype = named[0][1].columns[column]
    total = sum(len(part.rows) for _, part in named)
    if not total:
        file.create_dataset(column, (0, *row), dtype)
        return
    layout = h5py.VirtualLayout((total, *row), dtype)
    start = 0
    for name, part in named:
        stop = start + len(part.rows)
        if stop > start:
            shape = (stop - start, *row)
            layout[start:stop] = h5py.VirtualSource(name, column, shape=shape, dtype=dtype)
        start = stop
    file.create_virtual_dataset(column, layout, fillvalue=_never(dtype))


def _never(dtype):
    """A value that no result has; strings are empty anyway."""
    if dtype.kind == "f":
        return np.nan
    return np.iinfo(dtype).min if dtype.kind in "iu" else None


def _facts(parts, names):
    """What all parts say alike once, lists of files in a row, the rest part by part."""
    alike = {
        name: value
        for name, value in parts[0].facts.items()
        if name not in LISTS and all(_equal(part, name, value) for part in parts)
    }
    options = [part.facts["options"] for part in parts]
    common = {
        name: value
        for name, value in options[0].items()
        if name not in PLACES and all(other.get(name) == value for other in options)
    }
    rest = [
        {"part": name, **{k: v for k, v in p.facts.items() if k not in alike and k not in LISTS}}
        for name, p in zip(names, parts)
    ]
    lists = {
        name: [value for part in parts for value in part.facts[name]]
        for name in LISTS[1:]
        if all(name in part.facts for part in parts)
    }
    return {
        **alike,
        **{name: json.dumps(values) for name, values in lists.items()},
        "options": json.dumps(common, sort_keys=True),
        "merged": datetime.datetime.now(datetime.timezone.utc).isoformat(),
        "parts": json.dumps(rest, sort_keys=True, default=str),
    }


def _equal(part, name, value):
    return name in part.facts and bool(np.all(part.facts[name] == value))
