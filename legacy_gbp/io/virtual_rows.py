"""Read the rows of a virtual HDF5 dataset from the files that they lie in.

HDF5 reads the fill value where a source is gone.
"""

import itertools
import os
from typing import Any, Callable, Optional

import numpy as np

from legacy_gbp.io.hdf5 import is_dataset, open_hdf5
from legacy_gbp.io.hdf5_places import block_names, row_mapping, source_paths, virtual_parts
from legacy_gbp.io.wanted_rows import Rows, ask_hdf5

MOST_VERIFIED_ROWS = 64
Reader = Callable[..., np.ndarray]


def read_virtual(rows: Rows, found: np.ndarray, read_rows_of: Reader) -> None:
    """Read rows of a virtual dataset.

    Parameters
    ----------
    rows : Rows
    found : array
        Of the shape of `rows` and the dataset's type: written to.
    read_rows_of : callable
        :func:`legacy_gbp.io.stored_rows.read_rows_of`, for the sources.

    Raises
    ------
    InputError
        For a source that is missing or too short, and for rows that come from no file.
    """
    mapping = row_mapping(rows.dataset)
    if mapping is None:
        _verify_sources(rows, read_rows_of)
        found[...] = ask_hdf5(rows, slice(rows.start, rows.stop))
        return
    if sum(part.number for part in mapping) > rows.dataset.shape[0]:
        raise rows.missing("takes a row from several files")
    covered = np.zeros(len(found), bool)
    for part in mapping:
        low, high = max(part.start, rows.start), min(part.start + part.number, rows.stop)
        if low < high:
            first = part.source_start + low - part.start
            place = slice(low - rows.start, high - rows.start)
            with _Source(rows, part.path, part.dataset, read_rows_of) as source:
                found[place] = source.read(first, first + high - low)
            covered[place] = True
    if rows.filled:
        found[~covered] = rows.dataset.fillvalue
    elif not covered.all():
        row = rows.start + int(np.argmin(covered))
        raise rows.missing(f"takes row {row} from no file")


def _verify_sources(rows: Rows, read_rows_of: Reader) -> None:
    """Read all that a virtual dataset may show, for mappings that are not row by row."""
    dataset = rows.dataset
    shown = 0
    for mapped in dataset.virtual_sources():
        shown += mapped.vspace.get_select_npoints()
    for target, sources in virtual_parts(dataset, rows.path).items():
        for name, one in itertools.product(block_names(rows.path, target), sources):
            with _Source(rows, name, one, read_rows_of) as source:
                for start in range(0, source.count, MOST_VERIFIED_ROWS):
                    source.read(start, min(start + MOST_VERIFIED_ROWS, source.count))
    if shown < dataset.size and not rows.filled:
        raise rows.missing("takes a part of its data from no file")


def _found(rows: Rows, name: str) -> Optional[str]:
    return next(filter(os.path.isfile, source_paths(rows.path, name)), None)


class _Source:
    """A dataset in a file that a virtual dataset names."""

    count = 0

    def __init__(self, rows: Rows, name: str, dataset: str, read_rows_of: Reader) -> None:
        self._rows, self._name, self._read_rows_of = rows, dataset, read_rows_of
        path = _found(rows, name)
        if path is None:
            raise rows.missing(f"takes its data from {name}, which is missing")
        self._path = path

    def __enter__(self) -> "_Source":
        rows = self._rows
        # The same file is not opened twice: HDF5 would share it in any case.
        self._file = None if self._path == rows.path else open_hdf5(self._path)
        self._found = (self._file or rows.dataset.file).get(self._name)
        if not is_dataset(self._found) or not self._found.shape:
            self.__exit__()
            raise rows.missing(f"takes its data from {self._path}, which has no {self._name!r}")
        self.count = self._found.shape[0]
        return self

    def __exit__(self, *error: Any) -> None:
        if self._file is not None:
            self._file.close()

    def read(self, start: int, stop: int) -> np.ndarray:
        if stop > self.count:
            raise self._rows.missing(
                f"takes row {stop - 1} from {self._path}, whose {self._name!r} has {self.count}"
            )
        filled = self._rows.filled
        return self._read_rows_of(self._found, self._path, self._name, start, stop, filled)
