"""Read the rows of an HDF5 dataset, and refuse what the file does not hold.

HDF5 itself raises no error in three cases:

- A chunk that was never written, or whose virtual source is gone, reads as the fill value.
- A chunk that inflates to fewer bytes than a chunk is read beyond its end: three runs, three
  results, or a crash (HDF5 1.10.4 and 1.14.6).
- A contiguous dataset that was never written reads as the fill value.

So chunks are fetched as they are stored, and inflated (gzip) and put in order (shuffle) here,
where their length is checked. That takes as long as HDF5 takes. Datasets through other filters
are read by HDF5, after a check that each chunk is there.
"""

import itertools
import os
import zlib
from typing import Any, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from legacy_gbp.errors import InputError
from legacy_gbp.io.hdf5 import (
    CHUNKED,
    CONTIGUOUS,
    DEFLATE,
    FLETCHER32,
    NUMBERS,
    SHUFFLE,
    VIRTUAL,
    external_parts,
    filters_of,
    has_plain_numbers,
    is_dataset,
    layout_of,
    open_hdf5,
    row_mapping,
    source_paths,
    unreadable,
)

KNOWN = (SHUFFLE, DEFLATE)
KEEP_LENGTH = {SHUFFLE: 0, FLETCHER32: 4}  # bytes that a filter adds
MOST_VERIFIED_ROWS = 64
COPY_AGAIN = "copy the file again, or write it again"


def read_all(dataset: Any, path: str, name: str, filled: bool = False) -> np.ndarray:
    """Return a dataset, and refuse what is not stored.

    Parameters
    ----------
    dataset : h5py.Dataset
    path, name : str
        Of the file and the dataset, for messages.
    filled : bool
        Accept what was never written: it reads as the fill value.

    Returns
    -------
    array
        Of the dataset's shape and type.

    Raises
    ------
    InputError
        For missing or damaged data.
    """
    if not dataset.shape:
        rows = _Rows(dataset, path, name, 0, 0, filled)
        _check_external(rows)
        _check_written(rows)
        return np.asarray(_ask_hdf5(rows, ()))
    return read_rows_of(dataset, path, name, 0, dataset.shape[0], filled)


def read_rows_of(
    dataset: Any,
    path: str,
    name: str,
    start: int,
    stop: int,
    filled: bool = False,
    out: Optional[np.ndarray] = None,
) -> np.ndarray:
    """Return adjacent rows of a dataset, and refuse what is not stored.

    Parameters
    ----------
    dataset : h5py.Dataset
        Of one dimension or more.
    path, name : str
        Of the file and the dataset, for messages.
    start, stop : int
        0..N, the rows from `start` to `stop` - 1.
    filled : bool
        Accept what was never written: it reads as the fill value.
    out : (stop - start, ...) array, optional
        Of the dataset's type, contiguous: to be written to and returned.

    Returns
    -------
    (stop - start, ...) array
        Of the dataset's type.

    Raises
    ------
    InputError
        For missing or damaged data.
    """
    rows = _Rows(dataset, path, name, int(start), int(max(start, stop)), filled)
    found = np.empty(rows.shape, dataset.dtype) if out is None else out
    if not found.size:
        return found
    layout = layout_of(dataset)
    if layout == VIRTUAL:
        _read_virtual(rows, found)
    elif layout == CHUNKED:
        _read_chunks(rows, found)
    else:
        _read_by_hdf5(rows, found)
    return found


def check_stored(path: str) -> None:
    """Refuse a file of which a dataset is missing or damaged, before another program reads it.

    Parameters
    ----------
    path : str

    Raises
    ------
    InputError
    """

    def check(name: str, found: Any) -> None:
        if is_dataset(found):
            read_all(found, path, name)

    with open_hdf5(path) as file:
        file.visititems(check)


