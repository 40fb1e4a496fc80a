"""Many result files seen as one: HDF5 virtual datasets, no row is copied.

The merged file names the others relative to itself, so that a folder that holds all of
them can be moved (HDF5 1.10.4 looks for them in the current folder first). Where one is
missing later, HDF5 shows a fill value and no error: here NaN, or the smallest integer,
never a number that could be a result.
"""

import datetime
import json
import os
from typing import Any, Dict, List, Mapping, Sequence

import numpy as np

from legacy_gbp.io.hdf5 import create_hdf5, write_virtual_dataset
from legacy_gbp.results.reader import LISTS, PLACES, ResultInfo


def write_merged(path: str, results: Sequence[ResultInfo], record: Mapping[str, str]) -> None:
    """Write the virtual file.

    Parameters
    ----------
    path : str
    results : sequence of ResultInfo
        In the order of their rows; their columns are alike, but results without
        any shot may have none.
    record : dict of str to str
        Attributes of the merged file alone.

    Raises
    ------
    OutputError
        When the file cannot be written.
    """
    folder = os.path.realpath(os.path.dirname(os.path.abspath(path)))
    names = [os.path.relpath(os.path.realpath(result.path), folder) for result in results]
    filled = [(name, result) for name, result in zip(names, results) if result.columns]
    with create_hdf5(path) as file:
        file.attrs.update({**_merged_facts(results, names), **record})
        sources = [(name, len(result.rows)) for name, result in filled]
        for column in sorted({name for result in results for name in result.columns}):
            (_, *row_shape), dtype = filled[0][1].columns[column]
            write_virtual_dataset(file, column, row_shape, dtype, sources)


def _merged_facts(results: Sequence[ResultInfo], names: Sequence[str]) -> Dict[str, Any]:
    """Return common facts once, lists of files concatenated, the rest file by file."""
    common = {
        name: value
        for name, value in results[0].facts.items()
        if name not in LISTS and all(_has(result, name, value) for result in results)
    }
    rest: List[Dict[str, Any]] = [
        {"part": name, **_without(result.facts, {*common, *LISTS})}
        for name, result in zip(names, results)
    ]
    return {
        **common,
        **{name: json.dumps(values) for name, values in _lists(results).items()},
        "options": json.dumps(_common_options(results), sort_keys=True),
        "merged": datetime.datetime.now(datetime.timezone.utc).isoformat(),
        "parts": json.dumps(rest, sort_keys=True, default=str),
    }


def _lists(results: Sequence[ResultInfo]) -> Dict[str, List[Any]]:
    return {
        name: [value for result in results for value in result.facts[name]]
        for name in LISTS[1:]
        if all(name in result.facts for result in results)
    }


def _common_options(results: Sequence[ResultInfo]) -> Dict[str, Any]:
    options = [result.facts["options"] for result in results]
    return {
        name: value
        for name, value in options[0].items()
        if name not in PLACES and all(other.get(name) == value for other in options)
    }


def _without(facts: Dict[str, Any], names: "set[str]") -> Dict[str, Any]:
    return {name: value for name, value in facts.items() if name not in names}


def _has(result: ResultInfo, name: str, value: Any) -> bool:
    return name in result.facts and np.array_equal(result.facts[name], value)