class _Rows(NamedTuple):
    """The rows that are asked for."""

    dataset: Any
    path: str
    name: str
    start: int
    stop: int
    filled: bool

    @property
    def shape(self) -> Tuple[int, ...]:
        return (self.stop - self.start, *self.dataset.shape[1:])

    def missing(self, what: str) -> InputError:
        return InputError(f"{self.path}: dataset {self.name!r} {what}; {COPY_AGAIN}")


def _read_by_hdf5(rows: _Rows, found: np.ndarray) -> None:
    """Read contiguous, compact or external data, which HDF5 reads safely where they exist."""
    _check_external(rows)
    _check_written(rows)
    if found.dtype.kind == "O":  # texts
        found[...] = _ask_hdf5(rows, slice(rows.start, rows.stop))
        return
    try:
        rows.dataset.read_direct(found, np.s_[rows.start : rows.stop])
    except (OSError, RuntimeError) as error:
        raise unreadable(rows.path, rows.name, error) from error


def _ask_hdf5(rows: _Rows, index: Any) -> Any:
    try:
        return rows.dataset[index]
    except (OSError, RuntimeError) as error:
        raise unreadable(rows.path, rows.name, error) from error


def _check_written(rows: _Rows) -> None:
    dataset = rows.dataset
    never = layout_of(dataset) == CONTIGUOUS and not dataset.id.get_storage_size()
    if never and dataset.size and not rows.filled:
        raise rows.missing("holds no data (never written)")


def _check_external(rows: _Rows) -> None:
    """Refuse raw data in other files that are gone or too short: HDF5 reads zeros there."""
    dataset = rows.dataset
    left = dataset.size * dataset.dtype.itemsize if dataset.size else 0
    for part in external_parts(dataset):
        taken = min(left, part.size)
        if not os.path.isfile(part.path):
            raise rows.missing(f"lies in {part.path}, which is missing")
        holds = os.path.getsize(part.path)
        if taken and holds < part.offset + taken:
            raise rows.missing(
                f"lies in {part.path}, which holds {holds} bytes of {part.offset + taken}"
            )
        left -= taken


def _read_chunks(rows: _Rows, found: np.ndarray) -> None:
    dataset = rows.dataset
    filters = filters_of(dataset)
    numbers = dataset.dtype.kind in NUMBERS  # the length of others is not that of their type
    if numbers:
        _check_unfiltered(rows, filters)
    if not has_plain_numbers(dataset) or any(code not in KNOWN for code in filters):
        for offset in _offsets(rows):
            stored = _stored(rows, offset)
            if stored is not None and numbers:
                _check_length(rows, offset, filters, *stored)
        found[...] = _ask_hdf5(rows, slice(rows.start, rows.stop))
        return
    for offset in _offsets(rows):
        stored = _stored(rows, offset)
        inside, outside = _overlap(rows, offset)
        target = found[outside]
        if stored is None:
            found[outside] = dataset.fillvalue
        elif target.shape == tuple(dataset.chunks) and target.flags.c_contiguous:
            _unpack(rows, offset, filters, stored, target)
        else:
            chunk = np.empty(dataset.chunks, dataset.dtype)
            _unpack(rows, offset, filters, stored, chunk)
            found[outside] = chunk[inside]


def _offsets(rows: _Rows) -> Iterator[Tuple[int, ...]]:
    """Yield where each chunk begins that has a part of the rows."""
    chunks, shape = rows.dataset.chunks, rows.dataset.shape
    first = rows.start - rows.start % chunks[0]
    ranges = [range(first, rows.stop, chunks[0])]
    ranges += [range(0, size, chunk) for size, chunk in zip(shape[1:], chunks[1:])]
    return itertools.product(*ranges)


def _overlap(rows: _Rows, offset: Sequence[int]) -> Tuple[Tuple[slice, ...], Tuple[slice, ...]]:
    """Return the wanted part of a chunk: its place in the chunk, and in the rows."""
    inside, outside = [], []
    starts = [rows.start, *([0] * (len(offset) - 1))]
    stops = [rows.stop, *rows.dataset.shape[1:]]
    for begin, chunk, start, stop in zip(offset, rows.dataset.chunks, starts, stops):
        low, high = max(begin, start), min(begin + chunk, stop)
        inside.append(slice(low - begin, high - begin))
        outside.append(slice(low - start, high - start))
    return tuple(inside), tuple(outside)


def _stored(rows: _Rows, offset: Tuple[int, ...]) -> Optional[Tuple[int, bytes]]:
    """Return the filter mask and the bytes of a chunk; None where it may be missing."""
    identifier = rows.dataset.id
    try:
        mask, content = identifier.read_direct_chunk(offset)
        return int(mask), content
    except (MemoryError, OSError, RuntimeError, ValueError) as error:
        # Where no chunk at all was written, the kind of error depends on the version.
        missing = "not allocated" in str(error) or not identifier.get_storage_size()
        if not missing and isinstance(error, MemoryError):
            raise
        if not missing:
            raise unreadable(rows.path, rows.name, error) from error
    if rows.filled:
        return None
    last = min(offset[0] + rows.dataset.chunks[0], rows.dataset.shape[0]) - 1
    which = f"row {offset[0]}" if last == offset[0] else f"rows {offset[0]} to {last}"
    raise rows.missing(f"holds no data for {which} (never written)")


def _unpack(
    rows: _Rows,
    offset: Tuple[int, ...],
    filters: Sequence[int],
    stored: Tuple[int, bytes],
    target: np.ndarray,
) -> None:
    """Write a chunk into an array of its size, contiguous in memory."""
    mask, content = stored
    wanted = target.nbytes
    shuffled = False
    for number in reversed(range(len(filters))):
        if mask >> number & 1:
            continue
        if filters[number] == DEFLATE:
            content = _inflated(rows, offset, content, wanted)
        else:
            shuffled = True
    if len(content) != wanted:
        raise _wrong_length(rows, offset, len(content), wanted)
    itemsize = target.dtype.itemsize
    parts = np.frombuffer(content, np.uint8)
    flat = target.reshape(-1).view(np.uint8)
    if not shuffled or itemsize == 1:
        flat[:] = parts
        return
    for byte, values in enumerate(parts.reshape(itemsize, -1)):
        flat[byte::itemsize] = values


def _inflated(rows: _Rows, offset: Tuple[int, ...], content: bytes, wanted: int) -> bytes:
    """Return what a chunk inflates to, one byte more than wanted at most."""
    inflater = zlib.decompressobj()
    try:
        values = inflater.decompress(content, wanted + 1)
    except zlib.error as error:
        if _is_partial(rows, offset) and len(content) == wanted:  # HDF5 may leave these alone
            return content
        raise unreadable(rows.path, rows.name, error) from error
    if not inflater.eof and len(values) <= wanted:
        raise _wrong_length(rows, offset, len(values), wanted)
    return values


def _is_partial(rows: _Rows, offset: Tuple[int, ...]) -> bool:
    dataset = rows.dataset
    ends = zip(offset, dataset.chunks, dataset.shape)
    return any(begin + chunk > size for begin, chunk, size in ends)


def _wrong_length(rows: _Rows, offset: Tuple[int, ...], found: int, wanted: int) -> InputError:
    more = f"more than {wanted}" if found > wanted else str(found)
    return InputError(
        f"{rows.path}: dataset {rows.name!r} row {offset[0]}: a chunk holds {more} bytes, not "
        f"{wanted}; {COPY_AGAIN}"
    )


def _check_length(
    rows: _Rows, offset: Tuple[int, ...], filters: Sequence[int], mask: int, content: bytes
) -> None:
    """Check the length of a chunk that HDF5 reads, where its filters let it be known."""
    wanted = _chunk_bytes(rows.dataset)
    for number in reversed(range(len(filters))):
        if mask >> number & 1:
            continue
        if filters[number] == DEFLATE:
            added = sum(KEEP_LENGTH.get(code, 0) for code in filters[:number])
            if any(code not in KEEP_LENGTH for code in filters[:number]):
                return
            content = _inflated(rows, offset, content, wanted + added)
        elif filters[number] in KEEP_LENGTH:
            content = content[: len(content) - KEEP_LENGTH[filters[number]]]
        else:
            return
    if len(content) != wanted:
        raise _wrong_length(rows, offset, len(content), wanted)


def _check_unfiltered(rows: _Rows, filters: Sequence[int]) -> None:
    """Refuse chunks that were written too short: the length fetched is always that of a chunk.

    HDF5 1.10.4 knows the sum of all lengths alone.
    """
    dataset, wanted = rows.dataset, _chunk_bytes(rows.dataset)
    if filters or not dataset.size:
        return
    grid = [-(-size // chunk) for size, chunk in zip(dataset.shape, dataset.chunks)]
    total = dataset.id.get_storage_size()
    if total == wanted * int(np.prod(grid, dtype=np.int64)):
        return
    if not hasattr(dataset.id, "get_chunk_info_by_coord"):
        if total % wanted:
            raise rows.missing(f"has chunks of less than {wanted} bytes")
        return
    for offset in _offsets(rows):
        info = dataset.id.get_chunk_info_by_coord(offset)
        if info.byte_offset is not None and info.size != wanted:
            raise _wrong_length(rows, offset, int(info.size), wanted)


def _chunk_bytes(dataset: Any) -> int:
    return int(np.prod(dataset.chunks, dtype=np.int64)) * int(dataset.id.get_type().get_size())


def _read_virtual(rows: _Rows, found: np.ndarray) -> None:
    """Read the rows from the files that they lie in."""
    mapping = row_mapping(rows.dataset)
    if mapping is None:
        _verify_sources(rows)
        found[...] = _ask_hdf5(rows, slice(rows.start, rows.stop))
        return
    covered = np.zeros(len(found), bool)
    for part in mapping:
        low, high = max(part.start, rows.start), min(part.start + part.number, rows.stop)
        if low < high:
            first = part.source_start + low - part.start
            place = slice(low - rows.start, high - rows.start)
            with _Source(rows, part.path, part.dataset) as source:
                found[place] = source.read(first, first + high - low)
            covered[place] = True
    if rows.filled:
        found[~covered] = rows.dataset.fillvalue
    elif not covered.all():
        row = rows.start + int(np.argmin(covered))
        raise rows.missing(f"takes row {row} from no file")


def _verify_sources(rows: _Rows) -> None:
    """Read all that a virtual dataset may show, for mappings that are not row by row."""
    dataset = rows.dataset
    shown = 0
    for mapped in dataset.virtual_sources():
        shown += mapped.vspace.get_select_npoints()
        for name in _block_names(rows, mapped.file_name):
            with _Source(rows, name, mapped.dset_name) as source:
                for start in range(0, source.count, MOST_VERIFIED_ROWS):
                    source.read(start, min(start + MOST_VERIFIED_ROWS, source.count))
    if shown < dataset.size and not rows.filled:
        raise rows.missing("takes a part of its data from no file")


def _block_names(rows: _Rows, name: str) -> List[str]:
    """Return the file names of a mapping; ``%b`` counts files from 0."""
    if "%b" not in name:
        return [name.replace("%%", "%")]
    names: List[str] = []
    for number in itertools.count():
        one = name.replace("%b", str(number)).replace("%%", "%")
        if number and _found(rows, one) is None:
            return names
        names.append(one)
    return names


def _found(rows: _Rows, name: str) -> Optional[str]:
    return next(filter(os.path.isfile, source_paths(rows.path, name)), None)


class _Source:
    """A dataset in a file that a virtual dataset names."""

    count = 0

    def __init__(self, rows: _Rows, name: str, dataset: str) -> None:
        self._rows, self._name = rows, dataset
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
        return read_rows_of(self._found, self._path, self._name, start, stop, self._rows.filled)
